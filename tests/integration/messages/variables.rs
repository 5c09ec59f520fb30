use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use super::refused;
use crate::support::skip;
use crate::tools::{WithStandIn as _, package};

const SWITCH: &str =
    "help: use `1` to sandbox builds, `require` to also fail where there is no sandbox, or `0`\n";

#[test]
fn a_switch_that_is_neither_on_nor_off() {
    let project = package();
    for value in ["yes", "on", "TRUE", "2", " 1", "off", "1 "] {
        let message = format!(
            "error: `PERRY_SANDBOX_BUILDRS` is `{value}`, which is not a value it can have\n{SWITCH}"
        );
        for arguments in [&["build"][..], &["--version"], &[]] {
            let run = project.on().env("PERRY_SANDBOX_BUILDRS", value);
            refused(&project, run.args(arguments), &message);
        }
    }
    let value = std::ffi::OsString::from_vec(b"\xff1".to_vec());
    refused(
        &project,
        project.on().env("PERRY_SANDBOX_BUILDRS", value).arg("b"),
        &format!(
            "error: `PERRY_SANDBOX_BUILDRS` is `\u{fffd}1`, which is not a value it can have\n\
             {SWITCH}"
        ),
    );
}

#[test]
fn a_profile_that_is_none() {
    let project = package();
    for value in ["none", "Strict", "strict,compat"] {
        refused(
            &project,
            project
                .on()
                .env("PERRY_SANDBOX_PROFILE", value)
                .arg("check"),
            &format!(
                "error: `PERRY_SANDBOX_PROFILE` is `{value}`, which is not a value it can have\n\
                 help: use one of `strict`, `compat`\n"
            ),
        );
    }
    // A switch that is off asks for nothing.
    let off = project.off().env("PERRY_SANDBOX_PROFILE", "none");
    off.env("STAND_IN", "mute")
        .arg("check")
        .success()
        .stderr("");
}

#[test]
fn namespaces_neither_wanted_nor_not() {
    let project = package();
    for value in ["1", "no", "Off"] {
        refused(
            &project,
            project
                .on()
                .env("SANDBOXED_CARGO_NAMESPACES", value)
                .arg("build"),
            &format!(
                "error: `SANDBOXED_CARGO_NAMESPACES` is `{value}`, which is not a value it can have\n\
                 help: use one of `auto`, `off`, `require`\n"
            ),
        );
    }
}

#[test]
fn no_home_folder() {
    let project = package();
    project.file("file", "");
    for (home, problem) in [
        ("/nonexistent", "which leads nowhere"),
        ("relative", "which leads nowhere"),
        ("/", "which is no folder of its own"),
        ("/..", "which is no folder of its own"),
    ] {
        refused(
            &project,
            project.on().env("HOME", home).arg("build"),
            &format!(
                "error: there is no home folder to protect: `HOME` is `{home}`, {problem}\n\
                 help: set `HOME` to an existing folder other than `/`, even if it is an empty one\n"
            ),
        );
    }
}

#[test]
fn no_place_for_temporary_files() {
    let project = package();
    project.file("file", "");
    let message = |error: &str| {
        format!(
            "error: cannot make a temporary folder in {error}\n\
             help: set `TMPDIR` to a folder that exists and that you may write\n"
        )
    };
    let mut problems = vec![
        ("missing", "No such file or directory (os error 2)"),
        ("file", "not a directory"),
    ];
    fs::create_dir(project.path("closed")).unwrap();
    fs::set_permissions(project.path("closed"), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(project.path("closed/probe"), "").is_err() {
        problems.push(("closed", "permission denied"));
    } else {
        fs::remove_file(project.path("closed/probe")).unwrap();
        skip("a TMPDIR that is not writable", "root may write everywhere");
    }
    // The cache directory comes first, and stays.
    fs::create_dir(project.path(".perry-cache")).unwrap();
    project.file(".perry-cache/.gitignore", "*\n");
    for (folder, problem) in problems {
        refused(
            &project,
            project
                .on()
                .env("TMPDIR", project.path(folder))
                .arg("build"),
            &message(&format!("`[ROOT]/home/work/project/{folder}`: {problem}")),
        );
    }
}
