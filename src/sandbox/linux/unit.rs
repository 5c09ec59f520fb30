//! One program of a build in a box of its own: a second domain inside that of the whole build, or
//! the whole sandbox for this program alone.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result, anyhow, bail};

use super::process::{self, Side};
use super::{domain, inner, narrow, outer};
use crate::error::one_line;
use crate::exit;
use crate::sandbox::{Ended, Job, Unit, Whole};

/// A program that was started.
#[derive(Debug)]
pub struct Running(How);

#[derive(Debug)]
enum How {
    Inside(Child),
    /// A process that builds the sandbox and waits, and says why it could not.
    Whole(libc::pid_t, PipeReader),
}

impl Running {
    /// How it ended.
    pub fn wait(self) -> Result<Ended> {
        match self.0 {
            How::Inside(mut child) => {
                let status = child.wait().context("failed to wait for the compiler")?;
                inner::end_descendants()?;
                Ok(match status.code() {
                    Some(code) => Ended::Exited(code.to_le_bytes()[0]),
                    None => Ended::Signalled(status.signal().unwrap_or(libc::SIGKILL)),
                })
            }
            How::Whole(pid, mut failure) => {
                let mut text = String::new();
                failure
                    .read_to_string(&mut text)
                    .context("failed to wait for the compiler")?;
                let ended = process::reap(pid, true).context("failed to wait for the compiler")?;
                if !text.is_empty() {
                    bail!(text);
                }
                ended
                    .map(|(_, ended)| ended)
                    .context("failed to wait for the compiler")
            }
        }
    }
}

pub(in crate::sandbox) fn start_unit(mut unit: Unit<'_>) -> Result<Running> {
    let errors = unit.errors.take();
    let Some(whole) = unit.whole else {
        // What the unit leaves running falls to us, and ends with it.
        process::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).context("failed to adopt processes")?;
        let mut command = confined(&unit)?;
        if let Some(errors) = errors {
            command.stderr(errors);
        }
        let child = command.spawn().with_context(|| failure(&unit))?;
        return Ok(Running(How::Inside(child)));
    };
    let (reader, mut writer) = io::pipe().context("failed to make a pipe")?;
    match process::fork(0).context("failed to fork")? {
        Side::Parent(pid) => Ok(Running(How::Whole(pid, reader))),
        Side::Child => {
            drop(reader);
            let run = || {
                if let Some(errors) = &errors {
                    process::make_standard_error(errors)?;
                }
                run_whole(&unit, whole)
            };
            let status = match run() {
                Ok(Ended::Exited(status)) => status,
                Ok(Ended::Signalled(signal)) => {
                    drop(writer);
                    process::die_by(signal);
                    exit::FAILURE
                }
                Err(error) => {
                    let _ = writer.write_all(one_line(&error).as_bytes());
                    exit::FAILURE
                }
            };
            process::leave(status)
        }
    }
}

pub(in crate::sandbox) fn become_unit(unit: &Unit<'_>) -> Result<Ended> {
    match unit.whole {
        Some(whole) => run_whole(unit, whole),
        None => Err(anyhow!(confined(unit)?.exec()).context(failure(unit))),
    }
}

fn run_whole(unit: &Unit<'_>, whole: Whole<'_>) -> Result<Ended> {
    let job = Job {
        policy: whole.policy,
        program: unit.program,
        arguments: unit.arguments,
        environment: unit.environment,
        directory: whole.directory,
        record: whole.scratch,
        scratch: whole.scratch,
        limits: whole.limits,
        output: None,
    };
    outer::run(&job, &mut || {})
}

fn failure(unit: &Unit<'_>) -> String {
    format!("failed to start `{}` in a box", unit.program.display())
}

/// The program, which confines itself before it becomes that.
fn confined(unit: &Unit<'_>) -> Result<Command> {
    let places: Vec<&Path> = unit.writable.iter().map(PathBuf::as_path).collect();
    let domain = domain::unit(&places).context("failed to prepare a Landlock domain")?;
    // The supervisor knows no place that is not there.
    let writable = unit.writable.iter().filter(|path| path.exists());
    let writable: Vec<PathBuf> = writable.cloned().collect();
    let mut command = Command::new(unit.program);
    command
        .args(unit.arguments)
        .env_clear()
        .envs(unit.environment.iter().map(|(name, value)| (name, value)));
    // In the child alone: this process sets the times of launchers.
    let confine = move || {
        let places: Vec<&Path> = writable.iter().map(PathBuf::as_path).collect();
        narrow::narrow(&places)?;
        enter(&domain)
    };
    // SAFETY: this process has one thread, so that the closure may even allocate.
    unsafe { command.pre_exec(confine) };
    Ok(command)
}

fn enter(domain: &OwnedFd) -> io::Result<()> {
    // SAFETY: takes a descriptor, which is open, and flags (landlock_restrict_self(2)).
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, domain.as_raw_fd(), 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
