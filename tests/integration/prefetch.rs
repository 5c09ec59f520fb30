//! The fetch before a build: it makes an offline build possible, costs nothing when nothing
//! changed, and is confined as well.

// Which runs of cargo there are, counted by a stand-in.
mod runs;

// The real cargo, with crates from folders, repositories and the registry.
mod sources;

use std::fs;

use crate::support::project::Project;

/// The lock file's text; none if there is no such file.
fn lock(project: &Project) -> Option<String> {
    fs::read_to_string(project.path("Cargo.lock")).ok()
}
