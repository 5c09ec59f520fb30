//! Follows a path one component at a time and notes every `node_modules` on the way.
//!
//! Resolving a path in one go would lose what a link says: that `node_modules/@a/b` is installed
//! there and lies in `packages/b`. Looking at the path as typed would miss a `node_modules` that
//! only a link's target has.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::Failure;

/// What Linux allows; macOS allows 32.
const MOST_LINKS: usize = 40;

pub(super) const NODE_MODULES: &str = "node_modules";

/// Where a path leads, and through which packages.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// The path without any link. Components that do not exist are kept.
    pub(super) resolved: PathBuf,
    /// The folders above each `node_modules`, in the order met, up to where the first package is
    /// entered. What comes after that is the package's own doing: its links, its folders.
    pub(super) above: Vec<PathBuf>,
    /// The package entered last.
    pub(super) package: Option<Entered>,
}

/// A package that the path goes through.
#[derive(Debug)]
pub(super) struct Entered {
    /// `name` or `@scope/name`, as its `node_modules` calls it.
    pub(super) name: OsString,
    /// Its folder, without links.
    pub(super) dir: PathBuf,
    /// Was it reached through another package?
    pub(super) nested: bool,
}

#[derive(Debug)]
enum Piece {
    Root(OsString),
    Up,
    Name(OsString),
    /// Everything that the package's name stands for has been followed.
    Arrived {
        name: OsString,
        nested: bool,
    },
}

/// Follows `path`, which is absolute.
pub(super) fn follow(path: &Path) -> anyhow::Result<Trail> {
    let mut trail = Trail::default();
    let mut pending = Vec::new();
    push_components(&mut pending, path);
    let mut awaited = false;
    let mut links = 0;
    while let Some(piece) = pending.pop() {
        let name = match piece {
            Piece::Root(root) => {
                trail.resolved.push(root);
                continue;
            }
            Piece::Up => {
                trail.resolved.pop();
                continue;
            }
            Piece::Arrived { name, nested } => {
                awaited = false;
                trail.package = Some(Entered {
                    name,
                    dir: trail.resolved.clone(),
                    nested,
                });
                continue;
            }
            Piece::Name(name) => name,
        };
        if is_node_modules(&trail.resolved, &name) {
            if trail.package.is_none() {
                trail.above.push(trail.resolved.clone());
            }
            // While one package's link is followed, the names on the way (those of a store) are
            // not other packages.
            if !awaited {
                awaited = await_package(&mut pending, trail.package.is_some());
            }
        }
        let entry = trail.resolved.join(&name);
        if let Some(target) = link_target(&entry)? {
            links += 1;
            if links > MOST_LINKS {
                return Err(Failure::new(format!(
                    "too many links on the way to `{}`",
                    path.display()
                ))
                .into());
            }
            push_components(&mut pending, &target);
        } else {
            trail.resolved = entry;
        }
    }
    Ok(trail)
}

fn push_components(pending: &mut Vec<Piece>, path: &Path) {
    pending.extend(
        path.components()
            .rev()
            .filter_map(|component| match component {
                Component::CurDir => None,
                Component::ParentDir => Some(Piece::Up),
                Component::Normal(name) => Some(Piece::Name(name.to_owned())),
                root @ (Component::Prefix(_) | Component::RootDir) => {
                    Some(Piece::Root(root.as_os_str().to_owned()))
                }
            }),
    );
}

/// Marks the end of the package's name in `pending`, whose next pieces follow a `node_modules`.
fn await_package(pending: &mut Vec<Piece>, nested: bool) -> bool {
    let mut pieces = Vec::new();
    let mut name = PathBuf::new();
    loop {
        match pending.pop() {
            Some(Piece::Name(part)) if !is_hidden(&part) && part != NODE_MODULES => {
                name.push(&part);
                let scope = pieces.is_empty() && part.as_encoded_bytes().starts_with(b"@");
                pieces.push(Piece::Name(part));
                if !scope {
                    let name = name.into_os_string();
                    pending.push(Piece::Arrived { name, nested });
                    pending.extend(pieces.into_iter().rev());
                    return true;
                }
            }
            // The end, `..`, or a folder of the package manager's own, such as `.pnpm`: no
            // package's name may begin with a full stop.
            other => {
                pending.extend(other);
                pending.extend(pieces.into_iter().rev());
                return false;
            }
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Also `Node_Modules`, where the file system takes both for the same folder.
fn is_node_modules(parent: &Path, name: &OsStr) -> bool {
    if name == NODE_MODULES {
        return true;
    }
    // By characters, since file systems fold more letters than the ASCII ones.
    let alike = name.to_str().is_some_and(|name| {
        name.chars().count() == NODE_MODULES.len()
            && name
                .chars()
                .zip(NODE_MODULES.chars())
                .all(|(a, b)| !a.is_ascii() || a.eq_ignore_ascii_case(&b))
    });
    alike
        && match (
            fs::canonicalize(parent.join(name)),
            fs::canonicalize(parent.join(NODE_MODULES)),
        ) {
            (Ok(typed), Ok(usual)) => typed == usual,
            _ => false,
        }
}

fn link_target(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    let unreadable =
        |error| Failure::new(format!("could not look at `{}`: {error}", path.display()));
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => Ok(Some(fs::read_link(path).map_err(unreadable)?)),
        Ok(_) => Ok(None),
        // cargo has a better message for what is not there.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(unreadable(error).into()),
    }
}
