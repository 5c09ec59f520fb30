//! Owner, mode, times, attributes and flags of files outside: none of it is a write to a file
//! system that only watches for opens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use super::sys::{self, check};
use super::{home, host, target, text, victim, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("chmod", chmod),
    ("chmod-hidden-folder", chmod_hidden_folder),
    ("chmod-hidden-file", chmod_hidden_file),
    ("chmod-symlink", chmod_symlink),
    ("chmod-relative", chmod_relative),
    ("chmod-folder-descriptor", chmod_folder_descriptor),
    ("chmod-own-descriptor", chmod_own_descriptor),
    ("chmod-inherited-folder", chmod_inherited_folder),
    ("fchmod-read-only", fchmod),
    ("fchmodat2", fchmodat2),
    ("fchmodat2-empty-path", fchmodat2_empty_path),
    ("chmod-race-symlink", chmod_race_symlink),
    ("chmod-race-folder", chmod_race_folder),
    ("chmod-race-memory", chmod_race_memory),
    ("chown", chown),
    ("lchown", lchown),
    ("fchown-read-only", fchown),
    ("fchownat-empty-path", fchownat_empty_path),
    ("utimensat", utimensat),
    ("utimensat-hidden", utimensat_hidden),
    ("utimensat-symlink", utimensat_symlink),
    ("futimens-read-only", futimens),
    ("utime", utime),
    ("utimes", utimes),
    ("setxattr", setxattr),
    ("setxattr-acl", setxattr_acl),
    ("lsetxattr", lsetxattr),
    ("fsetxattr-read-only", fsetxattr),
    ("setxattrat", setxattrat),
    ("removexattr", removexattr),
    ("fremovexattr-read-only", fremovexattr),
    ("removexattrat", removexattrat),
    ("set-flags", set_flags),
    ("fs-set-xattr", fs_set_xattr),
    ("file-setattr", file_setattr),
];

const MODE: u32 = 0o777;

fn did(result: impl Into<i64>) -> Done {
    check(result).map(|_| "changed".into())
}

fn read_only(name: &str) -> Result<i32, String> {
    sys::open_path(victim(name), sys::O_RDONLY)
}

fn unknown(result: Done) -> Done {
    result.map_err(|e| {
        if e.contains("not implemented") || e.contains("not supported") {
            format!("absent: {e}")
        } else {
            e
        }
    })
}

fn chmod(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe { sys::chmod(path.as_ptr(), MODE) })
}

fn chmod_hidden_folder(_: &str) -> Done {
    let path = sys::c(home(".ssh"));
    did(unsafe { sys::chmod(path.as_ptr(), 0o755) })
}

fn chmod_hidden_file(_: &str) -> Done {
    let path = sys::c(home(".ssh/id_rsa"));
    did(unsafe { sys::chmod(path.as_ptr(), 0o644) })
}

fn chmod_symlink(name: &str) -> Done {
    std::os::unix::fs::symlink(victim(name), target(name)).map_err(text)?;
    let path = sys::c(target(name));
    did(unsafe { sys::chmod(path.as_ptr(), MODE) })
}

fn chmod_relative(name: &str) -> Done {
    std::env::set_current_dir(host("victims")).map_err(text)?;
    let path = sys::c(name);
    did(unsafe { sys::chmod(path.as_ptr(), MODE) })
}

fn chmod_folder_descriptor(name: &str) -> Done {
    let folder = sys::open_path(host("victims"), sys::O_PATH)?;
    let path = sys::c(name);
    did(unsafe { sys::fchmodat(folder, path.as_ptr(), MODE, 0) })
}

fn chmod_own_descriptor(name: &str) -> Done {
    let path = sys::c(format!("/proc/self/fd/{}", read_only(name)?));
    did(unsafe { sys::chmod(path.as_ptr(), MODE) })
}

fn chmod_inherited_folder(name: &str) -> Done {
    let path = sys::c(name);
    did(unsafe { sys::fchmodat(super::number("fd.folder"), path.as_ptr(), MODE, 0) })
}

fn fchmod(name: &str) -> Done {
    did(unsafe { sys::fchmod(read_only(name)?, MODE) })
}

fn fchmodat2(name: &str) -> Done {
    let path = sys::c(victim(name));
    let result = unsafe {
        sys::syscall(
            sys::NR_FCHMODAT2,
            sys::AT_FDCWD,
            path.as_ptr(),
            MODE,
            sys::AT_SYMLINK_NOFOLLOW,
        )
    };
    unknown(did(result))
}

fn fchmodat2_empty_path(name: &str) -> Done {
    let fd = sys::open_path(victim(name), sys::O_PATH)?;
    unknown(did(unsafe {
        sys::syscall(
            sys::NR_FCHMODAT2,
            fd,
            c"".as_ptr(),
            MODE,
            sys::AT_EMPTY_PATH,
        )
    }))
}

