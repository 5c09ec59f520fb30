//! What a build script has cargo write, aimed at our own wrapper, which is in no box itself.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::world::{Cargo, beginning, ours, package};
use crate::support::command::Finished;
use crate::support::project::Project;

/// `evil` has a build script with this body, and its library is compiled with a macro with that one.
fn project(script: &str, attack: &str) -> Project {
    let project = Project::named("host");
    project
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"evil\", \"plotter\", \"victim\", \"user\"]\n",
        )
        .file("victim/Cargo.toml", package("victim", ""))
        .file("victim/src/lib.rs", "")
        .file(
            "victim/build.rs",
            "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(out + \"/made\", \"\").unwrap();\n}\n",
        )
        .file(
            "evil/Cargo.toml",
            package("evil", "[dependencies]\nplotter = { path = \"../plotter\" }\n"),
        )
        .file("evil/build.rs", format!("fn main() {{\n{script}\n}}\n"))
        .file("evil/src/lib.rs", "plotter::attack!();\n")
        .file("plotter/Cargo.toml", package("plotter", "[lib]\nproc-macro = true\n"))
        .file(
            "plotter/src/lib.rs",
            format!(
                "#![allow(unused)]\nuse std::{{fs, io::Write, path::Path}};\n#[proc_macro]\n\
                 pub fn attack(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{\n\
                 {attack}\n    Default::default()\n}}\n"
            ),
        )
        .file(
            "user/Cargo.toml",
            package("user", "[dependencies]\nevil = { path = \"../evil\" }\nvictim = { path = \"../victim\" }\n"),
        )
        .file("user/src/main.rs", "fn main() {}\n")
        .home_file(".bashrc", "original");
    project
}

/// With plain cargo, where it works, and with ours.
fn everyone() -> impl Iterator<Item = (Cargo, &'static str)> {
    std::iter::once(Cargo::Plain)
        .chain(ours())
        .flat_map(|cargo| ["build", "run", "test"].map(|command| (cargo, command)))
}

/// `-l` and a value that looks like `-o`: the macro leaves a file for the place that it names, and
/// says that it is finished. And writes there itself, which works without a sandbox.
#[test]
fn a_library_with_the_name_of_an_option() {
    for (cargo, command) in everyone() {
        let attack = r#"
            let words: Vec<String> = std::env::args().collect();
            let out = words.iter().position(|word| word == "--out-dir").map(|at| &words[at + 1]);
            let made = Path::new(out.unwrap()).join(".bashrc");
            fs::write(&made, "evil").unwrap();
            eprintln!("{{\"$message_type\":\"artifact\",\"artifact\":\"{}\",\"emit\":\"link\"}}", made.display());
            fs::write(concat!(env!("HOME"), "/.bashrc"), "evil");
        "#;
        let script =
            "println!(\"cargo::rustc-link-lib=-o{}/.bashrc\", std::env::var(\"HOME\").unwrap());";
        let project = project(script, attack);
        let run = cargo.of(&project).arg(command).finish();
        let text = fs::read_to_string(project.home(".bashrc")).unwrap();
        let expected = if cargo == Cargo::Plain {
            "evil"
        } else {
            "original"
        };
        assert_eq!(text, expected, "{cargo:?} {command}{run}");
    }
}

/// cargo gives a `cdylib` of a path dependency no hash, and has every compiler and program look in
/// `deps` for the libraries that it loads.
#[test]
fn a_library_with_the_name_of_the_systems() {
    for (cargo, command) in everyone() {
        let attack = r#"
            let words: Vec<String> = std::env::args().collect();
            let out = words.iter().position(|word| word == "--out-dir").map(|at| &words[at + 1]);
            // Documentation's examples have none.
            for out in out {
                for name in ["libplanted.so.1", "libplanted.1.dylib"] {
                    fs::write(Path::new(out).join(name), "evil").unwrap();
                }
            }
        "#;
        let project = project("", attack);
        let tables = "[lib]\nname = \"planted\"\ncrate-type = [\"lib\", \"cdylib\"]\n\
            [dependencies]\nplotter = { path = \"../plotter\" }\n";
        project.file("evil/Cargo.toml", package("evil", tables));
        cargo.of(&project).arg(command).success();
        let is_there = |name: &str| project.path("target/debug/deps").join(name).exists();
        for name in ["libplanted.so.1", "libplanted.1.dylib"] {
            assert_eq!(
                is_there(name),
                cargo == Cargo::Plain,
                "{cargo:?} {command} {name}"
            );
        }
        for name in ["libplanted.so", "libplanted.rlib"] {
            assert!(is_there(name), "{cargo:?} {command} {name}");
        }
    }
}

