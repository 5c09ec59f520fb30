use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::sandbox::launcher::UNIT;

const SCRIPT: &str = "build_script_build-0123456789abcdef";
const LINK: &str = "build-script-build";
const REAL: &str = ".build_script_build-0123456789abcdef.real";

/// `None` where there are no launchers.
fn folder(test: &str) -> Option<TempDir> {
    let real = OsStr::new("x");
    if let Err(error) = launcher::image(Launcher::Script { real }) {
        let _ = writeln!(io::stderr(), "skipped: {test}: {error}");
        return None;
    }
    Some(tempfile::tempdir().unwrap())
}

fn old() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789)
}

/// A build script as cargo leaves it, in a folder that is made.
fn leave(folder: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(SCRIPT);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o751)).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_modified(old()).unwrap();
    path
}

fn is_launcher(path: &Path, real: &str) -> bool {
    let real = OsStr::new(real);
    fs::read(path).unwrap() == launcher::image(Launcher::Script { real }).unwrap()
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_real_name_is_hidden_and_any_name_has_one() {
    assert_eq!(real_name(OsStr::new(SCRIPT)), REAL);
    let name = OsStr::from_bytes(b"a\xff");
    assert_eq!(real_name(name), OsStr::from_bytes(b".a\xff.real"));
}

#[test]
fn a_launcher_has_the_time_and_mode_of_its_script() {
    let Some(folder) = folder("a_launcher_has_the_time_and_mode_of_its_script") else {
        return;
    };
    let script = leave(folder.path(), "real");
    let before = inode(&script);
    wrap(&script).unwrap();
    assert!(is_launcher(&script, REAL));
    let metadata = fs::metadata(&script).unwrap();
    assert_eq!(metadata.modified().unwrap(), old());
    assert_eq!(metadata.mode() & 0o7777, 0o751);
    assert_eq!(inode(&folder.path().join(REAL)), before);
    assert_eq!(real(&script).unwrap(), folder.path().join(REAL));
    assert_eq!(names(folder.path()), [REAL, SCRIPT]);

    let launcher = inode(&script);
    wrap(&script).unwrap();
    assert_eq!(inode(&script), launcher, "it was replaced once more");

    // As rustc does when the script was changed.
    fs::write(&script, "newer").unwrap();
    wrap(&script).unwrap();
    assert!(is_launcher(&script, REAL));
    assert_eq!(fs::read(folder.path().join(REAL)).unwrap(), b"newer");
    assert_eq!(names(folder.path()), [REAL, SCRIPT]);
}

#[test]
fn a_launcher_is_as_powerful_as_its_caller_and_can_be_read() {
    let Some(folder) = folder("a_launcher_is_as_powerful_as_its_caller_and_can_be_read") else {
        return;
    };
    let script = leave(folder.path(), "real");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o4111)).unwrap();
    wrap(&script).unwrap();
    assert!(is_launcher(&script, REAL));
    assert_eq!(fs::metadata(&script).unwrap().mode() & 0o7777, 0o511);
}

#[test]
fn only_regular_files_are_wrapped() {
    let Some(folder) = folder("only_regular_files_are_wrapped") else {
        return;
    };
    let outside = leave(&folder.path().join("outside"), "real");
    let at = |name: &str| folder.path().join(name);
    symlink(&outside, at("link")).unwrap();
    symlink("nowhere", at("broken")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(at("pipe"))
            .status()
            .unwrap()
            .success()
    );
    for name in ["link", "broken", "folder", "pipe", "missing", ".."] {
        let before = names(folder.path());
        let error = wrap(&at(name)).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot put a launcher"),
            "{error}"
        );
        assert!(real(&at(name)).is_err());
        assert_eq!(names(folder.path()), before);
    }
    assert_eq!(fs::read(&outside).unwrap(), b"real");
}

