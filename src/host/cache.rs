//! The cache directory: where the policy of a build is written down.
//!
//! On macOS the sandbox is read from a file in it, so whoever can change the directory or slip a
//! link into it decides what the sandbox is. It is used only if nobody but its owner can write to
//! it, and every file appears whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::settings::Settings;
use crate::error::Failure;
use crate::policy::plan::Platform;

const USUAL: &str = ".perry-cache";
const ELSEWHERE: &str = "set `PERRY_CACHE_DIR` to a folder that you own";

/// The cache directory's path: `PERRY_CACHE_DIR`, else `perry.cacheDir`, else `.perry-cache`, each
/// seen from the host's folder, as Perry does it.
pub fn directory(root: &Path, variable: Option<&OsStr>, settings: &Settings) -> PathBuf {
    let named = variable
        .map(Path::new)
        .or(settings.cache_dir.as_deref())
        .unwrap_or(Path::new(USUAL));
    root.join(named)
}

/// Creates the cache directory where it is missing, and refuses one that others could change.
///
/// Returns its canonical path.
pub fn prepare(directory: &Path, root: &Path) -> anyhow::Result<PathBuf> {
    let refuse = |problem: &str| {
        Failure::new(format!(
            "the cache directory `{}` {problem}",
            directory.display()
        ))
        .help(ELSEWHERE)
    };
    let failed = |error: io::Error| refuse(&format!("could not be created: {error}"));

    // The components alone: with a trailing slash a link would be followed before we see it.
    let path: PathBuf = directory.components().collect();
    let (Some(parent), Some(Component::Normal(name))) =
        (path.parent(), path.components().next_back())
    else {
        return Err(refuse("is not a folder of its own").into());
    };
    fs::create_dir_all(parent).map_err(failed)?;
    let path = fs::canonicalize(parent).map_err(failed)?.join(name);
    if root.starts_with(&path) {
        return Err(refuse("is not a folder of its own").into());
    }

    let created = match create(&path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(failed(error).into()),
    };
    let metadata = fs::symlink_metadata(&path).map_err(failed)?;
    if metadata.is_symlink() {
        return Err(refuse("is a link, and may lead anywhere")
            .help(format!("remove the link `{}`", path.display()))
            .into());
    }
    if !metadata.is_dir() {
        return Err(refuse("is not a directory").into());
    }
    let probe = tempfile::tempfile_in(&path)
        .and_then(|probe| probe.metadata())
        .map_err(|error| refuse(&format!("cannot be written to: {error}")))?;
    if let Some(problem) = others_may_write(&metadata, &probe, root) {
        return Err(refuse(problem)
            .help(format!("or correct it: `chmod go-w '{}'`", path.display()))
            .into());
    }

    // A folder of the user's that has a use of its own must not vanish from git.
    let ours = created || name == USUAL;
    if ours || is_empty(&path) {
        ignore_by_git(&path).map_err(|error| refuse(&format!("cannot be written to: {error}")))?;
    }
    Ok(path)
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn ignore_by_git(path: &Path) -> io::Result<()> {
    // `create_new` follows no link and overwrites nothing.
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path.join(".gitignore"))
    {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    // Containers run with an umask of 0, and we refuse a directory that all may write to.
    fs::DirBuilder::new().mode(0o755).create(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// `mine` belongs to a file that we just created, and tells who we are.
#[cfg(unix)]
fn others_may_write(metadata: &Metadata, mine: &Metadata, root: &Path) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    if metadata.mode() & 0o002 != 0 {
        return Some("may be written to by everybody");
    }
    // In a container we are root, and the host's folder belongs to a user outside. Who owns that
    // decides anyhow, by `package.json`.
    let trusted = [mine.uid(), 0]
        .into_iter()
        .chain(fs::metadata(root).map(|root| root.uid()));
    if !trusted.into_iter().any(|uid| uid == metadata.uid()) {
        return Some("belongs to somebody else");
    }
    None
}

#[cfg(not(unix))]
fn others_may_write(_: &Metadata, _: &Metadata, _: &Path) -> Option<&'static str> {
    None
}

/// Writes the file `name` in `directory` so that readers see the old contents or the new ones.
pub fn write_atomic(directory: &Path, name: &str, contents: &[u8]) -> anyhow::Result<PathBuf> {
    write(directory, name, contents, false)
}

/// The same for what nobody depends on: for a moment readers may find no file. One that has these
/// contents stays as it is.
///
/// Much faster on ext4, which writes a file out at once when it replaces another (`auto_da_alloc`,
/// ext4(5)).
pub fn write_record(directory: &Path, name: &str, contents: &[u8]) -> anyhow::Result<PathBuf> {
    let path = directory.join(name);
    let is_file = || fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
    if is_file() && fs::read(&path).is_ok_and(|found| found == contents) {
        return Ok(path);
    }
    write(directory, name, contents, true)
}

fn write(directory: &Path, name: &str, contents: &[u8], anew: bool) -> anyhow::Result<PathBuf> {
    let path = directory.join(name);
    let failed = |error: io::Error| {
        Failure::new(format!("could not write `{}`: {error}", path.display())).help(ELSEWHERE)
    };
    let mut file = readable(&mut tempfile::Builder::new())
        .prefix(".")
        .suffix(".part")
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(contents).map_err(failed)?;
    if anew {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(error).into());
            }
            _ => {}
        }
    }
    // A rename replaces a link at the destination and does not follow it.
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(path)
}

#[cfg(unix)]
fn readable<'a, 'p, 's>(
    builder: &'a mut tempfile::Builder<'p, 's>,
) -> &'a mut tempfile::Builder<'p, 's> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable<'a, 'p, 's>(
    builder: &'a mut tempfile::Builder<'p, 's>,
) -> &'a mut tempfile::Builder<'p, 's> {
    builder
}

/// The file that holds a policy of `package`, or of the host's own code, as `platform` enforces it:
/// on macOS the profile itself, on Linux JSON for people and tools.
///
/// `kind` tells the policies of one package apart; `buildrs` is the build's.
pub fn file_name(kind: &str, package: Option<&OsStr>, platform: Platform) -> String {
    let extension = match platform {
        Platform::Linux => "json",
        Platform::Macos => "sandbox",
    };
    format!("{kind}-{}.{extension}", safe(package))
}

/// Distinct for distinct packages, also where case does not matter.
///
/// A short name of lower-case letters and digits stands for itself. Any other keeps its letters
/// and digits for people, and a hash of its bytes tells it apart. That the hash is a cryptographic
/// one matters: names are chosen by whoever publishes a package.
fn safe(package: Option<&OsStr>) -> String {
    const LONGEST_PLAIN: usize = 100;
    const LONGEST_HINT: usize = 60;
    let Some(package) = package else {
        // Neither a plain name, which has no hyphen, nor one with a hash.
        return "host-project".to_owned();
    };
    let bytes = package.as_encoded_bytes();
    let plain = (1..=LONGEST_PLAIN).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain {
        return bytes.iter().copied().map(char::from).collect();
    }
    let mut name = String::new();
    for byte in bytes {
        if name.len() >= LONGEST_HINT {
            break;
        }
        if byte.is_ascii_alphanumeric() {
            name.push(char::from(*byte));
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if !name.ends_with('-') {
        name.push('-');
    }
    name + &digest(bytes)
}

/// A name for these bytes that no other bytes have.
pub fn digest(bytes: &[u8]) -> String {
    let mut name = String::new();
    for byte in &Sha256::digest(bytes)[..16] {
        for digit in [byte >> 4, byte & 0xf] {
            name.extend(char::from_digit(digit.into(), 16));
        }
    }
    name
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
