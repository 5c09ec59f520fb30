//! The process that made the call, seen through `/proc`.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use super::super::sys::{self, Base};
use super::Errno;

/// A handle on `/proc/PID` of one thread: when that ends, nothing else takes its place here, even
/// if its number is used again.
#[derive(Debug)]
pub(super) struct Caller {
    /// The thread's own number.
    pub(super) thread: i32,
    /// The number of its process.
    pub(super) process: i32,
    /// Real, effective, saved and file system user.
    users: [u32; 4],
    directory: OwnedFd,
}

impl Caller {
    pub(super) fn open(thread: i32) -> Result<Self, Errno> {
        let path = c_string(format!("/proc/{thread}"))?;
        let directory = sys::open_handle(Base::Root, &path, true)?;
        let mut caller = Self {
            thread,
            process: 0,
            users: [u32::MAX; 4],
            directory,
        };
        let status = caller.text(c"status")?;
        caller.process = field(&status, "Tgid:")
            .next()
            .and_then(|id| id.parse().ok())
            .ok_or(Errno(libc::EPERM))?;
        for (user, text) in caller.users.iter_mut().zip(field(&status, "Uid:")) {
            *user = text.parse().unwrap_or(u32::MAX);
        }
        Ok(caller)
    }

    /// Refuses a caller that gave up root: the kernel judges the change by our rights, not by its.
    pub(super) fn has_our_user(&self) -> Result<(), Errno> {
        // SAFETY: only reads the process's credentials.
        let ours = unsafe { libc::geteuid() };
        let [_, effective, _, file_system] = self.users;
        if effective == ours && file_system == ours {
            Ok(())
        } else {
            Err(Errno(libc::EPERM))
        }
    }

    /// Fills `buffer` from the caller's memory.
    pub(super) fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        if read_some(&self.memory()?, address, buffer) == buffer.len() {
            Ok(())
        } else {
            Err(Errno(libc::EFAULT))
        }
    }

    /// Reads a string of less than `limit` bytes, or fails with `too_long`.
    pub(super) fn read_string(
        &self,
        address: u64,
        limit: usize,
        too_long: i32,
    ) -> Result<CString, Errno> {
        let mut buffer = vec![0; limit];
        let count = read_some(&self.memory()?, address, &mut buffer);
        buffer.truncate(count);
        match CStr::from_bytes_until_nul(&buffer) {
            Ok(string) => Ok(string.to_owned()),
            // No end within the limit, or the memory ends before the string does.
            Err(_) if count == limit => Err(Errno(too_long)),
            Err(_) => Err(Errno(libc::EFAULT)),
        }
    }

    /// A handle on the caller's descriptor; one that is itself a mere handle counts if `any`.
    pub(super) fn descriptor(&self, number: i32, any: bool) -> Result<OwnedFd, Errno> {
        let closed = |_| Errno(libc::EBADF);
        if !any {
            let information = self
                .text(&c_string(format!("fdinfo/{number}"))?)
                .map_err(closed)?;
            let flags = field(&information, "flags:")
                .next()
                .and_then(|octal| i32::from_str_radix(octal, 8).ok())
                .ok_or(Errno(libc::EBADF))?;
            if flags & libc::O_PATH != 0 {
                return Err(Errno(libc::EBADF));
            }
        }
        let link = c_string(format!("fd/{number}"))?;
        sys::open_entry(self.directory.as_fd(), &link, libc::O_PATH).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::ENOENT) => Errno(libc::EBADF),
                _ => error.into(),
            }
        })
    }

    /// A handle on the caller's working directory.
    pub(super) fn working_directory(&self) -> Result<OwnedFd, Errno> {
        Ok(sys::open_entry(
            self.directory.as_fd(),
            c"cwd",
            libc::O_PATH,
        )?)
    }

    /// The process that the caller's descriptor `number` refers to.
    pub(super) fn pidfd(&self, number: i32) -> Result<i32, Errno> {
        let information = self
            .text(&c_string(format!("fdinfo/{number}"))?)
            .map_err(|_| Errno(libc::EBADF))?;
        // -1 once the process has been waited for.
        match field(&information, "Pid:").next().map(str::parse) {
            Some(Ok(pid)) if pid > 0 => Ok(pid),
            Some(_) => Err(Errno(libc::ESRCH)),
            None => Err(Errno(libc::EBADF)),
        }
    }

    fn memory(&self) -> Result<File, Errno> {
        let fd = sys::open_entry(self.directory.as_fd(), c"mem", libc::O_RDONLY)?;
        Ok(File::from(fd))
    }

    fn text(&self, entry: &CStr) -> Result<String, Errno> {
        let fd = sys::open_entry(self.directory.as_fd(), entry, libc::O_RDONLY)?;
        let mut bytes = Vec::new();
        File::from(fd).read_to_end(&mut bytes)?;
        // A process's own name may hold any bytes.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Reads up to the first address that cannot be read.
fn read_some(memory: &File, address: u64, buffer: &mut [u8]) -> usize {
    // The kernel ignores the top byte of an address there, and programs keep tags in it.
    let address = if cfg!(target_arch = "aarch64") {
        address & 0x00ff_ffff_ffff_ffff
    } else {
        address
    };
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        let at = u64::try_from(count)
            .ok()
            .and_then(|count| address.checked_add(count));
        let Some(at) = at else { break };
        match memory.read_at(rest, at) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            // `EIO` where nothing is mapped, `EINVAL` beyond what is for user space.
            Err(_) => break,
        }
    }
    count
}

/// The values of the line that starts with `name`.
fn field<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default()
        .split_ascii_whitespace()
}

pub(super) fn c_string(text: impl Into<Vec<u8>>) -> Result<CString, Errno> {
    CString::new(text).map_err(|_| Errno(libc::EINVAL))
}
