//! `sandbox report`: what each crate did when it was last built.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::Format;
use crate::app;
use crate::audit::{self, Overview};
use crate::invocation::Invocation;
use crate::message;
use crate::sandbox::{Ended, files};

pub(super) fn run(invocation: &Invocation, format: Format, output: Option<&Path>) -> Result<Ended> {
    let call = app::Call::understand(invocation)?;
    let build = call.build();
    let overview = Overview::load(&build.cache_place(), &build.subject(), &build.told_to())?;
    let text = match format {
        Format::Table => audit::table(&overview, audit::now()),
        Format::Json => serde_json::to_string_pretty(&overview)? + "\n",
        Format::Html => audit::page(&overview),
    };
    match output {
        Some(path) => write(&invocation.resolve(path), &text)
            .with_context(|| format!("failed to write `{}`", path.display()))?,
        None => {
            message::output(&text);
        }
    }
    Ok(Ended::Exited(0))
}

/// All of it or nothing.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut file = files::with_usual_mode(&mut builder)
        .prefix(".")
        .suffix(".part")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
