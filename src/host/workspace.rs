//! Finds the root of a cargo workspace as cargo does, but as data: cargo itself would obey
//! configuration files on the way.

use std::path::{Component, Path, PathBuf};

use super::file;

const LARGEST_MANIFEST: u64 = 8 << 20;

/// What a manifest says about workspaces.
enum Role {
    Root {
        members: Vec<String>,
        exclude: Vec<String>,
    },
    Pointer(String),
    Plain,
}

/// The folder of the workspace that the package in `directory` belongs to, else `directory`.
///
/// A manifest that cannot be read or parsed counts as one that says nothing: cargo will refuse it
/// with its own message.
pub fn root(directory: &Path, cargo_home: Option<&Path>) -> PathBuf {
    match role(directory) {
        Role::Root { .. } => return directory.to_owned(),
        Role::Pointer(root) => return normalise(&directory.join(root)),
        Role::Plain => {}
    }
    for ancestor in directory.ancestors().skip(1) {
        // As cargo's `find_root_iter`: the copy that `cargo package` checks, and the crates that
        // cargo keeps below its home, belong to no workspace around them.
        if ancestor.ends_with("target/package")
            || cargo_home
                .is_some_and(|home| directory.starts_with(home) && !ancestor.starts_with(home))
        {
            break;
        }
        match role(ancestor) {
            Role::Root { members, exclude } => {
                let manifest = directory.join("Cargo.toml");
                let names = |list: &[String]| {
                    list.iter()
                        .any(|entry| manifest.starts_with(ancestor.join(entry)))
                };
                if names(&members) || !names(&exclude) {
                    return ancestor.to_owned();
                }
            }
            Role::Pointer(root) => return normalise(&ancestor.join(root)),
            Role::Plain => {}
        }
    }
    directory.to_owned()
}

fn role(directory: &Path) -> Role {
    let Some(manifest) = file::read(&directory.join("Cargo.toml"), LARGEST_MANIFEST)
        .ok()
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.parse::<toml::Table>().ok())
    else {
        return Role::Plain;
    };
    if let Some(workspace) = manifest.get("workspace") {
        let list = |key| {
            workspace
                .get(key)
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.as_str().map(str::to_owned))
                .collect()
        };
        return Role::Root {
            members: list("members"),
            exclude: list("exclude"),
        };
    }
    manifest
        .get("package")
        .and_then(|package| package.get("workspace")?.as_str())
        .map_or(Role::Plain, |root| Role::Pointer(root.to_owned()))
}

/// Without `.` and `..`, by text alone, as cargo does it.
fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}
