//! `OUT_DIR`s that proc macros write to.
//!
//! Some macros (sailfish's, for one) keep what they generate in the `OUT_DIR` of a build script that
//! was written for nothing else, and whose path is compiled into them. It is another unit's, so a
//! unit may write there only if nobody could be harmed: the script has ended, left no file, and told
//! cargo nothing that makes others look for files there. A folder that holds what a script made is
//! never given to another unit, whatever is compiled into a macro.
//!
//! Which folders these could be is noted beside the macro's library by the box in which it was
//! compiled: they are few, and most macros have none.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use crate::sandbox::files;

/// Holds a file per library of a proc macro, with the paths of its folders as lines.
const NOTES: &str = ".sandboxed-cargo-macros";

/// The folder of pages in a target folder.
pub(super) const PAGES: &str = "doc";

/// Notes the folders that `library`, just compiled, has in it. There is none where `cargo check` asked
/// for metadata only.
pub(super) fn note(library: &Path) -> Result<()> {
    // Longer than any library, unless it is mostly holes.
    const LIMIT: u64 = 1 << 30;
    let failed = || format!("failed to look for `OUT_DIR` in `{}`", library.display());
    let (Some(deps), Some(name)) = (library.parent(), library.file_name()) else {
        return Ok(());
    };
    let mut bytes = Vec::new();
    let read = files::open_regular(library).and_then(|mut file| {
        if file.metadata()?.len() > LIMIT {
            return Ok(0);
        }
        file.read_to_end(&mut bytes)
    });
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.with_context(failed)?,
    };
    let folders = deps
        .parent()
        .map(|profile| named(&bytes, &profile.join("build")))
        .unwrap_or_default();
    let notes = deps.join(NOTES);
    let note = notes.join(name);
    fs::create_dir_all(&notes).with_context(failed)?;
    let lines: Vec<_> = folders.iter().map(|path| format!("{path}\n")).collect();
    // Whatever is there is replaced, never followed.
    let mut file = NamedTempFile::new_in(&notes).with_context(failed)?;
    file.write_all(lines.concat().as_bytes())
        .with_context(failed)?;
    file.persist(note).with_context(failed)?;
    Ok(())
}

