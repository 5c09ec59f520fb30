//! The whole story of one call, from top to bottom: parse what the user typed, find the real
//! cargo, gather facts, decide a policy, enforce it, run, report.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::build::{self, Build, News};
use crate::cargo::args::CargoLine;
use crate::cargo::command::{self, Classified, Kind};
use crate::cargo::config::{self, Config};
use crate::cargo::find;
use crate::commands;
use crate::error::Failure;
use crate::exit;
use crate::gather::{Places, Resolver};
use crate::host::{self, Homes, Host, Settings};
use crate::invocation::Invocation;
use crate::message::Voice;
use crate::options::Options;
use crate::policy::Policy;
use crate::sandbox::{self, Ended, Surroundings};
use crate::switch::{self, Switch};
use crate::units;

/// Set by `shim/cargo` to its own path: we are called as `cargo`, and that file is not the real one.
pub const SHIM: &str = "SANDBOXED_CARGO_SHIM";

/// Carries out one call.
pub fn run(invocation: &Invocation) -> ExitCode {
    let voice = voice(invocation, &CargoLine::parse(&invocation.arguments));
    let ended = if let Some(role) = units::role(&invocation.program) {
        units::run(role, invocation)
    } else if commands::asked_for(invocation) {
        commands::run(invocation, voice)
    } else {
        call(invocation, voice)
    };
    match ended {
        Ok(Ended::Exited(status)) => ExitCode::from(status),
        Ok(Ended::Signalled(signal)) => {
            sandbox::die_by(signal);
            // Only for a signal that does not end a process.
            ExitCode::from(exit::FAILURE)
        }
        Err(error) => {
            voice.error(&error);
            ExitCode::from(exit::FAILURE)
        }
    }
}

/// As colourful and as talkative as cargo is asked to be.
fn voice(invocation: &Invocation, line: &CargoLine) -> Voice {
    let colour = line
        .color
        .as_deref()
        .or_else(|| invocation.variable("CARGO_TERM_COLOR"));
    Voice::new(colour, line.quiet)
}

/// One call of cargo, in the sandbox where that is asked for.
pub fn call(invocation: &Invocation, voice: Voice) -> Result<Ended> {
    find::loop_guard(invocation.variable(find::LOOP), std::process::id())?;
    let switch = Switch::parse(invocation.variable(switch::VARIABLE))?;
    if switch == Switch::Off {
        return become_cargo(invocation, &real_cargo(invocation, None, &[])?);
    }
    if !sandbox::SUPPORTED {
        if switch == Switch::Require {
            return Err(Failure::new(
                "a sandbox is required, and this system has no sandbox backend yet",
            )
            .help("build on Linux or macOS, or set `PERRY_SANDBOX_BUILDRS=1` to build without one")
            .into());
        }
        voice.note(format_args!(
            "{} is set, but this system has no sandbox backend yet; building without one",
            switch::VARIABLE
        ));
        return become_cargo(invocation, &real_cargo(invocation, None, &[])?);
    }
    match sandbox::surroundings(invocation.variable("HOME").map(Path::new))? {
        Surroundings::Free => {}
        Surroundings::Ours => return become_cargo(invocation, &real_cargo(invocation, None, &[])?),
        Surroundings::Others => {
            voice.note("already inside a sandbox that denies the network and the home folder; building in that one");
            return become_cargo(invocation, &real_cargo(invocation, None, &[])?);
        }
    }
    let call = Call::understand(invocation)?;
    match call.decide() {
        Decision::Off => become_cargo(invocation, &call.cargo),
        // cargo asks rustc and starts subcommands by PATH, where npm puts dependencies' programs.
        Decision::Plain => become_cargo(&call.without_project_on_path(), &call.cargo),
        Decision::Exempt { package } => {
            voice.note(format_args!(
                "`{package}` builds without a sandbox, as the host's `package.json` says"
            ));
            become_cargo(invocation, &call.cargo)
        }
        Decision::Refuse(failure) => Err(failure.into()),
        Decision::Sandbox { program } => {
            sandbox::check(call.options.limits)?;
            if program {
                voice.note(
                    "the program that cargo runs is in the sandbox as well, without a network",
                );
            }
            let build = call.build();
            build.run(&|policy, news| tell(voice, &build, policy, news))
        }
        Decision::Units => {
            sandbox::check(call.options.limits)?;
            let build = call.build();
            match build.prepare_units(&|policy, news| tell(voice, &build, policy, news))? {
                Ok(variables) => {
                    let mut invocation = call.subcommand().with(&variables);
                    let (cargo, environment) = build.past_rustup(&invocation.environment);
                    invocation.environment = environment;
                    become_cargo(&invocation, &cargo)
                }
                Err(ended) => Ok(ended),
            }
        }
    }
}

