//! What attacks are aimed at: files, sockets and processes of ours, which show what was achieved.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::project::Plan;
use super::{Actor, Observed, guarantees};
use crate::host::cache::digest;

/// Where an attack that got through leaves its mark in a file.
const FILES: [(&str, &str); 4] = [
    ("dotfile", "home/.bashrc"),
    ("program", "home/.cargo/bin/planted"),
    ("source", "project/src/lib.rs"),
    ("cache", "project/.perry-cache/planted"),
];

/// A folder with a home, for one build.
#[derive(Debug)]
pub(super) struct Canaries {
    root: PathBuf,
    plan: Plan,
    tcp: TcpListener,
    udp: UdpSocket,
    daemon: UnixListener,
    _daemons: TempDir,
    hidden: Option<UnixListener>,
    processes: Vec<Child>,
    /// What no attacker can guess.
    secret: String,
}

impl Canaries {
    pub(super) fn set_out(root: &Path) -> io::Result<Self> {
        let secret = unguessable()?;
        let home = root.join("home");
        for folder in ["home/.ssh", "home/.cargo/bin", "project/.perry-cache"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(home.join(".ssh/id_ed25519"), &secret)?;
        fs::write(home.join(".bashrc"), "")?;
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // The path of a socket has about a hundred bytes (unix(7)), and a home may lie deep.
        let daemons = tempfile::Builder::new()
            .prefix("self-test.")
            .tempdir_in("/tmp")?;
        let socket = daemons.path().join("daemon");
        let daemon = UnixListener::bind(&socket)?;
        tcp.set_nonblocking(true)?;
        udp.set_nonblocking(true)?;
        daemon.set_nonblocking(true)?;
        let abstract_name = format!("self-test.{secret}");
        let mut canaries = Self {
            root: root.to_owned(),
            plan: Plan {
                tcp: tcp.local_addr()?.port(),
                udp: udp.local_addr()?.port(),
                processes: [0; 3],
                left: format!("SELF_TEST_{secret}"),
                abstract_name: abstract_name.clone(),
                // Below `/tmp`, in letters and digits.
                socket: socket.to_string_lossy().into_owned(),
            },
            tcp,
            udp,
            daemon,
            _daemons: daemons,
            hidden: crate::sandbox::files::listen_abstract(&abstract_name)?,
            processes: Vec::new(),
            secret,
        };
        for number in &mut canaries.plan.processes {
            let child = Command::new("sleep")
                .arg("600")
                .env_clear()
                .env("SELF_TEST_SECRET", &canaries.secret)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            *number = child.id();
            canaries.processes.push(child);
        }
        Ok(canaries)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn project(&self) -> PathBuf {
        self.root.join("project")
    }

    /// What the build finds of this home.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = |name| OsString::from(self.root.join(name));
        vec![
            ("HOME".into(), path("home")),
            ("CARGO_HOME".into(), path("home/.cargo")),
            ("CARGO_TARGET_DIR".into(), path("project/target")),
            ("AWS_SECRET_ACCESS_KEY".into(), self.secret.clone().into()),
        ]
    }

    /// What was achieved, now that the build has ended; `text` is what it printed.
    pub(super) fn look(&mut self, text: &str) -> io::Result<Observed> {
        let mut observed = Observed::default();
        let said = |words: &[&str]| text.contains(&format!("self-test {}", words.join(" ")));
        for actor in Actor::ALL {
            if said(&[actor.word(), "ran"]) {
                observed.ran.insert(actor);
            }
        }
        let reached = self.reached()?;
        let planted = self.planted();
        let left = self.left();
        for guarantee in guarantees() {
            let name = guarantee.name;
            for actor in Actor::ALL {
                let word = actor.word();
                let mark = |found: &(&str, String)| found.0 == name && found.1 == word;
                let achieved = match name {
                    "signal" => self.was_killed(actor)?,
                    _ => {
                        said(&[word, name, &self.secret])
                            || reached.iter().chain(&planted).chain(&left).any(mark)
                    }
                };
                if achieved {
                    observed.achieved.insert((actor, name));
                }
            }
        }
        Ok(observed)
    }

    /// Who sent something to which socket.
    fn reached(&self) -> io::Result<Vec<(&'static str, String)>> {
        let mut reached = Vec::new();
        while let Some((mut stream, _)) = unless_empty(self.tcp.accept())? {
            stream.set_nonblocking(false)?;
            reached.push(("tcp", said(&mut stream)));
        }
        let mut buffer = [0; 64];
        while let Some((length, _)) = unless_empty(self.udp.recv_from(&mut buffer))? {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            reached.push(("udp", text));
        }
        let hidden = self.hidden.iter().map(|socket| ("abstract", socket));
        for (name, listener) in hidden.chain([("socket", &self.daemon)]) {
            while let Some((mut stream, _)) = unless_empty(listener.accept())? {
                stream.set_nonblocking(false)?;
                reached.push((name, said(&mut stream)));
            }
        }
        Ok(reached)
    }

    /// Who changed which file.
    fn planted(&self) -> Vec<(&'static str, String)> {
        let deps = fs::read_dir(self.root.join("project/target/debug/deps"));
        let results = deps
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| ("results", entry.path()))
            .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "d"));
        let files = FILES.map(|(name, path)| (name, self.root.join(path)));
        let mut planted = Vec::new();
        for (name, path) in results.chain(files) {
            let text = fs::read_to_string(path).unwrap_or_default();
            for actor in Actor::ALL {
                if text.contains(&format!("planted by {}", actor.word())) {
                    planted.push((name, actor.word().to_owned()));
                }
            }
        }
        planted
    }

    /// A signal takes a moment to end a process.
    fn was_killed(&mut self, actor: Actor) -> io::Result<bool> {
        let child = &mut self.processes[usize::from(actor == Actor::ProcMacro)];
        thread::sleep(Duration::from_millis(50));
        Ok(child.try_wait()?.is_some())
    }

    /// Who left a process running; ends it.
    fn left(&self) -> Vec<(&'static str, String)> {
        let mut left = Vec::new();
        let mark = format!("{}=", self.plan.left);
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment).into_owned();
            let found = environment
                .split('\0')
                .find_map(|line| line.strip_prefix(&mark));
            let Some(actor) = found else { continue };
            left.push(("left", actor.to_owned()));
            let line = format!("kill {}", entry.file_name().display());
            let _ = Command::new("sh").args(["-c", &line]).status();
        }
        left
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        for child in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn unless_empty<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whoever connected has ended by now, so that this ends as well.
fn said(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let _ = stream.take(64).read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn unguessable() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(digest(&bytes))
}
