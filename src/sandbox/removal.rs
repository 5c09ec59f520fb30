//! Removes folders in which others could write.
//!
//! Whoever could write there may have left more levels than a process can have open, paths that are
//! longer than the system takes, folders that even their owner may not enter; and where somebody
//! still runs, a folder may become a link while we look. So each folder is opened by its name in
//! one that is open already, without following a link, and what lies deeper is moved up first.

#[cfg(unix)]
pub use unix::remove_folder;

#[cfg(not(unix))]
pub use std::fs::remove_dir_all as remove_folder;

#[cfg(unix)]
mod unix {
    use std::ffi::{CStr, CString, OsStr};
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, Dir, Mode, OFlags, fchmod, fstat, openat, renameat, unlinkat};
    use rustix::io::Errno;

    /// How often all may be gone through: somebody may add more all the time.
    const ROUNDS: usize = 64;

    /// Removes the folder with all that is in it. Nothing outside of it is touched, whatever
    /// somebody makes of it in the meantime.
    pub fn remove_folder(path: &Path) -> io::Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let parent = File::open(parent)?;
        let name = c_string(name)?;
        let root = open(parent.as_fd(), &name)?;
        let mut number = 0;
        for _ in 0..ROUNDS {
            // What cannot be removed keeps nothing else from it.
            let mut failed = None;
            let mut pending = names(root.as_fd())?;
            while let Some(entry) = pending.pop() {
                let emptied = empty(root.as_fd(), &entry, &mut number, &mut pending);
                failed = failed.or(emptied.err());
            }
            match unlinkat(&parent, &name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Err(io::ErrorKind::DirectoryNotEmpty.into())
    }

    /// Removes one entry; if it is a folder with folders in it, these are moved up to `root`, and their
    /// names there are `pending`.
    fn empty(
        root: BorrowedFd<'_>,
        name: &CStr,
        number: &mut u64,
        pending: &mut Vec<CString>,
    ) -> io::Result<()> {
        if removed(root, name)? {
            return Ok(());
        }
        let folder = match open(root, name) {
            Ok(folder) => folder,
            // It has become something else, or has gone.
            Err(error) => {
                let ours = [Errno::NOTDIR, Errno::LOOP, Errno::NOENT];
                let is_one = |errno: &Errno| error.raw_os_error() == Some(errno.raw_os_error());
                return if ours.iter().any(is_one) {
                    Ok(())
                } else {
                    Err(error)
                };
            }
        };
        for entry in names(folder.as_fd())? {
            if removed(folder.as_fd(), &entry).unwrap_or(false) {
                continue;
            }
            // To move it, its entry `..` is changed.
            drop(open(folder.as_fd(), &entry));
            loop {
                *number += 1;
                let free = CString::new(format!(".removed-{number}")).map_err(io::Error::other)?;
                match renameat(&folder, &entry, root, &free) {
                    Ok(()) => {
                        pending.push(free);
                        break;
                    }
                    Err(Errno::NOENT) => break,
                    Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::ISDIR)
                        if *number < u64::from(u32::MAX) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        removed(root, name).map(drop)
    }

    /// Whether it is gone; `false` for a folder that is not empty.
    fn removed(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
        match unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            // What a folder gives (unlink(2); POSIX says the second).
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        match unlinkat(folder, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a folder, and lets its owner list and empty it.
    fn open(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
        const FLAGS: OFlags = OFlags::RDONLY
            .union(OFlags::DIRECTORY)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::CLOEXEC);
        let opened = match openat(folder, name, FLAGS, Mode::empty()) {
            Err(Errno::ACCESS) => {
                make_accessible(folder, name)?;
                openat(folder, name, FLAGS, Mode::empty())?
            }
            opened => opened?,
        };
        if fstat(&opened)?.st_mode & 0o700 != 0o700 {
            fchmod(&opened, Mode::RWXU)?;
        }
        Ok(opened)
    }

    /// By what is there now, and no link.
    #[cfg(target_os = "linux")]
    fn make_accessible(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        use std::fs::{Permissions, set_permissions};
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::PermissionsExt;

        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(folder, name, flags, Mode::empty())?;
        let same = format!("/proc/self/fd/{}", handle.as_raw_fd());
        set_permissions(same, Permissions::from_mode(0o700))
    }

    #[cfg(not(target_os = "linux"))]
    fn make_accessible(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        use rustix::fs::chmodat;

        Ok(chmodat(
            folder,
            name,
            Mode::RWXU,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// All at once: the folder changes while we go through it.
    fn names(folder: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(folder)? {
            let name = entry?.file_name().to_owned();
            if name.as_c_str() != c"." && name.as_c_str() != c".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn c_string(name: &OsStr) -> io::Result<CString> {
        CString::new(name.as_bytes()).map_err(io::Error::other)
    }

    #[cfg(test)]
    mod tests {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::{PermissionsExt, symlink};
        use std::path::PathBuf;
        use std::sync::atomic::{AtomicBool, Ordering};

        use super::*;

        fn close(path: &Path) {
            fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        }

        /// More levels than a process can have open, and than its stack holds; each with a file.
        fn deep(path: &Path, levels: usize) {
            fs::create_dir(path).unwrap();
            let mut folder: OwnedFd = File::open(path).unwrap().into();
            for _ in 0..levels {
                rustix::fs::mkdirat(&folder, c"a-long-name-for-a-folder", Mode::RWXU).unwrap();
                let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::CLOEXEC;
                openat(&folder, c".removed-1", flags, Mode::RWXU).unwrap();
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                folder =
                    openat(&folder, c"a-long-name-for-a-folder", flags, Mode::empty()).unwrap();
            }
            fchmod(&folder, Mode::empty()).unwrap();
        }

        #[test]
        fn any_number_of_levels_goes() {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path().join("x");
            deep(&path, 20_000);
            // The control: it takes a descriptor for each level.
            let errno = std::thread::Builder::new()
                .stack_size(256 << 20)
                .spawn({
                    let path = path.clone();
                    move || fs::remove_dir_all(path).map_err(|error| error.raw_os_error())
                })
                .unwrap();
            assert!(errno.join().unwrap().is_err());
            remove_folder(&path).unwrap();
            assert!(!path.exists());
        }

        #[test]
        fn what_nobody_may_enter_goes_and_links_are_not_followed() {
            let parent = tempfile::tempdir().unwrap();
            let outside = parent.path().join("outside");
            fs::create_dir_all(outside.join("folder")).unwrap();
            fs::set_permissions(&outside, Permissions::from_mode(0o500)).unwrap();
            let path = parent.path().join("x");
            fs::create_dir_all(path.join("a/b/c")).unwrap();
            fs::write(path.join("a/b/file"), "").unwrap();
            symlink(&outside, path.join("a/b/link")).unwrap();
            for folder in ["a/b/c", "a/b", "a", ""] {
                close(&path.join(folder));
            }
            remove_folder(&path).unwrap();
            assert!(!path.exists());
            assert!(outside.join("folder").exists());
            let mode = fs::metadata(outside).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o500);
        }

        /// Somebody puts a link in the place of the folder, and of one in it, all the time.
        #[test]
        fn a_flipping_link_leads_nowhere() {
            let parent = tempfile::tempdir().unwrap();
            let victim = parent.path().join("victim");
            fs::create_dir_all(victim.join("a/b")).unwrap();
            for folder in ["a/b", "a", ""] {
                let mode = Permissions::from_mode(0o755);
                fs::set_permissions(victim.join(folder), mode).unwrap();
            }
            let path = parent.path().join("x");
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let aside = parent.path().join("aside");
                    while !stop.load(Ordering::Relaxed) {
                        for place in [path.join("inner"), path.clone()] {
                            let _ = fs::create_dir_all(path.join("inner/a"));
                            let _ = fs::set_permissions(&place, Permissions::from_mode(0o000));
                            let _ = fs::rename(&place, &aside);
                            let _ = symlink(&victim, &place);
                            let _ = fs::remove_file(&place);
                            let _ = fs::rename(&aside, &place);
                            let _ = remove_folder(&aside);
                        }
                    }
                });
                // The control: by its path alone, the link is followed at once.
                let mode = || fs::metadata(&victim).unwrap().permissions().mode() & 0o777;
                while mode() == 0o755 {
                    let _ = fs::set_permissions(&path, Permissions::from_mode(0o700));
                }
                fs::set_permissions(&victim, Permissions::from_mode(0o755)).unwrap();
                for _ in 0..3000 {
                    let _ = remove_folder(&path);
                }
                stop.store(true, Ordering::Relaxed);
            });
            let modes = ["", "a", "a/b"].map(|folder| {
                let path: PathBuf = victim.join(folder);
                fs::metadata(path).map(|found| found.permissions().mode() & 0o777)
            });
            assert!(
                modes
                    .iter()
                    .all(|mode| mode.as_ref().is_ok_and(|mode| *mode == 0o755))
            );
            let _ = remove_folder(&path);
        }
    }
}
