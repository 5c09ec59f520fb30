//! Every call that changes an attribute, inside and outside.

use std::ffi::CStr;

use super::*;

type Act = fn(path: usize, fd: usize) -> libc::c_long;

static XATTR: &CStr = c"user.test";
static VALUE: [u8; 5] = *b"value";
static TIMES: [libc::timespec; 2] = [libc::timespec {
    tv_sec: 1000,
    tv_nsec: 1000,
}; 2];

fn ids() -> [usize; 2] {
    // SAFETY: takes nothing.
    let user = unsafe { libc::getuid() };
    // SAFETY: takes nothing.
    let group = unsafe { libc::getgid() };
    [user, group].map(|id| usize::try_from(id).unwrap())
}

fn name() -> usize {
    XATTR.as_ptr().addr()
}

fn value() -> [usize; 2] {
    [address(&VALUE), VALUE.len()]
}

/// Every call that the filter hands over, as something to do to a file and to a descriptor of it
/// that is open for reading only.
static ACTS: &[(&str, Act)] = &[
    ("fchmod", |_, fd| raw(libc::SYS_fchmod, [fd, 0o600])),
    ("fchmodat", |path, _| {
        raw(libc::SYS_fchmodat, [CWD, path, 0o600])
    }),
    ("fchmodat2", |path, _| {
        raw(number(numbers::fchmodat2), [CWD, path, 0o600, NOFOLLOW])
    }),
    ("fchmodat2 of a descriptor", |_, fd| {
        let empty = c"".as_ptr().addr();
        raw(number(numbers::fchmodat2), [fd, empty, 0o600, EMPTY_PATH])
    }),
    ("fchown", |_, fd| {
        let [user, group] = ids();
        raw(libc::SYS_fchown, [fd, user, group])
    }),
    ("fchownat", |path, _| {
        let [user, group] = ids();
        raw(libc::SYS_fchownat, [CWD, path, user, group, 0])
    }),
    ("fchownat of a descriptor", |_, fd| {
        let [user, group] = ids();
        let empty = c"".as_ptr().addr();
        raw(libc::SYS_fchownat, [fd, empty, user, group, EMPTY_PATH])
    }),
    ("utimensat", |path, _| {
        raw(libc::SYS_utimensat, [CWD, path, address(&TIMES), 0])
    }),
    ("utimensat to now", |path, _| {
        raw(libc::SYS_utimensat, [CWD, path, 0, 0])
    }),
    ("futimens", |_, fd| {
        raw(libc::SYS_utimensat, [fd, 0, address(&TIMES), 0])
    }),
    ("setxattr", |path, _| {
        let [value, size] = value();
        raw(libc::SYS_setxattr, [path, name(), value, size, 0])
    }),
    ("lsetxattr", |path, _| {
        let [value, size] = value();
        raw(libc::SYS_lsetxattr, [path, name(), value, size, 0])
    }),
    ("fsetxattr", |_, fd| {
        let [value, size] = value();
        raw(libc::SYS_fsetxattr, [fd, name(), value, size, 0])
    }),
    ("setxattrat", |path, _| {
        let [value, size] = value();
        let arguments = address(&[value, size]);
        raw(
            number(numbers::setxattrat),
            [CWD, path, 0, name(), arguments, 16],
        )
    }),
    ("removexattr", |path, _| {
        raw(libc::SYS_removexattr, [path, name()])
    }),
    ("lremovexattr", |path, _| {
        raw(libc::SYS_lremovexattr, [path, name()])
    }),
    ("fremovexattr", |_, fd| {
        raw(libc::SYS_fremovexattr, [fd, name()])
    }),
    ("removexattrat", |path, _| {
        raw(number(numbers::removexattrat), [CWD, path, 0, name()])
    }),
    ("truncate", |path, _| raw(libc::SYS_truncate, [path, 1])),
];

/// Those that only the older architecture has.
#[cfg(target_arch = "x86_64")]
static LEGACY: &[(&str, Act)] = &[
    ("chmod", |path, _| raw(libc::SYS_chmod, [path, 0o600])),
    ("chown", |path, _| {
        let [user, group] = ids();
        raw(libc::SYS_chown, [path, user, group])
    }),
    ("lchown", |path, _| {
        let [user, group] = ids();
        raw(libc::SYS_lchown, [path, user, group])
    }),
    ("utime", |path, _| {
        raw(libc::SYS_utime, [path, address(&TIMES)])
    }),
    ("utimes", |path, _| {
        raw(libc::SYS_utimes, [path, address(&TIMES)])
    }),
    ("futimesat", |path, _| {
        raw(libc::SYS_futimesat, [CWD, path, address(&TIMES)])
    }),
    ("futimesat of a descriptor", |_, fd| {
        raw(libc::SYS_futimesat, [fd, 0, address(&TIMES)])
    }),
];
#[cfg(not(target_arch = "x86_64"))]
static LEGACY: &[(&str, Act)] = &[];

