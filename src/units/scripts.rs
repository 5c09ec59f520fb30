//! Compiled build scripts, and the launchers in their places.
//!
//! In `build/PKG-HASH`, cargo keeps a build script as `build_script_<stem>-<hash>`, and starts it
//! as `build-script-<stem>`, a hard link that it renews in every build unless both are the same
//! file. With `-Zbuild-dir-new-layout` there is only `build/PKG/HASH/out/build_script_<stem>`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempPath;

use super::out_dirs;
use super::outputs::Outputs;
use crate::error::Failure;
use crate::sandbox::files;
use crate::sandbox::folder::Folder;
use crate::sandbox::launcher::{self, Launcher};

/// The hidden name under which the real program lies: `.NAME.real`.
pub fn real_name(file_name: &OsStr) -> OsString {
    let mut name = OsString::from(".");
    name.push(file_name);
    name.push(".real");
    name
}

/// The real program that a launcher stands for, under whichever of its names; fails for any other
/// file.
pub fn real(script: &Path) -> Result<PathBuf> {
    // Longer than any launcher.
    const LIMIT: u64 = 4096;
    let unknown = || format!("`{}` is not a launcher", script.display());
    let mut image = Vec::new();
    files::open_regular(script)
        .and_then(|file| file.take(LIMIT).read_to_end(&mut image))
        .with_context(unknown)?;
    let name = launcher::real(&image).ok_or_else(|| Failure::new(unknown()))?;
    Ok(script.with_file_name(name))
}

/// Puts a launcher in place of one compiled build script, with its modification time, by which
/// cargo tells what is fresh.
///
/// The script is there at any time, as itself or as a launcher with the real one beside it.
pub fn wrap(script: &Path) -> Result<()> {
    let failed = || format!("cannot put a launcher in place of `{}`", script.display());
    let name = script
        .file_name()
        .ok_or_else(|| Failure::new("it has no name"))
        .with_context(failed)?;
    let folder = match script.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = Folder::open(folder).with_context(failed)?;
    match put(&folder, name).with_context(failed)? {
        Found::Orphan => Err(Failure::new("the real one is missing")).with_context(failed),
        Found::Launcher | Found::Script => Ok(()),
    }
}

/// Puts a launcher in place of every build script that was left below these target and build
/// directories, so that none runs unprotected; returns how many.
///
/// A link in place of one is removed: cargo would run what it leads to, and now compiles it again.
/// So is a launcher whose script is missing.
pub fn wrap_left_behind(artifacts: &[PathBuf]) -> Result<usize> {
    let mut count = 0;
    for path in artifacts {
        let failed = || format!("cannot look for build scripts in `{}`", path.display());
        let folder = match Folder::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            folder => folder.with_context(failed)?,
        };
        // A profile, or a target with profiles.
        count += each_folder(&folder, |outer| {
            if is_pages(outer.path()) {
                return Ok(0);
            }
            Ok(in_profile(outer)? + each_folder(outer, in_profile)?)
        })?;
    }
    Ok(count)
}

/// Where rustdoc writes: what looks like a script there was made by a unit. cargo allows no profile
/// of that name.
pub(super) fn is_pages(folder: &Path) -> bool {
    folder.ends_with(out_dirs::PAGES)
}

fn in_profile(profile: &Folder) -> Result<usize> {
    if is_pages(profile.path()) {
        return Ok(0);
    }
    for name in ["deps", "examples"] {
        if let Some(results) = enter(profile, OsStr::new(name))? {
            let (folders, files) = entries(&results)?;
            Outputs::sweep(&results, &folders);
            // By its path, which is in the libraries.
            out_dirs::note_left_behind(results.path(), &files)?;
        }
    }
    match enter(profile, OsStr::new("build"))? {
        Some(build) => each_folder(&build, in_package),
        None => Ok(0),
    }
}

