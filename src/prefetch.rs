//! `cargo fetch` before the build, so that the build can do without a network.
//!
//! It runs no crate's code, but it would obey a configuration file of the dependency's (cargo runs
//! `build.rustc` even to fetch), so it starts in the host's folder; and it is confined as well:
//! with a network, but with secrets hidden and only cargo's caches and the lock file to write.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cargo::neighbours::{named_by, neighbours};
use crate::error::Failure;
use crate::host::{self, cache};
use crate::project::{Project, Remembered, Workspace};
use crate::sandbox::{Ended, files};

/// One run of cargo before the build.
#[derive(Debug, Default)]
pub struct Step {
    pub arguments: Vec<OsString>,
    /// May it use the network?
    pub network: bool,
    /// What it may read besides.
    pub reads: Vec<PathBuf>,
    /// Repositories that it would fetch from the file system.
    pub repositories: Vec<PathBuf>,
    /// What it may write.
    pub writes: Vec<PathBuf>,
    /// The workspace whose artifacts it must not see: a build wrote them, and a manifest among them
    /// could name a URL that carries what the build found out.
    pub workspace: Option<PathBuf>,
    /// Does it start where the manifest is, and not in the host's folder?
    pub in_place: bool,
    /// Where its standard output goes.
    pub output: Option<fs::File>,
}

/// What the prefetch found out.
#[derive(Debug)]
pub enum Fetched {
    Project(Project),
    /// cargo failed, and has said why itself.
    Failed(Ended),
}

/// What cargo was asked for, as far as it matters here.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "cargo's own flags")]
pub struct Request<'a> {
    /// `+toolchain`, if any, and options that come before the subcommand.
    pub toolchain: Option<&'a OsString>,
    /// `Cargo.toml`, absolute.
    pub manifest: &'a Path,
    pub config: &'a [OsString],
    pub unstable: &'a [OsString],
    /// Are the manifest's paths the host's own, and not a dependency's?
    pub own_paths: bool,
    /// Is nothing built for another platform than this one?
    pub for_host: bool,
    pub offline: bool,
    /// `--locked` or `--frozen`: the lock file must do as it is.
    pub locked: bool,
    pub quiet: bool,
    pub cargo_home: &'a Path,
    /// The cache directory.
    pub cache: &'a Path,
    /// Everything else of the call that cargo's answer depends on.
    pub context: &'a str,
    /// Files whose change asks for another run.
    pub watched: &'a [PathBuf],
}

/// Makes sure that all that the build needs is there, and tells what it is.
///
/// `run` runs cargo behind the prefetch's wall.
pub fn prefetch(
    request: &Request<'_>,
    run: &mut dyn FnMut(&Step) -> Result<Ended>,
) -> Result<Fetched> {
    let Some(manifest) = request.manifest.to_str() else {
        return in_place(request, run);
    };
    let key = key(request);
    let state = format!("state-{key}.json");
    if let Some(project) = Remembered::recall(&request.cache.join(&state), &key) {
        return Ok(Fetched::Project(project));
    }
    let mut step = Step::default();
    let platform = match platform(request, &mut step, run)? {
        Ok(platform) => platform,
        Err(ended) => return Ok(Fetched::Failed(ended)),
    };
    let only = |option: &str| -> Vec<String> {
        let platform = platform.iter();
        platform.map(|name| format!("{option}={name}")).collect()
    };
    if request.own_paths {
        // Its workspace, which may lie around the host's folder, and what that names.
        let folder = request.manifest.parent().unwrap_or(request.manifest);
        let root = host::workspace_root(folder, Some(request.cargo_home));
        let paths = vec![folder.to_owned(), root];
        step.reads = neighbours(paths, &[request.cargo_home], folder);
    }
    step.arguments = arguments(
        request,
        manifest,
        &["metadata", "--no-deps", "--format-version=1", "--offline"],
        &[],
    );
    let json = match captured(&mut step, run)? {
        Ok(json) => json,
        Err(ended) => return Ok(Fetched::Failed(ended)),
    };
    let workspace = Workspace::from_metadata(&json)?;
    if request.own_paths {
        let mut paths = workspace.paths;
        paths.push(workspace.root.clone());
        step.reads = neighbours(paths, &[request.cargo_home], &workspace.root);
    }
    let lock = Lock::open(&workspace.root, request.locked)?;
    step.writes = caches(request.cargo_home)?;
    step.writes.extend(lock.path());
    step.workspace = Some(workspace.root.clone());
    step.repositories = workspace.repositories;
    if !request.offline {
        step.arguments = arguments(request, manifest, &["fetch"], &only("--target"));
        step.network = true;
        let ended = run(&step)?;
        if ended != Ended::Exited(0) {
            return Ok(Fetched::Failed(ended));
        }
    }
    step.arguments = arguments(
        request,
        manifest,
        &["metadata", "--format-version=1", "--offline"],
        &only("--filter-platform"),
    );
    step.network = false;
    let json = match captured(&mut step, run)? {
        Ok(json) => json,
        Err(ended) => return Ok(Fetched::Failed(ended)),
    };
    let mut project = Project::from_metadata(&json)?;
    if platform.is_some() {
        // cargo reads the manifests of other platforms' packages as well, where they are no
        // registry's.
        project.add(&step.reads);
    }
    // An empty lock file is gone before its state is remembered.
    drop(lock);
    let remembered = Remembered::new(key, project.clone(), request.watched, request.cargo_home);
    cache::write_atomic(request.cache, &state, &remembered.to_json()?)?;
    Ok(Fetched::Project(project))
}

