//! Runs single system calls and whole programs under a filter and a supervisor.
//!
//! The test harness has threads, so a forked child may do nothing but system calls: no memory is
//! allocated between fork and exit.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output};

use super::seccomp::{self, Arch, Options};
use super::supervisor::Supervisor;
use super::sys;
use crate::denial::Watch;
use crate::policy::Network;

pub(super) const BUILD: Options = Options {
    network: Network::Denied,
    truncate: false,
    signals: false,
    watch: Watch::Nothing,
};

/// What a child did instead of returning an error number.
const CONFINING_FAILED: i32 = 250;

/// Where the supervisor lets the build change attributes, and under which filter.
#[derive(Debug, Clone)]
pub(super) struct Wall {
    pub(super) options: Options,
    pub(super) writable: Vec<PathBuf>,
    pub(super) protected: Vec<PathBuf>,
}

/// A system call with any arguments.
pub(super) fn raw<const COUNT: usize>(number: libc::c_long, args: [usize; COUNT]) -> libc::c_long {
    let mut six = [0; 6];
    six[..COUNT].copy_from_slice(&args);
    // SAFETY: tests pass addresses of live objects, or ones that the kernel must refuse.
    unsafe { libc::syscall(number, six[0], six[1], six[2], six[3], six[4], six[5]) }
}

/// The address of something, to be passed to `raw`.
pub(super) fn address<T: ?Sized>(of: &T) -> usize {
    std::ptr::from_ref(of).addr()
}

/// The error number of `action` in a child process, or 0.
pub(super) fn forked(action: impl Fn() -> libc::c_long) -> i32 {
    wait(fork(|| outcome(action())))
}

/// The same under a filter without supervisor.
pub(super) fn filtered(options: Options, action: impl Fn() -> libc::c_long) -> i32 {
    let filter = seccomp::filter(Arch::native().unwrap(), options);
    wait(fork(|| {
        let confined = seccomp::no_new_privs().and_then(|()| seccomp::install(&filter));
        match confined {
            Ok(()) => outcome(action()),
            Err(_) => CONFINING_FAILED,
        }
    }))
}

/// The same under a filter with supervisor.
pub(super) fn supervised(wall: &Wall, action: impl Fn() -> libc::c_long) -> i32 {
    let filter = seccomp::filter(Arch::native().unwrap(), wall.options);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let child = fork(|| match confine(&filter, theirs.as_fd()) {
        Ok(()) => outcome(action()),
        Err(_) => CONFINING_FAILED,
    });
    drop(theirs);
    serve(wall, ours.as_fd(), child);
    wait(child)
}

/// Runs a program under a filter with supervisor.
pub(super) fn run(wall: &Wall, command: &mut Command) -> Output {
    let filter = seccomp::filter(Arch::native().unwrap(), wall.options);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let output = tempfile::tempfile().unwrap();
    command.stdin(std::process::Stdio::null());
    command.stdout(output.try_clone().unwrap());
    command.stderr(output.try_clone().unwrap());
    // SAFETY: `confine` only makes system calls.
    unsafe { command.pre_exec(move || confine(&filter, theirs.as_fd())) };
    let mut child: Child = command.spawn().unwrap();
    serve(wall, ours.as_fd(), i32::try_from(child.id()).unwrap());
    let status = child.wait().unwrap();
    let mut stdout = Vec::new();
    let mut output = output;
    io::Seek::rewind(&mut output).unwrap();
    io::Read::read_to_end(&mut output, &mut stdout).unwrap();
    Output {
        status,
        stdout,
        stderr: Vec::new(),
    }
}

fn confine(filter: &[libc::sock_filter], socket: BorrowedFd<'_>) -> io::Result<()> {
    seccomp::no_new_privs()?;
    let listener = seccomp::install_with_listener(filter)?;
    sys::send_fd(socket, listener.as_fd())
}

fn serve(wall: &Wall, socket: BorrowedFd<'_>, child: i32) {
    let listener: OwnedFd = sys::receive_fd(socket).unwrap();
    let process = sys::pidfd_open(child).unwrap();
    let mut supervisor = Supervisor::new(listener, wall.writable.clone(), wall.protected.clone())
        .sending_signals(wall.options.signals);
    loop {
        let mut polled = [supervisor.fd(), process.as_fd()].map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: two entries, as said.
        unsafe { libc::poll(polled.as_mut_ptr(), 2, -1) };
        if polled[0].revents & libc::POLLIN != 0 {
            supervisor.serve_one().unwrap();
        } else if polled[1].revents != 0 {
            return;
        }
    }
}

fn outcome(result: libc::c_long) -> i32 {
    if result == -1 {
        io::Error::last_os_error().raw_os_error().unwrap()
    } else {
        0
    }
}

fn fork(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child makes only system calls, as the module says.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        let status = child();
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(status) };
    }
    pid
}

/// The exit status, or the negative number of the signal that ended the process.
fn wait(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: writes the status it is given.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid);
    let result = if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    };
    assert_ne!(result, CONFINING_FAILED, "the child could not be confined");
    result
}
