//! Anonymous files that nobody can change any more (`memfd_create(2)`).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};

use super::sys;
use crate::sandbox::descriptors;

const SEALS: libc::c_int =
    libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// An open file with these contents, which stays open across exec; its number.
pub(in crate::sandbox) fn leave_sealed(contents: &[u8]) -> io::Result<RawFd> {
    let flags = libc::MFD_ALLOW_SEALING | libc::MFD_CLOEXEC;
    // SAFETY: the name ends with a zero.
    let fd = unsafe { libc::memfd_create(c"sandboxed-cargo".as_ptr(), flags) };
    let mut file = File::from(sys::owned(fd.into())?);
    file.write_all(contents)?;
    // SAFETY: takes numbers only.
    sys::checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) }.into())?;
    descriptors::stay_open(&file)
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