/// The same for a path that is not UTF-8: cargo takes no such argument and prints no such path,
/// but it builds in such a folder.
fn in_place(request: &Request<'_>, run: &mut dyn FnMut(&Step) -> Result<Ended>) -> Result<Fetched> {
    let folder = request.manifest.parent().unwrap_or(request.manifest);
    if !request.own_paths {
        return Err(Failure::new(format!(
            "the path of the package is not UTF-8: `{}`",
            folder.display()
        ))
        .help("install it in a folder whose path is UTF-8")
        .into());
    }
    let workspace = host::workspace_root(folder, Some(request.cargo_home));
    let lock = Lock::open(&workspace, request.locked)?;
    let mut writes = caches(request.cargo_home)?;
    writes.extend(lock.path());
    let ended = run(&Step {
        arguments: arguments(request, "", &["fetch"], &[]),
        network: !request.offline,
        reads: neighbours(
            named_by(folder),
            &[&workspace, request.cargo_home],
            &workspace,
        ),
        writes,
        workspace: Some(workspace.clone()),
        in_place: true,
        ..Step::default()
    })?;
    if ended != Ended::Exited(0) {
        return Ok(Fetched::Failed(ended));
    }
    Ok(Fetched::Project(Project {
        manifests: vec![request.manifest.to_owned()],
        workspace,
        build_directory: None,
    }))
}

/// The platform whose crates are enough; `None` for those of all.
///
/// Plain cargo downloads no others, so who is offline has no others.
fn platform(
    request: &Request<'_>,
    step: &mut Step,
    run: &mut dyn FnMut(&Step) -> Result<Ended>,
) -> Result<Result<Option<String>, Ended>> {
    if !request.for_host {
        return Ok(Ok(None));
    }
    step.arguments = toolchain(request).into_iter().collect();
    step.arguments.push("-vV".into());
    let told = match captured(step, run)? {
        Ok(told) => String::from_utf8_lossy(&told).into_owned(),
        Err(ended) => return Ok(Err(ended)),
    };
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(Ok(host.map(str::to_owned)))
}

/// What cargo wrote to its standard output, if it succeeded.
fn captured(
    step: &mut Step,
    run: &mut dyn FnMut(&Step) -> Result<Ended>,
) -> Result<Result<Vec<u8>, Ended>> {
    let file = tempfile::tempfile().context("failed to make a temporary file")?;
    step.output = Some(file);
    let ended = run(step)?;
    let Some(mut file) = step.output.take() else {
        return Ok(Err(ended));
    };
    if ended != Ended::Exited(0) {
        return Ok(Err(ended));
    }
    contents(&mut file).map(Ok)
}

fn contents(file: &mut fs::File) -> Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn toolchain(request: &Request<'_>) -> Option<OsString> {
    request.toolchain.map(|name| {
        let mut argument = OsString::from("+");
        argument.push(name);
        argument
    })
}

