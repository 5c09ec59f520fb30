//! Tries the documented attacks on this machine: `sandbox self-test`.
//!
//! A small project whose build script and proc macro try everything is built twice in a throw-away
//! folder: by plain cargo, which shows that the attacks work here, and by the cargo under test.
//! What an attack achieved is told by canaries that this process owns, not by the attacker.

mod canaries;
mod judge;
mod project;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::error::Failure;
use crate::policy::plan::Platform;
use crate::sandbox;

pub use judge::{Row, Verdict, judge, status, table};

/// Who tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    BuildScript,
    ProcMacro,
}

impl Actor {
    pub const ALL: [Self; 2] = [Self::BuildScript, Self::ProcMacro];

    /// What it calls itself.
    const fn word(self) -> &'static str {
        match self {
            Self::BuildScript => "script",
            Self::ProcMacro => "macro",
        }
    }
}

/// What the sandbox promises.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guarantee {
    /// As the attack is called in `package/attack.rs`.
    pub name: &'static str,
    pub text: &'static str,
    /// Can it be tried on this system?
    here: bool,
}

const LINUX: bool = matches!(sandbox::PLATFORM, Platform::Linux);

/// See `docs/threat-model.md`.
pub const GUARANTEES: &[Guarantee] = &[
    always("tcp", "no TCP connection, not even to this machine"),
    always("udp", "no UDP datagram"),
    always("socket", "no connection to a daemon's socket"),
    on_linux("abstract", "no connection to an abstract socket"),
    always("secret-file", "~/.ssh/id_ed25519 is not readable"),
    always("secret-variable", "AWS_SECRET_ACCESS_KEY is not there"),
    on_linux("environment", "no other process's environment is readable"),
    always("dotfile", "~/.bashrc does not change"),
    always("program", "no program appears in ~/.cargo/bin"),
    always("source", "the project's sources do not change"),
    always("cache", "nothing appears in .perry-cache"),
    // On macOS all crates of a build share a sandbox.
    on_linux("results", "another crate's results do not change"),
    always("signal", "no process outside can be killed"),
    on_linux("left", "nothing runs on after the build"),
];

const fn always(name: &'static str, text: &'static str) -> Guarantee {
    Guarantee {
        name,
        text,
        here: true,
    }
}

const fn on_linux(name: &'static str, text: &'static str) -> Guarantee {
    Guarantee {
        name,
        text,
        here: LINUX,
    }
}

/// The guarantees that can be tried on this system.
pub fn guarantees() -> impl Iterator<Item = &'static Guarantee> {
    GUARANTEES.iter().filter(|guarantee| guarantee.here)
}

/// A cargo, and how it is called.
#[derive(Debug, Clone)]
pub struct Side {
    pub cargo: PathBuf,
    /// What it is given besides the environment of the throw-away home.
    pub environment: Vec<(OsString, OsString)>,
}

/// What the attacks achieved in one build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Who ran at all.
    pub ran: BTreeSet<Actor>,
    pub achieved: BTreeSet<(Actor, &'static str)>,
}

/// Builds the hostile project with this cargo, in a new folder below `place`.
pub fn observe(side: &Side, place: &Path) -> Result<Observed> {
    let world = tempfile::Builder::new()
        .prefix("self-test.")
        .tempdir_in(place)
        .and_then(|folder| Ok((folder.path().canonicalize()?, folder)))
        .with_context(|| format!("failed to make a folder in `{}`", place.display()));
    let (root, _folder) = world?;
    let mut canaries = canaries::Canaries::set_out(&root).context("failed to set out canaries")?;
    project::write(&root, canaries.plan()).context("failed to write the hostile project")?;
    let output = Command::new(&side.cargo)
        .args(["build", "--offline", "--color=never"])
        .current_dir(canaries.project())
        .env_clear()
        .envs(side.environment.iter().map(|(name, value)| (name, value)))
        .envs(canaries.environment())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start `{}`", side.cargo.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if !output.status.success() {
        let mut failure = Failure::new(format!(
            "`{}` did not build the hostile project: {}",
            side.cargo.display(),
            output.status
        ));
        for line in text.lines() {
            failure = failure.help(line);
        }
        return Err(failure.into());
    }
    canaries.look(&text).context("failed to look at canaries")
}
