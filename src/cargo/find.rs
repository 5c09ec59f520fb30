//! Finds the cargo that we stand in for.
//!
//! We are called `cargo` and stand first on `PATH`, so the next file of that name may well be us
//! again, by a link, a copy of the shim script, or a second `PATH` entry. And `PATH` may hold
//! folders that a dependency filled: `npm run` puts `node_modules/.bin` first.

use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::Failure;

/// A line that starts like this is among the first 512 bytes of our shim script.
pub const SHIM_MARKER: &str = "# sandboxed-cargo shim";

/// Names the real cargo.
pub const OVERRIDE: &str = "SANDBOXED_CARGO_REAL";

/// Holds the id of the process that was about to become the real cargo.
pub const LOOP: &str = "SANDBOXED_CARGO_LOOP";

/// Where to look for the real cargo, and where not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Search<'a> {
    /// The value of `PATH`.
    pub path: Option<&'a OsStr>,
    /// The value of [`OVERRIDE`].
    pub replacement: Option<&'a OsStr>,
    /// Our executable, and the shim script that started it.
    pub ours: &'a [PathBuf],
    /// Folders that must not provide cargo: the host and the package. One that contains the home
    /// folder is no such folder: with a project in `~` or in `/`, everything would be inside.
    pub project: &'a [PathBuf],
    pub home: Option<&'a Path>,
    /// Its `bin` may provide cargo although it is inside a project: a CI job often keeps its
    /// cargo there, and says so in `CARGO_HOME`, which only the trusted environment can set.
    pub cargo_home: Option<&'a Path>,
}

impl Search<'_> {
    /// The absolute path of the real cargo, as it stands on `PATH`: links in it are left alone,
    /// since rustup's cargo goes by the name it is called by.
    pub fn real_cargo(&self) -> Result<PathBuf> {
        if let Some(replacement) = self.replacement.filter(|value| !value.is_empty()) {
            return self.check_replacement(Path::new(replacement));
        }
        let path = self.path.filter(|path| !path.is_empty()).ok_or_else(|| {
            Failure::new("cannot look for cargo: `PATH` is not set").help(advice())
        })?;
        let project = self.boundaries();
        let mut skipped = Vec::new();
        for folder in std::env::split_paths(path) {
            match self.look_into(&folder, &project) {
                Ok(Some(cargo)) => return Ok(cargo),
                Ok(None) => {}
                Err(reason) => {
                    let line = format!("skipped `{}`: {reason}", folder.display());
                    if !skipped.contains(&line) {
                        skipped.push(line);
                    }
                }
            }
        }
        let failure = Failure::new("cannot find cargo on `PATH`");
        let failure = skipped.into_iter().fold(failure, Failure::help);
        Err(failure.help(advice()).into())
    }

    /// The cargo in one element of `PATH`; none if there is none, or the reason why the element or
    /// the file does not count.
    fn look_into(
        &self,
        folder: &Path,
        project: &[PathBuf],
    ) -> std::result::Result<Option<PathBuf>, &'static str> {
        if folder.as_os_str().is_empty() {
            return Err("an empty element means the current folder");
        }
        if !folder.is_absolute() {
            return Err("it is not an absolute path");
        }
        let file = folder.join(format!("cargo{EXE_SUFFIX}"));
        // Most elements end here.
        let Ok(metadata) = fs::metadata(&file) else {
            return Ok(None);
        };
        if !is_executable(&metadata) {
            return Err("`cargo` in it is not an executable file");
        }
        let inside = |path: &Path| self.inside(path, project);
        // What `PATH` says, where that leads, and where the file in it leads.
        let real_folder = fs::canonicalize(folder).map_err(|_| "it cannot be resolved")?;
        let real_file = fs::canonicalize(&file).map_err(|_| "it cannot be resolved")?;
        for path in [folder, &real_folder, &real_file] {
            if let Some(reason) = inside(path) {
                return Err(reason);
            }
        }
        if self.is_us(&file, &metadata) {
            return Err("`cargo` in it is sandboxed-cargo");
        }
        Ok(Some(file))
    }

    /// The elements of `PATH` from which a program may be started with more rights than a build's.
    pub fn path_outside_project(&self) -> Option<OsString> {
        let project = self.boundaries();
        let folders = std::env::split_paths(self.path?).filter(|folder| {
            folder.is_absolute()
                && both_names(folder)
                    .iter()
                    .all(|path| self.inside(path, &project).is_none())
        });
        std::env::join_paths(folders).ok()
    }

    /// Why a path belongs to a dependency or to a build.
    fn inside(&self, path: &Path, project: &[PathBuf]) -> Option<&'static str> {
        if has_node_modules(path) {
            return Some("it belongs to `node_modules`");
        }
        let of_project = project.iter().any(|folder| path.starts_with(folder));
        (of_project && !self.is_cargo_bin(path)).then_some("it is inside the project")
    }

    fn check_replacement(&self, file: &Path) -> Result<PathBuf> {
        let refused = |reason: &str| {
            Failure::new(format!("`{OVERRIDE}` is `{}`, {reason}", file.display())).help(format!(
                "set `{OVERRIDE}` to the absolute path of the real cargo, or unset it"
            ))
        };
        if !file.is_absolute() {
            return Err(refused("which is not an absolute path").into());
        }
        let metadata = match fs::metadata(file) {
            Ok(metadata) => metadata,
            Err(error) => return Err(refused(&format!("which cannot be used: {error}")).into()),
        };
        if !is_executable(&metadata) {
            return Err(refused("which is not an executable file").into());
        }
        if self.is_us(file, &metadata) {
            return Err(refused("which is sandboxed-cargo itself").into());
        }
        Ok(file.to_owned())
    }

    /// The folders of the project, as they are called and where they are.
    fn boundaries(&self) -> Vec<PathBuf> {
        let homes = self.home.map(both_names).unwrap_or_default();
        self.project
            .iter()
            .flat_map(|folder| both_names(folder))
            .filter(|folder| {
                folder.parent().is_some() && !homes.iter().any(|home| home.starts_with(folder))
            })
            .collect()
    }

    fn is_cargo_bin(&self, path: &Path) -> bool {
        self.cargo_home.is_some_and(|home| {
            both_names(&home.join("bin"))
                .iter()
                .any(|bin| path.starts_with(bin))
        })
    }

    fn is_us(&self, file: &Path, metadata: &Metadata) -> bool {
        self.ours
            .iter()
            .any(|ours| is_same_file(ours, file, metadata))
            || is_shim(file)
    }
}

