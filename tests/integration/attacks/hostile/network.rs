//! Ways to reach a server outside: the mark arrives there, or it does not.

use std::ffi::c_void;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use super::sys::{self, check};
use super::{fact, home, mark, number, text, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("tcp-v4", tcp_v4),
    ("tcp-v6", tcp_v6),
    ("tcp-multipath", tcp_multipath),
    ("tcp-fast-open", tcp_fast_open),
    ("tcp-listen", tcp_listen),
    ("tcp-inherited", tcp_inherited),
    ("udp-v4", udp_v4),
    ("udp-v6", udp_v6),
    ("udp-connected", udp_connected),
    ("dns-query", dns_query),
    ("http-post", http_post),
    ("netlink-route", netlink_route),
    ("vsock", vsock),
    ("crypto-socket", crypto_socket),
    ("packet-socket", packet_socket),
    ("raw-socket", raw_socket),
    ("unix-stream", unix_stream),
    ("unix-datagram", unix_datagram),
    ("unix-abstract", unix_abstract),
    ("unix-seqpacket", unix_seqpacket),
    ("unix-bind", unix_bind),
    ("pair-sendto", pair_sendto),
    ("pair-connect", pair_connect),
    ("pair-raw-sendto", pair_raw_sendto),
    ("pair-flags-sendto", pair_flags_sendto),
    ("wide-family", wide_family),
    ("wide-pair", wide_pair),
    ("other-thread-tcp", other_thread_tcp),
];

#[repr(C)]
pub struct Inet {
    family: u16,
    port: [u8; 2],
    address: [u8; 4],
    zero: [u8; 8],
}

pub fn loopback(port: &str) -> Inet {
    Inet {
        family: 2,
        port: (number(port) as u16).to_be_bytes(),
        address: [127, 0, 0, 1],
        zero: [0; 8],
    }
}

#[repr(C)]
struct Unix {
    family: u16,
    path: [u8; 108],
}

fn unix(path: &std::path::Path) -> Unix {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    let mut address = Unix {
        family: 1,
        path: [0; 108],
    };
    address.path[..bytes.len()].copy_from_slice(bytes);
    address
}

fn pointer<T>(value: &T) -> *const c_void {
    std::ptr::from_ref(value).cast()
}

fn stream(address: &str, name: &str) -> Done {
    let mut stream = TcpStream::connect(address).map_err(text)?;
    stream.write_all(mark(name).as_bytes()).map_err(text)?;
    Ok("sent".into())
}

fn tcp_v4(name: &str) -> Done {
    stream(&format!("127.0.0.1:{}", fact("port.tcp")), name)
}

fn tcp_v6(name: &str) -> Done {
    match fact("port.tcp6") {
        "0" => Err("absent: no IPv6 loopback".into()),
        port => stream(&format!("[::1]:{port}"), name),
    }
}

fn plain_tcp(name: &str, protocol: i32) -> Done {
    let fd = check(unsafe { sys::socket(2, 1, protocol) })? as i32;
    let address = loopback("port.tcp");
    check(unsafe { sys::connect(fd, pointer(&address), 16) })?;
    sys::put(fd, &mark(name))
}

fn tcp_multipath(name: &str) -> Done {
    match plain_tcp(name, 262) {
        Err(e) if e.contains("rotocol not") => Err(format!("absent: {e}")),
        other => other,
    }
}

fn tcp_fast_open(name: &str) -> Done {
    let fd = check(unsafe { sys::socket(2, 1, 0) })? as i32;
    let (address, data) = (loopback("port.tcp"), mark(name));
    let sent = unsafe {
        sys::sendto(
            fd,
            data.as_ptr(),
            data.len(),
            0x2000_0000,
            pointer(&address),
            16,
        )
    };
    check(sent as i64).map(|n| format!("{n} bytes"))
}

fn tcp_listen(name: &str) -> Done {
    let listener = TcpListener::bind(format!("127.0.0.1:{}", fact("port.listen"))).map_err(text)?;
    listener.set_nonblocking(true).map_err(text)?;
    let deadline = Instant::now() + Duration::from_secs(3);
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.write_all(mark(name).as_bytes()).map_err(text)?;
                return Ok("served".into());
            }
            Err(e) if Instant::now() > deadline => return Err(text(e)),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn tcp_inherited(name: &str) -> Done {
    sys::put(number("fd.socket"), &mark(name))
}

fn udp_v4(name: &str) -> Done {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
    let to = format!("127.0.0.1:{}", fact("port.udp"));
    socket.send_to(mark(name).as_bytes(), to).map_err(text)?;
    Ok("sent".into())
}

fn udp_v6(name: &str) -> Done {
    if fact("port.udp6") == "0" {
        return Err("absent: no IPv6 loopback".into());
    }
    let socket = UdpSocket::bind("[::1]:0").map_err(text)?;
    let to = format!("[::1]:{}", fact("port.udp6"));
    socket.send_to(mark(name).as_bytes(), to).map_err(text)?;
    Ok("sent".into())
}

fn udp_connected(name: &str) -> Done {
    let fd = check(unsafe { sys::socket(2, 2, 0) })? as i32;
    let (address, data) = (loopback("port.udp"), mark(name));
    check(unsafe { sys::connect(fd, pointer(&address), 16) })?;
    check(unsafe { sys::send(fd, data.as_ptr(), data.len(), 0) } as i64).map(|_| "sent".into())
}

