//! One program of a build in a box of its own: a second domain inside that of the whole build, or
//! the whole sandbox for this program alone.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result, anyhow, bail};

use super::process::{self, Side};
use super::{attempts, domain, inner, narrow, outer};
use crate::denial::Seen;
use crate::error::one_line;
use crate::exit;
use crate::sandbox::{Ended, Finished, Job, Unit, Whole};

/// A program that was started.
#[derive(Debug)]
pub struct Running(How);

#[derive(Debug)]
enum How {
    Inside(Child),
    /// A process that builds the sandbox and waits, and says why it could not.
    Whole(libc::pid_t, File),
}

impl Running {
    /// How it ended, and what was observed of it, if that is not told of the whole build.
    pub fn wait(self) -> Result<Finished> {
        match self.0 {
            How::Inside(mut child) => {
                let status = child.wait().context("failed to wait for the compiler")?;
                inner::end_descendants()?;
                Ok(Finished {
                    ended: match status.code() {
                        Some(code) => Ended::Exited(code.to_le_bytes()[0]),
                        None => Ended::Signalled(status.signal().unwrap_or(libc::SIGKILL)),
                    },
                    seen: Seen::default(),
                })
            }
            How::Whole(pid, outcome) => {
                let ended = process::reap(pid, true).context("failed to wait for the compiler")?;
                // Nothing, if it was killed.
                let outcome: Outcome = attempts::take(&outcome)
                    .context("failed to read what was observed")?
                    .unwrap_or(Ok(Seen::default()));
                let seen = match outcome {
                    Ok(seen) => seen,
                    Err(text) => bail!(text),
                };
                let (_, ended) = ended.context("failed to wait for the compiler")?;
                Ok(Finished { ended, seen })
            }
        }
    }
}

/// What the process that builds the sandbox tells: what was observed, or why it could not.
type Outcome = std::result::Result<Seen, String>;

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
    // cargo waits for us in the thread that started us (prctl(2)): if that ends, cargo was ended.
    process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM as libc::c_ulong)
        .context("failed to ask for the parent's end")?;
    if whole.parent.is_some_and(process::is_gone) {
        bail!("cargo is gone, and what it had started with it");
    }
    let own = process::own_pid();
    // Not a pipe: nobody reads it before the unit has ended.
    let outcome = attempts::channel().context("failed to make a file in memory")?;
    match process::fork(0).context("failed to fork")? {
        Side::Parent(pid) => Ok(Running(How::Whole(pid, outcome))),
        Side::Child => {
            let run = || {
                if let Some(errors) = &errors {
                    process::make_standard_error(errors)?;
                }
                let parent = Some(own);
                run_whole(&unit, Whole { parent, ..whole })
            };
            let finished = run();
            let told: Outcome = match &finished {
                Ok(finished) => Ok(finished.seen.clone()),
                Err(error) => Err(one_line(error)),
            };
            let _ = attempts::leave(&outcome, &told);
            let status = match finished.map(|finished| finished.ended) {
                Ok(Ended::Exited(status)) => status,
                Ok(Ended::Signalled(signal)) => {
                    process::die_by(signal);
                    exit::FAILURE
                }
                Err(_) => exit::FAILURE,
            };
            process::leave(status)
        }
    }
}

pub(in crate::sandbox) fn become_unit(unit: &Unit<'_>) -> Result<Finished> {
    match unit.whole {
        Some(whole) => run_whole(unit, whole),
        None => Err(anyhow!(confined(unit)?.exec()).context(failure(unit))),
    }
}

fn run_whole(unit: &Unit<'_>, whole: Whole<'_>) -> Result<Finished> {
    let job = Job {
        policy: whole.policy,
        program: unit.program,
        arguments: unit.arguments,
        environment: unit.environment,
        directory: whole.directory,
        parent: whole.parent,
        keep: whole.keep,
        record: whole.scratch,
        scratch: whole.scratch,
        limits: whole.limits,
        watch: whole.watch,
        part: unit.part,
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
    let domain =
        domain::unit(&places, unit.shared).context("failed to prepare a Landlock domain")?;
    // The supervisor knows no place that is not there.
    let writable = unit.writable.iter().filter(|path| path.exists());
    let writable: Vec<PathBuf> = writable.cloned().collect();
    let part = unit.part.map(serde_json::to_vec).transpose()?;
    let mut command = Command::new(unit.program);
    command
        .args(unit.arguments)
        .env_clear()
        .envs(unit.environment.iter().map(|(name, value)| (name, value)));
    // In the child alone: this process sets the times of launchers.
    let confine = move || {
        let places: Vec<&Path> = writable.iter().map(PathBuf::as_path).collect();
        narrow::narrow(&places, part.as_deref().unwrap_or_default())?;
        domain.restrict_self()
    };
    // SAFETY: this process has one thread, so that the closure may even allocate.
    unsafe { command.pre_exec(confine) };
    Ok(command)
}
