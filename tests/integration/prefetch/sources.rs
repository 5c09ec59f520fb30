use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use super::lock;
use crate::support::command::{Finished, Run};
use crate::support::project::Project;
use crate::support::{skip, toolchain};

/// A project that needs the crate `dep` 1.2.3, by this line of its manifest.
fn needing(line: &str) -> Project {
    let project = Project::new();
    project.package("", &format!("[dependencies]\n{line}\n"));
    project.file("src/lib.rs", "pub fn seven() -> u32 { dep::SEVEN }\n");
    project
}

fn write_dep(project: &Project, folder: &str) {
    project
        .home_file(
            format!("{folder}/Cargo.toml"),
            "[package]\nname = \"dep\"\nversion = \"1.2.3\"\nedition = \"2021\"\n",
        )
        .home_file(
            format!("{folder}/src/lib.rs"),
            "pub const SEVEN: u32 = 7;\n",
        );
}

/// `cargo vendor` leaves this: a folder instead of the registry.
fn vendored() -> Project {
    let project = needing("dep = \"1\"");
    write_dep(&project, "work/project/vendor/dep");
    project
        .file(
            "vendor/dep/.cargo-checksum.json",
            "{\"files\":{},\"package\":null}",
        )
        .file(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"vendor\"\n",
        );
    project
}

/// Both cargos fail alike, and leave nothing.
#[track_caller]
fn fail_alike(project: &Project, line: &[&str], said: &str) {
    let plain = project.plain().args(line).finish().code(101);
    let before = lock(project);
    let sandboxed = project.sandboxed().args(line).finish().code(101);
    assert_eq!(lock(project), before);
    for finished in [&plain, &sandboxed] {
        let text = finished.plain_text(&finished.stderr);
        assert!(text.contains(said), "{finished}");
    }
    assert!(!project.path("target").exists());
}

fn build(project: &Project) -> Run {
    project.sandboxed().arg("build")
}

#[test]
fn a_fresh_checkout() {
    let project = vendored();
    let finished = build(&project).success();
    let said = finished.plain_text(&finished.stderr);
    assert_eq!(said.matches("Locking 1 package").count(), 1, "{said}");
    let written = lock(&project).unwrap();
    assert!(
        written.contains("name = \"dep\"\nversion = \"1.2.3\""),
        "{written}"
    );

    // With it, the same again: nothing is locked anew, nothing compiled.
    let finished = build(&project).success();
    let said = finished.plain_text(&finished.stderr);
    assert!(
        !said.contains("Locking") && !said.contains("Compiling"),
        "{said}"
    );
    // Plain cargo finds all as it would have left it.
    project.plain().args(["build", "--frozen"]).success();
    assert_eq!(lock(&project).unwrap(), written);
}

#[test]
fn locked_and_frozen() {
    let project = vendored();
    let refused = "cannot create the lock file";
    for flag in ["--locked", "--frozen"] {
        fail_alike(&project, &["build", flag], refused);
        assert_eq!(lock(&project), None);
    }
    project.plain().arg("generate-lockfile").success();
    for flag in ["--locked", "--frozen", "--offline"] {
        let project = vendored();
        project.plain().arg("generate-lockfile").success();
        let written = lock(&project).unwrap();
        build(&project).arg(flag).success();
        assert_eq!(lock(&project).unwrap(), written);
    }
    // One that does not fit any more.
    project.file("Cargo.lock", "version = 4\n");
    fail_alike(
        &project,
        &["build", "--locked"],
        "cannot update the lock file",
    );
    assert_eq!(lock(&project).unwrap(), "version = 4\n");
}

#[test]
fn a_lock_file_survives_a_failure() {
    let project = vendored();
    project.plain().arg("generate-lockfile").success();
    let written = lock(&project).unwrap();
    let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
    project.file("Cargo.toml", format!("{manifest}missing = \"1\"\n"));
    fail_alike(
        &project,
        &["build"],
        "no matching package named `missing` found",
    );
    assert_eq!(lock(&project).unwrap(), written);
    fs::remove_file(project.path("Cargo.lock")).unwrap();
    fail_alike(
        &project,
        &["build"],
        "no matching package named `missing` found",
    );
    assert_eq!(lock(&project), None);
    // The mistake mended, it builds.
    project.file("Cargo.toml", manifest);
    build(&project).success();
}

