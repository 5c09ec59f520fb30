//! The little of the C library that the actions need.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[repr(C)]
pub struct PollFd {
    pub fd: c_int,
    pub events: i16,
    pub revents: i16,
}

#[repr(C)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

#[repr(C)]
pub struct IoVec {
    pub base: *mut c_void,
    pub length: usize,
}

pub const NOW_AND_2001: [Timespec; 2] = [
    Timespec {
        seconds: 1_000_000_000,
        nanoseconds: 0,
    },
    Timespec {
        seconds: 1_000_000_000,
        nanoseconds: 0,
    },
];

pub const AT_FDCWD: c_int = -100;
pub const AT_EMPTY_PATH: c_int = 0x1000;
pub const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
pub const O_RDONLY: c_int = 0;
pub const O_WRONLY: c_int = 1;
pub const O_RDWR: c_int = 2;
pub const O_CREAT: c_int = 0o100;
pub const O_NOCTTY: c_int = 0o400;
pub const O_TRUNC: c_int = 0o1000;
pub const O_APPEND: c_int = 0o2000;
pub const O_NONBLOCK: c_int = 0o4000;
pub const O_CLOEXEC: c_int = 0o2000000;
pub const O_PATH: c_int = 0o10000000;
#[cfg(target_arch = "x86_64")]
pub const O_DIRECTORY: c_int = 0o200000;
#[cfg(not(target_arch = "x86_64"))]
pub const O_DIRECTORY: c_int = 0o40000;
pub const O_TMPFILE: c_int = 0o20000000 | O_DIRECTORY;

/// Numbers that differ between architectures: x86_64 first, the generic table second.
const fn pick(x86_64: c_long, generic: c_long) -> c_long {
    if cfg!(target_arch = "x86_64") {
        x86_64
    } else {
        generic
    }
}

pub const NR_SOCKET: c_long = pick(41, 198);
pub const NR_SOCKETPAIR: c_long = pick(53, 199);
pub const NR_IOPRIO_SET: c_long = pick(251, 30);
pub const NR_KEYCTL: c_long = pick(250, 219);
pub const NR_ADD_KEY: c_long = pick(248, 217);
pub const NR_REQUEST_KEY: c_long = pick(249, 218);
pub const NR_USERFAULTFD: c_long = pick(323, 282);
pub const NR_BPF: c_long = pick(321, 280);
pub const NR_PERF_EVENT_OPEN: c_long = pick(298, 241);
pub const NR_TGKILL: c_long = pick(234, 131);
pub const NR_RT_SIGQUEUEINFO: c_long = pick(129, 138);
pub const NR_RT_TGSIGQUEUEINFO: c_long = pick(297, 240);
pub const NR_SCHED_SETATTR: c_long = pick(314, 274);
pub const NR_RENAMEAT2: c_long = pick(316, 276);
pub const NR_PIDFD_SEND_SIGNAL: c_long = 424;
pub const NR_IO_URING_SETUP: c_long = 425;
pub const NR_IO_URING_ENTER: c_long = 426;
pub const NR_OPEN_TREE: c_long = 428;
pub const NR_FSOPEN: c_long = 430;
pub const NR_PIDFD_OPEN: c_long = 434;
pub const NR_CLONE3: c_long = 435;
pub const NR_OPENAT2: c_long = 437;
pub const NR_PIDFD_GETFD: c_long = 438;
pub const NR_FCHMODAT2: c_long = 452;
pub const NR_SETXATTRAT: c_long = 463;
pub const NR_REMOVEXATTRAT: c_long = 466;
pub const NR_FILE_SETATTR: c_long = 469;

