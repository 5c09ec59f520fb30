//! A unit's own folder for its results, and their way into the folder that all units share.
//!
//! cargo lets all units of a profile write to one folder, `deps`, where a proc macro could change
//! the library of any other crate. So rustc writes to a folder of its own, and what it made is
//! moved from there by name: only names that are this unit's, and only regular files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempPath;

use crate::policy::plan::Platform;
use crate::sandbox::folder::Folder;
use crate::sandbox::{self, files};
use crate::scratch::{self, Scratch};

/// What the names of our folders begin with.
const PREFIX: &str = ".sandboxed-cargo.";

/// Do executables name the object files that hold their debug information? Elsewhere it is in them.
const NAMES_OBJECTS: bool = matches!(sandbox::PLATFORM, Platform::Macos);

/// The endings of results whose names begin with `lib`: libraries, and what debuggers read beside
/// them. Loaders and linkers look for such, and a crate whose library has no hash in its name may be
/// called like the system's: so `libgcc_s.so.1` is nobody's result.
const LIBRARIES: [&str; 8] = [
    "a",
    "dll.a",
    "dylib",
    "dylib.dwp",
    "rlib",
    "rmeta",
    "so",
    "so.dwp",
];

/// Parts of names of libraries, which nothing else has but what ends as in the list below.
const OF_LIBRARIES: [&str; 5] = ["a", "dylib", "rlib", "rmeta", "so"];

/// The endings of what no loader takes. A part of it may be a crate's name.
const OBJECTS: [&str; 6] = ["bc", "dwo", "ll", "mir", "o", "s"];

/// The private folder of one unit; removed with what is left in it.
#[derive(Debug)]
pub(super) struct Outputs {
    private: Scratch,
    destination: PathBuf,
    stem: String,
}

impl Outputs {
    /// Makes the folder inside `destination`, so that moving never copies. `stem` is what the names
    /// of the unit's results begin with; where it is empty, every name is allowed.
    pub(super) fn create(destination: &Path, stem: String) -> io::Result<Self> {
        let mut prefix = PREFIX.to_owned();
        if NAMES_OBJECTS {
            prefix.push_str(&stem);
            prefix.push('.');
        }
        let named = Scratch::create(destination, &prefix);
        Ok(Self {
            // Without the unit's name, where that is too long.
            private: named.or_else(|_| Scratch::create(destination, PREFIX))?,
            destination: destination.to_owned(),
            stem,
        })
    }

    pub(super) fn private(&self) -> &Path {
        self.private.path()
    }

    /// Where a result of this name is to be.
    pub(super) fn place(&self, name: &OsStr) -> PathBuf {
        self.destination.join(name)
    }

    /// Shows one result to the other units while its own unit goes on reading it here, and says
    /// where it is.
    ///
    /// The unit may change its folder while we look: so what is judged is a name of our own for the
    /// same file.
    pub(super) fn show(&self, name: &OsStr) -> Result<PathBuf> {
        self.check(name)?;
        let show = || -> io::Result<()> {
            let made = self.private().join(name);
            let link = |path: &Path| fs::hard_link(&made, path);
            let staged = match Self::temporary().make_in(&self.destination, link) {
                Ok(staged) => staged.into_temp_path(),
                // A file system without hard links.
                Err(_) => self.copy(&made)?,
            };
            if !fs::symlink_metadata(&staged)?.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            fs::rename(&staged, self.place(name))?;
            // Of two names of one file, as incremental compilation leaves them, rename(2) keeps both.
            // Nearly always it is gone, and a try to remove it is told to the supervisor.
            if fs::symlink_metadata(&staged).is_err() {
                let _ = staged.keep();
            }
            Ok(())
        };
        show().with_context(|| format!("failed to deliver `{}`", self.place(name).display()))?;
        Ok(self.place(name))
    }

    fn temporary() -> tempfile::Builder<'static, 'static> {
        let mut builder = tempfile::Builder::new();
        files::with_usual_mode(builder.prefix(PREFIX));
        builder
    }

    fn copy(&self, made: &Path) -> io::Result<TempPath> {
        let mut from = files::open_regular(made)?;
        let mut copy = Self::temporary().tempfile_in(&self.destination)?;
        io::copy(&mut from, &mut copy)?;
        Ok(copy.into_temp_path())
    }

    /// Moves one result; judged where the unit cannot reach it any more.
    fn deliver(&self, name: &OsStr) -> Result<()> {
        let path = self.place(name);
        let deliver = || -> io::Result<()> {
            let made = self.private().join(name);
            let (found, shown) = (fs::symlink_metadata(&made)?, fs::symlink_metadata(&path));
            if found.is_file() && shown.is_ok_and(|shown| files::same(&found, &shown)) {
                // Its other name goes with the folder.
                return Ok(());
            }
            fs::rename(made, &path)?;
            if !fs::symlink_metadata(&path)?.is_file() {
                fs::remove_file(&path)?;
                return Err(io::Error::other("it is not a regular file"));
            }
            Ok(())
        };
        deliver().with_context(|| format!("failed to deliver `{}`", path.display()))
    }