/// In `PKG-HASH`, or in the `PKG` of the newer layout.
fn in_package(package: &Folder) -> Result<usize> {
    let (units, files) = entries(package)?;
    let mut count = in_folder(package, &files)?;
    Outputs::sweep(package, &units);
    // Without the newer layout, `out` is what a build script wrote.
    for unit in units.iter().filter(|name| *name != "out") {
        let Some(unit) = enter(package, unit)? else {
            continue;
        };
        if let Some(out) = enter(&unit, OsStr::new("out"))? {
            count += in_folder(&out, &entries(&out)?.1)?;
        }
    }
    Ok(count)
}

/// Wraps the scripts among the entries of one folder.
fn in_folder(folder: &Folder, names: &[OsString]) -> Result<usize> {
    let mut count = 0;
    for name in names {
        let Some(krate) = crate_of(name) else {
            continue;
        };
        let path = folder.path().join(name);
        let changed = script(folder, name)
            .and_then(|changed| {
                let mut links = names.iter().filter(|name| is_link_of(name, krate));
                links.try_fold(changed, |changed, link| {
                    Ok(renew(folder, name, link)? || changed)
                })
            })
            .with_context(|| format!("cannot put a launcher in place of `{}`", path.display()))?;
        count += usize::from(changed);
    }
    Ok(count)
}

/// The name of the crate, if this is the name of a compiled build script. A dot is in what a
/// compiler leaves beside it only: none is in a crate's name.
pub(super) fn crate_of(name: &OsStr) -> Option<&str> {
    // The second is for `metabuild`, where cargo writes the script; it has never become stable.
    const PREFIXES: [&str; 2] = ["build_script_", "metabuild_"];
    let name = name.to_str()?;
    let ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !name.contains('.');
    ours.then(|| name.split_once('-').map_or(name, |(name, _)| name))
}

/// Is this the name by which cargo starts the build script that is compiled as `krate`?
fn is_link_of(name: &OsStr, krate: &str) -> bool {
    name.to_str()
        .is_some_and(|name| name.contains('-') && name.replace('-', "_") == krate)
}

/// Wraps a script that may be anything; returns whether something was changed.
fn script(folder: &Folder, name: &OsStr) -> Result<bool> {
    let path = folder.at(name);
    match put(folder, name) {
        Ok(Found::Script) => Ok(true),
        Ok(Found::Launcher) => Ok(false),
        Ok(Found::Orphan) => {
            fs::remove_file(path)?;
            Ok(false)
        }
        Err(error) => match look(&path)? {
            // Another cargo may be at work here.
            None => Ok(false),
            Some(found) if found.is_symlink() => {
                fs::remove_file(path)?;
                Ok(false)
            }
            // Nothing else can be executed.
            Some(found) if !found.is_file() => Ok(false),
            Some(_) => Err(error),
        },
    }
}

/// Makes `link` another name of the launcher `name`; returns whether it was not.
fn renew(folder: &Folder, name: &OsStr, link: &OsStr) -> Result<bool> {
    let (from, to) = (folder.at(name), folder.at(link));
    let (Some(launcher), Some(found)) = (look(&from)?, look(&to)?) else {
        return Ok(false);
    };
    // cargo fails for a folder, and never gets as far as starting it.
    if !launcher.is_file() || found.is_dir() || files::same(&launcher, &found) {
        return Ok(false);
    }
    match second_name(folder, &from) {
        Ok(new) => fs::rename(&new, to)?,
        // A file system without hard links, where cargo makes copies.
        Err(_) => drop(copy(folder, &fs::read(from)?, &launcher)?.persist(to)?),
    }
    Ok(true)
}

/// What was found in place of a build script.
enum Found {
    /// The script, which a launcher has replaced now.
    Script,
    Launcher,
    /// A launcher that has nothing to start.
    Orphan,
}

