//! Everything the process was given: read once in `main`, handed to all else.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Arguments, environment and working directory of one call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The name we were called by, `argv[0]`.
    pub program: OsString,
    /// Our own executable, resolved.
    pub executable: PathBuf,
    /// What the user typed after the program's name, unchanged.
    pub arguments: Vec<OsString>,
    /// The environment, unchanged.
    pub environment: Vec<(OsString, OsString)>,
    /// The current directory, as the kernel names it.
    pub directory: PathBuf,
}

impl Invocation {
    /// What this process was given.
    pub fn of_process() -> anyhow::Result<Self> {
        let mut arguments = std::env::args_os();
        Ok(Self {
            program: arguments.next().unwrap_or_default(),
            executable: std::env::current_exe()
                .and_then(std::fs::canonicalize)
                .context("failed to find our own executable")?,
            arguments: arguments.collect(),
            environment: std::env::vars_os().collect(),
            directory: std::env::current_dir().context("failed to find the current directory")?,
        })
    }

    /// The value of an environment variable; an empty one counts as unset.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_os_str())
            .filter(|value| !value.is_empty())
    }

    /// The same call with these variables.
    #[must_use]
    pub fn with(&self, variables: &[(OsString, OsString)]) -> Self {
        let mut invocation = self.clone();
        let environment = &mut invocation.environment;
        environment.retain(|(name, _)| !variables.iter().any(|(set, _)| set == name));
        environment.extend_from_slice(variables);
        invocation
    }

    /// `path` seen from the current directory.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }
}
