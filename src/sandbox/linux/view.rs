//! The second wall: a mount namespace in which hidden paths are not even there.
//!
//! What stands where is decided by a pure function; `build` carries it out. Landlock still applies
//! on top, so that nothing here is the only thing that keeps a secret.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mount;
use crate::policy::Policy;

/// What stands at a path in the build's view of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    /// An empty folder or file, read-only.
    Empty,
    /// A file with these contents, read-only.
    Contents(&'a [u8]),
    /// What is there outside.
    Shown { writable: bool },
    /// An empty folder of the build's own.
    Private,
}

/// Every path that is not simply shown read-only; a folder comes before what is in it, and of
/// equal paths the later list wins, as in [`Policy::read_rule`].
fn places(policy: &Policy) -> BTreeMap<&Path, Place<'_>> {
    let mut places = BTreeMap::new();
    let mut put = |path, place| places.insert(path, place);
    for rule in &policy.closed {
        put(rule.path.as_path(), Place::Empty);
    }
    for rule in &policy.private {
        put(&rule.path, Place::Private);
    }
    for rule in policy
        .readable
        .iter()
        .chain(&policy.protected)
        .chain(&policy.devices)
    {
        put(&rule.path, Place::Shown { writable: false });
    }
    for rule in &policy.writable {
        put(&rule.path, Place::Shown { writable: true });
    }
    for mask in &policy.masked {
        put(&mask.path, Place::Contents(&mask.contents));
    }
    for rule in &policy.hidden {
        put(&rule.path, Place::Empty);
    }
    places
}

/// Builds the view in the calling process's own mount namespace, and returns the paths that are
/// something else inside than outside.
///
/// `scratch` is a folder of ours outside everything that the build may write; private folders are
/// kept in it, on disk and not in memory. `directory` is where the build will start.
pub(super) fn build(policy: &Policy, scratch: &Path, directory: &Path) -> Result<Vec<PathBuf>> {
    let places = places(policy);

    // Copies come first: the empty folders that follow stand in their way. And they come before
    // `/` is made read-only, so that the writable ones keep what they had outside.
    let mut copies = BTreeMap::new();
    for (number, (path, place)) in places.iter().enumerate() {
        let copy = copy(path, *place, &scratch.join(number.to_string()));
        if let Some(copy) =
            copy.with_context(|| format!("failed to prepare `{}` for the sandbox", path.display()))?
        {
            copies.insert(*path, copy);
        }
    }
    mount::set_path_read_only(Path::new("/"), true).context("failed to make / read-only")?;

    let mut replaced = Vec::new();
    let mut empty = Vec::new();
    for (path, place) in &places {
        let set_up = || -> io::Result<bool> {
            match copies.get(path) {
                Some(copy) => put(path, *place, copy),
                None if *place == Place::Empty && path.is_dir() => {
                    mount::empty_folder(path).map(|()| true)
                }
                None => Ok(false),
            }
        };
        let stands = set_up()
            .with_context(|| format!("failed to set up `{}` in the sandbox", path.display()))?;
        if stands && !matches!(place, Place::Shown { .. }) {
            replaced.push((*path).to_owned());
        }
        if stands && *place == Place::Empty && path.is_dir() {
            empty.push(*path);
        }
    }
    let private = policy.private.iter().map(|rule| rule.path.as_path());
    let bare: Vec<_> = empty.iter().copied().chain(private).collect();
    let in_bare = |path: &Path| bare.iter().any(|folder| path.starts_with(folder));
    for link in policy.links.iter().filter(|link| in_bare(&link.path)) {
        set_up_link(&link.path, &link.target)
            .with_context(|| format!("failed to set up the link `{}`", link.path.display()))?;
    }
    if in_bare(directory) {
        fs::create_dir_all(directory)
            .with_context(|| format!("failed to set up `{}`", directory.display()))?;
    }
    for path in &empty {
        mount::set_path_read_only(path, false)
            .with_context(|| format!("failed to make `{}` read-only", path.display()))?;
    }
    Ok(replaced)
}

/// The mount that will stand at `path`; `None` for an empty folder, which is made in place, and
/// for what does not exist outside.
fn copy(path: &Path, place: Place<'_>, scratch: &Path) -> io::Result<Option<OwnedFd>> {
    let outside = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            return match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES) => Ok(None),
                _ => Err(error),
            };
        }
    };
    let source = match place {
        Place::Empty if outside.is_dir() => return Ok(None),
        Place::Empty => write(scratch, &[])?,
        Place::Contents(contents) => write(scratch, contents)?,
        Place::Shown { .. } => path,
        Place::Private => {
            fs::create_dir(scratch)?;
            fs::set_permissions(scratch, fs::Permissions::from_mode(0o1777))?;
            scratch
        }
    };
    let copy = mount::copy_tree(source)?;
    if !matches!(place, Place::Private | Place::Shown { writable: true }) {
        mount::set_tree_read_only(&copy)?;
    }
    Ok(Some(copy))
}

fn write<'a>(scratch: &'a Path, contents: &[u8]) -> io::Result<&'a Path> {
    fs::write(scratch, contents)?;
    Ok(scratch)
}

/// Puts `copy` at `path`. Only what is to be shown gets a place made for it in an empty folder;
/// what would only hide something is not needed where nothing is.
fn put(path: &Path, place: Place<'_>, copy: &OwnedFd) -> io::Result<bool> {
    if fs::symlink_metadata(path).is_err() {
        if matches!(place, Place::Empty | Place::Contents(_)) {
            return Ok(false);
        }
        if fs::File::from(copy.try_clone()?).metadata()?.is_dir() {
            fs::create_dir_all(path)?;
        } else {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::File::create_new(path)?;
        }
    }
    mount::attach(copy, path).map(|()| true)
}

fn set_up_link(path: &Path, target: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    symlink(target, path)
}
