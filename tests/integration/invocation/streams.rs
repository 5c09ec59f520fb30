use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use super::Way;
use crate::support::{skip, toolchain};
use crate::tools::WithStandIn as _;

#[test]
fn streams_pass_through() {
    let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for way in Way::all() {
        let project = way.project();
        let run = way.call(&project).env("STAND_IN", "echo");
        let mut command = run.args(["build", "--message-format=json"]).into_command();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let sent = text.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        // Not a byte of ours among it.
        assert!(output.stdout == text, "{way:?}: {}", output.stdout.len());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with("to stderr\n"), "{way:?}: {said}");
    }
}

/// A caller who reads no further is no error of ours.
#[test]
fn a_closed_reader() {
    for way in Way::all() {
        let project = way.project();
        let run = way.call(&project).env("STAND_IN", "exit 0");
        let mut command = run.args(["build", "--message-format=json"]).into_command();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{way:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_stays_one() {
    use crate::support::system;

    let Ok((mut master, slave)) = system::terminal() else {
        return skip("a terminal for cargo", "no pseudo-terminals here");
    };
    for way in Way::all() {
        let project = way.project();
        let run = way.call(&project).env("STAND_IN", "terminal");
        let mut command = run.arg("build").into_command();
        let end = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        system::set_terminal(&mut command, &slave);
        assert!(command.status().unwrap().success(), "{way:?}");
        let mut said = Vec::new();
        // Non-blocking: it ends where nothing more was said.
        let _ = master.read_to_end(&mut said);
        let said = String::from_utf8(said).unwrap();
        let (ours, cargos) = said.split_at(said.find('[').map_or(0, |at| {
            // The status line has colours, which begin with the same sign.
            said.rfind("[true").unwrap_or(at)
        }));
        assert_eq!(cargos.trim_end(), "[true, true, true]", "{way:?}: {said:?}");
        assert_eq!(ours.contains("Sandboxed"), way.is_sandboxed(), "{said:?}");
    }
}

/// A jobserver by descriptors: these stay open, and nothing else that a careless caller left.
#[cfg(target_os = "linux")]
#[test]
fn descriptors_of_the_jobserver() {
    use std::os::fd::AsRawFd;

    use crate::support::system;

    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"+").unwrap();
    let other = File::open("/dev/null").unwrap();
    for way in Way::all() {
        for (task, expected) in [
            ("token", "token +\n"),
            (
                "descriptors",
                if way.is_sandboxed() {
                    "[20, 21]\n"
                } else {
                    "[20, 21, 22]\n"
                },
            ),
        ] {
            let project = way.project();
            let run = way.call(&project).env("STAND_IN", task);
            let run = run.env("MAKEFLAGS", "-j3 --jobserver-auth=20,21");
            let mut command = run.arg("build").into_command();
            let given = [
                (reader.as_raw_fd(), 20),
                (writer.as_raw_fd(), 21),
                (other.as_raw_fd(), 22),
            ];
            system::inherit(&mut command, given.to_vec());
            let output = command.output().unwrap();
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                expected,
                "{way:?} {output:?}"
            );
        }
    }
}

/// As make 4.4 does it: a named pipe, wherever make put it.
#[test]
fn named_pipe_of_the_jobserver() {
    for way in Way::all() {
        let project = way.project();
        let shared = tempfile::Builder::new()
            .prefix("GMfifo")
            .tempdir_in("/tmp")
            .unwrap();
        for place in [
            shared.path().join("pipe"),
            project.home("pipe"),
            project.path("pipe"),
        ] {
            let made = std::process::Command::new("mkfifo").arg(&place).status();
            assert!(made.unwrap().success());
            // Both ends, so that opening does not wait, and the token stays in it.
            let mut options = File::options();
            let mut pipe = options.read(true).write(true).open(&place).unwrap();
            pipe.write_all(b"+").unwrap();
            let flags = format!("-j3 --jobserver-auth=fifo:{}", place.display());
            let run = way.call(&project).env("STAND_IN", "token");
            let finished = run.env("MAKEFLAGS", flags).arg("build").success();
            let mut token = [0];
            pipe.read_exact(&mut token).unwrap();
            finished.stdout("token +\n");
        }
    }
}

#[test]
fn the_jobserver_of_make() {
    if !toolchain::has("make") {
        return skip("the jobserver of make", "no make");
    }
    for way in Way::all() {
        let project = way.project();
        project.file("Makefile", "all: ; +@\"$$PROGRAM\" build\n");
        let mut inner = way.call(&project).env("STAND_IN", "token").into_command();
        let mut make = project.run("make").arg("-j3").arg("-f");
        make = make
            .arg(project.path("Makefile"))
            .arg("--no-print-directory");
        make = make.directory(inner.get_current_dir().unwrap());
        make = make.env("PROGRAM", inner.get_program());
        for (name, value) in inner.get_envs() {
            make = make.env(name, value.unwrap());
        }
        if way == Way::Off {
            make = make.env_remove("PERRY_SANDBOX_BUILDRS");
        }
        inner.stdin(Stdio::null());
        make.success().stdout("token +\n");
    }
    let _ = crate::tools::package().on();
}
