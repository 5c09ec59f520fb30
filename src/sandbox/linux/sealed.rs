//! Anonymous files that nobody can change any more (`memfd_create(2)`).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};

use super::sys;

const SEALS: libc::c_int =
    libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// The lowest number that a file which stays open may get.
const LOWEST: RawFd = 200;

/// An open file with these contents, which stays open across exec; its number.
pub(in crate::sandbox) fn leave_sealed(contents: &[u8]) -> io::Result<RawFd> {
    let flags = libc::MFD_ALLOW_SEALING | libc::MFD_CLOEXEC;
    // SAFETY: the name ends with a zero.
    let fd = unsafe { libc::memfd_create(c"sandboxed-cargo".as_ptr(), flags) };
    let mut file = File::from(sys::owned(fd.into())?);
    file.write_all(contents)?;
    // SAFETY: takes numbers only.
    sys::checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) }.into())?;
    stay_open(file.as_raw_fd())
}

/// A second descriptor of standard error, which stays open across exec; its number.
pub(in crate::sandbox) fn leave_errors() -> io::Result<RawFd> {
    stay_open(libc::STDERR_FILENO)
}

/// Makes such a descriptor the standard error of this process.
pub(in crate::sandbox) fn speak_to(number: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only; what was open there is nobody's in this program.
    sys::checked(unsafe { libc::dup2(number, libc::STDERR_FILENO) }.into()).map(drop)
}

fn stay_open(fd: RawFd) -> io::Result<RawFd> {
    // Programs that take the first free numbers for their own get what they always got.
    // SAFETY: takes numbers only; the copy has no close-on-exec flag, which is the point.
    let high = unsafe { libc::fcntl(fd, libc::F_DUPFD, LOWEST) };
    sys::checked(high.into())?;
    Ok(high)
}

/// The contents of such a file; anything else under this number is an error.
pub(in crate::sandbox) fn read_sealed(number: RawFd) -> io::Result<Vec<u8>> {
    // SAFETY: takes numbers only; of what is not an open memfd it is an error.
    let seals = unsafe { libc::fcntl(number, libc::F_GET_SEALS) };
    if seals < 0 {
        return Err(io::Error::last_os_error());
    }
    if seals & SEALS != SEALS {
        return Err(io::Error::other("the file could have been changed"));
    }
    // Opened anew: all who inherited it share one position.
    std::fs::read(format!("/proc/self/fd/{number}"))
}
