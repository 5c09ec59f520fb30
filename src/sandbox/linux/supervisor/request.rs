//! What a notification asks for, with everything read from the caller's memory.

use std::ffi::CString;

use super::super::seccomp::{Arch, numbers};
use super::Errno;
use super::attributes::Change;
use super::caller::Caller;
use super::narrowing;
use super::signals::{Recipient, Signal};
use crate::denial::Unit;

const PATH_MAX: usize = 4096;

type Times = [libc::timespec; 2];
type Convert = fn(i64, i64) -> Result<libc::timespec, Errno>;

const NOW: Times = [timespec(0, libc::UTIME_NOW); 2];

/// What to do.
#[derive(Debug)]
pub(super) enum Action {
    Change {
        target: Target,
        change: Change,
    },
    /// Leave the caller these places only. It may say which unit it is.
    Narrow(Vec<CString>, Option<Unit>),
    Nothing,
    Signal(Signal),
}

/// The object of a change, as the caller names it.
#[derive(Debug)]
pub(super) enum Target {
    Descriptor(i32),
    Path {
        /// A descriptor of the caller's, or `AT_FDCWD`.
        base: i32,
        path: CString,
        follow: bool,
        /// An empty path stands for the base itself (`AT_EMPTY_PATH`).
        empty: bool,
    },
}

struct Request<'a> {
    caller: &'a Caller,
    args: [u64; 6],
}

/// The name of the call, or nothing if no row names it.
pub(super) fn name(data: &libc::seccomp_data) -> &'static str {
    let number = u32::try_from(data.nr).ok();
    let name = Arch::native()
        .filter(|arch| arch.audit() == data.arch)
        .and_then(|arch| {
            numbers::ALL
                .iter()
                .find(|call| number.is_some() && call.number(arch) == number)
        })
        .map(|call| call.name);
    name.unwrap_or_default()
}

pub(super) fn parse(caller: &Caller, data: &libc::seccomp_data) -> Result<Action, Errno> {
    let request = Request {
        caller,
        args: data.args,
    };
    request.parse(name(data))
}

