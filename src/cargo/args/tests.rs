use super::*;

fn line(arguments: &[&str]) -> CargoLine {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    CargoLine::parse(&arguments)
}

/// The line of arguments that are separated by single spaces.
fn words(text: &str) -> CargoLine {
    line(&text.split(' ').collect::<Vec<_>>())
}

fn text(values: &[OsString]) -> Vec<&str> {
    values.iter().map(|value| value.to_str().unwrap()).collect()
}

fn subcommand(line: &CargoLine) -> Option<&str> {
    line.subcommand.as_deref().and_then(OsStr::to_str)
}

#[track_caller]
fn assert_subcommand(text: &str, name: &str, index: usize) {
    let line = words(text);
    assert_eq!(
        (subcommand(&line), line.subcommand_index),
        (Some(name), Some(index)),
        "{text}"
    );
}

#[test]
fn nothing_is_an_empty_line() {
    assert_eq!(line(&[]), CargoLine::default());
}

#[test]
fn values_are_not_taken_for_the_subcommand() {
    assert_subcommand("build", "build", 0);
    assert_subcommand("+nightly build", "build", 1);
    assert_subcommand("--config foo build", "build", 2);
    assert_subcommand("--config=foo build", "build", 1);
    assert_subcommand("--config test --config=bench build", "build", 3);
    assert_subcommand("--color never build", "build", 2);
    assert_subcommand("-C run build", "build", 2);
    assert_subcommand("-Crun build", "build", 1);
    assert_subcommand("-C=run build", "build", 1);
    assert_subcommand("-Z unstable-options build", "build", 2);
    assert_subcommand("-Zunstable-options build", "build", 1);
    assert_subcommand("-vqZ run build", "build", 2);
    assert_subcommand("-vqZrun build", "build", 1);
    assert_subcommand("--explain E0308 build", "build", 2);
    assert_subcommand("-q --locked --offline --frozen build", "build", 4);
    assert_subcommand("-- build", "build", 1);
    assert_subcommand("- build", "-", 0);
    assert_subcommand("./x.rs build", "./x.rs", 0);
}

#[test]
fn an_empty_argument_is_a_subcommand() {
    assert_eq!(subcommand(&line(&["", "build"])), Some(""));
}

#[test]
fn a_toolchain_is_the_first_argument_only() {
    assert_eq!(words("+nightly build").toolchain, Some("nightly".into()));
    assert_eq!(words("+ build").toolchain, Some("".into()));
    let late = words("-q +nightly build");
    assert_eq!(late.toolchain, None);
    assert_eq!(subcommand(&late), Some("+nightly"));
    let later = words("build +nightly");
    assert_eq!(later.toolchain, None);
}

#[test]
fn options_before_the_subcommand() {
    let line = words("-vvq --color=never --locked -C dir --config a -Zb build");
    assert_eq!(line.verbose, 2);
    assert!(line.quiet && line.locked);
    assert!(!line.offline && !line.frozen);
    assert_eq!(line.color, Some("never".into()));
    assert_eq!(line.directory, Some("dir".into()));
    assert_eq!(text(&line.config), ["a"]);
    assert_eq!(text(&line.unstable), ["b"]);
    assert!(line.unrecognised.is_empty());
}

#[test]
fn options_after_the_subcommand() {
    let line = words(
        "build -vF a -Fb --features=c -j2 -j 3 --manifest-path m/Cargo.toml --target-dir=t \
         --artifact-dir a --lockfile-path=l --offline --frozen --message-format json,short \
         -p x --package=y -pz -p=w --target t1 --target=t2 --no-verify --dry-run --open",
    );
    assert_eq!(line.verbose, 1);
    assert_eq!(line.manifest_path, Some("m/Cargo.toml".into()));
    assert_eq!(line.target_dir, Some("t".into()));
    assert_eq!(line.artifact_dir, Some("a".into()));
    assert_eq!(line.lockfile_path, Some("l".into()));
    assert!(line.offline && line.frozen && line.no_verify && line.dry_run && line.open);
    assert_eq!(text(&line.message_format), ["json,short"]);
    assert_eq!(text(&line.packages), ["x", "y", "z", "w"]);
    assert_eq!(text(&line.targets), ["t1", "t2"]);
    assert_eq!(line.unrecognised, [] as [OsString; 0]);
}

