use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::hostile::{Attempt, Hostile, behind, path};
use crate::support::toolchain;

fn attempts(hostile: &Hostile) -> Vec<Attempt> {
    let attempt = |who, what, on| Attempt { who, what, on };
    vec![
        attempt("script", "connect", hostile.address()),
        attempt(
            "script",
            "shell",
            "/bin/ls > /dev/null; ${RUSTC_WRAPPER:-env} $RUSTC -vV > /dev/null".to_owned(),
        ),
        attempt("macro", "write", path(&hostile.project.home(".bashrc"))),
        attempt("macro", "read", path(&hostile.project.path("notes"))),
    ]
}

fn overview(hostile: &Hostile) -> Value {
    let run = hostile
        .project
        .run(toolchain::product())
        .args(["sandbox", "report", "--format", "json"])
        .success();
    serde_json::from_slice(&run.stdout).unwrap()
}

fn of<'a>(overview: &'a Value, name: &str) -> &'a Value {
    let crates = overview["crates"].as_array().unwrap();
    crates.iter().find(|one| one["name"] == name).unwrap()
}

#[test]
fn what_each_crate_did() {
    for (command, wall) in ["build", "test", "run"].into_iter().flat_map(behind) {
        let hostile = Hostile::new();
        let attempts = attempts(&hostile);
        hostile.project.file("notes", "x");
        let build = |hostile: &Hostile, watch: &str| {
            hostile
                .with(hostile.project.sandboxed(), &attempts)
                .env("SANDBOXED_CARGO_WATCH", watch)
                .env("SANDBOXED_CARGO_NAMESPACES", wall)
                .arg(command)
                .success();
        };
        build(&hostile, "changes");
        let before = overview(&hostile);
        assert_eq!(before["version"], 1, "{command}");
        assert_eq!(before["project"], "host");
        // Denials first.
        assert_eq!(before["crates"][0]["name"], "evil");
        let evil = of(&before, "evil");
        assert_eq!(evil["build_script"], true);
        assert_eq!(evil["proc_macro"], false);
        assert_eq!(evil["read"], Value::Null);
        let programs: Vec<&str> = evil["programs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path.as_str().unwrap().rsplit('/').next().unwrap())
            .collect();
        // No linker, and nothing of ours.
        let programs: BTreeSet<&str> = programs.into_iter().collect();
        assert_eq!(programs, BTreeSet::from(["ls", "rustc", "sh"]), "{evil:#}");
        let address = hostile.address();
        // That something worked is noted where it cannot be.
        let mut denied = evil["denied"].as_array().unwrap().clone();
        denied.retain(|denied| !denied["text"].as_str().unwrap().contains("~/done/"));
        assert_eq!(
            Value::from(denied),
            json!([
                {
                    "text": format!("the sandbox kept the build script of `evil v0.1.0` from connecting to {address}: a build has no network"),
                    "count": 1,
                    "network": true,
                },
                {
                    "text": "the sandbox kept the proc macro `plotter`, while compiling `evil v0.1.0`, from writing `~/.bashrc`: it lies outside of this crate's results and TMPDIR",
                    "count": 1,
                    "network": false,
                },
            ])
        );
        let plotter = of(&before, "plotter");
        assert_eq!(plotter["proc_macro"], true);
        assert_eq!(plotter["build_script"], false);
        assert_eq!(plotter["denied"], json!([]));

        // A build that runs no unit says nothing new, and one that observes more says more.
        build(&hostile, "changes");
        assert_eq!(overview(&hostile), before);
        fs::remove_dir_all(hostile.project.path("target")).unwrap();
        build(&hostile, "everything");
        let after = overview(&hostile);
        let read = of(&after, "evil")["read"].as_array().unwrap().clone();
        // It belongs to the package itself; the macro's own library does not.
        assert!(!read.contains(&json!("~/work/host/notes")), "{after:#}");
        assert!(after["built"].as_u64() > before["built"].as_u64());
    }
}

/// What a crate reads of others is told, and what it reads of its own is not.
#[test]
fn reads_outside_of_the_package() {
    let hostile = Hostile::new();
    let file = hostile.project.path("plotter/notes");
    hostile.project.file("plotter/notes", "x");
    hostile.project.file("notes", "x");
    let read = |on| Attempt {
        who: "script",
        what: "read",
        on,
    };
    // To `evil`, whose folder holds the other one, both are its own; to `plotter` one is not.
    let attempts = [
        read(path(&file)),
        read(path(&hostile.project.path("notes"))),
    ];
    hostile.project.file(
        "plotter/build.rs",
        fs::read(hostile.project.path("build.rs")).unwrap(),
    );
    hostile.project.file(
        "plotter/attempts.rs",
        fs::read(hostile.project.path("attempts.rs")).unwrap(),
    );
    hostile
        .with(hostile.project.run(toolchain::product()), &attempts)
        .args(["sandbox", "why"])
        .success();
    let overview = overview(&hostile);
    assert_eq!(
        of(&overview, "plotter")["read"],
        json!(["~/work/host/notes"])
    );
    assert_eq!(of(&overview, "evil")["read"], json!([]));
}

#[test]
fn table() {
    let hostile = Hostile::new();
    let report = |arguments: &[&str]| {
        let run = hostile.project.run(toolchain::product());
        run.args(["sandbox", "report"]).args(arguments).success()
    };
    report(&[]).stdout("nothing is known of `host` yet: build it in the sandbox first\n");
    hostile.project.file(
        "plain/Cargo.toml",
        "[package]\nname = \"plain\"\nversion = \"1.0.0\"\n",
    );
    hostile.project.file("plain/src/lib.rs", "");
    let manifest = fs::read_to_string(hostile.project.path("Cargo.toml")).unwrap();
    let manifest = manifest.replace("[workspace]", "plain = { path = \"plain\" }\n[workspace]");
    hostile.project.file("Cargo.toml", manifest);
    let attempts = attempts(&hostile);
    hostile
        .with(hostile.project.sandboxed(), &attempts)
        .arg("build")
        .success();
    let run = report(&["--manifest-path", "plotter/../Cargo.toml"]);
    let text = run
        .plain_text(&run.stdout)
        .replace(&hostile.address(), "[ADDRESS]");
    let lines: Vec<&str> = text.lines().collect();
    let (title, rest) = lines.split_first().unwrap();
    assert!(title.starts_with("`host`, last built "), "{text}");
    // Which programs link differs.
    let columns = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        columns(rest[1]),
        ["crate", "runs", "programs", "read", "network", "other"]
    );
    let evil = columns(rest[2]);
    assert_eq!(evil[..3], ["evil", "0.1.0", "script"]);
    assert_eq!(evil[evil.len() - 4..], ["1", "denied", "2", "denied"]);
    let plotter = columns(rest[3]);
    assert_eq!(plotter[..3], ["plotter", "2.0.0", "macro"]);
    assert_eq!(plotter[plotter.len() - 3..], ["?", "-", "-"]);
    assert_eq!(
        rest[4],
        "and 1 crate without a build script or a proc macro"
    );
    let told: Vec<&str> = rest[5..]
        .iter()
        .filter(|line| !line.contains("~/done/"))
        .copied()
        .collect();
    assert_eq!(
        told,
        [
            "",
            "denied:",
            "  the sandbox kept the build script of `evil v0.1.0` from connecting to [ADDRESS]: a build has no network",
            "  the sandbox kept the proc macro `plotter`, while compiling `evil v0.1.0`, from writing `~/.bashrc`: it lies outside of this crate's results and TMPDIR",
            "",
            "`?`: reads are observed only by `sandboxed-cargo sandbox why`",
        ]
    );
}