/// Calls `attempt` while another thread swaps what the path means, until the file outside changes
/// or chance had enough of them.
fn race(name: &str, swap: impl Fn() + Send + 'static, attempt: impl Fn() -> bool) -> Done {
    use std::os::unix::fs::MetadataExt;
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let swapper = std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            swap();
        }
    });
    let victim = victim(name);
    let changed = || std::fs::metadata(&victim).is_ok_and(|file| file.mode() & 0o7777 == MODE);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
    let mut done = 0;
    while std::time::Instant::now() < deadline && !changed() {
        done += i32::from(attempt());
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().map_err(|_| "panic".to_owned())?;
    Ok(format!("{done} calls answered with success"))
}

/// The checked name is a file of the target, the used one a link to a file outside.
fn chmod_race_symlink(name: &str) -> Done {
    let (path, link, file) = (target(name), target("race-link"), target("race-file"));
    std::fs::write(&file, "").map_err(text)?;
    std::os::unix::fs::symlink(victim(name), &link).map_err(text)?;
    std::fs::write(&path, "").map_err(text)?;
    let used = sys::c(&path);
    let (path, link, file) = (sys::c(path), sys::c(link), sys::c(file));
    let exchange = move |a: &std::ffi::CString| {
        let at = sys::AT_FDCWD;
        unsafe { sys::syscall(sys::NR_RENAMEAT2, at, a.as_ptr(), at, path.as_ptr(), 2) };
    };
    race(
        name,
        move || {
            exchange(&link);
            exchange(&file);
        },
        || unsafe { sys::chmod(used.as_ptr(), MODE) } == 0,
    )
}

/// The same one level up: the folder is swapped for a link to the folder outside.
fn chmod_race_folder(name: &str) -> Done {
    let (folder, link) = (target(name), target("race-folder-link"));
    std::fs::create_dir(&folder).map_err(text)?;
    std::fs::write(folder.join(name), "").map_err(text)?;
    std::os::unix::fs::symlink(host("victims"), &link).map_err(text)?;
    let used = sys::c(folder.join(name));
    let (folder, link) = (sys::c(folder), sys::c(link));
    race(
        name,
        move || {
            let at = sys::AT_FDCWD;
            unsafe { sys::syscall(sys::NR_RENAMEAT2, at, link.as_ptr(), at, folder.as_ptr(), 2) };
        },
        || unsafe { sys::chmod(used.as_ptr(), MODE) } == 0,
    )
}

/// The text of the path changes between a look at it and its use.
fn chmod_race_memory(name: &str) -> Done {
    let (inside, outside) = (target("race-memory"), victim(name));
    std::fs::write(&inside, "").map_err(text)?;
    let mut texts = [
        sys::c(inside).into_bytes_with_nul(),
        sys::c(outside).into_bytes_with_nul(),
    ];
    let length = texts[0].len().max(texts[1].len());
    texts.iter_mut().for_each(|t| t.resize(length, 0));
    let shared = Box::leak(vec![0_u8; length].into_boxed_slice()).as_mut_ptr() as usize;
    race(
        name,
        move || {
            for text in &texts {
                for (i, byte) in text.iter().enumerate() {
                    unsafe { (shared as *mut u8).add(i).write_volatile(*byte) };
                }
            }
        },
        || unsafe { sys::chmod(shared as *const _, MODE) } == 0,
    )
}

fn ids() -> (u32, u32) {
    unsafe { (sys::getuid(), sys::getgid()) }
}

fn chown(name: &str) -> Done {
    let (path, (uid, gid)) = (sys::c(victim(name)), ids());
    did(unsafe { sys::chown(path.as_ptr(), uid, gid) })
}

fn lchown(name: &str) -> Done {
    let (path, (uid, gid)) = (sys::c(victim(name)), ids());
    did(unsafe { sys::lchown(path.as_ptr(), uid, gid) })
}

fn fchown(name: &str) -> Done {
    let (uid, gid) = ids();
    did(unsafe { sys::fchown(read_only(name)?, uid, gid) })
}

fn fchownat_empty_path(name: &str) -> Done {
    let fd = sys::open_path(victim(name), sys::O_PATH)?;
    let (uid, gid) = ids();
    did(unsafe { sys::fchownat(fd, c"".as_ptr(), uid, gid, sys::AT_EMPTY_PATH) })
}

fn utimensat(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe { sys::utimensat(sys::AT_FDCWD, path.as_ptr(), sys::NOW_AND_2001.as_ptr(), 0) })
}

