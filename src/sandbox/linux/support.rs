//! What this kernel can enforce, found out by asking and by trying.

use std::fs;

use anyhow::Result;

use super::{domain, outer};
use crate::error::Failure;
use crate::sandbox::{Capability, State};

/// What only the second wall gives; the tests know this list by heart.
pub(in crate::sandbox) const WITHOUT_NAMESPACES: &[&str] = &[
    "a build can learn that hidden files exist, with their size, times, attributes and link text, \
     and can watch them for changes",
    "a build can read the names and command lines of other processes in /proc",
    "a build has no /dev/shm and no /tmp of its own, so that what insists on them fails",
];

const LANDLOCK: &str = "use Linux 5.19 or later with `landlock` in CONFIG_LSM or in the `lsm=` boot parameter, \
     and let the container's seccomp profile allow the landlock system calls";
const NAMESPACES: &str = "allow unprivileged user namespaces (Ubuntu: an AppArmor profile for sandboxed-cargo \
     with `userns`; containers: a seccomp profile that allows unshare and mount)";

pub(in crate::sandbox) fn check(limit: Option<i32>) -> Result<()> {
    let abi = domain::usable_abi(limit);
    if abi >= domain::LOWEST_ABI {
        return Ok(());
    }
    let found = if abi == 0 {
        "none".to_owned()
    } else {
        format!("version {abi}")
    };
    Err(Failure::new(format!(
        "this kernel cannot confine a build: Landlock version {} is needed, and it has {found}",
        domain::LOWEST_ABI
    ))
    .help(LANDLOCK)
    .help("`sandboxed-cargo sandbox doctor` lists what this system has")
    .into())
}

pub(in crate::sandbox) fn capabilities() -> Vec<Capability> {
    let abi = domain::kernel_abi();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let landlock = if abi >= domain::LOWEST_ABI {
        State::Enforced
    } else {
        State::Missing { remedy: LANDLOCK }
    };
    let seccomp = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let notifies = seccomp
        .split_whitespace()
        .any(|action| action == "user_notif");
    let namespaces = outer::probe_namespaces();
    vec![
        Capability {
            name: "kernel",
            found: release.trim().to_owned(),
            state: State::Enforced,
        },
        Capability {
            name: "Landlock",
            found: format!("version {abi}"),
            state: landlock,
        },
        Capability {
            name: "seccomp",
            found: if notifies {
                "filters and notifications"
            } else {
                "no notifications"
            }
            .to_owned(),
            state: if notifies {
                State::Enforced
            } else {
                State::Missing {
                    remedy: "use a kernel with CONFIG_SECCOMP_FILTER, 5.0 or later",
                }
            },
        },
        Capability {
            name: "namespaces",
            state: match &namespaces {
                Ok(()) => State::Enforced,
                Err(_) => State::Weaker {
                    gaps: WITHOUT_NAMESPACES.to_vec(),
                    remedy: NAMESPACES,
                },
            },
            found: namespaces
                .map_or_else(|error| error, |()| "user, mount and process ids".to_owned()),
        },
    ]
}
