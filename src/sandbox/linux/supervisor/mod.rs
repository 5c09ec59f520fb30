//! Performs the calls that the filter hands over, where the policy allows them.
//!
//! Landlock does not govern file attributes. Refusing to change any breaks honest builds (`cp -p`,
//! `tar`, libgit2's build script), so the calls wait here until this process, which no sandbox
//! binds, has changed the attributes of files that the build may write, and of no others.
//!
//! The build controls everything it says: memory changes while it is read, links flip while a path
//! is walked, and other threads close and reopen descriptors. So each argument is read once, the
//! path is walked once to a handle (`O_PATH`) of our own, and both the decision and the change are
//! about that handle. The kernel is never told to go on with a call whose arguments are pointers.
//! See `seccomp_unotify(2)`.

mod attributes;
mod caller;
mod narrowing;
mod network;
mod observer;
mod places;
mod processes;
mod request;
mod signals;

#[cfg(test)]
mod tests;

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use super::seccomp::table;
use super::sys;
use crate::denial::{Action as Denied, Watch};
use caller::Caller;
use narrowing::{Narrowings, Scope};
use network::Address;
pub use observer::Observer;
use observer::Who;
use places::Places;
use request::Action;

/// An error number, which the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Errno(i32);

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EPERM))
    }
}

impl From<io::ErrorKind> for Errno {
    fn from(kind: io::ErrorKind) -> Self {
        io::Error::from(kind).into()
    }
}

/// What the supervisor makes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The caller sees success.
    Performed,
    /// The caller sees a number that only we answer with.
    Narrowed,
    /// The kernel performs the call: its arguments are all numbers, or it is judged elsewhere.
    Continue,
    /// The caller sees this descriptor, which it has been given.
    Given(i32),
}

/// Serves the notifications of one filter.
///
/// It must run in the same mount and PID namespaces as the build and outside of its Landlock
/// domain, and be an ancestor of its processes.
#[derive(Debug)]
pub struct Supervisor {
    listener: OwnedFd,
    places: Places,
    narrowings: Narrowings,
    observer: Observer,
    /// Whether signals are sent by this process, and not by the kernel.
    sends_signals: bool,
    /// As long as the kernel's own structures, which may have grown; aligned for them.
    request: Vec<u64>,
    response: Vec<u64>,
}

impl Supervisor {
    /// Paths are canonical as this process sees them. Of the longest paths that contain a file, a
    /// protected one wins over a writable one.
    pub fn new(listener: OwnedFd, writable: Vec<PathBuf>, protected: Vec<PathBuf>) -> Self {
        wake_in_turn(listener.as_fd());
        let sizes = notification_sizes();
        let words = |kernel: u16, ours: usize| vec![0; usize::from(kernel).max(ours).div_ceil(8)];
        Self {
            listener,
            places: Places {
                writable,
                protected,
            },
            narrowings: Narrowings::new(),
            observer: Observer::default(),
            sends_signals: false,
            request: words(sizes.seccomp_notif, size_of::<libc::seccomp_notif>()),
            response: words(
                sizes.seccomp_notif_resp,
                size_of::<libc::seccomp_notif_resp>(),
            ),
        }
    }

