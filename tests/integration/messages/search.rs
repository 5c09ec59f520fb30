use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::refused;
use crate::support::toolchain;
use crate::tools::{WithStandIn as _, package, stand_in};

const ADVICE: &str =
    "help: put the real cargo on `PATH`, or set `SANDBOXED_CARGO_REAL` to its absolute path\n";
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/cargo");

#[test]
fn no_cargo_on_path() {
    let project = package();
    // `/` is no place for programs anywhere.
    for run in [project.on(), project.off()] {
        refused(
            &project,
            run.env("PATH", "/").arg("build"),
            &format!("error: cannot find cargo on `PATH`\n{ADVICE}"),
        );
    }
}

#[test]
fn no_path() {
    let project = package();
    let message = format!("error: cannot look for cargo: `PATH` is not set\n{ADVICE}");
    for run in [project.on(), project.off()] {
        refused(&project, run.env("PATH", "").arg("build"), &message);
    }
    refused(
        &project,
        project.on().env_remove("PATH").arg("build"),
        &message,
    );
}

#[test]
fn only_cargos_that_do_not_count() {
    let project = package();
    for place in ["bin/cargo", "node_modules/.bin/cargo"] {
        project.program(place, "#!/bin/sh\necho \"must not run\"\n");
    }
    project.file("plain/cargo", "");
    let path = format!(
        ":bin:{}:{}:/",
        project.path("bin").display(),
        project.path("node_modules/.bin").display()
    );
    refused(
        &project,
        project.on().env("PATH", path).arg("build"),
        &format!(
            "error: cannot find cargo on `PATH`\n\
             help: skipped ``: an empty element means the current folder\n\
             help: skipped `bin`: it is not an absolute path\n\
             help: skipped `[ROOT]/home/work/project/bin`: it is inside the project\n\
             help: skipped `[ROOT]/home/work/project/node_modules/.bin`: it belongs to `node_modules`\n\
             {ADVICE}"
        ),
    );
    let path = project.path("plain");
    refused(
        &project,
        project.off().env("PATH", path).arg("build"),
        &format!(
            "error: cannot find cargo on `PATH`\n\
             help: skipped `[ROOT]/home/work/project/plain`: `cargo` in it is not an executable file\n\
             {ADVICE}"
        ),
    );
}

#[test]
fn a_wrong_real_cargo() {
    let project = package();
    project.file("file", "");
    let product = toolchain::product();
    for (value, problem) in [
        (Path::new("cargo"), "which is not an absolute path"),
        (
            &project.path("missing"),
            "which cannot be used: No such file or directory (os error 2)",
        ),
        (&project.path("file"), "which is not an executable file"),
        (&project.path(""), "which is not an executable file"),
        (&product, "which is sandboxed-cargo itself"),
        (Path::new(SHIM), "which is sandboxed-cargo itself"),
    ] {
        let shown = value.display().to_string();
        let shown = shown.replace(&project.root().display().to_string(), "[ROOT]");
        for run in [project.on(), project.off()] {
            refused(
                &project,
                run.env("SANDBOXED_CARGO_REAL", value).arg("build"),
                &format!(
                    "error: `SANDBOXED_CARGO_REAL` is `{shown}`, {problem}\n\
                     help: set `SANDBOXED_CARGO_REAL` to the absolute path of the real cargo, or unset it\n"
                ),
            );
        }
    }
}

/// Links to us and copies of the shim are passed by; only the cargo behind them is started.
#[test]
fn ourselves_on_path() {
    let project = package();
    for folder in ["links", "copies"] {
        fs::create_dir(project.home(folder)).unwrap();
    }
    symlink(toolchain::product(), project.home("links/cargo")).unwrap();
    fs::copy(SHIM, project.home("copies/cargo")).unwrap();
    let ours = format!(
        "{}:{}",
        project.home("links").display(),
        project.home("copies").display()
    );
    for run in [project.on(), project.off()] {
        refused(
            &project,
            run.env("PATH", &ours).arg("build"),
            &format!(
                "error: cannot find cargo on `PATH`\n\
                 help: skipped `[ROOT]/home/links`: `cargo` in it is sandboxed-cargo\n\
                 help: skipped `[ROOT]/home/copies`: `cargo` in it is sandboxed-cargo\n\
                 {ADVICE}"
            ),
        );
    }
    let path = format!("{ours}:{}", stand_in().display());
    let run = project.on().env("PATH", path).env("STAND_IN", "exit 9");
    run.arg("build").finish().code(9);
}

/// A copy of our program is another file; it finds out when it is started as the real cargo.
#[test]
fn a_loop() {
    let project = package();
    project.home_file("tools/cargo", "");
    fs::copy(toolchain::product(), project.home("tools/cargo")).unwrap();
    let message = format!(
        "error: the cargo that was found is sandboxed-cargo again\n\
         help: remove copies of sandboxed-cargo that are called cargo from `PATH`\n{ADVICE}"
    );
    let path = project.home("tools");
    refused(
        &project,
        project.off().env("PATH", &path).arg("build"),
        &message,
    );
    fs::create_dir(project.path(".perry-cache")).unwrap();
    project.file(".perry-cache/.gitignore", "*\n");
    project.file(".perry-cache/fetch-host-project.json", "");
    refused(
        &project,
        project.on().env("PATH", &path).arg("build"),
        &message,
    );
    refused(
        &project,
        project
            .on()
            .env("PATH", "/")
            .env("SANDBOXED_CARGO_REAL", path.join("cargo"))
            .arg("build"),
        &message,
    );
}
