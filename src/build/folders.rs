//! Folders of ours for one run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::Failure;
use crate::invocation::Invocation;
use crate::policy::plan::Platform;
use crate::sandbox;
use crate::scratch::{self, Scratch};

/// Our own folder for one run; removed at its end with all that is in it.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) root: Scratch,
    pub(super) temporary: PathBuf,
    /// Holds that, where it is not in `root`.
    aside: Option<Scratch>,
}

impl Folders {
    pub(super) fn create(invocation: &Invocation) -> Result<Self> {
        let parent = invocation
            .variable("TMPDIR")
            .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let unusable = |error: std::io::Error| {
            Failure::new(format!(
                "cannot make a temporary folder in `{}`: {error}",
                parent.display()
            ))
            .help("set `TMPDIR` to a folder that exists and that you may write")
        };
        let root = fs::canonicalize(&parent)
            .and_then(|parent| {
                scratch::sweep(&parent, scratch::TEMPORARY);
                // Without the name that it could not make.
                Scratch::create(&parent, scratch::TEMPORARY).map_err(|error| error.kind().into())
            })
            .map_err(unusable)?;
        let temporary = root.path().join("tmp");
        fs::create_dir(&temporary)
            .with_context(|| format!("failed to create `{}`", temporary.display()))?;
        Ok(Self {
            root,
            temporary,
            aside: None,
        })
    }

    /// Where units may use the folders for everybody's temporary files, `TMPDIR` cannot lie in one:
    /// they could change each other's there.
    pub(super) fn leave_shared(&mut self, cache: &Path) -> Result<()> {
        let is_shared = scratch::SHARED
            .iter()
            .filter_map(|folder| fs::canonicalize(folder).ok())
            .any(|folder| self.temporary.starts_with(folder));
        if sandbox::PLATFORM != Platform::Linux || !is_shared {
            return Ok(());
        }
        scratch::sweep(cache, scratch::TEMPORARY);
        let aside = Scratch::create(cache, scratch::TEMPORARY).with_context(|| {
            format!("failed to make a temporary folder in `{}`", cache.display())
        })?;
        aside.path().clone_into(&mut self.temporary);
        self.aside = Some(aside);
        Ok(())
    }
}
