//! Starts cargo under `/usr/bin/sandbox-exec` and stays its parent.
//!
//! Seatbelt offers no supported way to confine the calling process, and the build's temporary
//! folder has to be removed afterwards, so cargo becomes a child in our process group: the terminal
//! sends ^C and ^Z to both, and the shell's job control needs nothing from us.

mod signals;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::RawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;

pub use super::no_units::Running;
pub(super) use super::no_units::{
    become_unit, leave_errors, leave_sealed, read_sealed, speak_to, start_unit,
};

use crate::denial::Seen;
use crate::error::Failure;
use crate::policy::Policy;
use crate::sandbox::{Capability, Ended, Finished, Job, Limits, State, Surroundings, seatbelt};

/// Absolute, so that nothing on PATH can take its place; protected by System Integrity Protection.
const SANDBOX_EXEC: &str = "/usr/bin/sandbox-exec";

/// Fails if this system has no `sandbox-exec`.
pub(super) fn check(_limits: Limits) -> anyhow::Result<()> {
    available()
}

fn available() -> anyhow::Result<()> {
    let known = fs::metadata(SANDBOX_EXEC).is_ok_and(|file| file.is_file());
    if known {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{SANDBOX_EXEC}` is missing, so nothing can be sandboxed"
    ))
    .help("it is part of macOS; reinstall the system, or build in a container or a virtual machine")
    .into())
}

/// Whether our profile can be applied: Seatbelt does not nest. Fails inside a sandbox, ours or
/// another's, that leaves the network or the home folder open.
pub(super) fn surroundings(home: Option<&Path>) -> anyhow::Result<Surroundings> {
    available()?;
    // Microseconds, where a trial run costs milliseconds on each build.
    if !in_a_sandbox() || can_nest()? {
        return Ok(Surroundings::Free);
    }
    let open: Vec<String> = network_canary()
        .into_iter()
        .chain(home.and_then(file_canary))
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

/// What this system can enforce: `sandbox-exec` is there, or builds do not run.
pub(super) fn capabilities(_limits: Limits) -> Vec<Capability> {
    let there = available().is_ok();
    vec![Capability {
        name: "sandbox-exec",
        found: if there { SANDBOX_EXEC } else { "missing" }.to_owned(),
        state: if there {
            State::Weaker {
                gaps: vec![
                    "a build can learn that hidden files exist, with their size and times",
                    "a process that the build leaves behind goes on, inside the sandbox",
                ],
                remedy: "macOS has no supported way to close these",
            }
        } else {
            State::Missing {
                remedy: "reinstall macOS, or build in a container or a virtual machine",
            }
        },
    }]
}

/// macOS has no bind mounts.
pub(super) fn aliases(_folders: &[PathBuf]) -> Vec<PathBuf> {
    Vec::new()
}

/// The profile that `sandbox-exec` reads.
pub(super) fn record(policy: &Policy, subject: &str) -> anyhow::Result<String> {
    Ok(seatbelt::profile(policy, subject)?.text)
}

pub(super) fn run(job: &Job<'_>, hiding: &mut dyn FnMut()) -> anyhow::Result<Finished> {
    hiding();
    // The text is in the job's record; the parameters follow from the policy alone.
    let profile = seatbelt::profile(job.policy, "")?;
    let status = start(&profile, job)?;
    let ended = match (status.code(), status.signal()) {
        // An exit status is eight bits wide.
        (Some(code), _) => Ended::Exited(code.to_le_bytes()[0]),
        (None, signal) => Ended::Signalled(signal.unwrap_or(libc::SIGKILL)),
    };
    Ok(Finished {
        ended,
        seen: Seen::default(),
    })
}

pub(super) fn become_program(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> io::Result<Ended> {
    Err(Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .exec())
}

/// No unit has a box inside another one here.
pub(super) fn temporary_folder_of_parent() -> io::Result<Option<OsString>> {
    Ok(None)
}

pub(super) fn die_by(signal: i32) {
    // SAFETY: the default disposition is no function of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: takes numbers only.
    unsafe { libc::raise(signal) };
}

/// Runs the program under the profile until it ends.
fn start(profile: &seatbelt::Profile, job: &Job<'_>) -> anyhow::Result<ExitStatus> {
    available()?;
    close_on_exec(job.keep)
        .context("cannot close the descriptors that a build must not inherit")?;
    no_core_files().context("cannot turn core files off, which the kernel writes outside")?;
    let sandboxed = |program: &Path| {
        let mut command = Command::new(SANDBOX_EXEC);
        command
            .arg("-f")
            .arg(job.record)
            .args(profile.definitions())
            .arg("--")
            .arg(program)
            .env_clear()
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(job.directory);
        command
    };
    signals::catch().context("cannot set signal handlers")?;
    let mut command = sandboxed(job.program);
    command.args(job.arguments);
    if let Some(output) = job.output {
        command.stdout(
            output
                .try_clone()
                .context("cannot redirect standard output")?,
        );
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{SANDBOX_EXEC}`"))?;
    signals::follow(&child);
    let status = child.wait().context("cannot wait for cargo")?;
    signals::done();
    // sysexits(3) codes of sandbox-exec, for a profile that it refuses; but a program that cargo
    // ran may use them as well, so ask again with one that cannot fail.
    if matches!(status.code(), Some(64 | 65 | 71)) {
        let trial = sandboxed(Path::new("/usr/bin/true"))
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start `{SANDBOX_EXEC}`"))?;
        if !trial.status.success() {
            return Err(Failure::new(format!(
                "macOS refused the sandbox profile `{}`, so nothing was built: {}",
                job.record.display(),
                String::from_utf8_lossy(&trial.stderr).trim()
            ))
            .help("report it with the profile and the output of `sw_vers`")
            .into());
        }
    }
    Ok(status)
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
fn network_canary() -> Option<String> {
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

fn file_canary(folder: &Path) -> Option<String> {
    let file = folder.join(format!(".sandboxed-cargo-canary-{}", std::process::id()));
    let created = File::create_new(&file);
    if created.is_ok() {
        // It is empty, and the answer below is a refusal in any case.
        let _ = fs::remove_file(&file);
    }
    (!denied(created)).then(|| format!("writing to `{}`", folder.display()))
}

/// Whether it was a sandbox that refused; file permissions answer EACCES.
fn denied<T>(attempt: io::Result<T>) -> bool {
    attempt.is_err_and(|error| error.raw_os_error() == Some(libc::EPERM))
}

fn in_a_sandbox() -> bool {
    unsafe extern "C" {
        /// libSystem's; not documented, but what `WebKit`, Chromium and Homebrew ask.
        fn sandbox_check(
            pid: libc::pid_t,
            operation: *const libc::c_char,
            filter: libc::c_int,
            ...
        ) -> libc::c_int;
    }
    let ourselves = libc::pid_t::try_from(std::process::id()).unwrap_or_default();
    // SAFETY: without an operation and a filter, no further argument is read.
    let answer = unsafe { sandbox_check(ourselves, std::ptr::null(), 0) };
    // An error (-1) counts as yes, which leads to the trial run.
    answer != 0
}

/// An open descriptor is not asked about again by any sandbox (sandbox(7)), so the build gets
/// none but the three standard streams and those in `keep`.
fn close_on_exec(keep: &[RawFd]) -> io::Result<()> {
    let open: Vec<RawFd> = fs::read_dir("/dev/fd")?
        .map(|entry| {
            Ok(entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok()))
        })
        .filter_map(io::Result::transpose)
        .collect::<io::Result<_>>()?;
    for descriptor in open {
        if descriptor <= 2 || keep.contains(&descriptor) {
            continue;
        }
        // SAFETY: takes numbers only, and changes nothing but the flag.
        let set = unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
        if set == -1 {
            let error = io::Error::last_os_error();
            // The one that listed the folder is closed by now.
            if error.raw_os_error() != Some(libc::EBADF) {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn no_core_files() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure outlives the call, which only reads it.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    if set == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// None yet.
pub(super) mod launcher {
    use std::ffi::OsString;

    use anyhow::{Result, bail};

    use crate::sandbox::launcher::Launcher;

    pub(in crate::sandbox) fn image(_: Launcher<'_>) -> Result<Vec<u8>> {
        bail!("this system has no launchers yet")
    }

    pub(in crate::sandbox) fn real(_: &[u8]) -> Option<OsString> {
        None
    }

    pub(in crate::sandbox) fn restore(_: &mut OsString) {}
}

#[cfg(test)]
mod tests;
