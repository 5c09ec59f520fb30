//! Each action at each place below the target folder, and on each file that other units made.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::state::{State, changes, state};
use super::world::{Cargo, beginning, workspace};
use crate::support::project::{Project, write};
use crate::support::{skip, toolchain};
use crate::tools::TEMPORARY;

const WHO: [&str; 2] = ["script", "macro"];

/// Each needs a file of its own.
const ON_FILES: [&str; 16] = [
    "append",
    "truncate",
    "recreate",
    "rewrite",
    "reopen",
    "replace",
    "exchange",
    "steal",
    "rename",
    "unlink",
    "chmod",
    "fchmod",
    "utimes",
    "setxattr",
    "hard-link",
    "link-and-chmod",
];

/// Each needs a name that is free.
const NEW: [&str; 8] = [
    "create",
    "create-nameless",
    "bring",
    "bring-link",
    "symlink",
    "fifo",
    "mkdir",
    "open-creating",
];

/// Folders that no unit may change, as they are after a build.
fn places(project: &Project, profile: &str) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = [
        "",
        "victim/src",
        "target",
        ".perry-cache",
        "target/PROFILE",
        "target/PROFILE/deps",
        "target/PROFILE/build",
        "target/PROFILE/examples",
        "target/PROFILE/incremental",
        "target/PROFILE/.fingerprint",
    ]
    .iter()
    .map(|place| project.path(place.replace("PROFILE", profile)))
    .collect();
    places.push(project.home(""));
    for (folder, name) in [
        // The script with its launcher and what came of it, its own included.
        ("build", "victim-"),
        ("build", "evil-"),
        (".fingerprint", "victim-"),
        (".fingerprint", "evil-"),
        (".fingerprint", "user-"),
        (".fingerprint", "plotter-"),
        ("incremental", "app-"),
    ] {
        places.extend(beginning(
            project,
            &format!("target/{profile}/{folder}"),
            name,
        ));
    }
    let victims = beginning(project, &format!("target/{profile}/build"), "victim-");
    places.extend(victims.iter().map(|folder| folder.join("out")));
    places.retain(|place| place.is_dir());
    places
}

/// A file at which one action of one attacker is aimed.
struct Aim {
    who: &'static str,
    what: &'static str,
    path: PathBuf,
}

fn aims(places: &[PathBuf]) -> Vec<Aim> {
    let mut aims = Vec::new();
    for place in places {
        for what in ON_FILES.into_iter().chain(NEW) {
            for who in WHO {
                let path = place.join(format!("decoy-{who}-{what}"));
                if ON_FILES.contains(&what) {
                    write(&path, "a decoy");
                }
                aims.push(Aim { who, what, path });
            }
        }
    }
    aims
}

/// Does it belong to the units that attack?
fn is_own(target: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(target) else {
        // Empty folders stay for the next build, or do not; whatever else a unit made would be seen.
        let text = path.display().to_string();
        let is_folder = fs::symlink_metadata(path).map_or(true, |found| found.is_dir());
        if is_folder && text.contains(TEMPORARY) && !text.contains("decoy") {
            return true;
        }
        // The policy of each run is written down anew.
        let name = path.file_name().unwrap().to_string_lossy();
        return path.parent().unwrap().ends_with(".perry-cache")
            && !name.starts_with("sandboxed-cargo")
            && !name.contains("decoy");
    };
    // The pages of all crates link to each other; a unit of `cargo doc` may write there.
    inside.starts_with("doc")
        || inside.iter().any(|name| {
            let name = name.to_string_lossy();
            let name = name.strip_prefix("lib").unwrap_or(&name);
            name.starts_with("evil") || name.starts_with("user")
        }) && !path.to_string_lossy().contains("decoy")
}

/// All that a unit must leave as it is.
fn seen(project: &Project) -> State {
    let folders = ["target", ".perry-cache", "victim"].map(|folder| project.path(folder));
    let mut state = state(&folders);
    // Not what is below: cargo's own folder is there.
    for folder in [project.path(""), project.home("")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() || path.to_string_lossy().contains("decoy") {
                state.extend(self::state(&[path]));
            }
        }
    }
    state
}

