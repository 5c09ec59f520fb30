//! A build script in its own box.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::surroundings::{self, Boxed, Confinement};
use super::{out_dirs, scripts};
use crate::denial::Kind;
use crate::invocation::Invocation;
use crate::sandbox::Ended;

/// Runs the script whose place we took: it may write `OUT_DIR` and temporary files.
pub(super) fn run(invocation: &Invocation, parent: Option<i32>) -> Result<Ended> {
    let launcher = invocation.resolve(&invocation.program);
    let real = scripts::real(&launcher)?;
    let out = invocation
        .variable("OUT_DIR")
        .map(|path| invocation.resolve(path))
        .ok_or_else(|| anyhow!("cargo set no `OUT_DIR` for a build script"))?;
    out_dirs::renew(&out)?;
    let own = Confinement::find(invocation, parent, false)?;
    // `PROFILE/build/PKG-HASH/out`.
    let profile = out.ancestors().nth(3).map(Path::to_owned);
    let libraries = profile.map(|profile| vec![profile.join("deps"), profile]);
    let boxed = Boxed {
        program: &real,
        arguments: &invocation.arguments,
        writable: vec![out],
        shared: None,
        libraries: libraries.unwrap_or_default(),
        part: surroundings::part(invocation, Kind::BuildScript),
    };
    let finished = own.finish(invocation, boxed)?;
    Ok(own.tell(finished))
}
