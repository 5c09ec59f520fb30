//! A package whose build script and proc macro try what a variable names, and note what worked.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};

use crate::support::command::{Finished, Run};
use crate::support::project::{self, Project};
use crate::support::{skip, system};

/// Each line of `ATTEMPTS` is who, what and on what; a file per attempt that worked goes to `DONE`,
/// if that can be written.
const ATTEMPTS: &str = r#"
use std::{fs, io, net, path::Path, process::Command};
use std::os::unix::{fs as unix, net::UnixStream};

unsafe extern "C" {
    fn kill(pid: i32, signal: i32) -> i32;
    fn prlimit(pid: i32, resource: u32, new: *const [u64; 2], old: *mut [u64; 2]) -> i32;
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn attempt(what: &str, on: &str) -> io::Result<()> {
    let name = Path::new(on);
    let pid = on.parse().unwrap_or(i32::MAX);
    match what {
        "connect" => net::TcpStream::connect(on).map(drop),
        "send" => net::UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", on).map(drop),
        "listen" => net::TcpListener::bind(on).map(drop),
        "unix" => UnixStream::connect(on).map(drop),
        "look-up" => net::ToSocketAddrs::to_socket_addrs(on).map(drop),
        "read" => fs::read(on).map(drop),
        "write" => fs::write(on, "x"),
        "append" => fs::OpenOptions::new().append(true).open(on).map(drop),
        "mkdir" => fs::create_dir(on),
        "symlink" => unix::symlink("x", on),
        "unlink" => fs::remove_file(on),
        "rename" => fs::rename(on, name.with_extension("renamed")),
        "chmod" => fs::set_permissions(on, std::os::unix::fs::PermissionsExt::from_mode(0o777)),
        "signal" => check(unsafe { kill(pid, 0) }),
        "control" => check(unsafe { prlimit(pid, 7, std::ptr::null(), &mut [0; 2]) }),
        "shell" => match Command::new("/bin/sh").args(["-c", on]).status()?.success() {
            true => Ok(()),
            false => Err(io::ErrorKind::Other.into()),
        },
        other => panic!("{other}"),
    }
}

pub fn run(who: &str) {
    let attempts = std::env::var("ATTEMPTS").unwrap_or_default();
    for (number, line) in attempts.lines().enumerate() {
        let words: Vec<_> = line.splitn(3, '\t').collect();
        if words[0] == who && attempt(words[1], words[2]).is_ok() {
            let done = std::env::var("DONE").unwrap();
            let _ = fs::write(Path::new(&done).join(number.to_string()), "");
        }
    }
}
"#;

/// What is tried, by `script` or `macro`.
pub(super) struct Attempt {
    pub(super) who: &'static str,
    pub(super) what: &'static str,
    pub(super) on: String,
}

/// A process that is none of the build's.
pub(super) struct Bystander(Child);

impl Bystander {
    pub(super) fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(super) struct Hostile {
    pub(super) project: Project,
    /// Where somebody listens.
    pub(super) listener: TcpListener,
}

impl Hostile {
    pub(super) fn new() -> Self {
        let project = Project::named("host");
        project
            .file("package.json", "{}")
            .file(
                "Cargo.toml",
                "[package]\nname = \"evil\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
                 [dependencies]\nplotter = { path = \"plotter\" }\n[workspace]\n",
            )
            .file("attempts.rs", ATTEMPTS)
            .file(
                "build.rs",
                "mod attempts;\nfn main() {\n    println!(\"cargo:rerun-if-env-changed=ATTEMPTS\");\n    \
                 attempts::run(\"script\");\n    assert!(std::env::var(\"FAIL\").as_deref() != Ok(\"script\"));\n}\n",
            )
            .file("src/main.rs", "plotter::plot!();\nfn main() {}\n")
            .file(
                "plotter/Cargo.toml",
                "[package]\nname = \"plotter\"\nversion = \"2.0.0\"\nedition = \"2021\"\n\
                 [lib]\nproc-macro = true\n",
            )
            .file("plotter/src/attempts.rs", ATTEMPTS)
            .file(
                "plotter/src/lib.rs",
                "mod attempts;\n#[proc_macro]\n\
                 pub fn plot(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
                 attempts::run(\"macro\");\n    \
                 if std::env::var(\"FAIL\").as_deref() == Ok(\"macro\") {\n        panic!();\n    }\n    \
                 Default::default()\n}\n",
            )
            .home_file(".ssh/id_ed25519", "secret")
            .home_file(".bashrc", "");
        std::fs::create_dir(project.home("done")).unwrap();
        Self {
            project,
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    pub(super) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    pub(super) fn with(&self, run: Run, attempts: &[Attempt]) -> Run {
        let lines: Vec<_> = attempts
            .iter()
            .map(|attempt| format!("{}\t{}\t{}", attempt.who, attempt.what, attempt.on))
            .collect();
        run.env("ATTEMPTS", lines.join("\n"))
            .env("DONE", self.project.home("done"))
    }

    /// How many attempts work without a sandbox.
    pub(super) fn control(&self, attempts: &[Attempt]) -> usize {
        // Nothing is fresh.
        for file in ["build.rs", "src/main.rs"] {
            let text = std::fs::read(self.project.path(file)).unwrap();
            self.project.file(file, text);
        }
        self.with(self.project.plain(), attempts)
            .arg("build")
            .success();
        std::fs::read_dir(self.project.home("done"))
            .unwrap()
            .count()
    }
}

/// Ours, behind each wall that there is.
pub(super) fn walls() -> impl Iterator<Item = &'static str> {
    ["off", "require"].into_iter().filter(|wall| {
        if *wall == "off" {
            return true;
        }
        if !system::has_namespaces() {
            skip("both walls", "this system refuses namespaces");
            return false;
        }
        if project::is_in_private_folder() {
            skip("both walls", "the target folder lies in the temporary one");
            return false;
        }
        true
    })
}

/// A command, behind each wall that there is.
pub(super) fn behind(command: &str) -> impl Iterator<Item = (&str, &'static str)> {
    walls().map(move |wall| (command, wall))
}

/// The lines that begin with one of these, as they stand.
pub(super) fn lines(run: &Finished, beginnings: &[&str]) -> Vec<String> {
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    let begins = |line: &&str| beginnings.iter().any(|word| line.starts_with(word));
    text.lines().filter(begins).map(str::to_owned).collect()
}

/// Our denials: cargo has warnings of its own.
pub(super) fn denials(run: &Finished) -> Vec<String> {
    lines(run, &["warning: the sandbox kept "])
}

pub(super) fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