/// The same for those of `names` in `deps` that a plain cargo compiled.
pub(super) fn note_left_behind(deps: &Path, names: &[OsString]) -> Result<()> {
    let is_library = |name: &&OsString| {
        let name = name.as_encoded_bytes();
        name.ends_with(std::env::consts::DLL_SUFFIX.as_bytes())
    };
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

/// The folders that a unit may write to which finds macros in `dependencies`, as far as these are
/// cargo's own below one of the target folders `roots`.
///
/// A crate may name any folder (`cargo::rustc-link-search=dependency=…`), with notes of its own in
/// it, and change what a path leads to while we look. So no part of a path counts that a unit could
/// have made.
pub(super) fn open_to_macros(
    roots: &[PathBuf],
    dependencies: &[PathBuf],
) -> Result<BTreeSet<PathBuf>> {
    let roots: Vec<PathBuf> = roots
        .iter()
        .filter_map(|root| root.canonicalize().ok())
        .collect();
    let mut folders = BTreeSet::new();
    for deps in dependencies {
        let Ok(deps) = deps.canonicalize() else {
            continue;
        };
        if !roots.iter().any(|root| holds_libraries(root, &deps)) {
            continue;
        }
        let (Some(profile), Ok(notes)) = (deps.parent(), fs::read_dir(deps.join(NOTES))) else {
            continue;
        };
        let build = profile.join("build");
        for note in notes.flatten() {
            let text = fs::read_to_string(note.path()).unwrap_or_default();
            for folder in text
                .lines()
                .filter_map(|line| out_dir(&build, Path::new(line)))
            {
                if !folders.contains(&folder) && is_spare(&folder, Phase::After)? {
                    folders.insert(folder);
                }
            }
        }
    }
    Ok(folders)
}

/// Is `deps` the folder of a profile in the target folder `root`, perhaps for another platform? The
/// pages of `cargo doc` lie where a profile's folder could, and rustdoc may write there; cargo allows
/// no profile of that name.
fn holds_libraries(root: &Path, deps: &Path) -> bool {
    let Ok(inside) = deps.strip_prefix(root) else {
        return false;
    };
    let names: Vec<&OsStr> = inside.iter().collect();
    matches!(names[..], [.., last] if last == "deps")
        && (2..=3).contains(&names.len())
        && !names.iter().any(|name| *name == PAGES)
}

/// The folder `build/PKG-HASH/out` that a note means.
fn out_dir(build: &Path, noted: &Path) -> Option<PathBuf> {
    let package = noted.parent()?;
    if !noted.ends_with("out") || package.parent()?.canonicalize().ok()? != build {
        return None;
    }
    Some(build.join(package.file_name()?).join("out"))
}

/// Empties the `OUT_DIR` of a script that is about to run, if macros had it to themselves: what the
/// script makes this time must not lie beside theirs, nor in a folder that a unit may still write to.
pub(super) fn renew(out: &Path) -> Result<()> {
    let failed = || format!("failed to empty `{}`", out.display());
    if !is_spare(out, Phase::Before)? || entries(out)?.next().is_none() {
        return Ok(());
    }
    let Some(package) = out.parent() else {
        return Ok(());
    };
    // A unit's leave is for the folder itself, and does not pass to another one of that name.
    let aside = tempfile::Builder::new()
        .prefix(".sandboxed-cargo-out-")
        .tempdir_in(package)
        .with_context(failed)?;
    fs::rename(out, aside.path().join("out"))
        .and_then(|()| fs::create_dir(out))
        .and_then(|()| aside.close())
        .with_context(failed)
}

/// When a folder is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its script is about to run again, as cargo has noted already.
    Before,
    /// Its script should have ended.
    After,
}

