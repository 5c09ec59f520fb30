//! Folders of ours that go away with the process that made them, or with the next one that looks.
//!
//! A build may leave folders in them that even their owner may not enter, and a process that is
//! killed removes nothing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::sandbox::files::{self, Found};
use crate::sandbox::removal;

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

/// A folder of ours that stays for the next one who wants such, unless something is left in it: on a
/// disk it takes longer to make and remove a few folders than to do all else before cargo starts.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    /// Tells others that somebody uses it.
    _in_use: File,
    shape: &'static Shape,
    /// How its folders were at first.
    found: Vec<Found>,
}

/// What is in a [`Kept`] folder: folders, and nothing else.
#[derive(Debug)]
pub struct Shape {
    /// With their modes; the first one is the folder itself.
    folders: &'static [(&'static str, u32)],
    /// Does it go as soon as anything in it, or any attribute, was changed, even back?
    goes_if_touched: bool,
}

/// The folders of a build: its `TMPDIR`, and what stands at `/tmp` and `/var/tmp` in it.
pub const OF_BUILD: Shape = Shape {
    folders: &[
        ("", 0o700),
        ("tmp", 0o700),
        ("build", 0o700),
        ("build/tmp", 0o1777),
        ("build/var-tmp", 0o1777),
    ],
    goes_if_touched: true,
};

/// The `TMPDIR` of a unit, which rustc always uses.
pub const OF_UNIT: Shape = Shape {
    folders: &[("", 0o700)],
    goes_if_touched: false,
};

/// What the names of [`Kept`] folders begin with. [`sweep`] is not for them.
const KEPT_NAME: &str = "temporary-";

/// How many there may be in one place.
const MOST_KEPT: usize = 64;

impl Kept {
    /// One that nobody uses; `None` if there is none.
    pub fn take(parent: &Path, shape: &'static Shape) -> io::Result<Option<Self>> {
        for number in 0..MOST_KEPT {
            let path = parent.join(format!("{KEPT_NAME}{number}"));
            let taken = Self::at(&path, shape)?;
            if taken.is_some() {
                return Ok(taken);
            }
        }
        Ok(None)
    }

    /// `None` also for what is there and cannot be used: there are other numbers.
    fn at(path: &Path, shape: &'static Shape) -> io::Result<Option<Self>> {
        // A second time, where the first one found what a killed process left.
        for _ in 0..2 {
            let mut opened = File::open(path);
            let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
            if opened.as_ref().is_err_and(is_missing) {
                match fs::create_dir(path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => opened = File::open(path),
                }
            }
            let Ok(in_use) = opened else {
                return Ok(None);
            };
            // Another may have removed it since.
            let is_there = || {
                let there = fs::symlink_metadata(path)?;
                Ok::<_, io::Error>(there.is_dir() && files::same(&there, &in_use.metadata()?))
            };
            if !files::is_unused(&in_use) || !is_there().unwrap_or(false) {
                return Ok(None);
            }
            let mut found = shape.look(path);
            let is_new = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            if found.is_none() && is_new() {
                shape.make(path)?;
                found = shape.look(path);
            }
            if let Some(found) = found {
                return Ok(Some(Self {
                    path: path.to_owned(),
                    _in_use: in_use,
                    shape,
                    found,
                }));
            }
            remove(path);
        }
        Ok(None)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let stays = match self.shape.look(&self.path) {
            Some(found) => found == self.found || !self.shape.goes_if_touched,
            None => false,
        };
        if !stays {
            remove(&self.path);
        }
    }
}

impl Shape {
    fn make(&self, path: &Path) -> io::Result<()> {
        for (name, mode) in self.folders {
            let folder = path.join(name);
            if !name.is_empty() {
                fs::create_dir(&folder)?;
            }
            files::set_mode(&folder, *mode)?;
        }
        Ok(())
    }

    /// How the folders are; `None` if they are not empty, or not as they are made.
    fn look(&self, path: &Path) -> Option<Vec<Found>> {
        let mut found = Vec::new();
        for (name, mode) in self.folders {
            let folder = path.join(name);
            let metadata = fs::symlink_metadata(&folder).ok()?;
            found.push(files::own_folder(&metadata, *mode)?);
            if files::has_attributes(&folder) {
                return None;
            }
            for entry in fs::read_dir(&folder).ok()? {
                let path = Path::new(name).join(entry.ok()?.file_name());
                if !self.folders.iter().any(|(name, _)| path == Path::new(name)) {
                    return None;
                }
            }
        }
        Some(found)
    }
}

/// A folder for one run.
#[derive(Debug)]
pub enum Temporary {
    /// Removed at the end.
    Own(Scratch),
    Kept(Kept),
}

impl Temporary {
    /// With what processes that were killed left there removed.
    pub fn own(parent: &Path) -> io::Result<Self> {
        sweep(parent, TEMPORARY);
        Scratch::create(parent, TEMPORARY).map(Self::Own)
    }

    /// One that stays, as long as there are not too many.
    pub fn kept(parent: &Path, shape: &'static Shape) -> io::Result<Self> {
        Ok(match Kept::take(parent, shape)? {
            Some(kept) => Self::Kept(kept),
            None => Self::Own(Scratch::create(parent, TEMPORARY)?),
        })
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Kept(folder) => folder.path(),
        }
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
    // Anybody may make folders with such a name in `/tmp`.
    if is_old && found.is_dir() && files::is_ours(&found) && is_unused() {
        remove(path);
    }
}