/// What the user should know before cargo speaks.
fn tell(voice: Voice, build: &Build<'_>, policy: &Policy, news: News) {
    match news {
        News::Starting => {
            for note in &policy.notes {
                voice.note(note);
            }
            voice.status(
                "Sandboxed",
                format_args!("{} ({})", build.subject(), policy.profile),
            );
        }
        News::Hiding => {
            for mask in &policy.masked {
                voice.note(format_args!(
                    "`{}` holds credentials, so the build cannot read it here",
                    mask.path.display()
                ));
                voice.help("where git is needed, keep them in a credential helper, or allow namespaces: see `sandboxed-cargo sandbox doctor`");
            }
        }
    }
}

/// What is to be done with a call.
#[derive(Debug)]
pub enum Decision {
    /// The switch is off.
    Off,
    /// The command runs no foreign code.
    Plain,
    /// The host exempts the package.
    Exempt { package: String },
    /// The command cannot do its work in the sandbox.
    Refuse(Failure),
    /// `program` says that cargo also runs the user's own program.
    Sandbox { program: bool },
    /// cargo and the user's program are outside, and each unit of the build is in a sandbox.
    Units,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("plain cargo: the switch is off"),
            Self::Plain => f.write_str("plain cargo: the command runs no foreign code"),
            Self::Exempt { .. } => f.write_str("plain cargo: the host exempts the package"),
            Self::Refuse(failure) => write!(f, "refused: {failure}"),
            Self::Sandbox { program: false } => f.write_str("sandboxed"),
            Self::Sandbox { program: true } => {
                f.write_str("sandboxed, the program that cargo runs as well")
            }
            Self::Units => f.write_str("each unit of the build sandboxed, the program outside"),
        }
    }
}

/// A call of cargo as far as it can be understood without running anything.
#[derive(Debug)]
pub struct Call<'a> {
    invocation: &'a Invocation,
    pub cargo: PathBuf,
    switch: Switch,
    options: Options,
    places: Places,
    config: Config,
    /// A dependency's configuration, where it would be taken for a host's.
    sources: Vec<PathBuf>,
    /// The line after aliases, and what it does.
    pub command: Classified,
    /// Where cargo works: the current directory, or that of `-C`.
    directory: PathBuf,
    manifest: PathBuf,
    pub host: Host,
    pub settings: Settings,
}

impl<'a> Call<'a> {
    pub fn understand(invocation: &'a Invocation) -> Result<Self> {
        let typed = CargoLine::parse(&invocation.arguments);
        let places = Places::find(invocation, &mut Resolver::default())?;
        let directory = typed.directory.as_ref().map_or_else(
            || invocation.directory.clone(),
            |path| {
                let path = invocation.resolve(path);
                // As the kernel will name it to cargo: a link must not hide a `node_modules`.
                std::fs::canonicalize(&path).unwrap_or(path)
            },
        );
        let config = Config::load(
            &directory,
            &places.cargo_home,
            &typed.config,
            &invocation.environment,
        )?;
        // Whoever else wrote it, an alias must not be a dependency's: it is what the user typed, and
        // its options are obeyed like the user's own.
        let sources = config::distrusted_in_sources(&directory, &places.cargo_home);
        let mut distrusted = config::distrusted(&directory, Path::new("/"));
        distrusted.extend(sources.iter().cloned());
        let command = command::classify(&invocation.arguments, |name| {
            let files = config.alias_files(name);
            if files
                .iter()
                .any(|file| distrusted.iter().any(|path| path == file))
            {
                return Err(distrust(&distrusted).into());
            }
            config.alias(name)
        })?;
        let elsewhere = command.kind == Kind::InstallsFromElsewhere;
        let homes = Homes {
            user: Some(places.home.clone()),
            cargo: Some(places.cargo_home.clone()),
        };
        let (host, manifest) = if elsewhere {
            let folder = own_folder()?;
            (Host::nowhere(folder.clone()), folder.join("Cargo.toml"))
        } else {
            let manifest = build::manifest(&command.line, &directory);
            (host::locate(&directory, &manifest, &homes)?, manifest)
        };
        let settings = host.settings()?;
        let cargo = real_cargo(invocation, Some(&places), &project(&host))?;
        Ok(Self {
            invocation,
            cargo,
            switch: Switch::parse(invocation.variable(switch::VARIABLE))?,
            options: Options::read(invocation)?,
            places,
            config,
            sources,
            command,
            directory,
            manifest,
            host,
            settings,
        })
    }

