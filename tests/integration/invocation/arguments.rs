use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::Way;
use crate::support::command::Finished;
use crate::support::toolchain;
use crate::tools::{TEMPORARY, WithStandIn as _, package, search_path};

/// The lines of the stand-in that begin with this word, without it.
fn told<'a>(finished: &'a Finished, word: &str) -> Vec<&'a [u8]> {
    let lines = finished.stdout.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| line.strip_prefix(word.as_bytes())?.strip_prefix(b" "))
        .collect()
}

fn escaped(text: impl AsRef<OsStr>) -> Vec<u8> {
    let text = text.as_ref().as_bytes().escape_ascii().to_string();
    text.into_bytes()
}

#[track_caller]
fn arrive(way: Way, line: &[&OsStr]) {
    let project = way.project();
    let finished = way.call(&project).args(line).success();
    let expected: Vec<_> = line.iter().map(escaped).collect();
    assert_eq!(told(&finished, "argument"), expected, "{way:?}");
    let folder = project.path("").join(way.folder());
    let folder = std::fs::canonicalize(folder).unwrap();
    assert_eq!(told(&finished, "directory"), [escaped(folder)], "{way:?}");
    let said = finished.plain_text(&finished.stderr);
    assert_eq!(said.contains("Sandboxed"), way.is_sandboxed(), "{finished}");
}

#[test]
fn arguments_arrive_as_typed() {
    let bytes = |text: &'static [u8]| OsStr::from_bytes(text);
    let many: Vec<String> = (0..400)
        .map(|number| format!("--feature{number}=x y"))
        .collect();
    let mut many: Vec<&OsStr> = many.iter().map(OsStr::new).collect();
    many.insert(0, OsStr::new("build"));
    let long = "x".repeat(100_000);
    let lines: [Vec<&OsStr>; 6] = [
        [
            "+nightly",
            "build",
            "--release",
            "--",
            "",
            "-Z",
            "--",
            "*",
            "$HOME",
            "a\nb\t\"'\\",
        ]
        .map(OsStr::new)
        .to_vec(),
        [
            "--config",
            "build.jobs=1",
            "-q",
            "--config=net.retry=0",
            "b",
            "-vv",
            "-j2",
            "--color",
            "never",
            "-pa",
            "--manifest-path",
            "Cargo.toml",
        ]
        .map(OsStr::new)
        .iter()
        .copied()
        .filter(|argument| *argument != "-q")
        .collect(),
        vec![
            bytes(b"rustc"),
            bytes(b"--"),
            bytes(b"\xff\xfe"),
            bytes(b"--cfg"),
            bytes(b"caf\xe9"),
        ],
        vec![bytes(b"build"), bytes(b"--bin"), bytes(b"\x80 \x1b[0m")],
        many,
        vec![bytes(b"check"), bytes(b""), OsStr::new(&long), bytes(b"")],
    ];
    for way in Way::all() {
        for line in &lines {
            arrive(way, line);
        }
    }
}

/// What cargo would refuse is cargo's to refuse.
#[test]
fn no_arguments_and_nonsense() {
    for line in [
        &[][..],
        &["--"],
        &["-"],
        &["+"],
        &["--nonsense"],
        &["+x", "+y"],
    ] {
        for way in Way::all() {
            let project = way.project();
            let finished = way.call(&project).args(line).success();
            let expected: Vec<_> = line.iter().map(escaped).collect();
            assert_eq!(told(&finished, "argument"), expected, "{way:?} {line:?}");
        }
    }
}

#[test]
fn another_directory() {
    let project = package();
    project.file(
        "inner/Cargo.toml",
        "[package]\nname = \"inner\"\nversion = \"0.1.0\"\n[workspace]\n",
    );
    project.file("inner/src/lib.rs", "");
    let line = ["-C", "inner", "build"];
    let finished = project.on().args(line).success();
    assert_eq!(told(&finished, "argument"), line.map(escaped));
    // cargo changes the directory itself.
    let here = std::fs::canonicalize(project.path("")).unwrap();
    assert_eq!(told(&finished, "directory"), [escaped(here)]);

    // The real one, on stable, has its own word about it.
    let plain = project.plain().args(line).finish().code(101);
    let sandboxed = project.sandboxed().args(line).finish().code(101);
    let said = plain.plain_text(&plain.stderr);
    assert!(said.contains("the `-C` flag is unstable"), "{said}");
    sandboxed.stderr_has(&said);
}

