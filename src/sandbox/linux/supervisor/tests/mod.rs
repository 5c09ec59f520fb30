//! The supervisor at work, in a real kernel.

mod attributes;
mod callers;
mod narrowing;
mod paths;
mod signals;

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use libc::{
    EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EOPNOTSUPP, EPERM, ERANGE,
};

use super::super::seccomp::numbers;
use super::super::testing::{BUILD, Wall, address, forked, raw, run, supervised};
use crate::sandbox::linux::seccomp::{Arch, Options, Syscall};

const CWD: usize = libc::AT_FDCWD.cast_unsigned() as usize;
const NOFOLLOW: usize = libc::AT_SYMLINK_NOFOLLOW.cast_unsigned() as usize;
const EMPTY_PATH: usize = libc::AT_EMPTY_PATH.cast_unsigned() as usize;

/// A folder of which one half is the build's.
struct World {
    folder: tempfile::TempDir,
    wall: Wall,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for half in ["inside", "inside/protected", "outside"] {
            fs::create_dir(root.join(half)).unwrap();
            fs::write(root.join(half).join("file"), "text").unwrap();
        }
        symlink("../outside/file", root.join("inside/leaving")).unwrap();
        symlink("../inside/file", root.join("outside/entering")).unwrap();
        symlink("file", root.join("inside/staying")).unwrap();
        Self {
            wall: Wall {
                options: BUILD,
                writable: vec![root.join("inside")],
                protected: vec![root.join("inside/protected")],
            },
            folder,
        }
    }

    fn with(mut self, options: Options) -> Self {
        self.wall.options = options;
        self
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(relative)
    }

    fn c_path(&self, relative: &str) -> CString {
        c_string(&self.path(relative))
    }

    fn supervised(&self, action: impl Fn() -> libc::c_long) -> i32 {
        supervised(&self.wall, action)
    }

    /// Runs a script in `inside`, with the output in the panic if it fails.
    fn script(&self, script: &str) {
        let (ok, output) = self.try_script(script);
        assert!(ok, "{script}: {output}");
    }

    fn try_script(&self, script: &str) -> (bool, String) {
        let output = run(
            &self.wall,
            Command::new("/bin/sh")
                .args(["-euc", script])
                .current_dir(self.path("inside")),
        );
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }
}

fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn number(syscall: Syscall) -> libc::c_long {
    syscall.number(Arch::native().unwrap()).unwrap().into()
}

fn fd(file: &impl AsRawFd) -> usize {
    usize::try_from(file.as_raw_fd()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// All that the calls below could change; the change time betrays even those that set what was.
fn state(path: &Path) -> impl PartialEq + std::fmt::Debug + use<> {
    let m = fs::symlink_metadata(path).unwrap();
    let owner = (m.uid(), m.gid());
    let times = (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
    (m.mode(), owner, m.len(), times)
}
