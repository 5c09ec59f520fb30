//! The one door to the operating systems' sandboxes: what this system can do, and running a
//! program under a policy.
//!
//! A backend either enforces the whole policy or starts nothing.

#[cfg(target_os = "linux")]
pub mod linux;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod unsupported;

#[cfg(target_os = "linux")]
use linux as backend;
#[cfg(target_os = "macos")]
use macos as backend;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
use unsupported as backend;

#[cfg(unix)]
pub mod descriptors;
pub mod files;
pub mod folder;
pub mod jobserver;
pub mod launcher;
pub mod removal;
pub mod seatbelt;
#[cfg(unix)]
pub mod shell_launcher;
#[cfg(unix)]
pub mod unlinked;

pub use backend::Running;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::denial::{self, Seen, Watch};
use crate::policy::Policy;
use crate::policy::plan::Platform;

/// Does this system have a backend at all?
pub const SUPPORTED: bool = cfg!(any(target_os = "linux", target_os = "macos"));

/// Can each unit have a sandbox of its own?
pub const UNITS: bool = SUPPORTED;

/// This system, or the one whose policy is nearest.
pub const PLATFORM: Platform = if cfg!(target_os = "macos") {
    Platform::Macos
} else {
    Platform::Linux
};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited(u8),
    /// By this signal.
    Signalled(i32),
}

/// A program that ran, and what was observed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub ended: Ended,
    pub seen: Seen,
}

/// Whether the second wall on Linux is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Namespaces {
    /// Where the kernel allows it.
    #[default]
    Auto,
    /// Never.
    Off,
    /// A kernel that refuses it ends the run.
    Require,
}

/// What to do without although the system may have it, to try out others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    pub namespaces: Namespaces,
    /// The newest version of Landlock to use, where not all that the kernel has.
    pub landlock: Option<i32>,
}

/// A program to run, and what it may do.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub policy: &'a Policy,
    /// Absolute.
    pub program: &'a Path,
    pub arguments: &'a [OsString],
    /// The whole environment of the program.
    pub environment: &'a [(OsString, OsString)],
    pub directory: &'a Path,
    /// Our parent, if all ends with that, however it ends.
    pub parent: Option<i32>,
    /// Descriptors that it keeps, if they are pipes.
    pub keep: &'a [i32],
    /// The file that holds [`record`].
    pub record: &'a Path,
    /// A folder of ours that the program cannot write, for what a backend needs on disk; made by
    /// the backend if it needs one.
    pub scratch: &'a Path,
    pub limits: Limits,
    pub watch: Watch,
    /// The part of a build that all of it is, if it is one.
    pub part: Option<&'a denial::Unit>,
    /// Where the program's standard output goes, if not where ours goes.
    pub output: Option<&'a std::fs::File>,
}

/// One program of a build, and what it may write of what the whole build may.
#[derive(Debug)]
pub struct Unit<'a> {
    /// Absolute.
    pub program: &'a Path,
    pub arguments: &'a [OsString],
    /// The whole environment of the program.
    pub environment: &'a [(OsString, OsString)],
    /// Folders.
    pub writable: &'a [PathBuf],
    /// That of them which is shared with other units, so that nothing but files and folders may be
    /// made in it: an unsandboxed program would follow a link.
    pub shared: Option<&'a Path>,
    /// Folders in which cargo has a loader look for libraries, where the variable that says so does
    /// not come through a launcher.
    pub libraries: &'a [PathBuf],
    /// Which part of the build it is.
    pub part: Option<&'a denial::Unit>,
    /// Where its standard error goes, if not where ours goes.
    pub errors: Option<std::io::PipeWriter>,
    /// `None` inside the sandbox of the whole build.
    pub whole: Option<Whole<'a>>,
}

