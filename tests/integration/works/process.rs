use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{each, main};
use crate::support::project::Project;
use crate::support::{skip, toolchain};

fn program(code: &str) -> Project {
    let project = Project::new();
    project.package("", "");
    project.file("src/main.rs", code);
    project
}

#[test]
fn exit_status_of_cargo() {
    each(|cargo| {
        let project = program("fn main() { nonsense }");
        cargo.of(&project).arg("build").finish().code(101);
        cargo
            .of(&project)
            .args(["build", "--no-such-option"])
            .finish()
            .code(1);
        cargo.of(&project).arg("no-such-command").finish().code(101);
    });
}

#[test]
fn exit_status_of_the_program() {
    each(|cargo| {
        let project = program("fn main() { std::process::exit(42) }");
        cargo
            .of(&project)
            .args(["run", "--quiet"])
            .finish()
            .code(42);
    });
}

#[test]
fn exit_status_of_a_failing_script() {
    each(|cargo| {
        let project = Project::new();
        project.package(&main("std::process::exit(3)"), "");
        let finished = cargo.of(&project).arg("build").finish().code(101);
        finished.stderr_has("exit status: 3");
    });
}

/// A script may kill its own cargo, unless it is in a box of its own.
#[test]
fn signal_inside() {
    each(|cargo| {
        for signal in [9, 15, 6] {
            let project = Project::new();
            let body = format!(
                "use std::os::unix::process::CommandExt;\n\
                 Command::new(\"sh\").args([\"-c\", \"kill -{signal} $PPID; sleep 1\"]).exec();"
            );
            project.package(&main(&body), "");
            let finished = cargo.of(&project).arg("build").finish();
            match cargo {
                super::Cargo::Plain => finished.signal(signal),
                _ => finished.code(0),
            };
        }
    });
}

/// The caller's own signal ends everything.
#[test]
fn signal_from_outside() {
    each(|cargo| {
        for (name, signal) in [("TERM", 15), ("KILL", 9), ("HUP", 1)] {
            let project = program(
                "fn main() {\n    println!(\"started\");\n    \
                 std::thread::sleep(std::time::Duration::from_secs(600))\n}\n",
            );
            let mut command = cargo.of(&project).args(["run", "--quiet"]).into_command();
            let mut child = command
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut output = BufReader::new(child.stdout.take().unwrap());
            output.read_line(&mut line).unwrap();
            assert_eq!(line, "started\n");
            let kill = project.run("sh").args(["-c", "kill -$1 $2", "sh", name]);
            kill.arg(child.id().to_string()).success();
            assert_eq!(
                child.wait().unwrap().signal(),
                Some(signal),
                "{cargo:?} SIG{name}"
            );
            // The end of the program closes its standard output; one that lives on does not.
            // Plain cargo becomes the program, so that this holds for it as well.
            let deadline = Instant::now() + Duration::from_secs(5);
            let end = std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
            while !end.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(
                end.is_finished(),
                "{cargo:?}: the program outlives SIG{name}"
            );
        }
    });
}

#[test]
fn json_on_stdout() {
    each(|cargo| {
        let project = Project::new();
        project.package(&main("println!(\"cargo:warning=w\");"), "");
        let finished = cargo
            .of(&project)
            .args(["build", "--message-format=json"])
            .success();
        let text = String::from_utf8(finished.stdout).unwrap();
        let kinds: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
            .map(|message| message["reason"].as_str().unwrap().to_owned())
            .collect();
        let artifact = "compiler-artifact";
        assert_eq!(
            kinds,
            [
                artifact,
                "build-script-executed",
                artifact,
                "build-finished"
            ]
        );
    });
}

#[test]
fn standard_input() {
    each(|cargo| {
        let project = program(
            "fn main() {\n    \
             println!(\"got {}\", std::io::read_to_string(std::io::stdin()).unwrap())\n}\n",
        );
        project.file("input", "text");
        let mut command = cargo.of(&project).args(["run", "--quiet"]).into_command();
        let input = fs::File::open(project.path("input")).unwrap();
        let output = command.stdin(input).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "got text\n",
            "{output:?}"
        );
    });
}

/// As CI systems do it: `> log 2> log`.
#[test]
fn output_to_a_file() {
    each(|cargo| {
        let project = program("fn main() { print!(\"out\"); eprint!(\"err\") }");
        let mut command = cargo.of(&project).args(["run", "--quiet"]).into_command();
        let stdout = fs::File::create(project.path("stdout")).unwrap();
        let stderr = fs::File::create(project.path("stderr")).unwrap();
        assert!(
            command
                .stdout(stdout)
                .stderr(stderr)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(fs::read_to_string(project.path("stdout")).unwrap(), "out");
        assert!(
            fs::read_to_string(project.path("stderr"))
                .unwrap()
                .ends_with("err")
        );
    });
}

/// The jobserver of a surrounding make reaches cargo, and through it a make in a script.
#[test]
fn jobserver() {
    if !toolchain::has("make") {
        return skip("jobserver", "no make");
    }
    each(|cargo| {
        let project = Project::new();
        let body = r#"
            fs::write(out("Makefile"), "all: a b\na b: ; @sleep 0.1\n").unwrap();
            let flags = std::env::var("CARGO_MAKEFLAGS").expect("a jobserver");
            let text = run(Command::new("make").current_dir(out("")).env("MAKEFLAGS", flags));
            assert!(!text.contains("jobserver"), "{text}");
        "#;
        project.package(&main(body), "");
        project.file("Makefile", "all: ; +@\"$$PROGRAM\" build\n");
        let inner = cargo.of(&project).into_command();
        let mut make = project
            .run("make")
            .arg("-j2")
            .env("PROGRAM", inner.get_program());
        for (name, value) in inner.get_envs() {
            if let Some(value) = value {
                make = make.env(name, value);
            }
        }
        let finished = make.success();
        let text = finished.plain_text(&finished.stderr);
        assert!(!text.contains("jobserver"), "{text}");
    });
}
