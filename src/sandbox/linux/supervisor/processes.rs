//! Calls that act on other processes: whom they are about, for what is told of them.
//!
//! Nothing here decides anything: signals are judged by Landlock or by [`signals`], and all else is
//! refused.

use std::fs;

use super::caller::Caller;
use super::narrowing::Scope;
use super::request::low_int;
use super::signals;
use crate::denial::Action;

/// What a call does to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signal,
    /// Traces it, looks into its memory, or changes its limits.
    Control,
}

/// `None` for a call that is about no process.
pub(super) fn kind(name: &str) -> Option<Kind> {
    match name {
        "kill" | "tkill" | "tgkill" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo"
        | "pidfd_send_signal" => Some(Kind::Signal),
        "ptrace" | "process_vm_readv" | "process_vm_writev" | "pidfd_getfd" | "kcmp"
        | "process_madvise" | "process_mrelease" | "prlimit64" | "sched_setaffinity"
        | "sched_setscheduler" | "sched_setparam" | "sched_setattr" | "migrate_pages"
        | "move_pages" => Some(Kind::Control),
        _ => None,
    }
}

/// What is refused by this, if it is: a process that is there, and that the caller's unit did not
/// start.
pub(super) fn denied(pid: i32, name: &str, args: &[u64; 6], scope: &Scope<'_>) -> Option<Action> {
    const EVERYBODY: i32 = -1;
    let kind = kind(name)?;
    let target = match name {
        "pidfd_send_signal" | "pidfd_getfd" | "process_madvise" | "process_mrelease" => {
            Caller::open(pid).ok()?.pidfd(low_int(args[0])).ok()?
        }
        // After what it asks for; to be traced by one's own parent asks for no process.
        "ptrace" if args[0] == u64::from(libc::PTRACE_TRACEME) => return None,
        "ptrace" => low_int(args[1]),
        _ => low_int(args[0]),
    };
    let process = match target {
        EVERYBODY if name == "kill" => "every process".to_owned(),
        // The caller's own.
        0 => return None,
        group if group < 0 => {
            let group = group.checked_neg()?;
            if name != "kill" || !signals::is_outside_group(group, scope) {
                return None;
            }
            format!("process group {group}")
        }
        process if signals::is_outside(process, scope) => {
            let name = fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
            let name = String::from_utf8_lossy(&name).trim_end().to_owned();
            format!("process {process} (`{name}`)")
        }
        _ => return None,
    };
    Some(match kind {
        Kind::Signal => Action::Signal { process },
        Kind::Control => Action::Control { process },
    })
}