fn put(folder: &Folder, name: &OsStr) -> Result<Found> {
    // Each repetition takes another process that replaces the script between two of our calls.
    const ATTEMPTS: usize = 10;

    let real = real_name(name);
    let image = launcher::image(Launcher::Script { real: &real })?;
    let (script, real) = (folder.at(name), folder.at(real));
    for _ in 0..ATTEMPTS {
        let found = fs::symlink_metadata(&script)?;
        if !found.is_file() {
            return Err(Failure::new("it is not a regular file").into());
        }
        if holds(&script, &found, &image) {
            let there =
                look(&real)?.is_some_and(|found| found.is_file() && !holds(&real, &found, &image));
            return Ok(if there {
                Found::Launcher
            } else {
                Found::Orphan
            });
        }
        let new = copy(folder, &image, &found)?;
        match second_name(folder, &script) {
            Ok(second) => {
                // What has just been linked may be a launcher by now.
                if !unchanged(&found, &second) {
                    continue;
                }
                // Where both are one file already, this leaves `second` (rename(2)), which goes
                // when it is dropped.
                fs::rename(&second, &real)?;
            }
            // A file system without hard links.
            Err(_) => fs::rename(&script, &real)?,
        }
        if unchanged(&found, &script) || look(&script)?.is_none() {
            new.persist(&script)?;
            return Ok(Found::Script);
        }
    }
    Err(Failure::new("it changes all the time").into())
}

/// A new launcher under a name of its own, with the time and mode of a script.
fn copy(folder: &Folder, image: &[u8], like: &Metadata) -> Result<tempfile::NamedTempFile> {
    let mut file = temporary().tempfile_in(folder.place())?;
    file.write_all(image)?;
    file.as_file()
        .set_permissions(files::program_permissions(like))?;
    // The last: writing changes it.
    file.as_file().set_modified(like.modified()?)?;
    Ok(file)
}

/// A further hard link to a file.
fn second_name(folder: &Folder, file: &Path) -> io::Result<TempPath> {
    let made = temporary().make_in(folder.place(), |path| fs::hard_link(file, path))?;
    Ok(made.into_temp_path())
}

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sandboxed-cargo-");
    builder
}

/// Does this file consist of just these bytes? One that cannot be read can still be executed.
fn holds(path: &Path, metadata: &Metadata, image: &[u8]) -> bool {
    let size = image.len() as u64;
    let mut found = Vec::new();
    metadata.len() == size
        && files::open_regular(path)
            .and_then(|file| file.take(size + 1).read_to_end(&mut found))
            .is_ok_and(|_| found == image)
}

/// Is the file of this name still the one that was seen?
fn unchanged(seen: &Metadata, path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|now| {
        files::same(seen, &now)
            && seen.len() == now.len()
            && seen.modified().ok() == now.modified().ok()
    })
}

/// Never through a link; `None` for nothing.
fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn enter(folder: &Folder, name: &OsStr) -> Result<Option<Folder>> {
    folder.enter(name).with_context(|| {
        let path = folder.path().join(name);
        format!("cannot look for build scripts in `{}`", path.display())
    })
}

/// The sum for all folders in a folder. One is open at a time: there may be more than a process may
/// hold open.
fn each_folder(folder: &Folder, of: impl Fn(&Folder) -> Result<usize>) -> Result<usize> {
    let mut sum = 0;
    for name in entries(folder)?.0 {
        if let Some(inner) = enter(folder, &name)? {
            sum += of(&inner)?;
        }
    }
    Ok(sum)
}

/// The names of folders, and those of everything else.
fn entries(folder: &Folder) -> Result<(Vec<OsString>, Vec<OsString>)> {
    let entries = match folder.entries() {
        // Removed since it was opened.
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        entries => entries.with_context(|| {
            let path = folder.path().display();
            format!("cannot look for build scripts in `{path}`")
        })?,
    };
    let (folders, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, is)| *is);
    let names = |list: Vec<(OsString, bool)>| list.into_iter().map(|(name, _)| name).collect();
    Ok((names(folders), names(others)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
