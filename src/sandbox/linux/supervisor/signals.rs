//! Sends signals to processes of the build, where Landlock cannot keep them inside.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use super::super::sys;
use super::caller::Caller;
use super::narrowing::Scope;
use super::{Done, Errno};

/// A signal, as the caller asks for it.
#[derive(Debug)]
pub(super) struct Signal {
    pub(super) recipient: Recipient,
    pub(super) number: i32,
    /// The address of a `siginfo_t` in the caller's memory, or 0.
    pub(super) info: u64,
}

/// Whom it is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recipient {
    /// The first argument of `kill`: a process, a group, or everybody.
    Kill(i32),
    Process(i32),
    Thread(i32),
    /// One of the threads of a process.
    ThreadOf(i32),
    /// A descriptor of a process.
    Descriptor(i32),
}

pub(super) fn send(caller: &Caller, scope: &Scope<'_>, signal: &Signal) -> Result<Done, Errno> {
    match signal.recipient {
        Recipient::Kill(-1) => Err(Errno(libc::EPERM)),
        Recipient::Kill(0) => send_to_group(group_of(caller.process)?, scope, signal.number),
        Recipient::Kill(pid) if pid < 0 => {
            let group = pid.checked_neg().ok_or(Errno(libc::ESRCH))?;
            send_to_group(group, scope, signal.number)
        }
        // The caller waits for the answer, so these numbers cannot become another's. The kernel
        // itself delivers the signal before the call returns, as `raise` and `abort` rely on; what
        // it reads from memory for that decides nothing.
        Recipient::Kill(pid) | Recipient::Process(pid) | Recipient::ThreadOf(pid)
            if pid == caller.process =>
        {
            Ok(Done::Continue)
        }
        Recipient::Thread(thread) if thread == caller.thread => Ok(Done::Continue),
        Recipient::Thread(thread) => {
            sys::tgkill(caller.process, thread, signal.number)?;
            Ok(Done::Performed)
        }
        // Only debuggers single out a thread of another process.
        Recipient::ThreadOf(_) => Err(Errno(libc::EPERM)),
        Recipient::Kill(pid) | Recipient::Process(pid) => {
            send_to_process(caller, scope, pid, signal)
        }
        // Another thread may have changed what the number refers to by now.
        Recipient::Descriptor(number) => {
            send_to_process(caller, scope, caller.pidfd(number)?, signal)
        }
    }
}

fn send_to_process(
    caller: &Caller,
    scope: &Scope<'_>,
    pid: i32,
    signal: &Signal,
) -> Result<Done, Errno> {
    let process = open_inside(pid, scope)?;
    let info = match signal.info {
        0 => None,
        address => Some(read_info(caller, address, signal.number)?),
    };
    sys::pidfd_send_signal(process.as_fd(), signal.number, info.as_ref())?;
    Ok(Done::Performed)
}

/// The kernel would refuse a group of which no member may be sent the signal.
fn send_to_group(group: i32, scope: &Scope<'_>, number: i32) -> Result<Done, Errno> {
    let mut outcome = Err(Errno(libc::ESRCH));
    for pid in all_processes()? {
        if group_of(pid) != Ok(group) {
            continue;
        }
        let sent = open_inside(pid, scope)
            .and_then(|process| Ok(sys::pidfd_send_signal(process.as_fd(), number, None)?));
        match sent {
            Ok(()) => outcome = Ok(Done::Performed),
            // It ended meanwhile.
            Err(Errno(libc::ESRCH)) => {}
            Err(error) => outcome = outcome.or(Err(error)),
        }
    }
    outcome
}

/// Opens a process if it descends from this one and `scope` reaches it.
///
/// A number may change hands while the ancestors are walked, but then the child of whoever ended
/// has another parent in the second walk; and if the process itself is still there after both, its
/// number was its own all the time.
fn open_inside(pid: i32, scope: &Scope<'_>) -> Result<OwnedFd, Errno> {
    if pid <= 0 {
        return Err(Errno(libc::EINVAL));
    }
    let process = sys::pidfd_open(pid).map_err(|error| match error.raw_os_error() {
        // A thread that is not the first of its process.
        Some(libc::EINVAL | libc::ENOENT) => Errno(libc::ESRCH),
        _ => error.into(),
    })?;
    let ancestors = ancestors(pid);
    let inside = ancestors.last() == i32::try_from(std::process::id()).ok().as_ref();
    let unchanged = self::ancestors(pid) == ancestors;
    let reached = scope.reaches(pid)?;
    sys::pidfd_send_signal(process.as_fd(), 0, None)?;
    if inside && unchanged && reached {
        Ok(process)
    } else {
        Err(Errno(libc::EPERM))
    }
}

/// Is there such a process, and is it none that `scope` reaches?
pub(super) fn is_outside(pid: i32, scope: &Scope<'_>) -> bool {
    let ours = i32::try_from(std::process::id()).ok();
    stat(pid).is_ok() && !(ancestors(pid).last() == ours.as_ref() && scope.reaches(pid) == Ok(true))
}

/// Is there such a group, with no member that `scope` reaches?
pub(super) fn is_outside_group(group: i32, scope: &Scope<'_>) -> bool {
    let all = all_processes().unwrap_or_default().into_iter();
    let mut members = all.filter(|pid| group_of(*pid) == Ok(group)).peekable();
    members.peek().is_some() && members.all(|pid| is_outside(pid, scope))
}

/// The parents of `pid`, up to this process or to one without a parent.
fn ancestors(mut pid: i32) -> Vec<i32> {
    // Chains are short; a longer one is a walk over numbers that change hands.
    const LONGEST: usize = 10_000;
    let ours = i32::try_from(std::process::id()).ok();
    let mut chain = Vec::new();
    while chain.len() < LONGEST {
        let Ok([parent, _]) = stat(pid) else { break };
        chain.push(parent);
        if parent == 0 || Some(parent) == ours {
            break;
        }
        pid = parent;
    }
    chain
}

fn group_of(pid: i32) -> Result<i32, Errno> {
    stat(pid).map(|[_, group]| group)
}

/// Parent and process group from `/proc/PID/stat`.
fn stat(pid: i32) -> Result<[i32; 2], Errno> {
    let text = fs::read(format!("/proc/{pid}/stat")).map_err(|_| Errno(libc::ESRCH))?;
    // The name before it may hold anything, parentheses too.
    let end = text
        .iter()
        .rposition(|byte| *byte == b')')
        .ok_or(Errno(libc::ESRCH))?;
    let text = String::from_utf8_lossy(text.get(end + 1..).unwrap_or_default());
    let mut fields = text.split_ascii_whitespace().skip(1).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(parent)), Some(Ok(group))) => Ok([parent, group]),
        _ => Err(Errno(libc::ESRCH)),
    }
}

pub(super) fn all_processes() -> Result<Vec<i32>, Errno> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

fn read_info(caller: &Caller, address: u64, number: i32) -> Result<libc::siginfo_t, Errno> {
    let mut bytes = [0; size_of::<libc::siginfo_t>()];
    caller.read(address, &mut bytes)?;
    // SAFETY: a C struct of integers, for which any bytes are valid; the copy aligns it.
    let mut info = unsafe { bytes.as_ptr().cast::<libc::siginfo_t>().read_unaligned() };
    // Only the kernel may say so of itself, and it would believe us.
    if info.si_code >= 0 || info.si_code == libc::SI_TKILL {
        return Err(Errno(libc::EPERM));
    }
    info.si_signo = number;
    Ok(info)
}
