//! Servers on the loopback interface and on unix sockets, which note everything that arrives.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Listens until [`Canary::stop`], or until it is dropped.
#[derive(Debug)]
pub(crate) struct Canary {
    pub(crate) tcp: u16,
    pub(crate) tcp6: u16,
    pub(crate) udp: u16,
    pub(crate) udp6: u16,
    /// Where the canary calls, in case that somebody else listens.
    pub(crate) listen: u16,
    stopped: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

struct Ears {
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
    unix: Vec<UnixListener>,
    datagram: Vec<UnixDatagram>,
    connections: Vec<(Box<dyn Connection>, Vec<u8>)>,
    others: Vec<Box<dyn Read + Send>>,
    listen: u16,
    payload: Vec<u8>,
    heard: Arc<Mutex<Vec<u8>>>,
}

trait Connection: Read + Write + Send {
    fn end(&self);
}

impl Connection for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Connection for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Canary {
    /// Starts every server; `folder` gets the sockets `stream` and `datagram`, `payload` answers
    /// each HTTP request, and `others` is listened to as well.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        payload: &[u8],
        others: Vec<Box<dyn Read + Send>>,
    ) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp6 = TcpListener::bind("[::1]:0").ok();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let udp6 = UdpSocket::bind("[::1]:0").ok();
        let listen = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port();
        let mut canary = Self {
            tcp: port(tcp.local_addr()),
            tcp6: tcp6.as_ref().map_or(0, |s| port(s.local_addr())),
            udp: port(udp.local_addr()),
            udp6: udp6.as_ref().map_or(0, |s| port(s.local_addr())),
            listen,
            stopped: Arc::default(),
            heard: Arc::default(),
            thread: None,
        };
        let ears = Ears {
            tcp: std::iter::once(tcp).chain(tcp6).collect(),
            udp: std::iter::once(udp).chain(udp6).collect(),
            unix: unix_listeners(folder, name),
            datagram: vec![UnixDatagram::bind(folder.join("datagram")).unwrap()],
            connections: Vec::new(),
            others,
            listen,
            payload: payload.to_vec(),
            heard: Arc::clone(&canary.heard),
        };
        let stopped = Arc::clone(&canary.stopped);
        canary.thread = Some(std::thread::spawn(move || ears.run(&stopped)));
        canary
    }

    /// Everything that arrived, from whatever side.
    pub(crate) fn stop(&mut self) -> Vec<u8> {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.stop();
    }
}

fn unix_listeners(folder: &Path, name: &str) -> Vec<UnixListener> {
    let mut listeners = vec![UnixListener::bind(folder.join("stream")).unwrap()];
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        listeners.push(UnixListener::bind_addr(&address).unwrap());
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
    listeners.truncate(2);
    listeners
}

impl Ears {
    fn run(mut self, stopped: &AtomicBool) {
        for socket in &self.tcp {
            socket.set_nonblocking(true).unwrap();
        }
        for socket in &self.udp {
            socket.set_nonblocking(true).unwrap();
        }
        for socket in &self.unix {
            socket.set_nonblocking(true).unwrap();
        }
        for socket in &self.datagram {
            socket.set_nonblocking(true).unwrap();
        }
        loop {
            // Read before the last pass: what was sent before the end is still heard.
            let last = stopped.load(Ordering::Acquire);
            self.call();
            self.accept();
            self.listen();
            if last {
                return;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn call(&mut self) {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.listen));
        if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
            // On loopback a socket can connect to itself when the port is free.
            if stream.local_addr().ok() != stream.peer_addr().ok() {
                stream.set_nonblocking(true).unwrap();
                self.connections.push((Box::new(stream), Vec::new()));
            }
        }
    }

    fn accept(&mut self) {
        for listener in &self.tcp {
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).unwrap();
                self.connections.push((Box::new(stream), Vec::new()));
            }
        }
        for listener in &self.unix {
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).unwrap();
                self.connections.push((Box::new(stream), Vec::new()));
            }
        }
    }

    fn listen(&mut self) {
        let mut heard = self.heard.lock().unwrap();
        let mut buffer = vec![0; 65_536];
        for socket in &self.udp {
            while let Ok(length) = socket.recv(&mut buffer) {
                heard.extend_from_slice(&buffer[..length]);
            }
        }
        for socket in &self.datagram {
            while let Ok(length) = socket.recv(&mut buffer) {
                heard.extend_from_slice(&buffer[..length]);
            }
        }
        for other in &mut self.others {
            while let Ok(length @ 1..) = other.read(&mut buffer) {
                heard.extend_from_slice(&buffer[..length]);
            }
        }
        let payload = &self.payload;
        self.connections.retain_mut(|(connection, request)| {
            loop {
                match connection.read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(length) => {
                        heard.extend_from_slice(&buffer[..length]);
                        request.extend_from_slice(&buffer[..length]);
                    }
                    Err(e) => {
                        answer(connection.as_mut(), request, payload);
                        return e.kind() == ErrorKind::WouldBlock;
                    }
                }
            }
        });
    }
}

/// Answers an HTTP request once its head is there.
fn answer(connection: &mut dyn Connection, request: &mut Vec<u8>, payload: &[u8]) {
    if request.windows(4).any(|w| w == b"\r\n\r\n") {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            payload.len()
        );
        let _ = connection.write_all(&[head.as_bytes(), payload].concat());
        connection.end();
        request.clear();
    }
}
