//! Asks the system's log what was denied, after the fact: nothing observes a build on a Mac.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::denial::{Seen, Unit, Watch};
use crate::policy::Policy;
use crate::sandbox::Ended;
use crate::sandbox::seatbelt::log::{self, Tag};
use crate::sandbox::seatbelt::{self, Profile};

/// Protected by System Integrity Protection, like all in this folder.
const LOG: &str = "/usr/bin/log";

/// A log with a day in it takes minutes to search, and nobody waits that long for a reason.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// More than anybody reads.
const LONGEST_ANSWER: u64 = 16 << 20;

/// What is to be asked of the log once a program has ended.
#[derive(Debug)]
pub(super) struct Question {
    tag: Tag,
    began: Instant,
    watch: Watch,
    part: Option<Unit>,
}

/// The profile, and what to ask later if its denials are to be told.
pub(super) fn watched(
    policy: &Policy,
    origin: &str,
    watch: Watch,
    part: Option<&Unit>,
) -> anyhow::Result<(Profile, Option<Question>)> {
    if watch == Watch::Nothing {
        return Ok((seatbelt::profile(policy, origin)?, None));
    }
    let tag = Tag::new();
    let profile = seatbelt::tagged(policy, origin, &tag)?;
    let question = Question {
        tag,
        began: Instant::now(),
        watch,
        part: part.cloned(),
    };
    Ok((profile, Some(question)))
}

impl Question {
    /// What was denied; nothing of it for a success, unless somebody wants to know of all of it.
    ///
    /// An answer takes seconds, so that hundreds of units could not be asked about. A log that cannot
    /// be read says nothing: it decides nothing either.
    pub(super) fn ask(&self, ended: Ended) -> Seen {
        let is_part = self.part.is_some();
        if ended == Ended::Exited(0) && (is_part || self.watch != Watch::Everything) {
            return Seen::default();
        }
        let Some(lines) = self.read() else {
            return Seen {
                unread: true,
                ..Seen::default()
            };
        };
        Seen {
            denials: log::denials(&lines, &self.tag, self.part.as_ref()),
            ..Seen::default()
        }
    }

    fn read(&self) -> Option<Vec<u8>> {
        // The clock may have been set since, and the log is a little late.
        let minutes = self.began.elapsed().as_secs() / 60 + 2;
        let mut child = Command::new(LOG)
            .args([
                "show",
                "--style",
                "ndjson",
                "--last",
                &format!("{minutes}m"),
            ])
            .args(["--predicate", &self.tag.predicate()])
            // A crate may have set any for its own compilation.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let answer = child.stdout.take();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = Vec::new();
            if let Some(answer) = answer {
                let _ = answer.take(LONGEST_ANSWER).read_to_end(&mut lines);
            }
            let _ = sender.send(lines);
        });
        if let Ok(lines) = receiver.recv_timeout(LONGEST_WAIT) {
            // It has nobody to tell more to, and ends.
            let status = child.wait().ok()?;
            return (status.success() || !lines.is_empty()).then_some(lines);
        }
        let _ = child.kill();
        let _ = child.wait();
        // What it had told so far.
        receiver.recv_timeout(Duration::from_secs(1)).ok()
    }
}
