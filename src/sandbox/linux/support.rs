//! What this kernel can enforce, found out by asking and by trying.

use std::fs;
use std::io;

use anyhow::Result;

use super::process::{self, Side};
use super::{domain, outer, seccomp};
use crate::error::Failure;
use crate::sandbox::{Capability, Ended, Limits, Namespaces, State};

/// What only the second wall gives; the tests know this list by heart.
pub(in crate::sandbox) const WITHOUT_NAMESPACES: &[&str] = &[
    "a build can learn that hidden files exist, with their size, times, attributes and link text, \
     and can watch them for changes",
    "a build can read the names and command lines of other processes in /proc",
    "a build has no /dev/shm and no /tmp of its own, so that what insists on them fails",
    "a build cannot list a folder that something hidden lies below, such as `/`, so that what does \
     so fails",
];

const LANDLOCK: &str = "use Linux 5.19 or later with `landlock` in CONFIG_LSM or in the `lsm=` boot parameter, \
     and let the container's seccomp profile allow the landlock system calls";
const SECCOMP: &str = "use a kernel with CONFIG_SECCOMP_FILTER, let the container's seccomp profile allow \
     the seccomp system call, and start in none that intercepts system calls itself";
const NAMESPACES: &str = "allow unprivileged user namespaces (Ubuntu: an AppArmor profile for sandboxed-cargo \
     with `userns`; containers: a seccomp profile that allows unshare and mount)";

/// Fails where the kernel lacks what every build needs; asks only, since every build asks.
pub(in crate::sandbox) fn check(limits: Limits) -> Result<()> {
    landlock(limits.landlock)
        .map(drop)
        .map_err(|problem| lack(&problem, LANDLOCK))?;
    notifications().map_err(|problem| lack(&problem, SECCOMP))
}

/// The same, for when a build could not be started: what is there may still not be for us.
pub(super) fn check_by_trying(limits: Limits) -> Result<()> {
    check(limits)?;
    listener().map_err(|problem| lack(&problem, SECCOMP))
}

fn lack(problem: &str, remedy: &str) -> anyhow::Error {
    Failure::new(format!("this system cannot confine a build: {problem}"))
        .help(remedy)
        .help("`sandboxed-cargo sandbox doctor` lists what this system has")
        .into()
}

/// The version that there is, or why it does not do.
fn landlock(limit: Option<i32>) -> Result<i32, String> {
    match domain::usable_version(limit) {
        Ok(version) if version >= domain::LOWEST_VERSION => Ok(version),
        Ok(version) => Err(format!(
            "its Landlock is version {version}, and {} is needed",
            domain::LOWEST_VERSION
        )),
        Err(error) => Err(match error.raw_os_error() {
            Some(libc::ENOSYS) => "it has no Landlock".to_owned(),
            Some(libc::EOPNOTSUPP) => "its Landlock is switched off".to_owned(),
            _ => format!("it refuses Landlock: {error}"),
        }),
    }
}

/// Does seccomp know notifications, by which the supervisor works?
fn notifications() -> Result<(), String> {
    let action: u32 = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads one number through the pointer (seccomp(2)).
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw const action,
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EINVAL) => "it has no seccomp filters".to_owned(),
        Some(libc::EOPNOTSUPP) => "its seccomp has no notifications".to_owned(),
        _ => format!("it refuses seccomp: {error}"),
    })
}

/// Can a filter with a supervisor be had? Tried in a child, which keeps it.
fn listener() -> Result<(), String> {
    let probe = || -> io::Result<Ended> {
        match process::fork(0)? {
            Side::Child => {
                // BPF_RET | BPF_K, the whole filter: allow.
                let filter = [libc::sock_filter {
                    code: 0x06,
                    jt: 0,
                    jf: 0,
                    k: libc::SECCOMP_RET_ALLOW,
                }];
                let tried = seccomp::no_new_privs()
                    .and_then(|()| seccomp::install_with_listener(&filter).map(drop));
                let number = tried
                    .err()
                    .map_or(0, |error| error.raw_os_error().unwrap_or(-1));
                process::leave(number.to_le_bytes()[0])
            }
            Side::Parent(pid) => process::reap(pid, true)?
                .map(|(_, ended)| ended)
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    };
    match probe() {
        Ok(Ended::Exited(0)) => Ok(()),
        Ok(Ended::Exited(number)) if i32::from(number) == libc::EBUSY => Err(
            "a seccomp filter with a supervisor is in force already, and the kernel allows one"
                .to_owned(),
        ),
        Ok(Ended::Exited(number)) => Err(format!(
            "it refuses a seccomp filter with a supervisor: {}",
            io::Error::from_raw_os_error(number.into())
        )),
        Ok(Ended::Signalled(signal)) => Err(format!(
            "it ends a process by signal {signal} for asking for a seccomp filter"
        )),
        Err(error) => Err(format!("it refuses a process: {error}")),
    }
}

pub(in crate::sandbox) fn capabilities(limits: Limits) -> Vec<Capability> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let landlock = landlock(limits.landlock).map(|version| format!("version {version}"));
    let seccomp = notifications()
        .and_then(|()| listener())
        .map(|()| "filters and notifications".to_owned());
    let (switched_off, remedy) = match limits.namespaces {
        Namespaces::Off => (true, "unset SANDBOXED_CARGO_NAMESPACES"),
        _ => (false, NAMESPACES),
    };
    let namespaces = if switched_off {
        Err("switched off by SANDBOXED_CARGO_NAMESPACES".to_owned())
    } else {
        outer::probe_namespaces()
    };
    vec![
        Capability {
            name: "kernel",
            found: release.trim().to_owned(),
            state: State::Enforced,
        },
        Capability {
            name: "Landlock",
            state: needed(&landlock, LANDLOCK),
            found: landlock.unwrap_or_else(|problem| problem),
        },
        Capability {
            name: "seccomp",
            state: needed(&seccomp, SECCOMP),
            found: seccomp.unwrap_or_else(|problem| problem),
        },
        Capability {
            name: "namespaces",
            state: match &namespaces {
                Ok(()) => State::Enforced,
                Err(_) => State::Weaker {
                    gaps: WITHOUT_NAMESPACES.to_vec(),
                    remedy,
                },
            },
            found: namespaces
                .map_or_else(|error| error, |()| "user, mount and process ids".to_owned()),
        },
    ]
}

fn needed(found: &Result<String, String>, remedy: &'static str) -> State {
    match found {
        Ok(_) => State::Enforced,
        Err(_) => State::Missing { remedy },
    }
}
