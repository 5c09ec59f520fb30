//! Safe wrappers around the system calls that libc and std leave raw.

use std::ffi::CStr;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Where a relative path starts.
#[derive(Debug, Clone, Copy)]
pub enum Base<'a> {
    /// The root, for absolute paths.
    Root,
    Directory(BorrowedFd<'a>),
}

/// Opens `path` as a mere handle (`O_PATH`), which neither blocks nor needs any permission on the
/// object, and never goes through a magic link of `/proc`.
///
/// Follows a symbolic link at the end of the path if `follow`. Needs Linux 5.6.
pub fn open_handle(base: Base<'_>, path: &CStr, follow: bool) -> io::Result<OwnedFd> {
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    openat2(base, path, nofollow, libc::RESOLVE_NO_MAGICLINKS)
}

/// The same for an absolute path, of which no part may be a symbolic link.
pub fn open_plain(path: &CStr) -> io::Result<OwnedFd> {
    openat2(
        Base::Root,
        path,
        libc::O_NOFOLLOW,
        libc::RESOLVE_NO_SYMLINKS,
    )
}

fn openat2(base: Base<'_>, path: &CStr, flags: i32, resolve: u64) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct OpenHow {
        flags: u64,
        mode: u64,
        resolve: u64,
    }

    let how = OpenHow {
        flags: u64::from((libc::O_PATH | libc::O_CLOEXEC | flags).unsigned_abs()),
        mode: 0,
        resolve,
    };
    let base = match base {
        Base::Root => libc::AT_FDCWD,
        Base::Directory(fd) => fd.as_raw_fd(),
    };
    // SAFETY: `path` ends in NUL, `how` has the size given, and both outlive the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            base,
            path.as_ptr(),
            &raw const how,
            size_of::<OpenHow>(),
        )
    };
    owned(fd)
}

/// `openat(2)` of an entry of `/proc/PID`, magic links included.
pub fn open_entry(directory: BorrowedFd<'_>, name: &CStr, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: `name` ends in NUL and outlives the call.
    let fd = unsafe {
        libc::openat(
            directory.as_raw_fd(),
            name.as_ptr(),
            flags | libc::O_CLOEXEC,
        )
    };
    owned(libc::c_long::from(fd))
}

/// `pidfd_open(2)`: Linux 5.3.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// `pidfd_send_signal(2)`; signal 0 asks whether the process is still there.
pub fn pidfd_send_signal(
    pidfd: BorrowedFd<'_>,
    signal: i32,
    info: Option<&libc::siginfo_t>,
) -> io::Result<()> {
    let info = info.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `info` is null or valid, and only read.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            info,
            0,
        )
    };
    checked(result).map(drop)
}

/// `tgkill(2)`: fails with `ESRCH` unless the thread is one of the process's.
pub fn tgkill(process: i32, thread: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) }).map(drop)
}

/// `prlimit(2)` of the process that the thread `pid` belongs to (0 is the calling one): makes `new`
/// both the soft and the hard limit, and returns the hard limit from before.
pub fn hard_limit(pid: i32, resource: u32, new: Option<u64>) -> io::Result<u64> {
    let new = new.map(|limit| [limit, limit]);
    let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut old = [0_u64; 2];
    // SAFETY: the kernel reads two words, if `new` is not null, and writes two.
    let result =
        unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource, new, old.as_mut_ptr()) };
    checked(result)?;
    let [_, hard] = old;
    Ok(hard)
}

/// Fills `buffer` from the memory of the thread `pid` (`process_vm_readv(2)`).
pub fn read_memory(pid: i32, address: u64, buffer: &mut [u8]) -> Option<()> {
    (read_some(pid, address, buffer) == buffer.len()).then_some(())
}

/// Reads the string there, without its NUL; `None` if it does not end within `limit` bytes.
pub fn read_string(pid: i32, address: u64, limit: usize) -> Option<Vec<u8>> {
    // Nearly all paths are short, and everybody waits while this is read.
    const USUAL: usize = 256;
    [USUAL.min(limit), limit].into_iter().find_map(|length| {
        let mut buffer = vec![0; length];
        let count = read_some(pid, address, &mut buffer);
        let end = buffer[..count].iter().position(|byte| *byte == 0)?;
        buffer.truncate(end);
        Some(buffer)
    })
}

