//! Our own commands, `sandboxed-cargo sandbox …`; never reachable under the name of cargo.

mod doctor;
mod explain;
mod profile;
mod report;
#[cfg(unix)]
mod self_test;
mod why;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::app::SHIM;
use crate::exit;
use crate::invocation::Invocation;
use crate::message::{self, Voice};
use crate::options::Options;
use crate::sandbox::Ended;

/// The one word that is ours and not cargo's.
const WORD: &str = "sandbox";

#[derive(Debug, Parser)]
#[command(
    name = "sandboxed-cargo sandbox",
    bin_name = "sandboxed-cargo sandbox",
    disable_help_subcommand = true
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what would happen for these cargo arguments, and why; nothing is built
    Explain {
        /// What follows `cargo`, for instance `build --release`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print the policy as a system would enforce it
    Profile {
        /// The system; this one if not given
        #[arg(long, value_enum)]
        platform: Option<Platform>,
        /// What follows `cargo`; `build` if not given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build with everything observed, and say what was denied, to whom and why
    Why {
        /// What follows `cargo`; `build` if not given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Show what each crate did when it was last built: programs, files, what was denied
    Report {
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// A file to write it to, instead of printing it
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The package, if it is not that of the current folder
        #[arg(long, value_name = "PATH")]
        manifest_path: Option<OsString>,
    },
    /// Try the documented attacks on this machine, against canaries in a folder of their own
    #[cfg(unix)]
    SelfTest {
        /// The cargo to test, such as the one first on PATH; this program if not given
        #[arg(long, value_name = "PATH")]
        cargo: Option<PathBuf>,
    },
    /// Say what this system can enforce, and what it lacks
    Doctor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Platform {
    Linux,
    Macos,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// For programs; see docs/report.md
    Json,
    /// One page that needs nothing else
    Html,
}

/// Is this call for us and not for cargo?
pub fn asked_for(invocation: &Invocation) -> bool {
    let own_name = Path::new(&invocation.program)
        .file_stem()
        .is_some_and(|name| name == "sandboxed-cargo");
    own_name
        && invocation.variable(SHIM).is_none()
        && invocation
            .arguments
            .first()
            .is_some_and(|first| first == OsStr::new(WORD))
}

/// Carries out one of our commands.
pub fn run(invocation: &Invocation, voice: Voice) -> Result<Ended> {
    let line = match Line::try_parse_from(&invocation.arguments) {
        Ok(line) => line,
        Err(error) if error.use_stderr() => {
            message::raw(&error.to_string());
            return Ok(Ended::Exited(exit::FAILURE));
        }
        Err(help) => {
            message::output(&help.to_string());
            return Ok(Ended::Exited(0));
        }
    };
    match line.command {
        Command::Explain { arguments } => explain::run(&with(invocation, arguments), voice),
        Command::Profile {
            platform,
            arguments,
        } => profile::run(&with(invocation, arguments), platform),
        Command::Why { arguments } => why::run(&with(invocation, arguments), voice),
        Command::Report {
            format,
            output,
            manifest_path,
        } => {
            let path = manifest_path.map(|path| ["--manifest-path".into(), path]);
            let mut arguments = vec!["build".into()];
            arguments.extend(path.into_iter().flatten());
            report::run(&with(invocation, arguments), format, output.as_deref())
        }
        #[cfg(unix)]
        Command::SelfTest { cargo } => self_test::run(invocation, voice, cargo),
        Command::Doctor => Ok(doctor::run(invocation, Options::read(invocation)?.limits)),
    }
}

/// The same call with cargo's arguments instead of ours.
fn with(invocation: &Invocation, arguments: Vec<OsString>) -> Invocation {
    let arguments = if arguments.is_empty() {
        vec!["build".into()]
    } else {
        arguments
    };
    Invocation {
        arguments,
        ..invocation.clone()
    }
}
