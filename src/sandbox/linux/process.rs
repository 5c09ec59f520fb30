//! Processes, signals and descriptors, as safe functions.

use std::ffi::{CString, OsString};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::sandbox::Ended;

/// Which of the two processes [`fork`] returned in.
#[derive(Debug)]
pub(super) enum Side {
    Parent(libc::pid_t),
    Child,
}

/// A fork into new namespaces (`CLONE_NEW*`), or a plain one for 0.
///
/// Only for a process with one thread, which this one is: in the child of any other, locks of
/// threads that are not there may stay taken (fork(2)).
pub(super) fn fork(namespaces: libc::c_int) -> io::Result<Side> {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with a null stack this is fork; the other arguments are unused.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        ..0 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        _ => Ok(Side::Parent(
            libc::pid_t::try_from(pid).map_err(io::Error::other)?,
        )),
    }
}

/// Ends this process at once, without unwinding or destructors of the parent's copies.
pub(super) fn leave(status: u8) -> ! {
    // SAFETY: always safe; it does not return.
    unsafe { libc::_exit(status.into()) }
}

pub(super) fn own_pid() -> libc::pid_t {
    // SAFETY: always succeeds.
    unsafe { libc::getpid() }
}

pub(super) fn parent_pid() -> libc::pid_t {
    // SAFETY: always succeeds.
    unsafe { libc::getppid() }
}

/// Is this no longer our parent?
pub(super) fn is_gone(parent: libc::pid_t) -> bool {
    parent_pid() != parent
}

pub(super) fn is_root() -> bool {
    // SAFETY: always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// The effective user and group of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) user: libc::uid_t,
    pub(super) group: libc::gid_t,
}

pub(super) fn identity() -> Identity {
    // SAFETY: always succeeds.
    let user = unsafe { libc::geteuid() };
    // SAFETY: always succeeds.
    let group = unsafe { libc::getegid() };
    Identity { user, group }
}

/// A child that ended, if one did; `Ok(None)` where all still run, `ECHILD` where there is none.
pub(super) fn reap(pid: libc::pid_t, wait: bool) -> io::Result<Option<(libc::pid_t, Ended)>> {
    let mut status = 0;
    let flags = if wait { 0 } else { libc::WNOHANG };
    // SAFETY: `status` is valid for the time of the call.
    let ended = unsafe { libc::waitpid(pid, &raw mut status, flags) };
    match ended {
        ..0 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ if libc::WIFSIGNALED(status) => {
            Ok(Some((ended, Ended::Signalled(libc::WTERMSIG(status)))))
        }
        // WEXITSTATUS is eight bits wide.
        _ => Ok(Some((
            ended,
            Ended::Exited(libc::WEXITSTATUS(status).to_le_bytes()[0]),
        ))),
    }
}

pub(super) fn kill(pid: libc::pid_t, signal: libc::c_int) {
    // SAFETY: always safe; a process that is gone is no error of ours.
    unsafe { libc::kill(pid, signal) };
}

/// `prctl(2)` with one argument, the others 0.
pub(super) fn prctl(option: libc::c_int, argument: libc::c_ulong) -> io::Result<()> {
    // SAFETY: used for options whose argument is a number only.
    let result = unsafe { libc::prctl(option, argument, 0, 0, 0) };
    check(result)
}

/// Ends the calling process as `signal` would have, so that our caller sees the same.
pub(in crate::sandbox) fn die_by(signal: libc::c_int) {
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the struct is valid for the time of the call. cargo has left its core dump already;
    // a second one of ours would only hide it.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
    // SAFETY: the default disposition is no function of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let _ = Signals::of(&[signal]).unblock();
    kill(own_pid(), signal);
}

/// A set of signals.
#[derive(Clone, Copy)]
pub(super) struct Signals(libc::sigset_t);

