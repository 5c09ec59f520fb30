use super::*;
use crate::host::tree::Tree;

fn read(contents: &str) -> anyhow::Result<Settings> {
    let tree = Tree::new();
    tree.file("package.json", contents);
    Settings::read(&tree.at(""))
}

/// The message, with the path taken out, and the `help:` lines.
#[track_caller]
fn refused(contents: impl AsRef<[u8]>) -> (String, Vec<String>) {
    let tree = Tree::new();
    tree.file("package.json", contents);
    refused_in(&tree)
}

#[track_caller]
fn refused_in(tree: &Tree) -> (String, Vec<String>) {
    let error = Settings::read(&tree.at("")).unwrap_err();
    let failure: &Failure = error.downcast_ref().unwrap();
    let path = tree.at("package.json").display().to_string();
    let message = failure.to_string();
    assert!(message.contains(&path), "{message}");
    (message.replace(&path, "P"), failure.help_lines().to_vec())
}

#[track_caller]
fn assert_refused(contents: impl AsRef<[u8]>, message: &str) {
    assert_eq!(refused(contents).0, message);
}

#[test]
fn nothing_said_means_defaults() {
    assert_eq!(
        Settings::read(&Tree::new().at("")).unwrap(),
        Settings::default()
    );
    for contents in [
        "{}",
        "\u{feff}{}",
        r#"{"perry": {}}"#,
        r#"{"perry": {"sandbox": {}, "allowUnsandboxedBuild": []}}"#,
        r#"{"perry": {"compilePackages": "*", "other": {"sandbox": 1}}}"#,
        r#"{"allowUnsandboxedBuild": 1, "sandbox": 1, "cacheDir": 1}"#,
        r#"{"name": "a", "name": "b", "scripts": {"x": "1", "x": "2"}}"#,
    ] {
        assert_eq!(read(contents).unwrap(), Settings::default(), "{contents}");
    }
}

