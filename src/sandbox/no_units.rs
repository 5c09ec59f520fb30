//! Systems where a unit cannot have a box of its own: nobody asks for one, see
//! [`UNITS`](super::UNITS), and an error is the answer all the same.

use std::io;

use anyhow::{Result, bail};

use super::{Finished, Unit};

const NONE: &str = "this system has no boxes for single units yet";

/// A program that was started; here none ever is.
#[derive(Debug)]
pub struct Running;

impl Running {
    pub fn wait(self) -> Result<Finished> {
        bail!(NONE)
    }
}

pub(super) fn start_unit(_: Unit<'_>) -> Result<Running> {
    bail!(NONE)
}

pub(super) fn become_unit(_: &Unit<'_>) -> Result<Finished> {
    bail!(NONE)
}

pub(super) fn leave_sealed(_: &[u8]) -> io::Result<i32> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NONE))
}

pub(super) fn leave_errors() -> io::Result<i32> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NONE))
}

pub(super) fn speak_to(_: i32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NONE))
}

pub(super) fn read_sealed(_: i32) -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NONE))
}
