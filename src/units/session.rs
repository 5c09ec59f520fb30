//! The policy of a run whose cargo is not in the sandbox, on its way to each unit.
//!
//! `cargo run` and its like end in the user's own program, which needs the network that a build must
//! not have. So cargo stays outside, and every unit gets the whole sandbox for itself. It learns
//! how from an anonymous file that cargo inherits and passes on: sealed, so that nobody changes it.
//! A variable tells its number. A crate that sets the variable for its own compilation can only
//! name a file that is none of ours, and is then not compiled.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::audit::Audit;
use crate::denial::Watch;
use crate::invocation::Invocation;
use crate::policy::Policy;
use crate::report::Reporter;
use crate::sandbox::{self, Finished, Limits, jobserver};
use crate::units::package;

/// Holds the number of the descriptor.
pub const VARIABLE: &str = "SANDBOXED_CARGO_SESSION";

/// What a unit outside of any envelope must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub policy: Policy,
    /// What masked files are shown as, in the order of the policy.
    masks: Vec<Vec<u8>>,
    pub limits: Limits,
    audit: Audit,
    /// Of packages that are not cargo's own copies.
    #[serde(with = "crate::policy::text::many")]
    manifests: Vec<PathBuf>,
    pub watch: Watch,
    /// The number of a descriptor that leads to where the user reads our messages: cargo keeps
    /// what a unit prints for itself.
    errors: Option<i32>,
    reporter: Reporter,
    /// Where cargo makes temporary folders.
    #[serde(with = "crate::policy::text::one")]
    pub temporary: PathBuf,
    /// Where those of units are made.
    #[serde(with = "crate::policy::text::one")]
    pub place: PathBuf,
    pub jobserver: jobserver::Inherited,
    /// Variables that the host lets pass although they look secret.
    pub keep: Vec<String>,
}

impl Session {
    pub fn new(
        policy: Policy,
        limits: Limits,
        (audit, manifests): (Audit, Vec<PathBuf>),
        watch: Watch,
        reporter: Reporter,
        (temporary, place): (PathBuf, PathBuf),
        keep: Vec<String>,
    ) -> Self {
        let masks = policy.masked.iter().map(|mask| mask.contents.clone());
        Self {
            masks: masks.collect(),
            policy,
            limits,
            audit,
            manifests,
            watch,
            errors: None,
            reporter,
            temporary,
            place,
            jobserver: jobserver::Inherited::default(),
            keep,
        }
    }

    /// Leaves it open for the program that this process becomes, with this environment; the variable
    /// to pass on.
    pub fn leave(&mut self, environment: &[(OsString, OsString)]) -> Result<(OsString, OsString)> {
        self.jobserver = jobserver::Inherited::find(environment)
            .context("failed to list what is open already")?;
        self.errors = Some(sandbox::leave_errors().context("failed to pass standard error on")?);
        let text = serde_json::to_vec(self).context("failed to write down the policy")?;
        let number = sandbox::leave_sealed(&text).context("failed to pass the policy on")?;
        Ok((VARIABLE.into(), number.to_string().into()))
    }

    /// Notes what a unit did, and reports what was refused to it.
    pub fn tell(&self, finished: &mut Finished) {
        package::correct(&mut finished.seen, &self.manifests);
        let noted = self.audit.note(&finished.seen);
        let has_failed = finished.seen.activities.iter().any(|one| one.failed);
        let is_silent = finished.seen.denials.is_empty() && finished.seen.omitted.is_empty();
        if noted.is_ok() && is_silent && !has_failed {
            return;
        }
        if self
            .errors
            .is_some_and(|number| sandbox::speak_to(number).is_ok())
        {
            if let Err(error) = noted {
                self.reporter.voice.warning(format_args!("{error:#}"));
            }
            self.reporter.tell(finished);
        }
    }

    /// The one that cargo passed on to this process; `None` where it was started by nobody of ours.
    pub fn inherited(invocation: &Invocation) -> Result<Option<Self>> {
        let Some(number) = invocation.variable(VARIABLE) else {
            return Ok(None);
        };
        let read = || -> Result<Self> {
            let number = number.to_str().context("not a number")?.parse()?;
            let mut session: Self = serde_json::from_slice(&sandbox::read_sealed(number)?)?;
            for (mask, contents) in session.policy.masked.iter_mut().zip(&session.masks) {
                mask.contents.clone_from(contents);
            }
            Ok(session)
        };
        read()
            .map(Some)
            .with_context(|| format!("the policy behind `{VARIABLE}` is not readable"))
    }
}
