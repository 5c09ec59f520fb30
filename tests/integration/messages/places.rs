use std::fs;
use std::os::unix::fs::symlink;

use super::refused;
use crate::support::command::Run;
use crate::support::project::Project;
use crate::tools::{WithStandIn as _, package};

const HELP: &str = "help: choose another one with `--target-dir` or `CARGO_TARGET_DIR`\n";

/// A project in a repository, and the files that asking cargo about it leaves.
fn project() -> Project {
    let project = package();
    project
        .file(".git/HEAD", "ref: refs/heads/main\n")
        .file(".git/hooks/pre-commit", "")
        .file(".cargo/unused", "")
        .home_file(".ssh/id_ed25519", "")
        .home_file(".config/unused", "")
        .home_file(".local/bin/unused", "")
        .home_file("link/unused", "");
    symlink("../.ssh", project.home("link/keys")).unwrap();
    // Whatever asking cargo about the project leaves is there already.
    let run = project.on().env("STAND_IN", "mute");
    run.arg("build").success();
    project
}

/// The three ways to name a target folder.
fn ways(project: &Project, folder: &str) -> [Run; 4] {
    let value = format!("build.target-dir=\"{folder}\"");
    [
        project.on().args(["build", "--target-dir", folder]),
        project.on().env("CARGO_TARGET_DIR", folder).arg("build"),
        project
            .on()
            .env("CARGO_BUILD_TARGET_DIR", folder)
            .arg("build"),
        project.on().args(["build", "--config", &value]),
    ]
}

#[test]
fn a_target_folder_in_a_protected_place() {
    let project = project();
    let home = |path: &str| project.home(path).display().to_string();
    let here = |path: &str| project.path(path).display().to_string();
    let places = [
        (home(".ssh/target"), "lies in SSH keys and hosts"),
        (home("link/keys/x"), "lies in SSH keys and hosts"),
        (home(".cargo"), "contains CARGO_HOME"),
        (home(".cargo/bin"), "lies in CARGO_HOME"),
        (home(".rustup/toolchains/x"), "lies in RUSTUP_HOME"),
        (home(".config/autostart"), "lies in programs' settings"),
        (home(".local/bin"), "lies in the user's programs"),
        (home(""), "contains the host project"),
        (home("work"), "contains the host project"),
        (here(""), "contains the host project"),
        (here(".git/hooks"), "lies in the git repository"),
        (here(".cargo"), "lies in cargo's settings"),
        (here(".perry-cache"), "contains the sandbox's cache folder"),
        (here(".perry-cache/x"), "lies in the sandbox's cache folder"),
        (
            here("src"),
            "holds sources of the package in `[ROOT]/home/work/project`",
        ),
        (
            here("src/generated"),
            "holds sources of the package in `[ROOT]/home/work/project`",
        ),
        ("/".to_owned(), "contains the host project"),
        ("/usr/lib/x".to_owned(), "lies in a system folder"),
        ("/etc/cron.d".to_owned(), "lies in a system folder"),
        ("/dev/shm".to_owned(), "lies in a system folder"),
    ];
    for (number, (folder, problem)) in places.into_iter().enumerate() {
        let real = match folder.strip_suffix("link/keys/x") {
            Some(home) => format!("{home}.ssh/x"),
            None => folder.trim_end_matches('/').to_owned(),
        };
        let real = if real.is_empty() { "/" } else { &real };
        let shown = real.replace(&project.root().display().to_string(), "[ROOT]");
        // One way each, in turn.
        let run = ways(&project, &folder).into_iter().nth(number % 4).unwrap();
        refused(
            &project,
            run,
            &format!(
                "error: the target folder `{shown}` {problem}, which a build must not write\n{HELP}"
            ),
        );
    }
}

/// A relative one is seen from where cargo sees it: the current folder.
#[test]
fn a_relative_target_folder() {
    let project = project();
    for folder in ["../../../.ssh/x", "./../../../link/keys/../.ssh/x"] {
        let run = project.on().directory(project.path("src"));
        refused(
            &project,
            run.args(["build", "--target-dir", folder]),
            &format!(
                "error: the target folder `[ROOT]/home/.ssh/x` lies in SSH keys and hosts, \
                 which a build must not write\n{HELP}"
            ),
        );
    }
}

#[test]
fn a_target_folder_that_is_a_file() {
    let project = project();
    for run in ways(&project, &project.path("Cargo.toml").display().to_string()) {
        refused(
            &project,
            run,
            &format!(
                "error: the target folder `[ROOT]/home/work/project/Cargo.toml` is not a folder\n\
                 {HELP}"
            ),
        );
    }
}

/// A host with a package in `node_modules`, asked about before.
fn host() -> Project {
    let project = package();
    let manifest = "[package]\nname = \"x\"\nversion = \"0.1.0\"\n[workspace]\n";
    project
        .file("package.json", "{}")
        .file("node_modules/x/Cargo.toml", manifest)
        .file("node_modules/x/src/lib.rs", "")
        .home_file("work/other/Cargo.toml", "")
        .home_file(".ssh/id_ed25519", "");
    build(&project).env("STAND_IN", "mute").success();
    fs::remove_dir_all(project.path("node_modules/x/target")).unwrap();
    project
}

fn build(project: &Project) -> Run {
    let run = project.on().directory(project.path("node_modules/x"));
    run.arg("build")
}

/// A package whose author put a link where cargo will write.
#[test]
fn a_target_folder_that_a_package_planted() {
    for (target, leads) in [
        ("../..", "[ROOT]/home/work/project"),
        ("../../../..", "[ROOT]/home"),
        ("../../../../.ssh", "[ROOT]/home/.ssh"),
        ("../../../other", "[ROOT]/home/work/other"),
        ("../../../missing", "[ROOT]/home/work/missing"),
        ("/tmp", "/tmp"),
    ] {
        let project = host();
        symlink(target, project.path("node_modules/x/target")).unwrap();
        refused(
            &project,
            build(&project),
            &format!(
                "error: the package's target folder \
                 `[ROOT]/home/work/project/node_modules/x/target` is a link to `{leads}`, \
                 outside the package\n\
                 help: remove the link, or choose another folder with `CARGO_TARGET_DIR`\n"
            ),
        );
    }
}

/// A package's own configuration may not choose a place outside of it.
#[test]
fn a_target_folder_that_a_package_names() {
    for folder in [
        "../..",
        "../../../other",
        "../../../missing",
        "/tmp/x",
        "link/../other",
    ] {
        let project = host();
        symlink("../..", project.path("node_modules/x/link")).unwrap();
        let config = format!("[build]\ntarget-dir = \"{folder}\"\n");
        project.file("node_modules/x/.cargo/config.toml", config);
        let named = match folder {
            "/tmp/x" => folder.to_owned(),
            _ => format!("[ROOT]/home/work/project/node_modules/x/{folder}"),
        };
        refused(
            &project,
            build(&project),
            &format!(
                "error: `[ROOT]/home/work/project/node_modules/x/.cargo/config.toml` puts the \
                 target folder outside its package: `{named}`\n\
                 help: run cargo from the host's folder, with `--manifest-path`\n"
            ),
        );
    }
    // The control: one inside it is obeyed.
    let project = host();
    let config = "[build]\ntarget-dir = \"here/../there\"\n";
    project.file("node_modules/x/.cargo/config.toml", config);
    build(&project).env("STAND_IN", "mute").success();
    assert!(project.path("node_modules/x/there").is_dir());
}
