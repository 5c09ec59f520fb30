//! The filter in a real kernel: each refused call works, or fails otherwise, without it.

use libc::{EACCES, ENOSYS, ENOTTY, EPERM};

use super::super::testing::{BUILD, address, filtered, forked, raw};
use super::*;

/// What a call answers without the filter; anything but the filter's own answer will do.
fn refused(name: &str, errno: i32, action: impl Fn() -> libc::c_long) {
    let control = forked(&action);
    assert_ne!(control, errno, "{name} is refused without the filter");
    assert_eq!(filtered(BUILD, &action), errno, "{name}");
}

fn allowed(name: &str, action: impl Fn() -> libc::c_long) {
    assert_eq!(forked(&action), 0, "{name} without the filter");
    assert_eq!(filtered(BUILD, &action), 0, "{name}");
}

const MINUS_ONE: usize = usize::MAX;

#[test]
fn sockets() {
    for (name, family, kind, protocol) in [
        ("inet stream", 2, 1, 0),
        ("inet datagram", 2, 2, 0),
        ("inet6", 10, 1, 0),
        ("unix", 1, 1, 0),
        ("netlink", 16, 3, 0),
    ] {
        refused(name, EACCES, || {
            raw(libc::SYS_socket, [family, kind, protocol])
        });
    }
    let pair = |kind| {
        move || {
            let mut fds = [0i32; 2];
            raw(libc::SYS_socketpair, [1, kind, 0, fds.as_mut_ptr().addr()])
        }
    };
    refused("datagram pair", EACCES, pair(2));
    refused("raw pair", EACCES, pair(3));
    allowed("stream pair", pair(1 | 0o200_0000));
    allowed("packet pair", pair(5));
    refused("connect", EPERM, || {
        raw(libc::SYS_connect, [MINUS_ONE, 0, 0])
    });
    refused("bind", EPERM, || raw(libc::SYS_bind, [MINUS_ONE, 0, 0]));
    refused("listen", EPERM, || raw(libc::SYS_listen, [MINUS_ONE, 0]));
    refused("accept4", EPERM, || {
        raw(libc::SYS_accept4, [MINUS_ONE, 0, 0, 0])
    });
    refused("sendto", EPERM, || {
        raw(libc::SYS_sendto, [MINUS_ONE, 0, 0, 0, 1 << 32, 16])
    });
}

#[test]
fn a_prefetch_has_internet_sockets_only() {
    let prefetch = Options {
        network: Network::Internet,
        ..BUILD
    };
    let socket = |family, kind, protocol| {
        filtered(prefetch, || raw(libc::SYS_socket, [family, kind, protocol]))
    };
    assert_eq!(socket(2, 1, 0), 0);
    assert_eq!(socket(10, 2, 0), 0);
    assert_eq!(socket(16, 3, 0), 0);
    assert_eq!(socket(16, 3, 15), EACCES);
    assert_eq!(socket(1, 1, 0), EACCES);
}