impl Signals {
    pub(super) fn of(signals: &[libc::c_int]) -> Self {
        // SAFETY: a signal set of zeros is a valid value, and sigemptyset makes it an empty one.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        // SAFETY: `set` is valid.
        unsafe { libc::sigemptyset(&raw mut set) };
        for &signal in signals {
            // SAFETY: `set` is valid and initialised.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        Self(set)
    }

    /// Blocks these, and returns the mask that was in force before.
    pub(super) fn block(&self) -> io::Result<Self> {
        let mut before = Self::of(&[]);
        // SAFETY: both sets are valid.
        check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const self.0, &raw mut before.0) })?;
        Ok(before)
    }

    pub(super) fn unblock(&self) -> io::Result<()> {
        // SAFETY: the set is valid; null asks for no old mask.
        check(unsafe {
            libc::sigprocmask(libc::SIG_UNBLOCK, &raw const self.0, std::ptr::null_mut())
        })
    }

    /// Makes this the mask.
    pub(super) fn set_mask(&self) -> io::Result<()> {
        // SAFETY: the set is valid; null asks for no old mask.
        check(unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        })
    }

    /// Waits for one of these: its number, and whether a process sent it (as opposed to the
    /// kernel, which sends a terminal's signals to the whole process group).
    pub(super) fn wait(&self) -> io::Result<(libc::c_int, bool)> {
        // SAFETY: zeros are a valid siginfo_t, and the kernel fills it in.
        let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
        loop {
            // SAFETY: both are valid for the time of the call.
            let signal = unsafe { libc::sigwaitinfo(&raw const self.0, &raw mut info) };
            match check(signal) {
                Ok(()) => return Ok((signal, info.si_code <= 0)),
                // ^Z and fg: a continued process finds the call interrupted (signal(7)).
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A descriptor that is readable while one of these is pending.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        // SAFETY: the set is valid.
        let fd = unsafe {
            libc::signalfd(
                -1,
                &raw const self.0,
                libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
            )
        };
        own(fd)
    }
}

/// Forgets the signals that made `descriptor` readable.
pub(super) fn drain(descriptor: &OwnedFd) {
    let mut buffer = [0_u8; 1024];
    // SAFETY: the buffer is valid for the time of the call, which does not block.
    while unsafe {
        libc::read(
            descriptor.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    } > 0
    {}
}

/// Our children that run (`proc_pid_task_children(5)`), or those of a kernel without that file.
pub(super) fn children() -> io::Result<Vec<libc::pid_t>> {
    let own = own_pid();
    match std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")) {
        Ok(text) => Ok(text
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()),
        Err(_) => Ok(std::fs::read_dir("/proc")?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| parent(*pid) == Some(own))
            .collect()),
    }
}

fn parent(pid: libc::pid_t) -> Option<libc::pid_t> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the last one closes it.
    let rest = &text[text.iter().rposition(|byte| *byte == b')')? + 1..];
    std::str::from_utf8(rest)
        .ok()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Two connected sockets that keep message borders.
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut pair = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: `pair` has room for two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) })?;
    Ok((own(pair[0])?, own(pair[1])?))
}

/// Sends one message.
pub(super) fn send(socket: BorrowedFd<'_>, text: &[u8]) -> io::Result<()> {
    // SAFETY: `text` is valid for the time of the call.
    let sent = unsafe {
        libc::send(
            socket.as_raw_fd(),
            text.as_ptr().cast(),
            text.len(),
            libc::MSG_NOSIGNAL,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Receives one message; an empty one is the end.
pub(super) fn receive(socket: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut text = vec![0_u8; 64 * 1024];
    // SAFETY: `text` is valid for the time of the call.
    let got = unsafe { libc::recv(socket.as_raw_fd(), text.as_mut_ptr().cast(), text.len(), 0) };
    text.truncate(usize::try_from(got).map_err(|_| io::Error::last_os_error())?);
    Ok(text)
}

/// What [`poll`] found of one descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Nothing,
    Readable,
    /// And nothing more to read.
    HungUp,
}

/// Which of these descriptors can be read, or were hung up.
pub(super) fn poll<const N: usize>(fds: [Option<BorrowedFd<'_>>; N]) -> io::Result<[Event; N]> {
    let mut polled = fds.map(|fd| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: the array is valid for the time of the call, and its length is right.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, -1) };
    match check(ready) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(polled.map(|fd| match fd.revents {
            0 => Event::Nothing,
            events if events & libc::POLLIN != 0 => Event::Readable,
            _ => Event::HungUp,
        })),
    }
}

/// Marks every descriptor from 3 on to be closed by the next exec, but for `keep`.
pub(super) fn close_on_exec_except(keep: &[RawFd]) -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: it only sets a flag (close_range(2), Linux 5.11).
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    for &fd in keep {
        // SAFETY: it only clears a flag of a descriptor that was open when we looked.
        check(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })?;
    }
    Ok(())
}

/// Makes descriptor 1 another name of `file`.
pub(super) fn make_standard_output(file: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: it only copies a descriptor that is open.
    check(unsafe { libc::dup2(file.as_raw_fd(), libc::STDOUT_FILENO) })
}

/// Makes descriptor 2 another name of `file`.
pub(super) fn make_standard_error(file: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: it only copies a descriptor that is open.
    check(unsafe { libc::dup2(file.as_raw_fd(), libc::STDERR_FILENO) })
}

