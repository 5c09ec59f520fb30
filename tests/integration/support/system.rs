//! What the standard library does not offer: terminals, keys, shared memory, attributes. The only
//! unsafe code of the tests.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn check(result: impl Into<i64>) -> Result<i64> {
    let result = result.into();
    if result == -1 {
        Err(Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn text(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap()
}

pub(crate) fn is_root() -> bool {
    // SAFETY: the call has no conditions.
    unsafe { libc::geteuid() == 0 }
}

/// Two ends of a new pseudo-terminal, raw and without echo, both non-blocking: the user's, and the
/// one that programs get.
pub(crate) fn terminal() -> Result<(File, File)> {
    let (mut master, mut slave) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: both pointers are to integers of ours; the others may be null.
    let opened = unsafe {
        libc::openpty(
            &raw mut master,
            &raw mut slave,
            none,
            std::ptr::null_mut(),
            none.cast(),
        )
    };
    check(opened)?;
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let master = unsafe { File::from_raw_fd(master) };
    // SAFETY: as above.
    let slave = unsafe { File::from_raw_fd(slave) };
    // SAFETY: all bytes zero are a valid `termios`.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open and the pointer valid.
    check(unsafe { libc::tcgetattr(slave.as_raw_fd(), &raw mut settings) })?;
    // SAFETY: the pointer is valid.
    unsafe { libc::cfmakeraw(&raw mut settings) };
    // SAFETY: the descriptor is open and the pointer valid.
    check(unsafe { libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &raw const settings) })?;
    for end in [&master, &slave] {
        // SAFETY: the descriptor is open.
        check(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
        // SAFETY: the descriptor is open.
        check(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    }
    Ok((master, slave))
}

pub(crate) fn terminal_name(slave: &File) -> String {
    std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd()))
        .unwrap()
        .display()
        .to_string()
}

/// The command gets a session of its own with this controlling terminal.
pub(crate) fn set_terminal(command: &mut Command, slave: &File) {
    let fd = slave.as_raw_fd();
    let take = move || {
        // SAFETY: the call takes nothing.
        check(unsafe { libc::setsid() })?;
        // SAFETY: the call takes numbers only.
        check(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) }).map(drop)
    };
    // SAFETY: the closure makes system calls and allocates nothing.
    unsafe { command.pre_exec(take) };
}

/// The command starts as from a terminal, even where `nohup` or a shell's `&` started the tests.
pub(crate) fn obey_signals(command: &mut Command) {
    let obey = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
            // SAFETY: the default action is no function of ours.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls and allocates nothing.
    unsafe { command.pre_exec(obey) };
}

/// The command inherits these files under these numbers, as from a careless caller.
pub(crate) fn inherit(command: &mut Command, files: Vec<(RawFd, RawFd)>) {
    let hand_over = move || {
        for (open, number) in &files {
            // SAFETY: the call takes numbers only.
            check(unsafe { libc::dup2(*open, *number) })?;
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only, and the list was allocated before the fork.
    unsafe { command.pre_exec(hand_over) };
}

pub(crate) fn set_attribute(path: &Path, name: &CStr, value: &str) -> Result<()> {
    let path = text(path);
    // SAFETY: the strings end with a zero and the value has the length given.
    let result = unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    check(result).map(drop)
}

/// The names of a file's extended attributes, whatever a link leads to.
pub(crate) fn attributes(path: &Path) -> String {
    let path = text(path);
    let mut names = vec![0_u8; 1024];
    // SAFETY: the string ends with a zero and the buffer has the length given.
    let length = unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(length.try_into().unwrap_or(0));
    String::from_utf8_lossy(&names).replace('\0', " ")
}

pub(crate) fn kill_group(pid: u32) {
    // SAFETY: a signal has no conditions; the group is that of a child of ours that is not yet
    // waited for.
    unsafe { libc::kill(-pid.cast_signed(), libc::SIGKILL) };
}

pub(crate) fn kill(pid: i32) {
    // SAFETY: a signal has no conditions; the caller has identified the process.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

pub(crate) fn io_priority(pid: u32) -> i64 {
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_ioprio_get, 1, pid) }
}

const USER_KEYRING: i32 = -4;

/// A key in the user's keyring that every process of the user may read.
pub(crate) fn add_key(name: &str, value: &str) -> Result<i64> {
    let name = text(name);
    // SAFETY: the strings end with a zero and the value has the length given.
    let key = check(unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            name.as_ptr(),
            value.as_ptr(),
            value.len(),
            USER_KEYRING,
        )
    })?;
    // `KEYCTL_SETPERM`
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_keyctl, 5, key, 0x3f3f_0000) })?;
    Ok(key)
}

/// `KEYCTL_SEARCH`
pub(crate) fn find_key(name: &str) -> Result<i64> {
    let name = text(name);
    // SAFETY: the strings end with a zero.
    check(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            10,
            USER_KEYRING,
            c"user".as_ptr(),
            name.as_ptr(),
            0,
        )
    })
}

/// `KEYCTL_UNLINK`
pub(crate) fn remove_key(key: i64) {
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_keyctl, 9, key, USER_KEYRING) };
}

/// A shared memory segment with this in it.
pub(crate) fn make_shared_memory(key: i32, value: &str) -> Result<()> {
    // SAFETY: the call takes numbers only.
    let id = check(unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) })?;
    let id = i32::try_from(id).unwrap();
    // SAFETY: a null address lets the kernel choose one.
    let at = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    check(at as i64)?;
    // SAFETY: the segment is a page long, and nobody else knows it yet.
    unsafe {
        at.cast::<u8>()
            .copy_from_nonoverlapping(value.as_ptr(), value.len().min(4096));
    };
    // SAFETY: the address is the one just attached, and no reference to it is left.
    check(unsafe { libc::shmdt(at) }).map(drop)
}

/// Removes the segment with this key; was there one?
pub(crate) fn remove_shared_memory(key: i32) -> bool {
    // SAFETY: the call takes numbers only.
    let id = unsafe { libc::shmget(key, 0, 0) };
    // SAFETY: removing needs no structure.
    id != -1 && unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) } == 0
}

pub(crate) fn remove_semaphores(key: i32) -> bool {
    // SAFETY: the call takes numbers only.
    let id = unsafe { libc::semget(key, 0, 0) };
    // SAFETY: removing needs no fourth argument.
    id != -1 && unsafe { libc::semctl(id, 0, libc::IPC_RMID) } == 0
}

pub(crate) fn remove_message_queue(key: i32) -> bool {
    // SAFETY: the call takes numbers only.
    let id = unsafe { libc::msgget(key, 0) };
    // SAFETY: removing needs no structure.
    id != -1 && unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) } == 0
}

pub(crate) fn remove_posix_queue(name: &str) -> bool {
    let name = text(name);
    // SAFETY: the string ends with a zero.
    unsafe { libc::mq_unlink(name.as_ptr()) == 0 }
}

/// May this user have namespaces? Asked by doing it, in a child.
pub(crate) fn has_namespaces() -> bool {
    let mut command = Command::new("true");
    let user = if is_root() { 0 } else { libc::CLONE_NEWUSER };
    let flags = user | libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    let separate = move || {
        // SAFETY: the call takes numbers only.
        check(unsafe { libc::unshare(flags) })?;
        let (none, root) = (std::ptr::null(), c"/".as_ptr());
        let private = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: the path ends with a zero; the other pointers may be null.
        check(unsafe { libc::mount(none, root, none, private, none.cast()) }).map(drop)
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(separate) };
    command.status().is_ok_and(|status| status.success())
}
