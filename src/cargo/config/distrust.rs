//! Files by which a dependency would steer cargo and rustup.
//!
//! Cargo obeys a configuration file in every folder above the current one, also to fetch or to
//! clean: it starts `build.rustc` from it. rustup does the same with toolchain files, which may
//! name a folder with a cargo in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const NAMES: &[&str] = &[
    ".cargo/config",
    ".cargo/config.toml",
    "rust-toolchain",
    "rust-toolchain.toml",
];

/// The files of that kind in `directory` and the folders above it up to `host`, whose own are
/// trusted, as far as they lie below a `node_modules`.
///
/// Without a `host` above it, all folders up to the root are looked at. What is there counts,
/// whatever it is: a link that leads nowhere now may lead somewhere later.
pub fn distrusted(directory: &Path, host: &Path) -> Vec<PathBuf> {
    directory
        .ancestors()
        .take_while(|folder| *folder != host)
        .filter(|folder| {
            folder
                .components()
                .any(|part| part.as_os_str() == OsStr::new("node_modules"))
        })
        .flat_map(files_in)
        .collect()
}

/// The same where cargo keeps the sources of dependencies: whoever stands there, to look at one,
/// is in a folder that is not his.
pub fn distrusted_in_sources(directory: &Path, cargo_home: &Path) -> Vec<PathBuf> {
    ["registry", "git"]
        .iter()
        .map(|name| cargo_home.join(name))
        .filter(|sources| directory.starts_with(sources))
        .flat_map(|sources| {
            let folders = directory.ancestors();
            folders.take_while(move |folder| **folder != *sources)
        })
        .flat_map(files_in)
        .collect()
}

fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    NAMES
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| fs::symlink_metadata(path).is_ok())
}
