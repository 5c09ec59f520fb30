//! What cargo is told, so that it starts us in place of its tools.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{REAL_RUSTDOC, RUSTC, RUSTDOC, WRAPPER};
use crate::cargo::config::{Config, Tool};
use crate::error::Failure;
use crate::sandbox::files;
use crate::sandbox::launcher::{self, Launcher};

/// Programs of ours, and those of the user's whose place they take.
#[derive(Debug, Clone)]
pub struct Tools {
    rustc: PathBuf,
    rustdoc: PathBuf,
    /// The user's own `RUSTC_WRAPPER`.
    wrapper: Option<PathBuf>,
    real_rustdoc: Option<PathBuf>,
}

impl Tools {
    /// Writes them to `cache`. Their paths and times stay the same from build to build: cargo asks
    /// rustc for its version again whenever those of the wrapper change.
    pub fn install(cache: &Path, program: &Path, config: &Config) -> Result<Self> {
        let image = launcher::image(Launcher::Tool { program })?;
        let own = |name: &str| install(&cache.join(name), &image);
        Ok(Self {
            rustc: own(RUSTC)?,
            rustdoc: own(RUSTDOC)?,
            wrapper: users(config, Tool::RustcWrapper, RUSTC)?,
            real_rustdoc: users(config, Tool::Rustdoc, RUSTDOC)?,
        })
    }

    /// Fails for settings that units in boxes cannot obey.
    pub fn check(config: &Config) -> Result<()> {
        // It reaches launchers, which start what it names.
        if let Some(found) = config.sets_variable("SANDBOXED_CARGO")? {
            return Err(Failure::new(format!(
                "{} sets `env.{}`, which is not for others to set",
                found.origin, found.value
            ))
            .help("remove it")
            .into());
        }
        match users(config, Tool::RustcWrapper, RUSTC)? {
            Some(wrapper) if wrapper.file_stem().is_some_and(|name| name == "sccache") => {
                Err(Failure::new(format!(
                    "the rustc wrapper `{}` compiles in a server of its own, outside of the sandbox",
                    wrapper.display()
                ))
                .help("switch it off for sandboxed builds: `RUSTC_WRAPPER= cargo …`")
                .into())
            }
            _ => Ok(()),
        }
    }

    pub fn variables(&self, program: &Path) -> Vec<(OsString, OsString)> {
        let mut variables: Vec<(OsString, OsString)> = vec![
            ("RUSTC_WRAPPER".into(), self.rustc.clone().into()),
            ("RUSTDOC".into(), self.rustdoc.clone().into()),
            (launcher::UNIT.into(), program.into()),
        ];
        for (name, path) in [(WRAPPER, &self.wrapper), (REAL_RUSTDOC, &self.real_rustdoc)] {
            if let Some(path) = path {
                variables.push((name.into(), path.clone().into()));
            }
        }
        variables
    }

    /// What the build must be able to read and execute.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.rustc, &self.rustdoc]
            .into_iter()
            .map(PathBuf::as_path)
    }
}

/// The user's own tool in the place of one of ours.
fn users(config: &Config, tool: Tool, ours: &str) -> Result<Option<PathBuf>> {
    let found = config.tool(tool)?.map(|found| found.value);
    // A build inside a program that a sandboxed `cargo run` started.
    Ok(found.filter(|path| path.file_name().is_none_or(|name| name != ours)))
}

/// Leaves a file that is as it should be alone.
fn install(path: &Path, image: &[u8]) -> Result<PathBuf> {
    let mut present = Vec::new();
    let is_there = files::open_regular(path)
        .and_then(|file| {
            let executable = files::is_program(path);
            // No image is that long.
            file.take(1 << 20).read_to_end(&mut present)?;
            Ok(executable && present == image)
        })
        .unwrap_or(false);
    if !is_there {
        write(path, image).map_err(|error| {
            Failure::new(format!("could not write `{}`: {error}", path.display()))
                .help("set `PERRY_CACHE_DIR` to a folder that you own")
        })?;
    }
    Ok(path.to_owned())
}

fn write(path: &Path, image: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = files::executable(&mut tempfile::Builder::new())
        .prefix(".")
        .suffix(".part")
        .tempfile_in(folder)?;
    file.write_all(image)?;
    // Closed before it appears: the kernel executes no file that is open for writing.
    file.into_temp_path().persist(path)?;
    Ok(())
}
