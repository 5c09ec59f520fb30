//! Reads files that somebody else may have replaced by something that is not a file.
//!
//! The only place of this folder, with the owner's checks in [`super::cache`], that knows about
//! Unix: opening a FIFO must not wait, and file names are bytes.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Why a path that is there has no contents for us.
#[derive(Debug)]
pub(super) enum Unreadable {
    Dangling,
    Directory,
    Io(io::Error),
    Special,
    TooLarge(u64),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dangling => f.write_str("is a link to nothing"),
            Self::Directory => f.write_str("is a directory, not a file"),
            Self::Io(error) => write!(f, "could not be read: {error}"),
            Self::Special => f.write_str("is not a regular file"),
            Self::TooLarge(limit) if limit % (1 << 20) == 0 => {
                write!(f, "is larger than {} MiB", limit >> 20)
            }
            Self::TooLarge(limit) => write!(f, "is larger than {limit} bytes"),
        }
    }
}

/// The contents of a regular file of at most `limit` bytes; `None` if there is nothing at `path`.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Unreadable> {
    // Before opening, since opening a device can have effects of its own.
    match fs::metadata(path) {
        Ok(metadata) => regular(&metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match fs::symlink_metadata(path) {
                Ok(_) => Err(Unreadable::Dangling),
                Err(_) => Ok(None),
            };
        }
        Err(error) => return Err(Unreadable::Io(error)),
    }
    let file = open(path).map_err(Unreadable::Io)?;
    // And after it, since the path may lead elsewhere by now.
    regular(&file.metadata().map_err(Unreadable::Io)?)?;
    let mut contents = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut contents)
        .map_err(Unreadable::Io)?;
    if contents.len() as u64 > limit {
        return Err(Unreadable::TooLarge(limit));
    }
    Ok(Some(contents))
}

fn regular(metadata: &fs::Metadata) -> Result<(), Unreadable> {
    if metadata.is_dir() {
        Err(Unreadable::Directory)
    } else if metadata.is_file() {
        Ok(())
    } else {
        Err(Unreadable::Special)
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A FIFO that takes the file's place between the two looks must not make us wait for a writer.
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// Is this a folder like `/tmp`, where everybody may put files among those of others?
#[cfg(unix)]
pub(super) fn is_shared(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const STICKY_AND_WRITABLE_BY_OTHERS: u32 = 0o1002;
    fs::metadata(directory).is_ok_and(|metadata| {
        metadata.mode() & STICKY_AND_WRITABLE_BY_OTHERS == STICKY_AND_WRITABLE_BY_OTHERS
    })
}

#[cfg(not(unix))]
pub(super) fn is_shared(_directory: &Path) -> bool {
    false
}

/// A path that a file names, as the system writes it.
#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other systems cannot name every sequence of bytes"
)]
pub(super) fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
pub(super) fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// Is there anything at `path`, be it a link to nothing?
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