#[test]
fn a_target_by_name() {
    let version = Command::new(toolchain::sysroot().join("bin/rustc"))
        .arg("-vV")
        .output();
    let version = String::from_utf8(version.unwrap().stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let project = vendored();
    build(&project).args(["--target", host]).success();
    assert!(project.path("target").join(host).join("debug").is_dir());
    // One whose libraries are not there is cargo's and rustc's to refuse.
    let run = build(&project).args(["--target", "riscv32i-unknown-none-elf"]);
    run.finish()
        .code(101)
        .stderr_has("riscv32i-unknown-none-elf");
}

#[test]
fn offline_without_what_is_needed() {
    let project = needing("dep = { git = \"https://localhost:1/dep\" }");
    for flag in ["--offline", "--frozen"] {
        let finished = build(&project).arg(flag).finish().code(101);
        let said = finished.plain_text(&finished.stderr);
        assert!(said.contains("https://localhost:1/dep"), "{said}");
        assert!(!said.contains("Sandboxed"), "{said}");
        assert_eq!(lock(&project), None);
    }
    let refused =
        "can't checkout from 'https://localhost:1/dep': you are in the offline mode (--offline)";
    fail_alike(&project, &["build", "--offline"], refused);
    project.file(".cargo/config.toml", "[net]\noffline = true\n");
    fail_alike(&project, &["build"], refused);
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=e@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn repository(project: &Project, folder: &str) -> String {
    write_dep(project, folder);
    let place = project.home(folder);
    git(&place, &["init", "-q"]);
    git(&place, &["add", "."]);
    git(&place, &["commit", "-qm", "x"]);
    format!("file://{}", place.display())
}

fn set_dependency(project: &Project, url: &str) {
    let line = format!("[dependencies]\ndep = {{ git = \"{url}\" }}\n");
    project.package("", &line);
}

#[test]
fn a_dependency_from_a_repository() {
    if !toolchain::has("git") {
        return skip("a dependency from a repository", "no git");
    }
    let project = needing("");
    let url = repository(&project, "work/project/repositories/dep");
    set_dependency(&project, &url);
    build(&project).success();
    assert!(lock(&project).unwrap().contains("git+file://"));
    // It is in cargo's cache by now, also for plain cargo, and for a checkout without `target`.
    fs::remove_dir_all(project.path("repositories")).unwrap();
    fs::remove_dir_all(project.path("target")).unwrap();
    build(&project).arg("--frozen").success();
    project.plain().args(["check", "--frozen"]).success();
}

/// The fetch is confined as well: a repository elsewhere in the home folder must be granted, and
/// who did not hears how.
#[test]
fn a_repository_in_the_home_folder() {
    if !toolchain::has("git") {
        return skip("a repository in the home folder", "no git");
    }
    let project = needing("");
    let url = repository(&project, "repositories/dep");
    set_dependency(&project, &url);
    let finished = build(&project).finish().code(101);
    let said = finished.plain_text(&finished.stderr);
    assert!(
        said.ends_with(
            "help: the fetch may not read `[ROOT]/home/repositories/dep`; if a build may, name it \
             in `perry.sandbox.read` of the host's `package.json`\n"
        ),
        "{finished}"
    );
    assert_eq!(lock(&project), None);

    project.file(
        "package.json",
        "{\"perry\": {\"sandbox\": {\"read\": [\"~/repositories\"]}}}",
    );
    build(&project).success();
}

/// cargo does without a lock on its caches where it cannot write there.
#[test]
fn caches_that_are_read_only() {
    let project = vendored();
    build(&project).success();
    let before = project.home(".cargo");
    set_writable(&before, false);
    let writable = fs::write(before.join("probe"), "").is_ok();
    if writable {
        fs::remove_file(before.join("probe")).unwrap();
        skip("caches that are read-only", "root may write everywhere");
    }
    project.file("src/lib.rs", "pub fn eight() -> u32 { dep::SEVEN + 1 }\n");
    for name in ["state", "target"] {
        // Nothing is remembered, so that all is asked anew.
        let folder = if name == "state" {
            ".perry-cache"
        } else {
            name
        };
        fs::remove_dir_all(project.path(folder)).unwrap();
    }
    let plain = project.plain().arg("check").finish();
    let ours = build(&project).finish();
    set_writable(&before, true);
    plain.code(0);
    ours.code(0);
}

fn set_writable(folder: &Path, writable: bool) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            set_writable(&entry.path(), writable);
        } else {
            let mode = if writable { 0o644 } else { 0o444 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    let mode = if writable { 0o755 } else { 0o555 };
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
}

/// One that is seen from the current folder, with a configuration and caches of its own.
#[test]
fn a_relative_home_of_cargo() {
    let project = vendored();
    project.file("package.json", "{}").file("sub/unused", "");
    fs::rename(project.path(".cargo"), project.path("sub/cargo-home")).unwrap();
    let vendor = project.path("vendor").display().to_string();
    project.file(
        "sub/cargo-home/config.toml",
        format!("[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"{vendor}\"\n"),
    );
    let run = build(&project).env("CARGO_HOME", "cargo-home");
    run.directory(project.path("sub")).success();
    assert!(!project.path("cargo-home").exists());
}

/// A dependency's configuration is in force where cargo is called in its folder; but the fetch, which
/// has a network, must not start what that names.
#[test]
fn a_dependency_does_not_choose_the_compiler() {
    for key in ["rustc", "rustc-wrapper", "rustc-workspace-wrapper"] {
        let project = Project::new();
        project.file("package.json", "{}");
        let folder = "node_modules/x";
        project
            .file(
                format!("{folder}/Cargo.toml"),
                "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            )
            .file(format!("{folder}/src/lib.rs"), "")
            .file(
                format!("{folder}/.cargo/config.toml"),
                format!("[build]\n{key} = \"./tool\"\n"),
            );
        // It marks where even a fetch may write.
        let rustc = toolchain::sysroot().join("bin/rustc");
        let mark = project.home(".cargo/registry/mark");
        let script = format!(
            "#!/bin/sh\n(mkdir -p '{home}' && : > '{mark}') 2> /dev/null\ncase $1 in */rustc|rustc) shift ;; esac\n\
             exec '{rustc}' \"$@\"\n",
            home = mark.parent().unwrap().display(),
            mark = mark.display(),
            rustc = rustc.display()
        );
        project.program(format!("{folder}/tool"), script);
        let at = project.path(folder);

        build(&project).directory(&at).success();
        assert!(!mark.exists(), "the fetch started `{key}`");
        fs::remove_dir_all(at.join("target")).unwrap();
        // The control: plain cargo starts it.
        project.plain().arg("build").directory(&at).success();
        assert!(mark.exists(), "{key}");
    }
}

/// With the registry itself, once: what is not there is fetched, and then it is there.
#[test]
fn crates_of_the_registry() {
    let project = Project::new();
    project.package("", "[dependencies]\nitoa = \"1\"\n");
    project.file("src/lib.rs", "pub use itoa::Buffer;\n");
    let tried = with_proxies(project.plain().arg("fetch")).finish();
    if tried.status.code() != Some(0) {
        return skip("crates of the registry", "it cannot be reached");
    }
    let fresh = || -> Project {
        let project = Project::new();
        project.package("", "[dependencies]\nitoa = \"1\"\n");
        project.file("src/lib.rs", "pub use itoa::Buffer;\n");
        project
    };
    let cold = fresh();
    let finished: Finished = build(&cold).arg("--offline").finish().code(101);
    finished.stderr_has("no matching package named `itoa` found");
    assert_eq!(lock(&cold), None);

    with_proxies(build(&cold))
        .success()
        .stderr_has("Downloaded itoa v1.");
    // Warm: the same without a network, also where nothing is remembered.
    fs::remove_dir_all(cold.path("target")).unwrap();
    fs::remove_dir_all(cold.path(".perry-cache")).unwrap();
    build(&cold).arg("--offline").success();
    build(&cold).arg("--frozen").success();
}

/// A member with settings of its own, in a workspace that has none; and a workspace that takes a
/// package from beside it.
#[test]
fn what_lies_around_the_hosts_folder() {
    let library = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
    };
    let needs = "[dependencies]\nb = { path = \"../b\" }\n";
    for (around, member) in [
        (
            "[workspace]\nresolver = \"2\"\nmembers = [\"a\", \"b\"]\n",
            "",
        ),
        ("", "[workspace]\n"),
    ] {
        let project = Project::new();
        if !around.is_empty() {
            project.file("Cargo.toml", around);
        }
        project
            .file("a/Cargo.toml", library("a", &format!("{member}{needs}")))
            .file("a/package.json", "{\"name\":\"a\"}")
            .file("a/src/lib.rs", "pub use b::SEVEN;\n")
            .file("b/Cargo.toml", library("b", ""))
            .file("b/src/lib.rs", "pub const SEVEN: u32 = 7;\n");
        for run in [project.plain(), project.sandboxed()] {
            let run = run.directory(project.path("a"));
            run.args(["check", "--offline"]).success();
        }
    }
}

/// A dependency's manifest names folders of the user's, which a build must not read for that.
#[test]
fn what_a_dependency_names_without_need() {
    let script = "fn main() {\n    for name in [\"notes\", \"documents\"] {\n        \
        let path = format!(\"{}/{name}/text\", std::env::var(\"HOME\").unwrap());\n        \
        println!(\"cargo::warning={name} {:?}\", std::fs::read(path).is_ok());\n    }\n}\n";
    let manifest = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
    };
    for cargo in ["plain", "ours"] {
        let project = Project::new();
        project.package("", "[dependencies]\nevil = { path = \"../evil\" }\n");
        let tables = "[patch.crates-io]\na = { path = \"../../notes\" }\n\
            b = { path = \"../../documents\" }\n";
        project
            .home_file("work/evil/Cargo.toml", manifest("evil", tables))
            .home_file("work/evil/src/lib.rs", "")
            .home_file("work/evil/build.rs", script)
            .home_file("notes/Cargo.toml", "no manifest")
            .home_file("notes/text", "private")
            .home_file("documents/Cargo.toml", "[workspace]\n")
            .home_file("documents/text", "private");
        let run = match cargo {
            "plain" => project.plain(),
            _ => project.sandboxed(),
        };
        let finished = run.args(["build", "-vv", "--offline"]).success();
        for name in ["notes", "documents"] {
            let said = format!("cargo::warning={name} {}", cargo == "plain");
            let text = [&finished.stdout[..], &finished.stderr[..]].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(text.contains(&said), "{cargo} {name}: {text}");
        }
    }
}

/// What a build made must not decide where the next fetch goes, and with what.
#[test]
fn a_manifest_that_a_build_made() {
    let script = "fn main() {\n    \
        let made = std::path::Path::new(&std::env::var_os(\"OUT_DIR\").unwrap()).join(\"made\");\n    \
        std::fs::create_dir_all(made.join(\"src\")).unwrap();\n    \
        std::fs::write(made.join(\"src/lib.rs\"), \"\").unwrap();\n    \
        std::fs::write(made.join(\"Cargo.toml\"), std::fs::read(\"template\").unwrap()).unwrap();\n}\n";
    for (is_plain, by_link) in [(true, true), (true, false), (false, true), (false, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                drop(stream);
                let _ = tell.send(());
            }
        });
        let project = Project::new();
        project.package(script, "[workspace]\nmembers = [\"crates/*\"]\n");
        let template = format!(
            "[package]\nname = \"made\"\nversion = \"0.1.0\"\n[dependencies]\n\
             dep = {{ git = \"http://{address}/what-the-build-found-out\" }}\n"
        );
        project.file("template", template).file("crates/README", "");
        let again = || {
            let run = if is_plain {
                project.plain()
            } else {
                project.sandboxed()
            };
            run.arg("build").env("CARGO_NET_RETRY", "0").finish()
        };
        again().code(0);
        let mut scripts = fs::read_dir(project.path("target/debug/build")).unwrap();
        let made = scripts.find_map(|folder| {
            let made = folder.unwrap().path().join("out/made");
            made.exists().then_some(made)
        });
        let made = made.unwrap();
        let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
        let more = if by_link {
            symlink(made, project.path("crates/made")).unwrap();
            "# new\n".to_owned()
        } else {
            format!("[dependencies]\nmade = {{ path = {made:?} }}\n")
        };
        project.file("Cargo.toml", manifest + &more);
        let finished = again();
        let was_asked = told.try_recv().is_ok();
        assert_eq!(was_asked, is_plain, "{by_link} {finished}");
    }
}

