//! Puts a filter on the calling thread, and asks whether one of ours is there.
//!
//! Nothing here allocates: it runs between fork and exec.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::table;

/// Gives up all ways to gain privileges by exec, which an unprivileged filter requires.
pub fn no_new_privs() -> io::Result<()> {
    // SAFETY: takes numbers only.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Filters the calling thread and all that it will start.
///
/// Calls that the filter leaves to a supervisor answer `ENOSYS`, unless an outer filter of ours has
/// one.
pub fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
    // Before Linux 5.16 a filter turns off speculative store bypass for the thread, which slows
    // every build down. That protects a program from code in its own address space that it does
    // not trust; here the whole process is the adversary's.
    set_mode_filter(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW, filter).map(drop)
}

/// The same, and returns what the supervisor listens to.
///
/// Fails with `EBUSY` below a filter that has a listener already.
pub fn install_with_listener(filter: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Linux 5.19: only a fatal signal interrupts a call that the supervisor is busy with. Without
    // it a signal handler would make the call start over, and the supervisor perform it twice.
    let killable = flags | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let fd = match set_mode_filter(killable, filter) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => set_mode_filter(flags, filter)?,
        result => result?,
    };
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set_mode_filter(flags: libc::c_ulong, filter: &[libc::sock_filter]) -> io::Result<RawFd> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: `program` and the instructions it points to outlive the call, which only reads them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    RawFd::try_from(result).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Does the kernel answer that the filter of a build is above this process?
pub fn inside() -> bool {
    answers(table::INSIDE_BUILD)
}

/// Does the kernel answer that the filter of a prefetch is above this process?
pub fn inside_prefetch() -> bool {
    answers(table::INSIDE_PREFETCH)
}

fn answers(which: u32) -> bool {
    let zero: libc::c_ulong = 0;
    // SAFETY: no option of this number exists: the kernel reads no memory for it.
    let result = unsafe {
        libc::prctl(
            table::INSIDE.cast_signed(),
            libc::c_ulong::from(which),
            zero,
            zero,
            zero,
        )
    };
    result == -1 && io::Error::last_os_error().raw_os_error() == Some(table::INSIDE_ERRNO)
}
