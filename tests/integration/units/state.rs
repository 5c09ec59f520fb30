//! What lies in a folder, down to the attributes, as seen from outside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::support::system;

pub(super) type State = BTreeMap<PathBuf, String>;

/// Everything below these folders.
pub(super) fn state(folders: &[PathBuf]) -> State {
    let mut state = State::new();
    let mut pending = folders.to_vec();
    while let Some(path) = pending.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            pending.extend(entries.map(|entry| entry.unwrap().path()));
        }
        let description = describe(&path, &metadata);
        state.insert(path, description);
    }
    state
}

fn describe(path: &Path, metadata: &fs::Metadata) -> String {
    let kind = metadata.file_type();
    let mode = format!("mode {:o}", metadata.mode());
    let attributes = system::attributes(path);
    if kind.is_dir() {
        // Its times change with each of the names in it, which are looked at themselves.
        return format!("folder {mode} {attributes}");
    }
    let contents = if kind.is_file() {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        fs::read(path).unwrap_or_default().hash(&mut hasher);
        format!("{} bytes, hash {:x}", metadata.len(), hasher.finish())
    } else if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).unwrap().display())
    } else if kind.is_fifo() {
        "pipe".to_owned()
    } else {
        "something else".to_owned()
    };
    format!(
        "{contents}, {mode}, {} names, written {}.{:09} {attributes}",
        metadata.nlink(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}

/// What is there in one and not in the other, or not in the same way.
pub(super) fn changes(before: &State, after: &State) -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let mut changes = Vec::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old != new {
            let show = |state: Option<&String>| state.map_or("nothing", String::as_str).to_owned();
            changes.push((path.clone(), format!("{} -> {}", show(old), show(new))));
        }
    }
    changes
}
