//! Looks at the machine and the project, and writes down what the policy depends on.
//!
//! Nothing is decided here, and nothing is run.

mod git;
mod paths;
mod secrets;
mod variables;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

pub use paths::Resolver;

use crate::app::SHIM;
use crate::error::Failure;
use crate::host::{Host, Settings, secret_files};
use crate::invocation::Invocation;
use crate::policy::plan::{Facts, Platform, is_system};
use crate::policy::{Network, Profile, environment};
use crate::project::Project;
use crate::sandbox::{self, files, jobserver};
use crate::units::tools::Tools;

/// What is known before the policy of one run of cargo is decided.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub invocation: &'a Invocation,
    /// Where cargo works.
    pub directory: &'a Path,
    pub places: &'a Places,
    pub host: &'a Host,
    pub settings: &'a Settings,
    pub profile: Profile,
    pub platform: Platform,
    /// The cache directory.
    pub cache: &'a Path,
    /// The build's own temporary folder.
    pub temporary: &'a Path,
    /// Where the manifest lies.
    pub package: &'a Path,
    /// `None` before cargo was asked.
    pub project: Option<&'a Project>,
    /// Where cargo writes, as found; the target folder first.
    pub artifacts: &'a [PathBuf],
    pub network: Network,
    /// What makes cargo start each unit in a box of its own, where this is for a build.
    pub tools: Option<&'a Tools>,
    /// What `cargo fetch` must not see, where this is for it.
    pub fetch_hides: &'a [PathBuf],
    /// What `cargo fetch` may write, where this is for it.
    pub fetch_writes: &'a [PathBuf],
    /// What it may read besides.
    pub fetch_reads: &'a [PathBuf],
}

/// The folders of the user and of the Rust tools, without links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    pub home: PathBuf,
    pub cargo_home: PathBuf,
    pub rustup_home: Option<PathBuf>,
}

impl Places {
    /// From the environment, as cargo and rustup find them.
    pub fn find(invocation: &Invocation, resolver: &mut Resolver) -> Result<Self> {
        let home = invocation
            .variable("HOME")
            .map(PathBuf::from)
            .or_else(dirs::home_dir)
            .ok_or_else(|| no_home("`HOME` is not set"))?;
        let named = |problem: &str| no_home(&format!("`HOME` is `{}`, {problem}", home.display()));
        let home = match resolver.existing(&home) {
            None => return Err(named("which leads nowhere").into()),
            Some(real) if real == Path::new("/") => {
                return Err(named("which is no folder of its own").into());
            }
            Some(real) => real,
        };
        let mut folder = |variable: &str, name: &str| {
            let path = invocation
                .variable(variable)
                .map_or_else(|| home.join(name), |path| invocation.resolve(path));
            resolver.resolve(&path).ok_or_else(|| {
                anyhow!(Failure::new(format!(
                    "`{variable}` leads nowhere: `{}`",
                    path.display()
                )))
            })
        };
        let cargo_home = folder("CARGO_HOME", ".cargo")?;
        let rustup_home = folder("RUSTUP_HOME", ".rustup")?;
        Ok(Self {
            cargo_home,
            rustup_home: rustup_home.is_dir().then_some(rustup_home),
            home,
        })
    }
}

fn no_home(problem: &str) -> Failure {
    Failure::new(format!("there is no home folder to protect: {problem}"))
        .help("set `HOME` to an existing folder other than `/`, even if it is an empty one")
}

