//! Denials as JSON lines, for tools.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::denial::Denial;
use crate::sandbox::files;

/// Raised when a field changes its meaning or goes; new fields may come without.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    #[serde(flatten)]
    denial: &'a Denial,
}

/// Adds a line for each, in one write: several builds may write to one file.
pub(super) fn append(path: &Path, denials: &[Denial]) -> io::Result<()> {
    let mut text = Vec::new();
    for denial in denials {
        let version = VERSION;
        serde_json::to_writer(&mut text, &Line { version, denial })?;
        text.push(b'\n');
    }
    let mut file = files::append_to(path)?;
    file.write_all(&text)
}
