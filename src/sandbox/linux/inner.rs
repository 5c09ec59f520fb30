//! The processes inside: the supervisor, which is process 1 of the namespaces, and the program.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::outer::{Message, settle};
use super::process::{self, Event, Identity, Side, Signals};
use super::seccomp::{self, Arch, Options};
use super::supervisor::{Observer, Supervisor};
use super::{attempts, domain, sys, view};
use crate::error::one_line;
use crate::exit;
use crate::sandbox::{Ended, Job};

/// Capabilities that a root build keeps, since it works on other users' files: `CHOWN`,
/// `DAC_OVERRIDE`, `FOWNER`, `FSETID` (capabilities(7)).
const ROOT_KEEPS: u32 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4;

/// Runs the program and serves it until it ended, then ends everything that it left behind.
///
/// `namespaces` is the identity to keep in the namespaces that this process was forked into.
pub(super) fn supervise(
    job: &Job<'_>,
    namespaces: Option<Identity>,
    outside: &OwnedFd,
    told: &File,
    mask: &Signals,
) -> ! {
    let message = match serve(job, namespaces, outside, told, mask) {
        Ok(message) => message,
        Err(error) => Message::Failed(one_line(&error)),
    };
    let _ = process::send(outside.as_fd(), &message.to_bytes());
    process::leave(0)
}

fn serve(
    job: &Job<'_>,
    namespaces: Option<Identity>,
    outside: &OwnedFd,
    told: &File,
    mask: &Signals,
) -> Result<Message> {
    let exposed;
    let mut replaced = None;
    if let Some(identity) = namespaces {
        process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
        if let Err(error) = settle(identity) {
            return Ok(Message::Refused(format!("{error:#}")));
        }
        exposed = domain::exposed(job.policy);
        replaced = Some(view::build(job.policy, job.scratch, job.directory)?);
    } else {
        process::prctl(libc::PR_SET_CHILD_SUBREAPER, 1)?;
        exposed = domain::exposed(job.policy);
    }
    std::env::set_current_dir(job.directory)
        .with_context(|| format!("failed to enter `{}`", job.directory.display()))?;
    // Our memory and descriptors are nobody's business, even where only the user id protects them.
    process::prctl(libc::PR_SET_DUMPABLE, 0)?;

    let child_ended = Signals::of(&[libc::SIGCHLD]).descriptor()?;
    let (ours, theirs) = process::socket_pair()?;
    let program = match process::fork(0)? {
        Side::Parent(pid) => pid,
        Side::Child => {
            drop(ours);
            let error = become_program(job, &exposed, replaced.as_deref(), &theirs, mask);
            let message = Message::Failed(one_line(&error));
            let _ = process::send(outside.as_fd(), &message.to_bytes());
            process::leave(exit::FAILURE)
        }
    };
    drop(theirs);
    let supervisor = match sys::receive_fd(ours.as_fd()) {
        Ok(listener) => Some(
            Supervisor::new(
                listener,
                writable(job, namespaces.is_some()),
                protected(job),
            )
            .sending_signals(options(job, usable_version(job)?).signals)
            .watching(Observer::new(job.watch, job.policy, job.part.cloned())),
        ),
        // It failed, and has told so itself.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => return Err(error).context("failed to receive the seccomp listener"),
    };
    let (ended, seen) = attend(program, supervisor, &child_ended, outside)?;
    if namespaces.is_none() {
        end_descendants()?;
    }
    attempts::leave(told, &seen.notes()).context("failed to tell what was observed")?;
    Ok(Message::Ended(ended))
}

