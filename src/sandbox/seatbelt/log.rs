//! What the system's log says of denials, as [`Denial`]s.
//!
//! The kernel writes one message for each: `Sandbox: NAME(PID) deny(1) OPERATION TARGET`, and on
//! a line of its own the message of the rule, which tells our builds from all else. Repetitions
//! become `N duplicate reports for Sandbox: …`. `log show --style ndjson` gives each message as
//! `eventMessage` of a JSON object (log(1)).
//!
//! Names and targets are what hostile code chose. They decide nothing, and are told as text.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use serde::Deserialize;

use crate::denial::{Action, Actor, Denial, Place, Unit};

/// Tells the denials of one profile from those of all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// One that nobody else has.
    #[must_use]
    pub fn new() -> Self {
        // Random keys are the standard library's only source of chance.
        let chance = RandomState::new().build_hasher().finish();
        Self(format!(
            "sandboxed-cargo-{:08x}-{chance:016x}",
            std::process::id()
        ))
    }

    /// What selects the messages, in the language of `log --predicate`: they are the kernel's.
    pub fn predicate(&self) -> String {
        format!("processID == 0 AND eventMessage ENDSWITH \"{self}\"")
    }
}

impl Default for Tag {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longer lines are left out, and more different denials.
const LONGEST: usize = 1 << 16;
const MOST: usize = 1000;

/// The denials under this tag among lines of JSON; `part` is all that ran under it, if it was a part
/// of a build.
pub fn denials(lines: &[u8], tag: &Tag, part: Option<&Unit>) -> Vec<Denial> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "eventMessage")]
        message: String,
    }
    let mut found: BTreeMap<(Actor, Action), u64> = BTreeMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if line.len() > LONGEST {
            continue;
        }
        // What is not UTF-8 can only be a name.
        let line = String::from_utf8_lossy(line);
        let Ok(Line { message }) = serde_json::from_str(&line) else {
            continue;
        };
        let Some(report) = Report::parse(&message, tag) else {
            continue;
        };
        let Some(action) = action(report.operation, report.target) else {
            continue;
        };
        let actor = Actor {
            unit: part.cloned(),
            unknown: part.is_none(),
            program: report.program.to_owned(),
            macros: Vec::new(),
        };
        if found.len() < MOST || found.contains_key(&(actor.clone(), action.clone())) {
            let count = found.entry((actor, action)).or_default();
            *count = count.saturating_add(report.count);
        }
    }
    found
        .into_iter()
        .map(|((actor, action), count)| Denial {
            actor,
            action,
            count,
        })
        .collect()
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
struct Report<'a> {
    program: &'a str,
    operation: &'a str,
    target: &'a str,
    count: u64,
}

impl<'a> Report<'a> {
    fn parse(message: &'a str, tag: &Tag) -> Option<Self> {
        // The last line, whatever lines a target makes.
        let (text, last) = message.trim_end().rsplit_once('\n')?;
        if last != tag.0 {
            return None;
        }
        let (count, text) = match text.strip_prefix("Sandbox: ") {
            Some(text) => (1, text),
            None => repeated(text)?,
        };
        // A name may hold spaces and brackets, but has 32 bytes at most; a target may hold anything.
        let (actor, rest) = text.split_once(") deny(")?;
        let (program, pid) = actor.rsplit_once('(')?;
        let (level, rest) = rest.split_once(") ")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(pid) || !is_number(level) || program.is_empty() {
            return None;
        }
        let (operation, target) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Self {
            program,
            operation,
            target,
            count,
        })
    }
}

/// `3 duplicate reports for Sandbox: …`
fn repeated(text: &str) -> Option<(u64, &str)> {
    let (count, rest) = text.split_once(" duplicate report")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    Some((count.parse().ok()?, rest.strip_prefix(" for Sandbox: ")?))
}

/// What was tried; `None` for what every program tries and nobody wants to know.
fn action(operation: &str, target: &str) -> Option<Action> {
    let address = || target.to_owned();
    let place = || {
        let path = PathBuf::from(target);
        path.is_absolute().then(|| Place {
            path: path.clone(),
            asked: path,
        })
    };
    Some(match operation.trim_end_matches('*') {
        "network-outbound" => Action::Connect { address: address() },
        "network-bind" | "network-inbound" => Action::Listen { address: address() },
        "system-socket" => Action::Socket {
            family: if target.is_empty() { "unknown" } else { target }.to_owned(),
        },
        "file-read" | "file-read-data" | "file-read-xattr" | "file-clone" => Action::Read(place()?),
        "file-write-create" | "file-link" => Action::Create(place()?),
        "file-write-unlink" => Action::Remove(place()?),
        "file-write" | "file-write-data" | "file-write-append" => Action::Write(place()?),
        other if other.starts_with("file-write-") => Action::Alter(place()?),
        "mach-lookup" | "mach-register" | "iokit-open" => Action::Ask { service: address() },
        "signal" => Action::Signal { process: address() },
        // Whether something is there is asked all the time, and what else there is, is the system's.
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
