//! The second wall: a mount namespace in which hidden paths are not even there.
//!
//! What stands where is decided by a pure function; `build` carries it out. Landlock still applies
//! on top, so that nothing here is the only thing that keeps a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::mount;
use crate::paths::{Key, is_within};
use crate::policy::Policy;
use crate::sandbox::files;

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
fn places(policy: &Policy) -> Vec<(&Path, Place<'_>)> {
    let mut places = BTreeMap::new();
    let mut put = |path, place| places.insert(Key::of(path), (path, place));
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
    without_needless(places.into_values())
}

/// Each place takes several system calls, and most secrets lie in the home folder, which is empty.
fn without_needless<'a>(
    places: impl Iterator<Item = (&'a Path, Place<'a>)>,
) -> Vec<(&'a Path, Place<'a>)> {
    let mut around: Vec<(&Path, Place<'_>)> = Vec::new();
    let mut needed = Vec::new();
    for (path, place) in places {
        while around
            .last()
            .is_some_and(|(folder, _)| !is_within(path, folder))
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
            needed.push((path, place));
        }
    }
    needed
}

/// Builds the view in the calling process's own mount namespace, and returns the paths that are
/// something else inside than outside.
///
/// `scratch` is to be a folder of ours outside everything that the build may write; what it keeps in
/// its own temporary folders is in there. `directory` is where the build will start.
pub(super) fn build(policy: &Policy, scratch: &Path, directory: &Path) -> Result<Vec<PathBuf>> {
    let places = places(policy);
    fs::create_dir_all(scratch)
        .with_context(|| format!("failed to create `{}`", scratch.display()))?;

    // Where nothing is ever shown but what stands there in its place.
    let memory = Path::new("/dev");
    if !places.contains(&(memory, Place::Empty)) {
        bail!("`{}` is to be closed", memory.display());
    }
    // Copies come before `/` is made read-only, so that the writable ones keep what they had outside.
    let filled = filled(policy, &places, directory);
    let mut there = Vec::new();
    for (path, place) in places.iter().copied() {
        let is_folder =
            is_folder(path).with_context(|| format!("failed to look at `{}`", path.display()))?;
        there.extend(is_folder.map(|is_folder| {
            let has_more = || filled.iter().any(|inside| is_within(inside, path));
            Standing {
                path,
                place,
                is_folder,
                to_be_filled: place == Place::Empty && is_folder && has_more(),
            }
        }));
    }
    // By number, so that a folder comes before what is in it again.
    let mut copies = BTreeMap::new();
    let (in_memory, on_disk): (Vec<_>, Vec<_>) = there
        .iter()
        .enumerate()
        .partition(|(_, at)| is_in_memory(at.path, at.place));
    let unprepared =
        |path: &Path| format!("failed to prepare `{}` for the sandbox", path.display());
    for (number, at) in on_disk {
        let copy = shown(at.path, at.place, scratch).with_context(|| unprepared(at.path))?;
        copies.insert(number, copy);
    }
    // From here on, what there was in its place is hidden.
    mount::empty_folder(memory)
        .with_context(|| format!("failed to mount at `{}`", memory.display()))?;
    for (number, at) in in_memory {
        let own = memory.join(number.to_string());
        let copy = made(at, memory, &own).with_context(|| unprepared(at.path))?;
        copies.insert(number, copy);
    }
    mount::set_path_read_only(Path::new("/"), true).context("failed to make / read-only")?;

    let mut replaced = Vec::new();
    let mut empty = Vec::new();
    for (number, copy) in &copies {
        let Standing {
            path,
            place,
            to_be_filled,
            ..
        } = there[*number];
        let stands = put(path, place, copy)
            .with_context(|| format!("failed to set up `{}` in the sandbox", path.display()))?;
        if stands && !matches!(place, Place::Shown { .. }) {
            replaced.push(path.to_owned());
        }
        if stands && to_be_filled {
            empty.push(path);
        }
    }
    let private = policy.private.iter().map(|rule| rule.path.as_path());
    let bare: Vec<_> = empty.iter().copied().chain(private).collect();
    let in_bare = |path: &Path| bare.iter().any(|folder| is_within(path, folder));
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

/// Is what stands there kept in memory? Temporary files are not: they may be many.
fn is_in_memory(path: &Path, place: Place<'_>) -> bool {
    match place {
        Place::Empty | Place::Contents(_) => true,
        Place::Private => path == Path::new("/dev/shm"),
        Place::Shown { .. } => false,
    }
}

/// What may have to be made in a folder that is empty otherwise.
fn filled<'a>(
    policy: &'a Policy,
    places: &[(&'a Path, Place<'_>)],
    directory: &'a Path,
) -> Vec<&'a Path> {
    let shown = places
        .iter()
        .filter(|(_, place)| matches!(place, Place::Shown { .. } | Place::Private))
        .map(|(path, _)| *path);
    let links = policy.links.iter().map(|link| link.path.as_path());
    shown.chain(links).chain([directory]).collect()
}

