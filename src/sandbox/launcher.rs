//! Tiny programs that take the place of another one and start it, or us instead.
//!
//! cargo gets one as `RUSTC_WRAPPER` and one as `RUSTDOC`; each compiled build script is moved aside
//! for one. What a crate puts into the environment has no power over them, and none over the
//! program that they become.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Result, bail};

use super::backend;

/// The variable that makes the launcher of a build script start us: our absolute path.
pub const UNIT: &str = "SANDBOXED_CARGO_UNIT";

/// A launcher to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher<'a> {
    /// Becomes `program`, with the same arguments and `argv[0]`.
    Tool {
        /// Absolute.
        program: &'a Path,
    },
    /// Stands in place of a build script. Becomes what [`UNIT`] names; without that variable, the
    /// file `real` in its own folder, with environment and arguments untouched, so that a target
    /// folder works without us.
    Script { real: &'a OsStr },
}

/// The executable, always the same for the same launcher.
///
/// Before it becomes our program it takes the power from variables that a loader obeys: on Linux it
/// spoils their names, which [`restore`] undoes; on macOS they are gone. If it cannot start a
/// program, it says so and ends with status 101.
pub fn image(launcher: Launcher<'_>) -> Result<Vec<u8>> {
    let text = match launcher {
        Launcher::Tool { program } => program.as_os_str(),
        Launcher::Script { real } => real,
    };
    let bytes = text.as_encoded_bytes();
    // A file name has at most 255 bytes (NAME_MAX); the launcher has room for no more.
    let possible = match launcher {
        Launcher::Tool { program } => program.is_absolute(),
        Launcher::Script { .. } => !bytes.contains(&b'/') && (1..=255).contains(&bytes.len()),
    };
    if !possible || bytes.contains(&0) {
        bail!("no launcher can start `{}`", text.display());
    }
    backend::launcher::image(launcher)
}

/// The name of the real script in an image of its launcher; `None` for any other bytes.
pub fn real(image: &[u8]) -> Option<OsString> {
    backend::launcher::real(image)
}

/// Gives the variables that a launcher spoiled their names back, for the program that we start.
pub fn restore(environment: &mut [(OsString, OsString)]) {
    for (name, _) in environment {
        backend::launcher::restore(name);
    }
}