/// The sandbox of a unit whose cargo is in none.
#[derive(Debug, Clone, Copy)]
pub struct Whole<'a> {
    /// With [`Unit::writable`] as what may be written.
    pub policy: &'a Policy,
    pub limits: Limits,
    pub watch: Watch,
    /// As [`Job::parent`].
    pub parent: Option<i32>,
    /// As [`Job::keep`].
    pub keep: &'a [i32],
    /// As [`Job::scratch`].
    pub scratch: &'a Path,
    pub directory: &'a Path,
}

/// One thing that this system can or cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    pub name: &'static str,
    /// What was found, for instance a version.
    pub found: String,
    pub state: State,
}

/// Whether a capability is there, and what its lack means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Enforced,
    /// Builds run; these guarantees are weaker.
    Weaker {
        gaps: Vec<&'static str>,
        remedy: &'static str,
    },
    /// Builds do not run.
    Missing {
        remedy: &'static str,
    },
}

/// What this system can enforce, found out by trying.
pub fn capabilities(limits: Limits) -> Vec<Capability> {
    backend::capabilities(limits)
}

/// Fails, with what to do, where the policy cannot be enforced.
pub fn check(limits: Limits) -> anyhow::Result<()> {
    backend::check(limits)
}

/// What confines this process already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    /// Nothing that keeps us from applying a policy.
    Free,
    /// A sandbox of ours.
    Ours,
    /// Somebody else's, which cannot be nested but denies the network and the home folder.
    Others,
}

/// Looks around; fails inside a sandbox that is too open to replace ours.
pub fn surroundings(home: Option<&Path>) -> anyhow::Result<Surroundings> {
    backend::surroundings(home)
}

/// The process that started us.
#[derive(Debug, Clone)]
pub struct Parent {
    pub pid: i32,
    /// What it was given, which may be other than what it gave us.
    pub environment: Vec<(OsString, OsString)>,
}

/// The process that started us; `None` where the system does not tell what it was given.
pub fn parent() -> std::io::Result<Option<Parent>> {
    backend::parent()
}

/// Where else something at or below `folders` can be seen, by bind mounts.
pub fn aliases(folders: &[PathBuf]) -> Vec<PathBuf> {
    backend::aliases(folders)
}

/// The policy as this system enforces it, in text; `subject` is for whom it is.
pub fn record(policy: &Policy, subject: &str) -> anyhow::Result<String> {
    backend::record(policy, subject)
}

/// Becomes `program` without a sandbox, or runs it to its end where no process can become another.
pub fn become_program(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> std::io::Result<Ended> {
    backend::become_program(program, arguments, environment)
}

/// Ends this process as `signal` would have.
pub fn die_by(signal: i32) {
    backend::die_by(signal);
}

/// Runs the program confined, and waits for it and for everything that it started.
///
/// `hiding` is called before the program starts where masked files are hidden instead of shown
/// without their secrets.
pub fn run(job: &Job<'_>, hiding: &mut dyn FnMut()) -> anyhow::Result<Finished> {
    backend::run(job, hiding)
}

/// Starts one program of a build in a box of its own.
pub fn start_unit(unit: Unit<'_>) -> anyhow::Result<Running> {
    backend::start_unit(unit)
}

/// Becomes that program where this process is inside the sandbox of the whole build, or runs it.
pub fn become_unit(unit: &Unit<'_>) -> anyhow::Result<Finished> {
    backend::become_unit(unit)
}

/// An open file with these contents that nobody can change, for the program that this process
/// becomes; its number.
pub fn leave_sealed(contents: &[u8]) -> std::io::Result<i32> {
    backend::leave_sealed(contents)
}

/// A second descriptor of standard error for the program that this process becomes; its number.
pub fn leave_errors() -> std::io::Result<i32> {
    backend::leave_errors()
}

/// Makes such a descriptor the standard error of this process.
pub fn speak_to(number: i32) -> std::io::Result<()> {
    backend::speak_to(number)
}

/// The contents of such a file; anything else under this number is an error.
pub fn read_sealed(number: i32) -> std::io::Result<Vec<u8>> {
    backend::read_sealed(number)
}