/// `own` is the subcommand with our options, and `more` are others; an empty `manifest` is left to
/// cargo to find.
fn arguments(
    request: &Request<'_>,
    manifest: &str,
    own: &[&str],
    more: &[String],
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = toolchain(request).into_iter().collect();
    arguments.extend(own.iter().map(OsString::from));
    arguments.extend(more.iter().map(OsString::from));
    if !manifest.is_empty() {
        arguments.extend(["--manifest-path".into(), manifest.into()]);
    }
    for value in request.config {
        arguments.extend(["--config".into(), value.clone()]);
    }
    for value in request.unstable {
        arguments.extend(["-Z".into(), value.clone()]);
    }
    let flags = [
        ("--offline", request.offline && !own.contains(&"--offline")),
        ("--locked", request.locked),
        ("--quiet", request.quiet),
    ];
    arguments.extend(
        flags
            .iter()
            .filter(|(_, given)| *given)
            .map(|(flag, _)| (*flag).into()),
    );
    arguments
}

/// A digest: options and variables may hold tokens, and the build can read the cache directory.
fn key(request: &Request<'_>) -> String {
    // Debug output is lossless, and two projects must never share an answer. A configuration file
    // that is new is one that nobody watched.
    let paths = (request.manifest.as_os_str(), request.watched);
    let text = format!(
        "{:?} {paths:?} {:?} {:?} {:?} {} {}",
        request.toolchain,
        request.config,
        request.unstable,
        request.locked,
        request.for_host,
        request.context
    );
    cache::digest(text.as_bytes())
}

/// cargo's caches, created where missing so that the sandbox can name them.
///
/// One that we may not write is left out: cargo does without where it needs nothing from it, and
/// else says so itself.
fn caches(cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let mut caches = Vec::new();
    for name in ["registry", "git"] {
        let folder = cargo_home.join(name);
        caches.extend(writable(&folder, fs::create_dir_all(&folder))?);
    }
    for name in [".package-cache", ".package-cache-mutate", ".global-cache"] {
        let file = cargo_home.join(name);
        let mut options = fs::OpenOptions::new();
        let opened = options.append(true).create(true).open(&file).map(drop);
        caches.extend(writable(&file, opened)?);
    }
    Ok(caches)
}

fn writable(path: &Path, created: io::Result<()>) -> Result<Option<PathBuf>> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};

    match created {
        Ok(()) => Ok(Some(path.to_owned())),
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to create `{}`", path.display())),
    }
}

/// `Cargo.lock`, which cargo writes in place: it must be there before the sandbox can name it.
#[derive(Debug)]
struct Lock {
    path: Option<PathBuf>,
    /// It was not there before us.
    created: bool,
}

impl Lock {
    fn open(workspace: &Path, locked: bool) -> Result<Self> {
        let path = workspace.join("Cargo.lock");
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                if files::names(&metadata).is_some() {
                    single_out(&path)
                        .with_context(|| format!("failed to copy `{}`", path.display()))?;
                }
                Ok(Self {
                    path: Some(path),
                    created: false,
                })
            }
            Ok(_) => Err(
                Failure::new(format!("`{}` is not a regular file", path.display()))
                    .help("a link there could make cargo write anywhere: put the file itself there")
                    .into(),
            ),
            // cargo says that it would have to create it.
            Err(_) if locked => Ok(Self {
                path: None,
                created: false,
            }),
            Err(_) => {
                fs::File::create_new(&path)
                    .with_context(|| format!("failed to create `{}`", path.display()))?;
                Ok(Self {
                    path: Some(path),
                    created: true,
                })
            }
        }
    }

    fn path(&self) -> Option<PathBuf> {
        self.path.clone()
    }
}

/// Gives a file with several names a copy of its own under this one: what pnpm installs are hard
/// links to a store that all projects share, and cargo would write through.
fn single_out(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut copy = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut fs::File::open(path)?, copy.as_file_mut())?;
    copy.as_file()
        .set_permissions(fs::metadata(path)?.permissions())?;
    copy.persist(path).map_err(|error| error.error).map(drop)
}

impl Drop for Lock {
    /// Leaves no empty file behind where cargo failed.
    fn drop(&mut self) {
        if let (true, Some(path)) = (self.created, &self.path)
            && fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0)
        {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_others_share_is_copied_first() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("Cargo.lock");
        let other = folder.path().join("other");
        fs::write(&lock, "one").unwrap();
        fs::hard_link(&lock, &other).unwrap();
        Lock::open(folder.path(), false).unwrap();
        fs::write(&lock, "two").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "one");
    }

    #[test]
    fn an_empty_lock_file_of_ours_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        let lock = Lock::open(folder.path(), false).unwrap();
        assert!(path.exists());
        drop(lock);
        assert!(!path.exists());
        assert!(Lock::open(folder.path(), true).unwrap().path().is_none());
    }
}
