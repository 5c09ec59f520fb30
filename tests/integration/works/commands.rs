use std::fs;

use super::{Cargo, each, main};
use crate::support::project::Project;
use crate::support::{skip, toolchain};

/// A package with everything in it: script, library, program, test, example, documentation.
fn project() -> Project {
    let project = Project::new();
    project.package(&main("fs::write(out(\"f\"), \"1\").unwrap();"), "");
    project.file(
        "src/lib.rs",
        "/// ```\n/// assert_eq!(app::seven(), 7);\n/// ```\npub fn seven() -> i32 {\n    7\n}\n",
    );
    project.file(
        "src/main.rs",
        "fn main() {\n    println!(\"seven is {}\", app::seven());\n}\n",
    );
    project.file(
        "tests/t.rs",
        "#[test]\nfn t() {\n    assert_eq!(app::seven(), 7);\n}\n",
    );
    project.file(
        "examples/e.rs",
        "fn main() {\n    println!(\"example\");\n}\n",
    );
    project
}

/// Each of these succeeds, one after the other in the same project.
#[track_caller]
fn succeed(commands: &[&[&str]]) {
    each(|cargo| {
        let project = project();
        for arguments in commands {
            cargo.of(&project).args(*arguments).success();
        }
    });
}

#[test]
fn check_and_build() {
    succeed(&[
        &["check"],
        &["c", "--all-targets"],
        &["b"],
        &["build", "--release"],
        &["build"],
    ]);
}

#[test]
fn doc() {
    succeed(&[
        &["doc", "--no-deps"],
        &["d"],
        &["rustdoc", "--lib"],
        &["rustc", "--lib"],
    ]);
}

#[test]
fn clippy() {
    if !toolchain::has("cargo-clippy") {
        return skip("clippy", "not installed");
    }
    succeed(&[&["clippy"], &["clippy", "--all-targets"]]);
}

#[test]
fn test_and_run() {
    each(|cargo| {
        let project = project();
        cargo.of(&project).args(["test", "--quiet"]).success();
        cargo
            .of(&project)
            .args(["run", "--quiet"])
            .success()
            .stdout("seven is 7\n");
        cargo
            .of(&project)
            .args(["r", "-q", "--example", "e"])
            .success()
            .stdout("example\n");
    });
}

#[test]
fn aliases_of_the_project() {
    each(|cargo| {
        let project = project();
        project.file(".cargo/config.toml", "[alias]\nok = \"build --release\"\n");
        cargo.of(&project).arg("ok").success();
        assert!(project.path("target/release/app").exists());
    });
}

#[test]
fn no_foreign_code() {
    succeed(&[
        &["generate-lockfile"],
        &["metadata", "--format-version=1", "--offline"],
        &["tree"],
        &["locate-project"],
        &["--version"],
        &["help"],
        &["--list"],
    ]);
}

#[test]
fn clean() {
    each(|cargo| {
        let project = project();
        cargo.of(&project).arg("build").success();
        cargo.of(&project).arg("clean").success();
        assert!(!project.path("target").exists());
        cargo.of(&project).arg("build").success();
    });
}

/// Nothing changed: the second build does nothing, also when the first was another's.
#[test]
fn fresh() {
    each(|cargo| {
        let project = project();
        let again = |cargo: Cargo| {
            let finished = cargo.of(&project).args(["build", "--verbose"]).success();
            finished.stderr_has("Fresh app");
        };
        Cargo::Plain.of(&project).arg("build").success();
        again(cargo);
        again(cargo);
        again(Cargo::Plain);
    });
}

#[test]
fn workspace() {
    each(|cargo| {
        let project = Project::new();
        project.file(
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"2\"\n",
        );
        for (name, more) in [("a", "[dependencies]\nb.path = \"../b\"\n"), ("b", "")] {
            let head =
                format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
            project.file(format!("{name}/Cargo.toml"), head + more);
            project.file(format!("{name}/src/lib.rs"), "");
            project.file(
                format!("{name}/build.rs"),
                main("fs::write(out(\"f\"), \"1\").unwrap();"),
            );
        }
        cargo.of(&project).args(["build", "--workspace"]).success();
        cargo.of(&project).args(["check", "-p", "b"]).success();
        cargo
            .of(&project)
            .arg("build")
            .directory(project.path("a"))
            .success();
        let manifest = project.path("b/Cargo.toml");
        let command = cargo.of(&project).arg("build").directory(project.root());
        command.arg("--manifest-path").arg(manifest).success();
        assert!(project.path("target/debug/liba.rlib").exists());
        assert!(!project.path("a/target").exists());
    });
}

/// No lock file, and one that does not fit any more.
#[test]
fn lock_file() {
    each(|cargo| {
        let project = project();
        cargo.of(&project).arg("build").success();
        let made = fs::read_to_string(project.path("Cargo.lock")).unwrap();
        assert!(made.contains("name = \"app\""));
        cargo.of(&project).args(["build", "--locked"]).success();
        cargo.of(&project).args(["build", "--frozen"]).success();
        let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
        let more = "[dependencies]\nother.path = \"other\"\n[workspace]\n";
        project.file("Cargo.toml", manifest + more);
        project.file(
            "other/Cargo.toml",
            "[package]\nname = \"other\"\nversion = \"0.1.0\"\n",
        );
        project.file("other/src/lib.rs", "");
        cargo
            .of(&project)
            .args(["build", "--locked"])
            .finish()
            .code(101);
        cargo.of(&project).arg("build").success();
        assert!(
            fs::read_to_string(project.path("Cargo.lock"))
                .unwrap()
                .contains("other")
        );
    });
}

#[test]
fn toolchain_argument() {
    let Some(rustup) = toolchain::rustup() else {
        return skip("toolchain_argument", "no rustup");
    };
    let name = toolchain::sysroot()
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    each(|cargo| {
        let project = project();
        let path = toolchain::path();
        let folders = std::iter::once(rustup.clone()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        let command = match cargo {
            Cargo::Plain => project.run(rustup.join("cargo")),
            Cargo::FirstWall | Cargo::BothWalls => cargo.of(&project),
        };
        command
            .args([format!("+{name}").as_str(), "build"])
            .env("PATH", &path)
            .env("RUSTUP_HOME", toolchain::rustup_home().unwrap())
            .success();
        assert!(project.path("target/debug/app").exists());
    });
}
