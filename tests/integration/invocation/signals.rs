use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use super::Way;
use crate::support::project::Project;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn statuses_come_back() {
    for way in Way::all() {
        let project = way.project();
        for status in [0, 1, 7, 101, 125, 255] {
            let run = way.call(&project).env("STAND_IN", format!("exit {status}"));
            run.arg("build").finish().code(status);
        }
        for signal in [15, 9, 11, 6, 2, 13] {
            let run = way.call(&project).env("STAND_IN", format!("kill {signal}"));
            run.arg("build").finish().signal(signal);
        }
    }
}

/// A call whose cargo says `ready` and goes on.
fn start(way: Way, project: &Project, task: &str) -> (Child, BufReader<ChildStdout>) {
    let run = way.call(project).env("STAND_IN", task).arg("build");
    let mut command = run.into_command();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("ready"), "{way:?}: {line}");
    (child, output)
}

fn send(name: &str, child: &Child) {
    let kill = std::process::Command::new("sh")
        .args(["-c", "kill -$1 $2", "sh", name])
        .arg(child.id().to_string())
        .status();
    assert!(kill.unwrap().success());
}

/// A signal to us alone, as `kill` and job runners send it, reaches cargo, and once.
#[test]
fn signals_to_us_reach_cargo() {
    for way in Way::all() {
        for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3)] {
            let project = way.project();
            let (mut child, mut output) = start(way, &project, "wait");
            send(name, &child);
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert_eq!(
                line,
                format!("signal {number} came 1 times\n"),
                "{way:?} {name}"
            );
            assert!(child.wait().unwrap().success(), "{way:?} {name}");
        }
    }
}

/// The end of standard output tells that nobody is left who holds it.
#[test]
fn nothing_outlives_us() {
    for way in Way::all().into_iter().filter(|way| way.is_sandboxed()) {
        for name in ["KILL", "TERM"] {
            let project = way.project();
            let (mut child, mut output) = start(way, &project, "family");
            send(name, &child);
            child.wait().unwrap();
            let begun = Instant::now();
            let end = std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
            while !end.is_finished() && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(end.is_finished(), "{way:?}: something outlives SIG{name}");
        }
    }
}

/// However it ends, but by SIGKILL of us, the temporary folder is as it was.
#[test]
fn temporary_files_go() {
    for way in Way::all().into_iter().filter(|way| way.is_sandboxed()) {
        for how in ["exit 0", "exit 101", "kill 15", "kill 9"] {
            let project = way.project();
            let temporary = project.home("temporary");
            std::fs::create_dir(&temporary).unwrap();
            let run = way.call(&project).env("TMPDIR", &temporary);
            run.env("STAND_IN", how).arg("build").finish();
            assert_eq!(
                std::fs::read_dir(&temporary).unwrap().count(),
                0,
                "{way:?} {how}"
            );
        }
        let project = way.project();
        let temporary = project.home("temporary");
        std::fs::create_dir(&temporary).unwrap();
        let run = way.call(&project).env("TMPDIR", &temporary);
        run.env("STAND_IN_FETCH", "exit 1")
            .arg("build")
            .finish()
            .code(1);
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "{way:?}");
    }
}
