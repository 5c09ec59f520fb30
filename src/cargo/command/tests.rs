use super::*;

const ALIASES: &[(&str, &[&str])] = &[
    ("a.b", &["tree"]),
    ("b", &["version"]),
    ("build", &["version"]),
    ("clippy", &["fetch"]),
    ("dashed", &["--", "build"]),
    ("direct", &["-C", "elsewhere", "build"]),
    ("empty", &[]),
    ("flags", &["--offline"]),
    ("helped", &["--help"]),
    ("loop1", &["loop2"]),
    ("loop2", &["loop1", "-q"]),
    ("nested", &["--config", "inner", "plain"]),
    ("plain", &["build", "-q"]),
    ("prog", &["run", "--", "fixed"]),
    ("self", &["self"]),
    ("versioned", &["-V", "build"]),
    ("x.rs", &["build"]),
];

#[expect(clippy::unnecessary_wraps, reason = "classify takes such a function")]
fn lookup(name: &str) -> Result<Option<Vec<String>>> {
    Ok(ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map(|(_, words)| words.iter().map(|word| (*word).to_owned()).collect()))
}

fn split(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

/// Without any alias but cargo's own.
fn bare(text: &str) -> Classified {
    classify(&split(text), |_| Ok(None)).unwrap()
}

fn aliased(text: &str) -> Classified {
    classify(&split(text), lookup).unwrap()
}

fn failure(text: &str) -> String {
    let error = classify(&split(text), lookup).unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    format!("{failure}\nhelp: {}", failure.help_lines().join("\n"))
}

/// Without an alias of the user's.
const KINDS: &[(Kind, &[&str])] = &[
    (
        Kind::Plain,
        &[
            "",
            "+nightly",
            "-q",
            "--version",
            "-V",
            "-vV",
            "--help",
            "-h",
            "--list",
            "-h build",
            "-V build",
            "--list build",
            "build --help",
            "build -qh",
            "b -h",
            "-h b",
            "run --help",
            "run -h prog",
            "test --help",
            "clippy --help",
            "clippy -V",
            "tree --version",
            "help",
            "help build",
            "help nextest",
            "version",
            "new x",
            "init",
            "locate-project",
            "read-manifest",
            "verify-project",
            "report future-incompat",
            "config get",
            "uninstall x",
            "git-checkout",
            "install --list",
            "publish --help",
        ],
    ),
    (
        Kind::Resolves,
        &[
            "metadata --format-version 1",
            "fetch",
            "tree",
            "update",
            "generate-lockfile",
            "vendor",
            "add serde",
            "remove serde",
            "rm serde",
            "search x",
            "login",
            "logout",
            "owner",
            "yank x",
            "info x",
            "clean",
            "pkgid",
            "fmt --check",
            "package --no-verify",
            "package --list",
            "package -l",
            "publish --no-verify",
            "--explain E0308",
        ],
    ),
    (
        Kind::Compiles,
        &[
            "build",
            "b",
            "c",
            "d",
            "-- b",
            "check",
            "clippy",
            "clippy -- -D warnings",
            "clippy -- --fix",
            "doc --open",
            "rustc",
            "rustdoc",
            "package",
            "test --no-run",
            "t --no-run",
            "bench --no-run",
            "build --release --manifest-path x",
            "--config foo build",
            "build --no-verify",
            "build -- --help",
            // These look harmless, but cargo expands the alias and then has no such flag.
            "-V b",
            "--list b",
            "--explain E0308 b",
            // The flag may be the value of the option before it.
            "build --later --help",
            "package --later --no-verify",
        ],
    ),
    (
        Kind::EditsSources,
        &[
            "fix",
            "fix --edition",
            "clippy --fix",
            "clippy --fix -- -D warnings",
        ],
    ),
    (
        Kind::RunsProgram,
        &[
            "run",
            "r",
            "t",
            "test",
            "bench",
            "run -- --help",
            "run prog --help",
            "test -- --no-run",
            "test -- --help",
            "test --later --no-run",
            "nextest run",
            "nextest --help",
        ],
    ),
    (
        Kind::Installs,
        &["install --path .", "install --path=. --root r"],
    ),
    (
        Kind::InstallsFromElsewhere,
        &[
            "install x",
            "install --offline x",
            "--frozen install x",
            "install --git u",
            "install --later --list",
        ],
    ),
    (
        Kind::Publishes,
        &[
            "publish",
            "publish --dry-run",
            "publish --later --no-verify",
        ],
    ),
    (
        Kind::Unknown,
        &[
            "miri test",
            "expand",
            "./x.rs",
            "x.rs",
            "-Zscript x.rs",
            "dir/x",
            "-",
            "+stable +nightly build",
            "-q +nightly build",
            "--later metadata",
            "--later=x",
            "-y build",
            "BUILD",
            "buil",
        ],
    ),
];

#[test]
fn every_command_has_its_kind() {
    for (kind, lines) in KINDS {
        for text in *lines {
            assert_eq!(bare(text).kind, *kind, "{text}");
        }
    }
}

#[test]
fn an_empty_name_is_unknown() {
    let classified = classify(&[OsString::new(), "build".into()], |_| Ok(None)).unwrap();
    assert_eq!(classified.kind, Kind::Unknown);
}

#[test]
fn built_in_aliases_are_expanded_in_place() {
    let classified = bare("+nightly -q r --bin x prog --target y");
    assert_eq!(classified.command, "run");
    assert_eq!(classified.line.toolchain, Some("nightly".into()));
    assert_eq!(classified.line.subcommand_index, Some(2));
    assert!(classified.line.quiet);
    assert!(classified.line.targets.is_empty());
    assert_eq!(classified.line.after_dashes, ["prog", "--target", "y"]);
    // What follows the alias is read as the command reads it.
    let classified = bare("rm --target x dependency --offline");
    assert_eq!(classified.line.targets, ["x"]);
    assert!(classified.line.offline);
}

#[test]
fn user_aliases_cannot_replace_commands_but_all_else() {
    assert_eq!(aliased("build").command, "build");
    assert_eq!(aliased("b").command, "version");
    assert_eq!(aliased("clippy").command, "fetch");
    assert_eq!(aliased("plain").command, "build");
    assert!(aliased("plain").line.quiet);
    assert_eq!(aliased("a.b").command, "tree");
    assert_eq!(aliased("x.rs").command, "build");
    assert_eq!(aliased("nope").kind, Kind::Unknown);
    assert_eq!(aliased("nope").command, "nope");
}

#[test]
fn an_alias_is_not_looked_up_without_need() {
    for text in ["build", "metadata", "--version", "-h x", "run x", ""] {
        classify(&split(text), |name| panic!("{text}: {name}")).unwrap();
    }
}

#[test]
fn arguments_go_on_after_the_alias() {
    let classified = aliased("prog --target x");
    assert_eq!(classified.kind, Kind::RunsProgram);
    assert_eq!(classified.line.after_dashes, ["fixed", "--target", "x"]);
    let classified = aliased("plain --manifest-path m -- y");
    assert_eq!(classified.line.manifest_path, Some("m".into()));
    assert_eq!(classified.line.after_dashes, ["y"]);
    assert_eq!(aliased("plain --help").kind, Kind::Plain);
    assert_eq!(aliased("flags build").command, "build");
    assert!(aliased("flags build").line.offline);
}

// `cargo --config a b --config b` applies both, unlike `cargo --config a build --config b`, and
// the options that an alias puts before a further alias get lost: tried with cargo 1.95.
#[test]
fn options_before_an_alias_add_to_those_after_it() {
    let line = aliased("-v --config a --offline --color never plain -v --config b").line;
    assert_eq!(line.config, ["a", "b"]);
    assert_eq!(line.verbose, 2);
    assert_eq!(line.color, Some("never".into()));
    assert!(line.offline);
    let line = aliased("--config outer nested").line;
    assert_eq!(line.config, ["outer"]);
    let line = aliased("-C here direct").line;
    assert_eq!(line.directory, Some("here".into()));
    assert_eq!(aliased("direct").line.directory, None);
}

#[test]
fn flags_within_an_alias_count() {
    assert_eq!(aliased("versioned").kind, Kind::Plain);
    assert_eq!(aliased("helped").kind, Kind::Plain);
    assert_eq!(aliased("dashed").command, "build");
}

#[test]
fn doubt_before_an_alias_is_doubt_about_all() {
    assert_eq!(aliased("--later plain").kind, Kind::Unknown);
}

#[test]
fn an_alias_that_leads_nowhere_is_an_error() {
    assert_eq!(
        failure("loop1"),
        "the alias `loop1` expands to itself: loop1 -> loop2 -> loop1\n\
         help: change `alias.loop2` in cargo's configuration so that it ends in a command"
    );
    assert_eq!(
        failure("self x"),
        "the alias `self` expands to itself: self -> self\n\
         help: change `alias.self` in cargo's configuration so that it ends in a command"
    );
    assert_eq!(
        failure("empty build"),
        "the alias `empty` is empty\n\
         help: give `alias.empty` a command in cargo's configuration"
    );
    assert_eq!(
        failure("flags"),
        "the alias `flags` stands for no command\n\
         help: add a command to `alias.flags` in cargo's configuration"
    );
}

#[test]
fn an_unreadable_configuration_is_an_error() {
    let error = classify(&split("x"), |_| Err(Failure::new("unreadable").into())).unwrap_err();
    assert_eq!(error.to_string(), "unreadable");
}

#[cfg(unix)]
#[test]
fn an_argument_that_cargo_cannot_read_is_an_error() {
    use std::os::unix::ffi::OsStringExt;

    let odd = || OsString::from_vec(b"--manifest-path=\xff".to_vec());
    let error = classify(&["build".into(), odd()], lookup).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the argument `--manifest-path=\u{fffd}` is not valid UTF-8, which cargo does not accept"
    );
    assert!(classify(&["plain".into(), odd()], lookup).is_err());
    // The program's own arguments are not ours, also behind an alias.
    for command in ["run", "r"] {
        let arguments = [command.into(), "prog".into(), odd()];
        let classified = classify(&arguments, |_| Ok(None)).unwrap();
        assert_eq!(classified.kind, Kind::RunsProgram);
    }
    let name = OsString::from_vec(b"\xff".to_vec());
    assert_eq!(classify(&[name], lookup).unwrap().kind, Kind::Unknown);
}
