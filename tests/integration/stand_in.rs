//! A stand-in for cargo: tells what it was given, and ends as it is told to.
//!
//! A program of its own, which [`crate::support`]'s users compile once; it is a module as well so
//! that it is formatted and checked like all else.
//!
//! `STAND_IN` says what to do: `exit 7`, `kill 15` (itself), `wait` (until a signal is counted),
//! `echo` (standard input to standard output), `mute` (nothing). Without it, the program prints
//! its arguments, its directory and its environment. `token`, `descriptors`, `terminal` and
//! `family` are for the tests of what is inherited and of what is left running.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn raise(number: i32) -> i32;
    fn getpid() -> i32;
    fn fcntl(fd: i32, command: i32, argument: i32) -> i32;
}

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);
static CONTINUED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(number: i32) {
    LAST.store(number, Ordering::Release);
    COUNT.fetch_add(1, Ordering::AcqRel);
}

extern "C" fn note(_: i32) {
    CONTINUED.fetch_add(1, Ordering::AcqRel);
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&OsString> = arguments
        .iter()
        .filter(|argument| !argument.as_bytes().starts_with(b"+"))
        .collect();
    let first = words.first().and_then(|word| word.to_str()).unwrap_or("");
    let manifest = words
        .windows(2)
        .find(|pair| *pair[0] == "--manifest-path")
        .map(|pair| PathBuf::from(pair[1]));
    match (first, manifest) {
        ("fetch" | "metadata", Some(manifest)) => step(&words, &manifest),
        ("-vV", _) if words.len() == 1 => {
            let host = variable("STAND_IN_HOST");
            let host = host.map(|name| format!("host: {name}\n"));
            say(format_args!("cargo 1.0.0\n{}", host.unwrap_or_default()));
            ExitCode::SUCCESS
        }
        _ => act(&arguments),
    }
}

/// What is asked before a build. It is noted in the one place that a fetch may write to.
fn step(words: &[&OsString], manifest: &Path) -> ExitCode {
    let command = words[0].to_str().unwrap();
    let folder = manifest.parent().unwrap().display();
    let registry = PathBuf::from(std::env::var_os("CARGO_HOME").unwrap()).join("registry");
    let log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(registry.join("runs"));
    // The first question is asked before anything may be written.
    if let Ok(mut log) = log {
        let toolchain = std::env::args_os()
            .nth(1)
            .map(|word| word.to_string_lossy().into_owned())
            .filter(|word| word.starts_with('+'));
        let words = words.iter().map(|word| word.to_string_lossy().into_owned());
        let words = toolchain.into_iter().chain(words);
        let words = words.filter(|word| *word != manifest.to_string_lossy());
        writeln!(log, "{}", words.collect::<Vec<_>>().join(" ")).unwrap();
    }
    if let ("metadata", Some(answer)) = (command, variable("STAND_IN_ANSWER")) {
        say(format_args!("{answer}"));
    } else if command == "metadata" {
        let members = std::fs::read_dir(manifest.parent().unwrap().join("crates"));
        let members = members.into_iter().flatten().flatten();
        let manifests = members.map(|member| member.path().join("Cargo.toml"));
        let packages: Vec<_> = std::iter::once(manifest.to_owned())
            .chain(manifests)
            .map(|manifest| format!("{{\"manifest_path\":\"{}\"}}", manifest.display()))
            .collect();
        say(format_args!(
            "{{\"packages\":[{}],\"workspace_root\":\"{folder}\",\
             \"target_directory\":\"{folder}/target\"}}\n",
            packages.join(",")
        ));
    }
    match variable(&format!("STAND_IN_{}", command.to_uppercase())) {
        Some(status) => end(&status),
        None => ExitCode::SUCCESS,
    }
}