/// The standard stream that is a socket without a connection of its own, if one is: what is sent
/// through such a one goes where the sender says, past every rule about new sockets.
pub(super) fn loose_socket() -> Option<RawFd> {
    (libc::STDIN_FILENO..=libc::STDERR_FILENO).find(|fd| {
        let mut kind: libc::c_int = 0;
        let mut length = libc::c_int::BITS / 8;
        // SAFETY: both are valid for the time of the call, and the length is that of `kind`.
        let result = unsafe {
            libc::getsockopt(
                *fd,
                libc::SOL_SOCKET,
                libc::SO_TYPE,
                (&raw mut kind).cast(),
                &raw mut length,
            )
        };
        result == 0 && !matches!(kind, libc::SOCK_STREAM | libc::SOCK_SEQPACKET)
    })
}

/// Could this user read `path`, or what has a known name in it, now or after a change of its mode?
pub(super) fn may_look_into(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return false;
    };
    let ways: &[libc::c_int] = if metadata.is_file() {
        &[libc::R_OK]
    } else {
        &[libc::R_OK, libc::X_OK]
    };
    ways.iter().any(|way| may(path, *way)) || metadata.uid() == identity().user
}

/// Does the kernel let this user do that with the path? `mode` is as in access(2).
pub(super) fn may(path: &Path, mode: libc::c_int) -> bool {
    let Ok(text) = CString::new(path.as_os_str().as_bytes()) else {
        return false;
    };
    // SAFETY: the text ends in NUL and outlives the call.
    let answer = unsafe { libc::faccessat(libc::AT_FDCWD, text.as_ptr(), mode, libc::AT_EACCESS) };
    answer == 0
}

/// Is `fd` an open pipe?
pub(super) fn is_pipe(fd: RawFd) -> bool {
    // SAFETY: zeros are a valid struct for the kernel to fill in.
    let mut status: libc::stat = unsafe { mem::zeroed() };
    // SAFETY: the struct is valid; a closed descriptor is an error that we look at.
    let result = unsafe { libc::fstat(fd, &raw mut status) };
    result == 0 && status.st_mode & libc::S_IFMT == libc::S_IFIFO
}

/// Becomes `program`; returns only if that fails.
pub(in crate::sandbox) fn execute(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> io::Error {
    let strings = Strings::new(program, arguments, environment);
    let (strings, argv, envp) = match &strings {
        Ok(strings) => (
            strings,
            pointers(&strings.arguments),
            pointers(&strings.environment),
        ),
        Err(_) => return io::ErrorKind::InvalidInput.into(),
    };
    // The Rust runtime ignores SIGPIPE, and an ignored signal stays so across exec.
    // SAFETY: the default disposition is no function of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: both lists end in null, and the strings outlive the call.
    unsafe { libc::execve(strings.arguments[0].as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

/// What exec takes; a string with a NUL in it cannot come from a command line.
struct Strings {
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Strings {
    fn new(
        program: &Path,
        arguments: &[OsString],
        environment: &[(OsString, OsString)],
    ) -> Result<Self, std::ffi::NulError> {
        let argv =
            std::iter::once(program.as_os_str()).chain(arguments.iter().map(OsString::as_os_str));
        let envp = environment
            .iter()
            .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
        Ok(Self {
            arguments: argv
                .map(|text| CString::new(text.as_bytes()))
                .collect::<Result<_, _>>()?,
            environment: envp.map(CString::new).collect::<Result<_, _>>()?,
        })
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|text| text.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// Gives up every capability but `keep` (bit n is capability n, all below 32), here and for what is started.
pub(super) fn keep_capabilities(keep: u32) -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    const VERSION_3: u32 = 0x2008_0522;
    const LAST_POSSIBLE: libc::c_ulong = 63;
    const AMBIENT_CLEAR_ALL: libc::c_ulong = 4;
    for capability in (0..=LAST_POSSIBLE).filter(|bit| u64::from(keep) >> bit & 1 == 0) {
        // EINVAL: above this kernel's last one. EPERM: without CAP_SETPCAP the bounding set must
        // stay; under no_new_privs exec gives no more than the permitted set below anyway. Neither
        // would be another answer for the ones that follow.
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            Ok(()) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => break,
            Err(error) => return Err(error),
        }
    }
    // No capability survives exec as an ambient one.
    prctl(libc::PR_CAP_AMBIENT, AMBIENT_CLEAR_ALL)?;
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    // Effective, permitted and inheritable of the lower, then of the upper 32 capabilities.
    let mut data = [0_u32; 6];
    // SAFETY: the header and the six words that version 3 takes are valid for the time of the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let kept = data[1] & keep;
    data = [kept, kept, 0, 0, 0, 0];
    // SAFETY: the header and the six words that version 3 takes are valid for the time of the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn own(fd: RawFd) -> io::Result<OwnedFd> {
    check(fd)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
