//! Questions about files that each operating system answers in its own way.

#[cfg(unix)]
pub use unix::{
    Found, Names, Pipe, append_to, changed, executable, has_attributes, identity, is_named_pipe,
    is_ours, is_program, is_unused, listen_abstract, mark_in_use, names, open_folder, open_pipes,
    open_regular, own_folder, pipe, place, program_permissions, same, set_mode, symlink,
    with_usual_mode,
};

#[cfg(not(unix))]
pub use elsewhere::{
    Found, Names, Pipe, append_to, changed, executable, has_attributes, identity, is_named_pipe,
    is_ours, is_program, is_unused, mark_in_use, names, open_folder, open_pipes, open_regular,
    own_folder, pipe, place, program_permissions, same, set_mode, symlink, with_usual_mode,
};

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize, Serialize};

    /// A file that has other names as well.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Names {
        pub file: (u64, u64),
        /// How many names it has in all.
        pub count: u64,
    }

    /// `None` for a file with one name, and for what is no file.
    pub fn names(metadata: &Metadata) -> Option<Names> {
        (!metadata.is_dir() && metadata.nlink() > 1).then(|| Names {
            file: (metadata.dev(), metadata.ino()),
            count: metadata.nlink(),
        })
    }

    /// When its contents, attributes or names last changed, which nobody can set (`st_ctim` in
    /// stat(2)).
    pub fn changed(metadata: &Metadata) -> io::Result<SystemTime> {
        let after = u64::try_from(metadata.ctime())
            .ok()
            .zip(u32::try_from(metadata.ctime_nsec()).ok());
        after
            .and_then(|(seconds, rest)| UNIX_EPOCH.checked_add(Duration::new(seconds, rest)))
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// What no other folder has in common with this one, as long as both are there.
    pub fn identity(metadata: &Metadata) -> Option<String> {
        // A number may be used again once the folder has gone.
        let created = metadata.created().ok();
        Some(format!("{} {} {created:?}", metadata.dev(), metadata.ino()))
    }

    /// May somebody execute this file?
    pub fn is_program(path: &Path) -> bool {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }

    pub fn is_named_pipe(path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
    }

    /// Opens a file to read it, never through a link at the end of the path, and never waits for a
    /// pipe's other side.
    pub fn open_regular(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Opens a file to add to it, never through a link at the end of the path; makes it if need be.
    pub fn append_to(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// A pipe, under whichever number it is open.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Pipe {
        device: u64,
        inode: u64,
    }

    /// The pipe behind an open descriptor, if it is one.
    pub fn pipe(number: i32) -> Option<Pipe> {
        let found = fs::metadata(format!("/dev/fd/{number}")).ok()?;
        found.file_type().is_fifo().then(|| Pipe {
            device: found.dev(),
            inode: found.ino(),
        })
    }

    /// All pipes that this process has open, with their numbers.
    pub fn open_pipes() -> io::Result<Vec<(i32, Pipe)>> {
        let numbers = fs::read_dir("/dev/fd")?
            .map(|entry| {
                Ok(entry?
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse().ok()))
            })
            .filter_map(io::Result::transpose)
            .collect::<io::Result<Vec<i32>>>()?;
        Ok(numbers
            .into_iter()
            .filter_map(|number| Some((number, pipe(number)?)))
            .collect())
    }

    /// A socket that has a name and no file, where the system has such (unix(7)).
    pub fn listen_abstract(name: &str) -> io::Result<Option<UnixListener>> {
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::net::SocketAddr;

            let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
            listener.set_nonblocking(true)?;
            Ok(Some(listener))
        }
        #[cfg(not(target_os = "linux"))]
        Ok(None.filter(|_: &UnixListener| name.is_empty()))
    }

    /// Opens a folder as a mere handle where the system has such.
    pub fn open_folder(path: &Path, follow: bool) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        const HANDLE: libc::c_int = libc::O_PATH;
        #[cfg(not(target_os = "linux"))]
        const HANDLE: libc::c_int = libc::O_NONBLOCK;
        let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
        OpenOptions::new()
            .read(true)
            .custom_flags(HANDLE | libc::O_DIRECTORY | nofollow)
            .open(path)
    }

    /// A path that leads to an open folder wherever it is moved, if the system has such.
    pub fn place(folder: &File) -> Option<PathBuf> {
        cfg!(target_os = "linux").then(|| format!("/proc/self/fd/{}", folder.as_raw_fd()).into())
    }

    /// Are these of one and the same file?
    pub fn same(one: &Metadata, other: &Metadata) -> bool {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }

    /// What tells two states of a folder apart: which one it is, and when something in it, or any of
    /// its attributes, last changed, which nobody can set (`st_ctime`, inode(7)).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Found {
        folder: (u64, u64),
        changed: (i64, i64),
    }

    /// Does it belong to this user?
    pub fn is_ours(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw()
    }

    /// `None` for what is no folder of this user's with this mode.
    pub fn own_folder(metadata: &Metadata, mode: u32) -> Option<Found> {
        let is_so = is_ours(metadata) && metadata.mode() & 0o7777 == mode;
        (is_so && metadata.is_dir()).then(|| Found {
            folder: (metadata.dev(), metadata.ino()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Has it extended attributes that its owner can set, such as a list of who may access what is
    /// made in it (acl(5))? Not those of a security module, which has its own on everything.
    #[cfg(target_os = "linux")]
    pub fn has_attributes(path: &Path) -> bool {
        let mut names = [0_u8; 4096];
        match rustix::fs::llistxattr(path, &mut names) {
            Ok(length) => names[..length]
                .split(|byte| *byte == 0)
                .any(|name| !name.is_empty() && !name.starts_with(b"security.")),
            // A file system without any.
            Err(rustix::io::Errno::NOTSUP) => false,
            Err(_) => true,
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn has_attributes(_: &Path) -> bool {
        false
    }

    /// With this mode, whatever the umask is.
    pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    /// For a program of ours in place of another one: who may execute it is the same, but it runs
    /// as whoever starts it, and its owner can tell what it is.
    pub fn program_permissions(like: &Metadata) -> Permissions {
        Permissions::from_mode(like.mode() & 0o777 | 0o500)
    }

    /// Makes a link that leads to `to`.
    pub fn symlink(to: &Path, link: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(to, link)
    }

    /// Temporary files that become what other programs make: the umask decides about their mode.
    pub fn with_usual_mode<'a, 'p, 's>(
        builder: &'a mut tempfile::Builder<'p, 's>,
    ) -> &'a mut tempfile::Builder<'p, 's> {
        builder.permissions(Permissions::from_mode(0o666))
    }

    /// Temporary files that become programs.
    pub fn executable<'a, 'p, 's>(
        builder: &'a mut tempfile::Builder<'p, 's>,
    ) -> &'a mut tempfile::Builder<'p, 's> {
        builder.permissions(Permissions::from_mode(0o755))
    }

    /// Marks an open file or folder as in use, for as long as it is open (flock(2)).
    pub fn mark_in_use(file: &File) -> io::Result<()> {
        lock(file, libc::LOCK_SH)
    }

    /// Did nobody mark it, or only processes that have ended?
    pub fn is_unused(file: &File) -> bool {
        lock(file, libc::LOCK_EX).is_ok()
    }

    fn lock(file: &File, kind: libc::c_int) -> io::Result<()> {
        // SAFETY: takes numbers only, and the descriptor is open.
        match unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::{File, Metadata, Permissions};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::time::SystemTime;

    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Names {
        pub file: (u64, u64),
        pub count: u64,
    }

    pub fn names(_: &Metadata) -> Option<Names> {
        None
    }

    pub fn changed(metadata: &Metadata) -> io::Result<SystemTime> {
        metadata.modified()
    }

    pub fn identity(_: &Metadata) -> Option<String> {
        None
    }

    pub fn is_program(path: &Path) -> bool {
        path.is_file()
    }

    pub fn is_named_pipe(_: &Path) -> bool {
        false
    }

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Pipe;

    pub fn pipe(_: i32) -> Option<Pipe> {
        None
    }

    pub fn open_pipes() -> io::Result<Vec<(i32, Pipe)>> {
        Ok(Vec::new())
    }

    pub fn mark_in_use(_: &File) -> io::Result<()> {
        Ok(())
    }

    pub fn is_unused(_: &File) -> bool {
        false
    }

    pub fn with_usual_mode<'a, 'p, 's>(
        builder: &'a mut tempfile::Builder<'p, 's>,
    ) -> &'a mut tempfile::Builder<'p, 's> {
        builder
    }

    pub fn executable<'a, 'p, 's>(
        builder: &'a mut tempfile::Builder<'p, 's>,
    ) -> &'a mut tempfile::Builder<'p, 's> {
        builder
    }

    pub fn symlink(_: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn open_regular(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub fn append_to(path: &Path) -> io::Result<File> {
        File::options().append(true).create(true).open(path)
    }

    pub fn open_folder(_: &Path, _follow: bool) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn place(_: &File) -> Option<PathBuf> {
        None
    }

    pub fn same(_: &Metadata, _: &Metadata) -> bool {
        false
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Found;

    pub fn is_ours(_: &Metadata) -> bool {
        false
    }

    pub fn own_folder(_: &Metadata, _: u32) -> Option<Found> {
        None
    }

    pub fn has_attributes(_: &Path) -> bool {
        false
    }

    pub fn set_mode(_: &Path, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub fn program_permissions(like: &Metadata) -> Permissions {
        like.permissions()
    }
}
