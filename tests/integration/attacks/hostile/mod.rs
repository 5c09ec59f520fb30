//! The hostile crate's code: the same source is a build script and a proc macro.
//!
//! It is copied into a project and compiled there, without any dependency, so it declares what it
//! needs of the C library itself. Every action runs in a child of its own, because a sandbox may
//! kill it, and says in one line what it got; the harness judges from outside.

mod ability;
mod ancestors;
mod attributes;
mod foreign;
mod network;
mod persist;
mod process;
mod read;
mod ring;
mod sys;
mod tools;
mod write;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What an action got, or why it got nothing. `absent: ...` says that this machine cannot do it.
pub type Done = Result<String, String>;

/// An action gets its own name, which is also the mark it leaves.
pub type Action = (&'static str, fn(&str) -> Done);

const WORLD: &str = include_str!("../world.txt");

/// A fact about the outside, as the harness wrote it down.
pub fn fact(key: &str) -> &'static str {
    WORLD
        .lines()
        .find_map(|line| line.split_once('=').filter(|(k, _)| *k == key))
        .map(|(_, value)| value)
        .unwrap_or_else(|| panic!("no fact {key}"))
}

pub fn number(key: &str) -> i32 {
    fact(key).parse().unwrap()
}

pub fn home(path: &str) -> PathBuf {
    PathBuf::from(fact("home")).join(path)
}

pub fn host(path: &str) -> PathBuf {
    PathBuf::from(fact("host")).join(path)
}

/// A place where the build may write: a build script's own folder, else one of the target's.
pub fn target(path: &str) -> PathBuf {
    let folder = std::env::var_os("OUT_DIR").map_or(fact("target").into(), PathBuf::from);
    folder.join(path)
}

/// A file of the project that belongs to this action alone.
pub fn victim(name: &str) -> PathBuf {
    host("victims").join(name)
}

/// A hidden file that belongs to this action alone.
pub fn secret(name: &str) -> PathBuf {
    home(".ssh/kept").join(name)
}

pub fn mark(name: &str) -> String {
    format!("zz-{name}-zz")
}

pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Runs everything; `emit` gets one line for each action.
pub fn run(emit: impl Fn(&str)) {
    std::panic::set_hook(Box::new(|_| {}));
    let groups: [&[Action]; 11] = [
        network::ACTIONS,
        tools::ACTIONS,
        ring::ACTIONS,
        foreign::ACTIONS,
        read::ACTIONS,
        write::ACTIONS,
        attributes::ACTIONS,
        process::ACTIONS,
        ancestors::ACTIONS,
        ability::ACTIONS,
        persist::ACTIONS,
    ];
    for (name, action) in groups.into_iter().flatten() {
        let result = in_child(name, *action).replace(['\n', '\r', '\t', '\0'], " ");
        emit(&format!("ATTACK\t{name}\t{result}"));
    }
}

fn in_child(name: &str, action: fn(&str) -> Done) -> String {
    let mut pipe = [0; 2];
    if unsafe { sys::pipe2(pipe.as_mut_ptr(), sys::O_CLOEXEC) } != 0 {
        return "failed: no pipe".into();
    }
    let child = unsafe { sys::fork() };
    if child == 0 {
        unsafe { sys::close(pipe[0]) };
        let result = std::panic::catch_unwind(|| action(name));
        let mut line = match result {
            Ok(Ok(got)) => format!("ok: {got}"),
            Ok(Err(why)) if why.starts_with("absent: ") => why,
            Ok(Err(why)) => format!("failed: {why}"),
            Err(panic) => format!(
                "failed: panic: {}",
                panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or(panic.downcast_ref::<&str>().copied())
                    .unwrap_or("?")
            ),
        };
        // The pipe holds this much without a reader, and a line ends with a byte that it cannot
        // contain: a daemon left behind may hold the other end open for ever.
        line = line.replace('\0', " ").chars().take(60_000).collect();
        line.push('\0');
        unsafe { sys::write(pipe[1], line.as_ptr(), line.len()) };
        unsafe { sys::_exit(0) };
    }
    unsafe { sys::close(pipe[1]) };
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut line = Vec::new();
    while !line.ends_with(b"\0") && Instant::now() < deadline {
        let mut poll = sys::PollFd {
            fd: pipe[0],
            events: 1,
            revents: 0,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if unsafe { sys::poll(&mut poll, 1, left.as_millis() as i32) } <= 0 {
            break;
        }
        let mut buffer = [0; 65_536];
        let read = unsafe { sys::read(pipe[0], buffer.as_mut_ptr(), buffer.len()) };
        if read <= 0 {
            break;
        }
        line.extend_from_slice(&buffer[..read as usize]);
    }
    unsafe { sys::close(pipe[0]) };
    if !line.ends_with(b"\0") {
        unsafe { sys::kill(child, 9) };
    }
    let mut status = 0;
    unsafe { sys::waitpid(child, &mut status, 0) };
    if line.ends_with(b"\0") {
        line.pop();
        String::from_utf8_lossy(&line).into_owned()
    } else {
        format!("failed: no word, wait status {status}")
    }
}