    pub fn decide(&self) -> Decision {
        if self.switch == Switch::Off {
            return Decision::Off;
        }
        if !self.sources.is_empty() {
            return Decision::Refuse(distrust(&self.sources));
        }
        let distrusted = config::distrusted(&self.directory, &self.host.root);
        match self.command.kind {
            // Even `cargo --version` obeys a dependency's `rust-toolchain.toml`.
            Kind::Plain | Kind::Resolves if distrusted.is_empty() => Decision::Plain,
            Kind::Plain | Kind::Resolves => Decision::Refuse(distrust(&distrusted)),
            _ if self.host.is_exempt(&self.settings) => Decision::Exempt {
                package: self.build().subject(),
            },
            Kind::RunsProgram
            | Kind::Publishes
            | Kind::Installs
            | Kind::InstallsFromElsewhere
                if self.may_open() =>
            {
                Decision::Units
            }
            Kind::Publishes | Kind::InstallsFromElsewhere => Decision::Refuse(self.refusal(
                "needs the network, which a build must not have",
                "run `cargo build` in the sandbox first; for this command itself, unset `PERRY_SANDBOX_BUILDRS` \
                 if you trust every dependency",
            )),
            Kind::Installs => Decision::Refuse(self.refusal(
                "writes programs to a folder outside the project",
                "run `cargo build --release` in the sandbox, then copy the program from the target folder; or set \
                 `PERRY_SANDBOX_BUILDRS=0` for this command if you trust every dependency",
            )),
            Kind::EditsSources => Decision::Refuse(self.refusal(
                "rewrites sources, which a build must not",
                "run `cargo check` or `cargo clippy` in the sandbox, and apply what it suggests by hand",
            )),
            Kind::Compiles => Decision::Sandbox { program: false },
            Kind::RunsProgram | Kind::Unknown => Decision::Sandbox { program: true },
        }
    }

    /// May cargo and the program that it runs be outside of the sandbox? The user's own may; a
    /// dependency's may not, nor where each unit cannot have a sandbox of its own.
    fn may_open(&self) -> bool {
        self.host.package.is_none() && !self.settings.confine_programs && sandbox::UNITS
    }

    /// cargo finds a third-party command by `PATH`, where npm puts dependencies' programs.
    fn subcommand(&self) -> Invocation {
        if self.command.command == "nextest" {
            self.without_project_on_path()
        } else {
            self.invocation.clone()
        }
    }

    fn without_project_on_path(&self) -> Invocation {
        let mut invocation = self.invocation.clone();
        if let Some(path) = path_outside_project(&self.build()) {
            invocation.environment.retain(|(name, _)| name != "PATH");
            invocation.environment.push(("PATH".into(), path));
        }
        invocation
    }

    fn refusal(&self, reason: &str, help: &str) -> Failure {
        let option = if self.command.line.fix { " --fix" } else { "" };
        Failure::new(format!(
            "`cargo {}{option}` {reason}",
            self.command.command.display()
        ))
        .help(help)
    }

    pub fn build(&self) -> Build<'_> {
        Build {
            invocation: self.invocation,
            line: &self.command.line,
            kind: self.command.kind,
            cargo: &self.cargo,
            config: &self.config,
            directory: &self.directory,
            manifest: &self.manifest,
            host: &self.host,
            settings: &self.settings,
            options: &self.options,
            places: &self.places,
            voice: voice(self.invocation, &self.command.line),
        }
    }
}

/// An empty folder that stands for the project where there is none.
pub fn own_folder() -> Result<PathBuf> {
    let folder = dirs::cache_dir()
        .context("this system has no folder for caches")?
        .join("sandboxed-cargo");
    std::fs::create_dir_all(&folder)
        .and_then(|()| folder.canonicalize())
        .with_context(|| format!("failed to create `{}`", folder.display()))
}

fn distrust(files: &[PathBuf]) -> Failure {
    let names: Vec<_> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    Failure::new(format!(
        "cargo would obey a dependency's configuration: {}",
        names.join(", ")
    ))
    .help("run cargo from the host's folder, with `--manifest-path`")
}

/// Folders whose programs are a dependency's or a build's.
fn project(host: &Host) -> Vec<PathBuf> {
    let mut project = vec![host.root.clone()];
    project.extend(host.package.iter().map(|package| package.dir.clone()));
    project
}

pub fn real_cargo(
    invocation: &Invocation,
    places: Option<&Places>,
    project: &[PathBuf],
) -> Result<PathBuf> {
    let mut ours = vec![invocation.executable.clone()];
    ours.extend(invocation.variable(SHIM).map(PathBuf::from));
    search(invocation, places, &ours, project).real_cargo()
}

/// `PATH` without what a dependency could fill.
pub fn path_outside_project(build: &Build<'_>) -> Option<OsString> {
    search(
        build.invocation,
        Some(build.places),
        &[],
        &project(build.host),
    )
    .path_outside_project()
}

fn search<'a>(
    invocation: &'a Invocation,
    places: Option<&'a Places>,
    ours: &'a [PathBuf],
    project: &'a [PathBuf],
) -> find::Search<'a> {
    find::Search {
        path: invocation.variable("PATH"),
        replacement: invocation.variable(find::OVERRIDE),
        ours,
        project,
        home: places.map(|places| places.home.as_path()),
        cargo_home: places.map(|places| places.cargo_home.as_path()),
    }
}

/// Becomes the real cargo, without a sandbox: what the user asked for, or has inside one already.
fn become_cargo(invocation: &Invocation, cargo: &Path) -> Result<Ended> {
    let mut environment: Vec<_> = invocation
        .environment
        .iter()
        .filter(|(name, _)| name != SHIM && name != find::LOOP)
        .cloned()
        .collect();
    environment.push((find::LOOP.into(), std::process::id().to_string().into()));
    sandbox::become_program(cargo, &invocation.arguments, &environment)
        .with_context(|| format!("failed to start `{}`", cargo.display()))
}
