use super::*;

fn parse(words: &[&str]) -> RustcLine {
    try_parse(words).unwrap()
}

fn try_parse(words: &[&str]) -> Result<RustcLine> {
    RustcLine::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
}

/// What a build script can have cargo write is never an option, nor a source.
#[test]
fn directives_do_not_say_where_results_go() {
    let own = [
        "rustc",
        "--crate-name",
        "a",
        "src/lib.txt",
        "--out-dir",
        "/t/deps",
    ];
    for option in [
        "-l",
        "-L",
        "--cfg",
        "--check-cfg",
        "-C",
        "--extern",
        "--remap-path-prefix",
    ] {
        for value in [
            "-o/home/x",
            "-o",
            "--out-dir=/home",
            "--out-dir",
            "--crate-name=b",
            "--crate-type=bin",
            "--json=artifacts",
            "/home/lib.rs",
        ] {
            let line = parse(&[&own[..], &[option, value]].concat());
            assert_eq!(
                line.destination(),
                Some("/t/deps".into()),
                "{option} {value}"
            );
            assert_eq!(line.stem(), "a", "{option} {value}");
            assert_eq!(
                line.source(),
                Some(Path::new("src/lib.txt")),
                "{option} {value}"
            );
            assert!(line.crate_types.is_empty() && !line.tells_artifacts);
            let before = parse(&[&["rustc", option, value], &own[1..]].concat());
            assert_eq!(before.destination(), line.destination(), "{option} {value}");
            assert_eq!(before.source(), line.source(), "{option} {value}");
        }
    }
}

#[test]
fn the_target_folder() {
    let of = |words: &[&str]| {
        let found = parse(words).target_folder();
        found.map(|path| path.to_str().unwrap().to_owned())
    };
    for (place, target) in [
        ("--out-dir=/t/debug/deps", "/t"),
        ("--out-dir=/t/release/examples", "/t"),
        ("--out-dir=/t/debug/build/a-12", "/t"),
        ("-o/t/doc", "/t"),
    ] {
        assert_eq!(of(&[place]).as_deref(), Some(target), "{place}");
        let place = place.replace("/t/", "/t/wasm32-wasip1/");
        for platform in ["wasm32-wasip1", "/x/wasm32-wasip1.json"] {
            let found = of(&[&place, "--target", platform]);
            assert_eq!(found.as_deref(), Some(target), "{place} {platform}");
        }
    }
    assert_eq!(of(&["--out-dir=/elsewhere"]), None);
    assert_eq!(of(&[]), None);
}

#[test]
fn names_are_no_paths() {
    for name in [
        "/home/u/.vim",
        "../.fingerprint/a",
        "a b",
        "a\n",
        "a-b",
        ".",
    ] {
        let words = ["--crate-name", name, "src/lib.rs"];
        assert!(try_parse(&words).is_err(), "{name}");
        let option = format!("extra-filename=-{name}/");
        assert!(
            try_parse(&["-C", &option, "src/lib.rs"]).is_err(),
            "{option}"
        );
    }
    for name in ["a", "build_script_build", "caf\u{e9}", "___"] {
        assert!(
            try_parse(&["--crate-name", name, "-C", "extra-filename=-0a1b"]).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn two_places_for_results_are_refused() {
    for more in [["-o", "/x"], ["--out-dir", "/x"], ["--output", "/x"]] {
        let words = [&["--out-dir=/t"], &more[..]].concat();
        assert!(try_parse(&words).is_err(), "{more:?}");
    }
}

#[test]
fn what_cargo_writes() {
    let line = parse(&[
        "--crate-name",
        "foo",
        "src/lib.rs",
        "--error-format=json",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
        "--crate-type",
        "lib",
        "-C",
        "extra-filename=-0a1b",
        "--out-dir",
        "/t/debug/deps",
        "-C",
        "incremental=/t/debug/incremental",
    ]);
    assert_eq!(line.stem(), "foo-0a1b");
    assert_eq!(line.destination(), Some("/t/debug/deps".into()));
    assert_eq!(line.incremental(), Some(Path::new("/t/debug/incremental")));
    assert!(line.tells_artifacts && !line.is_build_script());
    let words = line.redirected(Path::new("/p"), Some(Path::new("/i/foo")));
    assert_eq!(words[10], "/p");
    assert_eq!(words[12], "incremental=/i/foo");
}

#[test]
fn other_ways_of_writing() {
    let line = parse(&["--out-dir=/a b", "-Cextra-filename=-x", "--crate-name=n"]);
    assert_eq!(line.extra_filename, "-x");
    assert_eq!(line.destination(), Some("/a b".into()));
    assert_eq!(line.stem(), "n-x");
    let words = line.redirected(Path::new("/p"), None);
    assert_eq!(
        words,
        ["--out-dir=/p", "-Cextra-filename=-x", "--crate-name=n"]
    );
    let line = parse(&["--crate-name=n", "-o/x/y.z"]);
    assert_eq!(line.destination(), Some("/x".into()));
    assert_eq!(line.stem(), "y");
    let words = line.redirected(Path::new("/p"), None);
    assert_eq!(words, ["--crate-name=n", "-o/p/y.z"]);
    assert_eq!(parse(&["-o", "name"]).destination(), Some(".".into()));
    // As build scripts ask whether something compiles.
    let line = parse(&["--emit=metadata", "-o", "-", "-"]);
    assert_eq!(line.destination(), None);
    let words = line.redirected(Path::new(""), None);
    assert_eq!(words, ["--emit=metadata", "-o", "-", "-"]);
    for words in [&["-o", "/t/doc"][..], &["--out-dir=/t/doc"]] {
        assert_eq!(parse(words).pages(), Some(Path::new("/t/doc")));
    }
    assert_eq!(parse(&["-vV"]).destination(), None);
    assert_eq!(
        parse(&["--crate-name"]),
        RustcLine {
            words: vec!["--crate-name".into()],
            ..RustcLine::default()
        }
    );
    assert_eq!(parse(&["--out-dir="]).destination(), Some("".into()));
}

#[test]
fn build_scripts_are_told_by_all_of_their_signs() {
    let script = |name: &str, kind: &str, folder: &str| {
        parse(&[
            "--crate-name",
            name,
            "--crate-type",
            kind,
            "--out-dir",
            folder,
        ])
        .is_build_script()
    };
    assert!(script("build_script_build", "bin", "/t/debug/build/foo-12"));
    assert!(script(
        "build_script_main",
        "bin",
        "/t/debug/build/foo/12/out"
    ));
    assert!(!script(
        "build_script_build",
        "lib",
        "/t/debug/build/foo-12"
    ));
    assert!(!script("build_script_build", "bin", "/t/debug/deps"));
    assert!(!script("foo", "bin", "/t/debug/build/foo-12"));
}
