//! Starts a program under a profile and stays its parent, for a whole build and for a single unit.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::Context;

use super::{SANDBOX_EXEC, available, signals};
use crate::error::Failure;
use crate::sandbox::{Ended, descriptors, seatbelt};

/// The text of a profile, as `sandbox-exec` is given it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    /// In a file that people may read as well.
    File(&'a Path),
    /// As an argument: nobody could change it on its way, and nothing is left to remove. The file
    /// holds the same for people, but for messages, if there is one.
    Argument(Option<&'a Path>),
}

/// A program, and what it is confined by.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) text: Text<'a>,
    pub(super) profile: &'a seatbelt::Profile,
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [OsString],
    /// The whole environment, but for the next.
    pub(super) environment: &'a [(OsString, OsString)],
    /// `DYLD_FALLBACK_LIBRARY_PATH`.
    pub(super) libraries: Option<OsString>,
    pub(super) directory: &'a Path,
    /// Descriptors that it keeps, if they are pipes.
    pub(super) keep: &'a [RawFd],
    /// Where standard output goes, if not where ours goes.
    pub(super) output: Option<&'a File>,
    /// The same for standard error.
    pub(super) errors: Option<PipeWriter>,
}

/// A program that was started, and another one to ask whether it was.
#[derive(Debug)]
pub(super) struct Started {
    child: Child,
    trial: Option<(Command, String)>,
}

impl Start<'_> {
    pub(super) fn spawn(self) -> anyhow::Result<Started> {
        available()?;
        let sandboxed = || {
            let mut command = Command::new(SANDBOX_EXEC);
            match self.text {
                Text::File(path) => command.arg("-f").arg(path),
                Text::Argument(_) => command.args(["-p", &self.profile.text]),
            };
            command
                .args(self.profile.definitions())
                .arg("--")
                .env_clear()
                .envs(self.environment.iter().map(|(name, value)| (name, value)))
                .current_dir(self.directory);
            command
        };
        let mut command = sandboxed();
        // What `sandbox-exec` itself is given of it is lost: it is a program of the system. And
        // env(1) takes a program with an equals sign for a variable.
        let is_plain = !self.program.as_os_str().as_encoded_bytes().contains(&b'=');
        if let Some(libraries) = self.libraries.as_ref().filter(|_| is_plain) {
            let mut variable = OsString::from("DYLD_FALLBACK_LIBRARY_PATH=");
            variable.push(libraries);
            command.arg("/usr/bin/env").arg(variable);
        }
        command.arg(self.program).args(self.arguments);
        if let Some(output) = self.output {
            command.stdout(
                output
                    .try_clone()
                    .context("cannot redirect standard output")?,
            );
        }
        let mut trial = sandboxed();
        trial.arg("/usr/bin/true").stdin(Stdio::null());
        let name = match self.text {
            Text::File(path) | Text::Argument(Some(path)) => format!(" `{}`", path.display()),
            Text::Argument(None) => String::new(),
        };
        if let Some(errors) = self.errors {
            command.stderr(errors);
        }
        let mut started =
            spawn(command, self.keep).with_context(|| format!("cannot start `{SANDBOX_EXEC}`"))?;
        started.trial = Some((trial, name));
        Ok(started)
    }
}

/// Starts a program in the sandbox that this process is in: nothing is left open to it, and signals
/// are passed on to it.
pub(super) fn spawn(mut command: Command, keep: &[RawFd]) -> anyhow::Result<Started> {
    close_on_exec(&open_pipes(keep))
        .context("cannot close the descriptors that a build must not inherit")?;
    no_core_files().context("cannot turn core files off, which the kernel writes outside")?;
    signals::catch().context("cannot set signal handlers")?;
    let child = command.spawn()?;
    signals::follow(&child);
    Ok(Started { child, trial: None })
}

impl Started {
    pub(super) fn wait(mut self) -> anyhow::Result<Ended> {
        let status = self.child.wait().context("cannot wait for cargo")?;
        signals::done();
        // sysexits(3) codes of sandbox-exec, for a profile that it refuses; but a program that cargo
        // ran may use them as well, so ask again with one that cannot fail.
        if let (Some(64 | 65 | 71), Some((mut trial, name))) = (status.code(), self.trial) {
            let trial = trial
                .output()
                .with_context(|| format!("cannot start `{SANDBOX_EXEC}`"))?;
            if !trial.status.success() {
                return Err(Failure::new(format!(
                    "macOS refused the sandbox profile{name}, so nothing was built: {}",
                    String::from_utf8_lossy(&trial.stderr).trim()
                ))
                .help("report it with the profile and the output of `sw_vers`")
                .help("if it is about a `message`, `SANDBOXED_CARGO_WATCH=nothing` does without")
                .into());
            }
        }
        Ok(ended(status))
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        // An exit status is eight bits wide.
        (Some(code), _) => Ended::Exited(code.to_le_bytes()[0]),
        (None, signal) => Ended::Signalled(signal.unwrap_or(libc::SIGKILL)),
    }
}

/// Those that are open, and pipes; none that we left for ourselves.
fn open_pipes(keep: &[RawFd]) -> Vec<RawFd> {
    let keep = keep.iter().copied();
    keep.filter(|&number| number < descriptors::LOWEST && is_pipe(number))
        .collect()
}

fn is_pipe(number: RawFd) -> bool {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the structure is ours; of a number that is not open it is an error.
    if unsafe { libc::fstat(number, found.as_mut_ptr()) } == -1 {
        return false;
    }
    // SAFETY: the call above succeeded, so it is filled in.
    let found = unsafe { found.assume_init() };
    found.st_mode & libc::S_IFMT == libc::S_IFIFO
}

/// An open descriptor is not asked about again by any sandbox (sandbox(7)), so the build gets
/// none but the three standard streams and those in `keep`.
pub(super) fn close_on_exec(keep: &[RawFd]) -> io::Result<()> {
    let open: Vec<RawFd> = fs::read_dir("/dev/fd")?
        .map(|entry| {
            let name = entry?.file_name();
            Ok(name.to_str().and_then(|name| name.parse().ok()))
        })
        .filter_map(io::Result::transpose)
        .collect::<io::Result<_>>()?;
    for descriptor in open {
        if descriptor <= 2 || keep.contains(&descriptor) {
            continue;
        }
        // SAFETY: takes numbers only, and changes nothing but the flag.
        let set = unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
        if set == -1 {
            let error = io::Error::last_os_error();
            // The one that listed the folder is closed by now.
            if error.raw_os_error() != Some(libc::EBADF) {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn no_core_files() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure outlives the call, which only reads it.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    if set == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The value of a variable in a whole environment.
pub(super) fn variable<'a>(
    environment: &'a [(OsString, OsString)],
    name: &str,
) -> Option<&'a OsStr> {
    let mut found = environment.iter().filter(|(other, _)| other == name);
    found.next().map(|(_, value)| value.as_os_str())
}
