//! Keys that mean signals, typed to a real shell.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Way;
use super::signals::PATIENCE;
use crate::support::project::Project;
use crate::support::{skip, system, toolchain};

/// A person at a terminal, who types to a real shell.
struct Person {
    way: Way,
    terminal: std::fs::File,
    shell: Child,
    seen: Vec<u8>,
}

impl Person {
    fn sit_down(way: Way, project: &Project) -> Option<Self> {
        let (terminal, slave) = system::terminal().ok()?;
        // As terminals are: lines, signals; but no echo, so that only answers are seen. Opened
        // anew, since this end of ours does not block, and programs do not expect that.
        let slave_end = || {
            let mut options = std::fs::OpenOptions::new();
            let file = options.read(true).write(true);
            Stdio::from(file.open(system::terminal_name(&slave)).unwrap())
        };
        let sane = std::process::Command::new("stty")
            .args(["sane", "-echo"])
            .stdin(slave_end())
            .status()
            .unwrap();
        assert!(sane.success());
        let run = way.call(project);
        let inner = run.into_command();
        let mut shell = project
            .run("bash")
            .args(["--norc", "--noprofile", "--noediting", "-i"])
            .directory(inner.get_current_dir().unwrap())
            .env("PROGRAM", inner.get_program());
        for (name, value) in inner.get_envs() {
            shell = match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let shell = shell
            .env("STAND_IN", "wait")
            .env("PS1", "shell> ")
            .env("TERM", "dumb")
            .env("HISTFILE", "/dev/null");
        let mut shell = shell.into_command();
        shell
            .stdin(slave_end())
            .stdout(slave_end())
            .stderr(slave_end());
        system::set_terminal(&mut shell, &slave);
        let shell = shell.spawn().unwrap();
        Some(Self {
            way,
            terminal,
            shell,
            seen: Vec::new(),
        })
    }

    fn types(&mut self, text: &[u8]) {
        self.terminal.write_all(text).unwrap();
    }

    /// Waits until this is shown, and forgets what was shown until then.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            let mut buffer = [0; 4096];
            if let Ok(length) = self.terminal.read(&mut buffer) {
                self.seen.extend_from_slice(&buffer[..length]);
            }
            let found = self
                .seen
                .windows(text.len())
                .position(|part| part == text.as_bytes());
            if let Some(at) = found {
                self.seen.drain(..at + text.len());
                return;
            }
            let seen = String::from_utf8_lossy(&self.seen);
            let way = self.way;
            assert!(
                begun.elapsed() < PATIENCE,
                "{way:?}: no `{text}`, but: {seen}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// `^C` comes once; after `^Z` the shell is back, and `fg` goes on.
#[test]
fn keys_at_a_terminal() {
    if !toolchain::has("bash") || !toolchain::has("stty") {
        return skip("keys at a terminal", "no bash or no stty");
    }
    for way in Way::all() {
        let project = way.project();
        let Some(mut person) = Person::sit_down(way, &project) else {
            return skip("keys at a terminal", "no pseudo-terminals here");
        };
        person.types(b"\"$PROGRAM\" build\n");
        person.sees("ready");
        person.types(b"\x03");
        person.sees("signal 2 came 1 times");
        person.types(b"echo \"status $?\"\n");
        person.sees("status 0");

        person.types(b"\"$PROGRAM\" build\n");
        person.sees("ready");
        person.types(b"\x1a");
        person.sees("Stopped");
        person.types(b"echo \"the shell $((40 + 2))\"\n");
        person.sees("the shell 42");
        person.types(b"fg\n");
        person.sees("continued");
        person.types(b"\x03");
        person.sees("signal 2 came 1 times");
        person.types(b"echo \"status $?\"\n");
        person.sees("status 0");

        // In the background, and brought back.
        person.types(b"\"$PROGRAM\" build &\n");
        person.sees("ready");
        person.types(b"kill -TSTP %1\n");
        // One that stops only after `fg` stays stopped.
        person.types(b"until [ -n \"$(jobs -s)\" ]; do sleep 0.1; done\n");
        person.types(b"echo \"the shell $((40 + 3))\"\n");
        person.sees("the shell 43");
        person.types(b"fg\n");
        person.sees("continued");
        person.types(b"\x1c");
        person.sees("signal 3 came 1 times");

        // Without a handler, the key ends it, and the shell is told by which signal.
        person.types(b"STAND_IN=family \"$PROGRAM\" build; echo \"status $?\"\n");
        person.sees("ready");
        person.types(b"\x03");
        person.sees("shell> ");
        person.types(b"echo \"status after $?\"\n");
        person.sees("status after 130");
    }
}
