//! Macros that keep what they generate in an `OUT_DIR`, whose path is compiled into them: one that
//! does it with its own, and one that does it with another crate's.

use std::fs;
use std::path::{Path, PathBuf};

use super::world::{Cargo, beginning, ours, package};
use crate::support::command::Finished;
use crate::support::project::Project;

/// Looks for the victim's folder and compiles its path into the macro.
const THIEF: &str = r#"
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let build = std::path::Path::new(&out).ancestors().nth(2).unwrap();
    let mut folders = std::fs::read_dir(build).unwrap().map(|entry| entry.unwrap().path());
    let victim = folders.find(|path| {
        path.file_name().unwrap().to_str().unwrap().starts_with("victim-") && path.join("out").exists()
    });
    println!("cargo:rustc-env=STOLEN={}", victim.unwrap().join("out").display());
}
"#;

const HOSTILE: &str = r#"
use std::fs;
#[proc_macro]
pub fn attack(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let out = std::path::Path::new(env!("STOLEN"));
    let _ = fs::write(out.join("made.rs"), "pub fn seven() -> i32 { 666 }");
    let _ = fs::write(out.join("new.rs"), "pub fn eight() -> i32 { 666 }");
    let _ = fs::remove_file(out.join("old.rs"));
    let _ = fs::create_dir(out.join("folder"));
    let _ = std::os::unix::fs::symlink("/etc/passwd", out.join("link"));
    Default::default()
}
"#;

/// The victim's script makes files; the thief's runs after it.
fn hostile() -> Project {
    let project = Project::named("host");
    project
        .file(
            "Cargo.toml",
            package(
                "app",
                "[dependencies]\nplotter = { path = \"plotter\" }\nvictim = { path = \"victim\" }\n[workspace]\n",
            ),
        )
        .file(
            "src/main.rs",
            "plotter::attack!();\nfn main() {\n    println!(\"{}\", victim::seven());\n}\n",
        )
        .file("victim/Cargo.toml", package("victim", ""))
        .file("victim/src/lib.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n")
        .file(
            "victim/build.rs",
            "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             for name in [\"made.rs\", \"old.rs\"] {\n        \
             std::fs::write(format!(\"{out}/{name}\"), \"pub fn seven() -> i32 { 7 }\").unwrap();\n    }\n    \
             println!(\"cargo:rerun-if-changed=build.rs\");\n}\n",
        )
        .file(
            "plotter/Cargo.toml",
            package(
                "plotter",
                "[lib]\nproc-macro = true\n[build-dependencies]\nvictim = { path = \"../victim\" }\n",
            ),
        )
        .file("plotter/build.rs", THIEF)
        .file("plotter/src/lib.rs", HOSTILE);
    project
}

fn victims_files(project: &Project) -> Vec<(PathBuf, String)> {
    let packages = beginning(project, "target/debug/build", "victim-");
    let mut files = Vec::new();
    for folder in packages.iter().map(|folder| folder.join("out")) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            files.push((path.clone(), fs::read_to_string(&path).unwrap_or_default()));
        }
    }
    files.sort();
    files
}

/// Compiles the victim again after the macro ran, and says what the program prints.
#[track_caller]
fn attacked(cargo: Cargo, command: &str) -> (Project, String) {
    let project = hostile();
    cargo.of(&project).arg(command).success();
    project.file(
        "victim/src/lib.rs",
        "// Edited.\ninclude!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n",
    );
    let run = cargo.of(&project).arg("run").success();
    let printed = run.plain_text(&run.stdout);
    (project, printed)
}

#[test]
fn control_plain_cargo_lets_a_macro_change_what_a_script_made() {
    let (project, printed) = attacked(Cargo::Plain, "build");
    assert_eq!(printed, "666\n");
    let files = victims_files(&project);
    let names: Vec<_> = files
        .iter()
        .map(|(path, _)| path.file_name().unwrap())
        .collect();
    assert_eq!(names, ["folder", "link", "made.rs", "new.rs"], "{files:?}");
}

#[test]
fn what_a_script_made_stays_as_it_is() {
    for cargo in ours() {
        for command in ["build", "run", "test"] {
            let (project, printed) = attacked(cargo, command);
            assert_eq!(printed, "7\n", "{cargo:?} {command}");
            let files = victims_files(&project);
            assert_eq!(files.len(), 2, "{cargo:?} {command} {files:?}");
            let as_made = |(_, text): &(PathBuf, String)| text.ends_with("{ 7 }");
            assert!(files.iter().all(as_made), "{files:?}");
        }
    }
}

/// Keeps what it generates beside that of all others, as sailfish's does.
const CACHING: &str = r#"
use std::{fs, path::Path};
#[proc_macro]
pub fn cached(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let folder = Path::new(env!("OUT_DIR")).join("cache");
    fs::create_dir_all(&folder).unwrap();
    let text = input.to_string().replace('"', "");
    let path = folder.join(&text);
    fs::write(&path, format!("{text:?}")).unwrap();
    format!("include!({:?})", path.to_str().unwrap()).parse().unwrap()
}
"#;

fn honest() -> Project {
    let project = Project::named("host");
    project
        .file(
            "Cargo.toml",
            package(
                "app",
                "[dependencies]\ncaching = { path = \"caching\" }\n[workspace]\n",
            ),
        )
        .file(
            "caching/Cargo.toml",
            package("caching", "[lib]\nproc-macro = true\n"),
        )
        .file(
            "caching/build.rs",
            "fn main() {\n    println!(\"cargo:rerun-if-env-changed=RERUN\");\n}\n",
        )
        .file("caching/src/lib.rs", CACHING);
    project
}

fn write_main(project: &Project, word: &str) {
    project.file(
        "src/main.rs",
        format!("fn main() {{\n    println!(\"{{}}\", caching::cached!(\"{word}\"));\n}}\n"),
    );
}

#[track_caller]
fn prints(run: &Finished, word: &str) {
    assert_eq!(run.plain_text(&run.stdout), format!("{word}\n"), "{run}");
}

#[test]
fn a_macro_may_use_one_that_is_empty() {
    for cargo in ours() {
        let project = honest();
        // What plain cargo left is as good.
        for (number, who) in [cargo, cargo, Cargo::Plain, cargo].into_iter().enumerate() {
            let word = format!("word{number}");
            write_main(&project, &word);
            for command in ["build", "check", "clippy", "doc", "test"] {
                who.of(&project).arg(command).success();
            }
            prints(&who.of(&project).arg("run").success(), &word);
        }
        // The script runs again, and finds its folder as it left it.
        write_main(&project, "again");
        let run = cargo.of(&project).arg("run").env("RERUN", "1").success();
        prints(&run, "again");
        let packages = beginning(&project, "target/debug/build", "caching-");
        let caches = packages.iter().map(|folder| folder.join("out/cache"));
        let mut used = caches.filter(|folder| folder.join("again").exists());
        let files: Vec<_> = fs::read_dir(used.next().unwrap()).unwrap().collect();
        assert_eq!(files.len(), 1, "{cargo:?} {files:?}");
        assert!(!packages.iter().any(|folder| has_leftovers(folder)));
    }
}

fn has_leftovers(folder: &Path) -> bool {
    let mut names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_string_lossy().starts_with(".sandboxed-cargo"))
}