#[test]
fn the_manifest_has_a_short_name() {
    for text in ["build -m x", "build -qmx", "build -m=x"] {
        assert_eq!(words(text).manifest_path, Some("x".into()), "{text}");
    }
}

#[test]
fn json_is_recognised_in_any_spelling() {
    assert!(words("build --message-format json").writes_json());
    assert!(words("build --message-format=short,JSON-render-diagnostics").writes_json());
    assert!(!words("build --message-format=short").writes_json());
    assert!(!words("build").writes_json());
}

#[test]
fn the_old_name_of_the_artifact_directory_is_known() {
    assert_eq!(words("build --out-dir o").artifact_dir, Some("o".into()));
}

// `cargo --config 'build.target-dir="a"' build --config net.offline=true` builds in `target`.
#[test]
fn an_option_after_the_subcommand_replaces_the_same_before_it() {
    let line = words("-v --config a --color always -Zx build -v --config b --color never");
    assert_eq!(text(&line.config), ["b"]);
    assert_eq!(line.color, Some("never".into()));
    assert_eq!(line.verbose, 1);
    assert_eq!(text(&line.unstable), ["x"]);
    assert_eq!(text(&words("--config a build").config), ["a"]);
}

#[test]
fn values_are_not_taken_for_options() {
    let line = words("build --features --release --profile p -j --offline");
    // Cargo refuses the first, and takes the last for the number of jobs.
    assert!(!line.offline);
    let line = words("build --manifest-path --offline");
    assert!(line.offline);
    assert_eq!(line.manifest_path, None);
}

#[test]
fn a_bare_optional_value_is_none() {
    for text in ["build --target", "build --target --release", "build -p -q"] {
        let line = words(text);
        assert!(
            line.targets.is_empty() && line.packages.is_empty(),
            "{text}"
        );
        assert!(line.unrecognised.is_empty(), "{text}");
    }
    assert_eq!(text(&words("build --target=").targets), [""]);
    assert_eq!(text(&words("build --target -").targets), ["-"]);
}

#[test]
fn nothing_after_the_dashes_counts() {
    let line = words("test -p a name -- --target x --offline -- y");
    assert_eq!(line.dashes, Some(4));
    assert_eq!(
        text(&line.after_dashes),
        ["--target", "x", "--offline", "--", "y"]
    );
    assert!(line.targets.is_empty() && !line.offline);
    let bare = words("build --");
    assert_eq!(bare.dashes, Some(1));
    assert!(bare.after_dashes.is_empty());
}

#[test]
fn dashes_before_the_subcommand_are_not_those_of_the_program() {
    let line = words("-- build -q");
    assert_eq!(subcommand(&line), Some("build"));
    assert_eq!(line.dashes, None);
    assert!(line.after_dashes.is_empty() && line.quiet);
    let line = words("-- run -- x");
    assert_eq!(line.dashes, Some(2));
    assert_eq!(text(&line.after_dashes), ["x"]);
}

// `cargo run prog --target x` gives the program all three words.
#[test]
fn run_stops_at_the_first_positional_argument() {
    let line = words("run -q prog --target x --help");
    assert!(line.quiet && !line.help);
    assert!(line.targets.is_empty());
    assert_eq!(line.dashes, None);
    assert_eq!(
        text(&line.after_dashes),
        ["prog", "--target", "x", "--help"]
    );
    let line = words("run --bin a b --bin c -- d");
    assert_eq!(text(&line.after_dashes), ["b", "--bin", "c", "--", "d"]);
    let line = words("rustc x --offline");
    assert!(!line.offline);
    // The other commands read on.
    assert!(words("test name --offline").offline);
}

#[test]
fn the_same_letter_means_different_things() {
    assert!(words("build -r x").after_dashes.is_empty());
    let owner = words("owner -r --list");
    assert!(owner.list, "-r wants a name, and an option is none");
    assert!(
        !words("owner -r -l --list")
            .unrecognised
            .contains(&"-l".into())
    );
    let vendor = words("vendor -s --offline/Cargo.toml --offline");
    assert!(vendor.offline);
    assert_eq!(text(&words("tree --target all").targets), ["all"]);
    assert!(words("tree -f --version").version);
    assert!(!words("install --version 1.0.0 x").version);
    assert!(!words("build --version").version);
}

