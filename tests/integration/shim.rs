//! `shim/cargo` alone, in front of a stand-in for the program.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::command::Run;
use crate::support::project::Project;

const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/cargo");
const STAND_IN: &str = "#!/bin/sh\necho \"stand-in for $SANDBOXED_CARGO_SHIM\"\n\
                        for argument; do echo \"<$argument>\"; done\nexit 7\n";

/// A project whose `lib/shim/cargo` is a copy of the shim, away from any build of ours.
fn project() -> Project {
    let project = Project::named("with space");
    project.program("lib/shim/cargo", std::fs::read(SHIM).unwrap());
    project
}

fn call(project: &Project, shim: impl Into<PathBuf>) -> Run {
    project
        .run(project.path(shim.into()))
        .env("PATH", "/usr/bin:/bin")
}

#[track_caller]
fn refused(run: Run, named: &str) {
    let expected = format!(
        "error: no sandboxed-cargo for the shim `{named}`, so nothing was built\n\
         help: take the folder of the shim off PATH to use cargo without it, or to build it again\n\
         help: or put sandboxed-cargo on PATH, or name it in SANDBOXED_CARGO\n"
    );
    run.finish().code(125).stdout("").stderr(&expected);
}

const INSTALLED: &str = "[ROOT]/home/work/with space/lib/shim/cargo";

#[test]
fn finds_the_program_beside_itself() {
    for place in [
        "lib/target/release/sandboxed-cargo",
        "lib/shim/sandboxed-cargo",
        "lib/bin/sandboxed-cargo",
    ] {
        let project = project();
        project.program(place, STAND_IN);
        call(&project, "lib/shim/cargo")
            .args(["+nightly", "", "a b", "--", "*"])
            .finish()
            .code(7)
            .stdout(&format!(
                "stand-in for {INSTALLED}\n<+nightly>\n<>\n<a b>\n<-->\n<*>\n"
            ))
            .stderr("");
    }
}

#[test]
fn finds_the_program_through_a_link_to_itself() {
    let project = project();
    project.program("lib/bin/sandboxed-cargo", STAND_IN);
    std::fs::create_dir(project.path("bin")).unwrap();
    symlink("../lib/shim/cargo", project.path("bin/cargo")).unwrap();
    call(&project, "bin/cargo")
        .finish()
        .code(7)
        .stdout(&format!("stand-in for {INSTALLED}\n"));
}

#[test]
fn finds_the_program_by_variable_and_on_path() {
    let project = project();
    project.program("far/sandboxed-cargo", STAND_IN);
    call(&project, "lib/shim/cargo")
        .env("SANDBOXED_CARGO", project.path("far/sandboxed-cargo"))
        .finish()
        .code(7)
        .stdout(&format!("stand-in for {INSTALLED}\n"));
    let mut path = project.path("far").into_os_string();
    path.push(":/usr/bin:/bin");
    call(&project, "lib/shim/cargo")
        .env("PATH", path)
        .finish()
        .code(7)
        .stdout(&format!("stand-in for {INSTALLED}\n"));
}

#[test]
fn without_the_program_nothing_runs() {
    let project = project();
    // What it must not fall back to.
    project.program("plain/cargo", STAND_IN);
    let mut path = project.path("plain").into_os_string();
    path.push(":/usr/bin:/bin");
    refused(
        call(&project, "lib/shim/cargo").env("PATH", path),
        INSTALLED,
    );
}

#[test]
fn a_wrong_program_is_refused() {
    let project = project();
    project
        .program("far/sandboxed-cargo", STAND_IN)
        .program("node_modules/.bin/sandboxed-cargo", STAND_IN)
        .file("far/not-executable", STAND_IN);
    symlink(
        project.path("lib/shim/cargo"),
        project.path("far/a-link-to-the-shim"),
    )
    .unwrap();

    for wrong in ["not-executable", "a-link-to-the-shim", "missing", ""] {
        let wrong = project.path("far").join(wrong);
        refused(
            call(&project, "lib/shim/cargo").env("SANDBOXED_CARGO", wrong),
            INSTALLED,
        );
    }
    refused(
        call(&project, "lib/shim/cargo").env("SANDBOXED_CARGO", "far/sandboxed-cargo"),
        INSTALLED,
    );
    for path in [project.path("node_modules/.bin"), PathBuf::from("far")] {
        refused(
            call(&project, "lib/shim/cargo").env("PATH", path),
            INSTALLED,
        );
    }
}