    /// Notes what is refused.
    #[must_use]
    pub fn watching(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Sends signals itself, where Landlock does not keep them inside.
    #[must_use]
    pub fn sending_signals(self, sends_signals: bool) -> Self {
        Self {
            sends_signals,
            ..self
        }
    }

    /// What was noted.
    pub fn into_observer(self) -> Observer {
        self.observer
    }

    /// Readable when a call waits; hung up when the last process of the build has gone.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Answers one call; waits for one if none is there.
    ///
    /// Whatever goes wrong with the call is the caller's error. An error here means that the
    /// listener itself is unusable, and that the build gets `ENOSYS` once this is dropped.
    pub fn serve_one(&mut self) -> io::Result<()> {
        let Some(request) = self.receive()? else {
            return Ok(());
        };
        let answer = self.perform(&request);
        self.respond(request.id, answer)
    }

    fn receive(&mut self) -> io::Result<Option<libc::seccomp_notif>> {
        // The kernel insists on zeroes.
        self.request.fill(0);
        let buffer = self.request.as_mut_ptr();
        // SAFETY: the buffer is as long as the kernel's structure.
        let result = unsafe {
            libc::ioctl(
                self.listener.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV,
                buffer,
            )
        };
        if result != 0 {
            return unless_gone(io::Error::last_os_error()).map(|()| None);
        }
        // SAFETY: the kernel filled it, and it is at least as long as the structure and aligned.
        Ok(Some(unsafe { buffer.cast::<libc::seccomp_notif>().read() }))
    }

    fn perform(&mut self, request: &libc::seccomp_notif) -> Result<Done, Errno> {
        // A process that our PID namespace does not have.
        let pid = i32::try_from(request.pid)
            .ok()
            .filter(|pid| *pid > 0)
            .ok_or(Errno(libc::EPERM))?;
        let name = request::name(&request.data);
        if let Some(answer) = self.observe(pid, name, request) {
            return answer;
        }
        let caller = Caller::open(pid)?;
        let narrowing = self.narrowings.of(pid)?;
        // Until here the number could have been another process's by now; from here on the handle
        // refers to the caller or to nobody.
        if !self.still_waits(request.id) {
            return Err(Errno(libc::ESRCH));
        }
        caller.has_our_user()?;
        match request::parse(&caller, &request.data)? {
            Action::Change { target, change } => {
                let object = match places::open(&caller, &target) {
                    Ok(object) => object,
                    // Not there, perhaps because it is hidden.
                    Err(error) => {
                        let narrowing = narrowing.as_deref();
                        self.observer.note_missing(&Who { pid, narrowing }, &target);
                        return Err(error);
                    }
                };
                let admitted = self.places.admit(object.as_fd(), narrowing.as_deref());
                if admitted.is_err()
                    && self.observer.level() != Watch::Nothing
                    && let Ok(path) = places::name_of(object.as_fd())
                {
                    let narrowing = narrowing.as_deref();
                    self.observer
                        .note_alteration(&Who { pid, narrowing }, &path);
                }
                admitted?;
                if !self.still_waits(request.id) {
                    return Err(Errno(libc::ESRCH));
                }
                change.apply(object.as_fd()).map(|()| Done::Performed)
            }
            Action::Nothing => Ok(Done::Performed),
            Action::Narrow(paths, unit) => {
                let unit = unit.filter(|_| narrowing.is_none());
                if let Some(unit) = &unit {
                    self.observer.note_unit(unit);
                }
                let places = paths
                    .iter()
                    .map(|path| places::canonical(path))
                    .collect::<Result<_, _>>()?;
                if !self.still_waits(request.id) {
                    return Err(Errno(libc::ESRCH));
                }
                self.narrowings.add(pid, narrowing, places, unit)?;
                Ok(Done::Narrowed)
            }
            Action::Signal(signal) => {
                let scope = Scope {
                    narrowings: &self.narrowings,
                    of: narrowing.as_deref(),
                };
                signals::send(&caller, &scope, &signal)
            }
        }
    }

    /// Notes a call that is refused in any case, or whose verdict is the kernel's; `None` for one
    /// that this process performs.
    fn observe(
        &mut self,
        pid: i32,
        name: &str,
        request: &libc::seccomp_notif,
    ) -> Option<Result<Done, Errno>> {
        let args = &request.data.args;
        if let Some(kind) = processes::kind(name) {
            self.observe_process(pid, name, &request.data.args);
            return match kind {
                processes::Kind::Control => Some(Err(Errno(libc::EPERM))),
                processes::Kind::Signal if self.sends_signals => None,
                processes::Kind::Signal => Some(Ok(Done::Continue)),
            };
        }
        let calls = observer::file_calls(name, args);
        let is_file = !calls.is_empty() || name.starts_with("open");
        match name {
            _ if is_file => {}
            "setsockopt" => return Some(Ok(Done::Performed)),
            "execve" | "execveat" | "exit_group" | "socket" | "connect" | "bind" | "sendto"
            | "sendmmsg" => {}
            _ => return None,
        }
        let narrowing = self.narrowings.of(pid).ok().flatten();
        let who = Who {
            pid,
            narrowing: narrowing.as_deref(),
        };
        if is_file {
            for call in calls {
                self.observer.look(&who, &self.places, &call);
            }
            return Some(Ok(Done::Continue));
        }
        Some(match name {
            "execve" => {
                self.observer.note_program(&who, libc::AT_FDCWD, args[0]);
                Ok(Done::Continue)
            }
            "exit_group" => {
                self.observer.note_failure(&who);
                Ok(Done::Continue)
            }
            "execveat" => {
                let base = request::low_int(args[0]);
                self.observer.note_program(&who, base, args[1]);
                Ok(Done::Continue)
            }
            "socket" => self.socket(&who, request),
            "connect" => match Address::read(pid, args[1], args[2]) {
                // What is asked there is told by what is sent next.
                Some(address) if address.is_name_server() => Ok(Done::Performed),
                Some(address) => {
                    let address = address.text();
                    self.refuse(&who, Some(Denied::Connect { address }))
                }
                None => self.refuse(&who, None),
            },
            "bind" => {
                let address = Address::read(pid, args[1], args[2]);
                let listen = address.map(|address| Denied::Listen {
                    address: address.text(),
                });
                self.refuse(&who, listen)
            }
            "sendto" => {
                let address = Address::read(pid, args[4], args[5]);
                let host = address
                    .as_ref()
                    .filter(|address| address.is_name_server())
                    .and_then(|_| network::payload(pid, args[1], args[2]));
                let denied = match (host, address) {
                    (Some(host), _) => Some(Denied::LookUp { host }),
                    (None, Some(address)) => Some(Denied::Connect {
                        address: address.text(),
                    }),
                    (None, None) => None,
                };
                self.refuse(&who, denied)
            }
            // On what it was given instead of a socket, it fails.
            _ => {
                for denied in network::looked_up(pid, args[1], args[2]) {
                    self.observer.note_other(&who, denied);
                }
                Ok(Done::Continue)
            }
        })
    }

    /// Notes that a process was to be signalled or controlled, if that will be refused.
    fn observe_process(&mut self, pid: i32, name: &str, args: &[u64; 6]) {
        let Ok(narrowing) = self.narrowings.of(pid) else {
            return;
        };
        let scope = Scope {
            narrowings: &self.narrowings,
            of: narrowing.as_deref(),
        };
        if self.observer.level() != Watch::Nothing
            && let Some(denied) = processes::denied(pid, name, args, &scope)
        {
            let narrowing = narrowing.as_deref();
            self.observer.note_other(&Who { pid, narrowing }, denied);
        }
    }

    fn refuse(&mut self, who: &Who<'_>, denied: Option<Denied>) -> Result<Done, Errno> {
        if let Some(denied) = denied {
            self.observer.note_other(who, denied);
        }
        Err(Errno(libc::EACCES))
    }

    /// Gives the caller something that leads nowhere: which address it was for is told by the calls
    /// that follow, all of which are refused.
    fn socket(&mut self, who: &Who<'_>, request: &libc::seccomp_notif) -> Result<Done, Errno> {
        let [family, kind] = [0, 1].map(|index| request::low_int(request.data.args[index]));
        self.observer.note_other(
            who,
            Denied::Socket {
                family: network::family_name(family),
            },
        );
        let is_usual = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].contains(&family)
            && [libc::SOCK_STREAM, libc::SOCK_DGRAM].contains(&(kind & 0xf));
        if !is_usual {
            return Err(Errno(libc::EACCES));
        }
        let refused = |_| Errno(libc::EACCES);
        let end = sys::loose_end(kind & libc::SOCK_NONBLOCK != 0).map_err(refused)?;
        let cloexec = kind & libc::SOCK_CLOEXEC != 0;
        sys::give(self.listener.as_fd(), request.id, end.as_fd(), cloexec)
            .map(Done::Given)
            .map_err(refused)
    }