#[test]
fn everything_said_is_read() {
    let settings = read(
        "\u{feff}{
            \"name\": \"app\",
            \"perry\": {
                \"allowUnsandboxedBuild\": [\"@scope/name\", \"plain\", \"JSONStream\", \"a.b_c~d\"],
                \"cacheDir\": \"some where\",
                \"sandbox\": {
                    \"profile\": \"compat\",
                    \"keepEnvironment\": [\"PROTOC\", \"ProgramFiles(x86)\"],
                    \"read\": [\"../shared\", \"~/models\", \"/opt/data\", \"~\", \"ü\"]
                }
            }
        }",
    )
    .unwrap();
    assert_eq!(
        settings.allow_unsandboxed_build,
        ["@scope/name", "plain", "JSONStream", "a.b_c~d"]
    );
    assert_eq!(settings.cache_dir.as_deref(), Some(Path::new("some where")));
    assert_eq!(settings.profile, Some(Profile::Compat));
    assert_eq!(settings.keep_environment, ["PROTOC", "ProgramFiles(x86)"]);
    let paths = settings
        .read_paths(Path::new("/app"), Some(Path::new("/home/me")))
        .unwrap();
    let expected = [
        "/app/../shared",
        "/home/me/models",
        "/opt/data",
        "/home/me",
        "/app/ü",
    ];
    assert_eq!(paths, expected.map(PathBuf::from));
    let error = settings.read_paths(Path::new("/app"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/app/package.json`: `perry.sandbox.read` names `~/models`, but there is no home folder"
    );
    assert_eq!(
        read(r#"{"perry": {"sandbox": {"profile": "strict"}}}"#)
            .unwrap()
            .profile,
        Some(Profile::Strict)
    );
}

#[test]
fn wrong_type_is_an_error_with_its_field() {
    for (contents, message) in [
        ("[]", "`P` must hold an object, found an array"),
        ("null", "`P` must hold an object, found null"),
        (
            r#"{"perry": []}"#,
            "`P`: `perry` must be an object, found an array",
        ),
        (
            r#"{"perry": null}"#,
            "`P`: `perry` must be an object, found null",
        ),
        (
            r#"{"perry": {"allowUnsandboxedBuild": "x"}}"#,
            "`P`: `perry.allowUnsandboxedBuild` must be an array of strings, found a string",
        ),
        (
            r#"{"perry": {"allowUnsandboxedBuild": true}}"#,
            "`P`: `perry.allowUnsandboxedBuild` must be an array of strings, found a boolean",
        ),
        (
            r#"{"perry": {"allowUnsandboxedBuild": {"x": true}}}"#,
            "`P`: `perry.allowUnsandboxedBuild` must be an array of strings, found an object",
        ),
        (
            r#"{"perry": {"allowUnsandboxedBuild": ["x", 7]}}"#,
            "`P`: `perry.allowUnsandboxedBuild[1]` must be a string, found a number",
        ),
        (
            r#"{"perry": {"allowUnsandboxedBuild": [["x"]]}}"#,
            "`P`: `perry.allowUnsandboxedBuild[0]` must be a string, found an array",
        ),
        (
            r#"{"perry": {"cacheDir": 1.5}}"#,
            "`P`: `perry.cacheDir` must be a string, found a number",
        ),
        (
            r#"{"perry": {"sandbox": "strict"}}"#,
            "`P`: `perry.sandbox` must be an object, found a string",
        ),
        (
            r#"{"perry": {"sandbox": {"profile": false}}}"#,
            "`P`: `perry.sandbox.profile` must be a string, found a boolean",
        ),
        (
            r#"{"perry": {"sandbox": {"profile": "Strict"}}}"#,
            "`P`: `perry.sandbox.profile` must be `strict` or `compat`, found `Strict`",
        ),
        (
            r#"{"perry": {"sandbox": {"keepEnvironment": [null]}}}"#,
            "`P`: `perry.sandbox.keepEnvironment[0]` must be a string, found null",
        ),
        (
            r#"{"perry": {"sandbox": {"read": -1}}}"#,
            "`P`: `perry.sandbox.read` must be an array of strings, found a number",
        ),
    ] {
        assert_refused(contents, message);
    }
}

#[test]
fn unknown_sandbox_setting_is_an_error() {
    assert_eq!(
        refused("{\"perry\": {\"sandbox\": {\"Read\\u001b[0m\": []}}}"),
        (
            "`P`: `perry.sandbox.Read\\u{1b}[0m` is not a setting".to_owned(),
            vec!["the settings are `keepEnvironment`, `profile`, `programs` and `read`".to_owned()],
        )
    );
}

#[test]
fn setting_given_twice_is_an_error() {
    for (contents, field) in [
        (r#"{"perry": {}, "perry": {}}"#, "perry"),
        (r#"{"perry": {}, "p\u0065rry": {}}"#, "perry"),
        (
            r#"{"perry": {"allowUnsandboxedBuild": [], "allowUnsandboxedBuild": ["x"]}}"#,
            "perry.allowUnsandboxedBuild",
        ),
        (
            r#"{"perry": {"cacheDir": "a", "cacheDir": "a"}}"#,
            "perry.cacheDir",
        ),
        (
            r#"{"perry": {"sandbox": {}, "sandbox": {}}}"#,
            "perry.sandbox",
        ),
        (
            r#"{"perry": {"sandbox": {"read": [], "read": []}}}"#,
            "perry.sandbox.read",
        ),
    ] {
        assert_refused(contents, &format!("`P`: `{field}` is given twice"));
    }
}

#[test]
fn package_names_are_no_patterns() {
    for name in [
        "",
        " ",
        "*",
        "@scope/*",
        "@scope",
        "@scope/",
        "@/name",
        "@scope/a/b",
        "a/b",
        "/a",
        "a/",
        " a",
        "a ",
        "a\\nb",
        "foo@1.0.0",
        "@s/foo@1",
        "!a",
        "a?",
        "[ab]",
        "{a,b}",
        "..",
        ".pnpm",
        "./a",
        "a\\u0000",
        "npm:a",
        "a\\\\b",
        "a\\u3000b",
    ] {
        let contents = format!(r#"{{"perry": {{"allowUnsandboxedBuild": ["ok", "{name}"]}}}}"#);
        let (message, help) = refused(&contents);
        assert!(
            message.starts_with("`P`: `perry.allowUnsandboxedBuild[1]` is not a package's name: `"),
            "{message}"
        );
        assert!(!message.contains(char::is_control));
        assert_eq!(help.len(), 1);
    }
}

