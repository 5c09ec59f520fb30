//! Other processes of the same user: each action has one of its own outside.

use std::ffi::c_void;
use std::fs;

use super::sys::{self, check};
use super::{fact, number, text, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("kill", kill),
    ("kill-stop", kill_stop),
    ("kill-group", kill_group),
    ("tgkill", tgkill),
    ("rt-sigqueueinfo", rt_sigqueueinfo),
    ("rt-tgsigqueueinfo", rt_tgsigqueueinfo),
    ("pidfd-send-signal", pidfd_send_signal),
    ("signal-by-owner", signal_by_owner),
    ("ptrace-seize", ptrace_seize),
    ("read-process-memory", read_memory),
    ("read-process-memory-file", read_memory_file),
    ("read-process-environment", read_environment),
    ("read-process-descriptor", read_descriptor),
    ("pidfd-getfd", pidfd_getfd),
    ("read-process-folder", read_folder),
    ("read-process-arguments", read_arguments),
    ("list-processes", list_processes),
    ("limits", limits),
    ("priority", priority),
    ("priority-group", priority_group),
    ("affinity", affinity),
    ("scheduler", scheduler),
    ("scheduler-attributes", scheduler_attributes),
    ("io-priority", io_priority),
    ("oom-score", oom_score),
];

fn pid(name: &str) -> i32 {
    number(&format!("pid.{name}"))
}

fn did(result: impl Into<i64>) -> Done {
    check(result).map(|_| "done".into())
}

fn kill(name: &str) -> Done {
    did(unsafe { sys::kill(pid(name), 9) })
}

fn kill_stop(name: &str) -> Done {
    did(unsafe { sys::kill(pid(name), 19) })
}

/// Every one of the harness's processes leads a group.
fn kill_group(name: &str) -> Done {
    did(unsafe { sys::kill(-pid(name), 9) })
}

fn tgkill(name: &str) -> Done {
    did(unsafe { sys::syscall(sys::NR_TGKILL, pid(name), pid(name), 9) })
}

/// A `siginfo_t` with `SI_QUEUE`, which another process may send.
fn information() -> [i32; 32] {
    let mut information = [0; 32];
    information[0] = 15;
    information[2] = -1;
    information
}

fn rt_sigqueueinfo(name: &str) -> Done {
    let information = information();
    did(unsafe { sys::syscall(sys::NR_RT_SIGQUEUEINFO, pid(name), 15, &information) })
}

fn rt_tgsigqueueinfo(name: &str) -> Done {
    let information = information();
    let pid = pid(name);
    did(unsafe { sys::syscall(sys::NR_RT_TGSIGQUEUEINFO, pid, pid, 15, &information) })
}

fn pidfd(name: &str) -> Result<i32, String> {
    check(unsafe { sys::syscall(sys::NR_PIDFD_OPEN, pid(name), 0) }).map(|fd| fd as i32)
}

fn pidfd_send_signal(name: &str) -> Done {
    let none = std::ptr::null::<c_void>();
    did(unsafe { sys::syscall(sys::NR_PIDFD_SEND_SIGNAL, pidfd(name)?, 9, none, 0) })
}

/// The kernel signals whoever is the owner of a descriptor, once data arrives.
fn signal_by_owner(name: &str) -> Done {
    let mut fds = [0; 2];
    check(unsafe { sys::pipe2(fds.as_mut_ptr(), sys::O_NONBLOCK) })?;
    let (set_flags, set_owner, set_signal, is_async) = (4, 8, 10, 0o20000);
    check(unsafe { sys::fcntl(fds[0], set_owner, pid(name)) })?;
    check(unsafe { sys::fcntl(fds[0], set_signal, 15) })?;
    check(unsafe { sys::fcntl(fds[0], set_flags, sys::O_NONBLOCK | is_async) })?;
    sys::put(fds[1], "x")
}

/// With `PTRACE_O_EXITKILL` the traced process dies with us.
fn ptrace_seize(name: &str) -> Done {
    did(unsafe { sys::ptrace(0x4206, pid(name), 0_usize, 0x10_0000_usize) })
}

