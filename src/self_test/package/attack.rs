// What a hostile crate would try, against canaries that were put there for it. Compiled into a
// build script and into a proc macro; `plan.rs` says where the canaries are.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

mod plan {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plan.rs"));
}

/// Tries everything, and says what it got hold of. What it did elsewhere the canaries tell.
fn attack(actor: &str) -> Vec<String> {
    let only = std::env::var("SELF_TEST_ONLY").ok();
    let wanted = |name: &str| only.as_deref().map_or(true, |only| only == name);
    let mut lines = vec![format!("self-test {actor} ran")];
    let acts: [(&str, fn(&str) -> io::Result<()>); 11] = [
        ("tcp", tcp),
        ("udp", udp),
        ("socket", socket),
        ("abstract", abstract_socket),
        ("dotfile", |actor| add(&format!("{}/.bashrc", plan::HOME), actor)),
        ("program", |actor| add(&format!("{}/.cargo/bin/planted", plan::HOME), actor)),
        ("source", |actor| add(&format!("{}/src/lib.rs", plan::PROJECT), actor)),
        ("cache", |actor| add(&format!("{}/.perry-cache/planted", plan::PROJECT), actor)),
        ("results", results),
        ("signal", signal),
        ("left", left),
    ];
    for (name, act) in acts {
        if wanted(name) {
            let _ = act(actor);
        }
    }
    let finds: [(&str, fn() -> io::Result<String>); 3] = [
        ("secret-file", || fs::read_to_string(format!("{}/.ssh/id_ed25519", plan::HOME))),
        ("secret-variable", || std::env::var("AWS_SECRET_ACCESS_KEY").map_err(io::Error::other)),
        ("environment", environment),
    ];
    for (name, find) in finds {
        if let (true, Ok(found)) = (wanted(name), find()) {
            lines.push(format!("self-test {actor} {name} {}", found.trim()));
        }
    }
    lines
}

fn tcp(actor: &str) -> io::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], plan::TCP));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.write_all(actor.as_bytes())
}

fn udp(actor: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.send_to(actor.as_bytes(), ("127.0.0.1", plan::UDP)).map(drop)
}

fn socket(actor: &str) -> io::Result<()> {
    UnixStream::connect(plan::SOCKET)?.write_all(actor.as_bytes())
}

#[cfg(target_os = "linux")]
fn abstract_socket(actor: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(plan::ABSTRACT)?;
    UnixStream::connect_addr(&address)?.write_all(actor.as_bytes())
}

#[cfg(not(target_os = "linux"))]
fn abstract_socket(_: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Adds a comment, which every file here can have.
fn add(path: &str, actor: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("\n// planted by {actor}\n").as_bytes())
}

/// What cargo reads of another crate to know what it was made from.
fn results(actor: &str) -> io::Result<()> {
    for entry in fs::read_dir(format!("{}/target/debug/deps", plan::PROJECT))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("victim-") && name.ends_with(".d") {
            let mut file = OpenOptions::new().append(true).open(path)?;
            file.write_all(format!("\n# planted by {actor}\n").as_bytes())?;
        }
    }
    Ok(())
}

fn signal(actor: &str) -> io::Result<()> {
    let [script, other, _] = plan::PROCESSES;
    let line = format!("kill {}", if actor == "script" { script } else { other });
    Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status().map(drop)
}

fn left(actor: &str) -> io::Result<()> {
    Command::new("sleep")
        .arg("600")
        .env(plan::LEFT, actor)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

fn environment() -> io::Result<String> {
    let bytes = fs::read(format!("/proc/{}/environ", plan::PROCESSES[2]))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let variable = text.split('\0').find_map(|line| line.strip_prefix("SELF_TEST_SECRET="));
    variable.map(str::to_owned).ok_or(io::ErrorKind::NotFound.into())
}