    fn check(&self, name: &OsStr) -> Result<()> {
        if !self.is_ours(name) {
            bail!("`{}` is no name of this unit's results", name.display());
        }
        Ok(())
    }

    /// Moves all that is there and ours; the rest goes with the folder.
    pub(super) fn deliver_all(self) -> Result<()> {
        let mut has_objects = false;
        let entries = fs::read_dir(self.private())
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .with_context(|| format!("failed to read `{}`", self.private().display()))?;
        for entry in entries {
            let name = entry.file_name();
            if !self.is_ours(&name) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let extension = Path::new(&name).extension();
            has_objects |= extension == Some(OsStr::new("o"));
            if extension == Some(OsStr::new("d")) {
                self.deliver_list(&name)
                    .with_context(|| format!("failed to deliver `{}`", name.display()))?;
            } else {
                self.deliver(&name)?;
            }
        }
        if NAMES_OBJECTS && has_objects {
            // Debuggers alone would miss it.
            let _ = self.leave_name();
        }
        Ok(())
    }

    /// Lets the name of the private folder lead to the shared one: an executable names its object
    /// files by where they were when it was linked. The unit's last such name goes.
    fn leave_name(self) -> io::Result<()> {
        let mut prefix = OsString::from(PREFIX);
        prefix.push(&self.stem);
        prefix.push(".");
        for entry in fs::read_dir(&self.destination)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = name
                .as_encoded_bytes()
                .starts_with(prefix.as_encoded_bytes());
            if is_ours && entry.file_type()?.is_symlink() {
                fs::remove_file(entry.path())?;
            }
        }
        let name = self.private().to_owned();
        drop(self.private);
        files::symlink(Path::new("."), &name)
    }

    /// A list of dependencies names the results where rustc made them. The unit may have left
    /// processes that still change its folder, so nothing is written through a path in there.
    fn deliver_list(&self, name: &OsStr) -> io::Result<()> {
        // Longer than any list, unless it is mostly holes.
        const LIMIT: u64 = 64 << 20;
        let mut text = Vec::new();
        let file = files::open_regular(&self.private().join(name))?;
        if file.take(LIMIT).read_to_end(&mut text)? as u64 == LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut corrected = Self::temporary().tempfile_in(&self.destination)?;
        corrected.write_all(&self.shown(&text))?;
        corrected.persist(self.place(name))?;
        Ok(())
    }

    /// `text` with the private folder's name replaced by that of the shared one.
    pub(super) fn shown(&self, text: &[u8]) -> Vec<u8> {
        let private = self.private().as_os_str().as_encoded_bytes();
        let shared = self.destination.as_os_str().as_encoded_bytes();
        let mut shown = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = find(rest, private) {
            shown.extend_from_slice(&rest[..at]);
            shown.extend_from_slice(shared);
            rest = &rest[at + private.len()..];
        }
        shown.extend_from_slice(rest);
        shown
    }

    /// Removes the private folders in `destination` whose units were killed.
    pub(super) fn sweep(destination: &Folder, names: &[OsString]) {
        let ours = |name: &&OsString| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        for name in names.iter().filter(ours) {
            scratch::remove_unused(&destination.at(name));
        }
    }

    fn is_ours(&self, name: &OsStr) -> bool {
        let Some(name) = name.to_str() else {
            return false;
        };
        if self.stem.is_empty() {
            return true;
        }
        if let Some(rest) = after(name, &self.stem) {
            let ending = rest.rsplit_once('.').map(|(_, ending)| ending);
            let is_of_library = |part: &str| OF_LIBRARIES.contains(&&*part.to_ascii_lowercase());
            return ending.is_some_and(|ending| OBJECTS.contains(&ending))
                || !rest.split('.').any(is_of_library);
        }
        name.strip_prefix("lib")
            .and_then(|name| after(name, &self.stem))
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|ending| LIBRARIES.contains(&ending))
    }
}