#[test]
fn what_only_looks_like_a_launcher_is_wrapped() {
    let Some(folder) = folder("what_only_looks_like_a_launcher_is_wrapped") else {
        return;
    };
    let script = leave(folder.path(), "real");
    let of = |real: &str| {
        let real = OsStr::new(real);
        launcher::image(Launcher::Script { real }).unwrap()
    };
    let mut changed = of(REAL);
    changed[300] ^= 1;
    let longer = [of(REAL), vec![0]].concat();
    let tool = launcher::image(Launcher::Tool {
        program: Path::new("/x"),
    });
    let other = of(&REAL.replace('0', "1"));
    for image in [changed, longer, tool.unwrap(), other, Vec::new()] {
        fs::write(&script, &image).unwrap();
        fs::write(folder.path().join(REAL), "planted").unwrap();
        wrap(&script).unwrap();
        assert!(is_launcher(&script, REAL));
        assert_eq!(fs::read(folder.path().join(REAL)).unwrap(), image);
    }
    // What a launcher must not start in place of the real one: nothing, itself, and a link.
    for plant in [None, Some(of(REAL))] {
        fs::write(&script, of(REAL)).unwrap();
        fs::remove_file(folder.path().join(REAL)).unwrap();
        if let Some(plant) = plant {
            fs::write(folder.path().join(REAL), plant).unwrap();
        } else {
            symlink("/bin/true", folder.path().join(REAL)).unwrap();
        }
        assert!(wrap(&script).is_err());
    }
    // A planted link is replaced, not written through.
    fs::remove_file(folder.path().join(REAL)).unwrap();
    symlink(folder.path().join("elsewhere"), folder.path().join(REAL)).unwrap();
    fs::write(&script, "real").unwrap();
    wrap(&script).unwrap();
    assert_eq!(names(folder.path()), [REAL, SCRIPT]);
}

#[test]
fn several_at_once_do_not_lose_the_script() {
    let Some(folder) = folder("several_at_once_do_not_lose_the_script") else {
        return;
    };
    for round in 0..50 {
        let script = leave(&folder.path().join(round.to_string()), "real");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| wrap(&script).unwrap());
            }
        });
        assert!(is_launcher(&script, REAL));
        assert_eq!(fs::read(script.with_file_name(REAL)).unwrap(), b"real");
        assert_eq!(names(script.parent().unwrap()), [REAL, SCRIPT]);
    }
}

#[test]
fn every_layout_is_looked_through_and_no_link_followed() {
    let Some(folder) = folder("every_layout_is_looked_through_and_no_link_followed") else {
        return;
    };
    let root = folder.path().join("target");
    let mut scripts = Vec::new();
    for place in [
        "debug/build/a-1",
        "debug/build/b-2",
        "custom/build/a-1",
        "x86_64-unknown-none/release/build/a-1",
        "debug/build/new/0123/out",
        "x86_64-unknown-none/debug/build/new/0123/out",
    ] {
        let script = leave(&root.join(place), "real");
        fs::hard_link(&script, script.with_file_name(LINK)).unwrap();
        fs::write(script.with_extension("d"), "").unwrap();
        scripts.push(script);
    }
    // None of cargo's.
    let others: Vec<_> = ["debug/build/a-1/out/out", "debug/deps", "doc/x/y/build/a-1"]
        .iter()
        .map(|place| leave(&root.join(place), "real"))
        .collect();
    let outside = leave(&folder.path().join("outside/debug/build/a-1"), "real");
    let beyond = folder.path().join("outside");
    symlink(&beyond, root.join("link")).unwrap();
    symlink(beyond.join("debug"), root.join("profile")).unwrap();
    symlink(beyond.join("debug/build"), root.join("doc/build")).unwrap();
    symlink(beyond.join("debug/build/a-1"), root.join("debug/build/c-3")).unwrap();
    symlink(
        beyond.join("debug/build/a-1"),
        root.join("debug/build/new/out"),
    )
    .unwrap();

    let missing = folder.path().join("missing");
    let artifacts = [missing, root];
    assert_eq!(wrap_left_behind(&artifacts).unwrap(), scripts.len());
    for script in &scripts {
        assert!(is_launcher(script, REAL), "{}", script.display());
        assert_eq!(inode(script), inode(&script.with_file_name(LINK)));
        assert_eq!(fs::metadata(script).unwrap().modified().unwrap(), old());
        assert_eq!(fs::read(script.with_file_name(REAL)).unwrap(), b"real");
    }
    for script in others.iter().chain([&outside]) {
        assert_eq!(fs::read(script).unwrap(), b"real", "{}", script.display());
    }
    assert_eq!(wrap_left_behind(&artifacts).unwrap(), 0);
}