fn utimensat_hidden(name: &str) -> Done {
    let path = sys::c(super::secret(name));
    did(unsafe { sys::utimensat(sys::AT_FDCWD, path.as_ptr(), sys::NOW_AND_2001.as_ptr(), 0) })
}

fn utimensat_symlink(name: &str) -> Done {
    let path = sys::c(victim(name));
    let flags = sys::AT_SYMLINK_NOFOLLOW;
    did(unsafe {
        sys::utimensat(
            sys::AT_FDCWD,
            path.as_ptr(),
            sys::NOW_AND_2001.as_ptr(),
            flags,
        )
    })
}

fn futimens(name: &str) -> Done {
    did(unsafe { sys::futimens(read_only(name)?, sys::NOW_AND_2001.as_ptr()) })
}

fn utime(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe { sys::utime(path.as_ptr(), &[1_000_000_000, 1_000_000_000]) })
}

fn utimes(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe { sys::utimes(path.as_ptr(), &[1_000_000_000, 0, 1_000_000_000, 0]) })
}

const ATTRIBUTE: &std::ffi::CStr = c"user.evil";

fn setxattr(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe {
        sys::setxattr(
            path.as_ptr(),
            ATTRIBUTE.as_ptr(),
            c"1".as_ptr().cast(),
            1,
            0,
        )
    })
}

/// An access control list is an extended attribute, too: everybody may write.
fn setxattr_acl(name: &str) -> Done {
    let path = sys::c(victim(name));
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions) in [(1_u16, 7_u16), (4, 7), (32, 7)] {
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&permissions.to_le_bytes());
        list.extend_from_slice(&u32::MAX.to_le_bytes());
    }
    let attribute = c"system.posix_acl_access".as_ptr();
    unknown(did(unsafe {
        sys::setxattr(
            path.as_ptr(),
            attribute,
            list.as_ptr().cast(),
            list.len(),
            0,
        )
    }))
}

fn lsetxattr(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe {
        sys::lsetxattr(
            path.as_ptr(),
            ATTRIBUTE.as_ptr(),
            c"1".as_ptr().cast(),
            1,
            0,
        )
    })
}

fn fsetxattr(name: &str) -> Done {
    let fd = read_only(name)?;
    did(unsafe { sys::fsetxattr(fd, ATTRIBUTE.as_ptr(), c"1".as_ptr().cast(), 1, 0) })
}

fn setxattrat(name: &str) -> Done {
    let path = sys::c(victim(name));
    let arguments = [c"1".as_ptr() as u64, 1];
    unknown(did(unsafe {
        sys::syscall(
            sys::NR_SETXATTRAT,
            sys::AT_FDCWD,
            path.as_ptr(),
            0,
            ATTRIBUTE.as_ptr(),
            arguments.as_ptr(),
            16_usize,
        )
    }))
}

/// The harness has set this one.
const PRESENT: &std::ffi::CStr = c"user.present";

fn removexattr(name: &str) -> Done {
    let path = sys::c(victim(name));
    did(unsafe { sys::removexattr(path.as_ptr(), PRESENT.as_ptr()) })
}

fn fremovexattr(name: &str) -> Done {
    did(unsafe { sys::fremovexattr(read_only(name)?, PRESENT.as_ptr()) })
}

fn removexattrat(name: &str) -> Done {
    let path = sys::c(victim(name));
    unknown(did(unsafe {
        sys::syscall(
            sys::NR_REMOVEXATTRAT,
            sys::AT_FDCWD,
            path.as_ptr(),
            0,
            PRESENT.as_ptr(),
        )
    }))
}

/// `chattr +d`: harmless, but a change.
fn set_flags(name: &str) -> Done {
    let fd = read_only(name)?;
    let mut flags = 0_u64;
    unknown(did(unsafe { sys::ioctl(fd, 0x8008_6601, &mut flags) }))?;
    flags |= 0x40;
    did(unsafe { sys::ioctl(fd, 0x4008_6602, &flags) })
}

fn fs_set_xattr(name: &str) -> Done {
    let fd = read_only(name)?;
    let mut attributes = [0_u32; 7];
    unknown(did(unsafe { sys::ioctl(fd, 0x801c_581f, &mut attributes) }))?;
    attributes[0] |= 0x80;
    did(unsafe { sys::ioctl(fd, 0x401c_5820, &attributes) })
}

/// The system call of Linux 6.17 for the same.
fn file_setattr(name: &str) -> Done {
    let path = sys::c(victim(name));
    let attributes = [0x80_u64, 0, 0];
    unknown(did(unsafe {
        sys::syscall(
            sys::NR_FILE_SETATTR,
            sys::AT_FDCWD,
            path.as_ptr(),
            attributes.as_ptr(),
            24_usize,
            0,
        )
    }))
}
