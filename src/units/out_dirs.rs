//! `OUT_DIR`s that proc macros write to.
//!
//! Some macros (sailfish's, for one) keep what they generate in the `OUT_DIR` that a build script of
//! theirs had, whose path is compiled into them. It is another unit's, so a unit that loads such a
//! macro may add files there and change those that macros made, but not what the script made: it is
//! compared before and after, when nothing of the unit runs any more, and a difference is an error.
//!
//! Which folders these are is noted beside the macro's library by the box in which it was compiled:
//! they are few, and most macros have none.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::Failure;
use crate::sandbox::files::{self, State};

/// Holds a file per library of a proc macro, with the paths of its folders as lines, and the names of
/// files that macros made.
const NOTES: &str = ".sandboxed-cargo-macros";
const MADE: &str = "made";

/// More than any macro needs; a unit of a crate that has more files than that in `OUT_DIR` gets none.
const MOST_FILES: usize = 20_000;

/// Notes the folders that `library`, just compiled, has in it.
pub(super) fn note(library: &Path) -> Result<()> {
    let failed = || format!("failed to look for `OUT_DIR` in `{}`", library.display());
    let (Some(deps), Some(name)) = (library.parent(), library.file_name()) else {
        return Ok(());
    };
    let mut bytes = Vec::new();
    files::open_regular(library)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(failed)?;
    let folders = deps
        .parent()
        .map(|profile| named(&bytes, &profile.join("build")))
        .unwrap_or_default();
    let notes = deps.join(NOTES);
    let note = notes.join(name);
    fs::create_dir_all(&notes).with_context(failed)?;
    let lines: Vec<_> = folders.iter().map(|path| format!("{path}\n")).collect();
    fs::write(note, lines.concat()).with_context(failed)
}

/// The same for those of `names` in `deps` that a plain cargo compiled.
pub(super) fn note_left_behind(deps: &Path, names: &[OsString]) -> Result<()> {
    let is_library = |name: &&OsString| {
        let name = name.as_encoded_bytes();
        name.ends_with(std::env::consts::DLL_SUFFIX.as_bytes())
    };
    let modified = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified());
    for name in names.iter().filter(is_library) {
        let library = deps.join(name);
        let noted = modified(&deps.join(NOTES).join(name));
        let compiled = modified(&library);
        if let (Ok(noted), Ok(compiled)) = (noted, compiled)
            && noted >= compiled
        {
            continue;
        }
        note(&library)?;
    }
    Ok(())
}

/// The paths `BUILD/PKG-HASH/out` in `bytes`.
fn named(bytes: &[u8], build: &Path) -> BTreeSet<String> {
    let mut prefix = build.as_os_str().as_encoded_bytes().to_vec();
    prefix.push(b'/');
    let mut found = BTreeSet::new();
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, &prefix) {
        let path = &rest[at..];
        rest = &rest[at + prefix.len()..];
        let package = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || [b'-', b'_'].contains(byte));
        let end = prefix.len() + package.count();
        if path[end..].starts_with(b"/out")
            && let Ok(path) = std::str::from_utf8(&path[..end + "/out".len()])
        {
            found.insert(path.to_owned());
        }
    }
    found
}

/// The folders that the macros in these `deps` folders write to, as they were before a unit.
#[derive(Debug, Default)]
pub(super) struct Watched {
    folders: Vec<(PathBuf, PathBuf)>,
    before: BTreeMap<PathBuf, State>,
}

impl Watched {
    pub(super) fn find(deps: &[PathBuf]) -> Result<Self> {
        let mut watched = Self::default();
        for deps in deps {
            let notes = deps.join(NOTES);
            let Ok(entries) = fs::read_dir(&notes) else {
                continue;
            };
            for entry in entries.flatten().filter(|entry| entry.file_name() != MADE) {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let folders = text.lines().map(PathBuf::from).filter(|path| path.is_dir());
                watched
                    .folders
                    .extend(folders.map(|folder| (folder, notes.clone())));
            }
        }
        watched.folders.sort();
        watched.folders.dedup();
        let made = watched.made();
        watched.before = watched.states()?;
        watched.before.retain(|path, _| !made.contains(path));
        Ok(watched)
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(|(folder, _)| folder.as_path())
    }

