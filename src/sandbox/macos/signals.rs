//! Keeps us alive for as long as cargo is, whatever the terminal or a supervisor sends.

use std::io;
use std::mem::MaybeUninit;
use std::process::Child;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

/// The child to pass signals on to; 0 before and after.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// A signal that came before there was a child.
static EARLY: AtomicI32 = AtomicI32::new(0);

/// Takes over the signals that would end us and leave cargo and its temporary folder behind.
///
/// The terminal sends INT and QUIT to cargo too, so they are only survived; TERM and HUP go to one
/// process, so they are passed on.
pub(super) fn catch() -> io::Result<()> {
    // Handlers, not SIG_IGN: a child inherits what is ignored, but no handlers.
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        handle(signal, survive)?;
    }
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        handle(signal, forward)?;
    }
    Ok(())
}

/// From now on signals are `child`'s, also the one that came before it was there.
pub(super) fn follow(child: &Child) {
    let number = libc::pid_t::try_from(child.id()).unwrap_or_default();
    CHILD.store(number, Ordering::SeqCst);
    let early = EARLY.swap(0, Ordering::SeqCst);
    if early != 0 {
        forward(early);
    }
}

/// The child is gone; its number may soon be another process's.
pub(super) fn done() {
    CHILD.store(0, Ordering::SeqCst);
}

fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) -> io::Result<()> {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer asks for no change; the old action is written to our memory.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) };
    if asked == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above succeeded, so it is filled in.
    let before = unsafe { before.assume_init() };
    // nohup(1) and the like ignore signals for all that they start.
    if before.sa_sigaction == libc::SIG_IGN {
        return Ok(());
    }
    let action = libc::sigaction {
        sa_sigaction: handler as libc::sighandler_t,
        sa_flags: libc::SA_RESTART,
        ..before
    };
    // SAFETY: the handlers only use atomics, kill(2) and errno, which sigaction(2) allows.
    let set = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    if set == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

extern "C" fn survive(_signal: libc::c_int) {}

extern "C" fn forward(signal: libc::c_int) {
    let child = CHILD.load(Ordering::SeqCst);
    if child == 0 {
        EARLY.store(signal, Ordering::SeqCst);
        return;
    }
    // SAFETY: always returns this thread's errno.
    let errno = unsafe { libc::__error() };
    // SAFETY: valid as long as the thread.
    let saved = unsafe { *errno };
    // SAFETY: takes numbers only; the child is not yet waited for, so the number is its own.
    unsafe { libc::kill(child, signal) };
    // SAFETY: as above; the code that we interrupted may be about to read it.
    unsafe { *errno = saved };
}
