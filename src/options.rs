//! Our own settings from the environment; cargo's command line stays cargo's.

use std::path::PathBuf;

use anyhow::Result;

use crate::denial::Watch;
use crate::error::Failure;
use crate::invocation::Invocation;
use crate::policy::Profile;
use crate::sandbox::{Limits, Namespaces};

/// A file that gets what was denied, as JSON lines.
const REPORT: &str = "SANDBOXED_CARGO_REPORT";

/// What is observed; `sandbox why` sets it.
pub const WATCH: &str = "SANDBOXED_CARGO_WATCH";

/// What the environment says about the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `PERRY_SANDBOX_PROFILE`; before what the host says.
    pub profile: Option<Profile>,
    /// `SANDBOXED_CARGO_NAMESPACES`, and `SANDBOXED_CARGO_LANDLOCK`: the newest version of Landlock
    /// to use, to try out an older kernel.
    pub limits: Limits,
    /// `PERRY_CACHE_DIR`.
    pub cache: Option<PathBuf>,
    /// [`REPORT`].
    pub report: Option<PathBuf>,
    /// [`WATCH`]: what is observed, where not the usual.
    watch: Option<Watch>,
    /// `GITHUB_ACTIONS`.
    pub github: bool,
}

impl Options {
    pub fn read(invocation: &Invocation) -> Result<Self> {
        Ok(Self {
            profile: choice(
                invocation,
                "PERRY_SANDBOX_PROFILE",
                &[("strict", Profile::Strict), ("compat", Profile::Compat)],
            )?,
            limits: Limits {
                namespaces: choice(
                    invocation,
                    "SANDBOXED_CARGO_NAMESPACES",
                    &[
                        ("auto", Namespaces::Auto),
                        ("off", Namespaces::Off),
                        ("require", Namespaces::Require),
                    ],
                )?
                .unwrap_or_default(),
                landlock: choice(
                    invocation,
                    "SANDBOXED_CARGO_LANDLOCK",
                    &[
                        ("0", 0),
                        ("1", 1),
                        ("2", 2),
                        ("3", 3),
                        ("4", 4),
                        ("5", 5),
                        ("6", 6),
                        ("7", 7),
                    ],
                )?,
            },
            cache: invocation
                .variable("PERRY_CACHE_DIR")
                .map(|path| invocation.resolve(path)),
            report: invocation
                .variable(REPORT)
                .map(|path| invocation.resolve(path)),
            watch: choice(
                invocation,
                WATCH,
                &[
                    ("nothing", Watch::Nothing),
                    ("changes", Watch::Changes),
                    ("everything", Watch::Everything),
                ],
            )?,
            github: invocation.variable("GITHUB_ACTIONS") == Some("true".as_ref()),
        })
    }

    /// What a build is observed for.
    pub fn watch(&self) -> Watch {
        self.watch.unwrap_or(Watch::Changes)
    }
}

fn choice<T: Copy>(
    invocation: &Invocation,
    variable: &str,
    choices: &[(&str, T)],
) -> Result<Option<T>> {
    let Some(value) = invocation.variable(variable) else {
        return Ok(None);
    };
    if let Some((_, choice)) = choices.iter().find(|(name, _)| value == *name) {
        return Ok(Some(*choice));
    }
    let names: Vec<_> = choices
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    Err(Failure::new(format!(
        "`{variable}` is `{}`, which is not a value it can have",
        value.display()
    ))
    .help(format!("use one of {}", names.join(", ")))
    .into())
}