/// A fresh file with an attribute to remove.
fn prepare(path: &Path, name: &str) {
    let _ = fs::remove_file(path);
    fs::write(path, "text").unwrap();
    if name.contains("removexattr") {
        let path = c_string(path);
        let set = || {
            let value = c"value".as_ptr().addr();
            let name = c"user.test".as_ptr().addr();
            raw(
                libc::SYS_setxattr,
                [path.as_ptr().addr(), name, value, 5, 0],
            )
        };
        assert!([0, EOPNOTSUPP].contains(&forked(set)));
    }
}

#[test]
fn attributes_change_inside_and_not_outside() {
    let world = World::new().with(Options {
        truncate: true,
        ..BUILD
    });
    for &(name, act) in ACTS.iter().chain(LEGACY) {
        let on = |relative: &str, confined: bool| {
            let path = world.path(relative);
            prepare(&path, name);
            let (c_path, file) = (c_string(&path), File::open(&path).unwrap());
            let before = state(&path);
            // The change time advances with the scheduler's clock, at least 100 times a second.
            std::thread::sleep(std::time::Duration::from_millis(12));
            let act = || act(c_path.as_ptr().addr(), fd(&file));
            let errno = if confined {
                world.supervised(act)
            } else {
                forked(act)
            };
            (errno, before != state(&path))
        };
        // Without the filter it works, unless the kernel is too old or the file system too plain.
        let control = on("outside/control", false);
        if control == (0, true) {
            assert_eq!(on("inside/new", true), (0, true), "{name} inside");
        } else {
            let known = [(ENOSYS, false), (EOPNOTSUPP, false)];
            assert!(known.contains(&control), "{name} without the filter");
        }
        assert_eq!(on("outside/new", true), (EPERM, false), "{name} outside");
        let protected = on("inside/protected/new", true);
        assert_eq!(protected, (EPERM, false), "{name} on a protected file");
    }
}

#[test]
fn nothing_becomes_set_uid() {
    let world = World::new();
    let file = File::open(world.path("inside/file")).unwrap();
    for mode in [0o4755, 0o2755, 0o6700] {
        let chmod = || raw(libc::SYS_fchmod, [fd(&file), mode]);
        assert_eq!(world.supervised(chmod), EPERM);
        assert_eq!(forked(chmod), 0);
        file.set_permissions(fs::Permissions::from_mode(0o644))
            .unwrap();
    }
    let sticky = || raw(libc::SYS_fchmod, [fd(&file), 0o1755]);
    assert_eq!(world.supervised(sticky), 0);
}

#[test]
fn only_harmless_extended_attributes_can_be_set() {
    let world = World::new();
    let file = File::open(world.path("inside/file")).unwrap();
    let set = |name: &'static CStr| {
        let value = c"value".as_ptr().addr();
        let args = [fd(&file), name.as_ptr().addr(), value, 5, 0];
        world.supervised(|| raw(libc::SYS_fsetxattr, args))
    };
    for name in [
        c"security.capability",
        c"security.selinux",
        c"trusted.overlay.opaque",
        c"system.other",
        c"userx.y",
        c"other",
    ] {
        assert_eq!(set(name), EOPNOTSUPP, "{name:?}");
    }
    assert!([0, EOPNOTSUPP].contains(&set(c"user.ok")));
    // Reaches the kernel, which finds that this is no list.
    assert!([EINVAL, EOPNOTSUPP].contains(&set(c"system.posix_acl_access")));
}

#[test]
fn truncation_stays_inside() {
    let world = World::new().with(Options {
        truncate: true,
        ..BUILD
    });
    let truncate = |relative: &str, length| {
        let path = world.c_path(relative);
        world.supervised(|| raw(libc::SYS_truncate, [path.as_ptr().addr(), length]))
    };
    assert_eq!(truncate("inside/file", 2), 0);
    assert_eq!(fs::read(world.path("inside/file")).unwrap(), b"te");
    assert_eq!(truncate("inside/leaving", 2), EPERM);
    assert_eq!(fs::read(world.path("outside/file")).unwrap(), b"text");
    assert_eq!(truncate("inside", 2), libc::EISDIR);
    assert_eq!(truncate("inside/file", usize::MAX), EINVAL);
    assert_eq!(truncate("inside/missing", 0), ENOENT);
}
