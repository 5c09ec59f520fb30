//! `cargo fetch` before the build, so that the build can do without a network.
//!
//! It runs no crate's code, but it would obey a configuration file of the dependency's (cargo runs
//! `build.rustc` even to fetch), so it starts in the host's folder; and it is confined as well:
//! with a network, but with secrets hidden and only cargo's caches and the lock file to write.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::Failure;
use crate::host::cache;
use crate::project::{Project, Remembered};
use crate::sandbox::Ended;

/// One run of cargo before the build.
#[derive(Debug)]
pub struct Step<'a> {
    pub arguments: Vec<OsString>,
    /// May it use the network?
    pub network: bool,
    /// What it may write.
    pub writes: &'a [PathBuf],
    /// Where its standard output goes.
    pub output: Option<&'a fs::File>,
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
pub struct Request<'a> {
    /// `+toolchain`, if any, and options that come before the subcommand.
    pub toolchain: Option<&'a OsString>,
    /// `Cargo.toml`, absolute.
    pub manifest: &'a Path,
    pub config: &'a [OsString],
    pub unstable: &'a [OsString],
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
    run: &mut dyn FnMut(&Step<'_>) -> Result<Ended>,
) -> Result<Fetched> {
    let key = key(request);
    let state = format!("state-{}.json", cache::digest(key.as_bytes()));
    if let Some(project) = Remembered::recall(&request.cache.join(&state), &key) {
        return Ok(Fetched::Project(project));
    }
    let workspace = match locate(request, run)? {
        Ok(workspace) => workspace,
        Err(ended) => return Ok(Fetched::Failed(ended)),
    };
    let lock = Lock::open(&workspace, request.locked)?;
    let mut writes = caches(request.cargo_home)?;
    writes.extend(lock.path());
    if !request.offline {
        let ended = run(&Step {
            arguments: arguments(request, "fetch", &[]),
            network: true,
            writes: &writes,
            output: None,
        })?;
        if ended != Ended::Exited(0) {
            return Ok(Fetched::Failed(ended));
        }
    }
    let mut output = tempfile::tempfile().context("failed to make a temporary file")?;
    let ended = run(&Step {
        arguments: arguments(request, "metadata", &["--format-version=1", "--offline"]),
        network: false,
        writes: &writes,
        output: Some(&output),
    })?;
    if ended != Ended::Exited(0) {
        return Ok(Fetched::Failed(ended));
    }
    let project = Project::from_metadata(&contents(&mut output)?)?;
    let remembered = Remembered::new(key, project.clone(), request.watched);
    cache::write_atomic(request.cache, &state, &remembered.to_json()?)?;
    Ok(Fetched::Project(project))
}

/// The workspace's root, as cargo finds it.
fn locate(
    request: &Request<'_>,
    run: &mut dyn FnMut(&Step<'_>) -> Result<Ended>,
) -> Result<Result<PathBuf, Ended>> {
    let mut output = tempfile::tempfile().context("failed to make a temporary file")?;
    let ended = run(&Step {
        arguments: arguments(
            request,
            "locate-project",
            &["--workspace", "--message-format=plain"],
        ),
        network: false,
        writes: &[],
        output: Some(&output),
    })?;
    if ended != Ended::Exited(0) {
        return Ok(Err(ended));
    }
    let text = String::from_utf8(contents(&mut output)?)
        .map_err(|_| Failure::new("the workspace's path is not UTF-8, which cargo cannot tell"))?;
    let manifest = Path::new(text.trim_end_matches('\n'));
    Ok(Ok(manifest.parent().unwrap_or(manifest).to_owned()))
}

fn contents(file: &mut fs::File) -> Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn arguments(request: &Request<'_>, subcommand: &str, own: &[&str]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    arguments.extend(request.toolchain.map(|name| {
        let mut argument = OsString::from("+");
        argument.push(name);
        argument
    }));
    arguments.push(subcommand.into());
    arguments.push("--manifest-path".into());
    arguments.push(request.manifest.into());
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
    arguments.extend(own.iter().map(|argument| (*argument).into()));
    arguments
}

fn key(request: &Request<'_>) -> String {
    // Debug output is lossless, and two projects must never share an answer.
    let paths = [request.manifest.as_os_str()];
    format!(
        "{:?} {paths:?} {:?} {:?} {:?} {}",
        request.toolchain, request.config, request.unstable, request.locked, request.context
    )
}

/// cargo's caches, created where missing so that the sandbox can name them.
fn caches(cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path| format!("failed to create `{}`", path.display());
    let mut caches = Vec::new();
    for name in ["registry", "git"] {
        let folder = cargo_home.join(name);
        fs::create_dir_all(&folder).with_context(|| failed(&folder))?;
        caches.push(folder);
    }
    for name in [".package-cache", ".package-cache-mutate", ".global-cache"] {
        let file = cargo_home.join(name);
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&file)
            .with_context(|| failed(&file))?;
        caches.push(file);
    }
    Ok(caches)
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
            Ok(metadata) if metadata.is_file() => Ok(Self {
                path: Some(path),
                created: false,
            }),
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
