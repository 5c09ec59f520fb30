//! A proc macro that fills the folder of its own unit's results with what should not be there, and
//! goes on doing so while they are moved.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use super::world::{Cargo, ours, package};
use crate::support::project::{Project, write};

/// `PRIVATE` is the folder, `STEM` what the names of its results begin with.
const MACRO: &str = r#"
#[proc_macro]
pub fn attack(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let line = std::fs::read("/proc/self/cmdline").unwrap();
    let words: Vec<_> = line.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
    let after = |name: &str| words.iter().position(|w| w == name).map(|at| words[at + 1].clone());
    let hash = words.iter().find_map(|word| word.strip_prefix("extra-filename=")).unwrap_or_default();
    let script = include_str!("attack.sh")
        .replace("PRIVATE", &after("--out-dir").unwrap())
        .replace("RUSTC", &std::process::id().to_string())
        .replace("STEM", &format!("{}{hash}", after("--crate-name").unwrap()));
    let mut shell = std::process::Command::new("setsid");
    shell.args(["bash", "-c", &script]);
    let none = std::process::Stdio::null;
    shell.stdin(none()).stdout(none()).stderr(none());
    let _ = shell.spawn();
    std::thread::sleep(std::time::Duration::from_millis(100));
    Default::default()
}
"#;

fn project(action: &str) -> Project {
    let project = Project::named("host");
    let decoy = project.path("target/debug/deps/decoy");
    write(&decoy, "a decoy");
    let action = action.replace("DECOY", decoy.to_str().unwrap());
    project
        .file(
            "Cargo.toml",
            package(
                "app",
                "[dependencies]\nuser = { path = \"user\" }\nvictim = { path = \"victim\" }\n[workspace]\n",
            ),
        )
        .file("src/main.rs", "fn main() {\n    victim::seven();\n}\n")
        .file("victim/Cargo.toml", package("victim", ""))
        .file("victim/src/lib.rs", "pub fn seven() -> i32 {\n    7\n}\n")
        .file(
            "user/Cargo.toml",
            package("user", "[dependencies]\nplotter = { path = \"../plotter\" }\n"),
        )
        .file("user/src/lib.rs", "plotter::attack!();\n")
        .file("plotter/Cargo.toml", package("plotter", "[lib]\nproc-macro = true\n"))
        .file("plotter/src/lib.rs", MACRO)
        .file(
            "plotter/src/attack.sh",
            format!(
                "cd 'PRIVATE' || exit\nfor ((i = 0; i < 120; i++)); do\n    \
                 for name in libSTEM.rmeta libSTEM.rlib STEM.d STEM; do\n{action}\n    done\ndone\n"
            ),
        );
    project
}

/// Whatever becomes of the build, nothing but regular files of the usual names is in `deps`, and
/// the decoy is as it was.
#[track_caller]
fn check(action: &str, cargo: Cargo, command: &str) {
    let project = project(action);
    let run = cargo.of(&project).arg(command).finish();
    let deps = project.path("target/debug/deps");
    assert_eq!(
        fs::read_to_string(deps.join("decoy")).unwrap(),
        "a decoy",
        "{run}"
    );
    for entry in fs::read_dir(&deps).unwrap() {
        let entry = entry.unwrap();
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        let name = name.to_string_lossy();
        assert!(!kind.is_symlink() && !kind.is_fifo(), "{name}{run}");
        assert!(!name.contains("planted"), "{name}{run}");
    }
    // The victim is what it would be without the attack.
    if run.status.success() && command == "run" {
        let program = project.run(project.path("target/debug/app"));
        program.success();
    }
}

#[track_caller]
fn race(action: &str) {
    for cargo in ours() {
        // Once with cargo inside, once with cargo outside.
        let command = if cargo == Cargo::FirstWall {
            "build"
        } else {
            "run"
        };
        check(action, cargo, command);
    }
}

#[test]
fn links() {
    race("ln -sfn DECOY $name; ln -s DECOY x; mv -f x $name");
}

#[test]
fn pipes() {
    // rustc would wait for ever for somebody to read, as it does under plain cargo.
    race("mkfifo x; mv -f x $name; ((i < 119)) || kill -9 RUSTC");
}

#[test]
fn folders() {
    race("rm -f $name; mkdir -p $name/planted");
}

#[test]
fn second_names() {
    race("ln -f DECOY $name; echo evil >> $name; chmod 777 DECOY $name");
}

#[test]
fn names_of_others() {
    race(
        "for other in decoy libvictim-planted.rlib planted libSTEM-planted.so STEM.planted/x; do \
         echo evil > $other; ln -sfn DECOY l$other; done",
    );
}
