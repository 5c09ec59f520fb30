//! Files: what Landlock does not govern.

use libc::EPERM;

use super::super::{Row, When, numbers as nr};
use super::{any_bit, deny, notify};

/// `O_CREAT` and the bit of `O_TMPFILE` that is not `O_DIRECTORY`.
const CREATES: u64 = 0o100 | 0o2000_0000;
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
        &[nr::truncate],
        "Landlock governs it from ABI 3 on; below, the supervisor does",
    )
    .only(When::Truncate),
];
