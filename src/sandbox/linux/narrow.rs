//! Gives up attributes of files that the build as a whole may change.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::seccomp::table;

/// Tells the supervisor that this process, and all that it starts from now on, may change the
/// attributes only of objects that lie in these places.
///
/// It only ever takes away: what the build as a whole may not change stays out of reach, and so
/// does what this process or one above it gave up before. Where signals are the supervisor's
/// business, they then reach only processes that gave up as much. As with Landlock, children that
/// exist already are not concerned, and nobody can undo it.
///
/// The places are absolute and exist; links are followed once, now. Fails outside of a build; the
/// supervisor's own errors are `E2BIG` for more than 256 places, 64 KiB of them or 16 calls one
/// below another, and `ENOSPC` for more processes than it keeps account of.
///
/// The first in a chain of processes that does so may say which `unit` of the build it is, in JSON.
pub fn narrow(writable: &[&Path], unit: &[u8]) -> io::Result<()> {
    ask(&encode(writable)?, unit)
}

pub(super) fn encode(places: &[&Path]) -> io::Result<Vec<u8>> {
    let mut list = Vec::new();
    for place in places {
        let bytes = place.as_os_str().as_bytes();
        if !place.is_absolute() || bytes.contains(&0) {
            let message = format!("`{}` is not an absolute path", place.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        list.extend_from_slice(bytes);
        list.push(0);
    }
    Ok(list)
}

/// Does not allocate, unless it fails for want of a supervisor.
pub(super) fn ask(list: &[u8], unit: &[u8]) -> io::Result<()> {
    // SAFETY: only our supervisor knows the option: it reads as many bytes as both have.
    let answer = unsafe {
        libc::prctl(
            table::NARROW.cast_signed(),
            list.as_ptr(),
            list.len(),
            unit.as_ptr(),
            unit.len(),
        )
    };
    if answer == table::NARROW.cast_signed() {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // The kernel's answer to an option that it does not know; `encode` leaves no other cause.
        Some(libc::EINVAL) => {}
        Some(_) if answer == -1 => return Err(error),
        _ => {}
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "no supervisor of a sandboxed build answers",
    ))
}
