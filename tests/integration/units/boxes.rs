//! One crate's build script against what another one's units made, on systems where `matrix` does
//! not know how.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::world::{Cargo, ours, package};
use crate::support::canary::Canary;
use crate::support::project::{Project, write};
use crate::support::unique;

/// Adds to each file that a list names, and calls a canary.
const EVIL: &str = r#"
use std::io::Write;

fn main() {
    println!("cargo:rerun-if-env-changed=ATTACK");
    let out = std::env::var("OUT_DIR").unwrap();
    std::fs::write(out + "/made.rs", "7").unwrap();
    let Some(list) = std::env::var_os("ATTACK") else {
        return;
    };
    if let Ok(mut wire) = std::net::TcpStream::connect(("127.0.0.1", PORT)) {
        let _ = wire.write_all(b"evil");
    }
    for path in std::fs::read_to_string(list).unwrap().lines() {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        if let Ok(mut file) = file {
            let _ = file.write_all(b"evil");
        }
    }
}
"#;

fn project() -> (Project, Canary) {
    let project = Project::named("host");
    let folder = project.root().join(unique());
    fs::create_dir_all(&folder).unwrap();
    let canary = Canary::start(&folder, &unique(), b"", Vec::new());
    project
        .home_file(".zshrc", "mine\n")
        .file(
            "Cargo.toml",
            package(
                "app",
                "[dependencies]\nevil = { path = \"evil\" }\nvictim = { path = \"victim\" }\n[workspace]\n",
            ),
        )
        .file(
            "src/main.rs",
            "fn main() {\n    println!(\"{} {}\", evil::SEVEN, victim::SEVEN);\n}\n\
             #[test]\nfn seven() {\n    assert_eq!(evil::SEVEN, victim::SEVEN);\n}\n",
        )
        .file("evil/build.rs", EVIL.replace("PORT", &canary.tcp.to_string()))
        .file(
            "victim/build.rs",
            "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(out + \"/made.rs\", \"7\").unwrap();\n    \
             println!(\"cargo:rerun-if-changed=build.rs\");\n}\n",
        );
    for name in ["evil", "victim"] {
        project.file(format!("{name}/Cargo.toml"), package(name, ""));
        project.file(
            format!("{name}/src/lib.rs"),
            "pub const SEVEN: i32 = include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n",
        );
    }
    (project, canary)
}

/// Files of the victim and of us, and names that are free.
fn aims(project: &Project) -> Vec<PathBuf> {
    let target = project.path("target/debug");
    let mut aims = vec![
        project.path("victim/src/lib.rs"),
        project.path("Cargo.lock"),
        project.path(".perry-cache/sandboxed-cargo-rustc"),
        project.home(".zshrc"),
        project.home(".planted"),
        target.join("app"),
    ];
    for place in ["", "deps", "build", ".fingerprint", "incremental"] {
        aims.push(target.join(place).join("planted"));
    }
    for (folder, name) in [
        ("deps", "libvictim-"),
        ("deps", "victim-"),
        (".fingerprint", "victim-"),
        ("build", "victim-"),
    ] {
        for entry in fs::read_dir(target.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(name)
            {
                continue;
            }
            // Records, output, launcher, the real script, and what that made.
            for folder in [path.clone(), path.join("out")] {
                let entries = fs::read_dir(folder).into_iter().flatten();
                aims.extend(entries.map(|entry| entry.unwrap().path()));
            }
            aims.push(path);
        }
    }
    aims.retain(|path| !path.is_dir());
    aims
}

/// What the attack changed.
fn attack(cargo: Cargo, command: &str) -> (Vec<PathBuf>, usize, bool) {
    let (project, mut canary) = project();
    let run = || cargo.of(&project).arg(command);
    run().success();
    write(&project.path(".perry-cache/sandboxed-cargo-rustc"), {
        let present = fs::read(project.path(".perry-cache/sandboxed-cargo-rustc"));
        present.unwrap_or_default()
    });
    let aims = aims(&project);
    let mut list = String::new();
    for path in &aims {
        writeln!(list, "{}", path.display()).unwrap();
    }
    project.file("list", list);
    let before: Vec<_> = aims.iter().map(|path| fs::read(path).ok()).collect();
    let attack = run().env("ATTACK", project.path("list")).finish();
    if cargo != Cargo::Plain {
        let _ = attack.code(0);
    }
    let count = aims.len();
    let after = aims.iter().map(|path| fs::read(path).ok());
    let is_changed: Vec<bool> = after
        .zip(before)
        .map(|(after, before)| {
            let evil = after.as_ref().is_some_and(|text| text.ends_with(b"evil"));
            evil || (cargo != Cargo::Plain && after != before)
        })
        .collect();
    let mut changed = aims;
    let mut is_changed = is_changed.iter();
    changed.retain(|_| *is_changed.next().unwrap());
    (changed, count, !canary.stop().is_empty())
}

#[test]
fn a_script_changes_nothing_of_another_crate_and_calls_nobody() {
    for command in ["run", "test"] {
        let (changed, count, called) = attack(Cargo::Plain, command);
        // What cargo makes again, and programs that run.
        assert!(count > 20 && changed.len() > 15 && called, "{changed:?}");
        for cargo in ours() {
            let (changed, _, called) = attack(cargo, command);
            assert!(!called);
            // What is cargo's to make again, after the attack.
            let strangers: Vec<_> = changed
                .iter()
                .filter(|path| !path.ends_with("debug/app"))
                .collect();
            assert!(strangers.is_empty(), "{strangers:?}");
        }
    }
}
