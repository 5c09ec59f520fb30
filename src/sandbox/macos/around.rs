//! What is around this process already: nothing, or a sandbox, ours or another's.

use std::ffi::{CStr, OsStr};
use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::{SANDBOX_EXEC, available};
use crate::error::Failure;
use crate::sandbox::Surroundings;

/// Whether our profile can be applied: Seatbelt does not nest. Fails inside a sandbox, ours or
/// another's, that leaves the network or the home folder open; without `home`, that is the one of
/// the user, whatever variables say.
pub(in crate::sandbox) fn surroundings(home: Option<&Path>) -> anyhow::Result<Surroundings> {
    available()?;
    let answer = sandbox_check();
    // Microseconds, where a trial run costs milliseconds on each build.
    if answer == 0 || can_nest()? {
        return Ok(Surroundings::Free);
    }
    if answer != INSIDE {
        return Err(Failure::new("macOS does not say whether cargo was started in a sandbox")
            .help("run `/usr/bin/sandbox-exec -p '(version 1)(allow default)' /usr/bin/true` to see why")
            .into());
    }
    let users = home.map_or_else(users_home, |home| Some(home.to_owned()));
    let open: Vec<String> = network_canary()
        .into_iter()
        .chain(users.as_deref().and_then(file_canary))
        .collect();
    if open.is_empty() {
        return Ok(Surroundings::Others);
    }
    Err(Failure::new(format!(
        "cargo was started inside another sandbox, which does not deny {}",
        open.join(" or ")
    ))
    .help("macOS cannot apply a sandbox inside another; start the build outside of that one")
    .help("or unset PERRY_SANDBOX_BUILDRS to rely on the other sandbox alone")
    .into())
}

/// Whether a profile can be applied here; `sandbox_apply` fails with EPERM inside a sandbox.
fn can_nest() -> anyhow::Result<bool> {
    let trial = Command::new(SANDBOX_EXEC)
        .args(["-p", "(version 1)(allow default)", "/usr/bin/true"])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{SANDBOX_EXEC}`"))?;
    if trial.status.success() {
        return Ok(true);
    }
    let told = String::from_utf8_lossy(&trial.stderr);
    if told.contains("sandbox_apply") {
        return Ok(false);
    }
    Err(Failure::new(format!(
        "`{SANDBOX_EXEC}` does not work on this system ({}): {}",
        trial.status,
        told.trim()
    ))
    .help("run `/usr/bin/sandbox-exec -p '(version 1)(allow default)' /usr/bin/true` to see why")
    .into())
}

/// What of the network is open. Nothing has to listen: a sandbox answers before any packet, and the
/// second address is reserved for documentation (RFC 5737).
pub(super) fn network_canary() -> Option<String> {
    let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 0, 2, 1)];
    addresses
        .into_iter()
        .find(|&address| {
            let discard = SocketAddr::from((address, 9));
            !denied(TcpStream::connect_timeout(
                &discard,
                Duration::from_millis(200),
            ))
        })
        .map(|address| format!("connections to {address}"))
}

pub(super) fn file_canary(folder: &Path) -> Option<String> {
    let file = folder.join(format!(".sandboxed-cargo-canary-{}", std::process::id()));
    let created = File::create_new(&file);
    if created.is_ok() {
        // It is empty, and the answer below is a refusal in any case.
        let _ = fs::remove_file(&file);
    }
    (!denied(created)).then(|| format!("writing to `{}`", folder.display()))
}

/// Whether it was a sandbox that refused; file permissions answer EACCES.
pub(super) fn denied<T>(attempt: io::Result<T>) -> bool {
    attempt.is_err_and(|error| error.raw_os_error() == Some(libc::EPERM))
}

/// The home folder that the system knows of (`getpwuid_r(3)`).
fn users_home() -> Option<PathBuf> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut text = vec![0; 1 << 14];
    let mut found = std::ptr::null_mut();
    // SAFETY: always succeeds.
    let user = unsafe { libc::getuid() };
    // SAFETY: all of it outlives the call, and the length is that of the buffer.
    unsafe {
        libc::getpwuid_r(
            user,
            entry.as_mut_ptr(),
            text.as_mut_ptr(),
            text.len(),
            &raw mut found,
        )
    };
    if found.is_null() {
        return None;
    }
    // SAFETY: it was found, so the entry is filled in.
    let folder = unsafe { entry.assume_init() }.pw_dir;
    if folder.is_null() {
        return None;
    }
    // SAFETY: it points into the buffer, where it ends with a zero.
    let folder = unsafe { CStr::from_ptr(folder) };
    Some(PathBuf::from(OsStr::from_bytes(folder.to_bytes())))
}

/// Whether the kernel says that this process is in a sandbox, beyond doubt.
pub(super) fn is_inside() -> bool {
    sandbox_check() == INSIDE
}

/// What [`sandbox_check`] answers in a sandbox.
const INSIDE: libc::c_int = 1;

/// 0 outside of any sandbox; -1 is an error.
pub(super) fn sandbox_check() -> libc::c_int {
    unsafe extern "C" {
        /// libSystem's; not documented, but what `WebKit`, Chromium and Homebrew ask.
        #[link_name = "sandbox_check"]
        fn check(
            pid: libc::pid_t,
            operation: *const libc::c_char,
            filter: libc::c_int,
            ...
        ) -> libc::c_int;
    }
    let ourselves = libc::pid_t::try_from(std::process::id()).unwrap_or_default();
    // SAFETY: without an operation and a filter, no further argument is read.
    unsafe { check(ourselves, std::ptr::null(), 0) }
}