unsafe extern "C" {
    pub fn syscall(number: c_long, ...) -> c_long;
    pub fn fork() -> c_int;
    pub fn setsid() -> c_int;
    pub fn setpgid(pid: c_int, group: c_int) -> c_int;
    pub fn getpid() -> c_int;
    pub fn getppid() -> c_int;
    pub fn getuid() -> c_uint;
    pub fn getgid() -> c_uint;
    pub fn _exit(code: c_int) -> !;
    pub fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    pub fn kill(pid: c_int, signal: c_int) -> c_int;
    pub fn prctl(option: c_int, ...) -> c_int;
    pub fn pipe2(fds: *mut c_int, flags: c_int) -> c_int;
    pub fn poll(fds: *mut PollFd, count: u64, timeout: c_int) -> c_int;
    pub fn read(fd: c_int, buffer: *mut u8, length: usize) -> isize;
    pub fn write(fd: c_int, buffer: *const u8, length: usize) -> isize;
    pub fn pread(fd: c_int, buffer: *mut u8, length: usize, offset: i64) -> isize;
    pub fn close(fd: c_int) -> c_int;
    pub fn dup2(old: c_int, new: c_int) -> c_int;
    pub fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    pub fn ioctl(fd: c_int, request: u64, ...) -> c_int;
    pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn openat(dir: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn fchdir(fd: c_int) -> c_int;
    pub fn link(old: *const c_char, new: *const c_char) -> c_int;
    pub fn linkat(
        old_dir: c_int,
        old: *const c_char,
        new_dir: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int;
    pub fn truncate(path: *const c_char, length: i64) -> c_int;
    pub fn mkfifo(path: *const c_char, mode: c_uint) -> c_int;
    pub fn mknod(path: *const c_char, mode: c_uint, device: u64) -> c_int;
    pub fn chmod(path: *const c_char, mode: c_uint) -> c_int;
    pub fn fchmod(fd: c_int, mode: c_uint) -> c_int;
    pub fn fchmodat(dir: c_int, path: *const c_char, mode: c_uint, flags: c_int) -> c_int;
    pub fn chown(path: *const c_char, uid: c_uint, gid: c_uint) -> c_int;
    pub fn lchown(path: *const c_char, uid: c_uint, gid: c_uint) -> c_int;
    pub fn fchown(fd: c_int, uid: c_uint, gid: c_uint) -> c_int;
    pub fn fchownat(
        dir: c_int,
        path: *const c_char,
        uid: c_uint,
        gid: c_uint,
        flags: c_int,
    ) -> c_int;
    pub fn utimensat(
        dir: c_int,
        path: *const c_char,
        times: *const Timespec,
        flags: c_int,
    ) -> c_int;
    pub fn futimens(fd: c_int, times: *const Timespec) -> c_int;
    pub fn utime(path: *const c_char, times: *const [i64; 2]) -> c_int;
    pub fn utimes(path: *const c_char, times: *const [i64; 4]) -> c_int;
    pub fn setxattr(
        path: *const c_char,
        name: *const c_char,
        value: *const c_void,
        size: usize,
        flags: c_int,
    ) -> c_int;
    pub fn lsetxattr(
        path: *const c_char,
        name: *const c_char,
        value: *const c_void,
        size: usize,
        flags: c_int,
    ) -> c_int;
    pub fn fsetxattr(
        fd: c_int,
        name: *const c_char,
        value: *const c_void,
        size: usize,
        flags: c_int,
    ) -> c_int;
    pub fn removexattr(path: *const c_char, name: *const c_char) -> c_int;
    pub fn fremovexattr(fd: c_int, name: *const c_char) -> c_int;
    pub fn getxattr(
        path: *const c_char,
        name: *const c_char,
        value: *mut c_void,
        size: usize,
    ) -> isize;
    pub fn inotify_init1(flags: c_int) -> c_int;
    pub fn inotify_add_watch(fd: c_int, path: *const c_char, mask: u32) -> c_int;
    pub fn name_to_handle_at(
        dir: c_int,
        path: *const c_char,
        handle: *mut c_void,
        mount: *mut c_int,
        flags: c_int,
    ) -> c_int;
    pub fn open_by_handle_at(mount: c_int, handle: *mut c_void, flags: c_int) -> c_int;
    pub fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    pub fn socketpair(family: c_int, kind: c_int, protocol: c_int, fds: *mut c_int) -> c_int;
    pub fn connect(fd: c_int, address: *const c_void, length: c_uint) -> c_int;
    pub fn bind(fd: c_int, address: *const c_void, length: c_uint) -> c_int;
    pub fn send(fd: c_int, data: *const u8, length: usize, flags: c_int) -> isize;
    pub fn sendto(
        fd: c_int,
        data: *const u8,
        length: usize,
        flags: c_int,
        address: *const c_void,
        address_length: c_uint,
    ) -> isize;
    pub fn recv(fd: c_int, data: *mut u8, length: usize, flags: c_int) -> isize;
    pub fn mmap(
        address: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    pub fn ptrace(request: c_long, ...) -> c_long;
    pub fn process_vm_readv(
        pid: c_int,
        local: *const IoVec,
        local_count: u64,
        remote: *const IoVec,
        remote_count: u64,
        flags: u64,
    ) -> isize;
    pub fn prlimit(pid: c_int, resource: c_uint, new: *const [u64; 2], old: *mut [u64; 2])
        -> c_int;
    pub fn setpriority(which: c_uint, who: c_uint, priority: c_int) -> c_int;
    pub fn sched_setaffinity(pid: c_int, size: usize, mask: *const c_void) -> c_int;
    pub fn sched_setscheduler(pid: c_int, policy: c_int, parameter: *const c_int) -> c_int;
    pub fn unshare(flags: c_int) -> c_int;
    pub fn setns(fd: c_int, flags: c_int) -> c_int;
    pub fn chroot(path: *const c_char) -> c_int;
    pub fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: u64,
        data: *const c_void,
    ) -> c_int;
    pub fn shmget(key: c_int, size: usize, flags: c_int) -> c_int;
    pub fn shmat(id: c_int, address: *const c_void, flags: c_int) -> *mut c_void;
    pub fn semget(key: c_int, count: c_int, flags: c_int) -> c_int;
    pub fn msgget(key: c_int, flags: c_int) -> c_int;
    pub fn mq_open(name: *const c_char, flags: c_int, ...) -> c_int;
}

pub fn c(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap()
}

/// The result of a call, or the text of `errno`.
pub fn check(result: impl Into<i64>) -> Result<i64, String> {
    let result = result.into();
    if result == -1 {
        Err(std::io::Error::last_os_error().to_string())
    } else {
        Ok(result)
    }
}

pub fn open_path(path: impl AsRef<Path>, flags: c_int) -> Result<c_int, String> {
    let path = c(path);
    check(unsafe { open(path.as_ptr(), flags | O_CLOEXEC, 0o644 as c_uint) }).map(|fd| fd as c_int)
}

/// Everything from the start of an open file, which need not allow a seek.
pub fn drain(fd: c_int) -> Result<String, String> {
    let mut buffer = vec![0; 65_536];
    let length = check(unsafe { pread(fd, buffer.as_mut_ptr(), buffer.len(), 0) } as i64)?;
    Ok(String::from_utf8_lossy(&buffer[..length as usize]).into_owned())
}

pub fn put(fd: c_int, data: &str) -> Result<String, String> {
    check(unsafe { write(fd, data.as_ptr(), data.len()) } as i64).map(|n| format!("{n} bytes"))
}
