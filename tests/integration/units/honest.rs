//! Honest builds, unit by unit: the same results in the same places as under plain cargo.

use std::collections::BTreeSet;
use std::fs;

use super::world::{Cargo, ours, package, workspace};
use crate::support::command::{Finished, Run};
use crate::support::project::Project;

/// With whom each of these is done, which shows that the test itself is right.
fn everyone() -> impl Iterator<Item = Cargo> {
    std::iter::once(Cargo::Plain).chain(ours())
}

fn errors(run: &Finished) -> String {
    run.plain_text(&run.stderr)
}

fn is_fresh(run: Run) -> bool {
    let text = errors(&run.success());
    !text.contains("Compiling") && !text.contains("Checking")
}

#[test]
fn an_edit_rebuilds_what_depends_on_it() {
    for cargo in everyone() {
        let project = workspace();
        let build = || {
            cargo
                .of(&project)
                .args(["build", "-p", "user", "-p", "app"])
        };
        build().success();
        assert!(is_fresh(build()), "{cargo:?}");
        for number in 8..10 {
            project.file(
                "victim/src/lib.rs",
                format!("pub fn seven() -> i32 {{\n    {number}\n}}\n"),
            );
            let again = build().success();
            assert!(errors(&again).contains("Compiling victim"), "{again}");
            let run = project.run(project.path("target/debug/app")).success();
            run.stdout(&format!("{number}\n"));
            assert!(is_fresh(build()), "{cargo:?}");
        }
        // The private folders are gone, and so is every second name.
        let deps = fs::read_dir(project.path("target/debug/deps")).unwrap();
        for entry in deps {
            let name = entry.unwrap().file_name();
            // Not the notes about macros, whose name has a hyphen there.
            assert!(
                !name.to_string_lossy().starts_with(".sandboxed-cargo."),
                "{name:?}"
            );
        }
    }
}

#[test]
fn switching_the_sandbox_rebuilds_nothing() {
    for cargo in ours() {
        let project = workspace();
        let build = |cargo: Cargo| cargo.of(&project).args(["build", "--workspace"]);
        build(Cargo::Plain).success();
        for cargo in [cargo, Cargo::Plain, cargo, Cargo::Plain] {
            assert!(is_fresh(build(cargo)), "{cargo:?}");
        }
        // What plain cargo compiled is in a box all the same, and works without one again.
        for cargo in [cargo, Cargo::Plain] {
            build(cargo).env("ATTACK_PLAN", "elsewhere").success();
            assert!(
                build(cargo)
                    .env("ATTACK_PLAN", "")
                    .success()
                    .status
                    .success()
            );
        }
    }
}

/// All names that cargo tells, and all that lie there.
fn results(project: &Project, cargo: Cargo, arguments: &[&str]) -> BTreeSet<String> {
    let run = cargo
        .of(project)
        .args(arguments)
        .arg("--message-format=json")
        .success();
    let text = run.plain_text(&run.stdout);
    assert!(!text.contains(".sandboxed-cargo"), "{text}");
    let artifacts = text
        .lines()
        .filter(|line| line.contains("\"compiler-artifact\""));
    let mut names: BTreeSet<String> = artifacts
        .flat_map(|line| line.split('"').filter(|word| word.contains("/target/")))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 5, "{text}");
    let mut pending = vec![project.path("target")];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_list = path.extension().is_some_and(|ending| ending == "d");
            if path.is_dir() {
                pending.push(path.clone());
            } else if is_list {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains(".sandboxed-cargo"), "{}", path.display());
            }
            let inside = path.strip_prefix(project.path("target")).unwrap();
            // Below, rustc and we have names of our own.
            if !inside.iter().any(|part| part == "incremental") {
                names.insert(inside.display().to_string());
            }
        }
    }
    // Ours: the real scripts behind their launchers, and notes about macros.
    let ours = ["/.build_script_", "/.sandboxed-cargo-macros"];
    names.retain(|name| !ours.iter().any(|ours| name.contains(ours)));
    names
}

/// A package that is compiled to everything that there is.
fn everything() -> Project {
    let project = Project::named("it's a \"project\"");
    project
        .file(
            "Cargo.toml",
            package(
                "app",
                "[lib]\ncrate-type = [\"lib\", \"cdylib\", \"staticlib\"]\n\
                 [dependencies]\nshared = { path = \"shared\" }\nplotter = { path = \"plotter\" }\n[workspace]\n",
            ),
        )
        .file("src/lib.rs", "plotter::nothing!();\npub fn go() {\n    shared::go();\n}\n")
        .file("src/main.rs", "fn main() {\n    app::go();\n}\n")
        .file("examples/e.rs", "fn main() {\n    app::go();\n}\n")
        .file("build.rs", "fn main() {\n    println!(\"cargo:rustc-env=X=1\");\n}\n")
        .file("shared/Cargo.toml", package("shared", "[lib]\ncrate-type = [\"dylib\", \"rlib\"]\n"))
        .file("shared/src/lib.rs", "pub fn go() {}\n")
        .file("plotter/Cargo.toml", package("plotter", "[lib]\nproc-macro = true\n"))
        .file(
            "plotter/src/lib.rs",
            "#[proc_macro]\npub fn nothing(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
             Default::default()\n}\n",
        );
    project
}

#[test]
fn all_kinds_of_results_are_where_cargo_says() {
    let target = option_env!("TARGET").unwrap_or("x86_64-unknown-linux-gnu");
    let mut lines: Vec<Vec<&str>> = vec![
        vec!["build", "--all-targets"],
        vec!["build", "--release", "--examples"],
        vec!["check", "--all-targets"],
    ];
    if cfg!(target_arch = "x86_64") {
        lines.push(vec!["build", "--target", target]);
    }
    for line in lines {
        // The hashes in the names are those of the path, among others.
        let without_hashes = |names: BTreeSet<String>| -> Vec<String> {
            let mut names: Vec<_> = names.iter().map(|name| strip_hashes(name)).collect();
            names.sort();
            names
        };
        let plain = without_hashes(results(&everything(), Cargo::Plain, &line));
        for cargo in ours() {
            let found = without_hashes(results(&everything(), cargo, &line));
            assert_eq!(found, plain, "{cargo:?} {line:?}");
        }
    }
}

/// Runs of 16 hexadecimal digits become one letter.
fn strip_hashes(name: &str) -> String {
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
    name.split_inclusive(['-', '.', '/'])
        .map(|part| {
            let word = part.trim_end_matches(['-', '.', '/']);
            if is_hash(word) {
                part.replace(word, "H")
            } else {
                part.to_owned()
            }
        })
        .collect()
}

/// cargo writes a line that is too long to a file.
#[test]
fn more_arguments_than_a_line_holds() {
    let script = "fn main() {\n    for i in 0..30000 {\n        \
                  println!(\"cargo:rustc-cfg=a_long_name_that_fills_the_line_of_arguments_{i:060}\");\n    }\n}\n";
    for command in ["build", "run"] {
        for cargo in everyone() {
            let project = Project::new();
            project.package(script, "");
            project.file("src/main.rs", "fn main() {}\n");
            cargo
                .of(&project)
                .arg(command)
                .env("RUSTFLAGS", "-Aunexpected_cfgs")
                .success();
        }
    }
}
