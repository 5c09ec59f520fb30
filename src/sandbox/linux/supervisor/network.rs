//! What a build without a network asks of one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::sys;
use crate::denial::Action;

const DNS: u16 = 53;

/// Where a socket was to lead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Internet(SocketAddr),
    /// The path of a unix socket, or its abstract name after an `@`.
    Unix(String),
    Other(u16),
}

impl Address {
    /// Reads one from the memory of the thread `pid`.
    pub(super) fn read(pid: i32, address: u64, length: u64) -> Option<Self> {
        // `sockaddr_storage` has that many bytes.
        let length = usize::try_from(length)
            .ok()
            .filter(|length| (2..=128).contains(length))?;
        let mut bytes = vec![0; length];
        sys::read_memory(pid, address, &mut bytes)?;
        Self::parse(&bytes)
    }

    /// `struct sockaddr` of one family or another: see ip(7), ipv6(7) and unix(7).
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk()?;
        let port = |rest: &[u8]| rest.first_chunk().copied().map(u16::from_be_bytes);
        let family = u16::from_ne_bytes(*family);
        Some(match i32::from(family) {
            libc::AF_INET => {
                let ip: [u8; 4] = *rest.get(2..)?.first_chunk()?;
                Self::Internet((Ipv4Addr::from(ip), port(rest)?).into())
            }
            libc::AF_INET6 => {
                let ip: [u8; 16] = *rest.get(6..)?.first_chunk()?;
                let ip = Ipv6Addr::from(ip);
                Self::Internet(
                    (
                        ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
                        port(rest)?,
                    )
                        .into(),
                )
            }
            libc::AF_UNIX => {
                let (mark, name) = match rest.split_first() {
                    Some((0, name)) if !name.is_empty() => ("@", name),
                    _ => ("", rest),
                };
                let end = name.iter().position(|byte| *byte == 0);
                let name = &name[..end.unwrap_or(name.len())];
                Self::Unix(format!("{mark}{}", String::from_utf8_lossy(name)))
            }
            _ => Self::Other(family),
        })
    }

    /// Is it where names are looked up?
    pub(super) fn is_name_server(&self) -> bool {
        matches!(self, Self::Internet(address) if address.port() == DNS)
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Internet(address) => address.to_string(),
            Self::Unix(path) => path.clone(),
            Self::Other(family) => family_name(i32::from(*family)),
        }
    }
}

/// A kind of socket in words.
pub(super) fn family_name(family: i32) -> String {
    match family {
        libc::AF_UNIX => "unix".to_owned(),
        libc::AF_INET => "IPv4".to_owned(),
        libc::AF_INET6 => "IPv6".to_owned(),
        libc::AF_NETLINK => "netlink".to_owned(),
        libc::AF_PACKET => "packet".to_owned(),
        libc::AF_VSOCK => "vsock".to_owned(),
        other => format!("family {other}"),
    }
}

/// The host names that a resolver asks for in one `sendmmsg`.
pub(super) fn looked_up(pid: i32, messages: u64, count: u64) -> Vec<Action> {
    // `struct mmsghdr`: a `struct msghdr` of 56 bytes, a length and padding; in it, the third word
    // is the address of the first `struct iovec`.
    const SIZE: u64 = 64;
    let mut hosts = Vec::new();
    for index in 0..count.min(4) {
        let word = |address: u64| {
            let mut bytes = [0; 8];
            sys::read_memory(pid, address, &mut bytes).map(|()| u64::from_ne_bytes(bytes))
        };
        let host = || {
            let vector = word(messages.checked_add(index * SIZE + 16)?)?;
            payload(pid, word(vector)?, word(vector.checked_add(8)?)?)
        };
        hosts.extend(host().filter(|host| !hosts.contains(host)));
    }
    hosts
        .into_iter()
        .map(|host| Action::LookUp { host })
        .collect()
}

/// The host name in a query that lies there.
pub(super) fn payload(pid: i32, address: u64, length: u64) -> Option<String> {
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= 512)?;
    let mut bytes = vec![0; length];
    sys::read_memory(pid, address, &mut bytes)?;
    question(&bytes)
}

/// The first question of a DNS query: RFC 1035, section 4.1.
fn question(query: &[u8]) -> Option<String> {
    const HEADER: usize = 12;
    let header = query.get(..HEADER)?;
    // A query, not an answer, with one question.
    if header[2] & 0xf8 != 0 || header[4..6] != [0, 1] {
        return None;
    }
    let mut rest = query.get(HEADER..)?;
    let mut labels = Vec::new();
    loop {
        let (&length, after) = rest.split_first()?;
        if length == 0 {
            break;
        }
        let label = after.get(..usize::from(length))?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        if length > 63 || !label.iter().all(is_name) {
            return None;
        }
        labels.push(String::from_utf8_lossy(label).into_owned());
        rest = &after[usize::from(length)..];
    }
    (!labels.is_empty()).then(|| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let text = |bytes: &[u8]| Address::parse(bytes).map(|address| address.text());
        let v4 = [2, 0, 1, 187, 93, 184, 216, 34, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(text(&v4).unwrap(), "93.184.216.34:443");
        let mut v6 = vec![10, 0, 0, 80, 0, 0, 0, 0];
        v6.extend([
            0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
        ]);
        assert_eq!(text(&v6).unwrap(), "[2001:db8::1]:80");
        assert_eq!(text(b"\x01\0/run/x.sock\0rest").unwrap(), "/run/x.sock");
        assert_eq!(text(b"\x01\0\0name").unwrap(), "@name");
        assert_eq!(text(&[16, 0, 1, 2]).unwrap(), "netlink");
        for short in [&v4[..7], &v6[..20], &[2]] {
            assert_eq!(text(short), None);
        }
        let dns = Address::parse(&[2, 0, 0, 53, 127, 0, 0, 53]).unwrap();
        assert!(dns.is_name_server());
    }

    #[test]
    fn questions() {
        let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(b"\x07example\x03com\0\0\x01\0\x01");
        assert_eq!(question(&query).unwrap(), "example.com");
        for end in 0..24 {
            assert_eq!(question(&query[..end]), None, "{end}");
        }
        query[13] = b'\n';
        assert_eq!(question(&query), None);
    }
}
