//! Finds the host project of a build and the package that is built.
//!
//! Who may answer is the point: the folders above the outermost `node_modules` and the links in it
//! are the host's and its package manager's, all below a package's folder is the package's. The
//! rules, each so that a dependency cannot choose its own host or name:
//!
//! 1. With a `node_modules` on the manifest's path, as typed or resolved, the host is the project
//!    above the outermost one. Links count up to where the first package is entered. If they lead
//!    through several projects, one that contains the others wins (a monorepo), else the first (a
//!    package linked from elsewhere). If that project is itself linked into the `node_modules` of a
//!    project above it, it is a dependency, and the one above is the host. A package store outside
//!    of all projects has no say against a current directory whose `node_modules` leads to it.
//! 2. Without, the highest `package.json` at or above the current directory, else the manifest as
//!    typed, else as resolved. The search ends below the home folder, at the root of the file
//!    system and at folders like `/tmp` where anybody may put a `package.json`. The home folder
//!    itself counts only if the search starts there. Above a git repository a `package.json` counts
//!    only if it belongs to a project, seen by a `.git` or a `node_modules`: a stray file must not
//!    make all of `~/src` the host, yet a dependency that brings a `.git` must not cut itself loose
//!    from its host.
//! 3. Without any, the root of the cargo workspace, which has no settings.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::settings::Settings;
use super::trail::{self, NODE_MODULES, Trail};
use super::{file, workspace};
use crate::error::Failure;

/// Folders that no project spans.
#[derive(Debug, Clone, Default)]
pub struct Homes {
    /// The user's home folder.
    pub user: Option<PathBuf>,
    /// cargo's, `CARGO_HOME`.
    pub cargo: Option<PathBuf>,
}

/// The project whose policy applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The project's folder, canonical.
    pub root: PathBuf,
    /// The package that is built; `None` if it is the host's own code.
    pub package: Option<Package>,
    pub origin: Origin,
}

/// How the host was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    AboveNodeModules,
    CargoWorkspace,
    PackageJson,
    /// There is no project: what is built comes from a registry or a repository.
    Nowhere,
}

/// A package that is not the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// `name` or `@scope/name` if the host named it; else its place, which no name can equal.
    pub name: OsString,
    /// Its folder, canonical.
    pub dir: PathBuf,
    /// Where the host's `node_modules` holds it or a link to it. `None` for a package that came
    /// inside another one, for another version of one that the host has, and for one that only
    /// another package asked for.
    pub installed: Option<PathBuf>,
}

/// The manifest that cargo would take without `--manifest-path`.
pub fn find_manifest(cwd: &Path) -> Option<PathBuf> {
    cwd.ancestors()
        .map(|directory| directory.join("Cargo.toml"))
        .find(|manifest| manifest.exists())
}

/// Finds the host of a build of `manifest` from `cwd`, both absolute, the manifest as typed.
pub fn locate(cwd: &Path, manifest: &Path, homes: &Homes) -> anyhow::Result<Host> {
    // The folder alone: where the manifest itself is a link, cargo still builds what lies beside
    // the link.
    let typed = manifest.parent().unwrap_or(manifest);
    let here = trail::follow(cwd)?;
    let there = trail::follow(typed)?;
    let bounds = Bounds::new(homes);

    let (root, origin) = if let Some(above) = above_node_modules(&there) {
        let root = bounds.host_of_host(cwd_project(&here, &there, &bounds).unwrap_or(above));
        (root, Origin::AboveNodeModules)
    } else if let Some(above) = above_node_modules(&here) {
        (bounds.host_of_host(above), Origin::AboveNodeModules)
    } else if let Some(root) = package_json(&here, typed, &there, &bounds) {
        (root, Origin::PackageJson)
    } else {
        let root = workspace::root(&there.resolved, homes.cargo.as_deref());
        (root, Origin::CargoWorkspace)
    };

    let root = fs::canonicalize(&root).map_err(|error| {
        Failure::new(format!(
            "could not find the project's folder `{}`: {error}",
            root.display()
        ))
        .help("check the path given to `--manifest-path`")
    })?;
    let package = match origin {
        Origin::CargoWorkspace => None,
        _ => package(&root, &here, &there, &bounds),
    };
    Ok(Host {
        root,
        package,
        origin,
    })
}

impl Host {
    /// In place of a project, where there is none: an empty folder of ours.
    pub fn nowhere(root: PathBuf) -> Self {
        Self {
            root,
            package: None,
            origin: Origin::Nowhere,
        }
    }

