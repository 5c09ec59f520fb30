//! Whoever watches over us is one of those above us, or process 1 of our namespace, and may do
//! more than we may.

use std::fs;
use std::path::Path;

use super::sys::{self, check};
use super::{host, mark, secret, text, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("ancestor-root", root),
    ("ancestor-folder", folder),
    ("ancestor-descriptors", descriptors),
    ("ancestor-write", write),
    ("ancestor-memory", memory),
    ("ancestor-trace", trace),
    ("ancestor-signal", signal),
    ("ancestor-take-descriptor", take_descriptor),
    ("ancestor-namespaces", namespaces),
];

/// Everyone above us and process 1, but for cargo and the compiler, which are confined with us.
fn ancestors() -> Vec<i32> {
    let mut found = Vec::new();
    let mut pid = unsafe { sys::getppid() };
    loop {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        // The last is a build script that a launcher started.
        let ours = [
            "cargo\n",
            "rustc\n",
            "build-script-bu\n",
            ".build_script_b\n",
        ]
        .contains(&name.as_str());
        if !ours && pid > 0 {
            found.push(pid);
        }
        if pid <= 1 {
            break;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = status.rsplit_once(')').map_or("", |(_, after)| after);
        pid = after
            .split_whitespace()
            .nth(1)
            .and_then(|p| p.parse().ok())
            .unwrap_or(1);
    }
    found
}

/// The first success among those above us, or the last failure.
fn first(attempt: impl Fn(i32) -> Done) -> Done {
    let mut last = Err("nobody above".into());
    for pid in ancestors() {
        last = attempt(pid).map_err(|e| format!("{pid}: {e}"));
        if last.is_ok() {
            break;
        }
    }
    last
}

fn root(name: &str) -> Done {
    let path = secret(name);
    let path = path.strip_prefix("/").unwrap();
    first(|pid| fs::read_to_string(format!("/proc/{pid}/root/{}", path.display())).map_err(text))
}

/// Up from where an ancestor works.
fn folder(name: &str) -> Done {
    let path = format!("{}{}", "../".repeat(64), secret(name).display());
    first(|pid| fs::read_to_string(format!("/proc/{pid}/cwd/{path}")).map_err(text))
}

/// Whatever an ancestor holds open, and what lies below it.
fn descriptors(name: &str) -> Done {
    first(|pid| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).map_err(text)?;
        let up = format!("{}{}", "../".repeat(64), secret(name).display());
        for entry in entries.flatten() {
            if let Ok(got) = fs::read_to_string(entry.path().join(&up)) {
                return Ok(got);
            }
        }
        Err("nothing open leads there".into())
    })
}

fn write(name: &str) -> Done {
    let path = host("victims").join(name);
    let path = path.strip_prefix("/").unwrap().to_owned();
    first(|pid| {
        let path = Path::new("/proc")
            .join(pid.to_string())
            .join("root")
            .join(&path);
        fs::write(path, mark(name))
            .map(|()| "written".into())
            .map_err(text)
    })
}

fn memory(_: &str) -> Done {
    first(|pid| {
        let path = format!("/proc/{pid}/mem");
        fs::File::options()
            .write(true)
            .open(path)
            .map(|_| "opened".into())
            .map_err(text)
    })
}

/// Attached without a stop, and let go when we end.
fn trace(_: &str) -> Done {
    first(|pid| {
        check(unsafe { sys::ptrace(0x4206, pid, 0_usize, 0_usize) }).map(|_| "attached".into())
    })
}

/// Signal 0 asks for leave only.
fn signal(_: &str) -> Done {
    first(|pid| check(unsafe { sys::kill(pid, 0) }).map(|_| "allowed".into()))
}

fn take_descriptor(_: &str) -> Done {
    first(|pid| {
        let pidfd = check(unsafe { sys::syscall(sys::NR_PIDFD_OPEN, pid, 0) })?;
        check(unsafe { sys::syscall(sys::NR_PIDFD_GETFD, pidfd, 0, 0) }).map(|_| "taken".into())
    })
}

/// Joins the mounts that an ancestor sees; only root may, or who owns the namespace.
fn namespaces(_: &str) -> Done {
    first(|pid| {
        let mounts = sys::open_path(format!("/proc/{pid}/ns/mnt"), sys::O_RDONLY)?;
        check(unsafe { sys::setns(mounts, 0x2_0000) }).map(|_| "joined".into())
    })
}
