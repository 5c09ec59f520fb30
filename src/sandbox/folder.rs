//! Folders held open: what is done in one is done there, whatever its path leads to by then.
//!
//! On Linux an open folder has a name of its own, `/proc/self/fd/N` (proc(5)). Elsewhere the path is
//! used again, so that somebody who may rename the folder can put another one in its place.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::files;

#[derive(Debug)]
pub struct Folder {
    /// For messages.
    path: PathBuf,
    place: PathBuf,
    _handle: File,
}

impl Folder {
    /// Opens a folder that the user or we chose; links in its path count.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = Self::new(files::open_folder(path, true)?, path.to_owned());
        // Without /proc everything would look as if it were not there.
        fs::metadata(&folder.place)
            .map_err(|error| io::Error::other(format!("`{}`: {error}", folder.place.display())))?;
        Ok(folder)
    }

    /// The folder of that name in this one; `None` if there is none, or something else.
    pub fn enter(&self, name: &OsStr) -> io::Result<Option<Self>> {
        let place = self.at(name);
        match files::open_folder(&place, false) {
            Ok(handle) => Ok(Some(Self::new(handle, self.path.join(name)))),
            Err(error) => match fs::symlink_metadata(&place) {
                Ok(metadata) if metadata.is_dir() => Err(error),
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            },
        }
    }

    fn new(handle: File, path: PathBuf) -> Self {
        Self {
            place: files::place(&handle).unwrap_or_else(|| path.clone()),
            path,
            _handle: handle,
        }
    }

    /// The path of an entry, for use while this folder is open.
    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.place.join(name)
    }

    /// For use while this folder is open.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The path as it was, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it: names, and whether each is a folder. A link is none.
    pub fn entries(&self) -> io::Result<Vec<(OsString, bool)>> {
        fs::read_dir(&self.place)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), entry.file_type()?.is_dir()))
            })
            .collect()
    }
}
