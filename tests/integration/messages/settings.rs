use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::refused;
use crate::support::skip;
use crate::tools::{WithStandIn as _, package};

const FILE: &str = "error: `[ROOT]/home/work/project/package.json`";
const NEEDED: &str = "help: the host's settings are read from it, so nothing is built without it\n";

const NAMES: &str = "help: names are compared exactly, without patterns or versions; write one \
                     entry for each package, such as `@scope/name`\n";
const VARIABLES: &str = "help: names are compared exactly; write one entry for each variable, such \
                         as `PROTOC`\n";
const PATHS: &str = "help: write a path that is absolute, relative to the folder of \
                     `package.json`, or begins with `~/`\n";

/// Contents, and what is said of them.
const FIELDS: &[(&str, &str, &str)] = &[
    (
        r#"{"perry": 1}"#,
        "`perry` must be an object, found a number",
        "",
    ),
    (
        r#"{"perry": null}"#,
        "`perry` must be an object, found null",
        "",
    ),
    (
        r#"{"perry": {}, "perry": {}}"#,
        "`perry` is given twice",
        "help: keep one of them\n",
    ),
    (
        r#"{"perry": {"allowUnsandboxedBuild": "@a/b"}}"#,
        "`perry.allowUnsandboxedBuild` must be an array of strings, found a string",
        "",
    ),
    (
        r#"{"perry": {"allowUnsandboxedBuild": true}}"#,
        "`perry.allowUnsandboxedBuild` must be an array of strings, found a boolean",
        "",
    ),
    (
        r#"{"perry": {"allowUnsandboxedBuild": ["@a/b", {}]}}"#,
        "`perry.allowUnsandboxedBuild[1]` must be a string, found an object",
        "",
    ),
    (
        r#"{"perry": {"allowUnsandboxedBuild": ["*"]}}"#,
        "`perry.allowUnsandboxedBuild[0]` is not a package's name: `*`",
        NAMES,
    ),
    (
        r#"{"perry": {"allowUnsandboxedBuild": ["a@1.0.0"]}}"#,
        "`perry.allowUnsandboxedBuild[0]` is not a package's name: `a@1.0.0`",
        NAMES,
    ),
    (
        r#"{"perry": {"cacheDir": 1}}"#,
        "`perry.cacheDir` must be a string, found a number",
        "",
    ),
    (
        r#"{"perry": {"cacheDir": ""}}"#,
        "`perry.cacheDir` must not be empty",
        PATHS,
    ),
    (
        r#"{"perry": {"sandbox": []}}"#,
        "`perry.sandbox` must be an object, found an array",
        "",
    ),
    (
        r#"{"perry": {"sandbox": {"network": true}}}"#,
        "`perry.sandbox.network` is not a setting",
        "help: the settings are `keepEnvironment`, `profile`, `programs` and `read`\n",
    ),
    (
        r#"{"perry": {"sandbox": {"profile": 1}}}"#,
        "`perry.sandbox.profile` must be a string, found a number",
        "",
    ),
    (
        r#"{"perry": {"sandbox": {"profile": "open"}}}"#,
        "`perry.sandbox.profile` must be `strict` or `compat`, found `open`",
        "",
    ),
    (
        r#"{"perry": {"sandbox": {"keepEnvironment": {}}}}"#,
        "`perry.sandbox.keepEnvironment` must be an array of strings, found an object",
        "",
    ),
    (
        r#"{"perry": {"sandbox": {"keepEnvironment": ["AWS_*"]}}}"#,
        "`perry.sandbox.keepEnvironment[0]` is not a variable's name: `AWS_*`",
        VARIABLES,
    ),
    (
        r#"{"perry": {"sandbox": {"read": [null]}}}"#,
        "`perry.sandbox.read[0]` must be a string, found null",
        "",
    ),
    (
        r#"{"perry": {"sandbox": {"read": ["~other/x"]}}}"#,
        "`perry.sandbox.read[0]` names another user's home folder",
        PATHS,
    ),
];

#[test]
fn a_field_with_a_wrong_value() {
    let project = package();
    for (json, problem, help) in FIELDS {
        project.file("package.json", json);
        refused(
            &project,
            project.on().arg("build"),
            &format!("{FILE}: {problem}\n{help}"),
        );
    }
}

