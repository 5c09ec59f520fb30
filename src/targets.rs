//! The folders that cargo writes artifacts to: found as cargo finds them, and created outside.

pub mod links;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build::Build;
use crate::cargo::config::{self, BuildDirectory, Found, Origin};
use crate::error::Failure;
use crate::gather::Resolver;
use crate::host::{self, cache};
use crate::policy::Policy;
use crate::project::Project;
use crate::sandbox::files::{self, Names};

/// The target folder, and further ones if cargo was told so; none needs to exist.
pub fn find(build: &Build<'_>, project: &Project, resolver: &mut Resolver) -> Result<Vec<PathBuf>> {
    let line = build.line;
    let here = |path: &PathBuf| build.directory.join(path);
    let target = match (
        line.target_dir.as_ref().map(here),
        build.config.target_dir()?,
    ) {
        (Some(path), _) => Some(path),
        (None, Some(found)) => Some(trusted(build, found, resolver)?),
        // cargo makes a temporary one.
        (None, None) if build.host.origin == host::Origin::Nowhere => None,
        (None, None) => Some(project.workspace.join("target")),
    };
    let mut folders = Vec::from_iter(target);
    if let Some(found) = build
        .config
        .build_dir(&project.workspace, &build.places.cargo_home)?
    {
        let value = match (found.value, &project.build_directory) {
            (BuildDirectory::Exactly(path), _) => path,
            (BuildDirectory::AskCargo, Some(path)) => path.clone(),
            (BuildDirectory::AskCargo, None) => {
                return Err(
                    Failure::new("this cargo does not say where `build.build-dir` is")
                        .help("write the path without `{workspace-path-hash}`")
                        .into(),
                );
            }
        };
        let origin = found.origin;
        folders.push(trusted(build, Found { value, origin }, resolver)?);
    }
    folders.extend(line.artifact_dir.as_ref().map(here));

    let mut outermost: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let folder = resolve(build, &folder, resolver)?;
        if !outermost.iter().any(|other| folder.starts_with(other)) {
            outermost.push(folder);
        }
    }
    Ok(outermost)
}

/// A setting's path; one that a dependency's configuration names counts only inside the package.
fn trusted(build: &Build<'_>, found: Found<PathBuf>, resolver: &mut Resolver) -> Result<PathBuf> {
    let Origin::File {
        path: file,
        found: first,
    } = found.origin
    else {
        return Ok(found.value);
    };
    let distrusted = config::distrusted(build.directory, &build.host.root);
    let package = build.host.package.as_ref().map(|package| &package.dir);
    // Resolved first: `x/../..` begins with `x`.
    let inside = package.is_some_and(|folder| {
        resolver
            .resolve(&found.value)
            .is_some_and(|real| real.starts_with(folder))
    });
    if inside || !distrusted.iter().any(|path| **path == *first) {
        return Ok(found.value);
    }
    Err(Failure::new(format!(
        "`{}` puts the target folder outside its package: `{}`",
        file.display(),
        found.value.display()
    ))
    .help("run cargo from the host's folder, with `--manifest-path`")
    .into())
}

/// Without links; but a link in a package's own folder was put there by the package.
fn resolve(build: &Build<'_>, folder: &Path, resolver: &mut Resolver) -> Result<PathBuf> {
    let real = resolver
        .resolve(folder)
        .with_context(|| format!("the target folder `{}` leads nowhere", folder.display()))?;
    let Some(package) = build.host.package.as_ref().map(|package| &package.dir) else {
        return Ok(real);
    };
    // The parts above the last existing folder of the package are the host's own links.
    let above = folder.parent().and_then(|parent| resolver.resolve(parent));
    if above.is_some_and(|above| above.starts_with(package)) && !real.starts_with(package) {
        return Err(Failure::new(format!(
            "the package's target folder `{}` is a link to `{}`, outside the package",
            folder.display(),
            real.display()
        ))
        .help("remove the link, or choose another folder with `CARGO_TARGET_DIR`")
        .into());
    }
    Ok(real)
}

