//! Tells what was denied, to whom, why, and what to do about it.
//!
//! People read it after cargo's own output; tools read the same as JSON lines, and GitHub as
//! annotations of the pull request.

mod github;
mod json;
mod noise;
mod text;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::denial::{Activity, Denial, Kind, Watch};
use crate::message::{Voice, has_power};
use crate::policy::plan::Platform;
use crate::policy::text as readable;
use crate::sandbox::{self, Ended, Finished};

pub use noise::worth_telling;
pub use text::{Context, describe, help, is_linker};

/// Where denials are told, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reporter {
    pub voice: Voice,
    /// Each of them, even if the build succeeds.
    pub verbose: bool,
    /// Did somebody ask what was denied? Then `nothing` is an answer as well.
    pub asked: bool,
    /// What was observed.
    pub watch: Watch,
    pub context: Context,
    /// `SANDBOXED_CARGO_REPORT`: the file that gets a line of JSON for each.
    #[serde(with = "readable::maybe")]
    pub file: Option<PathBuf>,
    /// Are we a step of a GitHub workflow?
    pub github: bool,
}

impl Reporter {
    /// Tells what was refused to something that has ended now.
    pub fn tell(&self, finished: &Finished) {
        self.tell_listed(finished);
        for (unit, count) in &finished.seen.omitted {
            self.voice.warning(text::omitted(unit.as_ref(), *count));
        }
    }

    fn tell_listed(&self, finished: &Finished) {
        if let Some(path) = &self.file
            && let Err(error) = json::append(path, &finished.seen.denials)
        {
            self.voice.warning(format_args!(
                "cannot write what was denied to `{}`: {error}",
                path.display()
            ));
        }
        let denials = worth_telling(&finished.seen.denials, &self.context);
        if denials.is_empty() {
            if self.asked && finished.seen.unread {
                self.voice
                    .note("the system's log could not be read, so what was denied is not known");
            } else if self.asked
                && sandbox::PLATFORM == Platform::Linux
                && finished.seen.activities.is_empty()
            {
                self.voice
                    .note("nothing was built, so nothing could be observed: all is fresh");
                self.voice
                    .help("`cargo clean -p PACKAGE` makes that package be built again");
            } else if self.asked {
                self.voice
                    .note("the sandbox denied nothing to what was built");
            }
            if finished.ended != Ended::Exited(0) {
                self.tell_where_to_look(&finished.seen.activities);
            }
            return;
        }
        if finished.ended == Ended::Exited(0) && !self.verbose {
            self.voice.note(text::summary(&denials));
        } else {
            self.tell_each(&denials);
            // What is told need not be what it failed for.
            if finished.ended != Ended::Exited(0) {
                self.tell_where_to_look(&finished.seen.activities);
            }
        }
        // Whoever reviews a pull request does not read the log of a build that succeeded.
        if self.github {
            for denial in &denials {
                let line = describe(denial, &self.context);
                let command = github::annotation(&line, &self.context.settings);
                self.voice.command(command);
            }
        }
    }

    /// What is read is not observed unless somebody asks, and what was taken from the environment is
    /// no attempt: a build script that fails may have failed for that. A compiler fails for its source.
    fn tell_where_to_look(&self, activities: &[Activity]) {
        let is_failed = |one: &&Activity| one.failed && one.unit.kind == Kind::BuildScript;
        let Some(failed) = activities.iter().find(is_failed) else {
            return;
        };
        let package = text::package(&failed.unit);
        if self.watch != Watch::Everything {
            self.voice.help(format_args!(
                "the build script of {package} failed in a sandbox; if that is why, `sandboxed-cargo sandbox why` \
                 with the same arguments tells what it may not read, and which variables it does not get"
            ));
        } else if !self.context.removed.is_empty() {
            let names: Vec<_> = self
                .context
                .removed
                .iter()
                .map(|name| format!("`{}`", harmless(name)))
                .collect();
            self.voice.help(format_args!(
                "variables that look like secrets are not there: {}; `perry.sandbox.keepEnvironment` lets one pass",
                names.join(", ")
            ));
        }
    }

    fn tell_each(&self, denials: &[Denial]) {
        let mut helps: Vec<String> = Vec::new();
        for denial in denials {
            self.voice.warning(describe(denial, &self.context));
            let help = help(denial, &self.context);
            if !helps.contains(&help) {
                helps.push(help);
            }
        }
        for help in helps {
            self.voice.help(help);
        }
    }
}

/// The path from the home folder, as people write it.
pub fn short(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Ok(rest) => format!("~/{}", harmless(rest.display())),
        Err(_) => harmless(path.display()),
    }
}

/// On one line, whatever a crate named it: GitHub's runner obeys lines that begin in a certain way.
fn harmless(text: impl Display) -> String {
    let mut harmless = String::new();
    for letter in text.to_string().chars() {
        if has_power(letter) {
            harmless.extend(letter.escape_default());
        } else {
            harmless.push(letter);
        }
    }
    harmless
}
