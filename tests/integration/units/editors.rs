//! What rust-analyzer asks of cargo (its `project-model/src/build_scripts.rs`), through the shim.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::world::{Cargo, ours, workspace};
use crate::support::command::Run;
use crate::support::project::Project;

const CHECK: [&str; 6] = [
    "check",
    "--quiet",
    "--workspace",
    "--message-format=json",
    "--all-targets",
    "--keep-going",
];

/// How a version of it has only proc macros and build scripts built, if at all.
#[derive(Debug, Clone, Copy)]
enum Way {
    Everything,
    /// By a flag that cargo has since 1.89, for nightly only.
    CompileTimeDeps,
    /// By a compiler wrapper that answers for rustc where nothing is linked.
    Wrapper,
}

fn check(project: &Project, cargo: Cargo, way: Way) -> Run {
    let run = if cargo == Cargo::Plain {
        cargo.of(project)
    } else {
        let shim = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/cargo");
        let run = cargo.of(project).by(shim);
        run.env("SANDBOXED_CARGO", env!("CARGO_BIN_EXE_sandboxed-cargo"))
    };
    let run = run.args(CHECK).arg("--manifest-path");
    let run = run.arg(project.path("Cargo.toml"));
    match way {
        Way::Everything => run,
        Way::CompileTimeDeps => run
            .args(["-Zunstable-options", "--compile-time-deps"])
            .env("__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS", "nightly"),
        Way::Wrapper => run
            .env("RUSTC_WRAPPER", project.path("wrapper"))
            .env("RA_RUSTC_WRAPPER", "1"),
    }
}

/// What an editor learns from the messages: what was built, where it is, what scripts said.
fn learnt(run: Run) -> BTreeSet<String> {
    let run = run.success();
    let text = run.plain_text(&run.stdout);
    let messages = text.lines().map(|line| {
        let message: Value = serde_json::from_str(line).expect("only JSON");
        for path in message["filenames"].as_array().into_iter().flatten() {
            let path = path.as_str().unwrap();
            assert!(!path.contains(".sandboxed-cargo"), "{path}");
        }
        let parts = [
            "reason",
            "package_id",
            "filenames",
            "out_dir",
            "env",
            "success",
        ];
        let parts = parts.map(|name| message[name].to_string());
        format!("{} {}", parts.join(" "), message["target"]["name"])
    });
    messages.collect()
}

fn dynamic_libraries(messages: &BTreeSet<String>) -> usize {
    let made = |line: &&String| line.contains("libplotter-") && line.contains(".so");
    messages.iter().filter(made).count()
}

#[test]
fn rust_analyzer() {
    for way in [Way::Everything, Way::CompileTimeDeps, Way::Wrapper] {
        let project = workspace();
        project.program(
            "wrapper",
            "#!/bin/sh\ncase \"$*\" in\n*--emit=*link*) ;;\n*--emit=*metadata*) exit 0 ;;\nesac\nexec \"$@\"\n",
        );
        let names = ["script", "macro"];
        let plan = names.map(|who| {
            let path = project.home(format!("planted-{who}"));
            format!("{who}\tcreate\t{}\n", path.display())
        });
        project.file("plan.txt", plan.concat());
        let planted = || {
            let is_there = |who: &&str| project.home(format!("planted-{who}")).exists();
            names.into_iter().filter(is_there).collect::<Vec<_>>()
        };
        let attacked = |cargo| {
            let _ = fs::remove_dir_all(project.path("target"));
            let run = check(&project, cargo, way);
            learnt(run.env("ATTACK_PLAN", project.path("plan.txt")))
        };

        let expected = attacked(Cargo::Plain);
        assert_eq!(dynamic_libraries(&expected), 1, "{way:?} {expected:#?}");
        // A macro runs only where something that uses it is compiled.
        let achieved = match way {
            Way::Everything => &names[..],
            Way::CompileTimeDeps | Way::Wrapper => &names[..1],
        };
        assert_eq!(planted(), achieved, "{way:?}");
        for who in names {
            let _ = fs::remove_file(project.home(format!("planted-{who}")));
        }
        for cargo in ours() {
            assert_eq!(attacked(cargo), expected, "{way:?} {cargo:?}");
            assert!(planted().is_empty(), "{way:?} {cargo:?}");
            // Nothing is built again, and nothing else is said.
            let again = learnt(check(&project, cargo, way).env("ATTACK_PLAN", "x"));
            assert_eq!(dynamic_libraries(&again), 1, "{way:?} {cargo:?}");
        }
    }
}