#[test]
fn odd_files_neither_hang_nor_run() {
    let Some(folder) = folder("odd_files_neither_hang_nor_run") else {
        return;
    };
    let root = folder.path().join("target");
    let package = root.join("debug/build/a-1");
    let outside = leave(&folder.path().join("outside"), "real");
    let good = leave(&package, "real");
    let at = |name: &str| package.join(name);
    symlink(&outside, at("build_script_link-1")).unwrap();
    symlink(&outside, at(LINK)).unwrap();
    fs::create_dir(at("build_script_folder-1")).unwrap();
    fs::create_dir(at("build-script-folder")).unwrap();
    let pipe = Command::new("mkfifo")
        .args([at("build_script_pipe-1"), at("build-script-pipe")])
        .status();
    assert!(pipe.unwrap().success());
    fs::write(at("build_script_x-1.d"), "").unwrap();
    // A launcher that has lost its script: cargo compiles it again.
    let real = real_name(OsStr::new("build_script_orphan-1"));
    let orphan = launcher::image(Launcher::Script { real: &real }).unwrap();
    fs::write(at("build_script_orphan-1"), orphan).unwrap();
    // Folders in place of what would be made, and the other way round.
    fs::write(root.join("debug/build/file"), "").unwrap();
    fs::create_dir_all(root.join("release")).unwrap();
    fs::write(root.join("release/build"), "").unwrap();

    let artifacts = [root.clone()];
    assert_eq!(wrap_left_behind(&artifacts).unwrap(), 1);
    assert!(is_launcher(&good, REAL));
    assert_eq!(inode(&good), inode(&at(LINK)));
    assert!(fs::symlink_metadata(at("build_script_link-1")).is_err());
    assert!(fs::symlink_metadata(at("build_script_orphan-1")).is_err());
    assert_eq!(fs::read(&outside).unwrap(), b"real");
    assert_eq!(fs::read(at("build_script_x-1.d")).unwrap(), b"");
    assert_eq!(wrap_left_behind(&artifacts).unwrap(), 0);

    // The real one cannot be put where a folder is: nothing may go on.
    fs::write(&good, "real").unwrap();
    fs::remove_file(at(REAL)).unwrap();
    fs::create_dir(at(REAL)).unwrap();
    assert!(wrap_left_behind(&artifacts).is_err());
    assert!(wrap_left_behind(&[root.join("release/build")]).is_err());
}

/// A package with a build script that writes down how it was started, in a target folder.
struct Package {
    folder: TempDir,
    toolchain: Option<&'static str>,
}

impl Package {
    fn new(folder: TempDir, toolchain: Option<&'static str>) -> Self {
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let manifest = "[package]\nname = 'a'\nversion = '0.1.0'\nedition = '2021'\n\
            build = 'tools/my-build.rs'\n[workspace]\n";
        write("Cargo.toml", manifest);
        write("src/lib.rs", "");
        write("trigger", "");
        let script = "fn main() {\n\
            println!(\"cargo:rerun-if-changed=trigger\");\n\
            let own = std::env::current_exe().unwrap();\n\
            std::fs::write(\"ran\", own.file_name().unwrap().to_str().unwrap()).unwrap();\n}\n";
        write("tools/my-build.rs", script);
        Self { folder, toolchain }
    }

