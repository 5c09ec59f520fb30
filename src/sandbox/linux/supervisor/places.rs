//! Finds the object that the caller names, and decides whether the build may change it.

use std::ffi::{CStr, OsString};
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::sys::{self, Base};
use super::Errno;
use super::caller::{Caller, c_string};
use super::narrowing::Narrowing;
use super::request::Target;
use crate::paths::is_within;

/// What the kernel appends to the path of an object without a name.
const DELETED: &[u8] = b" (deleted)";

/// How often an object may be found under another name than it had a moment ago.
const ATTEMPTS: usize = 4;

/// Where the build may write.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) writable: Vec<PathBuf>,
    pub(super) protected: Vec<PathBuf>,
}

impl Places {
    /// Refuses an object that does not lie in a writable place, and in one that is left to a caller
    /// that gave up others.
    pub(super) fn admit(
        &self,
        object: BorrowedFd<'_>,
        narrowing: Option<&Narrowing>,
    ) -> Result<(), Errno> {
        let contain = |path: &Path| {
            self.contain(path) && narrowing.is_none_or(|narrowing| narrowing.contains(path))
        };
        for _ in 0..ATTEMPTS {
            let path = name_of(object)?;
            if !contain(&path) {
                break;
            }
            if is_at(object, &path)? || is_unnamed(object, &path, contain)? {
                return Ok(());
            }
        }
        Err(Errno(libc::EPERM))
    }

    pub(super) fn contain(&self, path: &Path) -> bool {
        // Those that contain the same path contain each other.
        let longest = |places: &[PathBuf]| {
            places
                .iter()
                .filter(|place| is_within(path, place))
                .map(|place| place.as_os_str().len())
                .max()
        };
        longest(&self.writable)
            .is_some_and(|depth| longest(&self.protected).is_none_or(|p| p < depth))
    }
}

/// Is it a file without any name (`O_TMPFILE`, or unlinked while open) that was made here?
fn is_unnamed(
    object: BorrowedFd<'_>,
    path: &Path,
    contain: impl Fn(&Path) -> bool,
) -> Result<bool, Errno> {
    let Some(name) = path.as_os_str().as_bytes().strip_suffix(DELETED) else {
        return Ok(false);
    };
    let name = Path::new(std::ffi::OsStr::from_bytes(name));
    Ok(contain(name) && metadata(object)?.nlink() == 0)
}

/// The kernel's name for what an absolute path leads to from here, links followed.
pub(super) fn canonical(path: &CStr) -> Result<PathBuf, Errno> {
    let object = sys::open_handle(Base::Root, path, true)?;
    let name = name_of(object.as_fd())?;
    if is_at(object.as_fd(), &name)? {
        Ok(name)
    } else {
        Err(Errno(libc::ENOENT))
    }
}

/// Opens a handle on what `target` names.
pub(super) fn open(caller: &Caller, target: &Target) -> Result<OwnedFd, Errno> {
    match target {
        Target::Descriptor(number) => caller.descriptor(*number, false),
        Target::Path {
            base, path, empty, ..
        } if path.is_empty() => match *base {
            _ if !empty => Err(Errno(libc::ENOENT)),
            libc::AT_FDCWD => caller.working_directory(),
            number => caller.descriptor(number, true),
        },
        Target::Path {
            base, path, follow, ..
        } => {
            if let Some((number, rest)) = own_descriptor(path.to_bytes(), caller) {
                let object = caller.descriptor(number, true)?;
                return match rest {
                    Some(rest) => below(&object, &c_string(rest)?, *follow),
                    // The link itself lies in `/proc` or `/dev`.
                    None if !follow => Err(Errno(libc::EPERM)),
                    None => Ok(object),
                };
            }
            if path.to_bytes().starts_with(b"/") {
                return Ok(sys::open_handle(Base::Root, path, *follow)?);
            }
            let base = match *base {
                libc::AT_FDCWD => caller.working_directory()?,
                number => caller.descriptor(number, true)?,
            };
            below(&base, path, *follow)
        }
    }
}

fn below(base: &OwnedFd, path: &CStr, follow: bool) -> Result<OwnedFd, Errno> {
    let base = Base::Directory(base.as_fd());
    Ok(sys::open_handle(base, path, follow)?)
}

/// Recognises the names by which a process reaches its own descriptors, and what follows them.
///
/// To us they would be our own descriptors, so magic links are not followed at all; but C libraries
/// write `/proc/self/fd/N` where the kernel has no call of their needs, and scripts `/dev/stdout`.
fn own_descriptor(path: &[u8], caller: &Caller) -> Option<(i32, Option<Vec<u8>>)> {
    let mut parts = path
        .strip_prefix(b"/")?
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".");
    let number = match (parts.next()?, parts.next()?) {
        (b"dev", b"stdin") => 0,
        (b"dev", b"stdout") => 1,
        (b"dev", b"stderr") => 2,
        (b"dev", b"fd") => decimal(parts.next()?)?,
        (b"proc", who) => {
            let own = matches!(who, b"self" | b"thread-self")
                || decimal(who).is_some_and(|pid| pid == caller.process || pid == caller.thread);
            if !own || parts.next()? != b"fd" {
                return None;
            }
            decimal(parts.next()?)?
        }
        _ => return None,
    };
    let mut rest = parts.collect::<Vec<_>>().join(&b'/');
    if path.ends_with(b"/") || path.ends_with(b"/.") {
        // Whatever it is must be a directory.
        rest.extend(if rest.is_empty() { &b"."[..] } else { b"/" });
    }
    Some((number, (!rest.is_empty()).then_some(rest)))
}

fn decimal(text: &[u8]) -> Option<i32> {
    let text = str::from_utf8(text).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// A path by which the kernel reaches the object of a handle, whatever it is.
pub(super) fn through(object: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", object.as_raw_fd()))
}

pub(super) fn metadata(object: BorrowedFd<'_>) -> Result<fs::Metadata, Errno> {
    Ok(File::from(object.try_clone_to_owned()?).metadata()?)
}

/// The kernel's name for the object, which is absolute; pipes, sockets and what lies outside of
/// our root have others.
pub(super) fn name_of(object: BorrowedFd<'_>) -> Result<PathBuf, Errno> {
    let name = fs::read_link(through(object))?;
    if name.is_absolute() {
        Ok(name)
    } else {
        Err(Errno(libc::EPERM))
    }
}

/// Does `path` lead to the object from here, without symbolic links?
///
/// The kernel writes the names of objects on mounts that we do not have (standard output from
/// before a mount namespace) as if they were here, and marks what was deleted in a way that a real
/// name may have.
fn is_at(object: BorrowedFd<'_>, path: &Path) -> Result<bool, Errno> {
    let path = c_string(OsString::from(path).into_vec())?;
    let there = match sys::open_plain(&path) {
        Ok(there) => metadata(there.as_fd())?,
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let object = metadata(object)?;
    Ok((there.dev(), there.ino()) == (object.dev(), object.ino()))
}
