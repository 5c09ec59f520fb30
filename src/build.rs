//! One sandboxed run of cargo: everything between "this call compiles" and its exit status.

mod fetch;
mod folders;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use self::folders::Folders;
use crate::audit::Audit;
use crate::cargo::args::CargoLine;
use crate::cargo::command::Kind;
use crate::cargo::config::Config;
use crate::cargo::rustup::Question;
use crate::denial::Watch;
use crate::error::Failure;
use crate::gather::{self, Inputs, Places, Resolver};
use crate::host::{self, Host, Settings, cache};
use crate::invocation::Invocation;
use crate::message::Voice;
use crate::options::Options;
use crate::policy::plan::{Platform, plan};
use crate::policy::{Network, Policy, Profile};
use crate::prefetch::Fetched;
use crate::project::Project;
use crate::report::{self, Reporter};
use crate::sandbox::{self, Ended, Finished, Job, jobserver};
use crate::targets;
use crate::units::{self, session::Session, tools::Tools};

/// A call of cargo that is to be sandboxed, and all that was found out about it so far.
#[derive(Debug)]
pub struct Build<'a> {
    pub invocation: &'a Invocation,
    pub line: &'a CargoLine,
    pub kind: Kind,
    /// The real cargo.
    pub cargo: &'a Path,
    pub config: &'a Config,
    /// Where cargo works: the current directory, or that of `-C`.
    pub directory: &'a Path,
    /// Absolute, as typed or found.
    pub manifest: &'a Path,
    pub host: &'a Host,
    pub settings: &'a Settings,
    pub options: &'a Options,
    pub places: &'a Places,
    pub voice: Voice,
}

/// What there is to tell of a build before cargo speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing keeps it from running any more.
    Starting,
    /// Masked files are hidden.
    Hiding,
}

/// Where cargo itself is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cargo {
    Inside,
    Outside,
}

impl Cargo {
    /// Is each unit in a box of its own? Not inside a sandbox where none can be nested.
    fn has_units(self) -> bool {
        match self {
            Self::Inside => sandbox::PLATFORM == Platform::Linux,
            Self::Outside => true,
        }
    }
}

/// One start of cargo.
#[derive(Debug)]
struct Run<'a> {
    /// What its policy's file is called by.
    kind: &'static str,
    /// What tells it from the others of this call.
    name: &'a str,
    directory: &'a Path,
    arguments: &'a [OsString],
    /// May the toolchain's cargo be started without rustup?
    direct: bool,
    /// Where its standard output goes, if not where ours goes.
    output: Option<&'a fs::File>,
}

