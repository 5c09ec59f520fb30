//! What cargo says of a project, remembered for as long as nothing that it was read from changed.
//!
//! A no-op build must not pay for another run of cargo, so the answer is kept in the cache
//! directory with the stamps of every file that it depends on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::cargo::neighbours::is_package;
use crate::error::Failure;

/// The part of `cargo metadata` that the policy needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub workspace: PathBuf,
    /// The manifests of all packages, dependencies included.
    pub manifests: Vec<PathBuf>,
    /// Where intermediate artifacts go; only cargo 1.91 and later say.
    pub build_directory: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    build_directory: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    path: Option<PathBuf>,
    source: Option<String>,
}

/// What `cargo metadata --no-deps` says: the workspace alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub root: PathBuf,
    /// Where its members' path dependencies are.
    pub paths: Vec<PathBuf>,
    /// Where the repositories are that they name by `file://`.
    pub repositories: Vec<PathBuf>,
}

impl Workspace {
    /// Reads the output of `cargo metadata --format-version 1 --no-deps`.
    pub fn from_metadata(json: &[u8]) -> Result<Self> {
        let metadata = Metadata::parse(json)?;
        let mut workspace = Self {
            root: metadata.workspace_root,
            paths: Vec::new(),
            repositories: Vec::new(),
        };
        for dependency in metadata.packages.into_iter().flat_map(|p| p.dependencies) {
            workspace.paths.extend(dependency.path);
            workspace
                .repositories
                .extend(dependency.source.as_deref().and_then(repository));
        }
        Ok(workspace)
    }
}

/// `git+file:///a/b?branch=x` → `/a/b`.
fn repository(source: &str) -> Option<PathBuf> {
    let path = source.strip_prefix("git+file://")?;
    let path = path.split(['?', '#']).next()?;
    path.starts_with('/').then(|| path.into())
}

impl Metadata {
    fn parse(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).context("failed to understand the output of `cargo metadata`")
    }
}

impl Project {
    /// Reads the output of `cargo metadata --format-version 1`.
    pub fn from_metadata(json: &[u8]) -> Result<Self> {
        let metadata = Metadata::parse(json)?;
        let mut manifests: Vec<_> = metadata
            .packages
            .into_iter()
            .map(|package| package.manifest_path)
            .collect();
        manifests.sort();
        Ok(Self {
            workspace: metadata.workspace_root,
            manifests,
            build_directory: metadata.build_directory,
        })
    }

    /// Adds the packages in `folders`.
    pub fn add(&mut self, folders: &[PathBuf]) {
        let packages = folders.iter().filter(|folder| is_package(folder));
        self.manifests
            .extend(packages.map(|folder| folder.join("Cargo.toml")));
        self.manifests.sort();
        self.manifests.dedup();
    }

    /// The folders of packages that lie in none of `elsewhere`.
    pub fn packages_outside(&self, elsewhere: &[&Path]) -> Vec<PathBuf> {
        self.manifests
            .iter()
            .filter_map(|manifest| manifest.parent())
            .filter(|folder| !elsewhere.iter().any(|other| folder.starts_with(other)))
            .map(Path::to_owned)
            .collect()
    }
}

/// What tells two states of a file apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    /// Modification time in nanoseconds since 1970, and length in bytes; `None` if there is none.
    state: Option<(u128, u64)>,
}

impl Stamp {
    fn of(path: PathBuf) -> Self {
        let state = fs::metadata(&path).ok().and_then(|metadata| {
            let modified = metadata.modified().ok()?;
            let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
            // The length of a folder says nothing, and differs between file systems.
            let length = if metadata.is_dir() { 0 } else { metadata.len() };
            Some((since.as_nanos(), length))
        });
        Self { path, state }
    }

    fn is_current(&self) -> bool {
        Self::of(self.path.clone()) == *self
    }
}

/// A project as it was after the last successful `cargo fetch`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Everything about the call that cargo's answer depends on.
    key: String,
    stamps: Vec<Stamp>,
    /// Folders with registries' packages: in one that is as it was, they are all still there.
    registries: Vec<Stamp>,
    project: Project,
}

impl Remembered {
    /// `watched` are files besides the project's own whose change asks for another run.
    pub fn new(key: String, project: Project, watched: &[PathBuf], cargo_home: &Path) -> Self {
        // cargo never changes a package there once it is unpacked (the cargo book, "Cargo Home").
        let sources = cargo_home.join("registry/src");
        let (unpacked, own): (Vec<_>, Vec<_>) = project
            .manifests
            .iter()
            .partition(|manifest| manifest.starts_with(&sources));
        let registries: BTreeSet<_> = unpacked
            .into_iter()
            .filter_map(|manifest| manifest.parent()?.parent())
            .collect();
        let stamp = |path: &Path| Stamp::of(path.to_owned());
        let registries = registries.into_iter().map(stamp).collect();
        let mut paths = watched.to_vec();
        paths.push(project.workspace.join("Cargo.lock"));
        paths.extend(own.into_iter().cloned());
        // A new folder beside a member may be a new member (`members = ["crates/*"]`).
        paths.extend(
            project
                .manifests
                .iter()
                .filter(|manifest| manifest.starts_with(&project.workspace))
                .filter_map(|manifest| manifest.parent()?.parent())
                .filter(|folder| {
                    folder.starts_with(&project.workspace) && *folder != project.workspace
                })
                .map(Path::to_owned),
        );
        paths.sort();
        paths.dedup();
        Self {
            key,
            stamps: paths.into_iter().map(Stamp::of).collect(),
            registries,
            project,
        }
    }

