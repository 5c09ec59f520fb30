//! What was seen when target folders were last looked through for build scripts, so that a build
//! with nothing to do need not look again.
//!
//! A script cannot appear, or be replaced, without a change of its folder or of itself that the
//! kernel notes with a time which nobody can set (`st_ctime`, inode(7)).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::scripts::{self, is_pages};
use crate::host::cache::{self, digest};
use crate::sandbox::files;

/// Raised when more has to be looked for: what an older version saw does not count.
const VERSION: u32 = 1;

/// Folders and launchers, with the times of their last change.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Looked {
    version: u32,
    times: BTreeMap<String, SystemTime>,
}

/// Puts launchers in place of scripts that were left in `artifacts`, unless nothing has changed
/// since that was last done; `cache` is where that is noted.
pub fn wrap_left_behind(artifacts: &[PathBuf], cache: &Path) -> Result<()> {
    let paths: Vec<&[u8]> = artifacts
        .iter()
        .map(|path| path.as_os_str().as_encoded_bytes())
        .collect();
    let name = format!("scripts-{}.json", digest(&paths.join(&0)));
    let is_current = || {
        let text = fs::read(cache.join(&name)).ok()?;
        let looked: Looked = serde_json::from_slice(&text).ok()?;
        Some(looked.version == VERSION && looked.is_as_it_was())
    };
    if is_current() == Some(true) {
        return Ok(());
    }
    scripts::wrap_left_behind(artifacts)?;
    if let Some(looked) = Looked::now(artifacts) {
        cache::write_record(cache, &name, &serde_json::to_vec(&looked)?)?;
    }
    Ok(())
}

impl Looked {
    /// `None` where something changed this moment, so that a further change could have the same
    /// time, or where a path is no text.
    fn now(artifacts: &[PathBuf]) -> Option<Self> {
        // Longer than the clock of any file system takes for a tick.
        const MOMENT: Duration = Duration::from_secs(1);
        let mut looked = Self {
            version: VERSION,
            times: BTreeMap::new(),
        };
        for path in artifacts {
            looked.target(path).ok()?;
        }
        let before = SystemTime::now().checked_sub(MOMENT)?;
        looked
            .times
            .values()
            .all(|time| *time < before)
            .then_some(looked)
    }

    /// The same folders as in [`scripts::wrap_left_behind`].
    fn target(&mut self, target: &Path) -> io::Result<()> {
        self.note(target)?;
        for outer in folders(target)?.filter(|path| !is_pages(path)) {
            self.profile(&outer)?;
            for inner in folders(&outer)?.filter(|path| !is_pages(path)) {
                self.profile(&inner)?;
            }
        }
        Ok(())
    }

    fn profile(&mut self, profile: &Path) -> io::Result<()> {
        self.note(profile)?;
        for results in ["deps", "examples"].map(|name| profile.join(name)) {
            if results.is_dir() {
                self.note(&results)?;
            }
        }
        let build = profile.join("build");
        if !build.is_dir() {
            return Ok(());
        }
        self.note(&build)?;
        for package in folders(&build)? {
            self.scripts(&package)?;
            for unit in folders(&package)?.filter(|path| !path.ends_with("out")) {
                self.note(&unit)?;
                let out = unit.join("out");
                if out.is_dir() {
                    self.scripts(&out)?;
                }
            }
        }
        Ok(())
    }

    /// A folder with scripts in it, and these.
    fn scripts(&mut self, folder: &Path) -> io::Result<()> {
        self.note(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if scripts::crate_of(&entry.file_name()).is_some() {
                self.note(&entry.path())?;
            }
        }
        Ok(())
    }

    fn note(&mut self, path: &Path) -> io::Result<()> {
        let text = path.to_str().ok_or(io::ErrorKind::InvalidData)?;
        self.times.insert(text.to_owned(), changed(path)?);
        Ok(())
    }

    fn is_as_it_was(&self) -> bool {
        self.times
            .iter()
            .all(|(path, time)| changed(Path::new(path)).is_ok_and(|now| now == *time))
    }
}

/// No links.
fn folders(folder: &Path) -> io::Result<impl Iterator<Item = PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries
        .into_iter()
        .filter(is_folder)
        .map(|entry| entry.path()))
}

fn changed(path: &Path) -> io::Result<SystemTime> {
    files::changed(&fs::symlink_metadata(path)?)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// A target folder in which all is old, as far as the kernel's own time can be.
    fn target() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        for folder in [
            "debug/deps",
            "debug/build/a-1/out/deep",
            "debug/build/new/0123/out",
            "wasm32-wasip1/release/build/b-2",
            "doc/build",
        ] {
            fs::create_dir_all(target.join(folder)).unwrap();
        }
        for script in [
            "debug/build/a-1/build_script_build-1",
            "debug/build/new/0123/out/build_script_build",
            "wasm32-wasip1/release/build/b-2/build_script_main-2",
        ] {
            fs::write(target.join(script), "").unwrap();
        }
        (root, target)
    }

    fn looked(target: &Path) -> Looked {
        let mut looked = Looked {
            version: VERSION,
            times: BTreeMap::new(),
        };
        looked.target(target).unwrap();
        looked
    }

    /// The clock of a file system does not tick between any two calls.
    fn until_noticed(looked: &Looked, change: impl Fn(u32)) -> bool {
        let start = std::time::Instant::now();
        let mut number = 0;
        while start.elapsed() < Duration::from_secs(5) {
            change(number);
            number += 1;
            if !looked.is_as_it_was() {
                return true;
            }
        }
        false
    }

    #[test]
    fn a_script_that_appears_or_changes_is_noticed() {
        for place in [
            "release",
            "debug/build/c-3",
            "debug/build/a-1/build_script_build-2",
            "debug/build/a-1/build_script_build-1",
            "debug/build/new/4567",
            "debug/build/new/0123/out/build_script_other",
            "debug/deps/libmacros-1.so",
            "wasm32-wasip1/debug",
            "wasm32-wasip1/release/build/b-2/build_script_main-2",
        ] {
            let (_root, target) = target();
            let looked = looked(&target);
            assert!(looked.is_as_it_was());
            let path = target.join(place);
            let change = |number: u32| {
                if path.is_file() {
                    fs::write(&path, number.to_string()).unwrap();
                } else {
                    let _ = fs::remove_dir(&path);
                    fs::create_dir(&path).unwrap();
                }
            };
            assert!(until_noticed(&looked, change), "{place}");
        }
    }

    #[test]
    fn what_scripts_and_pages_hold_does_not_count() {
        let (_root, target) = target();
        let looked = looked(&target);
        for place in ["debug/build/a-1/out/deep/x", "doc/build/x"] {
            fs::write(target.join(place), "").unwrap();
        }
        assert!(looked.is_as_it_was());
    }

    #[test]
    fn what_has_just_changed_is_looked_at_again() {
        let (_root, target) = target();
        assert_eq!(Looked::now(&[target]), None);
    }
}
