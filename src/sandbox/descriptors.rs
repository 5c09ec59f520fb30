//! Descriptors that stay open for the program which this process becomes, and for what that starts.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// The lowest number that such a descriptor may get.
pub const LOWEST: RawFd = 200;

/// A further number for an open file, which stays open across exec.
pub fn stay_open(file: &impl AsRawFd) -> io::Result<RawFd> {
    // Programs that take the first free numbers for their own get what they always got.
    // SAFETY: takes numbers only; the copy has no close-on-exec flag, which is the point.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, LOWEST) })
}

/// A second descriptor of standard error, which stays open across exec; its number.
pub fn leave_errors() -> io::Result<RawFd> {
    stay_open(&libc::STDERR_FILENO)
}

/// Makes such a descriptor the standard error of this process.
pub fn speak_to(number: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only; what was open there is nobody's in this program.
    checked(unsafe { libc::dup2(number, libc::STDERR_FILENO) }).map(drop)
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