/// Serves requests, passes signals on and reaps until the program ended; how, and what was seen.
fn attend(
    program: libc::pid_t,
    mut supervisor: Option<Supervisor>,
    child_ended: &OwnedFd,
    outside: &OwnedFd,
) -> Result<(Ended, Observer)> {
    let mut seen = Observer::default();
    loop {
        let listener = supervisor.as_ref().map(Supervisor::fd);
        let [request, ended, signal] =
            process::poll([listener, Some(child_ended.as_fd()), Some(outside.as_fd())])?;
        let usable = match (request, &mut supervisor) {
            (Event::Readable, Some(supervisor)) => supervisor.serve_one().is_ok(),
            // It would stay so until the program is reaped, and we would ask without a pause.
            (Event::HungUp, _) => false,
            _ => true,
        };
        if !usable {
            // Nobody is left under the filter.
            if let Some(supervisor) = supervisor.take() {
                seen = supervisor.into_observer();
            }
        }
        if signal != Event::Nothing {
            match process::receive(outside.as_fd()) {
                Ok(bytes) => {
                    let Ok(number) = bytes.try_into().map(libc::c_int::from_le_bytes) else {
                        // We are alone: nobody would learn how the program ended.
                        end_descendants()?;
                        bail!("the process outside is gone");
                    };
                    process::kill(program, number);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if ended != Event::Nothing {
            process::drain(child_ended);
            while let Some((pid, how)) = process::reap(-1, false)? {
                if pid == program {
                    return Ok((how, supervisor.map_or(seen, Supervisor::into_observer)));
                }
            }
        }
    }
}

/// Kills whatever the program left running, as the subreaper to which it all falls.
///
/// Only our own children are killed, whose ids nobody else can get before we reap them; their
/// children become ours.
pub(super) fn end_descendants() -> Result<()> {
    loop {
        match process::reap(-1, false) {
            Ok(Some(_)) => continue,
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(()),
            Err(error) => {
                return Err(error).context("failed to wait for what the build left running");
            }
            Ok(None) => {}
        }
        for child in process::children().context("failed to list what the build left running")? {
            process::kill(child, libc::SIGKILL);
        }
        process::reap(-1, true).context("failed to wait for what the build left running")?;
    }
}

fn writable(job: &Job<'_>, namespaces: bool) -> Vec<PathBuf> {
    let private = namespaces
        .then_some(&job.policy.private)
        .into_iter()
        .flatten();
    job.policy
        .writable
        .iter()
        .chain(private)
        .map(|rule| rule.path.clone())
        .collect()
}

fn protected(job: &Job<'_>) -> Vec<PathBuf> {
    job.policy
        .protected
        .iter()
        .map(|rule| rule.path.clone())
        .collect()
}

/// Confines this process and becomes the program; returns only if that fails.
fn become_program(
    job: &Job<'_>,
    exposed: &[&Path],
    replaced: Option<&[PathBuf]>,
    supervisor: &OwnedFd,
    mask: &Signals,
) -> anyhow::Error {
    let confined = || -> Result<()> {
        process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
        if let Some(number) = process::loose_socket() {
            bail!("standard stream {number} is a socket that a build could point at any address");
        }
        if let Some(output) = job.output {
            process::make_standard_output(output).context("failed to redirect standard output")?;
        }
        let keep = job.keep.iter().copied().filter(|fd| process::is_pipe(*fd));
        process::close_on_exec_except(&keep.collect::<Vec<_>>())
            .context("failed to close descriptors")?;
        let keep = if process::is_root() { ROOT_KEEPS } else { 0 };
        seccomp::no_new_privs().context("failed to set no_new_privs")?;
        process::keep_capabilities(keep).context("failed to drop capabilities")?;
        let version = usable_version(job)?;
        domain::restrict(job.policy, exposed, replaced, version)
            .context("failed to set up Landlock")?;
        let options = options(job, version);
        let arch = Arch::native().context("there is no system call table for this architecture")?;
        let filter = seccomp::filter(arch, options);
        let listener = seccomp::install_with_listener(&filter)
            .context("failed to install the seccomp filter")?;
        sys::send_fd(supervisor.as_fd(), listener.as_fd())
            .context("failed to reach the supervisor")?;
        mask.set_mask().context("failed to restore the signal mask")
    };
    if let Err(error) = confined() {
        return error;
    }
    let mut environment = job.environment.to_vec();
    environment.push((
        "SANDBOXED_CARGO_LOOP".into(),
        process::own_pid().to_string().into(),
    ));
    let error = process::execute(job.program, job.arguments, &environment);
    anyhow!(error).context(format!("failed to start `{}`", job.program.display()))
}

fn usable_version(job: &Job<'_>) -> Result<i32> {
    domain::usable_version(job.limits.landlock).context("failed to ask for the Landlock version")
}

/// What the filter has to do where this version of Landlock does not.
fn options(job: &Job<'_>, version: i32) -> Options {
    Options {
        network: job.policy.network,
        truncate: version < 3,
        signals: version < 6,
        watch: job.watch,
    }
}
