//! A command and what it said, compared exactly.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

#[cfg(target_os = "linux")]
use super::system;

/// A command with an environment of its own.
#[derive(Debug)]
#[must_use]
pub(crate) struct Run {
    command: Command,
    root: PathBuf,
}

impl Run {
    pub(crate) fn new(program: &OsStr, root: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null());
        #[cfg(target_os = "linux")]
        system::obey_signals(&mut command);
        Self {
            command,
            root: root.to_owned(),
        }
    }

    /// The same by another program; before any argument.
    #[cfg(target_os = "linux")]
    pub(crate) fn by(self, program: impl AsRef<OsStr>) -> Self {
        let mut run = Self::new(program.as_ref(), &self.root);
        for (name, value) in self.command.get_envs() {
            run.command.env(name, value.unwrap_or_default());
        }
        if let Some(folder) = self.command.get_current_dir() {
            run.command.current_dir(folder);
        }
        run
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn directory(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    /// For whatever this type does not cover.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        let output = self
            .command
            .output()
            .unwrap_or_else(|e| panic!("{:?}: {e}", self.command));
        Finished {
            status: output.status,
            stdout: output.stdout,
            stderr: output.stderr,
            command: format!("{:?}", self.command),
            root: self.root.into_os_string(),
        }
    }

    /// [`Run::finish`], and the command must have succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> Finished {
        self.finish().code(0)
    }
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    command: String,
    root: OsString,
}

impl Finished {
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert!(
            self.status.code() == Some(code),
            "expected the status {code}{self:#}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn signal(self, signal: i32) -> Self {
        assert!(
            self.status.signal() == Some(signal),
            "expected the signal {signal}{self:#}"
        );
        self
    }

    /// All of standard output, after [`Finished::plain_text`].
    #[track_caller]
    pub(crate) fn stdout(self, expected: &str) -> Self {
        assert!(
            self.plain_text(&self.stdout) == expected,
            "expected on stdout: {expected}{self:#}"
        );
        self
    }

    /// All of standard error, after [`Finished::plain_text`].
    #[track_caller]
    pub(crate) fn stderr(self, expected: &str) -> Self {
        assert!(
            self.plain_text(&self.stderr) == expected,
            "expected on stderr: {expected}{self:#}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn stderr_has(self, part: &str) -> Self {
        assert!(
            self.plain_text(&self.stderr).contains(part),
            "expected on stderr: {part}{self:#}"
        );
        self
    }

    /// The throw-away folder becomes `[ROOT]`, and durations `[TIME]`.
    pub(crate) fn plain_text(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).replace(&*self.root.to_string_lossy(), "[ROOT]");
        text.split_inclusive('\n')
            .map(|line| match line.rsplit_once(" in ") {
                Some((head, time)) if time.trim_end().ends_with('s') && is_duration(time) => {
                    format!("{head} in [TIME]\n")
                }
                _ => line.to_owned(),
            })
            .collect()
    }
}

fn is_duration(text: &str) -> bool {
    text.trim_end()
        .chars()
        .all(|c| c.is_ascii_digit() || ".ms ".contains(c))
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "\n--- command\n{}\n--- status\n{}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.status,
            self.plain_text(&self.stdout),
            self.plain_text(&self.stderr)
        )
    }
}
