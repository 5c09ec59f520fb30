//! A workspace with a victim, a hostile build script, a hostile proc macro, and everything that
//! cargo makes of packages. It is harmless until a variable names a plan.

#[cfg(target_os = "linux")]
use std::path::PathBuf;

use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::skip;
#[cfg(target_os = "linux")]
use crate::support::system::has_namespaces;

/// Mac builds have one wall, and it is always there.
#[cfg(not(target_os = "linux"))]
fn has_namespaces() -> bool {
    false
}

#[cfg(target_os = "linux")]
const ATTACKER: &str = include_str!("attacker.rs");

/// Who builds, and behind what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cargo {
    /// The real one, without us.
    Plain,
    /// Ours, with namespaces refused.
    FirstWall,
    /// Ours, with all that there is.
    BothWalls,
}

impl Cargo {
    /// A command in the project's folder.
    pub(super) fn of(self, project: &Project) -> Run {
        match self {
            Self::Plain => project.plain(),
            Self::FirstWall => project.sandboxed().env("SANDBOXED_CARGO_NAMESPACES", "off"),
            Self::BothWalls => project
                .sandboxed()
                .env("SANDBOXED_CARGO_NAMESPACES", "require"),
        }
    }

    /// Says why, if this machine cannot show it.
    pub(super) fn is_possible(self) -> bool {
        if self == Self::BothWalls && !has_namespaces() {
            skip("both walls", "this system refuses namespaces");
            return false;
        }
        true
    }
}

/// Those of ours that this machine can show.
pub(super) fn ours() -> impl Iterator<Item = Cargo> {
    [Cargo::FirstWall, Cargo::BothWalls]
        .into_iter()
        .filter(|cargo| cargo.is_possible())
}

/// The head of a manifest.
pub(super) fn package(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
}

/// What the attacker makes again, because it is its own, has a name that begins with `evil` or
/// `user`; all else must stay as it is.
#[cfg(target_os = "linux")]
pub(super) fn workspace() -> Project {
    let project = Project::named("host");
    project
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"*/\"]\nexclude = [\"target\", \".perry-cache\"]\n"
                .replace("\"*/\"", "\"victim\", \"plotter\", \"evil\", \"user\", \"app\""),
        )
        .file("victim/Cargo.toml", package("victim", ""))
        .file("victim/src/lib.rs", "pub fn seven() -> i32 {\n    7\n}\n")
        .file(
            "victim/build.rs",
            "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(out + \"/made.txt\", \"made\").unwrap();\n    \
             println!(\"cargo:rerun-if-changed=build.rs\");\n}\n",
        )
        .file("plotter/Cargo.toml", package("plotter", "[lib]\nproc-macro = true\n"))
        .file("plotter/src/attacker.rs", ATTACKER)
        .file(
            "plotter/src/lib.rs",
            "mod attacker;\n#[proc_macro]\n\
             pub fn attack(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
             attacker::run(\"macro\");\n    \"\".parse().unwrap()\n}\n",
        )
        .file(
            "evil/Cargo.toml",
            package("evil", "[dependencies]\nvictim = { path = \"../victim\" }\n"),
        )
        .file("evil/attacker.rs", ATTACKER)
        .file(
            "evil/build.rs",
            "mod attacker;\nfn main() {\n    \
             println!(\"cargo:rerun-if-env-changed=ATTACK_PLAN\");\n    \
             attacker::run(\"script\");\n}\n",
        )
        .file("evil/src/lib.rs", "pub use victim::seven;\n");
    write_user(&project);
    project
        .file(
            "app/Cargo.toml",
            package("app", "[dependencies]\nvictim = { path = \"../victim\" }\n"),
        )
        .file(
            "app/src/main.rs",
            "fn main() {\n    println!(\"{}\", victim::seven());\n}\n",
        );
    project
}

/// The package whose compilation runs the macro.
#[cfg(target_os = "linux")]
fn write_user(project: &Project) {
    project
        .file(
            "user/Cargo.toml",
            package(
                "user",
                "[dependencies]\nvictim = { path = \"../victim\" }\nevil = { path = \"../evil\" }\n\
                 plotter = { path = \"../plotter\" }\n\
                 [[bin]]\nname = \"user_bin\"\npath = \"src/main.rs\"\n\
                 [[bench]]\nname = \"user_bench\"\nharness = false\n",
            ),
        )
        .file(
            "user/src/lib.rs",
            "/// ```\n/// assert_eq!(user::seven(), 7);\n/// ```\npub use evil::seven;\n\
             plotter::attack!();\n",
        )
        .file(
            "user/src/main.rs",
            "plotter::attack!();\nfn main() {\n    println!(\"seven is {}\", user::seven());\n}\n",
        )
        .file(
            "user/tests/user_it.rs",
            "plotter::attack!();\n#[test]\nfn seven() {\n    assert_eq!(user::seven(), 7);\n}\n",
        )
        .file(
            "user/benches/user_bench.rs",
            "plotter::attack!();\nfn main() {\n    assert_eq!(user::seven(), 7);\n}\n",
        )
        .file(
            "user/examples/user_example.rs",
            "plotter::attack!();\nfn main() {}\n",
        );
}

/// The entries of a folder of the target whose names begin so.
#[cfg(target_os = "linux")]
pub(super) fn beginning(project: &Project, folder: &str, name: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(project.path(folder)) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(name))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}
