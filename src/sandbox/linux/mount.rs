//! The mount system calls that the second wall needs, as safe functions.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::sys::{checked, owned};

/// A detached copy of the mounts at and below `path` (`open_tree(2)`, Linux 5.2).
pub(super) fn copy_tree(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let flags =
        libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE as libc::c_uint;
    // SAFETY: `path` is a valid C string for the time of the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    owned(fd)
}

/// Puts a detached copy at `path`.
pub(super) fn attach(tree: &OwnedFd, path: &Path) -> io::Result<()> {
    const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
    let path = c_path(path)?;
    // SAFETY: both strings are valid C strings for the time of the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    checked(result).map(drop)
}

/// Makes a detached copy read-only, with every mount in it.
pub(super) fn set_tree_read_only(tree: &OwnedFd) -> io::Result<()> {
    set_read_only(tree.as_raw_fd(), c"", libc::AT_RECURSIVE)
}

/// Makes the mount at `path` read-only, and every mount below it if `below`.
pub(super) fn set_path_read_only(path: &Path, below: bool) -> io::Result<()> {
    let flags = if below { libc::AT_RECURSIVE } else { 0 };
    set_read_only(libc::AT_FDCWD, &c_path(path)?, flags)
}

// mount_setattr(2), Linux 5.12.
fn set_read_only(folder: libc::c_int, path: &CStr, flags: libc::c_int) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        userns_fd: u64,
    }
    const MOUNT_ATTR_RDONLY: u64 = 1;
    let attributes = MountAttr {
        set: MOUNT_ATTR_RDONLY,
        clear: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the string and the struct are valid for the time of the call, and the size is the
    // struct's own.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            folder,
            path.as_ptr(),
            flags | libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<MountAttr>(),
        )
    };
    checked(result).map(drop)
}

/// Keeps mounts of this namespace from reaching others, and theirs from reaching it.
pub(super) fn make_private() -> io::Result<()> {
    mount(
        c"",
        Path::new("/"),
        c"",
        libc::MS_REC | libc::MS_PRIVATE,
        c"",
    )
}

/// An empty folder in memory; as large as the system lets one be (half of the memory, tmpfs(5)).
pub(super) fn empty_folder(path: &Path) -> io::Result<()> {
    mount(
        c"tmpfs",
        path,
        c"tmpfs",
        libc::MS_NOSUID | libc::MS_NODEV,
        c"mode=755",
    )
}

/// The processes of this PID namespace.
pub(super) fn process_list(path: &Path) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(c"proc", path, c"proc", flags, c"")
}

fn mount(
    source: &CStr,
    path: &Path,
    kind: &CStr,
    flags: libc::c_ulong,
    data: &CStr,
) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: all strings are valid C strings for the time of the call.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            path.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    checked(result.into()).map(drop)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
