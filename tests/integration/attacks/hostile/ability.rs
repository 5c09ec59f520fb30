//! What the kernel hands out beside files and sockets: memory and queues shared with everyone,
//! keys, terminals, and the abilities that kernel bugs are made of.

use std::ffi::c_void;
use std::fs;

use super::sys::{self, check};
use super::{fact, mark, number, target, text, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("key-read", key_read),
    ("key-add", key_add),
    ("shared-memory-make", shared_memory_make),
    ("shared-memory-read", shared_memory_read),
    ("semaphores-make", semaphores_make),
    ("message-queue-make", message_queue_make),
    ("posix-queue-make", posix_queue_make),
    ("terminal-push", terminal_push),
    ("terminal-write", terminal_write),
    ("terminal-by-name", terminal_by_name),
    ("userfaultfd", userfaultfd),
    ("bpf", bpf),
    ("perf-event", perf_event),
    ("unshare-user", unshare_user),
    ("clone3-user", clone3_user),
    ("mount", mount),
    ("open-tree", open_tree),
    ("fs-open", fs_open),
    ("chroot", chroot),
    ("setns", setns),
    ("file-handle", file_handle),
    ("device-node", device_node),
    ("block-device", block_device),
    ("kernel-log", kernel_log),
    ("kernel-setting", kernel_setting),
    ("cgroup-make", cgroup_make),
];

fn got(result: impl Into<i64>) -> Done {
    check(result).map(|n| format!("got {n}"))
}

/// The user's own keyring, which all sessions of the user share.
const USER_KEYRING: i32 = -4;

fn key_read(_: &str) -> Done {
    let key = number("key.id");
    let mut buffer = [0_u8; 256];
    let length = check(unsafe { sys::syscall(sys::NR_KEYCTL, 11, key, buffer.as_mut_ptr(), 256) })?;
    Ok(String::from_utf8_lossy(&buffer[..length as usize]).into_owned())
}

fn key_add(_: &str) -> Done {
    let name = sys::c(fact("key.new"));
    got(unsafe {
        sys::syscall(
            sys::NR_ADD_KEY,
            c"user".as_ptr(),
            name.as_ptr(),
            c"evil".as_ptr(),
            4_usize,
            USER_KEYRING,
        )
    })
}

const MAKE: i32 = 0o1600;

fn shared_memory_make(_: &str) -> Done {
    got(unsafe { sys::shmget(number("ipc.new"), 4096, MAKE) })
}

fn shared_memory_read(_: &str) -> Done {
    let id = check(unsafe { sys::shmget(number("ipc.present"), 0, 0) })? as i32;
    let at = unsafe { sys::shmat(id, std::ptr::null(), 0o10000) };
    check(at as i64)?;
    let bytes = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), 256) };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn semaphores_make(_: &str) -> Done {
    got(unsafe { sys::semget(number("ipc.new"), 1, MAKE) })
}

fn message_queue_make(_: &str) -> Done {
    got(unsafe { sys::msgget(number("ipc.new"), MAKE) })
}

fn posix_queue_make(_: &str) -> Done {
    let name = sys::c(fact("queue"));
    let none = std::ptr::null::<c_void>();
    got(unsafe { sys::mq_open(name.as_ptr(), sys::O_RDWR | sys::O_CREAT, 0o600, none) })
}

/// Types a command for the user.
fn push(path: &str, name: &str) -> Done {
    let terminal = sys::open_path(path, sys::O_RDONLY | sys::O_NOCTTY)?;
    for byte in mark(name).bytes().chain(*b"\n") {
        check(unsafe { sys::ioctl(terminal, 0x5412, &byte) })?;
    }
    Ok("typed".into())
}

fn terminal_push(name: &str) -> Done {
    push("/dev/tty", name)
}

fn terminal_by_name(name: &str) -> Done {
    push(fact("terminal"), name)
}

/// Escape sequences can do much more to a terminal than show text.
fn terminal_write(name: &str) -> Done {
    let terminal = sys::open_path("/dev/tty", sys::O_WRONLY | sys::O_NOCTTY)?;
    sys::put(terminal, &mark(name))
}