#[test]
fn a_file_that_is_not_json() {
    let project = package();
    let correct = "help: correct the file; the host's settings are read from it\n";
    let deep = "[".repeat(100_000);
    for (json, problem, help) in [
        (
            &b""[..],
            " is not valid JSON: EOF while parsing a value at line 1 column 0",
            correct,
        ),
        (
            b"{\"perry\": {",
            " is not valid JSON: EOF while parsing an object at line 1 column 11",
            correct,
        ),
        (
            b"{\n  \"perry\": {},\n}",
            " is not valid JSON: trailing comma at line 3 column 1",
            correct,
        ),
        (
            deep.as_bytes(),
            " is not valid JSON: recursion limit exceeded at line 1 column 128",
            correct,
        ),
        (b"[]", " must hold an object, found an array", ""),
        (
            b"{\"name\": \"\xff\"}",
            " is not UTF-8",
            "help: save the file as UTF-8\n",
        ),
    ] {
        project.file("package.json", json);
        refused(
            &project,
            project.on().arg("build"),
            &format!("{FILE}{problem}\n{help}"),
        );
    }
}

type Make = fn(&Path);

#[test]
fn something_that_is_no_file() {
    let make: [(&str, Make); 5] = [
        ("is a directory, not a file", |path| {
            fs::create_dir(path).unwrap();
        }),
        ("is not a regular file", |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        }),
        ("is not a regular file", |path| {
            symlink("/dev/zero", path).unwrap();
        }),
        ("is a link to nothing", |path| {
            symlink("missing", path).unwrap();
        }),
        ("is larger than 8 MiB", |path| {
            let file = fs::File::create(path).unwrap();
            file.set_len((8 << 20) + 1).unwrap();
        }),
    ];
    for (problem, make) in make {
        let project = package();
        make(&project.path("package.json"));
        refused(
            &project,
            project.on().arg("build"),
            &format!("{FILE} {problem}\n{NEEDED}"),
        );
    }
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let project = package();
    project.file(
        "package.json",
        "\u{feff}{\"perry\": {\"sandbox\": {\"profile\": \"compat\"}}}",
    );
    let run = project.on().env("STAND_IN", "mute").arg("build");
    run.success().stderr("   Sandboxed project (compat)\n");
}

const ELSEWHERE: &str = "help: set `PERRY_CACHE_DIR` to a folder that you own\n";

#[test]
fn a_cache_directory_that_is_none() {
    let project = package();
    let cache = project.path(".perry-cache");
    let run = || project.on().arg("build");
    let name = "error: the cache directory `[ROOT]/home/work/project/.perry-cache`";

    for target in ["/tmp", "src", "missing"] {
        symlink(target, &cache).unwrap();
        refused(
            &project,
            run(),
            &format!(
                "{name} is a link, and may lead anywhere\n{ELSEWHERE}\
                 help: remove the link `[ROOT]/home/work/project/.perry-cache`\n"
            ),
        );
        fs::remove_file(&cache).unwrap();
    }
    fs::write(&cache, "").unwrap();
    refused(
        &project,
        run(),
        &format!("{name} is not a directory\n{ELSEWHERE}"),
    );
    fs::remove_file(&cache).unwrap();

    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    refused(
        &project,
        run(),
        &format!(
            "{name} may be written to by everybody\n{ELSEWHERE}\
             help: or correct it: `chmod go-w '[ROOT]/home/work/project/.perry-cache'`\n"
        ),
    );
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(cache.join("probe"), "").is_ok() {
        return skip(
            "a cache directory that is not writable",
            "root may write everywhere",
        );
    }
    refused(
        &project,
        run(),
        &format!("{name} cannot be written to: Permission denied (os error 13)\n{ELSEWHERE}"),
    );
    fs::remove_dir(&cache).unwrap();
    fs::set_permissions(project.path(""), fs::Permissions::from_mode(0o555)).unwrap();
    refused(
        &project,
        run(),
        &format!("{name} could not be created: Permission denied (os error 13)\n{ELSEWHERE}"),
    );
    fs::set_permissions(project.path(""), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_cache_directory_that_holds_the_host() {
    let project = package();
    for (value, problem) in [
        ("/", "is not a folder of its own"),
        ("..", "is not a folder of its own"),
        (".", "is not a folder of its own"),
    ] {
        project.file(
            "package.json",
            format!("{{\"perry\": {{\"cacheDir\": \"{value}\"}}}}"),
        );
        let shown = match value {
            "/" => "/".to_owned(),
            _ => format!("[ROOT]/home/work/project/{value}"),
        };
        refused(
            &project,
            project.on().arg("build"),
            &format!("error: the cache directory `{shown}` {problem}\n{ELSEWHERE}"),
        );
    }
}

#[test]
fn a_lock_file_that_is_none() {
    let project = package();
    project.file("elsewhere", "");
    project.home_file("work/project/.perry-cache/.gitignore", "*\n");
    project.file(".perry-cache/fetch-host-project.json", "");
    symlink("elsewhere", project.path("Cargo.lock")).unwrap();
    refused(
        &project,
        project.on().arg("build"),
        "error: `[ROOT]/home/work/project/Cargo.lock` is not a regular file\n\
         help: a link there could make cargo write anywhere: put the file itself there\n",
    );
}
