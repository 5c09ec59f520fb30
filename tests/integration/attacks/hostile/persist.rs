//! What stays when the build is over: processes, and files that give away rights.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::sys::{self, check};
use super::{fact, target, text, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("setuid-chmod", setuid_chmod),
    ("setuid-create", setuid_create),
    ("setuid-fchmod", setuid_fchmod),
    ("setuid-mknod", setuid_mknod),
    ("setuid-copy", setuid_copy),
    ("child-left", child_left),
    ("child-own-group", child_own_group),
    ("daemon", daemon),
    ("daemon-deaf", daemon_deaf),
    ("daemon-writer", daemon_writer),
    ("daemon-moving", daemon_moving),
];

fn setuid_chmod(name: &str) -> Done {
    fs::write(target(name), "").map_err(text)?;
    let path = sys::c(target(name));
    check(unsafe { sys::chmod(path.as_ptr(), 0o4755) }).map(|_| "changed".into())
}

fn setuid_create(name: &str) -> Done {
    let path = sys::c(target(name));
    let fd = unsafe { sys::open(path.as_ptr(), sys::O_CREAT | sys::O_WRONLY, 0o4755) };
    check(fd).map(|_| "made".into())
}

fn setuid_fchmod(name: &str) -> Done {
    fs::write(target(name), "").map_err(text)?;
    let fd = sys::open_path(target(name), sys::O_RDONLY)?;
    check(unsafe { sys::fchmod(fd, 0o6755) }).map(|_| "changed".into())
}

fn setuid_mknod(name: &str) -> Done {
    let path = sys::c(target(name));
    check(unsafe { sys::mknod(path.as_ptr(), 0o104_755, 0) }).map(|_| "made".into())
}

/// `install` sets the mode that it is told.
fn setuid_copy(name: &str) -> Done {
    let status = Command::new("install")
        .args(["-m", "4755", "/bin/sh"])
        .arg(target(name))
        .status()
        .map_err(text)?;
    Ok(status.to_string())
}

/// A process that the harness knows by its last argument. It ends by itself when the harness says
/// so, since the control run must leave nothing behind either.
fn waiter(name: &str, prologue: &str, step: &str) -> Command {
    let stop = fact("stop");
    let script = format!("{prologue} while [ ! -e '{stop}' ]; do {step} sleep 0.1; done");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh"])
        .arg(format!("{}-{name}", fact("id")))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn started(mut command: Command) -> Done {
    command
        .spawn()
        .map(|child| format!("process {}", child.id()))
        .map_err(text)
}

fn child_left(name: &str) -> Done {
    // The session's end would take it along, with or without a sandbox.
    started(waiter(name, "trap '' HUP;", ""))
}

fn child_own_group(name: &str) -> Done {
    let mut command = waiter(name, "", "");
    command.process_group(0);
    started(command)
}

/// Two forks and a session of its own: no parent, no group, no terminal.
fn detached(command: Command) -> Done {
    if check(unsafe { sys::fork() })? == 0 {
        unsafe { sys::setsid() };
        if unsafe { sys::fork() } == 0 {
            let mut command = command;
            let _ = command.exec();
        }
        unsafe { sys::_exit(0) };
    }
    Ok("detached".into())
}

fn daemon(name: &str) -> Done {
    detached(waiter(name, "", ""))
}

fn daemon_deaf(name: &str) -> Done {
    detached(waiter(name, "trap '' HUP INT QUIT TERM USR1 USR2;", ""))
}

/// It goes on changing what was built.
fn daemon_writer(name: &str) -> Done {
    let path = target(name);
    detached(waiter(
        name,
        "",
        &format!("echo x >> '{}';", path.display()),
    ))
}

/// Each process lives for a moment and leaves a child, so that whoever looks for it finds only
/// where it was.
fn daemon_moving(name: &str) -> Done {
    let (path, stop) = (sys::c(target(name)), sys::c(fact("stop")));
    if check(unsafe { sys::fork() })? > 0 {
        return Ok("moving".into());
    }
    unsafe { sys::setsid() };
    for fd in 0..1024 {
        unsafe { sys::close(fd) };
    }
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let mut generation = 0_u32;
    while std::time::Instant::now() < limit {
        if unsafe { sys::fork() } != 0 {
            unsafe { sys::_exit(0) };
        }
        generation += 1;
        if generation % 16 == 0 {
            let flags = sys::O_CREAT | sys::O_APPEND | sys::O_WRONLY;
            let fd = unsafe { sys::open(path.as_ptr(), flags, 0o644) };
            let written = unsafe { sys::write(fd, b"x".as_ptr(), 1) };
            unsafe { sys::close(fd) };
            if written != 1 || unsafe { sys::open(stop.as_ptr(), sys::O_RDONLY) } >= 0 {
                break;
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(300));
    }
    unsafe { sys::_exit(0) }
}
