//! What every build tries and does without.

use std::path::Path;

use super::Context;
use crate::denial::{Action, Actor, Denial, Unit};

/// Daemons that C libraries ask first and do without: name services and the system's log.
const DAEMONS: [&str; 6] = [
    "/var/run/nscd/",
    "/run/nscd/",
    "/run/systemd/userdb/",
    "/run/systemd/resolve/",
    "/dev/log",
    "/private/var/run/syslog",
];

/// Terminals, which programs look for to find out whether somebody watches.
const TERMINALS: [&str; 4] = ["/dev/tty", "/dev/pts", "/dev/console", "/dev/dtracehelper"];

/// Beginnings of names of services that lead out of the sandbox: to keys, other programs, names of
/// hosts. Every program asks for others.
const SERVICES: [&str; 10] = [
    "com.apple.SecurityServer",
    "com.apple.coreservices.launchservicesd",
    "com.apple.dnssd",
    "com.apple.mDNSResponder",
    "com.apple.nsurlsessiond",
    "com.apple.pasteboard",
    "com.apple.secd",
    "com.apple.security",
    "com.apple.tccd",
    "com.apple.xpc.",
];

/// What we try ourselves inside a sandbox, to see that it is one: addresses where nobody listens, and
/// what the name of a file begins with.
const CANARIES: ([&str; 2], &str) = (["127.0.0.1:9", "192.0.2.1:9"], ".sandboxed-cargo-canary-");

/// As the system's log calls us.
const OWN: &str = "sandboxed-cargo";

/// Programs that are no crate's.
const CARGO: [&str; 2] = ["cargo", "rustup"];

/// What people should know of: not what cargo and its helpers try for themselves and do without,
/// nor what every program tries, nor a socket whose use is told as well.
pub fn worth_telling(denials: &[Denial], context: &Context) -> Vec<Denial> {
    let has_address = |unit: &Option<Unit>| {
        denials.iter().any(|denial| {
            denial.actor.unit == *unit
                && denial.action.is_network()
                && !matches!(denial.action, Action::Socket { .. })
        })
    };
    let is_told = |denial: &&Denial| {
        if is_cargos(&denial.actor) || is_canary(denial) {
            return false;
        }
        match &denial.action {
            Action::Socket { family } => {
                !["unix", "netlink"].contains(&family.as_str()) && !has_address(&denial.actor.unit)
            }
            Action::Connect { address } => {
                !DAEMONS.iter().any(|daemon| address.starts_with(daemon))
            }
            Action::Ask { service } => SERVICES.iter().any(|name| service.starts_with(name)),
            action => !action
                .place()
                .is_some_and(|place| is_usual(&place.path, context)),
        }
    };
    denials.iter().filter(is_told).cloned().collect()
}

fn is_cargos(actor: &Actor) -> bool {
    actor.unit.is_none() && (!actor.unknown || CARGO.contains(&actor.program.as_str()))
}

/// A crate's program of our name gains nothing by it: these are of no use to anybody.
fn is_canary(denial: &Denial) -> bool {
    let (addresses, name) = CANARIES;
    if !denial.actor.unknown || denial.actor.program != OWN {
        return false;
    }
    match &denial.action {
        Action::Connect { address } => addresses.contains(&address.as_str()),
        Action::Create(place) => place
            .path
            .file_name()
            .is_some_and(|file| file.as_encoded_bytes().starts_with(name.as_bytes())),
        _ => false,
    }
}

fn is_usual(path: &Path, context: &Context) -> bool {
    TERMINALS.iter().any(|terminal| path.starts_with(terminal))
        || context
            .caches
            .iter()
            .any(|cache| path.starts_with(cache) && !path.starts_with(cache.join("bin")))
}