/// Plain cargo downloads only what it builds; who is offline has nothing else.
#[test]
fn crates_of_other_platforms() {
    let project = Project::new();
    let dependencies = "[dependencies]\nitoa = \"1\"\n\
        [target.'cfg(windows)'.dependencies]\nryu = \"1\"\nwin = { path = \"../win\" }\n";
    project.package("", dependencies);
    project.file("src/lib.rs", "pub use itoa::Buffer;\n");
    let manifest = "[package]\nname = \"win\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    project
        .home_file("work/win/Cargo.toml", manifest)
        .home_file("work/win/src/lib.rs", "");
    let tried = with_proxies(project.plain().arg("build")).finish();
    if tried.status.code() != Some(0) {
        return skip(
            "crates of other platforms",
            "the registry cannot be reached",
        );
    }
    let is_there = |name: &str| {
        let folders = fs::read_dir(project.home(".cargo/registry/cache")).unwrap();
        let mut archives = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        archives.any(|archive| {
            archive
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .starts_with(name)
        })
    };
    assert!(is_there("itoa-") && !is_there("ryu-"));
    fs::remove_dir_all(project.path("target")).unwrap();
    project.plain().args(["build", "--offline"]).success();
    build(&project).arg("--offline").success();
    project.sandboxed().args(["test", "--offline"]).success();
    // Nor does it download more than plain cargo does, unless more may be needed.
    fs::remove_dir_all(project.path(".perry-cache")).unwrap();
    with_proxies(build(&project)).success();
    assert!(!is_there("ryu-"));
    let run = with_proxies(build(&project).args(["--target", "x86_64-pc-windows-gnu"]));
    run.finish();
    assert!(is_there("ryu-"));
}

/// Where the registry is reached through a proxy, so is it here.
fn with_proxies(mut run: Run) -> Run {
    for (name, value) in std::env::vars_os() {
        let known = name.to_str().is_some_and(|name| {
            let name = name.to_lowercase();
            name.ends_with("_proxy") || name.starts_with("ssl_cert") || name.starts_with("curl_ca")
        });
        if known || name.to_string_lossy().starts_with("CARGO_HTTP_") {
            run = run.env(name, value);
        }
    }
    run
}
