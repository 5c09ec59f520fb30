use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{each, main};
use crate::support::project::Project;

const SCRIPT: &str = "fs::write(out(\"f\"), \"1\").unwrap(); fs::copy(out(\"f\"), out(\"g\")).unwrap();\n\
                      fs::write(std::env::temp_dir().join(\"t\"), \"1\").unwrap();";

fn project(folder: &OsStr) -> Project {
    let project = Project::named(folder);
    project.package(&main(SCRIPT), "");
    project
}

/// Such a folder works as well as it does with plain cargo, which cannot link in some.
#[track_caller]
fn folder(name: &OsStr) {
    let statuses = RefCell::new(Vec::new());
    each(|cargo| {
        let finished = cargo.of(&project(name)).arg("build").finish();
        let code = finished.status.code();
        assert!(
            *statuses.borrow().first().unwrap_or(&code) == code,
            "{finished}"
        );
        statuses.borrow_mut().push(code);
    });
}

#[test]
fn spaces_and_signs() {
    folder(OsStr::new("it's a folder $HOME `id` (allow default); #{}"));
}

#[test]
fn quotes_and_backslashes() {
    folder(OsStr::new("\"quoted\" \\ %s"));
}

#[test]
fn not_utf8() {
    folder(OsStr::from_bytes(b"caf\xe9-\xff"));
}

#[test]
fn unicode_and_control_characters() {
    folder(OsStr::new("ünï\tcödé"));
}

#[test]
fn long_name() {
    folder(OsStr::new(&"long".repeat(60)));
}

#[test]
fn deep_folder() {
    let name = vec!["d".repeat(100); 12].join("/");
    folder(OsStr::new(&name));
}

#[test]
fn leading_dash_and_dots() {
    folder(OsStr::new("-x..y"));
}

#[test]
fn target_by_option() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        let place = project.root().join("elsewhere/deeper");
        cargo
            .of(&project)
            .args(["build", "--target-dir"])
            .arg(&place)
            .success();
        assert!(place.join("debug/libapp.rlib").exists());
        cargo
            .of(&project)
            .args(["build", "--target-dir=relative"])
            .success();
        assert!(project.path("relative/debug/libapp.rlib").exists());
        assert!(!project.path("target").exists());
    });
}

#[test]
fn target_by_variable() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        let place = project.root().join("else where");
        cargo
            .of(&project)
            .arg("build")
            .env("CARGO_TARGET_DIR", &place)
            .success();
        assert!(place.join("debug/libapp.rlib").exists());
        cargo
            .of(&project)
            .arg("build")
            .env("CARGO_TARGET_DIR", "relative")
            .success();
        assert!(project.path("relative/debug/libapp.rlib").exists());
        assert!(!project.path("target").exists());
    });
}

#[test]
fn target_by_settings() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        project.file(".cargo/config.toml", "build.target-dir = \"../out\"\n");
        cargo.of(&project).arg("build").success();
        assert!(project.path("../out/debug/libapp.rlib").exists());
        let option = ["build", "--config", "build.target-dir='third'"];
        cargo.of(&project).args(option).success();
        assert!(project.path("third/debug/libapp.rlib").exists());
    });
}

#[test]
fn target_is_a_link() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        let place = project.root().join("scratch");
        fs::create_dir(&place).unwrap();
        symlink(&place, project.path("target")).unwrap();
        cargo.of(&project).arg("build").success();
        assert!(place.join("debug/libapp.rlib").exists());
        assert!(project.path("target").is_symlink());
    });
}

#[test]
fn project_behind_a_link() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        let link = project.home("link");
        symlink(project.path(""), &link).unwrap();
        cargo.of(&project).arg("build").directory(&link).success();
        let manifest = link.join("Cargo.toml");
        let command = cargo
            .of(&project)
            .args(["check", "--manifest-path"])
            .arg(manifest);
        command.directory("/").success();
    });
}

#[test]
fn project_outside_the_home_folder() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        let place = project.root().join("srv/app");
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::rename(project.path(""), &place).unwrap();
        cargo.of(&project).arg("build").directory(&place).success();
    });
}

#[test]
fn dependency_beside_the_project() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        let manifest = "[package]\nname = \"beside\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
        project.file("../beside/Cargo.toml", manifest);
        project.file("../beside/src/lib.rs", "");
        project.file(
            "../beside/build.rs",
            main("fs::read_to_string(\"data.txt\").unwrap();"),
        );
        project.file("../beside/data.txt", "1");
        project.package(
            &main(SCRIPT),
            "[dependencies]\nbeside.path = \"../beside\"\n",
        );
        cargo.of(&project).arg("build").success();
    });
}

/// npm's layout: the package lies in `node_modules` of its host.
#[test]
fn native_package() {
    each(|cargo| {
        let project = project(OsStr::new("p"));
        project.file("package.json", "{\"name\": \"p\"}");
        let package = project.path("node_modules/@x/native");
        fs::create_dir_all(&package).unwrap();
        for part in ["Cargo.toml", "build.rs", "src"] {
            fs::rename(project.path(part), package.join(part)).unwrap();
        }
        let manifest = package.join("Cargo.toml");
        cargo
            .of(&project)
            .args(["build", "--release", "--manifest-path"])
            .arg(manifest)
            .success();
        assert!(package.join("target/release/libapp.rlib").exists());
    });
}