    /// What the host's `package.json` says.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        match self.origin {
            // A manifest may point at any folder as its workspace, so the `package.json` in it may
            // be anybody's.
            Origin::CargoWorkspace | Origin::Nowhere => Ok(Settings::default()),
            Origin::AboveNodeModules | Origin::PackageJson => Settings::read(&self.root),
        }
    }

    /// Does the host let this package build without a sandbox?
    pub fn is_exempt(&self, settings: &Settings) -> bool {
        self.package.as_ref().is_some_and(|package| {
            package.installed.as_deref().is_some_and(|installed| {
                settings
                    .allow_unsandboxed_build
                    .iter()
                    .any(|name| package.name == OsStr::new(name) && is_spelled(installed, name))
            })
        })
    }
}

/// Does the folder list the name exactly so? Where case does not matter, `node_modules/Foo` also
/// opens a package called `foo`, which is another one.
fn is_spelled(installed: &Path, name: &str) -> bool {
    let lists = |directory: &Path, wanted: &str| {
        fs::read_dir(directory)
            .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() == wanted))
    };
    let Some(parent) = installed.parent() else {
        return false;
    };
    match name.split_once('/') {
        Some((scope, name)) => {
            lists(parent, name) && parent.parent().is_some_and(|above| lists(above, scope))
        }
        None => lists(parent, name),
    }
}

fn above_node_modules(trail: &Trail) -> Option<PathBuf> {
    trail
        .above
        .iter()
        .map(|above| outside_yarn(above))
        .reduce(|root, other| if root.starts_with(other) { other } else { root })
        .map(Path::to_owned)
}

/// Yarn's plug'n'play mode unpacks a package to `.yarn/unplugged/ID/node_modules/NAME`, where the
/// folder above `node_modules` is Yarn's and not a project.
fn outside_yarn(above: &Path) -> &Path {
    above
        .ancestors()
        .find(|path| path.ends_with(".yarn/unplugged"))
        .and_then(|unplugged| unplugged.parent()?.parent())
        .unwrap_or(above)
}

/// The current directory's project, if its `node_modules` holds the package that is built.
fn cwd_project(here: &Trail, there: &Trail, bounds: &Bounds) -> Option<PathBuf> {
    let package = there.package.as_ref().filter(|package| !package.nested)?;
    let project = above_node_modules(here).or_else(|| bounds.highest(&here.resolved))?;
    holds(&project, &package.name, &package.dir).map(|_| project)
}

fn package_json(here: &Trail, typed: &Path, there: &Trail, bounds: &Bounds) -> Option<PathBuf> {
    let mut found = bounds
        .highest(&here.resolved)
        .into_iter()
        // By text, so that a link from the host to a folder elsewhere counts as the host's; `..`
        // means nothing by text.
        .chain(
            (!has_parent(typed))
                .then(|| bounds.highest(typed))
                .flatten(),
        )
        .chain(bounds.highest(&there.resolved));
    let first = found.next()?;
    Some(found.fold(first, |root, other| {
        if root.starts_with(&other) {
            other
        } else {
            root
        }
    }))
}

fn has_parent(path: &Path) -> bool {
    path.components()
        .any(|component| component == std::path::Component::ParentDir)
}

fn package(root: &Path, here: &Trail, there: &Trail, bounds: &Bounds) -> Option<Package> {
    let Some(entered) = &there.package else {
        return linked_package(root, here, there, bounds);
    };
    let dir = fs::canonicalize(&entered.dir).unwrap_or_else(|_| entered.dir.clone());
    let resolved = fs::canonicalize(&there.resolved).unwrap_or_else(|_| there.resolved.clone());
    // A package that leads out of itself, by a link or `..`, is not what the host named.
    let installed = (!entered.nested && resolved.starts_with(&dir))
        .then(|| {
            bases(root, here).find_map(|base| {
                let held = holds(base, &entered.name, &dir)?;
                (base == root || linked(root, &[base]).is_none()).then_some(held)
            })
        })
        .flatten();
    Some(Package {
        name: match installed {
            Some(_) => entered.name.clone(),
            None => place(root, &dir),
        },
        dir,
        installed,
    })
}

/// A workspace package reached by its real path: the host's `node_modules` has a link to it.
fn linked_package(root: &Path, here: &Trail, there: &Trail, bounds: &Bounds) -> Option<Package> {
    let manifest = fs::canonicalize(&there.resolved).ok()?;
    let candidates: Vec<&Path> = manifest
        .ancestors()
        .take_while(|dir| *dir != root && !root.starts_with(dir) && !bounds.ends_at(dir))
        .filter(|dir| file::exists(&dir.join("package.json")))
        .collect();
    if candidates.is_empty() {
        return None;
    }
    bases(root, here).find_map(|base| {
        let (name, installed, dir) = linked(base, &candidates)?;
        (base == root || linked(root, &[base]).is_none()).then_some(Package {
            name,
            dir,
            installed: Some(installed),
        })
    })
}