/// The facts for one run of cargo.
pub fn facts(inputs: &Inputs<'_>, mut resolver: Resolver) -> Result<Facts> {
    let Inputs {
        invocation,
        places,
        host,
        ..
    } = *inputs;
    let workspace = inputs
        .project
        .map_or(inputs.package, |project| &project.workspace);
    let workspace = canonical(workspace, &mut resolver)?;
    let package = canonical(inputs.package, &mut resolver)?;
    check_workspace(inputs, &workspace, &package)?;
    // The links on the way to where the user stands, and cargo with `-C`.
    resolver.existing(&invocation.directory);
    resolver.existing(inputs.directory);
    let kept_names: Vec<OsString> = inputs
        .settings
        .keep_environment
        .iter()
        .map(OsString::from)
        .collect();
    let removed = environment::removed(&invocation.environment, &kept_names);
    let kept: Vec<(OsString, OsString)> = invocation
        .environment
        .iter()
        .filter(|(name, _)| !removed.iter().any(|variable| variable.name == *name))
        .cloned()
        .collect();
    let git = git::facts(inputs, &workspace, &mut resolver);
    let path_dependencies = path_dependencies(inputs, &workspace, &mut resolver);
    let mut secret_roots = vec![host.root.clone(), workspace.clone()];
    secret_roots.extend(path_dependencies.iter().cloned());
    let project_secrets = secret_files(&secret_roots);
    let fetch_writes = inputs
        .fetch_writes
        .iter()
        .filter_map(|path| resolver.existing(path))
        .collect();
    let search_path = invocation
        .variable("PATH")
        .into_iter()
        .flat_map(std::env::split_paths)
        .filter_map(|path| resolver.existing(&path))
        .collect();
    let mut build_variables = build_variables(&kept, &mut resolver);
    build_variables.extend(ourselves(invocation, &mut resolver));
    let mut granted = Vec::new();
    for path in inputs.settings.read_paths(&host.root, Some(&places.home))? {
        granted.extend(resolver.existing(&path));
    }
    let (homes, aliases) = other_names(inputs, &mut resolver);
    Ok(Facts {
        platform: inputs.platform,
        profile: inputs.profile,
        network: inputs.network,
        home: places.home.clone(),
        host: host.root.clone(),
        package: host.package.as_ref().map(|package| package.dir.clone()),
        settings_files: settings_files(
            inputs.directory,
            &workspace,
            &path_dependencies,
            &mut resolver,
        ),
        path_dependencies,
        artifacts: inputs.artifacts.to_vec(),
        temporary: inputs.temporary.to_owned(),
        cache: inputs.cache.to_owned(),
        cargo_home: places.cargo_home.clone(),
        toolchains: toolchains(places.rustup_home.as_deref(), &mut resolver),
        rustup_home: places.rustup_home.clone(),
        program: invocation.executable.clone(),
        search_path,
        build_variables,
        git_settings: git.settings,
        git_folders: git.folders,
        git_credentials: git.credentials,
        searched_all: project_secrets.complete,
        project_secrets: project_secrets
            .files
            .into_iter()
            .map(|secret| secret.path)
            .chain(git.secrets)
            .collect(),
        granted,
        system_secrets: secrets::elsewhere(places, inputs.platform, inputs.profile),
        homes,
        aliases,
        jobserver: pipe(&kept, &mut resolver),
        links: resolver.into_links(),
        fetch_hides: inputs.fetch_hides.to_vec(),
        fetch_writes,
        removed,
        set: set(inputs),
        tools: inputs
            .tools
            .iter()
            .flat_map(|tools| tools.paths().map(Path::to_owned))
            .collect(),
        workspace,
    })
}

/// The variables that the build gets from us.
fn set(inputs: &Inputs<'_>) -> Vec<(OsString, OsString)> {
    let mut set: Vec<(OsString, OsString)> = vec![("TMPDIR".into(), inputs.temporary.into())];
    match inputs.tools {
        // Each unit is told that it is offline. cargo itself, if told so, looks for the archive of
        // each crate several times, though all of them are there.
        Some(tools) => set.extend(tools.variables(&inputs.invocation.executable)),
        None if inputs.network == Network::Denied => {
            set.push(("CARGO_NET_OFFLINE".into(), "true".into()));
        }
        None => {}
    }
    // A relative one is meant from the current folder, which is not where cargo fetches.
    let homes = [
        ("CARGO_HOME", Some(&inputs.places.cargo_home)),
        ("RUSTUP_HOME", inputs.places.rustup_home.as_ref()),
    ];
    for (name, home) in homes {
        if let (Some(value), Some(home)) = (inputs.invocation.variable(name), home)
            && Path::new(value).is_relative()
        {
            set.push((name.into(), home.into()));
        }
    }
    set
}

fn canonical(path: &Path, resolver: &mut Resolver) -> Result<PathBuf> {
    resolver
        .existing(path)
        .with_context(|| format!("`{}` leads nowhere", path.display()))
}

/// A dependency must not widen what it may read by naming somebody else's workspace as its own.
fn check_workspace(inputs: &Inputs<'_>, workspace: &Path, package: &Path) -> Result<()> {
    let Some(dependency) = &inputs.host.package else {
        return Ok(());
    };
    let inside =
        |path: &Path| path.starts_with(&inputs.host.root) || path.starts_with(&dependency.dir);
    if inside(workspace) && inside(package) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the package's cargo workspace `{}` lies outside the package and the host",
        workspace.display()
    ))
    .help("a dependency must bring its own workspace: add `[workspace]` to its `Cargo.toml`")
    .into())
}