    /// Fails if something that no macro made is different from before; notes what is new.
    pub(super) fn check(&self) -> Result<()> {
        if self.folders.is_empty() {
            return Ok(());
        }
        let after = self.states()?;
        if let Some((path, _)) = self
            .before
            .iter()
            .find(|(path, state)| after.get(*path) != Some(state))
        {
            return Err(Failure::new(format!(
                "a proc macro changed `{}`, which a build script made",
                path.display()
            ))
            .help(
                "find the macro that does it; until then, run `cargo clean` before the next build",
            )
            .into());
        }
        let made = self.made();
        for (folder, notes) in &self.folders {
            let new: Vec<_> = after
                .keys()
                .filter(|path| path.starts_with(folder))
                .filter(|path| !self.before.contains_key(*path) && !made.contains(*path))
                .filter_map(|path| Some(format!("{}\n", path.to_str()?)))
                .collect();
            if !new.is_empty() {
                OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(notes.join(MADE))
                    .and_then(|mut file| file.write_all(new.concat().as_bytes()))
                    .context("failed to note what proc macros made")?;
            }
        }
        Ok(())
    }

    fn made(&self) -> BTreeSet<PathBuf> {
        let notes: BTreeSet<_> = self.folders.iter().map(|(_, notes)| notes).collect();
        let texts = notes
            .into_iter()
            .filter_map(|notes| fs::read_to_string(notes.join(MADE)).ok());
        texts
            .flat_map(|text| text.lines().map(PathBuf::from).collect::<Vec<_>>())
            .collect()
    }

    /// All that is in the folders, but the folders themselves.
    fn states(&self) -> Result<BTreeMap<PathBuf, State>> {
        let mut states = BTreeMap::new();
        let mut pending: Vec<PathBuf> = self.folders().map(Path::to_owned).collect();
        while let Some(folder) = pending.pop() {
            let failed = || format!("failed to look at `{}`", folder.display());
            for entry in fs::read_dir(&folder).with_context(failed)? {
                let entry = entry.with_context(failed)?;
                let metadata = entry.metadata().with_context(failed)?;
                if metadata.is_dir() {
                    pending.push(entry.path());
                } else {
                    states.insert(entry.path(), files::state(&metadata));
                }
            }
            if states.len() > MOST_FILES {
                return Err(Failure::new(format!(
                    "`{}` has too many files to compare them",
                    folder.display()
                ))
                .into());
            }
        }
        Ok(states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile's folder with a library that has the `OUT_DIR` of one script in it.
    fn profile() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let profile = tempfile::tempdir().unwrap();
        let out = profile.path().join("build/a-12/out");
        let deps = profile.path().join("deps");
        fs::create_dir_all(&out).unwrap();
        fs::create_dir_all(profile.path().join("build/b/out")).unwrap();
        fs::create_dir(&deps).unwrap();
        fs::write(out.join("made-by-script"), "1").unwrap();
        let text = format!(
            "\0{0}\0{0}/x {1}/build/../out",
            out.display(),
            profile.path().display()
        );
        fs::write(deps.join("libm.so"), text).unwrap();
        note(&deps.join("libm.so")).unwrap();
        (profile, deps, out)
    }

    #[test]
    fn folders_are_those_in_the_library() {
        let (_profile, deps, out) = profile();
        let watched = Watched::find(&[deps]).unwrap();
        assert_eq!(watched.folders().collect::<Vec<_>>(), [&out]);
    }

    #[test]
    fn macros_may_add_and_change_their_own() {
        let (_profile, deps, out) = profile();
        for text in ["1", "22"] {
            let watched = Watched::find(std::slice::from_ref(&deps)).unwrap();
            fs::write(out.join("made-by-macro"), text).unwrap();
            watched.check().unwrap();
        }
    }

    #[test]
    fn what_a_script_made_stays() {
        type Change = fn(&Path);
        let changes: [Change; 3] = [
            |path| fs::write(path, "2").unwrap(),
            |path| fs::remove_file(path).unwrap(),
            |path| {
                fs::remove_file(path).unwrap();
                fs::write(path, "1").unwrap();
            },
        ];
        for change in changes {
            let (_profile, deps, out) = profile();
            let watched = Watched::find(&[deps]).unwrap();
            change(&out.join("made-by-script"));
            let error = watched.check().unwrap_err().to_string();
            assert!(error.contains("made-by-script"), "{error}");
        }
    }

    #[test]
    fn what_a_plain_cargo_compiled_is_noted_later() {
        let (_profile, deps, _) = profile();
        fs::remove_dir_all(deps.join(NOTES)).unwrap();
        note_left_behind(&deps, &["libm.so".into(), "libm.rlib".into()]).unwrap();
        assert_eq!(Watched::find(&[deps]).unwrap().folders().count(), 1);
    }
}