#[test]
fn ways_around_the_table() {
    let io_uring = || raw(libc::SYS_io_uring_setup, [1, 0]);
    assert_eq!(filtered(BUILD, io_uring), ENOSYS);
    // Some kernels are built without it, or have it switched off: nothing to show.
    assert!([libc::EFAULT, EPERM, ENOSYS].contains(&forked(io_uring)));
    refused("clone3", ENOSYS, || raw(libc::SYS_clone3, [0, 0]));
    refused("openat2", ENOSYS, || raw(libc::SYS_openat2, [0, 0, 0, 0]));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn other_abis() {
    fn int80(number: u32) -> libc::c_long {
        let result: i32;
        // SAFETY: `getpid` of the 32-bit ABI touches no memory. The kernel clears r8 to r11.
        unsafe {
            std::arch::asm!(
                "int 0x80",
                inlateout("eax") number.cast_signed() => result,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        if result < 0 {
            // SAFETY: points to this thread's own number.
            let errno = unsafe { libc::__errno_location() };
            // SAFETY: as before.
            unsafe { *errno = -result };
            return -1;
        }
        result.into()
    }

    let control = forked(|| int80(20));
    if control == 0 {
        assert_eq!(filtered(BUILD, || int80(20)), ENOSYS);
    } else {
        // A kernel without the ABI answers by signal or number: there is nothing to refuse.
        assert_ne!(filtered(BUILD, || int80(20)), 0);
    }
    let x32 = || raw(0x4000_0000 + libc::SYS_getpid, []);
    assert_eq!(filtered(BUILD, x32), ENOSYS);
    assert_eq!(filtered(BUILD, || raw(470, [])), ENOSYS);
}

#[test]
fn namespaces() {
    const CLONE_NEWUSER: usize = 0x1000_0000;
    const CLONE_FS: usize = 0x200;
    refused("unshare", EPERM, || {
        // Where the kernel refuses it too, an unknown flag shows that the filter was first.
        raw(libc::SYS_unshare, [CLONE_NEWUSER | 1])
    });
    allowed("unshare(CLONE_FS)", || raw(libc::SYS_unshare, [CLONE_FS]));
    refused("setns", EPERM, || raw(libc::SYS_setns, [MINUS_ONE, 0]));
    // `CLONE_THREAD` without `CLONE_SIGHAND` is invalid, which the kernel would say.
    refused("clone", EPERM, || {
        raw(libc::SYS_clone, [0x0001_0000 | CLONE_NEWUSER])
    });
}

#[test]
fn other_processes() {
    // SAFETY: takes nothing.
    let parent = usize::try_from(unsafe { libc::getppid() }).unwrap();
    refused("ptrace", EPERM, || raw(libc::SYS_ptrace, [0]));
    refused("pidfd_getfd", EPERM, || {
        raw(libc::SYS_pidfd_getfd, [MINUS_ONE, 0, 0])
    });
    refused("process_vm_readv", EPERM, || {
        raw(libc::SYS_process_vm_readv, [parent, 0, 0, 0, 0, 1])
    });

    let limit = [0u64; 2];
    let read = address(&limit);
    refused("prlimit64", EPERM, || {
        raw(libc::SYS_prlimit64, [parent, 7, 0, read])
    });
    allowed("prlimit64 of oneself", || {
        raw(libc::SYS_prlimit64, [0, 7, 0, read])
    });
    let all = [u64::MAX; 16];
    let mask = address(&all);
    refused("sched_setaffinity", EPERM, || {
        raw(libc::SYS_sched_setaffinity, [parent, 128, mask])
    });
    allowed("sched_setaffinity of oneself", || {
        raw(libc::SYS_sched_setaffinity, [0, 128, mask])
    });
    // SAFETY: takes nothing but numbers.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }.cast_unsigned();
    let nice = usize::try_from(nice).unwrap();
    refused("setpriority", EPERM, || {
        raw(libc::SYS_setpriority, [0, parent, nice])
    });
    allowed("setpriority of oneself", || {
        raw(libc::SYS_setpriority, [0, 0, nice])
    });
}

#[test]
fn the_limit_that_tells_what_was_given_up() {
    let locks = 10;
    let limit = [1u64 << 30; 2];
    let value = address(&limit);
    refused("setrlimit", EPERM, || {
        raw(libc::SYS_setrlimit, [locks, value])
    });
    refused("prlimit64", EPERM, || {
        raw(libc::SYS_prlimit64, [0, locks, value, 0])
    });
    allowed("getrlimit", || {
        let mut limit = [0u64; 2];
        raw(
            libc::SYS_prlimit64,
            [0, locks, 0, limit.as_mut_ptr().addr()],
        )
    });
    let cores = 4;
    allowed("setrlimit of another", || {
        let none = [0u64; 2];
        raw(libc::SYS_setrlimit, [cores, address(&none)])
    });
}

#[test]
fn descriptors() {
    const FS_IOC_SETFLAGS: usize = 0x4008_6602;
    let pipe = || {
        let mut fds = [0i32; 2];
        raw(libc::SYS_pipe2, [fds.as_mut_ptr().addr(), 0]);
        usize::try_from(fds[0]).unwrap()
    };
    refused("F_SETOWN", EPERM, || raw(libc::SYS_fcntl, [pipe(), 8, 0]));
    allowed("F_DUPFD", || raw(libc::SYS_fcntl, [pipe(), 0, 0]));
    refused("TIOCSTI", EPERM, || {
        raw(libc::SYS_ioctl, [pipe(), 0x5412, 0])
    });
    refused("FS_IOC_SETFLAGS", EPERM, || {
        raw(libc::SYS_ioctl, [pipe(), FS_IOC_SETFLAGS, 0])
    });
    refused("BTRFS_IOC_SNAP_CREATE", ENOTTY, || {
        raw(libc::SYS_ioctl, [MINUS_ONE, 0x5000_9401, 0])
    });
    let count = 0i32;
    allowed("FIONREAD", || {
        raw(libc::SYS_ioctl, [pipe(), 0x541b, address(&count)])
    });
}

#[test]
fn objects_that_outlive_the_build() {
    refused("keyctl", EPERM, || raw(libc::SYS_keyctl, [MINUS_ONE]));
    refused("add_key", EPERM, || raw(libc::SYS_add_key, [0, 0, 0, 0, 0]));
    // A private segment would stay; an impossible size shows the way as well.
    refused("shmget", EPERM, || raw(libc::SYS_shmget, [0, 0, 0o1600]));
    refused("semget", EPERM, || raw(libc::SYS_semget, [0, MINUS_ONE, 0]));
    refused("msgctl", EPERM, || raw(libc::SYS_msgctl, [MINUS_ONE, 0, 0]));
    refused("mq_open", EPERM, || raw(libc::SYS_mq_open, [0, 0, 0, 0]));
    refused("name_to_handle_at", EPERM, || {
        raw(libc::SYS_name_to_handle_at, [0, 0, 0, 0, 0])
    });
    refused("perf_event_open", EPERM, || {
        raw(libc::SYS_perf_event_open, [0, 0, 0, 0, 0])
    });
}

#[test]
fn no_file_is_created_set_uid() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| {
        let path = folder
            .path()
            .join(name)
            .into_os_string()
            .into_encoded_bytes();
        std::ffi::CString::new(path).unwrap()
    };
    let (first, second) = (name("first"), name("second"));
    let create = |path: &std::ffi::CString, mode| {
        let flags = usize::try_from(libc::O_CREAT | libc::O_WRONLY).unwrap();
        let directory = usize::try_from(libc::AT_FDCWD.cast_unsigned()).unwrap();
        raw(
            libc::SYS_openat,
            [directory, path.as_ptr().addr(), flags, mode],
        )
    };
    refused("set-uid file", EPERM, || create(&first, 0o4755));
    assert_eq!(filtered(BUILD, || create(&second, 0o755)), 0);
    assert!(folder.path().join("second").exists());
}

#[test]
fn a_filter_answers_for_itself_only() {
    let prefetch = Options {
        network: Network::Internet,
        ..BUILD
    };
    assert!(!inside() && !inside_prefetch());
    let answers = |action: fn() -> bool| move || libc::c_long::from(action()) - 1;
    assert_eq!(filtered(BUILD, answers(inside)), 0);
    assert_ne!(filtered(BUILD, answers(inside_prefetch)), 0);
    assert_ne!(filtered(prefetch, answers(inside)), 0);
    assert_eq!(filtered(prefetch, answers(inside_prefetch)), 0);
}

#[test]
fn without_a_supervisor_its_calls_fail() {
    let folder = tempfile::tempdir().unwrap();
    let directory = std::fs::File::open(folder.path()).unwrap();
    let fd = usize::try_from(std::os::fd::AsRawFd::as_raw_fd(&directory)).unwrap();
    refused("fchmod", ENOSYS, || raw(libc::SYS_fchmod, [fd, 0o700]));
}
