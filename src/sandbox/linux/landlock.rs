//! Landlock's three system calls, as safe functions (landlock(7)).

use std::io;
use std::mem::size_of;
use std::ops::{BitAnd, BitOr, Not};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::sys::{checked, owned};

/// What may be done to files, as bits of `<linux/landlock.h>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access(u64);

impl Access {
    pub(super) const EXECUTE: Self = Self(1);
    pub(super) const WRITE_FILE: Self = Self(1 << 1);
    pub(super) const READ_FILE: Self = Self(1 << 2);
    pub(super) const READ_DIR: Self = Self(1 << 3);
    pub(super) const MAKE_CHAR: Self = Self(1 << 6);
    pub(super) const MAKE_SOCK: Self = Self(1 << 9);
    pub(super) const MAKE_FIFO: Self = Self(1 << 10);
    pub(super) const MAKE_BLOCK: Self = Self(1 << 11);
    pub(super) const MAKE_SYM: Self = Self(1 << 12);
    pub(super) const REFER: Self = Self(1 << 13);
    pub(super) const TRUNCATE: Self = Self(1 << 14);
    pub(super) const IOCTL_DEV: Self = Self(1 << 15);

    /// All that this version of Landlock knows.
    pub(super) const fn all(version: i32) -> Self {
        Self(match version {
            ..=1 => (1 << 13) - 1,
            2 => (1 << 14) - 1,
            3 | 4 => (1 << 15) - 1,
            _ => (1 << 16) - 1,
        })
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn read() -> Self {
        Self::EXECUTE | Self::READ_FILE | Self::READ_DIR
    }

    /// All that is not reading.
    pub(super) fn write(version: i32) -> Self {
        Self::all(version) & !Self::read()
    }

    /// What can be allowed for a file; the rest makes sense for a folder only.
    pub(super) fn of_file() -> Self {
        Self::EXECUTE | Self::WRITE_FILE | Self::READ_FILE | Self::TRUNCATE | Self::IOCTL_DEV
    }
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Access {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Access {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// What a domain denies unless a rule allows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handled {
    pub(super) files: Access,
    /// Binding and connecting TCP sockets: Landlock version 4.
    pub(super) network: bool,
    /// Signals and abstract sockets to processes outside: version 6.
    pub(super) scope: bool,
}

/// Rules, until they are in force for somebody.
#[derive(Debug)]
pub(super) struct Ruleset(OwnedFd);

impl Ruleset {
    pub(super) fn new(handled: Handled) -> io::Result<Self> {
        #[repr(C)]
        struct Attributes {
            files: u64,
            network: u64,
            scope: u64,
        }
        const BIND_AND_CONNECT: u64 = 3;
        const SOCKETS_AND_SIGNALS: u64 = 3;
        let attributes = Attributes {
            files: handled.files.0,
            network: if handled.network { BIND_AND_CONNECT } else { 0 },
            scope: if handled.scope {
                SOCKETS_AND_SIGNALS
            } else {
                0
            },
        };
        // SAFETY: the struct has the size given and outlives the call. A kernel whose own is shorter
        // takes it as long as what it does not know is 0, and refuses it otherwise.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attributes,
                size_of::<Attributes>(),
                0,
            )
        };
        owned(fd).map(Self)
    }

    /// Allows what is in `access`, of what the ruleset handles, for the object and all below it.
    pub(super) fn allow(&self, object: BorrowedFd<'_>, access: Access) -> io::Result<()> {
        #[repr(C, packed)]
        struct PathBeneath {
            access: u64,
            parent: i32,
        }
        const PATH_BENEATH: libc::c_int = 1;
        let rule = PathBeneath {
            access: access.0,
            parent: object.as_raw_fd(),
        };
        // SAFETY: the struct is the one of this type of rule and outlives the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.0.as_raw_fd(),
                PATH_BENEATH,
                &raw const rule,
                0,
            )
        };
        checked(result).map(drop)
    }

    /// Confines the calling thread, and what it starts; needs `no_new_privs`, and cannot be undone.
    pub(super) fn restrict_self(&self) -> io::Result<()> {
        // SAFETY: takes numbers only.
        let result =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0) };
        checked(result).map(drop)
    }
}

/// The Landlock version of this kernel; the error tells one without it (`ENOSYS`) from one that has
/// it switched off (`EOPNOTSUPP`), and from a container's filter (`EPERM`, or what that likes).
pub(super) fn version() -> io::Result<i32> {
    const CREATE_RULESET_VERSION: libc::c_uint = 1;
    // SAFETY: with a null attribute, size 0 and this flag the call only returns a number
    // (landlock_create_ruleset(2)).
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    i32::try_from(checked(version)?).map_err(io::Error::other)
}