#[test]
fn options_that_stop_everything() {
    let front = words("--help build").front;
    assert!(front.help && !words("--help build").help);
    assert!(words("-V").front.version);
    assert!(words("--list").front.list);
    assert!(words("--explain E0001").front.explain);
    let back = words("build -qh");
    assert!(back.help && back.quiet && !back.front.help);
    assert!(words("package --list").list);
    assert!(!words("package --list").front.list);
    assert!(!words("test -- --help").help);
}

#[test]
fn unknown_options_are_remembered() {
    let line = words("--wat build --later x -y --wat=1");
    assert!(line.front.unrecognised);
    assert_eq!(
        text(&line.unrecognised),
        ["--wat", "--later", "-y", "--wat=1"]
    );
    // Abbreviations are not accepted by cargo, and -C only before the subcommand.
    assert_eq!(text(&words("build --off").unrecognised), ["--off"]);
    assert_eq!(text(&words("build -C d").unrecognised), ["-C"]);
    assert_eq!(words("build -C d").directory, None);
    // The rest of a cluster may be a value.
    assert!(!words("build -yv").unrecognised.is_empty());
    assert_eq!(words("build -yv").verbose, 0);
    assert_eq!(text(&words("build --=x ---").unrecognised), ["--=x", "---"]);
}

#[test]
fn install_and_add_have_a_path() {
    assert_eq!(words("install --path p --root r").path, Some("p".into()));
    assert_eq!(words("install --path p --root r").root, Some("r".into()));
    // Elsewhere cargo refuses it.
    assert_eq!(words("build --path p").path, None);
}

#[test]
fn many_arguments_and_odd_ones() {
    let mut arguments = vec!["build".to_owned()];
    arguments.extend((0..5000).map(|n| format!("--features=f{n}")));
    arguments.extend(["-p".into(), "x".into()]);
    let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
    assert_eq!(text(&CargoLine::parse(&arguments).packages), ["x"]);
    for odd in [
        "", "-", "--", "---", "--=", "-=", "-é", "-vé", "--é=é", "+", "-j", "\0", "-\0",
    ] {
        for place in [
            vec![odd],
            vec!["build", odd],
            vec![odd, "build"],
            vec![odd, odd],
        ] {
            line(&place);
        }
    }
}

#[test]
fn every_value_may_be_empty() {
    let line = line(&[
        "build",
        "--manifest-path",
        "",
        "--config=",
        "-p",
        "",
        "--offline",
    ]);
    assert_eq!(line.manifest_path, Some("".into()));
    assert_eq!(text(&line.config), [""]);
    assert_eq!(text(&line.packages), [""]);
    assert!(line.offline);
}

#[cfg(unix)]
mod not_utf8 {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    use super::*;

    fn line(arguments: &[&[u8]]) -> CargoLine {
        let arguments: Vec<OsString> = arguments
            .iter()
            .map(|bytes| OsString::from_vec(bytes.to_vec()))
            .collect();
        CargoLine::parse(&arguments)
    }

    #[test]
    fn a_value_of_its_own_is_kept_exactly() {
        let line = line(&[b"-C", b"/a\xff", b"build", b"--manifest-path", b"\xfe/x"]);
        assert_eq!(line.directory.unwrap().as_os_str().as_bytes(), b"/a\xff");
        assert_eq!(
            line.manifest_path.unwrap().as_os_str().as_bytes(),
            b"\xfe/x"
        );
        assert!(line.undecodable.is_empty());
    }

    #[test]
    fn an_attached_value_is_marked() {
        for argument in [&b"--manifest-path=/\xff"[..], b"-qp\xff", b"-p=\xff"] {
            let line = line(&[b"build", argument]);
            assert_eq!(line.undecodable, [OsStr::from_bytes(argument)]);
        }
        assert_eq!(line(&[b"-C/\xff", b"build"]).undecodable.len(), 1);
        assert_eq!(line(&[b"+\xff", b"build"]).undecodable.len(), 1);
    }

    #[test]
    fn elsewhere_it_is_unknown_or_opaque() {
        assert_eq!(line(&[b"build", b"--\xff"]).unrecognised.len(), 1);
        assert_eq!(line(&[b"build", b"-\xff"]).unrecognised.len(), 1);
        assert_eq!(line(&[b"\xff"]).subcommand.unwrap().as_bytes(), b"\xff");
        let run = line(&[b"run", b"--", b"--config=\xff"]);
        assert!(run.undecodable.is_empty());
        assert_eq!(run.after_dashes[0].as_bytes(), b"--config=\xff");
    }
}