/// Refuses a folder with sources in it, which the next build would compile: unlike `plan`, this
/// knows all packages.
pub fn check_sources(folders: &[PathBuf], project: &Project) -> Result<()> {
    for folder in folders {
        let mut packages = project.manifests.iter().filter_map(|path| path.parent());
        let found = packages
            .find(|package| package.starts_with(folder) || folder.starts_with(package.join("src")));
        if let Some(package) = found {
            return Err(Failure::new(format!(
                "the target folder `{}` holds sources of the package in `{}`, which a build must \
                 not write",
                folder.display(),
                package.display()
            ))
            .help("choose another one with `--target-dir` or `CARGO_TARGET_DIR`")
            .into());
        }
    }
    Ok(())
}

/// Creates the folders that cargo may write: it could not create them from inside.
pub fn create(policy: &Policy) -> Result<()> {
    for folder in &policy.artifacts {
        let failed = || format!("failed to create the target folder `{}`", folder.display());
        if folder.exists() && !folder.is_dir() {
            return Err(Failure::new(format!(
                "the target folder `{}` is not a folder",
                folder.display()
            ))
            .help("choose another one with `--target-dir` or `CARGO_TARGET_DIR`")
            .into());
        }
        fs::create_dir_all(folder).with_context(failed)?;
        tag(folder).with_context(failed)?;
    }
    Ok(())
}

/// Refuses artifacts of a package that are other files as well.
///
/// pnpm and bun install packages as hard links to a store that all projects share, where files of
/// equal contents are one. A package that brings a target folder with a copy of somebody else's
/// file would get that file itself to write.
///
/// A build cannot make such links, so each folder is looked through only once, which `cache` notes.
pub fn check_names(folders: &[PathBuf], cache: &Path) -> Result<()> {
    for folder in folders {
        let identity = fs::symlink_metadata(folder)
            .ok()
            .and_then(|metadata| files::identity(&metadata));
        let note = identity.map(|identity| {
            let text = format!("{} {identity}", folder.display());
            format!("target-{}", cache::digest(text.as_bytes()))
        });
        if note.as_ref().is_some_and(|note| cache.join(note).is_file()) {
            continue;
        }
        if let Some(file) = with_names_elsewhere(folder) {
            return Err(Failure::new(format!(
                "`{}` is also a file outside the package's target folder, which a build must not write",
                file.display()
            ))
            .help(format!("remove `{}`; a package should not bring one", folder.display()))
            .into());
        }
        if let Some(note) = note {
            cache::write_atomic(cache, &note, b"")?;
        }
    }
    Ok(())
}

/// A file below `folder` that has a name elsewhere too.
fn with_names_elsewhere(folder: &Path) -> Option<PathBuf> {
    let mut pending = vec![folder.to_owned()];
    let mut found: BTreeMap<Names, (u64, PathBuf)> = BTreeMap::new();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                pending.push(entry.path());
            } else if let Some(names) = files::names(&metadata) {
                let (count, _) = found.entry(names).or_insert_with(|| (0, entry.path()));
                *count += 1;
            }
        }
    }
    found
        .into_iter()
        .find(|(names, (count, _))| *count < names.count)
        .map(|(_, (_, path))| path)
}

/// As cargo does it, so that backups leave the folder out (<https://bford.info/cachedir/>).
fn tag(folder: &Path) -> io::Result<()> {
    const TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n\
        # This file is a cache directory tag created by cargo.\n\
        # For information about cache directory tags see https://bford.info/cachedir/\n";
    // Never through a link that a build left there.
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(folder.join("CACHEDIR.TAG"))
    {
        Ok(mut file) => file.write_all(TAG),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_name_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let target = root.join("target");
        let cache = root.join("cache");
        for folder in [&target.join("debug/deps"), &cache] {
            fs::create_dir_all(folder).unwrap();
        }
        // As cargo itself does it.
        fs::write(target.join("debug/deps/x-1"), "").unwrap();
        fs::hard_link(target.join("debug/deps/x-1"), target.join("debug/x")).unwrap();
        let check = || check_names(std::slice::from_ref(&target), &cache);
        check().unwrap();

        fs::remove_dir_all(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(root.join("store"), "").unwrap();
        fs::hard_link(root.join("store"), target.join("y")).unwrap();
        let error = check().unwrap_err().to_string();
        assert!(error.contains("target/y"), "{error}");
    }
}