    /// Does the caller still wait for this answer?
    fn still_waits(&self, id: u64) -> bool {
        // SAFETY: reads eight bytes.
        let result = unsafe {
            libc::ioctl(
                self.listener.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
                &raw const id,
            )
        };
        result == 0
    }

    fn respond(&mut self, id: u64, answer: Result<Done, Errno>) -> io::Result<()> {
        let (value, error, flags) = match answer {
            Ok(Done::Performed) => (0, 0, 0),
            Ok(Done::Narrowed) => (table::NARROW.into(), 0, 0),
            Ok(Done::Given(number)) => (number.into(), 0, 0),
            Ok(Done::Continue) => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE),
            Err(Errno(errno)) => (0, -errno.abs(), 0),
        };
        self.response.fill(0);
        let buffer = self.response.as_mut_ptr();
        let response = libc::seccomp_notif_resp {
            id,
            val: value,
            error,
            flags: u32::try_from(flags).unwrap_or(0),
        };
        // SAFETY: the buffer is at least as long as the structure, and aligned.
        unsafe { buffer.cast::<libc::seccomp_notif_resp>().write(response) };
        // SAFETY: the buffer is as long as the kernel's structure.
        let result = unsafe {
            libc::ioctl(
                self.listener.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND,
                buffer,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            unless_gone(io::Error::last_os_error())
        }
    }
}

/// `ENOENT` is a caller that was killed, and `EINTR` a signal of our own.
fn unless_gone(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::EINTR | libc::EAGAIN) => Ok(()),
        _ => Err(error),
    }
}

/// Tells the kernel that a caller and this process take turns, so that it wakes the other one on the
/// same processor (Linux 6.6): a build that is watched asks some hundred times. Older kernels refuse.
fn wake_in_turn(listener: BorrowedFd<'_>) {
    // `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of linux/seccomp.h.
    const SYNC_WAKE_UP: u64 = 1;
    // SAFETY: the flags are a number; nothing is written.
    unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            SYNC_WAKE_UP,
        )
    };
}

fn notification_sizes() -> libc::seccomp_notif_sizes {
    // SAFETY: a C struct of integers.
    let mut sizes: libc::seccomp_notif_sizes = unsafe { zeroed() };
    // Should it fail, no listener can exist either, and ours are the sizes of Linux 5.0.
    // SAFETY: writes the structure it is given.
    unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_NOTIF_SIZES,
            0,
            &raw mut sizes,
        )
    };
    sizes
}
