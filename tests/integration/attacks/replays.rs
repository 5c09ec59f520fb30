//! Attacks from the wild, by name: each whole chain reaches its aim under plain cargo, and none of
//! its steps has an effect under ours.

use std::fs;
use std::path::{Path, PathBuf};

use super::Mode;
use crate::support::canary::Canary;
use crate::support::project::Project;
use crate::support::{skip, system, toolchain, unique};

/// A step of an attack, as seen from outside.
#[derive(Debug, Clone, Copy)]
enum Aim {
    /// The attacker's server heard this.
    Heard(&'static str),
    /// The home folder has this file, with this in it.
    Home(&'static str, &'static str),
    /// So has the project.
    Host(&'static str, &'static str),
    /// The file that the attack drops into the shared temporary folder is there.
    Dropped,
    /// This file of the home folder is gone, which is tried only when the rest did not work.
    Destroyed(&'static str),
}

struct Replay {
    /// The crates from the host down; the last has the build script.
    crates: &'static [&'static str],
    source: &'static str,
    /// Where it drops its program.
    dropped: &'static str,
    /// What the server answers.
    payload: &'static str,
    aims: &'static [Aim],
}

const SECRET: &str = "very-secret";

fn project(replay: &Replay) -> Project {
    let project = Project::named("host");
    for path in [
        ".npmrc",
        ".aws/credentials",
        ".config/gh/hosts.yml",
        ".cargo/credentials.toml",
        ".config/Exodus/exodus.wallet/seed.seco",
        ".local/share/TelegramDesktop/tdata/key_datas",
        "documents/diary.txt",
    ] {
        project.home_file(path, format!("# {SECRET} {path}\n"));
    }
    project.home_file(".ssh/authorized_keys", "");
    project.file("package.json", "{\"name\": \"host\"}\n");
    project.file(".env", format!("KEY={SECRET} .env\n"));
    project.file(".git/HEAD", "ref: refs/heads/main\n");
    project.file(".git/config", "[core]\n\trepositoryformatversion = 0\n");
    for folder in [".git/objects", ".git/refs", "target"] {
        fs::create_dir_all(project.path(folder)).unwrap();
    }
    let mut folder = PathBuf::new();
    let mut above = "host";
    for name in replay.crates.iter().chain([&""]) {
        let mut manifest = format!("[package]\nname = \"{above}\"\nversion = \"0.1.0\"\n");
        if above == "host" {
            manifest += "[workspace]\n";
        }
        if !name.is_empty() {
            let place = up(&folder) + "vendor/" + name;
            manifest = format!("{manifest}[dependencies]\n{name}.path = \"{place}\"\n");
        }
        project.file(folder.join("Cargo.toml"), manifest);
        project.file(folder.join("src/lib.rs"), "");
        if !name.is_empty() {
            folder = Path::new("vendor").join(name);
            above = name;
        }
    }
    project
}

/// From a crate's folder back to the host.
fn up(folder: &Path) -> String {
    "../".repeat(folder.components().count())
}

/// Runs the attack; which of its aims did it reach?
fn reached(replay: &Replay, mode: Mode) -> Vec<Aim> {
    let project = project(replay);
    let run = project.root().join("run");
    fs::create_dir_all(&run).unwrap();
    let mut canary = Canary::start(&run, &unique(), replay.payload.as_bytes(), Vec::new());
    let dropped = PathBuf::from(format!("/tmp/evil-{}", unique()));
    // The name of the address block for documentation stands for the attacker's server.
    let source = replay
        .source
        .replace("203.0.113.7:80", &format!("127.0.0.1:{}", canary.tcp))
        .replace("203.0.113.7:53", &format!("127.0.0.1:{}", canary.udp));
    let source = match replay.dropped {
        "" => source,
        path => source.replace(path, &dropped.display().to_string()),
    };
    project.file(
        Path::new("vendor")
            .join(replay.crates.last().unwrap())
            .join("build.rs"),
        source,
    );
    let command = mode.cargo(&project);
    command
        .arg("build")
        .env("GITLAB_CI", "true")
        .env("CARGO_REGISTRY_TOKEN", format!("{SECRET}-token"))
        .env("AWS_SECRET_ACCESS_KEY", format!("{SECRET}-key"))
        .success();
    let heard = String::from_utf8_lossy(&canary.stop()).into_owned();
    let holds = |path: PathBuf, text| fs::read_to_string(path).is_ok_and(|s| s.contains(text));
    let reached = |aim: &&Aim| match **aim {
        Aim::Heard(text) => heard.contains(text),
        Aim::Home(path, text) => holds(project.home(path), text),
        Aim::Host(path, text) => holds(project.path(path), text),
        Aim::Dropped => dropped.exists(),
        Aim::Destroyed(path) => !project.home(path).exists(),
    };
    let aims = replay.aims.iter().filter(reached).copied().collect();
    let _ = fs::remove_file(dropped);
    aims
}

fn play(replay: &Replay) {
    let last_resort = |aim: &&Aim| matches!(aim, Aim::Destroyed(_));
    let plain = reached(replay, Mode::Plain);
    let expected = replay.aims.len() - replay.aims.iter().filter(last_resort).count();
    assert_eq!(
        plain.len(),
        expected,
        "plain cargo stopped some of it: {plain:?}"
    );
    let first = reached(replay, Mode::FirstWall);
    assert!(first.is_empty(), "the first wall let through {first:?}");
    if system::has_namespaces() {
        let both = reached(replay, Mode::BothWalls);
        assert!(both.is_empty(), "both walls let through {both:?}");
    } else {
        skip("replay with both walls", "this system refuses namespaces");
    }
}

#[test]
fn arrayref_proc_macro1() {
    play(&Replay {
        crates: &["arrayref", "proc-macro1"],
        source: include_str!("replays/arrayref.rs"),
        dropped: "/tmp/rust-setup",
        payload: "#!/bin/sh\nmkdir -p ~/.config/systemd/user\n\
                  echo '[Service] downloaded' > ~/.config/systemd/user/rust-setup.service\n",
        aims: &[
            Aim::Heard("GET /rust-setup"),
            Aim::Dropped,
            Aim::Home(".config/systemd/user/rust-setup.service", "[Service]"),
        ],
    });
}

#[test]
fn mysten_metrics() {
    if !["curl", "wget", "python3"]
        .iter()
        .any(|program| toolchain::has(program))
    {
        return skip("mysten_metrics", "no program that downloads");
    }
    play(&Replay {
        crates: &["mysten-metrics"],
        source: include_str!("replays/mysten.rs"),
        dropped: "",
        payload: "mkdir -p ~/.cache/mysten; id > ~/.cache/mysten/stage2\n\
                  echo 'sh ~/.cache/mysten/stage2' >> ~/.profile\n",
        aims: &[
            Aim::Heard("GET /stage2"),
            Aim::Home(".cache/mysten/stage2", "uid="),
            Aim::Home(".profile", "stage2"),
        ],
    });
}

#[test]
fn microsoftsystem64() {
    play(&Replay {
        crates: &["microsoftsystem64"],
        source: include_str!("replays/microsoftsystem64.rs"),
        dropped: "",
        payload: "",
        aims: &[
            Aim::Heard("very-secret .env"),
            Aim::Heard("very-secret .config/Exodus"),
            Aim::Heard("very-secret .local/share/TelegramDesktop"),
            Aim::Home(".ssh/authorized_keys", "microsoftsystem64"),
        ],
    });
}

#[test]
fn amaperf() {
    play(&Replay {
        crates: &["amaperf"],
        source: include_str!("replays/amaperf.rs"),
        dropped: "",
        payload: "",
        aims: &[Aim::Heard("amaperf|linux|")],
    });
}

#[test]
fn dependency_confusion() {
    play(&Replay {
        crates: &["company-internal"],
        source: include_str!("replays/confusion.rs"),
        dropped: "",
        payload: "",
        aims: &[
            Aim::Heard("POST /callback"),
            Aim::Heard("\"AWS_SECRET_ACCESS_KEY\"=\"very-secret-key\""),
            Aim::Heard("very-secret-token\tconfusion"),
        ],
    });
}

#[test]
fn rustdecimal() {
    play(&Replay {
        crates: &["rustdecimal"],
        source: include_str!("replays/rustdecimal.rs"),
        dropped: "/tmp/git-updater.bin",
        payload: "#!/bin/sh\necho updated > ~/.git-updater\n",
        aims: &[Aim::Dropped, Aim::Home(".git-updater", "updated")],
    });
}

#[test]
fn shai_hulud() {
    play(&Replay {
        crates: &["innocent", "shai-hulud"],
        source: include_str!("replays/shai_hulud.rs"),
        dropped: "",
        payload: "",
        aims: &[
            Aim::Heard("very-secret-token"),
            Aim::Heard("very-secret .npmrc"),
            Aim::Heard("very-secret .aws/credentials"),
            Aim::Heard("very-secret .config/gh/hosts.yml"),
            Aim::Heard("very-secret .cargo/credentials.toml"),
            Aim::Host(".vscode/tasks.json", "shai-hulud"),
            Aim::Host(".claude/settings.json", "shai-hulud"),
            Aim::Host(".git/hooks/post-checkout", "shai-hulud"),
            Aim::Host(".github/workflows/discussion.yaml", "shai-hulud"),
            Aim::Destroyed("documents/diary.txt"),
        ],
    });
}