/// Reads up to the first page that is not there.
fn read_some(pid: i32, address: u64, buffer: &mut [u8]) -> usize {
    // The kernel reads all of a part or nothing; no page is smaller.
    const PAGE: u64 = 4096;
    let first = usize::try_from(PAGE - address % PAGE).unwrap_or(buffer.len());
    let first = first.min(buffer.len());
    let own = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let part = |offset: usize, length| libc::iovec {
        iov_base: std::ptr::without_provenance_mut(
            usize::try_from(address).unwrap_or(0).wrapping_add(offset),
        ),
        iov_len: length,
    };
    let theirs = [part(0, first), part(first, buffer.len() - first)];
    // SAFETY: the kernel writes into the buffer, as long as it says, and reads both lists.
    let count = unsafe { libc::process_vm_readv(pid, &raw const own, 1, theirs.as_ptr(), 2, 0) };
    usize::try_from(count).unwrap_or(0)
}

/// One end of a connected pair of unix sockets whose other end is closed.
pub fn loose_end(nonblocking: bool) -> io::Result<OwnedFd> {
    let flags = if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    let mut fds = [0; 2];
    // SAFETY: the kernel writes two descriptors.
    let result = unsafe {
        libc::socketpair(
            libc::AF_UNIX,
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags,
            0,
            fds.as_mut_ptr(),
        )
    };
    checked(result.into())?;
    // SAFETY: the kernel just made both for us.
    let [end, other] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    drop(other);
    Ok(end)
}

/// Opens `file` in the process whose call waits under this number, which learns its own number of
/// it as an answer still to be sent (`SECCOMP_IOCTL_NOTIF_ADDFD`, Linux 5.9).
pub fn give(
    listener: BorrowedFd<'_>,
    id: u64,
    file: BorrowedFd<'_>,
    cloexec: bool,
) -> io::Result<i32> {
    let request = libc::seccomp_notif_addfd {
        id,
        flags: 0,
        srcfd: file.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: if cloexec {
            libc::O_CLOEXEC.cast_unsigned()
        } else {
            0
        },
    };
    // SAFETY: the kernel reads the structure.
    let fd = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ADDFD,
            &raw const request,
        )
    };
    checked(fd.into())?;
    Ok(fd)
}

/// Sends one descriptor over a unix socket. Does not allocate: it runs between fork and exec.
pub fn send_fd(socket: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut byte = [0u8];
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    };
    let mut control = ControlBuffer([0; 8]);
    let mut message = message(&mut part, &mut control);
    message.msg_controllen = control_size();
    // SAFETY: the message has room for one header, as its length says.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: `CMSG_LEN` only computes.
    let length = unsafe { libc::CMSG_LEN(FD_SIZE) };
    // SAFETY: a C struct of integers; musl pads it with private fields.
    let mut filled: libc::cmsghdr = unsafe { zeroed() };
    filled.cmsg_len = length as _;
    filled.cmsg_level = libc::SOL_SOCKET;
    filled.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: `header` points into `control`, which is aligned for it.
    unsafe { header.write(filled) };
    // SAFETY: the header written above has room for one descriptor.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: as before; the data need not be aligned.
    unsafe { data.cast::<RawFd>().write_unaligned(fd.as_raw_fd()) };
    // SAFETY: all parts of the message outlive the call.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    checked(sent as libc::c_long).map(drop)
}

/// Receives one descriptor, closed on exec; `UnexpectedEof` if the other side has gone.
pub fn receive_fd(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut byte = [0u8];
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    };
    let mut control = ControlBuffer([0; 8]);
    let mut message = message(&mut part, &mut control);
    // SAFETY: all parts of the message outlive the call and are as long as it says.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    checked(received as libc::c_long)?;
    // SAFETY: the kernel set the length of what it wrote.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: null, or a header within `control`.
    let Some(filled) = (unsafe { header.as_ref() }) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if filled.cmsg_level != libc::SOL_SOCKET || filled.cmsg_type != libc::SCM_RIGHTS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: the kernel never delivers this type without a descriptor.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: as before; the data need not be aligned.
    let fd = unsafe { data.cast::<RawFd>().read_unaligned() };
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

const FD_SIZE: libc::c_uint = RawFd::BITS / 8;

/// Room for a control message with one descriptor, aligned for its header.
struct ControlBuffer([u64; 8]);

fn control_size() -> usize {
    // SAFETY: `CMSG_SPACE` only computes.
    (unsafe { libc::CMSG_SPACE(FD_SIZE) }) as usize
}

fn message(part: &mut libc::iovec, control: &mut ControlBuffer) -> libc::msghdr {
    // SAFETY: a C struct for which zero means "none" in each field.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = size_of::<ControlBuffer>() as _;
    message
}

pub(super) fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(checked(result)?).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: called only with the result of a call that makes a descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The result of a system call, or what `errno` says.
pub fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