#[test]
fn the_environment_arrives() {
    let harmless = [
        ("EMPTY", OsString::new()),
        ("LINES_OF_TEXT", "a\nb".into()),
        ("RUSTFLAGS", "-Cdebuginfo=0".into()),
        ("NOT_UTF8", OsStr::from_bytes(b"\xff=\xfe").to_owned()),
        ("lower case", "x".into()),
        ("PROTOC", "/usr/bin/protoc".into()),
        ("CARGO_NET_OFFLINE", "maybe".into()),
        ("TMPDIR", "/tmp".into()),
    ];
    let secret = [
        "AWS_SECRET_ACCESS_KEY",
        "CARGO_REGISTRY_TOKEN",
        "DOCKER_AUTH_CONFIG",
        "GITHUB_TOKEN",
        "MY_PASSWORD",
        "SSH_AUTH_SOCK",
    ];
    for way in Way::all() {
        let project = way.project();
        let mut run = way.call(&project).arg("build");
        run = run
            .env("SANDBOXED_CARGO_SHIM", "/shim/cargo")
            .env("SANDBOXED_CARGO_LOOP", "1");
        for (name, value) in &harmless {
            run = run.env(name, value);
        }
        for name in secret {
            run = run.env(name, "x");
        }
        let finished = run.success();
        let mut expected: Vec<(OsString, Option<OsString>)> = harmless
            .iter()
            .map(|(name, value)| (name.into(), Some(value.clone())))
            .collect();
        expected.push(("HOME".into(), Some(project.home("").into())));
        expected.push(("CARGO_HOME".into(), Some(project.home(".cargo").into())));
        expected.push(("RUSTUP_HOME".into(), Some(project.home(".rustup").into())));
        expected.push(("CARGO_TERM_COLOR".into(), Some("never".into())));
        expected.push(("LANG".into(), Some("C".into())));
        expected.push(("PATH".into(), Some(search_path().into())));
        // Ours: it names the process that becomes cargo.
        expected.push(("SANDBOXED_CARGO_LOOP".into(), None));
        if way != Way::Off {
            expected.push(("PERRY_SANDBOX_BUILDRS".into(), Some("1".into())));
        }
        if matches!(way, Way::Exempt | Way::FirstWall) {
            expected.push(("SANDBOXED_CARGO_NAMESPACES".into(), Some("off".into())));
        }
        if way == Way::BothWalls {
            expected.push(("SANDBOXED_CARGO_NAMESPACES".into(), Some("require".into())));
        }
        if way.is_sandboxed() {
            expected.retain(|(name, _)| name != "TMPDIR");
            expected.push(("TMPDIR".into(), None));
        } else {
            expected.extend(secret.map(|name| (name.into(), Some("x".into()))));
        }
        expected.sort();
        let is_ours = |line: &[u8]| String::from_utf8_lossy(line).contains(TEMPORARY);
        let found: Vec<_> = told(&finished, "variable")
            .into_iter()
            .filter(|line| {
                let of_units = [
                    &b"RUSTC_WRAPPER="[..],
                    b"RUSTDOC=",
                    b"SANDBOXED_CARGO_UNIT=",
                ];
                !(line.starts_with(b"SANDBOXED_CARGO_LOOP=")
                    || of_units.iter().any(|start| line.starts_with(start))
                    || line.starts_with(b"TMPDIR=") && is_ours(line))
            })
            .map(<[u8]>::to_vec)
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .filter_map(|(name, value)| {
                let value = value?;
                Some([escaped(name), b"=".to_vec(), escaped(value)].concat())
            })
            .collect();
        let text = |lines: Vec<Vec<u8>>| {
            let lines = lines
                .into_iter()
                .map(|line| String::from_utf8(line).unwrap());
            lines.collect::<Vec<_>>()
        };
        assert_eq!(text(found), text(expected), "{way:?}");
    }
}

/// An alias of the user's is understood, and arrives as it was typed.
#[test]
fn aliases() {
    let project = package();
    project.home_file(
        ".cargo/config.toml",
        "[alias]\nbb = \"build\"\nrel = [\"bb\", \"--release\"]\nlist-all = \"tree --all\"\n\
         empty = \"\"\nself = \"self\"\nme = \"you\"\nyou = \"me\"\n",
    );
    let status = "   Sandboxed project (strict)\n";
    for (line, said) in [
        (&["bb"][..], status),
        (&["rel", "--", "x"], status),
        (&["list-all"], ""),
    ] {
        let finished = project.on().args(line).success().stderr(said);
        let expected: Vec<_> = line.iter().map(escaped).collect();
        assert_eq!(told(&finished, "argument"), expected);
    }
    let help = |name: &str| {
        format!(
            "help: change `alias.{name}` in cargo's configuration so that it ends in a command\n"
        )
    };
    for (line, said) in [
        (
            "empty",
            "error: the alias `empty` is empty\n\
             help: give `alias.empty` a command in cargo's configuration\n"
                .to_owned(),
        ),
        (
            "self",
            format!(
                "error: the alias `self` expands to itself: self -> self\n{}",
                help("self")
            ),
        ),
        (
            "me",
            format!(
                "error: the alias `me` expands to itself: me -> you -> me\n{}",
                help("you")
            ),
        ),
    ] {
        project.on().arg(line).finish().code(125).stderr(&said);
    }
    // The real cargo expands it as well, and runs what we took it for.
    let finished = project.sandboxed().arg("rel").success();
    finished.stderr_has("`release` profile");
    assert!(toolchain::cargo().is_file());
}

/// cargo accepts a relative `CARGO_HOME`, seen from where it is called.
#[test]
fn a_relative_home_of_cargo() {
    let project = package();
    project
        .file("package.json", "{}")
        .file("sub/unused", "")
        .file("sub/cargo-home/config.toml", "[alias]\nbb = \"build\"\n");
    let run = project.sandboxed().directory(project.path("sub"));
    let run = run.env("CARGO_HOME", "cargo-home").args(["bb", "--quiet"]);
    run.success().stderr("");
    assert!(!project.path("cargo-home").exists());
}
