use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::hostile::{Attempt, Hostile, behind, denials, path};
use crate::support::command::Finished;

fn attempts(hostile: &Hostile) -> [Attempt; 2] {
    [
        Attempt {
            who: "script",
            what: "connect",
            on: hostile.address(),
        },
        Attempt {
            who: "macro",
            what: "write",
            on: path(&hostile.project.home("written")),
        },
    ]
}

#[test]
fn lines_of_json() {
    for (command, wall) in ["build", "run"].into_iter().flat_map(behind) {
        let hostile = Hostile::new();
        let attempts = attempts(&hostile);
        // It is added to.
        hostile.project.file("denied.jsonl", "{\"earlier\":true}\n");
        let run = hostile
            .with(hostile.project.sandboxed(), &attempts)
            .env("SANDBOXED_CARGO_REPORT", "denied.jsonl")
            .env("SANDBOXED_CARGO_NAMESPACES", wall)
            .arg(command)
            .success();
        let text = fs::read_to_string(hostile.project.path("denied.jsonl")).unwrap();
        let all: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(all[0], json!({ "earlier": true }));
        let find = |what: &str| {
            let mut of_units = all.iter().filter(|line| !line["unit"].is_null());
            of_units.find(|line| line["do"] == what).cloned()
        };
        let mut connect = find("connect").expect("the connection");
        let program = connect.as_object_mut().unwrap().remove("program").unwrap();
        assert!(
            program.as_str().unwrap().contains("build_script_build"),
            "{run:#}"
        );
        assert_eq!(
            connect,
            json!({
                "version": 1,
                "unit": {
                    "kind": "build-script",
                    "package": "evil",
                    "version": "0.1.0",
                    "folder": path(&hostile.project.path("")).trim_end_matches('/'),
                },
                "do": "connect",
                "address": hostile.address(),
                "count": 1,
            })
        );
        let written = path(&hostile.project.home("written"));
        assert_eq!(
            find("write"),
            Some(json!({
                "version": 1,
                "unit": {
                    "kind": "compiler",
                    "package": "evil",
                    "version": "0.1.0",
                    "folder": path(&hostile.project.path("")).trim_end_matches('/'),
                },
                "program": "rustc",
                "macros": ["plotter"],
                "do": "write",
                "path": written,
                "asked": written,
                "count": 1,
            }))
        );
    }
}

#[test]
fn the_file_is_not_the_builds() {
    let hostile = Hostile::new();
    for (name, problem) in [
        ("target/x.jsonl", "which the build may write"),
        ("missing/x.jsonl", "which is in no folder"),
    ] {
        fs::create_dir_all(hostile.project.path("target")).unwrap();
        let file = path(&hostile.project.path(name));
        let run = hostile
            .project
            .sandboxed()
            .env("SANDBOXED_CARGO_REPORT", name)
            .arg("build")
            .finish()
            .code(125);
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        let expected = format!("error: `SANDBOXED_CARGO_REPORT` is `{file}`, {problem}\n");
        assert!(text.contains(&expected), "{run:#}");
        assert!(!hostile.project.path(name).exists());
    }
    // Nor does a link at its place lead anywhere.
    std::os::unix::fs::symlink(
        hostile.project.home(".bashrc"),
        hostile.project.path("link"),
    )
    .unwrap();
    let attempts = attempts(&hostile);
    let run = hostile
        .with(hostile.project.sandboxed(), &attempts)
        .env("SANDBOXED_CARGO_REPORT", "link")
        .arg("build")
        .success();
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(
        text.contains("warning: cannot write what was denied to `"),
        "{run:#}"
    );
    assert_eq!(fs::read(hostile.project.home(".bashrc")).unwrap(), b"");
}

#[test]
fn annotations() {
    let hostile = Hostile::new();
    let attempts = attempts(&hostile);
    let build = |github: &str, arguments: &[&str]| {
        hostile
            .with(hostile.project.sandboxed(), &attempts)
            .env("GITHUB_ACTIONS", github)
            .args(arguments)
            .success()
    };
    let annotations = |run: &Finished| -> Vec<String> {
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        let lines = text.lines().filter(|line| line.starts_with("::"));
        lines.map(str::to_owned).collect()
    };
    let run = build("true", &["build", "-v"]);
    let expected = |file: &str| -> Vec<String> {
        let lines = denials(&run);
        let lines = lines
            .iter()
            .map(|line| line.strip_prefix("warning: ").unwrap());
        lines
            .map(|line| format!("::warning {file}title=denied by the sandbox::{line}"))
            .collect()
    };
    assert_eq!(expected("").len(), 2);
    let settings = hostile.project.path("package.json");
    let file = |settings: &Path| format!("file={},", path(settings));
    assert_eq!(annotations(&run), expected(&file(&settings)), "{run:#}");

    // A build that succeeds says little, but who reviews it should see the same.
    let clean = || fs::remove_dir_all(hostile.project.path("target")).unwrap();
    clean();
    let quiet = build("true", &["build"]);
    assert!(denials(&quiet).is_empty(), "{quiet:#}");
    assert_eq!(annotations(&quiet), expected(&file(&settings)), "{quiet:#}");
    clean();
    assert!(annotations(&build("false", &["build"])).is_empty());

    fs::remove_file(settings).unwrap();
    clean();
    let nowhere = build("true", &["build"]);
    assert_eq!(annotations(&nowhere), expected(""), "{nowhere:#}");
}

/// The runner obeys lines that begin with two colons, after spaces as well.
#[test]
fn names_that_crates_choose_do_not_begin_lines() {
    let hostile = Hostile::new();
    let evil = format!(
        "{}\n::error::evil\r::error::evil",
        path(&hostile.project.home("a"))
    );
    let attempts = [
        ("mkdir", evil.clone()),
        ("unix", "/run/a\n::error::evil".to_owned()),
    ];
    let script: String = attempts
        .iter()
        .map(|(what, on)| match *what {
            "mkdir" => format!("let _ = std::fs::create_dir({on:?});"),
            _ => format!("let _ = std::os::unix::net::UnixStream::connect({on:?});"),
        })
        .collect();
    hostile
        .project
        .file("build.rs", format!("fn main() {{ {script} }}"));
    let run = hostile
        .project
        .sandboxed()
        .env("GITHUB_ACTIONS", "true")
        .args(["build", "-v"])
        .success();
    assert_eq!(denials(&run).len(), 2, "{run:#}");
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    let evil = |line: &&str| line.trim_start().starts_with("::error");
    assert_eq!(text.split(['\n', '\r']).find(evil), None, "{run:#}");
}