/// Packages outside the workspace. Those of a dependency's manifests do not count outside the
/// host: the dependency wrote the paths.
fn path_dependencies(
    inputs: &Inputs<'_>,
    workspace: &Path,
    resolver: &mut Resolver,
) -> Vec<PathBuf> {
    let Some(project) = inputs.project else {
        return inputs.fetch_reads.to_vec();
    };
    if inputs.host.package.is_some() {
        return Vec::new();
    }
    project
        .packages_outside(&[workspace, &inputs.host.root, &inputs.places.cargo_home])
        .iter()
        .filter_map(|path| resolver.existing(path))
        .collect()
}

/// Files that cargo, rustup, clippy and rustfmt look for in every folder above where they start.
fn settings_files(
    directory: &Path,
    workspace: &Path,
    path_dependencies: &[PathBuf],
    resolver: &mut Resolver,
) -> Vec<PathBuf> {
    const NAMES: [&str; 9] = [
        ".cargo/config",
        ".cargo/config.toml",
        ".clippy.toml",
        ".rustfmt.toml",
        "Cargo.toml",
        "clippy.toml",
        "rust-toolchain",
        "rust-toolchain.toml",
        "rustfmt.toml",
    ];
    let mut files = Vec::new();
    let starts = [directory, workspace]
        .into_iter()
        .chain(path_dependencies.iter().map(PathBuf::as_path));
    // Those of one place have most of them in common.
    let mut seen = HashSet::new();
    for folder in starts
        .flat_map(Path::ancestors)
        .filter(|folder| seen.insert(folder.as_os_str()))
    {
        files.extend(
            NAMES
                .iter()
                .filter_map(|name| resolver.existing(&folder.join(name)))
                .filter(|path| path.is_file()),
        );
    }
    files
}

/// Where `rustup toolchain link` leads.
fn toolchains(rustup_home: Option<&Path>, resolver: &mut Resolver) -> Vec<PathBuf> {
    let Some(entries) = rustup_home.and_then(|home| fs::read_dir(home.join("toolchains")).ok())
    else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
        .filter_map(|entry| resolver.existing(&entry.path()))
        .collect()
}

/// The folders that hold people's homes, and where else closed folders can be seen.
fn other_names(inputs: &Inputs<'_>, resolver: &mut Resolver) -> (Vec<PathBuf>, Vec<PathBuf>) {
    // Where these are links, the rules about their usual names would miss what they lead to.
    let homes: Vec<PathBuf> = ["/home", "/root", "/Users", "/var/root"]
        .iter()
        .filter_map(|path| resolver.existing(Path::new(path)))
        .collect();
    let mut closed = homes.clone();
    closed.push(inputs.places.home.clone());
    let above_host = inputs.host.root.parent();
    closed.extend(
        above_host
            .filter(|folder| !is_system(folder))
            .map(Path::to_owned),
    );
    closed.sort();
    closed.dedup();
    let aliases = sandbox::aliases(&closed);
    (homes, aliases)
}

/// Folders and programs that the environment names for the build.
fn build_variables(
    environment: &[(OsString, OsString)],
    resolver: &mut Resolver,
) -> Vec<(OsString, PathBuf)> {
    let mut found = Vec::new();
    for (name, path) in variables::build_paths(environment) {
        found.extend(resolver.existing(&path).map(|path| (name, path)));
    }
    for (name, path) in variables::programs(environment) {
        let program = resolver
            .existing(&path)
            .filter(|path| files::is_program(path));
        found.extend(program.map(|path| (name, path)));
    }
    found
}

/// The shim, and the way to our program, for a build script that calls cargo: it finds us again.
fn ourselves(invocation: &Invocation, resolver: &mut Resolver) -> Vec<(OsString, PathBuf)> {
    // The names first: what they lead through is remembered.
    let named = [
        Some(PathBuf::from(&invocation.program)),
        invocation.variable(SHIM).map(PathBuf::from),
    ];
    let named = named
        .into_iter()
        .flatten()
        .filter_map(|path| resolver.existing(&path))
        .filter(|path| files::is_program(path));
    named.map(|path| ("the call itself".into(), path)).collect()
}

/// The pipe of a surrounding `make`'s jobserver.
fn pipe(environment: &[(OsString, OsString)], resolver: &mut Resolver) -> Option<PathBuf> {
    let path = resolver.existing(&jobserver::named_pipe(environment)?)?;
    files::is_named_pipe(&path).then_some(path)
}
