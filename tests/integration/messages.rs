//! What is said, and with which status, when a build cannot or should not be sandboxed.
//!
//! All texts are exact, and whatever is refused leaves the home folder as it was.

// What this kernel, or the container around us, refuses.
#[cfg(target_os = "linux")]
mod kernel;

// Notes, the status line, and our own commands.
mod notes;

// Where cargo is told to write.
mod places;

// The real cargo, and how it is not found.
mod search;

// The host's `package.json` and its cache directory.
mod settings;

// The environment: switches, HOME, TMPDIR.
mod variables;

use crate::support::command::Run;
use crate::support::project::Project;
use crate::tools::{WithStandIn as _, listing, package};

/// Nothing ran, this was said, and nothing was written; but what cargo says of a project may be
/// remembered before the fault is found.
#[track_caller]
fn refused(project: &Project, run: Run, message: &str) {
    let before = listing(project.root());
    run.finish().code(125).stdout("").stderr(message);
    let mut after = listing(project.root());
    after.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        let remembered = name.starts_with("state-") && name.ends_with(".json");
        !remembered || before.contains(path)
    });
    assert_eq!(before, after);
}

/// The control of all the refusals: without the fault, the same call runs.
#[test]
fn nothing_wrong() {
    let project = package();
    project
        .on()
        .env("STAND_IN", "mute")
        .arg("build")
        .success()
        .stdout("")
        .stderr("   Sandboxed project (strict)\n");
}