/// The notes are ours: a unit can neither change them nor make us write somewhere else.
#[test]
fn notes_are_not_the_builds() {
    let hostile = Hostile::new();
    let notes = hostile.project.path(".perry-cache/audit.jsonl");
    let attempt = |who, what| Attempt {
        who,
        what,
        on: path(&notes),
    };
    let attempts = [attempt("script", "append"), attempt("macro", "unlink")];
    hostile
        .with(hostile.project.sandboxed(), &[])
        .arg("build")
        .success();
    let before = fs::read(&notes).unwrap();
    for command in ["build", "run"] {
        hostile
            .with(hostile.project.sandboxed(), &attempts)
            .arg(command)
            .success();
        assert!(fs::read(&notes).unwrap().starts_with(&before), "{command}");
    }
    assert_eq!(
        fs::read_dir(hostile.project.home("done")).unwrap().count(),
        0
    );
    assert_eq!(hostile.control(&attempts), 2);
}

/// The build is what was asked for; that it cannot be noted is told.
#[test]
fn notes_that_cannot_be_written() {
    let hostile = Hostile::new();
    let notes = hostile.project.path(".perry-cache/audit.jsonl");
    fs::create_dir_all(&notes).unwrap();
    fs::set_permissions(notes.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
    for command in ["build", "run"] {
        let _ = fs::remove_dir_all(hostile.project.path("target"));
        let run = hostile
            .with(hostile.project.sandboxed(), &[])
            .arg(command)
            .success();
        run.stderr_has(
            "warning: failed to write `[ROOT]/home/work/host/.perry-cache/audit.jsonl`: ",
        );
    }
}
