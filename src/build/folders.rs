//! Folders of ours for one run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::Failure;
use crate::invocation::Invocation;
use crate::policy::plan::Platform;
use crate::sandbox;
use crate::scratch::{self, Temporary};

/// Our own folder for one run, with nothing in it before and after.
#[derive(Debug)]
pub(super) struct Folders {
    root: Temporary,
    pub(super) temporary: PathBuf,
    /// The user's own, without links.
    pub(super) of_user: PathBuf,
}

impl Folders {
    /// `aside` is where it is made if it would lie in a folder for everybody's temporary files, and
    /// units may use such: they could change each other's there.
    pub(super) fn create(invocation: &Invocation, aside: Option<&Path>) -> Result<Self> {
        let parent = invocation
            .variable("TMPDIR")
            .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let unusable = |error: io::Error| {
            Failure::new(format!(
                "cannot make a temporary folder in `{}`: {error}",
                parent.display()
            ))
            .help("set `TMPDIR` to a folder that exists and that you may write")
        };
        let real = fs::canonicalize(&parent).map_err(unusable)?;
        let root = match aside.filter(|_| is_shared(&real)) {
            Some(cache) => {
                scratch::sweep(cache, scratch::TEMPORARY);
                Temporary::kept(cache, &scratch::OF_BUILD).with_context(|| {
                    format!("failed to make a temporary folder in `{}`", cache.display())
                })?
            }
            // Without the name that it could not make.
            None => Temporary::own(&real).map_err(|error| unusable(error.kind().into()))?,
        };
        let temporary = root.path().join("tmp");
        if matches!(root, Temporary::Own(_)) {
            fs::create_dir(&temporary)
                .with_context(|| format!("failed to create `{}`", temporary.display()))?;
        }
        Ok(Self {
            root,
            temporary,
            of_user: real,
        })
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }
}

fn is_shared(folder: &Path) -> bool {
    sandbox::PLATFORM == Platform::Linux
        && scratch::SHARED
            .iter()
            .filter_map(|shared| fs::canonicalize(shared).ok())
            .any(|shared| folder.starts_with(shared))
}