/// What stays, where somebody else keeps it from going, the next one may remove.
fn remove(path: &Path) {
    let _ = removal::remove_folder(path);
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
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

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_not_touched_stays_and_is_used_again() {
        let parent = tempfile::tempdir().unwrap();
        let first = Kept::take(parent.path(), &OF_BUILD).unwrap().unwrap();
        let found = first.found.clone();
        assert_eq!(names(first.path()), ["build", "tmp"]);
        // Used by somebody else.
        let second = Kept::take(parent.path(), &OF_BUILD).unwrap().unwrap();
        assert_ne!(first.path(), second.path());
        drop((first, second));
        assert_eq!(names(parent.path()), ["temporary-0", "temporary-1"]);
        let again = Kept::take(parent.path(), &OF_BUILD).unwrap().unwrap();
        assert_eq!(again.found, found);
    }

    #[test]
    fn what_a_build_touched_goes() {
        type Touch<'a> = (&'a str, &'a dyn Fn(&Path));
        let parent = tempfile::tempdir().unwrap();
        let touched: [Touch<'_>; 6] = [
            ("a file", &|folder| {
                fs::write(folder.join("tmp/x"), "").unwrap();
            }),
            ("a file that was", &|folder| {
                let path = folder.join("build/tmp/x");
                fs::write(&path, "").unwrap();
                fs::remove_file(path).unwrap();
            }),
            ("a folder", &|folder| {
                fs::create_dir(folder.join("fetch-1")).unwrap();
            }),
            ("a mode", &|folder| {
                files::set_mode(&folder.join("build/var-tmp"), 0o755).unwrap();
            }),
            ("a time", &|folder| {
                let file = File::open(folder.join("tmp")).unwrap();
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }),
            ("a closed folder", &|folder| closed(&folder.join("tmp"))),
        ];
        for (what, touch) in touched {
            let kept = Kept::take(parent.path(), &OF_BUILD).unwrap().unwrap();
            // The clock of a file system ticks a few hundred times a second.
            std::thread::sleep(Duration::from_millis(20));
            touch(kept.path());
            drop(kept);
            assert!(names(parent.path()).is_empty(), "{what}");
        }
    }

    #[test]
    fn what_a_unit_emptied_stays() {
        let parent = tempfile::tempdir().unwrap();
        let take = || Kept::take(parent.path(), &OF_UNIT).unwrap().unwrap();
        let kept = take();
        let number = fs::metadata(kept.path()).unwrap().ino();
        fs::create_dir(kept.path().join("rustc")).unwrap();
        fs::remove_dir(kept.path().join("rustc")).unwrap();
        drop(kept);
        let again = take();
        assert_eq!(fs::metadata(again.path()).unwrap().ino(), number);
        fs::write(again.path().join("x"), "").unwrap();
        drop(again);
        assert!(names(parent.path()).is_empty());
        let marked = take();
        if set_attribute(marked.path()) {
            drop(marked);
            assert!(names(parent.path()).is_empty());
        }
    }

    #[cfg(target_os = "linux")]
    fn set_attribute(path: &Path) -> bool {
        let flags = rustix::fs::XattrFlags::empty();
        let set = rustix::fs::setxattr(path, "user.x", b"y", flags);
        if let Err(error) = set {
            eprintln!("skipped: an attribute: {error}");
        }
        set.is_ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn set_attribute(_: &Path) -> bool {
        false
    }

    #[test]
    fn what_a_killed_build_left_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let left: [&dyn Fn(&Path); 3] = [
            &|folder| closed(&folder.join("tmp")),
            &|folder| files::set_mode(&folder.join("tmp"), 0o777).unwrap(),
            &|folder| {
                let path = folder.join("build/tmp");
                fs::remove_dir(&path).unwrap();
                symlink("/tmp", path).unwrap();
            },
        ];
        for leave in left {
            let path = parent.path().join("temporary-0");
            fs::create_dir_all(&path).unwrap();
            if OF_BUILD.look(&path).is_none() {
                OF_BUILD.make(&path).unwrap();
            }
            leave(&path);
            let next = Kept::take(parent.path(), &OF_BUILD).unwrap().unwrap();
            assert_eq!(next.path(), path);
            assert!(OF_BUILD.look(&path).is_some());
            drop(next);
        }
    }

    #[test]
    fn what_cannot_be_used_is_passed_over() {
        let parent = tempfile::tempdir().unwrap();
        let path = |number| parent.path().join(format!("temporary-{number}"));
        fs::write(path(0), "").unwrap();
        symlink(parent.path(), path(1)).unwrap();
        fs::create_dir(path(2)).unwrap();
        fs::set_permissions(path(2), fs::Permissions::from_mode(0o000)).unwrap();
        let kept = Kept::take(parent.path(), &OF_UNIT).unwrap().unwrap();
        // Root may enter any.
        assert!(kept.path() == path(2) || kept.path() == path(3));
        assert!(fs::read_to_string(path(0)).is_ok() && path(1).is_symlink());
        let missing = Kept::take(&parent.path().join("missing"), &OF_UNIT);
        assert!(missing.is_err());
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
