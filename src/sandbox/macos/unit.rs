//! One program of a build under a profile of its own, or in the sandbox that is around it already.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::around;
use super::log::{self, Question};
use super::start::{self, Start, Started, Text, variable};
use crate::denial::Seen;
use crate::sandbox::{Finished, Unit, Whole, jobserver, shell_launcher};

/// A program that was started.
#[derive(Debug)]
pub struct Running(Started, Option<Question>);

impl Running {
    /// How it ended, and what was denied to it.
    pub fn wait(self) -> Result<Finished> {
        let ended = self.0.wait()?;
        let seen = self.1.map_or_else(Seen::default, |asked| asked.ask(ended));
        Ok(Finished { ended, seen })
    }
}

pub(in crate::sandbox) fn start_unit(mut unit: Unit<'_>) -> Result<Running> {
    let errors = unit.errors.take();
    if let Some(whole) = unit.whole {
        return confined(&unit, whole, errors);
    }
    let mut command = inside(&unit)?;
    if let Some(errors) = errors {
        command.stderr(errors);
    }
    let started = start::spawn(command, &jobserver::descriptors(unit.environment));
    let started = started.with_context(|| failure(&unit))?;
    Ok(Running(started, None))
}

pub(in crate::sandbox) fn become_unit(unit: &Unit<'_>) -> Result<Finished> {
    match unit.whole {
        Some(whole) => confined(unit, whole, None)?.wait(),
        None => Err(anyhow!(inside(unit)?.exec()).context(failure(unit))),
    }
}

fn failure(unit: &Unit<'_>) -> String {
    format!("failed to start `{}` in a box", unit.program.display())
}

fn confined(unit: &Unit<'_>, whole: Whole<'_>, errors: Option<io::PipeWriter>) -> Result<Running> {
    let (profile, question) = log::watched(whole.policy, "one unit", whole.watch, unit.part)?;
    let start = Start {
        text: Text::Argument(None),
        profile: &profile,
        program: unit.program,
        arguments: unit.arguments,
        environment: unit.environment,
        libraries: libraries(unit),
        directory: whole.directory,
        keep: whole.keep,
        output: None,
        errors,
    };
    Ok(Running(start.spawn()?, question))
}

/// The program for a sandbox that does not admit another one inside it, and for nowhere else.
fn inside(unit: &Unit<'_>) -> Result<Command> {
    if !around::is_inside() {
        bail!("a part of a sandboxed build was started outside of its sandbox");
    }
    let mut command = Command::new(unit.program);
    command
        .args(unit.arguments)
        .env_clear()
        .envs(unit.environment.iter().map(|(name, value)| (name, value)));
    if let Some(libraries) = libraries(unit) {
        command.env("DYLD_FALLBACK_LIBRARY_PATH", libraries);
    }
    Ok(command)
}

/// What cargo set is lost in our launcher, which a program of the system runs.
fn libraries(unit: &Unit<'_>) -> Option<OsString> {
    if unit.libraries.is_empty() {
        return None;
    }
    let folders = unit.libraries.iter().map(|folder| folder.as_os_str());
    let home = variable(unit.environment, "HOME");
    Some(shell_launcher::library_path(folders, home))
}