    fn build(&self, options: &[&str], unit: Option<&Path>) -> Output {
        let mut cargo = Command::new("cargo");
        if let Some(toolchain) = self.toolchain {
            cargo.arg(format!("+{toolchain}"));
        }
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_") && name != "CARGO_HOME" || name.starts_with("RUSTC") {
                cargo.env_remove(&*name);
            }
        }
        cargo
            .args(["build", "-v", "--offline", "--target-dir", "target"])
            .args(options)
            .current_dir(self.folder.path())
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove(UNIT);
        if let Some(unit) = unit {
            cargo.env(UNIT, unit);
        }
        cargo.output().unwrap()
    }

    /// The same, with success; what cargo told.
    #[track_caller]
    fn built(&self, options: &[&str], unit: Option<&Path>) -> String {
        let output = self.build(options, unit);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{told}");
        told
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The name of the program that ran, and forgets it.
    fn ran(&self) -> Option<String> {
        let name = fs::read_to_string(self.path("ran")).ok();
        let _ = fs::remove_file(self.path("ran"));
        name
    }

    /// Changes what the build script asked to be run again for.
    fn touch(&self) {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.path("trigger"));
        file.unwrap().set_modified(SystemTime::now()).unwrap();
    }

    fn wrap(&self) -> usize {
        wrap_left_behind(&[self.path("target")]).unwrap()
    }

    /// The whole life of a build script that was built plainly.
    fn lives(&self, options: &[&str]) {
        self.built(options, None);
        assert!(self.ran().is_some_and(|name| name.starts_with("build")));
        assert_eq!(self.wrap(), 1);
        assert_eq!(self.wrap(), 0);
        let told = self.built(options, None);
        assert!(
            told.contains("Fresh a") && !told.contains("Running"),
            "{told}"
        );
        assert_eq!(self.ran(), None);
        // cargo has not linked anything again.
        assert_eq!(self.wrap(), 0);

        self.touch();
        let told = self.built(options, None);
        assert!(!told.contains("--crate-name build_script"), "{told}");
        assert!(self.ran().is_some_and(|name| name.starts_with('.')));

        let unit = self.path("unit");
        fs::write(&unit, "#!/bin/sh\necho \"$SANDBOXED_CARGO_UNIT\" > ran\n").unwrap();
        fs::set_permissions(&unit, fs::Permissions::from_mode(0o755)).unwrap();
        self.touch();
        self.built(options, Some(&unit));
        assert_eq!(self.ran(), Some(format!("{}\n", unit.display())));

        self.touch();
        let output = self.build(options, Some(Path::new("/no/such/program")));
        assert_eq!(output.status.code(), Some(101));
        let told = String::from_utf8(output.stderr).unwrap();
        let line = "error: sandboxed-cargo: cannot start /no/such/program\n";
        assert!(told.contains(line), "{told}");
        assert_eq!(self.ran(), None);

        // A new script is not a launcher, until it is wrapped.
        let source = self.path("tools/my-build.rs");
        let text = fs::read_to_string(&source).unwrap() + "// changed\n";
        fs::write(source, text).unwrap();
        self.built(options, Some(&unit));
        assert!(self.ran().is_some_and(|name| !name.starts_with('.')));
        assert_eq!(self.wrap(), 1);
        let told = self.built(options, Some(&unit));
        assert!(told.contains("Fresh a"), "{told}");
    }
}

#[test]
fn cargo_takes_a_launcher_for_its_script() {
    if let Some(folder) = folder("cargo_takes_a_launcher_for_its_script") {
        Package::new(folder, None).lives(&[]);
    }
}

#[test]
fn cargo_takes_a_launcher_for_its_script_in_the_new_layout() {
    let test = "cargo_takes_a_launcher_for_its_script_in_the_new_layout";
    let Some(folder) = folder(test) else {
        return;
    };
    let nightly = Command::new("cargo").args(["+nightly", "-V"]).output();
    if !nightly.is_ok_and(|output| output.status.success()) {
        let _ = writeln!(io::stderr(), "skipped: {test}: there is no nightly cargo");
        return;
    }
    Package::new(folder, Some("nightly")).lives(&["-Zbuild-dir-new-layout"]);
}
