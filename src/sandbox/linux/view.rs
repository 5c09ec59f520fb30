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

/// Every path at which something else is to stand than what surrounds it brings anyhow; a folder
/// comes before what is in it, and of equal paths the later list wins, as in
/// [`Policy::read_rule`].
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
    without_needless(places)
}

/// Each place takes several system calls, and most secrets lie in the home folder, which is empty.
fn without_needless<'a>(places: BTreeMap<&'a Path, Place<'a>>) -> BTreeMap<&'a Path, Place<'a>> {
    let mut around: Vec<(&Path, Place<'_>)> = Vec::new();
    let mut needed = BTreeMap::new();
    for (path, place) in places {
        while around
            .last()
            .is_some_and(|(folder, _)| !path.starts_with(folder))
        {
            around.pop();
        }
        let outer = around.last().map(|(_, outer)| *outer);
        let needless = match (outer, place) {
            // Nothing is there that could be hidden.
            (Some(Place::Empty | Place::Private), Place::Empty | Place::Contents(_)) => true,
            (Some(outer @ Place::Shown { .. }), Place::Shown { .. }) => outer == place,
            _ => false,
        };
        if !needless {
            around.push((path, place));
            needed.insert(path, place);
        }
    }
    needed
}

/// Builds the view in the calling process's own mount namespace, and returns the paths that are
/// something else inside than outside.
///
/// `scratch` is to be a folder of ours outside everything that the build may write; private folders are
/// kept in it, on disk and not in memory. `directory` is where the build will start.
pub(super) fn build(policy: &Policy, scratch: &Path, directory: &Path) -> Result<Vec<PathBuf>> {
    let places = places(policy);
    fs::create_dir(scratch).with_context(|| format!("failed to create `{}`", scratch.display()))?;

    // Copies come first: the empty folders that follow stand in their way. And they come before
    // `/` is made read-only, so that the writable ones keep what they had outside.
    let filled = filled(policy, &places, directory);
    let mut prepared = Vec::new();
    for (number, (path, place)) in places.iter().enumerate() {
        let stays_empty = !filled.iter().any(|inside| inside.starts_with(path));
        let made = prepare(path, *place, stays_empty, scratch, number);
        if let Some(made) =
            made.with_context(|| format!("failed to prepare `{}` for the sandbox", path.display()))?
        {
            prepared.push((*path, *place, made));
        }
    }
    mount::set_path_read_only(Path::new("/"), true).context("failed to make / read-only")?;

    let mut replaced = Vec::new();
    let mut empty = Vec::new();
    for (path, place, made) in &prepared {
        let set_up = || -> io::Result<bool> {
            match made {
                Prepared::Copy(copy) => put(path, *place, copy),
                Prepared::EmptyFolder if path.is_dir() => mount::empty_folder(path).map(|()| true),
                Prepared::EmptyFolder => Ok(false),
            }
        };
        let stands = set_up()
            .with_context(|| format!("failed to set up `{}` in the sandbox", path.display()))?;
        if stands && !matches!(place, Place::Shown { .. }) {
            replaced.push((*path).to_owned());
        }
        if stands && matches!(made, Prepared::EmptyFolder) {
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

/// What may have to be made in a folder that is empty otherwise.
fn filled<'a>(
    policy: &'a Policy,
    places: &BTreeMap<&'a Path, Place<'_>>,
    directory: &'a Path,
) -> Vec<&'a Path> {
    let shown = places
        .iter()
        .filter(|(_, place)| matches!(place, Place::Shown { .. } | Place::Private))
        .map(|(path, _)| *path);
    let links = policy.links.iter().map(|link| link.path.as_path());
    shown.chain(links).chain([directory]).collect()
}

/// What will stand at a path.
#[derive(Debug)]
enum Prepared {
    Copy(OwnedFd),
    /// Made in place, since there will be something in it.
    EmptyFolder,
}

/// `None` for what does not exist outside. What is kept in `scratch` for this path alone is called
/// `number` there.
fn prepare(
    path: &Path,
    place: Place<'_>,
    stays_empty: bool,
    scratch: &Path,
    number: usize,
) -> io::Result<Option<Prepared>> {
    let outside = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            return match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES) => Ok(None),
                _ => Err(error),
            };
        }
    };
    let own = scratch.join(number.to_string());
    let source = match place {
        Place::Empty if outside.is_dir() && !stays_empty => {
            return Ok(Some(Prepared::EmptyFolder));
        }
        // One for all: nobody can write it.
        Place::Empty if outside.is_dir() => {
            let shared = scratch.join("nothing");
            if !shared.exists() {
                fs::create_dir(&shared)?;
            }
            shared
        }
        Place::Empty => {
            let shared = scratch.join("empty");
            if !shared.exists() {
                fs::write(&shared, [])?;
            }
            shared
        }
        Place::Contents(contents) => {
            fs::write(&own, contents)?;
            own
        }
        Place::Shown { .. } => path.to_owned(),
        Place::Private => {
            fs::create_dir(&own)?;
            fs::set_permissions(&own, fs::Permissions::from_mode(0o1777))?;
            own
        }
    };
    let copy = mount::copy_tree(&source)?;
    if !matches!(place, Place::Private | Place::Shown { writable: true }) {
        mount::set_tree_read_only(&copy)?;
    }
    Ok(Some(Prepared::Copy(copy)))
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
