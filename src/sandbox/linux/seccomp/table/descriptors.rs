//! What `ioctl` and `fcntl` do with a descriptor, though it be for reading only.

use libc::{ENOTTY, EPERM};

use super::super::{Row, numbers as nr};
use super::{ANY, deny, none_of, one_of};

pub(super) const ROWS: &[Row] = &[
    deny(
        &[nr::fcntl],
        EPERM,
        "the owner of a descriptor is sent signals: a way around their scope on older kernels",
    )
    // `F_SETOWN`, `F_SETOWN_EX`
    .given(&[one_of(1, ANY, &[8, 15])]),
    deny(
        &[nr::fcntl],
        EPERM,
        "a lease on a file that can only be read holds up those who write it",
    )
    // `F_SETLEASE`
    .given(&[one_of(1, ANY, &[1024])]),
    deny(
        &[nr::fcntl],
        EPERM,
        "changes a file that is open for reading only",
    )
    // `F_SET_RW_HINT`, `F_SET_FILE_RW_HINT`
    .given(&[one_of(1, ANY, &[1036, 1038])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "types into the terminal, redirects the console, or leaves the line behind in another mode",
    )
    // `TIOCSTI`, `TIOCLINUX`, `TIOCCONS`, `TIOCSETD`
    .given(&[one_of(1, ANY, &[0x5412, 0x541c, 0x541d, 0x5423])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "keyboard and screen of a virtual console: a remapped key types after the build",
    )
    // `KD*`, `VT_*`
    .given(&[one_of(1, 0xffff_ff00, &[0x4b00, 0x5600])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "the owner of a descriptor is sent signals: a way around their scope on older kernels",
    )
    // `FIOSETOWN`, `SIOCSPGRP`
    .given(&[one_of(1, ANY, &[0x8901, 0x8902])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "file attributes that outlive the build, settable through a descriptor for reading",
    )
    // `FS_IOC_SETFLAGS`, `FS_IOC32_SETFLAGS`, `FS_IOC_FSSETXATTR`, `FS_IOC_SETVERSION`,
    // `FS_IOC32_SETVERSION`, `FS_IOC_ENABLE_VERITY`, `FAT_IOCTL_SET_ATTRIBUTES`
    .given(&[one_of(
        1,
        ANY,
        &[
            0x4008_6602,
            0x4004_6602,
            0x401c_5820,
            0x4008_7602,
            0x4004_7602,
            0x4080_6685,
            0x4004_7211,
        ],
    )]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "what else ext4, fsverity and fscrypt change through a descriptor for reading",
    )
    // All of type `f` but the getters of flags, version, extents, encryption policy and digest
    .given(&[
        one_of(1, 0xff00, &[0x6600]),
        none_of(
            1,
            ANY,
            &[
                0x8008_6601,
                0x8004_6601,
                0x8008_6603,
                0xc020_660b,
                0x400c_6615,
                0xc009_6616,
                0xc004_6686,
            ],
        ),
    ]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "what else XFS changes through a descriptor for reading",
    )
    // All of type `X` but `FS_IOC_FSGETXATTR`, `XFS_IOC_DIOINFO`, `XFS_IOC_FSGEOMETRY`
    .given(&[
        one_of(1, 0xff00, &[0x5800]),
        none_of(1, ANY, &[0x801c_581f, 0x800c_581e, 0x8100_587e]),
    ]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "btrfs creates and deletes subvolumes behind Landlock's back: a snapshot shows hidden files",
    )
    // All of type 0x94 but `FICLONE` and `FICLONERANGE`, which copy between open files
    .given(&[
        one_of(1, 0xff00, &[0x9400]),
        none_of(1, ANY, &[0x4004_9409, 0x4020_940d]),
    ]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "bcachefs and f2fs do likewise",
    )
    .given(&[one_of(1, 0xff00, &[0xbc00, 0xf500])]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "`OCFS2_IOC_REFLINK` makes a file by name behind Landlock's back",
    )
    .given(&[one_of(1, ANY, &[0x4018_6f04])]),
];
