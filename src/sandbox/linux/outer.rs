//! The process outside: it starts the supervisor, passes signals on, and ends as the program did.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::process::{self, Identity, Side, Signals};
use super::{attempts, inner, mount, support};
use crate::error::Failure;
use crate::sandbox::{Ended, Finished, Job, Namespaces};

/// Signals that a person or a job runner sends to end a command, or to tell it something.
const FORWARDED: [libc::c_int; 6] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

/// What the supervisor tells us, and we tell it.
#[derive(Debug)]
pub(super) enum Message {
    /// The namespaces cannot be had here; nothing was started.
    Refused(String),
    /// The sandbox is not what was asked for; nothing was started.
    Failed(String),
    /// The program ended.
    Ended(Ended),
}

impl Message {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, text) = match self {
            Self::Refused(text) => (b'r', text.clone().into_bytes()),
            Self::Failed(text) => (b'f', text.clone().into_bytes()),
            Self::Ended(Ended::Exited(status)) => (b'e', vec![*status]),
            Self::Ended(Ended::Signalled(signal)) => (b's', signal.to_le_bytes().to_vec()),
        };
        [vec![kind], text].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        Some(match kind {
            b'r' => Self::Refused(String::from_utf8_lossy(rest).into_owned()),
            b'f' => Self::Failed(String::from_utf8_lossy(rest).into_owned()),
            b'e' => Self::Ended(Ended::Exited(*rest.first()?)),
            b's' => Self::Ended(Ended::Signalled(i32::from_le_bytes(rest.try_into().ok()?))),
            _ => return None,
        })
    }
}

pub(in crate::sandbox) fn run(job: &Job<'_>, hiding: &mut dyn FnMut()) -> Result<Finished> {
    let mut signals = FORWARDED.to_vec();
    signals.push(libc::SIGCHLD);
    let signals = Signals::of(&signals);
    let before = signals.block().context("failed to block signals")?;
    let result = start(job, hiding, &signals, &before);
    before
        .set_mask()
        .context("failed to restore the signal mask")?;
    result
}

fn start(
    job: &Job<'_>,
    hiding: &mut dyn FnMut(),
    signals: &Signals,
    before: &Signals,
) -> Result<Finished> {
    let told = attempts::channel().context("failed to make a file in memory")?;
    let finished = |ended| -> Result<Finished> {
        Ok(Finished {
            ended,
            seen: attempts::seen(&told).context("failed to read what was observed")?,
        })
    };
    if job.limits.namespaces != Namespaces::Off {
        match attempt(job, true, &told, signals, before)? {
            Message::Ended(ended) => return finished(ended),
            Message::Failed(text) => return Err(failed(job, &text)),
            Message::Refused(text) if job.limits.namespaces == Namespaces::Require => {
                return Err(Failure::new(format!(
                    "namespaces are required, and this system refuses them: {text}"
                ))
                .help("`sandboxed-cargo sandbox doctor` says what to do")
                .into());
            }
            Message::Refused(_) => {}
        }
    }
    hiding();
    match attempt(job, false, &told, signals, before)? {
        Message::Ended(ended) => finished(ended),
        Message::Failed(text) | Message::Refused(text) => Err(failed(job, &text)),
    }
}

/// Why nothing was started; what the system lacks says more than the call that failed for it.
fn failed(job: &Job<'_>, text: &str) -> anyhow::Error {
    support::check_by_trying(job.limits)
        .err()
        .unwrap_or_else(|| anyhow!("{text}"))
}

