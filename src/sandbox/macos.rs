//! Starts cargo under `/usr/bin/sandbox-exec` and stays its parent.
//!
//! Seatbelt offers no supported way to confine the calling process, and the build's temporary
//! folder has to be removed afterwards, so cargo becomes a child in our process group: the terminal
//! sends ^C and ^Z to both, and the shell's job control needs nothing from us. A unit of a cargo that
//! is outside is started the same way, each under a profile of its own.

mod around;
mod log;
mod signals;
mod start;
mod unit;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) use self::around::surroundings;
use self::start::{Start, Text};
pub use self::unit::Running;
pub(super) use self::unit::{become_unit, start_unit};
use crate::denial::Seen;
use crate::error::Failure;
use crate::policy::Policy;
pub(super) use crate::sandbox::descriptors::{leave_errors, speak_to};
pub(super) use crate::sandbox::unlinked::{leave as leave_sealed, read as read_sealed};
use crate::sandbox::{Capability, Ended, Finished, Job, Limits, Parent, State, seatbelt};

/// Absolute, so that nothing on PATH can take its place; protected by System Integrity Protection.
const SANDBOX_EXEC: &str = "/usr/bin/sandbox-exec";

/// Fails if this system has no `sandbox-exec`.
pub(super) fn check(_limits: Limits) -> anyhow::Result<()> {
    available()
}

fn available() -> anyhow::Result<()> {
    let known = fs::metadata(SANDBOX_EXEC).is_ok_and(|file| file.is_file());
    if known {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{SANDBOX_EXEC}` is missing, so nothing can be sandboxed"
    ))
    .help("it is part of macOS; reinstall the system, or build in a container or a virtual machine")
    .into())
}

/// What this system can enforce: `sandbox-exec` is there, or builds do not run.
pub(super) fn capabilities(_limits: Limits) -> Vec<Capability> {
    let there = available().is_ok();
    vec![Capability {
        name: "sandbox-exec",
        found: if there { SANDBOX_EXEC } else { "missing" }.to_owned(),
        state: if there {
            State::Weaker {
                gaps: vec![
                    "a build can learn that hidden files exist, with their size and times",
                    "a process that the build leaves behind goes on, inside the sandbox",
                ],
                remedy: "macOS has no supported way to close these",
            }
        } else {
            State::Missing {
                remedy: "reinstall macOS, or build in a container or a virtual machine",
            }
        },
    }]
}

/// macOS has no bind mounts.
pub(super) fn aliases(_folders: &[PathBuf]) -> Vec<PathBuf> {
    Vec::new()
}

/// The profile that `sandbox-exec` reads.
pub(super) fn record(policy: &Policy, subject: &str) -> anyhow::Result<String> {
    Ok(seatbelt::profile(policy, subject)?.text)
}

pub(super) fn run(job: &Job<'_>, hiding: &mut dyn FnMut()) -> anyhow::Result<Finished> {
    hiding();
    // The text is in the job's record; the parameters follow from the policy alone.
    let (profile, question) = log::watched(job.policy, "a package", job.watch, job.part)?;
    let text = match question {
        Some(_) => Text::Argument(Some(job.record)),
        None => Text::File(job.record),
    };
    let start = Start {
        text,
        profile: &profile,
        program: job.program,
        arguments: job.arguments,
        environment: job.environment,
        libraries: None,
        directory: job.directory,
        keep: job.keep,
        output: job.output,
        errors: None,
    };
    let ended = start.spawn()?.wait()?;
    let seen = question.map_or_else(Seen::default, |asked| asked.ask(ended));
    Ok(Finished { ended, seen })
}

pub(super) fn become_program(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> io::Result<Ended> {
    Err(Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .exec())
}

/// There is no supported way to ask.
#[expect(clippy::unnecessary_wraps, reason = "Linux asks, which can fail")]
pub(super) fn parent() -> io::Result<Option<Parent>> {
    Ok(None)
}

pub(super) fn die_by(signal: i32) {
    // SAFETY: the default disposition is no function of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: takes numbers only.
    unsafe { libc::raise(signal) };
}

/// As scripts: a Mac has no program without a loader.
pub(super) mod launcher {
    use std::ffi::OsString;

    use anyhow::Result;

    use crate::sandbox::launcher::Launcher;
    use crate::sandbox::shell_launcher;

    pub(in crate::sandbox) fn real(image: &[u8]) -> Option<OsString> {
        shell_launcher::real(image)
    }

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere this can fail")]
    pub(in crate::sandbox) fn image(launcher: Launcher<'_>) -> Result<Vec<u8>> {
        Ok(shell_launcher::image(launcher))
    }

    /// What the system takes away is gone.
    pub(in crate::sandbox) fn restore(_: &mut OsString) {}
}

#[cfg(test)]
mod tests;