impl Request<'_> {
    fn parse(&self, name: &str) -> Result<Action, Errno> {
        const FOLLOW: i32 = 0;
        const NOFOLLOW: i32 = libc::AT_SYMLINK_NOFOLLOW;
        let int = |index| self.int(index);
        match name {
            "chmod" => change(self.path(0, FOLLOW), self.mode(1)),
            "fchmod" => change(Ok(Target::Descriptor(int(0))), self.mode(1)),
            "fchmodat" => change(self.path_at(0, FOLLOW), self.mode(2)),
            "fchmodat2" => change(self.path_at(0, int(3)), self.mode(2)),

            "chown" => change(self.path(0, FOLLOW), self.owner(1)),
            "lchown" => change(self.path(0, NOFOLLOW), self.owner(1)),
            "fchown" => change(Ok(Target::Descriptor(int(0))), self.owner(1)),
            "fchownat" => change(self.path_at(0, int(4)), self.owner(2)),

            "utime" => {
                let times = self.whole_seconds(1)?;
                times_change(|| self.path(0, FOLLOW), times)
            }
            "utimes" => {
                let times = self.time_pairs(1, microseconds)?;
                times_change(|| self.path(0, FOLLOW), times)
            }
            "futimesat" => {
                let times = self.time_pairs(2, microseconds)?;
                times_change(|| self.path_or_descriptor(0), times)
            }
            "utimensat" => {
                let times =
                    self.time_pairs(2, |seconds, fraction| Ok(timespec(seconds, fraction)))?;
                times_change(
                    || match int(3) {
                        0 => self.path_or_descriptor(0),
                        flags => self.path_at(0, flags),
                    },
                    times,
                )
            }

            "setxattr" => change(self.path(0, FOLLOW), self.set_xattr(1)?),
            "lsetxattr" => change(self.path(0, NOFOLLOW), self.set_xattr(1)?),
            "fsetxattr" => change(Ok(Target::Descriptor(int(0))), self.set_xattr(1)?),
            "setxattrat" => change(self.path_at(0, int(2)), self.set_xattr_by_struct()?),
            "removexattr" => change(self.path(0, FOLLOW), self.remove_xattr(1)?),
            "lremovexattr" => change(self.path(0, NOFOLLOW), self.remove_xattr(1)?),
            "fremovexattr" => change(Ok(Target::Descriptor(int(0))), self.remove_xattr(1)?),
            "removexattrat" => change(self.path_at(0, int(2)), self.remove_xattr(3)?),

            "truncate" => {
                let length = self.args[1].cast_signed();
                change(self.path(0, FOLLOW), Change::Length(length))
            }

            "kill" => Ok(self.signal(Recipient::Kill(int(0)), 1, None)),
            "tkill" => Ok(self.signal(Recipient::Thread(int(0)), 1, None)),
            "tgkill" => Ok(self.signal(Recipient::ThreadOf(int(0)), 2, None)),
            "rt_sigqueueinfo" => Ok(self.signal(Recipient::Process(int(0)), 1, Some(2))),
            "rt_tgsigqueueinfo" => Ok(self.signal(Recipient::ThreadOf(int(0)), 2, Some(3))),
            "pidfd_send_signal" if int(3) == 0 => {
                Ok(self.signal(Recipient::Descriptor(int(0)), 1, Some(2)))
            }

            // The filter hands over one option only.
            "prctl" => Ok(Action::Narrow(
                narrowing::read_places(self.caller, self.args[1], self.args[2])?,
                narrowing::read_unit(self.caller, self.args[3], self.args[4])?,
            )),

            // The filter hands over nothing else.
            _ => Err(Errno(libc::EPERM)),
        }
    }

    /// An argument that the kernel takes as `int`: the low half.
    fn int(&self, index: usize) -> i32 {
        low_int(self.args[index])
    }

    fn mode(&self, index: usize) -> Change {
        Change::Mode(self.int(index).cast_unsigned() & 0o7777)
    }

    fn owner(&self, index: usize) -> Change {
        Change::Owner(
            self.int(index).cast_unsigned(),
            self.int(index + 1).cast_unsigned(),
        )
    }

    fn path(&self, index: usize, flags: i32) -> Result<Target, Errno> {
        self.path_from(libc::AT_FDCWD, index, flags)
    }

    fn path_at(&self, index: usize, flags: i32) -> Result<Target, Errno> {
        self.path_from(self.int(index), index + 1, flags)
    }

    /// A null path makes the descriptor the object.
    fn path_or_descriptor(&self, index: usize) -> Result<Target, Errno> {
        match (self.int(index), self.args[index + 1]) {
            (libc::AT_FDCWD, _) => self.path_at(index, 0),
            (number, 0) => Ok(Target::Descriptor(number)),
            _ => self.path_at(index, 0),
        }
    }

    fn path_from(&self, base: i32, index: usize, flags: i32) -> Result<Target, Errno> {
        if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let path = self
            .caller
            .read_string(self.args[index], PATH_MAX, libc::ENAMETOOLONG)?;
        Ok(Target::Path {
            base,
            path,
            follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
            empty: flags & libc::AT_EMPTY_PATH != 0,
        })
    }

    /// Two pairs of numbers; a null pointer means now.
    fn time_pairs(&self, index: usize, convert: Convert) -> Result<Times, Errno> {
        let address = self.args[index];
        if address == 0 {
            return Ok(NOW);
        }
        let [a, b, c, d] = self.words(address)?.map(u64::cast_signed);
        Ok([convert(a, b)?, convert(c, d)?])
    }

    /// `struct utimbuf`; a null pointer means now.
    fn whole_seconds(&self, index: usize) -> Result<Times, Errno> {
        let address = self.args[index];
        if address == 0 {
            return Ok(NOW);
        }
        let seconds = self.words::<2>(address)?.map(u64::cast_signed);
        Ok(seconds.map(|seconds| timespec(seconds, 0)))
    }

    fn set_xattr(&self, index: usize) -> Result<Change, Errno> {
        let name = self.xattr_name(index)?;
        let flags = self.int(index + 3);
        let value = self.xattr_value(self.args[index + 1], self.args[index + 2])?;
        Ok(Change::SetXattr { name, value, flags })
    }

    /// `struct xattr_args` of `setxattrat`: address, size, flags.
    fn set_xattr_by_struct(&self) -> Result<Change, Errno> {
        const SIZE: u64 = 16;
        let name = self.xattr_name(3)?;
        match self.args[5] {
            SIZE => {}
            0..SIZE => return Err(Errno(libc::EINVAL)),
            // A later kernel's, whose new fields nobody here understands.
            _ => return Err(Errno(libc::E2BIG)),
        }
        let [address, packed] = self.words(self.args[4])?;
        let size = packed & u64::from(u32::MAX);
        let flags = low_int(packed >> 32);
        let value = self.xattr_value(address, size)?;
        Ok(Change::SetXattr { name, value, flags })
    }

    fn remove_xattr(&self, index: usize) -> Result<Change, Errno> {
        Ok(Change::RemoveXattr(self.xattr_name(index)?))
    }

    fn xattr_name(&self, index: usize) -> Result<CString, Errno> {
        const XATTR_NAME_MAX: usize = 255;
        let name = self
            .caller
            .read_string(self.args[index], XATTR_NAME_MAX + 1, libc::ERANGE)?;
        if name.is_empty() {
            return Err(Errno(libc::ERANGE));
        }
        Ok(name)
    }

    fn xattr_value(&self, address: u64, size: u64) -> Result<Vec<u8>, Errno> {
        const XATTR_SIZE_MAX: usize = 65536;
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= XATTR_SIZE_MAX)
            .ok_or(Errno(libc::E2BIG))?;
        let mut value = vec![0; size];
        self.caller.read(address, &mut value)?;
        Ok(value)
    }

    /// Little endian words from the caller's memory.
    fn words<const COUNT: usize>(&self, address: u64) -> Result<[u64; COUNT], Errno> {
        let mut bytes = [[0; 8]; COUNT];
        self.caller.read(address, bytes.as_flattened_mut())?;
        Ok(bytes.map(u64::from_le_bytes))
    }

    fn signal(&self, recipient: Recipient, number: usize, info: Option<usize>) -> Action {
        Action::Signal(Signal {
            recipient,
            number: self.int(number),
            info: info.map_or(0, |index| self.args[index]),
        })
    }
}

pub(super) fn low_int(word: u64) -> i32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn change(target: Result<Target, Errno>, change: Change) -> Result<Action, Errno> {
    Ok(Action::Change {
        target: target?,
        change,
    })
}

fn times_change(
    target: impl FnOnce() -> Result<Target, Errno>,
    times: Times,
) -> Result<Action, Errno> {
    // The kernel does not even look at the path then.
    if times.iter().all(|time| time.tv_nsec == libc::UTIME_OMIT) {
        return Ok(Action::Nothing);
    }
    change(target(), Change::Times(times))
}

fn microseconds(seconds: i64, fraction: i64) -> Result<libc::timespec, Errno> {
    // Among the others are the numbers that mean "now" and "leave it" as nanoseconds.
    if (0..1_000_000).contains(&fraction) {
        Ok(timespec(seconds, fraction * 1000))
    } else {
        Err(Errno(libc::EINVAL))
    }
}

const fn timespec(seconds: i64, nanoseconds: i64) -> libc::timespec {
    libc::timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    }
}