impl Build<'_> {
    /// Whom the policy is for, in words.
    pub fn subject(&self) -> String {
        if let Some(package) = &self.host.package {
            return package.name.display().to_string();
        }
        let name = self
            .host
            .root
            .file_name()
            .unwrap_or(self.host.root.as_os_str());
        name.display().to_string()
    }

    /// What the environment says, else the host, else `strict`.
    pub fn profile(&self) -> Profile {
        self.options
            .profile
            .or(self.settings.profile)
            .unwrap_or_default()
    }

    /// Fetches what is missing, decides the policy, and runs cargo under it.
    ///
    /// `tell` is told what the user should know before cargo speaks.
    pub fn run(&self, tell: &dyn Fn(&Policy, News)) -> Result<Ended> {
        self.check_tools()?;
        let cache = self.cache()?;
        let folders = Folders::create(self.invocation, Some(&cache))?;
        self.please_rustup();
        let project = match self.fetch(&cache, &folders, self.is_offline())? {
            Fetched::Project(project) => project,
            Fetched::Failed(ended) => return Ok(ended),
        };
        let policy = self.prepare(&cache, &folders, &project, Cargo::Inside)?;
        tell(&policy, News::Starting);
        let run = Run {
            kind: "buildrs",
            name: "build",
            // As typed: cargo enters the folder of `-C` itself.
            directory: &self.invocation.directory,
            arguments: &self.invocation.arguments,
            direct: true,
            output: None,
        };
        let mut hiding = || tell(&policy, News::Hiding);
        let watch = self.options.watch();
        let audit = Audit::new(&cache, watch);
        let mut finished = self.start(&policy, &cache, &folders, &run, watch, &mut hiding)?;
        units::package::correct(&mut finished.seen, &project.manifests);
        let reporter = self.reporter(&policy);
        if let Err(error) = audit.note(&finished.seen) {
            reporter.voice.warning(format_args!("{error:#}"));
        }
        reporter.tell(&finished);
        Ok(finished.ended)
    }

    /// We write there from outside of the sandbox, and must not follow what a build left there.
    fn check_report(&self, policy: &Policy) -> Result<()> {
        let Some(path) = &self.options.report else {
            return Ok(());
        };
        let folder = path
            .parent()
            .and_then(|folder| fs::canonicalize(folder).ok());
        match folder.zip(path.file_name()) {
            Some((folder, name)) if !policy.may_write(&folder.join(name)) => Ok(()),
            Some(_) => Err(Failure::new(format!(
                "`SANDBOXED_CARGO_REPORT` is `{}`, which the build may write",
                path.display()
            ))
            .help("name a file outside of the target folder")
            .into()),
            None => Err(Failure::new(format!(
                "`SANDBOXED_CARGO_REPORT` is `{}`, which is in no folder",
                path.display()
            ))
            .help("make the folder first")
            .into()),
        }
    }

    /// Manifests of packages that are not cargo's own copies of a registry's.
    fn own_manifests(&self, project: &Project) -> Vec<PathBuf> {
        let registry = self.places.cargo_home.join("registry");
        let manifests = project.manifests.iter();
        manifests
            .filter(|path| !path.starts_with(&registry))
            .cloned()
            .collect()
    }

    /// How denials of this build are told.
    fn reporter(&self, policy: &Policy) -> Reporter {
        let removed = policy.removed.iter();
        let names = removed.map(|removed| removed.name.to_string_lossy().into_owned());
        Reporter {
            voice: self.voice,
            verbose: self.line.verbose > 0 || self.options.watch() == Watch::Everything,
            asked: self.options.watch() == Watch::Everything,
            watch: self.options.watch(),
            context: report::Context {
                removed: names.collect(),
                ..self.told_to()
            },
            file: self.options.report.clone(),
            github: self.options.github,
        }
    }

    /// Whom denials are told to, and about what.
    pub fn told_to(&self) -> report::Context {
        let package = self.host.package.as_ref();
        let caches = [
            Some(&self.places.cargo_home),
            self.places.rustup_home.as_ref(),
        ];
        report::Context {
            home: self.places.home.clone(),
            settings: self.host.root.join("package.json"),
            package: package.map(|package| package.name.to_string_lossy().into_owned()),
            caches: caches.into_iter().flatten().cloned().collect(),
            removed: Vec::new(),
        }
    }

    /// Fetches what is missing and decides the policy, as [`Build::run`] does, for a cargo outside
    /// of the sandbox that starts each unit in one of its own: the variables that make it do so.
    ///
    /// The policy goes with the program that this process becomes next.
    pub fn prepare_units(
        &self,
        tell: &dyn Fn(&Policy, News),
    ) -> Result<std::result::Result<Vec<(OsString, OsString)>, Ended>> {
        Tools::check(self.config)?;
        let cache = self.cache()?;
        let folders = Folders::create(self.invocation, Some(&cache))?;
        let project = match self.project(&cache, &folders)? {
            Fetched::Project(project) => project,
            Fetched::Failed(ended) => return Ok(Err(ended)),
        };
        let policy = self.prepare(&cache, &folders, &project, Cargo::Outside)?;
        tell(&policy, News::Starting);
        let program = &self.invocation.executable;
        let mut variables = Tools::install(&cache, program, self.config)?.variables(program);
        let keep = self.settings.keep_environment.clone();
        // Not in a folder for everybody's temporary files: where units may write there, one could
        // put another folder in the place of another one's.
        let place = folders.root().parent().unwrap_or(&cache);
        // Of a single unit it means nothing that it was denied nothing.
        let reporter = Reporter {
            asked: false,
            ..self.reporter(&policy)
        };
        let mut session = Session::new(
            policy,
            self.options.limits,
            (
                Audit::new(&cache, self.options.watch()),
                self.own_manifests(&project),
            ),
            self.options.watch(),
            reporter,
            (folders.of_user.clone(), place.to_owned()),
            keep,
        );
        variables.push(session.leave(&self.invocation.environment)?);
        Ok(Ok(variables))
    }

    /// The policy of the build, without running it; nothing is fetched.
    pub fn explain(&self, platform: Platform) -> Result<Result<Policy, Ended>> {
        let cache = self.cache()?;
        let folders = Folders::create(self.invocation, None)?;
        Ok(match self.fetch(&cache, &folders, true)? {
            Fetched::Project(project) => {
                Ok(self.policy(platform, &cache, &folders, &project, Cargo::Inside)?)
            }
            Fetched::Failed(ended) => Err(ended),
        })
    }

    fn check_tools(&self) -> Result<()> {
        if Cargo::Inside.has_units() {
            Tools::check(self.config)?;
        }
        Ok(())
    }

    /// rustup, which cargo may be a proxy of, insists on this folder at every start, and cannot
    /// make it in the sandbox. Where we cannot either, it has its own message.
    fn please_rustup(&self) {
        if let Some(home) = &self.places.rustup_home
            && home.join("toolchains").is_dir()
        {
            let _ = fs::create_dir(home.join("update-hashes"));
        }
    }

    /// The cache directory, made if need be.
    fn cache(&self) -> Result<PathBuf> {
        cache::prepare(&self.cache_place(), &self.host.root)
    }

    pub fn cache_place(&self) -> PathBuf {
        cache::directory(
            &self.host.root,
            self.options.cache.as_deref().map(Path::as_os_str),
            self.settings,
        )
    }

    fn inputs<'b>(&'b self, cache: &'b Path, folders: &'b Folders) -> Inputs<'b> {
        Inputs {
            invocation: self.invocation,
            directory: self.directory,
            places: self.places,
            host: self.host,
            settings: self.settings,
            profile: self.profile(),
            platform: sandbox::PLATFORM,
            cache,
            temporary: &folders.temporary,
            package: self.manifest.parent().unwrap_or(self.manifest),
            project: None,
            artifacts: &[],
            network: Network::Denied,
            tools: None,
            fetch_hides: &[],
            fetch_writes: &[],
            fetch_reads: &[],
        }
    }

    fn policy(
        &self,
        platform: Platform,
        cache: &Path,
        folders: &Folders,
        project: &Project,
        place: Cargo,
    ) -> Result<Policy> {
        let mut resolver = Resolver::default();
        let artifacts = targets::find(self, project, &mut resolver)?;
        let tools = if platform == sandbox::PLATFORM && place.has_units() {
            let program = &self.invocation.executable;
            Some(Tools::install(cache, program, self.config)?)
        } else {
            None
        };
        let facts = gather::facts(
            &Inputs {
                platform,
                project: Some(project),
                artifacts: &artifacts,
                tools: tools.as_ref(),
                ..self.inputs(cache, folders)
            },
            resolver,
        )?;
        let policy = plan(&facts)?;
        targets::check_sources(&artifacts, project)?;
        Ok(policy)
    }

    /// Decides the policy, and makes what it names.
    fn prepare(
        &self,
        cache: &Path,
        folders: &Folders,
        project: &Project,
        place: Cargo,
    ) -> Result<Policy> {
        let policy = self.policy(sandbox::PLATFORM, cache, folders, project, place)?;
        self.check_report(&policy)?;
        targets::create(&policy)?;
        // A build without units, such as that of a third-party command, may write all of it.
        if place == Cargo::Outside {
            targets::links::check(&policy.artifacts)?;
        }
        if place.has_units() {
            units::looked::wrap_left_behind(&policy.artifacts, cache)?;
        }
        if self.host.package.is_some() {
            targets::check_names(&policy.artifacts, cache)?;
        }
        Ok(policy)
    }

    fn start(
        &self,
        policy: &Policy,
        cache: &Path,
        folders: &Folders,
        run: &Run<'_>,
        watch: Watch,
        hiding: &mut dyn FnMut(),
    ) -> Result<Finished> {
        let package = self
            .host
            .package
            .as_ref()
            .map(|package| package.name.as_os_str());
        let file = cache::file_name(run.kind, package, sandbox::PLATFORM);
        let record = sandbox::record(policy, &self.subject())?;
        // On macOS the system reads it, and another build may be about to start with it.
        let record = if sandbox::PLATFORM == Platform::Linux {
            cache::write_record(cache, &file, record.as_bytes())?
        } else {
            cache::write_atomic(cache, &file, record.as_bytes())?
        };
        let scratch = folders.root().join(run.name);
        let mut environment = environment(self.invocation, policy);
        let mut cargo = self.cargo.to_owned();
        if run.direct {
            (cargo, environment) = self.past_rustup(&environment);
        }
        let job = Job {
            policy,
            program: &cargo,
            arguments: run.arguments,
            environment: &environment,
            directory: run.directory,
            parent: None,
            keep: &jobserver::descriptors(&environment),
            record: &record,
            scratch: &scratch,
            limits: self.options.limits,
            watch,
            part: None,
            output: run.output,
        };
        sandbox::run(&job, hiding)
    }

    /// What rustup would make of cargo in the current directory.
    pub fn past_rustup(
        &self,
        environment: &[(OsString, OsString)],
    ) -> (PathBuf, Vec<(OsString, OsString)>) {
        // On macOS it sets other variables.
        if sandbox::PLATFORM != Platform::Linux {
            return (self.cargo.to_owned(), environment.to_vec());
        }
        Question {
            cargo: self.cargo,
            named: self.line.toolchain.is_some(),
            environment,
            directory: &self.invocation.directory,
        }
        .resolve()
    }
}

/// The environment of the build.
fn environment(invocation: &Invocation, policy: &Policy) -> Vec<(OsString, OsString)> {
    let ours = |name: &OsStr| {
        name == crate::app::SHIM
            || name == crate::cargo::find::LOOP
            || policy.set.iter().any(|(set, _)| set == name)
            || policy.removed.iter().any(|removed| removed.name == name)
    };
    invocation
        .environment
        .iter()
        .filter(|(name, _)| !ours(name))
        .chain(&policy.set)
        .cloned()
        .collect()
}

/// The manifest that cargo will use, absolute.
pub fn manifest(line: &CargoLine, directory: &Path) -> PathBuf {
    match (&line.manifest_path, &line.path) {
        (Some(path), _) => directory.join(path),
        (None, Some(folder)) if line.subcommand.as_deref() == Some("install".as_ref()) => {
            directory.join(folder).join("Cargo.toml")
        }
        _ => host::find_manifest(directory).unwrap_or_else(|| directory.join("Cargo.toml")),
    }
}
