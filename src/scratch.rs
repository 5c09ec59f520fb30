//! Folders of ours that go away with the process that made them, or with the next one that looks.
//!
//! A build may leave folders in them that even their owner may not enter, and a process that is
//! killed removes nothing.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::sandbox::files;

/// What the names of temporary folders begin with.
pub const TEMPORARY: &str = "sandboxed-cargo.";

/// Folders for everybody's temporary files.
pub const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Removed when dropped, with all that is in it.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Tells others that somebody uses it.
    _in_use: File,
}

impl Scratch {
    pub fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let in_use = File::open(folder.path())?;
        files::mark_in_use(&in_use)?;
        Ok(Self {
            folder,
            _in_use: in_use,
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(self.path());
    }
}

/// Removes what processes that were killed left in a folder.
pub fn sweep(parent: &Path, prefix: &str) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let is_ours = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(prefix.as_bytes());
    for entry in entries.filter(|entry| is_ours(&entry.file_name())) {
        remove_unused(&entry.path());
    }
}

/// Removes a folder that was made by [`Scratch::create`], if nobody uses it any more.
pub fn remove_unused(path: &Path) {
    // One that was made this very moment is not marked yet.
    const NEW: Duration = Duration::from_secs(60);
    let Ok(found) = fs::symlink_metadata(path) else {
        return;
    };
    let is_old = found
        .modified()
        .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > NEW));
    let is_unused = || File::open(path).is_ok_and(|file| files::is_unused(&file));
    if is_old && found.is_dir() && is_unused() {
        remove(path);
    }
}

fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_ok() {
        return;
    }
    let mut pending = vec![path.to_owned()];
    while let Some(folder) = pending.pop() {
        files::make_accessible(&folder);
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        pending.extend(entries.filter(is_folder).map(|entry| entry.path()));
    }
    let _ = fs::remove_dir_all(path);
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::SystemTime;

    use super::*;

    fn closed(folder: &Path) {
        let inner = folder.join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "").unwrap();
        for path in [&inner, &folder.join("a")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        }
    }

    #[test]
    fn what_nobody_may_enter_goes_too() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(parent.path(), "ours.").unwrap();
        closed(scratch.path());
        let outside = parent.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o500)).unwrap();
        symlink(&outside, scratch.path().join("link")).unwrap();
        drop(scratch);
        let left: Vec<_> = fs::read_dir(parent.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["outside"]);
        let mode = fs::metadata(outside).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o500);
    }

    #[test]
    fn only_what_is_old_and_unused_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let used = Scratch::create(parent.path(), "ours.").unwrap();
        let make = |name: &str| {
            let path = parent.path().join(name);
            closed(&path);
            path
        };
        let (old, new, other) = (make("ours.old"), make("ours.new"), make("other"));
        for path in [used.path(), &old, &other] {
            let before = SystemTime::now() - Duration::from_secs(1000);
            File::open(path).unwrap().set_modified(before).unwrap();
        }
        sweep(parent.path(), "ours.");
        assert!(!old.exists());
        assert!(new.exists() && other.exists() && used.path().exists());
    }
}
