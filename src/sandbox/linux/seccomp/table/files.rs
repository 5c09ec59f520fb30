//! Files: what Landlock does not govern.

use libc::EPERM;

use super::super::{Row, When, numbers as nr};
use super::{any_bit, deny, notify};

/// `O_CREAT` and the bit of `O_TMPFILE` that is not `O_DIRECTORY`.
const CREATES: u64 = 0o100 | 0o2000_0000;
/// `O_WRONLY`, `O_RDWR`, `O_CREAT`, `O_TRUNC`.
const WRITES: u64 = 0o1 | 0o2 | 0o100 | 0o1000;
const WATCHED_WHY: &str =
    "the supervisor notes what Landlock will refuse; the kernel goes on in any case";
const SET_ID: u64 = 0o6000;
const CHMOD_WHY: &str = "Landlock does not govern attributes, not even of hidden files; the \
                         supervisor changes those of files that the build may write";
const SET_ID_WHY: &str =
    "a set-uid file outlives the build and lends its owner's rights to whoever runs it";

pub(super) const ROWS: &[Row] = &[
    deny(&[nr::open], EPERM, SET_ID_WHY).given(&[any_bit(1, CREATES), any_bit(2, SET_ID)]),
    deny(&[nr::openat], EPERM, SET_ID_WHY).given(&[any_bit(2, CREATES), any_bit(3, SET_ID)]),
    deny(&[nr::creat, nr::mknod], EPERM, SET_ID_WHY).given(&[any_bit(1, SET_ID)]),
    deny(&[nr::mknodat], EPERM, SET_ID_WHY).given(&[any_bit(2, SET_ID)]),
    deny(
        &[nr::file_setattr],
        EPERM,
        "file attributes that outlive the build, without opening the file",
    ),
    notify(
        &[
            nr::chmod,
            nr::fchmod,
            nr::fchmodat,
            nr::fchmodat2,
            nr::chown,
            nr::lchown,
            nr::fchown,
            nr::fchownat,
            nr::utime,
            nr::utimes,
            nr::futimesat,
            nr::utimensat,
            nr::setxattr,
            nr::lsetxattr,
            nr::fsetxattr,
            nr::setxattrat,
            nr::removexattr,
            nr::lremovexattr,
            nr::fremovexattr,
            nr::removexattrat,
        ],
        CHMOD_WHY,
    ),
    notify(
        &[
            nr::creat,
            nr::link,
            nr::linkat,
            nr::mkdir,
            nr::mkdirat,
            nr::rename,
            nr::renameat,
            nr::renameat2,
            nr::rmdir,
            nr::symlink,
            nr::symlinkat,
            nr::unlink,
            nr::unlinkat,
        ],
        WATCHED_WHY,
    )
    .only(When::WatchedChanges),
    notify(&[nr::open], WATCHED_WHY)
        .given(&[any_bit(1, WRITES)])
        .only(When::WatchedChanges),
    notify(&[nr::openat], WATCHED_WHY)
        .given(&[any_bit(2, WRITES)])
        .only(When::WatchedChanges),
    notify(&[nr::open, nr::openat], WATCHED_WHY).only(When::WatchedReads),
    notify(
        &[nr::truncate],
        "Landlock governs it from ABI 3 on; below, the supervisor does",
    )
    .only(When::Truncate),
];
