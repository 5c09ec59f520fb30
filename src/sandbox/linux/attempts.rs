//! What the supervisor saw, on its way to the process outside.
//!
//! The supervisor may live in namespaces in which hidden files are not even there, so only the
//! process outside can tell what an attempt would have come to without the sandbox.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::FromRawFd;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{process, sys};
use crate::denial::{Action, Activity, Denial, Seen, Unit};

/// A refusal, if the attempt would have succeeded otherwise.
#[derive(Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub denial: Denial,
    /// Whether there must be something at the path, or nothing, for the call to succeed.
    pub exists: Option<bool>,
}

/// A file without a name that both processes have open.
pub(super) fn channel() -> io::Result<File> {
    // SAFETY: the name ends with a zero.
    let fd = unsafe { libc::memfd_create(c"sandboxed-cargo".as_ptr(), libc::MFD_CLOEXEC) };
    sys::checked(fd.into())?;
    // SAFETY: it was just opened, and is nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

pub(super) fn leave(mut channel: &File, what: &impl Serialize) -> io::Result<()> {
    channel.write_all(&serde_json::to_vec(what)?)
}

/// All that a supervisor noted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Notes {
    pub attempts: Vec<Attempt>,
    pub activities: Vec<Activity>,
    pub omitted: Vec<(Option<Unit>, u64)>,
}

/// What was left there; `None` if the other process was killed before.
pub(super) fn take<T: DeserializeOwned>(mut channel: &File) -> io::Result<Option<T>> {
    let mut text = Vec::new();
    channel.rewind()?;
    channel.read_to_end(&mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&text)?))
}

/// The notes that were left there, with what a plain cargo would have done as denials.
pub(super) fn seen(channel: &File) -> io::Result<Seen> {
    let notes: Notes = take(channel)?.unwrap_or_default();
    let refused = notes.attempts.into_iter().filter(Attempt::would_succeed);
    Ok(Seen {
        denials: refused.map(|attempt| attempt.denial).collect(),
        activities: notes.activities,
        omitted: notes.omitted,
        unread: false,
    })
}

impl Attempt {
    fn would_succeed(&self) -> bool {
        let Some(place) = self.denial.action.place() else {
            return true;
        };
        let path = &place.path;
        let there = fs::symlink_metadata(path).is_ok();
        if self.exists.is_some_and(|exists| exists != there) {
            return false;
        }
        match self.denial.action {
            Action::Read(_) => process::may(path, libc::R_OK),
            Action::Write(_) if there => process::may(path, libc::W_OK),
            Action::Alter(_) => true,
            _ => may_change_folder(path.parent()),
        }
    }
}

/// A folder that is not there yet could have been made, if what is above it can be changed.
fn may_change_folder(folder: Option<&Path>) -> bool {
    let there = folder.and_then(|folder| folder.ancestors().find(|folder| folder.exists()));
    there.is_some_and(|folder| folder.is_dir() && process::may(folder, libc::W_OK))
}