    /// The project, if `file` holds one for this call and nothing changed since.
    ///
    /// A file that cannot be read or understood only means that cargo is asked again.
    pub fn recall(file: &Path, key: &str) -> Option<Project> {
        let remembered: Self = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        let current = remembered.key == key
            && remembered.stamps.iter().all(Stamp::is_current)
            && remembered.has_its_packages();
        current.then_some(remembered.project)
    }

    /// Are the registries' packages there? Other projects add theirs to the same folders.
    fn has_its_packages(&self) -> bool {
        self.registries.iter().all(|registry| {
            registry.is_current()
                || self
                    .project
                    .manifests
                    .iter()
                    .filter(|manifest| manifest.starts_with(&registry.path))
                    .all(|manifest| manifest.is_file())
        })
    }

    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|_| {
            Failure::new("a path of the project is not UTF-8, which `cargo metadata` cannot tell")
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &[u8] = br#"{"packages":[
        {"name":"a","manifest_path":"/w/a/Cargo.toml","source":null},
        {"name":"b","manifest_path":"/c/registry/src/i/b-1.0.0/Cargo.toml","source":"registry+x"},
        {"name":"d","manifest_path":"/elsewhere/d/Cargo.toml","source":null}],
        "workspace_root":"/w","target_directory":"/w/target","version":1}"#;

    #[test]
    fn packages_that_lie_elsewhere_are_told() {
        let project = Project::from_metadata(METADATA).unwrap();
        assert_eq!(project.workspace, Path::new("/w"));
        assert_eq!(
            project.packages_outside(&[Path::new("/w"), Path::new("/c")]),
            [PathBuf::from("/elsewhere/d")]
        );
    }

    #[test]
    fn path_dependencies_of_members_are_told() {
        let json = br#"{"packages":[{"manifest_path":"/w/Cargo.toml","dependencies":[
            {"name":"x","path":"/x","source":null},{"name":"serde","req":"^1",
             "source":"registry+https://github.com/rust-lang/crates.io-index"},
            {"name":"y","source":"git+file:///r/y?branch=b"},
            {"name":"z","source":"git+https://example.com/z"}]}],"workspace_root":"/w"}"#;
        let workspace = Workspace::from_metadata(json).unwrap();
        assert_eq!(workspace.paths, [PathBuf::from("/x")]);
        assert_eq!(workspace.repositories, [PathBuf::from("/r/y")]);
    }

    #[test]
    fn text_that_is_not_metadata_is_an_error() {
        assert!(Project::from_metadata(b"{}").is_err());
        assert!(Project::from_metadata(b"").is_err());
    }

    #[test]
    fn a_project_is_recalled_until_something_changes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("w");
        let manifest = root.join("crates/a/Cargo.toml");
        fs::create_dir_all(manifest.parent().unwrap()).unwrap();
        fs::write(&manifest, "one").unwrap();
        let watched = root.join("rust-toolchain.toml");
        let home = folder.path().join("cargo");
        let registry = home.join("registry/src/index");
        let unpacked = registry.join("b-1.0.0/Cargo.toml");
        fs::create_dir_all(unpacked.parent().unwrap()).unwrap();
        fs::write(&unpacked, "").unwrap();
        let project = Project {
            workspace: root.clone(),
            manifests: vec![unpacked.clone(), manifest.clone()],
            build_directory: None,
        };
        let file = folder.path().join("state.json");
        let remember = || {
            let remembered = Remembered::new(
                "key".into(),
                project.clone(),
                std::slice::from_ref(&watched),
                &home,
            );
            fs::write(&file, remembered.to_json().unwrap()).unwrap();
        };
        remember();
        assert_eq!(Remembered::recall(&file, "key"), Some(project.clone()));
        assert_eq!(Remembered::recall(&file, "other key"), None);

        // Another project's.
        fs::create_dir(registry.join("c-1.0.0")).unwrap();
        assert_eq!(Remembered::recall(&file, "key"), Some(project.clone()));

        let changes: [&dyn Fn(); 5] = [
            &|| fs::write(&manifest, "other").unwrap(),
            &|| fs::write(root.join("Cargo.lock"), "").unwrap(),
            &|| fs::write(&watched, "").unwrap(),
            &|| fs::create_dir(root.join("crates/b")).unwrap(),
            &|| fs::rename(registry.join("b-1.0.0"), registry.join("d")).unwrap(),
        ];
        for (number, change) in changes.iter().enumerate() {
            change();
            assert_eq!(Remembered::recall(&file, "key"), None, "change {number}");
            if unpacked.exists() {
                remember();
                assert!(
                    Remembered::recall(&file, "key").is_some(),
                    "change {number}"
                );
            }
        }
        fs::write(&file, "not JSON").unwrap();
        assert_eq!(Remembered::recall(&file, "key"), None);
    }
}