/// What will stand at a path where there is something outside.
#[derive(Debug, Clone, Copy)]
struct Standing<'a> {
    path: &'a Path,
    place: Place<'a>,
    is_folder: bool,
    /// Is it an empty folder in which there will be something, and which is read-only after that?
    to_be_filled: bool,
}

/// Is it a folder? `None` for what does not exist outside.
fn is_folder(path: &Path) -> io::Result<Option<bool>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.is_dir())),
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES) => Ok(None),
            _ => Err(error),
        },
    }
}

/// A copy of what is on disk.
fn shown(path: &Path, place: Place<'_>, scratch: &Path) -> io::Result<OwnedFd> {
    if place == Place::Private {
        // `/var/tmp` → `var-tmp`.
        let mut name = OsString::new();
        for part in path.iter().skip(1) {
            if !name.is_empty() {
                name.push("-");
            }
            name.push(part);
        }
        let own = scratch.join(name);
        make_folder(&own, 0o1777)?;
        return mount::copy_tree(&own);
    }
    let copy = mount::copy_tree(path)?;
    if place != (Place::Shown { writable: true }) {
        mount::set_tree_read_only(&copy)?;
    }
    Ok(copy)
}

/// A copy of what is made for this in `memory`; `own` is a name there that nothing else has.
fn made(at: &Standing<'_>, memory: &Path, own: &Path) -> io::Result<OwnedFd> {
    let source = match at.place {
        Place::Private => {
            make_folder(own, 0o1777)?;
            return mount::copy_tree(own);
        }
        Place::Contents(contents) => {
            fs::write(own, contents)?;
            own.to_owned()
        }
        _ if at.to_be_filled => {
            make_folder(own, 0o755)?;
            return mount::copy_tree(own);
        }
        // One for all: nobody can write it.
        _ if at.is_folder => {
            let shared = memory.join("nothing");
            make_folder(&shared, 0o755)?;
            shared
        }
        _ => {
            let shared = memory.join("empty");
            if !shared.exists() {
                fs::write(&shared, [])?;
            }
            shared
        }
    };
    let copy = mount::copy_tree(&source)?;
    mount::set_tree_read_only(&copy)?;
    Ok(copy)
}

/// With this mode, whatever the umask is. It may be there, from an earlier build.
fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path)?;
            if found.is_dir() && found.permissions().mode() & 0o7777 == mode {
                return Ok(());
            }
            Err(error)
        }
        done => done.and_then(|()| files::set_mode(path, mode)),
    }
}

/// Puts `copy` at `path`. Only what is to be shown gets a place made for it in an empty folder;
/// what would only hide something is not needed where nothing is.
fn put(path: &Path, place: Place<'_>, copy: &OwnedFd) -> io::Result<bool> {
    let attached = mount::attach(copy, path);
    if attached.is_err() && fs::symlink_metadata(path).is_err() {
        if matches!(place, Place::Empty | Place::Contents(_)) {
            return Ok(false);
        }
        if fs::File::from(copy.try_clone()?).metadata()?.is_dir() {
            fs::create_dir_all(path)?;
        } else {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::File::create_new(path)?;
        }
        return mount::attach(copy, path).map(|()| true);
    }
    attached.map(|()| true)
}

fn set_up_link(path: &Path, target: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    symlink(target, path)
}