/// cargo takes a library's name as it is, and a variable names the compiler that we start. The script
/// tries the same itself, which works without a sandbox.
#[test]
fn a_library_with_a_path_for_a_name() {
    for (cargo, command) in everyone() {
        let script = r##"
            let home = std::env::var("HOME").unwrap();
            let out = std::env::var("OUT_DIR").unwrap();
            let fake = format!("{out}/compiler");
            let text = format!("#!/bin/sh\nfor folder in {home}/evil-unit*; do echo evil > $folder/planted; done\n");
            std::fs::write(&fake, text).unwrap();
            std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            println!("cargo::rustc-env=SANDBOXED_CARGO_RUSTC_WRAPPER={fake}");
            let _ = std::fs::create_dir(format!("{home}/evil-unit-direct"));
        "##;
        let project = project(script, "");
        // From `target/debug/incremental` to the home folder; cargo takes no hyphen, which a whole
        // path may have.
        let name = "../../../../../evil";
        let manifest = package(
            "evil",
            &format!(
                "[lib]\nname = \"{name}\"\npath = \"src/lib.rs\"\n\
                 [dependencies]\nplotter = {{ path = \"../plotter\" }}\n"
            ),
        );
        project.file("evil/Cargo.toml", manifest);
        let run = cargo.of(&project).arg(command).finish();
        let planted: Vec<_> = fs::read_dir(project.home(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_string_lossy().starts_with("evil"))
            .collect();
        assert_eq!(
            !planted.is_empty(),
            cargo == Cargo::Plain,
            "{cargo:?} {command} {planted:?}{run}"
        );
        assert!(!run.status.success());
    }
}

/// Two scripts at the same time, of which one writes to the other's temporary file.
#[test]
fn another_units_temporary_files() {
    const WAIT: &str = r#"
        fn wait(package: &str, name: &str) -> std::path::PathBuf {
            let out = std::env::var("OUT_DIR").unwrap();
            let build = std::path::Path::new(&out).ancestors().nth(2).unwrap();
            let start = std::time::Instant::now();
            loop {
                for entry in std::fs::read_dir(build).unwrap().flatten() {
                    let path = entry.path().join("out").join(name);
                    if entry.file_name().to_string_lossy().starts_with(package) && path.exists() {
                        return path;
                    }
                }
                assert!(start.elapsed().as_secs() < 60);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    "#;
    for (cargo, command) in everyone() {
        let script = "let path = std::fs::read_to_string(wait(\"victim-\", \"path\")).unwrap();\n\
             let _ = std::fs::write(path, \"evil\");\n\
             std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/done\", \"\").unwrap();";
        let project = project(&format!("{script}\n}}\n{WAIT}\nfn unused() {{"), "");
        let victim = "let file = std::env::temp_dir().join(\"victims-file\");\n\
             std::fs::write(&file, \"victim\").unwrap();\n\
             let out = std::env::var(\"OUT_DIR\").unwrap();\n\
             std::fs::write(format!(\"{out}/new\"), file.to_str().unwrap()).unwrap();\n\
             std::fs::rename(format!(\"{out}/new\"), format!(\"{out}/path\")).unwrap();\n\
             wait(\"evil-\", \"done\");\n\
             std::fs::copy(file, format!(\"{out}/found\")).unwrap();";
        project.file(
            "victim/build.rs",
            format!("fn main() {{\n{victim}\n}}\n{WAIT}"),
        );
        let run = cargo.of(&project).args([command, "-j2"]).success();
        let packages = beginning(&project, "target/debug/build", "victim-");
        let found = packages.iter().map(|folder| folder.join("out/found"));
        let found = found.into_iter().find(|path| path.exists()).unwrap();
        let expected = if cargo == Cargo::Plain {
            "evil"
        } else {
            "victim"
        };
        assert_eq!(
            fs::read_to_string(found).unwrap(),
            expected,
            "{cargo:?} {command}{run}"
        );
    }
}

/// A target folder behind a link into a folder that all units may write to.
#[test]
fn a_target_folder_behind_a_link() {
    for cargo in std::iter::once(Cargo::Plain).chain(ours()) {
        let script = r#"
            let out = std::env::var("OUT_DIR").unwrap();
            let profile = std::path::Path::new(&out).ancestors().nth(3).unwrap();
            let _ = std::fs::write(profile.join("deps/planted"), "");
            let _ = std::fs::write(profile.join(".fingerprint/planted"), "");
        "#;
        let project = project(script, "");
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        symlink(folder.path(), project.path("target")).unwrap();
        let run = cargo.of(&project).arg("build").success();
        for name in ["deps", ".fingerprint"] {
            let planted = folder.path().join("debug").join(name).join("planted");
            assert_eq!(
                planted.exists(),
                cargo == Cargo::Plain,
                "{cargo:?} {name}{run}"
            );
        }
    }
}

/// A folder with notes in it like ours, which open another project's `OUT_DIR`.
#[test]
fn a_folder_for_dependencies() {
    for (cargo, command) in everyone() {
        let attack =
            "let _ = fs::write(concat!(env!(\"HOME\"), \"/other/build/x-12/out/evil.rs\"), \"\");";
        let script = r#"
            let out = std::env::var("OUT_DIR").unwrap();
            let notes = format!("{out}/.sandboxed-cargo-macros");
            std::fs::create_dir_all(&notes).unwrap();
            let other = format!("{}/other/build/x-12/out\n", std::env::var("HOME").unwrap());
            std::fs::write(notes + "/libx.so", other).unwrap();
            println!("cargo::rustc-link-search=dependency={out}");
        "#;
        let project = project(script, attack);
        let other = project.home("other/build/x-12");
        fs::create_dir_all(other.join("out")).unwrap();
        for name in ["invoked.timestamp", "stderr", "output"] {
            File::create(other.join(name)).unwrap();
        }
        let run = cargo.of(&project).arg(command).success();
        let planted = other.join("out/evil.rs").exists();
        assert_eq!(planted, cargo == Cargo::Plain, "{cargo:?} {command}{run}");
    }
}

/// Variables that a crate sets for its own compilation.
#[test]
fn a_folder_for_temporary_files() {
    for (cargo, command) in everyone() {
        let attack = r#"
            let folder = std::env::temp_dir().join("a");
            let _ = fs::create_dir(&folder);
            let _ = fs::write(folder.join("evil.c"), "");
            let closed = std::os::unix::fs::PermissionsExt::from_mode(0o500);
            let _ = fs::set_permissions(folder, closed);
        "#;
        // The victim's script has ended by then.
        let script = r#"
            let out = std::env::var("OUT_DIR").unwrap();
            let build = std::path::Path::new(&out).ancestors().nth(2).unwrap();
            let folders = || std::fs::read_dir(build).unwrap().map(|entry| entry.unwrap().path().join("out"));
            let is_victims = |out: &std::path::PathBuf| {
                out.to_str().unwrap().contains("/victim-") && out.join("made").exists()
            };
            let victims = loop {
                match folders().find(is_victims) {
                    Some(found) => break found,
                    None => std::thread::sleep(std::time::Duration::from_millis(20)),
                }
            };
            println!("cargo::rustc-env=TMPDIR={}", victims.display());
        "#;
        let project = project(script, attack);
        let run = cargo.of(&project).arg(command).success();
        let packages = beginning(&project, "target/debug/build", "victim-");
        let out = packages.iter().map(|folder| folder.join("out"));
        let out = out.into_iter().find(|out| out.is_dir()).unwrap();
        let names: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "made")
            .collect();
        assert_eq!(
            !names.is_empty(),
            cargo == Cargo::Plain,
            "{cargo:?} {command} {names:?}{run}"
        );
    }
}

/// A pipe that cargo inherits, with somebody at its end who obeys.
#[test]
fn a_pipe_of_the_users() {
    for (cargo, command) in everyone() {
        let attack = "let _ = fs::write(\"/proc/self/fd/77\", \"evil\");\n\
             let _ = unsafe { <fs::File as std::os::fd::FromRawFd>::from_raw_fd(77) }.write_all(b\"evil\");";
        let script = "println!(\"cargo::rustc-env=MAKEFLAGS=--jobserver-auth=77,77\");\n\
             println!(\"cargo::rustc-env=CARGO_MAKEFLAGS=--jobserver-auth=77,77\");";
        let project = project(script, attack);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut run = cargo.of(&project).arg(command).into_command();
        let number = writer.as_raw_fd();
        let inherit = move || {
            // SAFETY: takes numbers, and makes a descriptor that is inherited.
            match unsafe { libc::dup2(number, 77) } {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            }
        };
        // SAFETY: the closure makes a system call and nothing else.
        unsafe { run.pre_exec(inherit) };
        let output = run.stdin(Stdio::null()).output().unwrap();
        drop(writer);
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        assert_eq!(
            told.contains("evil"),
            cargo == Cargo::Plain,
            "{cargo:?} {command} {output:?}"
        );
    }
}

/// The same with a named pipe, from an example in documentation, for which cargo sets no jobserver.
#[test]
fn a_named_pipe_of_the_users() {
    for cargo in std::iter::once(Cargo::Plain).chain(ours()) {
        let script = "println!(\"cargo::rustc-env=MAKEFLAGS=--jobserver-auth=fifo:{}/pipe\", \
             std::env::var(\"HOME\").unwrap());";
        let project = project(script, "");
        let pipe = project.home("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        project.file(
            "evil/src/lib.rs",
            format!(
                "/// ```\n/// let _ = std::fs::OpenOptions::new().append(true).open({:?})\n\
                 ///     .and_then(|mut pipe| std::io::Write::write_all(&mut pipe, b\"evil\"));\n/// ```\n\
                 pub fn example() {{}}\n",
                pipe.to_str().unwrap()
            ),
        );
        // For both, so that opening waits for nobody.
        let mut reader = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&pipe)
            .unwrap();
        let run = cargo
            .of(&project)
            .args(["test", "--doc", "-p", "evil"])
            .success();
        let mut told = [0; 4];
        let told = match reader.read(&mut told) {
            Ok(length) => length > 0,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        };
        assert_eq!(told, cargo == Cargo::Plain, "{cargo:?}{run}");
    }
}

/// A link that a build which had the whole target folder for itself left where a cargo outside
/// writes what the script prints.
#[test]
fn a_link_in_place_of_what_cargo_writes() {
    for cargo in std::iter::once(Cargo::Plain).chain(ours()) {
        let project = project("println!(\"evil\");", "");
        let build = || cargo.of(&project).args(["run", "-p", "user"]);
        build().success();
        let scripts = beginning(&project, "target/debug/build", "evil-");
        let output = scripts.iter().map(|folder| folder.join("output"));
        let output = output.into_iter().find(|path| path.exists()).unwrap();
        fs::remove_file(&output).unwrap();
        symlink(project.home(".bashrc"), &output).unwrap();
        let script = fs::read_to_string(project.path("evil/build.rs")).unwrap();
        project.file("evil/build.rs", script + "\n");
        let run = build().finish();
        let text = fs::read_to_string(project.home(".bashrc")).unwrap();
        if cargo == Cargo::Plain {
            assert!(text.contains("evil"), "{run}");
            continue;
        }
        assert_eq!(text, "original", "{cargo:?}{run}");
        run.code(125)
            .stderr_has("is a link that leads out of the target folder");
    }
}

/// Is the lock that a unit took still held?
fn is_held(lock: &Path) -> bool {
    let Ok(file) = File::open(lock) else {
        return false;
    };
    // SAFETY: takes numbers only, and the descriptor is open.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == -1 }
}

fn wait(what: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A unit that ignores every signal that can be ignored ends with cargo, however that ends.
#[test]
fn units_end_with_cargo() {
    const BODY: &str = r#"
        unsafe extern "C" {
            fn flock(file: i32, operation: i32) -> i32;
            fn signal(number: i32, handler: usize) -> usize;
        }
        for number in [1, 2, 3, 13, 15] { unsafe { signal(number, 1) }; }
        let words: Vec<String> = std::env::args().collect();
        let folder = match words.iter().position(|word| word == "--out-dir") {
            Some(at) => words[at + 1].clone(),
            None => std::env::var("OUT_DIR").unwrap(),
        };
        let lock = std::fs::File::create(format!("{folder}/lock")).unwrap();
        unsafe { flock(std::os::fd::AsRawFd::as_raw_fd(&lock), 2) };
        std::fs::write(format!("{folder}/pid"), std::process::id().to_string()).unwrap();
        std::thread::sleep(std::time::Duration::from_secs(300));
    "#;
    let everyone = || std::iter::once(Cargo::Plain).chain(ours());
    for (cargo, who) in everyone().flat_map(|cargo| ["script", "macro"].map(|who| (cargo, who))) {
        for signal in ["INT", "TERM", "KILL"] {
            let project = if who == "script" {
                project(BODY, "")
            } else {
                project("", BODY)
            };
            let mut run = cargo.of(&project).arg("run").into_command();
            run.stdin(Stdio::null());
            run.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = run.spawn().unwrap();
            let lock = || {
                let deps = project.path("target/debug/deps");
                let scripts = beginning(&project, "target/debug/build", "evil-");
                let folders = scripts.iter().map(|folder| folder.join("out"));
                let private = beginning(&project, "target/debug/deps", ".sandboxed-cargo.");
                let folders = folders.chain(private).chain([deps]);
                let is_ready = |folder: &PathBuf| {
                    fs::metadata(folder.join("pid")).is_ok_and(|found| found.len() > 0)
                };
                folders
                    .filter(is_ready)
                    .map(|folder| folder.join("lock"))
                    .find(|lock| is_held(lock))
            };
            assert!(wait(|| lock().is_some()), "{cargo:?} {who} {signal}");
            // Its folder may be removed while it is open.
            let lock = File::open(lock().unwrap()).unwrap();
            let pid = fs::read_to_string(name_of(&lock).with_file_name("pid")).unwrap();
            let cargo_pid = child.id().to_string();
            let kill = Command::new("kill")
                .args(["-s", signal, &cargo_pid])
                .status();
            assert!(kill.unwrap().success());
            child.wait().unwrap();
            let is_held = || {
                // SAFETY: takes numbers only, and the descriptor is open.
                unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == -1 }
            };
            if cargo == Cargo::Plain {
                assert!(is_held(), "{who} {signal}");
                // As nobody else would.
                let kill = Command::new("kill").args(["-9", &pid]).status();
                assert!(kill.unwrap().success());
            }
            assert!(wait(|| !is_held()), "{cargo:?} {who} {signal}");
        }
    }
}

fn name_of(file: &File) -> PathBuf {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

/// What only its owner could enter goes when the unit has ended.
#[test]
fn nothing_is_left_in_the_temporary_folder() {
    let body = r#"
        let folder = std::env::temp_dir().join("y/evil");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("program"), "").unwrap();
        let closed = || std::os::unix::fs::PermissionsExt::from_mode(0o500);
        std::fs::set_permissions(&folder, closed()).unwrap();
        std::fs::set_permissions(folder.parent().unwrap(), closed()).unwrap();
    "#;
    for (cargo, command) in everyone().filter(|(cargo, _)| *cargo != Cargo::Plain) {
        let project = project(body, body);
        let temporary = project.home("temporary");
        fs::create_dir(&temporary).unwrap();
        let run: Finished = cargo
            .of(&project)
            .env("TMPDIR", &temporary)
            .arg(command)
            .success();
        let left: Vec<_> = fs::read_dir(&temporary)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(left.is_empty(), "{cargo:?} {command} {left:?}{run}");
    }
}
