//! Changes the attributes of an object behind a handle.

use std::ffi::{CStr, CString, OsString};
use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use super::super::sys::checked;
use super::Errno;
use super::caller::c_string;
use super::places::{metadata, through};

/// A change of an attribute, with its value.
#[derive(Debug)]
pub(super) enum Change {
    Length(i64),
    Mode(u32),
    Owner(u32, u32),
    RemoveXattr(CString),
    SetXattr {
        name: CString,
        value: Vec<u8>,
        flags: i32,
    },
    Times([libc::timespec; 2]),
}

impl Change {
    /// The handle is the object itself: nothing is looked up by name any more.
    pub(super) fn apply(&self, object: BorrowedFd<'_>) -> Result<(), Errno> {
        match self {
            Self::Length(length) => set_length(object, *length),
            Self::Mode(mode) => set_mode(object, *mode),
            Self::Owner(user, group) => set_owner(object, *user, *group),
            Self::RemoveXattr(name) => {
                permit_xattr(name)?;
                let path = path(object)?;
                // SAFETY: both strings end in NUL and outlive the call.
                let result = unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) };
                done(result)
            }
            Self::SetXattr { name, value, flags } => set_xattr(object, name, value, *flags),
            Self::Times(times) => {
                // SAFETY: the path ends in NUL, and there are two times.
                let result = unsafe {
                    libc::utimensat(
                        object.as_raw_fd(),
                        c"".as_ptr(),
                        times.as_ptr(),
                        libc::AT_EMPTY_PATH,
                    )
                };
                done(result)
            }
        }
    }
}

fn set_mode(object: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    let kind = metadata(object)?.file_type();
    if kind.is_symlink() {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    // A set-uid file outlives the build and lends its owner's rights to whoever runs it. On
    // directories the bits only say which group new files get.
    if mode & 0o6000 != 0 && !kind.is_dir() {
        return Err(Errno(libc::EPERM));
    }
    Ok(fs::set_permissions(
        through(object),
        Permissions::from_mode(mode),
    )?)
}

fn set_owner(object: BorrowedFd<'_>, user: u32, group: u32) -> Result<(), Errno> {
    // SAFETY: the path ends in NUL.
    let result = unsafe {
        libc::fchownat(
            object.as_raw_fd(),
            c"".as_ptr(),
            user,
            group,
            libc::AT_EMPTY_PATH,
        )
    };
    done(result)
}

fn set_xattr(object: BorrowedFd<'_>, name: &CStr, value: &[u8], flags: i32) -> Result<(), Errno> {
    permit_xattr(name)?;
    let path = path(object)?;
    // SAFETY: the strings end in NUL, the value is as long as it says, and all outlive the call.
    let result = unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            flags,
        )
    };
    done(result)
}

/// File capabilities and security labels outlive the build and change what its files may do.
/// `EOPNOTSUPP` is what programs that copy all attributes expect of a file system without them.
fn permit_xattr(name: &CStr) -> Result<(), Errno> {
    let permitted = match name.to_bytes() {
        b"system.posix_acl_access" | b"system.posix_acl_default" => true,
        name => name.starts_with(b"user."),
    };
    if permitted {
        Ok(())
    } else {
        Err(Errno(libc::EOPNOTSUPP))
    }
}

fn set_length(object: BorrowedFd<'_>, length: i64) -> Result<(), Errno> {
    let kind = metadata(object)?.file_type();
    if kind.is_dir() {
        return Err(Errno(libc::EISDIR));
    }
    if !kind.is_file() || length < 0 {
        return Err(Errno(libc::EINVAL));
    }
    // Beyond the limit the kernel sends a deadly signal, and it would be to us.
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes the structure it is given.
    done(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) })?;
    if limit.rlim_cur < length.cast_unsigned() {
        return Err(Errno(libc::EFBIG));
    }
    let path = path(object)?;
    // SAFETY: the path ends in NUL and outlives the call.
    done(unsafe { libc::truncate(path.as_ptr(), length) })
}

fn path(object: BorrowedFd<'_>) -> Result<CString, Errno> {
    c_string(OsString::from(through(object)).into_vec())
}

fn done(result: i32) -> Result<(), Errno> {
    checked(result.into())?;
    Ok(())
}
