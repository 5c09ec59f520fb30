//! Sockets.

use libc::{EACCES, EPERM};

use super::super::{Row, When, numbers as nr};
use super::{ANY, any_bit, deny, none_of, notify, one_of};

/// The bits of a socket type that are not flags (`SOCK_TYPE_MASK`).
const TYPE: u32 = 0xf;
const INET: u32 = 2;
const INET6: u32 = 10;
const NETLINK: u32 = 16;
const UNIX: u32 = 1;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const SEQPACKET: u32 = 5;
const SOL_IP: u32 = 0;
const SOL_TCP: u32 = 6;
const SOL_UDP: u32 = 17;
const SOL_IPV6: u32 = 41;

const WATCHED_WHY: &str = "the supervisor notes it, and refuses it as the rows below do";

pub(super) const ROWS: &[Row] = &[
    notify(
        &[nr::socket],
        "the supervisor gives a pipe instead (a unix pair, which a build may make itself), to learn \
         which address it was for",
    )
    .given(&[
        one_of(0, ANY, &[UNIX, INET, INET6]),
        one_of(1, TYPE, &[STREAM, DATAGRAM]),
    ])
    .only(When::WatchedNetwork),
    notify(&[nr::socket, nr::connect, nr::bind], WATCHED_WHY).only(When::WatchedNetwork),
    notify(&[nr::sendto], WATCHED_WHY)
        .given(&[any_bit(4, u64::MAX)])
        .only(When::WatchedNetwork),
    notify(
        &[nr::setsockopt],
        "what stands for an internet socket knows no options, and a resolver would give up before \
         it asks; the supervisor says that all is well",
    )
    .given(&[one_of(1, ANY, &[SOL_IP, SOL_TCP, SOL_UDP, SOL_IPV6])])
    .only(When::WatchedNetwork),
    notify(
        &[nr::sendmmsg],
        "the supervisor notes the host name that a resolver asks for; the kernel goes on",
    )
    .only(When::WatchedNetwork),
    deny(
        &[nr::socket],
        EACCES,
        "no network, no daemon's unix socket, no netlink; `EACCES` is what socket(2) documents",
    )
    .only(When::NetworkDenied),
    deny(
        &[nr::socket],
        EACCES,
        "a fetch needs the internet and the route table that resolvers read, nothing else",
    )
    .given(&[none_of(0, ANY, &[INET, INET6, NETLINK])])
    .only(When::NetworkInternet),
    deny(&[nr::socket], EACCES, "raw packets forge addresses")
        .given(&[
            one_of(0, ANY, &[INET, INET6]),
            none_of(1, TYPE, &[STREAM, DATAGRAM]),
        ])
        .only(When::NetworkInternet),
    deny(
        &[nr::socket],
        EACCES,
        "only `NETLINK_ROUTE` is for resolvers; others talk to kernel and daemons",
    )
    .given(&[one_of(0, ANY, &[NETLINK]), none_of(2, ANY, &[0])])
    .only(When::NetworkInternet),
    deny(&[nr::socketpair], EACCES, "only unix pairs are pipes").given(&[none_of(0, ANY, &[UNIX])]),
    deny(
        &[nr::socketpair],
        EACCES,
        "a datagram pair can be pointed at any daemon's socket with `sendto` or `connect`",
    )
    .given(&[none_of(1, TYPE, &[STREAM, SEQPACKET])]),
    deny(
        &[nr::connect, nr::bind],
        EPERM,
        "no socket can be made, but one inherited as standard input could be used",
    )
    .only(When::NetworkDenied),
    deny(
        &[nr::listen, nr::accept, nr::accept4],
        EPERM,
        "neither a build nor a fetch serves anyone",
    ),
    deny(
        &[nr::sendto],
        EPERM,
        "an inherited datagram socket could be pointed elsewhere",
    )
    .given(&[any_bit(4, u64::MAX)])
    .only(When::NetworkDenied),
];