fn userfaultfd(_: &str) -> Done {
    // UFFD_USER_MODE_ONLY, which needs no privilege.
    got(unsafe { sys::syscall(sys::NR_USERFAULTFD, 1) })
}

/// An array map of one entry.
fn bpf(_: &str) -> Done {
    let mut attributes = [0_u32; 32];
    attributes[..4].copy_from_slice(&[2, 4, 8, 1]);
    got(unsafe { sys::syscall(sys::NR_BPF, 0, attributes.as_ptr(), 128) })
}

/// A software counter of our own user time.
fn perf_event(_: &str) -> Done {
    let mut attributes = [0_u32; 32];
    attributes[0] = 1;
    attributes[1] = 128;
    // exclude_kernel and exclude_hv
    attributes[10] = 0x60;
    got(unsafe { sys::syscall(sys::NR_PERF_EVENT_OPEN, attributes.as_ptr(), 0, -1, -1, 0) })
}

fn unshare_user(_: &str) -> Done {
    got(unsafe { sys::unshare(0x1000_0000) })
}

fn clone3_user(_: &str) -> Done {
    let arguments = [0x1000_0000_u64, 0, 0, 0, 17, 0, 0, 0];
    let child = unsafe { sys::syscall(sys::NR_CLONE3, arguments.as_ptr(), 64_usize) };
    if child == 0 {
        unsafe { sys::_exit(0) };
    }
    got(child)
}

/// As root only; unmounted when this process, in a mount namespace of its own, ends.
fn mount(name: &str) -> Done {
    let place = target(name);
    fs::create_dir(&place).map_err(text)?;
    check(unsafe { sys::unshare(0x2_0000) })?;
    let (place, none) = (sys::c(place), std::ptr::null());
    check(unsafe { sys::mount(none, c"/".as_ptr(), none, 0x4_4000, none.cast()) })?;
    let kind = c"tmpfs".as_ptr();
    got(unsafe { sys::mount(kind, place.as_ptr(), kind, 0, none.cast()) })
}

fn open_tree(_: &str) -> Done {
    let path = sys::c(target(""));
    got(unsafe { sys::syscall(sys::NR_OPEN_TREE, sys::AT_FDCWD, path.as_ptr(), 1) })
}

fn fs_open(_: &str) -> Done {
    got(unsafe { sys::syscall(sys::NR_FSOPEN, c"tmpfs".as_ptr(), 0) })
}

fn chroot(_: &str) -> Done {
    let path = sys::c(target(""));
    got(unsafe { sys::chroot(path.as_ptr()) })
}

fn setns(_: &str) -> Done {
    let own = sys::open_path("/proc/self/ns/uts", sys::O_RDONLY)?;
    got(unsafe { sys::setns(own, 0) })
}

fn file_handle(_: &str) -> Done {
    let path = sys::c(target(""));
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let mut mount = 0;
    got(unsafe {
        sys::name_to_handle_at(
            sys::AT_FDCWD,
            path.as_ptr(),
            handle.as_mut_ptr().cast(),
            &mut mount,
            0,
        )
    })
}

/// `/dev/full`, under another name.
fn device_node(name: &str) -> Done {
    let path = sys::c(target(name));
    got(unsafe { sys::mknod(path.as_ptr(), 0o020_600, 0x107) })
}

fn block_device(_: &str) -> Done {
    let device = fact("block_device");
    if device.is_empty() {
        return Err("absent: no block device".into());
    }
    got(sys::open_path(device, sys::O_RDONLY)?)
}

fn kernel_log(_: &str) -> Done {
    got(sys::open_path("/dev/kmsg", sys::O_RDONLY)?)
}

/// Opened, not written: this one belongs to the whole machine.
fn kernel_setting(_: &str) -> Done {
    got(sys::open_path(
        "/proc/sys/kernel/core_pattern",
        sys::O_WRONLY,
    )?)
}

fn cgroup_make(_: &str) -> Done {
    let path = fact("cgroup");
    if path.is_empty() {
        return Err("absent: no cgroup2".into());
    }
    fs::create_dir(path).map_err(text)?;
    Ok("made".into())
}
