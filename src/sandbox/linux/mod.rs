//! Linux: Landlock and seccomp around the build, and namespaces around both where the kernel
//! allows them; no helper program, no root.
//!
//! Three processes: we stay outside and pass signals and the exit status on; a supervisor stands
//! in the namespaces but outside the Landlock domain; the program runs inside everything.

mod aliases;
mod attempts;
mod caller;
mod coverage;
mod domain;
mod inner;
mod landlock;
pub(super) mod launcher;
mod mount;
mod narrow;
mod outer;
mod process;
mod sealed;
pub mod seccomp;
pub mod supervisor;
mod support;
pub mod sys;
#[cfg(test)]
mod testing;
mod unit;
mod view;

pub(super) use aliases::aliases;
pub(super) use caller::parent;
pub use narrow::narrow;
pub(super) use outer::run;
pub(super) use process::die_by;
pub(super) use sealed::{leave_sealed, read_sealed};
pub(super) use support::{capabilities, check};
pub use unit::Running;
pub(super) use unit::{become_unit, start_unit};

use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::policy::Policy;
pub(super) use crate::sandbox::descriptors::{leave_errors, speak_to};
use crate::sandbox::{Ended, Surroundings};

/// The kernel answers, not a variable: only our own filter knows the question.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere this can fail")]
pub(super) fn surroundings(_home: Option<&Path>) -> anyhow::Result<Surroundings> {
    let ours = seccomp::inside() || seccomp::inside_prefetch();
    Ok(if ours {
        Surroundings::Ours
    } else {
        Surroundings::Free
    })
}

pub(super) fn become_program(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> io::Result<Ended> {
    Err(process::execute(program, arguments, environment))
}

/// The policy as JSON, for people and tools: the kernel gets it from the same data.
pub(super) fn record(policy: &Policy, _subject: &str) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(policy)? + "\n")
}