/// Everything is built, then this command is run with attacks, and what it changed is judged.
#[track_caller]
fn attack(cargo: Cargo, command: &[&str]) {
    if !cargo.is_possible() {
        return;
    }
    let program = format!("cargo-{}", command[0]);
    if ["clippy", "nextest"].contains(&command[0]) && !toolchain::has(&program) {
        return skip(command[0], &format!("{program} is not installed"));
    }
    let project = workspace();
    let profile = match command[0] {
        "bench" | "install" => "release",
        _ => "debug",
    };
    let run = |arguments: &[&str]| cargo.of(&project).env("ATTACK_PLAN", "").args(arguments);
    let all = ["build", "--workspace", "--all-targets", "--profile"];
    let profile_name = profile.replace("debug", "dev");
    run(&[&all[..], &[profile_name.as_str()]].concat()).success();
    run(command).success();
    fs::create_dir_all(project.path(".perry-cache")).unwrap();

    let target = project.path("target");
    let before = seen(&project);
    let victims: Vec<&PathBuf> = before
        .keys()
        .filter(|path| path.is_file() && path.starts_with(&target) && !is_own(&target, path))
        .collect();
    let aims = aims(&places(&project, profile));
    assert!(victims.len() > 30 && aims.len() > 900, "{victims:?}");
    let mut plan = String::new();
    for Aim { who, what, path } in &aims {
        writeln!(plan, "{who}\t{what}\t{}", path.display()).unwrap();
    }
    for path in &victims {
        // First what harms nobody, so that the other one is compiled at all.
        writeln!(plan, "script\tchmod\t{}", path.display()).unwrap();
        writeln!(plan, "macro\tappend\t{}", path.display()).unwrap();
    }
    project.file("plan.txt", plan);
    let before = seen(&project);
    let attack = cargo
        .of(&project)
        .env("ATTACK_PLAN", project.path("plan.txt"))
        .args(command)
        .finish();
    let after = seen(&project);
    if cargo == Cargo::Plain {
        check_control(&aims, &victims, &before, &after);
        return;
    }
    let mut changes = changes(&before, &after);
    changes.retain(|(path, _)| !is_own(&target, path));
    assert!(changes.is_empty(), "{changes:#?}{attack}");
    let _ = attack.code(0);
    // Nor is anything of the victim's built again.
    let again = run(command).success();
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !text.contains(" victim ") && !text.contains(" plotter "),
        "{text}"
    );
}

/// Each action had its effect, or its denial proves nothing.
fn check_control(aims: &[Aim], victims: &[&PathBuf], before: &State, after: &State) {
    let untouched = aims
        .iter()
        .filter(|aim| before.get(&aim.path) == after.get(&aim.path));
    let mut untouched: Vec<String> = untouched
        .map(|aim| format!("{} {}", aim.what, aim.path.display()))
        .collect();
    for path in victims {
        // What it contains, and its mode.
        let parts = |state: &State| {
            let text = state.get(*path).cloned().unwrap_or_default();
            let (contents, rest) = text.split_once(", mode ").unwrap_or_default();
            (contents.to_owned(), rest[..6].to_owned())
        };
        let (old, new) = (parts(before), parts(after));
        // The kernel lets nobody write to a program that runs.
        if old.0 == new.0 {
            untouched.push(format!("append {}", path.display()));
        }
        if old.1 == new.1 && !old.1.ends_with("777") {
            untouched.push(format!("chmod {}", path.display()));
        }
    }
    assert!(untouched.is_empty(), "{untouched:#?}");
}

/// A unit ends neither its own wrapper nor cargo. By who attacks, for one death hides the other.
#[track_caller]
fn kill(cargo: Cargo, command: &str) {
    if !cargo.is_possible() {
        return;
    }
    for who in WHO {
        let project = workspace();
        project.file("plan.txt", format!("{who}\tkill\tall\n"));
        let run = cargo
            .of(&project)
            .env("ATTACK_PLAN", project.path("plan.txt"))
            .args([command, "-p", "user"])
            .finish();
        let survived = run.status.success();
        assert_eq!(survived, cargo != Cargo::Plain, "{cargo:?} {who}{run}");
    }
}

#[test]
fn signals() {
    for cargo in [Cargo::Plain, Cargo::FirstWall, Cargo::BothWalls] {
        for command in ["build", "run"] {
            kill(cargo, command);
        }
    }
}

macro_rules! commands {
    ($($name:ident $command:expr;)*) => {
        mod plain {
            use super::{Cargo, attack};
            $(#[test] fn $name() { attack(Cargo::Plain, &$command); })*
        }
        mod first_wall {
            use super::{Cargo, attack};
            $(#[test] fn $name() { attack(Cargo::FirstWall, &$command); })*
        }
        mod both_walls {
            use super::{Cargo, attack};
            $(#[test] fn $name() { attack(Cargo::BothWalls, &$command); })*
        }
    };
}

commands! {
    build ["build", "-p", "user"];
    check ["check", "-p", "user"];
    clippy ["clippy", "-p", "user"];
    doc ["doc", "-p", "user", "--no-deps"];
    test ["test", "-p", "user"];
    run ["run", "-p", "user"];
    bench ["bench", "-p", "user"];
    install ["install", "--path", "user", "--offline", "--force", "--root", "installed"];
    nextest ["nextest", "run", "-p", "user"];
}