/// Ends a loop that no comparison of files can see: a copy of our executable.
///
/// Before we become cargo, [`LOOP`] is set to our process id, as we see it ourselves. Executing
/// keeps that id, so whoever starts with it in the variable was started as the real cargo. A build
/// script that calls cargo has another id than the cargo above it.
pub fn loop_guard(value: Option<&OsStr>, own_id: u32) -> Result<()> {
    if value.and_then(OsStr::to_str).map(str::parse) != Some(Ok(own_id)) {
        return Ok(());
    }
    Err(
        Failure::new("the cargo that was found is sandboxed-cargo again")
            .help("remove copies of sandboxed-cargo that are called cargo from `PATH`")
            .help(advice())
            .into(),
    )
}

fn advice() -> String {
    format!("put the real cargo on `PATH`, or set `{OVERRIDE}` to its absolute path")
}

fn both_names(path: &Path) -> Vec<PathBuf> {
    let mut names = vec![path.to_owned()];
    names.extend(fs::canonicalize(path).ok().filter(|real| real != path));
    names
}

fn has_node_modules(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == OsStr::new("node_modules"))
}

fn is_shim(file: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| file.take(512).read_to_end(&mut start));
    // One that we may execute but not read is no script: the shell could not read it either.
    read.is_ok()
        && start
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(SHIM_MARKER.as_bytes()))
}

#[cfg(unix)]
pub(super) fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
pub(super) fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file()
}

/// The same file by whatever name: a symbolic or a hard link.
#[cfg(unix)]
pub(super) fn is_same_file(ours: &Path, _: &Path, metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(ours)
        .is_ok_and(|ours| ours.dev() == metadata.dev() && ours.ino() == metadata.ino())
}

#[cfg(not(unix))]
pub(super) fn is_same_file(ours: &Path, file: &Path, _: &Metadata) -> bool {
    fs::canonicalize(ours).is_ok_and(|ours| fs::canonicalize(file).is_ok_and(|file| file == ours))
}

#[cfg(test)]
mod tests;
