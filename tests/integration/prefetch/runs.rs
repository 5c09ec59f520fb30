use std::fs;

use super::lock;
use crate::support::command::Run;
use crate::support::project::Project;
use crate::tools::{WithStandIn as _, package};

const ASK: &str = "metadata --format-version=1 --offline --manifest-path";
const FETCH: &str = "fetch --manifest-path";

/// The runs of cargo before the build, since the last time they were asked for.
fn runs(project: &Project) -> Vec<String> {
    let log = project.home(".cargo/registry/runs");
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn build(project: &Project) -> Run {
    project.on().env("STAND_IN", "mute").arg("build")
}

#[test]
fn nothing_is_fetched_twice() {
    let project = package();
    project.file("crates/a/Cargo.toml", "");
    build(&project).success();
    assert_eq!(runs(&project), [FETCH, ASK]);
    for _ in 0..2 {
        build(&project).success();
        assert_eq!(runs(&project), [""; 0]);
    }
    // The same project, whatever is done with it.
    let others = [&["check"][..], &["build", "--release"], &["-v", "test"]];
    for line in others {
        project.on().env("STAND_IN", "mute").args(line).success();
        assert_eq!(runs(&project), [""; 0], "{line:?}");
    }

    let changes: [(&str, &dyn Fn()); 6] = [
        ("a manifest", &|| {
            project.file(
                "Cargo.toml",
                "[package]\nname = \"app\"\nversion = \"0.2.0\"\n",
            );
        }),
        ("a member's manifest", &|| {
            project.file("crates/a/Cargo.toml", "# new\n");
        }),
        ("a lock file", &|| {
            project.file("Cargo.lock", "version = 4\n");
        }),
        ("a lock file that is gone", &|| {
            fs::remove_file(project.path("Cargo.lock")).unwrap();
        }),
        ("a new member", &|| {
            project.file("crates/b/Cargo.toml", "");
        }),
        ("cargo's configuration", &|| {
            project.home_file(".cargo/config.toml", "[net]\nretry = 1\n");
        }),
    ];
    for (what, change) in changes {
        change();
        build(&project).success();
        assert_eq!(runs(&project), [FETCH, ASK], "{what}");
        build(&project).success();
        assert_eq!(runs(&project), [""; 0], "{what}");
    }
    // So does a change of what cargo is told from outside, or of the configuration.
    for run in [
        build(&project).env("CARGO_NET_RETRY", "3"),
        build(&project).env("RUSTUP_TOOLCHAIN", "x"),
        build(&project).env("PERRY_SANDBOX_PROFILE", "compat"),
    ] {
        run.success();
        assert_eq!(runs(&project), [FETCH, ASK]);
    }
}

#[test]
fn fetching_is_told_what_matters() {
    for (line, expected) in [
        (
            &["+nightly", "build"][..],
            vec![
                "+nightly fetch --manifest-path".to_owned(),
                format!("+nightly {ASK}"),
            ],
        ),
        (
            &["build", "--locked"],
            vec![format!("{FETCH} --locked"), format!("{ASK} --locked")],
        ),
        (&["build", "--offline"], vec![ASK.to_owned()]),
        (&["build", "--frozen"], vec![format!("{ASK} --locked")]),
        (
            &["build", "--config", "net.offline=true"],
            vec![format!("{ASK} --config net.offline=true")],
        ),
        (
            &["-q", "build"],
            vec![format!("{FETCH} --quiet"), format!("{ASK} --quiet")],
        ),
        (
            &["build", "--config", "net.retry=0", "--release"],
            vec![
                format!("{FETCH} --config net.retry=0"),
                format!("{ASK} --config net.retry=0"),
            ],
        ),
    ] {
        let project = package();
        project.on().env("STAND_IN", "mute").args(line).success();
        assert_eq!(runs(&project), expected, "{line:?}");
    }
}

#[test]
fn other_platforms_crates_are_fetched_where_they_may_be_needed() {
    let here = [
        "fetch --target=here --manifest-path",
        "metadata --format-version=1 --offline --filter-platform=here --manifest-path",
    ];
    let every = [FETCH.to_owned(), ASK.to_owned()];
    let host = |run: Run| run.env("STAND_IN", "mute").env("STAND_IN_HOST", "here");
    let fetched = |project: &Project, line: &[&str]| {
        host(project.on().args(line)).success();
        runs(project)
    };
    for line in [
        &["build"][..],
        &["test", "--no-run"],
        &["run"],
        &["c"],
        &["package"],
    ] {
        assert_eq!(fetched(&package(), line), here, "{line:?}");
    }
    for line in [
        &["build", "--target", "there"][..],
        &["build", "-Zbindeps"],
        &["third-party"],
    ] {
        let found = fetched(&package(), line);
        assert!(found[0].starts_with(FETCH), "{line:?}: {found:?}");
    }
    for settings in [
        "[build]\ntarget = \"there\"\n",
        "[unstable]\nbindeps = true\n",
    ] {
        let project = package();
        project.home_file(".cargo/config.toml", settings);
        assert_eq!(fetched(&project, &["build"]), every, "{settings}");
    }
    // What was fetched for this one is not enough for another.
    let project = package();
    assert_eq!(fetched(&project, &["build"]), here);
    assert!(fetched(&project, &["build", "--release"]).is_empty());
    assert_eq!(fetched(&project, &["build", "--target", "there"]), every);
}

/// As it is for plain cargo, whose fetch would need the network.
#[test]
fn who_is_offline_fetches_nothing() {
    let offline = |run: Run, value: &str| run.env("CARGO_NET_OFFLINE", value);
    for (value, expected) in [("true", vec![ASK]), ("false", vec![FETCH, ASK])] {
        let project = package();
        offline(build(&project), value).success();
        assert_eq!(runs(&project), expected, "{value}");
    }
    let project = package();
    project.home_file(".cargo/config.toml", "[net]\noffline = true\n");
    build(&project).success();
    assert_eq!(runs(&project), [ASK]);
    offline(build(&project), "false").success();
    assert_eq!(runs(&project), [FETCH, ASK]);
}

/// How the fetch fails is how the call fails; nothing is built, and no lock file is left.
#[test]
fn a_failure_is_cargos() {
    for step in ["FETCH", "METADATA"] {
        let project = package();
        let failing = |how: &str| {
            let run = build(&project).env(format!("STAND_IN_{step}"), how);
            run.finish().stdout("").stderr("")
        };
        failing("exit 101").code(101);
        failing("exit 3").code(3);
        failing("kill 15").signal(15);
        assert_eq!(lock(&project), None);
        assert!(!project.path("target").exists());
        // Not remembered as done.
        runs(&project);
        build(&project).success();
        assert_eq!(runs(&project), [FETCH, ASK]);
    }
}

/// Words that make no sense end the call, and are not taken for an answer.
#[test]
fn an_answer_that_is_none() {
    let project = package();
    let run = build(&project).env("STAND_IN_ANSWER", "{\"packages\": 1}");
    run.finish().code(125).stdout("").stderr(
        "error: failed to understand the output of `cargo metadata`: invalid type: integer `1`, \
         expected a sequence at line 1 column 14\n",
    );
    assert!(!project.path("target").exists());
}

/// A memory of an answer that somebody changed is asked for anew.
#[test]
fn a_memory_that_is_damaged() {
    let project = package();
    build(&project).success();
    runs(&project);
    for text in ["", "{}", "null", "{\"key\": \"x\"}"] {
        for entry in fs::read_dir(project.path(".perry-cache"))
            .unwrap()
            .flatten()
        {
            if entry.file_name().to_string_lossy().starts_with("state-") {
                fs::write(entry.path(), text).unwrap();
            }
        }
        build(&project).success();
        assert_eq!(runs(&project), [FETCH, ASK], "{text}");
    }
}