/// The projects whose `node_modules` speak for the host: its own, and those of the folders between
/// it and the current directory. The caller still has to leave out those that are packages.
fn bases<'a>(root: &'a Path, here: &'a Trail) -> impl Iterator<Item = &'a Path> {
    let between = here
        .resolved
        .strip_prefix(root)
        .is_ok_and(|inside| !inside.iter().any(|part| part == NODE_MODULES));
    std::iter::once(root).chain(
        here.resolved
            .ancestors()
            .take_while(move |dir| between && *dir != root),
    )
}

/// Where `base` holds the package `name`, if that is the folder `dir`.
fn holds(base: &Path, name: &OsStr, dir: &Path) -> Option<PathBuf> {
    let installed = base.join(NODE_MODULES).join(name);
    (fs::canonicalize(&installed).ok()? == dir).then_some(installed)
}

/// The link in `base`'s `node_modules` to one of `dirs`, the first of which is preferred: the
/// package's name, the link, and the folder.
fn linked(base: &Path, dirs: &[&Path]) -> Option<(OsString, PathBuf, PathBuf)> {
    const MOST_ENTRIES: usize = 16 * 1024;
    let node_modules = base.join(NODE_MODULES);
    let mut names = Vec::new();
    let mut scopes = vec![OsString::new()];
    let mut seen = 0;
    while let Some(scope) = scopes.pop() {
        let Ok(entries) = fs::read_dir(node_modules.join(&scope)) else {
            continue;
        };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MOST_ENTRIES {
                return None;
            }
            let name = Path::new(&scope).join(entry.file_name()).into_os_string();
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => names.push(name),
                Ok(kind)
                    if kind.is_dir()
                        && scope.is_empty()
                        && name.as_encoded_bytes().starts_with(b"@") =>
                {
                    scopes.push(name);
                }
                _ => {}
            }
        }
    }
    // So that a package with two names has the same one in every build.
    names.sort();
    dirs.iter().find_map(|dir| {
        names.iter().find_map(|name| {
            let link = node_modules.join(name);
            // Resolving every link of a large `node_modules` takes milliseconds. Package managers
            // link to the folder itself, so its name decides.
            let target = fs::read_link(&link).ok()?;
            if target.file_name() != dir.file_name() || fs::canonicalize(&link).ok()? != **dir {
                return None;
            }
            Some((name.clone(), link, dir.to_path_buf()))
        })
    })
}

/// Names a package that the host did not name: no package's name has two slashes or begins with
/// one.
fn place(root: &Path, dir: &Path) -> OsString {
    match dir.strip_prefix(root) {
        Ok(inside) => Path::new(".").join(inside).into_os_string(),
        Err(_) => dir.as_os_str().to_owned(),
    }
}

/// Where a search upwards ends.
struct Bounds {
    home: Option<PathBuf>,
}

impl Bounds {
    fn new(homes: &Homes) -> Self {
        let home = homes.user.as_deref().map(|home| {
            // The paths compared with it are canonical.
            fs::canonicalize(home).unwrap_or_else(|_| home.to_owned())
        });
        Self { home }
    }

    /// Is `dir` the home folder, a folder above it, or one that anybody may write to?
    fn ends_at(&self, dir: &Path) -> bool {
        dir.parent().is_none()
            || self
                .home
                .as_deref()
                .is_some_and(|home| home.starts_with(dir))
            || file::is_shared(dir)
    }

    /// The highest `package.json` at or above `start`.
    fn highest(&self, start: &Path) -> Option<PathBuf> {
        let mut best = None;
        let mut in_repository = true;
        for dir in start.ancestors() {
            let at_home = dir == start && self.home.as_deref() == Some(dir);
            if self.ends_at(dir) && !at_home {
                break;
            }
            if file::exists(&dir.join("package.json")) && (in_repository || self.is_project(dir)) {
                best = Some(dir);
            }
            if at_home {
                break;
            }
            in_repository &= !file::exists(&dir.join(".git"));
        }
        best.map(Path::to_owned)
    }

    fn is_project(&self, dir: &Path) -> bool {
        file::exists(&dir.join(NODE_MODULES))
            || dir
                .ancestors()
                .take_while(|dir| !self.ends_at(dir))
                .any(|dir| file::exists(&dir.join(".git")))
    }

    /// The project above that has `project` as a package, or the one above that, or `project`.
    fn host_of_host(&self, project: PathBuf) -> PathBuf {
        let mut host = project;
        for dir in host
            .clone()
            .ancestors()
            .skip(1)
            .take_while(|dir| !self.ends_at(dir))
        {
            if file::exists(&dir.join("package.json")) && linked(dir, &[&host]).is_some() {
                dir.clone_into(&mut host);
            }
        }
        host
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