#[test]
fn variable_names_are_no_patterns() {
    for name in ["", "A B", "A=B", "*_TOKEN", "$HOME", "A\\u0000"] {
        let contents = format!(r#"{{"perry": {{"sandbox": {{"keepEnvironment": ["{name}"]}}}}}}"#);
        let (message, _) = refused(&contents);
        assert!(
            message.starts_with("`P`: `perry.sandbox.keepEnvironment[0]` is not a variable's name"),
            "{message}"
        );
    }
}

#[test]
fn paths_are_no_patterns() {
    for (path, problem) in [
        ("", "must not be empty"),
        ("a\\u0000", "must not contain control characters"),
        ("a\\n", "must not contain control characters"),
        ("/opt/*", "must be a path, not a pattern"),
        ("~root/x", "names another user's home folder"),
    ] {
        let contents = format!(r#"{{"perry": {{"sandbox": {{"read": ["{path}"]}}}}}}"#);
        assert_refused(
            &contents,
            &format!("`P`: `perry.sandbox.read[0]` {problem}"),
        );
        let contents = format!(r#"{{"perry": {{"cacheDir": "{path}"}}}}"#);
        assert_refused(&contents, &format!("`P`: `perry.cacheDir` {problem}"));
    }
}

#[test]
fn malformed_file_is_an_error() {
    for (contents, message) in [
        (
            "",
            "`P` is not valid JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "{",
            "`P` is not valid JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "{} x",
            "`P` is not valid JSON: trailing characters at line 1 column 4",
        ),
        (
            "{\"perry\": {\"allowUnsandboxedBuild\": [\"a\",]}}",
            "`P` is not valid JSON: trailing comma at line 1 column 42",
        ),
        (
            "// comment\n{}",
            "`P` is not valid JSON: expected value at line 1 column 1",
        ),
    ] {
        assert_refused(contents, message);
    }
    assert_refused(b"{\"a\": \"\xff\"}", "`P` is not UTF-8");
    assert_refused(b"\xff\xfe{\0}\0", "`P` is not UTF-8");
}

#[test]
fn deep_file_is_an_error_and_not_a_crash() {
    for depth in [200, 1_000_000] {
        let (message, _) = refused("[".repeat(depth));
        assert!(message.contains("recursion limit exceeded"), "{message}");
        let (message, _) = refused("{\"a\":".repeat(depth));
        assert!(message.contains("recursion limit exceeded"), "{message}");
    }
    assert!(read(&format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100))).is_ok());
}

#[test]
fn huge_file_is_an_error() {
    let start = r#"{"a": ""#;
    let size = usize::try_from(LARGEST).unwrap();
    let filler = "x".repeat(size - start.len() - 2);
    let largest = format!("{start}{filler}\"}}");
    assert_eq!(largest.len(), size);
    assert!(read(&largest).is_ok());
    assert_refused(format!("{largest} "), "`P` is larger than 8 MiB");
}

#[test]
fn what_is_not_a_file_is_an_error() {
    let help =
        vec!["the host's settings are read from it, so nothing is built without it".to_owned()];
    for (make, problem) in [
        (
            (|tree| tree.dir("package.json")) as fn(&Tree) -> &Tree,
            "is a directory, not a file",
        ),
        (|tree| tree.fifo("package.json"), "is not a regular file"),
        (
            |tree| tree.link("package.json", "/dev/zero"),
            "is not a regular file",
        ),
        (
            |tree| tree.link("package.json", "nowhere"),
            "is a link to nothing",
        ),
        (
            |tree| tree.link("package.json", "package.json"),
            "could not be read: Too many levels of symbolic links (os error 40)",
        ),
    ] {
        let tree = Tree::new();
        make(&tree);
        let (message, lines) = refused_in(&tree);
        if problem.starts_with("could not be read") {
            assert!(message.starts_with("`P` could not be read: "), "{message}");
        } else {
            assert_eq!(message, format!("`P` {problem}"));
        }
        assert_eq!(lines, help);
    }
}

#[test]
fn link_to_a_file_is_followed() {
    let tree = Tree::new();
    tree.file("real.json", r#"{"perry": {"cacheDir": "x"}}"#)
        .link("package.json", "real.json");
    let settings = Settings::read(&tree.at("")).unwrap();
    assert_eq!(settings.cache_dir.as_deref(), Some(Path::new("x")));
}

#[test]
fn unreadable_file_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new();
    tree.file("package.json", "{}");
    let path = tree.at("package.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads it all the same.
    if std::fs::read(&path).is_err() {
        assert_eq!(
            refused_in(&tree).0,
            "`P` could not be read: Permission denied (os error 13)"
        );
    }
}