/// Did the script leave this `OUT_DIR` without a file, and does nobody look for one there?
///
/// All that is there must be younger than the end of the script. cargo writes `output` and `stderr`
/// once the script has ended, and `invoked.timestamp` before it starts; no unit can write these.
fn is_spare(out: &Path, phase: Phase) -> Result<bool> {
    let Some(package) = out.parent() else {
        return Ok(false);
    };
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let (output, errors) = (package.join("output"), package.join("stderr"));
    let (Ok(ended), Ok(noted)) = (modified(&errors), changed(&output)) else {
        return Ok(false);
    };
    let ran = |started| started <= ended || phase == Phase::Before;
    if !is_folder(package)
        || !is_folder(out)
        || !modified(&package.join("invoked.timestamp")).is_ok_and(ran)
    {
        return Ok(false);
    }
    let mut told = Vec::new();
    files::open_regular(&output)
        .and_then(|mut file| file.read_to_end(&mut told))
        .with_context(|| format!("failed to read `{}`", output.display()))?;
    if leads_to(&told, out) {
        return Ok(false);
    }
    let mut pending = vec![out.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in entries(&folder)? {
            // Another unit may be at work there.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                pending.push(entry.path());
                continue;
            }
            // Both: an archive keeps the one and not the other, and only the one can be set.
            let by_script = metadata.modified().is_ok_and(|time| time <= ended)
                || files::changed(&metadata).is_ok_and(|time| time <= noted);
            if by_script {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Has the script told cargo about the folder in any other way than to the crate itself? As a place
/// for libraries, say, or to the scripts of crates that depend on it.
fn leads_to(output: &[u8], out: &Path) -> bool {
    let out = out.as_os_str().as_encoded_bytes();
    let harmless = [
        "rustc-env=",
        "rerun-if-changed=",
        "rerun-if-env-changed=",
        "warning=",
    ];
    output
        .split(|byte| *byte == b'\n')
        .filter(|line| memchr::memmem::find(line, out).is_some())
        .filter_map(|line| line.strip_prefix(b"cargo:"))
        .map(|line| line.strip_prefix(b":").unwrap_or(line))
        .any(|line| {
            !harmless
                .iter()
                .any(|name| line.starts_with(name.as_bytes()))
        })
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::symlink_metadata(path)?.modified()
}

fn changed(path: &Path) -> io::Result<SystemTime> {
    files::changed(&fs::symlink_metadata(path)?)
}

fn entries(folder: &Path) -> Result<impl Iterator<Item = DirEntry>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()))?;
    Ok(entries.flatten())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    /// A profile's folder with a library that has the `OUT_DIR` of one script in it.
    fn profile() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let profile = tempfile::tempdir().unwrap();
        let out = profile.path().join("build/a-12/out");
        let deps = profile.path().join("deps");
        fs::create_dir_all(&out).unwrap();
        fs::create_dir_all(profile.path().join("build/b/out")).unwrap();
        fs::create_dir(&deps).unwrap();
        for name in ["invoked.timestamp", "output", "stderr"] {
            fs::write(out.with_file_name(name), "").unwrap();
        }
        let text = format!(
            "\0{0}\0{0}/x {1}/build/../out",
            out.display(),
            profile.path().display()
        );
        fs::write(deps.join("libm.so"), text).unwrap();
        note(&deps.join("libm.so")).unwrap();
        (profile, deps, out)
    }

    fn open(deps: &Path) -> Vec<PathBuf> {
        let root = deps.ancestors().nth(2).unwrap().to_owned();
        let found = open_to_macros(&[root], &[deps.to_owned()]).unwrap();
        found.into_iter().collect()
    }

    fn set_time(path: &Path, seconds: i64) {
        let offset = Duration::from_secs(seconds.unsigned_abs());
        let now = SystemTime::now();
        let time = if seconds < 0 {
            now - offset
        } else {
            now + offset
        };
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    /// A file of later than the end of the script, by a clock that does not always tick between two
    /// calls.
    fn later(out: &Path, name: &str) {
        let path = out.join(name);
        loop {
            fs::write(&path, "").unwrap();
            set_time(&path, 500);
            if changed(&path).unwrap() > changed(&out.with_file_name("output")).unwrap() {
                break;
            }
        }
    }

    #[test]
    fn folders_are_those_in_the_library() {
        let (_profile, deps, out) = profile();
        assert_eq!(open(&deps), [out]);
    }

    /// What a crate may name, and what a unit may make.
    #[test]
    fn only_cargos_own_folders_count() {
        let root = Path::new("/t");
        for (deps, counts) in [
            ("/t/debug/deps", true),
            ("/t/aarch64-apple-darwin/release/deps", true),
            ("/t/doc/deps", false),
            ("/t/aarch64-apple-darwin/doc/deps", false),
            ("/t/debug/build/evil-1/out/deps", false),
            ("/t/debug/incremental/evil-1/deps", false),
            ("/t/deps", false),
            ("/t/debug/deps/deps/deps", false),
            ("/t/debug", false),
            ("/home/debug/deps", false),
        ] {
            assert_eq!(holds_libraries(root, Path::new(deps)), counts, "{deps}");
        }
        let (_profile, deps, out) = profile();
        let elsewhere = tempfile::tempdir().unwrap();
        let found =
            open_to_macros(&[elsewhere.path().to_owned()], std::slice::from_ref(&deps)).unwrap();
        assert!(found.is_empty());
        // A note that means something else than a script's folder of this profile.
        let other = elsewhere.path().join("build/a-12/out");
        fs::create_dir_all(&other).unwrap();
        for name in ["invoked.timestamp", "output", "stderr"] {
            fs::write(other.with_file_name(name), "").unwrap();
        }
        let note = format!("{}\n{}/cache\n", other.display(), out.display());
        fs::write(deps.join(NOTES).join("libm.so"), note).unwrap();
        assert!(open(&deps).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_note_replaces_a_link() {
        let (_profile, deps, out) = profile();
        let (note_path, victim) = (deps.join(NOTES).join("libm.so"), out.join("victim"));
        fs::write(&victim, "kept").unwrap();
        fs::remove_file(&note_path).unwrap();
        std::os::unix::fs::symlink(&victim, &note_path).unwrap();
        note(&deps.join("libm.so")).unwrap();
        assert_eq!(fs::read_to_string(victim).unwrap(), "kept");
        assert!(fs::symlink_metadata(note_path).unwrap().is_file());
    }

    #[test]
    fn macros_may_go_on_using_them() {
        let (_profile, deps, out) = profile();
        fs::create_dir(out.join("cache")).unwrap();
        later(&out, "cache/made-by-macro");
        assert_eq!(open(&deps), [out]);
    }

    #[test]
    fn what_a_script_made_is_nobody_elses() {
        let (_profile, deps, out) = profile();
        fs::create_dir(out.join("cache")).unwrap();
        later(&out, "made-by-macro");
        let made = out.join("cache/made-by-script");
        fs::write(&made, "").unwrap();
        // Its time says otherwise, but its inode does not.
        for seconds in [-1000, 1000] {
            set_time(&made, seconds);
            let output = out.with_file_name("output");
            if seconds > 0 {
                fs::write(&output, "").unwrap();
            }
            assert!(open(&deps).is_empty(), "{seconds}");
        }
    }

    #[test]
    fn a_script_that_runs_may_still_make_something() {
        let (_profile, deps, out) = profile();
        set_time(&out.with_file_name("invoked.timestamp"), 1000);
        assert!(open(&deps).is_empty());
        for name in ["invoked.timestamp", "stderr", "output"] {
            let (_profile, deps, out) = profile();
            fs::remove_file(out.with_file_name(name)).unwrap();
            assert!(open(&deps).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_folder_where_others_look_is_not_for_macros() {
        for (directive, is_open) in [
            ("cargo:rustc-link-search=native=OUT", false),
            ("cargo::rustc-link-arg=-LOUT/lib", false),
            ("cargo:include=OUT", false),
            ("cargo::metadata=include=OUT", false),
            ("cargo:rustc-flags=-L OUT", false),
            ("cargo:rustc-env=CACHE=OUT/cache", true),
            ("cargo::rerun-if-changed=OUT", true),
            ("made OUT", true),
        ] {
            let (_profile, deps, out) = profile();
            let line = directive.replace("OUT", out.to_str().unwrap());
            fs::write(out.with_file_name("output"), format!("other\n{line}\n")).unwrap();
            assert_eq!(!open(&deps).is_empty(), is_open, "{directive}");
        }
    }

    #[test]
    fn a_script_finds_nothing_of_the_macros() {
        let (_profile, deps, out) = profile();
        later(&out, "made-by-macro");
        set_time(&out.with_file_name("invoked.timestamp"), 1000);
        renew(&out).unwrap();
        assert_eq!(entries(&out).unwrap().count(), 0);
        assert_eq!(entries(out.parent().unwrap()).unwrap().count(), 4);
        drop(deps);
    }

    #[test]
    fn a_script_finds_what_it_made_before() {
        let (_profile, _deps, out) = profile();
        let made = out.join("made-by-script");
        fs::write(&made, "").unwrap();
        set_time(&made, -1000);
        renew(&out).unwrap();
        assert!(made.exists());
    }

    #[test]
    fn what_a_plain_cargo_compiled_is_noted_later() {
        let (_profile, deps, out) = profile();
        fs::remove_dir_all(deps.join(NOTES)).unwrap();
        note_left_behind(&deps, &["libm.so".into(), "libm.rlib".into()]).unwrap();
        assert_eq!(open(&deps), [out]);
    }
}