/// A real query, as a tunnel would send it: the data is the name that is asked for.
fn dns_query(name: &str) -> Done {
    let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [mark(name).as_str(), "example"] {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
    let to = format!("127.0.0.1:{}", fact("port.udp"));
    socket.send_to(&query, to).map_err(text)?;
    Ok("asked".into())
}

fn http_post(name: &str) -> Done {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", fact("port.tcp"))).map_err(text)?;
    let body = mark(name);
    write!(
        stream,
        "POST /collect HTTP/1.1\r\nHost: c2\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .map_err(text)?;
    Ok("posted".into())
}

fn netlink_route(_: &str) -> Done {
    let fd = check(unsafe { sys::socket(16, 3, 0) })? as i32;
    // RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, and an empty `ifinfomsg`.
    let mut request = [0_u8; 32];
    request[0] = 32;
    request[4] = 18;
    request[6..8].copy_from_slice(&0x301_u16.to_ne_bytes());
    check(unsafe { sys::send(fd, request.as_ptr(), request.len(), 0) } as i64)?;
    let mut answer = [0_u8; 16_384];
    let got = unsafe { sys::recv(fd, answer.as_mut_ptr(), answer.len(), 0) };
    check(got as i64).map(|n| format!("{n} bytes about interfaces"))
}

fn family(family: i32, kind: i32, protocol: i32) -> Done {
    check(unsafe { sys::socket(family, kind, protocol) }).map(|fd| format!("descriptor {fd}"))
}

fn vsock(_: &str) -> Done {
    family(40, 1, 0)
}

fn crypto_socket(_: &str) -> Done {
    family(38, 5, 0)
}

fn packet_socket(_: &str) -> Done {
    family(17, 3, 0x0300)
}

fn raw_socket(_: &str) -> Done {
    family(2, 3, 1)
}

fn unix_stream(name: &str) -> Done {
    let mut stream = UnixStream::connect(home("run/stream")).map_err(text)?;
    stream.write_all(mark(name).as_bytes()).map_err(text)?;
    Ok("sent".into())
}

fn unix_datagram(name: &str) -> Done {
    let socket = UnixDatagram::unbound().map_err(text)?;
    socket
        .send_to(mark(name).as_bytes(), home("run/datagram"))
        .map_err(text)?;
    Ok("sent".into())
}

fn unix_abstract(name: &str) -> Done {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(fact("abstract")).unwrap();
    let mut stream = UnixStream::connect_addr(&address).map_err(text)?;
    stream.write_all(mark(name).as_bytes()).map_err(text)?;
    Ok("sent".into())
}

fn unix_seqpacket(_: &str) -> Done {
    family(1, 5, 0)
}

/// The socket file itself is what stays outside.
fn unix_bind(name: &str) -> Done {
    let fd = check(unsafe { sys::socket(1, 1, 0) })? as i32;
    let address = unix(&home(&format!("run/{name}")));
    check(unsafe { sys::bind(fd, pointer(&address), 110) }).map(|_| "bound".into())
}

fn pair(kind: i32) -> Result<i32, String> {
    let mut fds = [0; 2];
    check(unsafe { sys::socketpair(1, kind, 0, fds.as_mut_ptr()) })?;
    Ok(fds[0])
}

fn send_to_datagram(fd: i32, name: &str) -> Done {
    let (address, data) = (unix(&home("run/datagram")), mark(name));
    let sent = unsafe { sys::sendto(fd, data.as_ptr(), data.len(), 0, pointer(&address), 110) };
    check(sent as i64).map(|n| format!("{n} bytes"))
}

/// A pair needs no `socket()`, and a datagram one still sends anywhere.
fn pair_sendto(name: &str) -> Done {
    send_to_datagram(pair(2)?, name)
}

/// For unix sockets the kernel takes `SOCK_RAW` for a datagram.
fn pair_raw_sendto(name: &str) -> Done {
    send_to_datagram(pair(3)?, name)
}

fn pair_connect(name: &str) -> Done {
    let fd = pair(2)?;
    let address = unix(&home("run/datagram"));
    check(unsafe { sys::connect(fd, pointer(&address), 110) })?;
    sys::put(fd, &mark(name))
}

/// A filter set on one thread only would not hold for the next one.
fn other_thread_tcp(name: &str) -> Done {
    let name = name.to_owned();
    std::thread::spawn(move || plain_tcp(&name, 0))
        .join()
        .map_err(|_| "panic".to_owned())?
}

/// `SOCK_CLOEXEC | SOCK_NONBLOCK` beside the kind.
fn pair_flags_sendto(name: &str) -> Done {
    send_to_datagram(pair(2 | 0o2_004_000)?, name)
}

/// The kernel looks at the lower half of these arguments only; a filter must do the same.
const HIGH: i64 = 1 << 32;

fn wide_family(name: &str) -> Done {
    let fd = check(unsafe { sys::syscall(sys::NR_SOCKET, HIGH | 2, HIGH | 1, 0_i64) })? as i32;
    let address = loopback("port.tcp");
    check(unsafe { sys::connect(fd, pointer(&address), 16) })?;
    sys::put(fd, &mark(name))
}

fn wide_pair(name: &str) -> Done {
    let mut fds = [0_i32; 2];
    check(unsafe {
        sys::syscall(
            sys::NR_SOCKETPAIR,
            HIGH | 1,
            HIGH | 2,
            0_i64,
            fds.as_mut_ptr(),
        )
    })?;
    send_to_datagram(fds[0], name)
}