/// Where the environment lies, which `stat` tells.
fn environment_range(name: &str) -> Result<(usize, usize), String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid(name))).map_err(text)?;
    let after = stat.rsplit_once(')').ok_or("no name")?.1;
    let field = |n: usize| -> Result<usize, String> {
        after
            .split_whitespace()
            .nth(n - 3)
            .ok_or("short")?
            .parse()
            .map_err(text)
    };
    Ok((field(50)?, field(51)?))
}

fn read_memory(name: &str) -> Done {
    let (start, end) = environment_range(name)?;
    let mut buffer = vec![0_u8; end - start];
    let local = sys::IoVec {
        base: buffer.as_mut_ptr().cast(),
        length: buffer.len(),
    };
    let remote = sys::IoVec {
        base: start as *mut c_void,
        length: buffer.len(),
    };
    check(unsafe { sys::process_vm_readv(pid(name), &local, 1, &remote, 1, 0) } as i64)?;
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

fn read_memory_file(name: &str) -> Done {
    use std::os::unix::fs::FileExt;
    let (start, end) = environment_range(name)?;
    let file = fs::File::open(format!("/proc/{}/mem", pid(name))).map_err(text)?;
    let mut buffer = vec![0_u8; end - start];
    file.read_exact_at(&mut buffer, start as u64)
        .map_err(text)?;
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

fn read_environment(name: &str) -> Done {
    let bytes = fs::read(format!("/proc/{}/environ", pid(name))).map_err(text)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Its standard input is a secret file.
fn read_descriptor(name: &str) -> Done {
    fs::read_to_string(format!("/proc/{}/fd/0", pid(name))).map_err(text)
}

fn pidfd_getfd(name: &str) -> Done {
    let fd = check(unsafe { sys::syscall(sys::NR_PIDFD_GETFD, pidfd(name)?, 0, 0) })?;
    sys::drain(fd as i32)
}

fn read_folder(name: &str) -> Done {
    fs::read_link(format!("/proc/{}/cwd", pid(name)))
        .map(|path| path.display().to_string())
        .map_err(text)
}

fn read_arguments(name: &str) -> Done {
    fs::read_to_string(format!("/proc/{}/cmdline", pid(name))).map_err(text)
}

fn list_processes(_: &str) -> Done {
    let mut all = String::new();
    for entry in fs::read_dir("/proc").map_err(text)?.flatten() {
        all += &fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
    }
    Ok(all)
}

fn limits(name: &str) -> Done {
    did(unsafe { sys::prlimit(pid(name), 7, &[5, 5], std::ptr::null_mut()) })
}

fn priority(name: &str) -> Done {
    did(unsafe { sys::setpriority(0, pid(name) as u32, 19) })
}

fn priority_group(name: &str) -> Done {
    did(unsafe { sys::setpriority(1, pid(name) as u32, 19) })
}

fn affinity(name: &str) -> Done {
    let mask = fact("one_processor").parse::<u64>().map_err(text)?;
    if mask == 0 {
        return Err("absent: one processor only".into());
    }
    did(unsafe { sys::sched_setaffinity(pid(name), 8, std::ptr::from_ref(&mask).cast()) })
}

/// `SCHED_IDLE`.
fn scheduler(name: &str) -> Done {
    did(unsafe { sys::sched_setscheduler(pid(name), 5, &0) })
}

/// `SCHED_BATCH`, in a `sched_attr` of 48 bytes.
fn scheduler_attributes(name: &str) -> Done {
    let attributes = [48_u32, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    did(unsafe { sys::syscall(sys::NR_SCHED_SETATTR, pid(name), &attributes, 0) })
}

/// The idle class.
fn io_priority(name: &str) -> Done {
    did(unsafe { sys::syscall(sys::NR_IOPRIO_SET, 1, pid(name), 3 << 13) })
}

fn oom_score(name: &str) -> Done {
    fs::write(format!("/proc/{}/oom_score_adj", pid(name)), "1000").map_err(text)?;
    Ok("written".into())
}