/// What follows a name's stem: nothing, or a dot and more.
fn after<'a>(name: &'a str, stem: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(stem)?;
    (rest.is_empty() || rest.starts_with('.')).then_some(rest)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_librarys_name_is_not_anothers() {
        let shared = tempfile::tempdir().unwrap();
        let outputs = Outputs::create(shared.path(), "libfoo".to_owned()).unwrap();
        for (name, is_ours) in [
            ("libfoo.so", false),
            ("libfoo.rmeta", false),
            ("liblibfoo.so", true),
            ("libfoo", true),
            ("libfoo.d", true),
            ("libfoo.wasm", true),
            ("libfoobar.d", false),
            ("libfoo.so.1", false),
            ("libfoo.1.dylib", false),
            ("libfoo.so.22.1-rust-1.95.0-stable", false),
            ("libfoo.so.o", true),
            ("libfoo.a.5773-cgu.0.rcgu.dwo", true),
            ("libfoo.so.5773-cgu.0.rcgu", false),
            ("libfoo.3x1.rcgu.o", true),
            ("liblibfoo.so.1", false),
            ("liblibfoo.1.dylib", false),
            ("liblibfoo..so", false),
            ("liblibfoo.so.dwp", true),
            ("liblibfoo.a", true),
            ("liblibfoo.x", false),
            ("liblibfoo", false),
        ] {
            assert_eq!(outputs.is_ours(OsStr::new(name)), is_ours, "{name}");
        }
    }

    #[test]
    fn results_are_moved_by_name_and_only_files() {
        let shared = tempfile::tempdir().unwrap();
        let outputs = Outputs::create(shared.path(), "foo-12".into()).unwrap();
        let private = outputs.private().to_owned();
        for name in [
            "libfoo-12.rlib",
            "foo-12",
            "foo-12.x.o",
            "bar-12",
            "foo-123",
            "libfoo-1.rlib",
        ] {
            fs::write(private.join(name), name).unwrap();
        }
        fs::create_dir(private.join("foo-12.dir")).unwrap();
        symlink("/etc/passwd", private.join("libfoo-12.so")).unwrap();
        let list = format!("{0}/libfoo-12.rlib: a.rs\n\na.rs:\n", private.display());
        fs::write(private.join("foo-12.d"), list).unwrap();
        outputs.deliver_all().unwrap();
        assert_eq!(
            names(shared.path()),
            ["foo-12", "foo-12.d", "foo-12.x.o", "libfoo-12.rlib"]
        );
        let list = fs::read_to_string(shared.path().join("foo-12.d")).unwrap();
        let expected = format!(
            "{}/libfoo-12.rlib: a.rs\n\na.rs:\n",
            shared.path().display()
        );
        assert_eq!(list, expected);
    }

    #[test]
    fn a_shown_result_stays_for_its_unit() {
        let shared = tempfile::tempdir().unwrap();
        let outputs = Outputs::create(shared.path(), "foo".into()).unwrap();
        let name = OsStr::new("libfoo.rmeta");
        fs::write(outputs.private().join(name), "1").unwrap();
        assert_eq!(outputs.show(name).unwrap(), shared.path().join(name));
        assert!(outputs.private().join(name).exists());
        for (bad, make) in [
            ("libfoo.a", true),
            ("libother.rmeta", false),
            ("../foo", false),
        ] {
            if make {
                symlink("/etc/passwd", outputs.private().join(bad)).unwrap();
            }
            assert!(outputs.show(OsStr::new(bad)).is_err(), "{bad}");
        }
        drop(outputs);
        assert_eq!(names(shared.path()), ["libfoo.rmeta"]);
    }

    #[test]
    fn objects_are_found_where_they_were_linked() {
        let shared = tempfile::tempdir().unwrap();
        let mut last = PathBuf::new();
        for text in ["1", "2"] {
            let other = Outputs::create(shared.path(), "foo-123".into()).unwrap();
            let outputs = Outputs::create(shared.path(), "foo-12".into()).unwrap();
            let private = outputs.private().to_owned();
            fs::write(shared.path().join("foo-12.x.o"), text).unwrap();
            outputs.leave_name().unwrap();
            assert_eq!(
                fs::read_to_string(private.join("foo-12.x.o")).unwrap(),
                text
            );
            assert!(other.private().is_dir());
            if NAMES_OBJECTS {
                assert!(fs::symlink_metadata(&last).is_err());
            }
            last = private;
        }
        crate::targets::links::check(&[shared.path().to_owned()]).unwrap();
    }

    #[test]
    fn folders_of_killed_units_go() {
        let shared = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        let make = |name: &str, old: Option<SystemTime>| {
            let path = shared.path().join(name);
            fs::create_dir(&path).unwrap();
            let folder = fs::File::open(path).unwrap();
            if let Some(time) = old {
                folder.set_modified(time).unwrap();
            }
            folder
        };
        drop(make(".sandboxed-cargo.dead", Some(old)));
        drop(make(".sandboxed-cargo.new", None));
        drop(make("other", Some(old)));
        let alive = make(".sandboxed-cargo.alive", Some(old));
        files::mark_in_use(&alive).unwrap();
        let all: Vec<OsString> = names(shared.path()).into_iter().map(Into::into).collect();
        Outputs::sweep(&Folder::open(shared.path()).unwrap(), &all);
        assert_eq!(
            names(shared.path()),
            [".sandboxed-cargo.alive", ".sandboxed-cargo.new", "other"]
        );
    }
}