fn act(arguments: &[OsString]) -> ExitCode {
    let Some(task) = variable("STAND_IN") else {
        tell(arguments);
        return ExitCode::SUCCESS;
    };
    match task.as_str() {
        "mute" => ExitCode::SUCCESS,
        "echo" => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).unwrap();
            std::io::stdout().write_all(&text).unwrap();
            std::io::stderr().write_all(b"to stderr\n").unwrap();
            ExitCode::SUCCESS
        }
        "wait" => wait(),
        "descriptors" => {
            // F_GETFD
            // SAFETY: it only asks.
            let open = (20..64).filter(|fd| unsafe { fcntl(*fd, 1, 0) } != -1);
            say(format_args!("{:?}\n", open.collect::<Vec<_>>()));
            ExitCode::SUCCESS
        }
        "token" => token(),
        "family" => {
            // Whoever runs the tests in the background has these ignored.
            for number in [2, 3] {
                // SAFETY: the default disposition is no function of ours.
                unsafe { signal(number, 0) };
            }
            let far = "setsid sleep 600 & sleep 600 & wait";
            let mut near = std::process::Command::new("sh")
                .args(["-c", far])
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(200));
            say(format_args!("ready\n"));
            near.wait().unwrap();
            ExitCode::SUCCESS
        }
        "terminal" => {
            let streams = [
                std::io::stdin().is_terminal(),
                std::io::stdout().is_terminal(),
                std::io::stderr().is_terminal(),
            ];
            say(format_args!("{streams:?}\n"));
            ExitCode::SUCCESS
        }
        end_so => end(end_so),
    }
}

/// Takes a token from the jobserver that `MAKEFLAGS` names, and gives it back.
fn token() -> ExitCode {
    let flags = variable("MAKEFLAGS").unwrap();
    let server = flags
        .split(' ')
        .find_map(|word| word.strip_prefix("--jobserver-auth="));
    let server = server.unwrap();
    let (read, write) = if let Some(path) = server.strip_prefix("fifo:") {
        (path.to_owned(), path.to_owned())
    } else {
        let (read, write) = server.split_once(',').unwrap();
        (
            format!("/proc/self/fd/{read}"),
            format!("/proc/self/fd/{write}"),
        )
    };
    // Opened for both, a named pipe does not wait for another end.
    let mut options = std::fs::OpenOptions::new();
    let mut from = options.read(true).write(read == write).open(read).unwrap();
    let mut to = std::fs::OpenOptions::new().write(true).open(write).unwrap();
    let mut token = [0];
    from.read_exact(&mut token).unwrap();
    to.write_all(&token).unwrap();
    say(format_args!("token {}\n", token.escape_ascii()));
    ExitCode::SUCCESS
}

/// `exit 7` or `kill 15`.
fn end(how: &str) -> ExitCode {
    let (word, number) = how.split_once(' ').unwrap();
    let number: u8 = number.parse().unwrap();
    if word == "kill" {
        // SAFETY: the default disposition is no function of ours.
        unsafe { signal(number.into(), 0) };
        // SAFETY: ending this process is what is wanted.
        unsafe { raise(number.into()) };
    }
    ExitCode::from(number)
}

/// Says `ready`, and how often a signal came until a while after the first.
fn wait() -> ExitCode {
    let handler: extern "C" fn(i32) = count;
    for number in [1, 2, 3, 15] {
        // SAFETY: the handler only touches atomics.
        unsafe { signal(number, handler as usize) };
    }
    let noted: extern "C" fn(i32) = note;
    // SIGCONT
    // SAFETY: the handler only touches atomics.
    unsafe { signal(18, noted as usize) };
    // SAFETY: it always succeeds.
    say(format_args!("ready {}\n", unsafe { getpid() }));
    let mut patience = 600;
    while COUNT.load(Ordering::Acquire) == 0 && patience > 0 {
        if CONTINUED.swap(0, Ordering::AcqRel) > 0 {
            say(format_args!("continued\n"));
        }
        std::thread::sleep(Duration::from_millis(50));
        patience -= 1;
    }
    std::thread::sleep(Duration::from_millis(300));
    say(format_args!(
        "signal {} came {} times\n",
        LAST.load(Ordering::Acquire),
        COUNT.load(Ordering::Acquire)
    ));
    ExitCode::SUCCESS
}

/// Each entry on a line of its own, in a form that any bytes survive.
fn tell(arguments: &[OsString]) {
    for argument in arguments {
        say(format_args!("argument {}\n", escaped(argument)));
    }
    let directory = std::env::current_dir().unwrap();
    say(format_args!(
        "directory {}\n",
        escaped(directory.as_os_str())
    ));
    let environment: BTreeMap<_, _> = std::env::vars_os().collect();
    for (name, value) in environment {
        say(format_args!(
            "variable {}={}\n",
            escaped(&name),
            escaped(&value)
        ));
    }
}

fn escaped(text: &OsStr) -> String {
    text.as_bytes().escape_ascii().to_string()
}

fn say(text: std::fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_fmt(text).unwrap();
    stdout.flush().unwrap();
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
