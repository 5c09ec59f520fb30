//! Where rustup has no choice, its toolchain's cargo is started without it, and nobody notices.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::project::Project;
use crate::support::{skip, toolchain};
use crate::tools::stand_in;

const TOOLCHAIN: &str = "stable-of-a-test";

/// A rustup that says that it was there, and a toolchain whose cargo is the stand-in.
fn installed(project: &Project) {
    let cargo = stand_in().join("cargo");
    project.package("", "");
    project.home_file(
        ".rustup/settings.toml",
        format!("version = \"12\"\ndefault_toolchain = \"{TOOLCHAIN}\"\n"),
    );
    let toolchain = project.home(format!(".rustup/toolchains/{TOOLCHAIN}/bin"));
    fs::create_dir_all(&toolchain).unwrap();
    fs::copy(&cargo, toolchain.join("cargo")).unwrap();
    let proxy = format!(
        "#!/bin/sh\nBY_RUSTUP=1 exec \"$RUSTUP_HOME/toolchains/{TOOLCHAIN}/bin/cargo\" \"$@\"\n"
    );
    project.program("rustup", proxy);
    let folder = project.home(".cargo/bin");
    fs::create_dir_all(&folder).unwrap();
    fs::rename(project.path("rustup"), folder.join("rustup")).unwrap();
    symlink("rustup", folder.join("cargo")).unwrap();
}

fn environment_of_build(project: &Project, arguments: &[&str]) -> String {
    let path = format!("{}:/usr/bin:/bin", project.home(".cargo/bin").display());
    let run = project.sandboxed().env("PATH", path).args(arguments);
    String::from_utf8(run.success().stdout).unwrap()
}

#[test]
fn is_passed_by() {
    let project = Project::new();
    installed(&project);
    let direct = environment_of_build(&project, &["build"]);
    assert!(!direct.contains("BY_RUSTUP"), "{direct}");
    assert!(
        direct.contains(&format!("RUSTUP_TOOLCHAIN={TOOLCHAIN}\n")),
        "{direct}"
    );
    // What the user typed, and where it is typed, is rustup's to decide.
    let typed = environment_of_build(&project, &["+other", "build"]);
    assert!(typed.contains("BY_RUSTUP=1\n"), "{typed}");
    project.file("rust-toolchain.toml", "");
    let by_file = environment_of_build(&project, &["build"]);
    assert!(by_file.contains("BY_RUSTUP=1\n"), "{by_file}");
}

/// The real one's answer is the one that we give.
#[test]
fn sets_the_same_variables() {
    const SCRIPT: &str = r#"fn main() {
        for (name, value) in std::env::vars() {
            if name.starts_with("RUST") || ["CARGO", "CARGO_HOME", "LD_LIBRARY_PATH", "PATH"].contains(&&*name) {
                println!("cargo:warning={name}={value}");
            }
        }
    }"#;
    let Some(rustup) = toolchain::rustup() else {
        return skip("the variables of rustup", "rustup is not installed");
    };
    let home = toolchain::rustup_home().unwrap();
    let settings = fs::read_to_string(home.join("settings.toml")).unwrap_or_default();
    if !settings.contains("default_toolchain") {
        return skip("the variables of rustup", "it has no default toolchain");
    }
    let variables = |sandboxed: bool| {
        let project = Project::new();
        project.package(SCRIPT, "");
        let run = if sandboxed {
            project.sandboxed()
        } else {
            project.run(rustup.join("cargo"))
        };
        let finished = run
            .env("PATH", format!("{}:/usr/bin:/bin", rustup.display()))
            .env("RUSTUP_HOME", &home)
            .args(["build", "--color=never"])
            .success();
        let text = finished.plain_text(&finished.stderr);
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("warning: app"))
            // Units are started by way of us.
            .filter(|line| !line.contains(" RUSTC_WRAPPER=") && !line.contains(" RUSTDOC="))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let plain = variables(false);
    assert!(plain.len() > 5, "{plain:#?}");
    assert_eq!(variables(true), plain);
}