/// One run, with namespaces or without.
fn attempt(
    job: &Job<'_>,
    namespaces: bool,
    told: &File,
    signals: &Signals,
    before: &Signals,
) -> Result<Message> {
    // Asked now: in a new user namespace without a map everybody is nobody (user_namespaces(7)).
    let identity = namespaces.then(process::identity);
    let (ours, theirs) = process::socket_pair().context("failed to make a socket pair")?;
    let supervisor = match process::fork(flags(namespaces)) {
        Ok(Side::Parent(pid)) => pid,
        Ok(Side::Child) => {
            drop(ours);
            inner::supervise(job, identity, &theirs, told, before)
        }
        Err(error) if namespaces => return Ok(Message::Refused(error.to_string())),
        Err(error) => return Err(error).context("failed to fork"),
    };
    drop(theirs);
    if job.parent.is_some() {
        // Sent for the thread that started us, so it says nothing by itself (prctl(2)).
        process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGCHLD as libc::c_ulong)
            .context("failed to ask for the parent's end")?;
    }
    loop {
        // At first as well: it may have gone before we asked.
        if job.parent.is_some_and(process::is_gone) {
            // The supervisor sees that it is alone, and ends all that there is.
            drop(ours);
            process::reap(supervisor, true).context("failed to wait")?;
            bail!("cargo is gone, and what it had started with it");
        }
        let (signal, by_process) = signals.wait().context("failed to wait for signals")?;
        if signal == libc::SIGCHLD {
            if process::reap(supervisor, false)
                .context("failed to wait")?
                .is_some()
            {
                return last_message(&ours);
            }
        } else if by_process {
            // A terminal's signals reach the program without us.
            let _ = process::send(ours.as_fd(), &signal.to_le_bytes());
        }
    }
}

/// The first failure that was told, else how the program ended.
fn last_message(socket: &OwnedFd) -> Result<Message> {
    let mut last = None;
    loop {
        match process::receive(socket.as_fd()) {
            Ok(bytes) if !bytes.is_empty() => {
                let message = Message::from_bytes(&bytes)
                    .ok_or_else(|| anyhow!("the sandbox's supervisor said something unknown"))?;
                if !matches!(message, Message::Ended(_)) {
                    return Ok(message);
                }
                last = Some(message);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => {
                return last.ok_or_else(|| {
                    anyhow!("the sandbox's supervisor was killed, and the build with it")
                });
            }
        }
    }
}

fn flags(namespaces: bool) -> libc::c_int {
    match (namespaces, process::is_root()) {
        (false, _) => 0,
        // Root needs no user namespace to make the others; without one it keeps its identity.
        (true, true) => libc::CLONE_NEWNS | libc::CLONE_NEWPID,
        (true, false) => libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID,
    }
}

/// Whether namespaces can be had, found out by making them.
pub(super) fn probe_namespaces() -> Result<(), String> {
    let identity = process::identity();
    let probe = || -> Result<Option<String>> {
        let (ours, theirs) = process::socket_pair()?;
        match process::fork(flags(true))? {
            Side::Child => {
                if let Err(error) = settle(identity) {
                    let _ = process::send(theirs.as_fd(), format!("{error:#}").as_bytes());
                }
                process::leave(0)
            }
            Side::Parent(pid) => {
                drop(theirs);
                let text = process::receive(ours.as_fd())?;
                process::reap(pid, true)?;
                Ok((!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned()))
            }
        }
    };
    match probe() {
        Ok(None) => Ok(()),
        Ok(Some(text)) => Err(text),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// Finishes the namespaces that the calling process was forked into; an error here means that the
/// system refuses them, as Ubuntu's `AppArmor` and Docker's default profile do at this point.
pub(super) fn settle(Identity { user, group }: Identity) -> Result<()> {
    if user != 0 {
        // The kernel asks for "deny" before an unprivileged map of groups (user_namespaces(7)).
        fs::write("/proc/self/setgroups", "deny")
            .context("failed to write /proc/self/setgroups")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))
            .context("failed to write /proc/self/uid_map")?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
            .context("failed to write /proc/self/gid_map")?;
    }
    mount::make_private().context("failed to make mounts private")?;
    mount::process_list(Path::new("/proc")).context("failed to mount a new /proc")
}
