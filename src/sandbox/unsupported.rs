//! Systems without a sandbox: builds run plainly with a note, or not at all where one is required.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{Capability, Ended, Finished, Job, Limits, Parent, State, Surroundings, Unit};
use crate::policy::Policy;

const NO_UNITS: &str = "this system has no boxes for single units yet";

const REMEDY: &str = "build on Linux or macOS, for instance in a container or a virtual machine";

pub(super) fn run(_: &Job<'_>, _: &mut dyn FnMut()) -> Result<Finished> {
    bail!("this system has no sandbox backend yet")
}

pub(super) fn capabilities(_: Limits) -> Vec<Capability> {
    vec![Capability {
        name: "backend",
        found: format!("none for {}", std::env::consts::OS),
        state: State::Missing { remedy: REMEDY },
    }]
}

pub(super) fn check(_: Limits) -> Result<()> {
    bail!("this system has no sandbox backend yet")
}

pub(super) fn surroundings(_: Option<&Path>) -> Result<Surroundings> {
    Ok(Surroundings::Free)
}

pub(super) fn aliases(_: &[PathBuf]) -> Vec<PathBuf> {
    Vec::new()
}

pub(super) fn record(_: &Policy, _: &str) -> Result<String> {
    bail!("this system has no sandbox backend yet")
}

/// Runs the program and ends as it did, which is the nearest thing to becoming it everywhere.
pub(super) fn become_program(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> io::Result<Ended> {
    let status = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .status()?;
    Ok(Ended::Exited(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// There is no supported way to ask.
#[expect(clippy::unnecessary_wraps, reason = "Linux asks, which can fail")]
pub(super) fn parent() -> io::Result<Option<Parent>> {
    Ok(None)
}

pub(super) fn die_by(_: i32) {}

/// A program that was started; here none ever is.
#[derive(Debug)]
pub struct Running;

impl Running {
    pub fn wait(self) -> Result<Finished> {
        bail!(NO_UNITS)
    }
}

pub(super) fn start_unit(_: Unit<'_>) -> Result<Running> {
    bail!(NO_UNITS)
}

pub(super) fn become_unit(_: &Unit<'_>) -> Result<Finished> {
    bail!(NO_UNITS)
}

pub(super) fn leave_sealed(_: &[u8]) -> io::Result<i32> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_UNITS))
}

pub(super) fn leave_errors() -> io::Result<i32> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_UNITS))
}

pub(super) fn speak_to(_: i32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_UNITS))
}

pub(super) fn read_sealed(_: i32) -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_UNITS))
}

/// None yet.
pub(super) mod launcher {
    use std::ffi::OsString;

    use anyhow::{Result, bail};

    use crate::sandbox::launcher::Launcher;

    pub(in crate::sandbox) fn image(_: Launcher<'_>) -> Result<Vec<u8>> {
        bail!("this system has no launchers yet")
    }

    pub(in crate::sandbox) fn real(_: &[u8]) -> Option<OsString> {
        None
    }

    pub(in crate::sandbox) fn restore(_: &mut OsString) {}
}
