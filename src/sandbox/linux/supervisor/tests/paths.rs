//! What a path or a descriptor leads to.

use super::*;

#[test]
fn own_descriptors_have_several_names() {
    let world = World::new();
    for (i, name) in [
        "/dev/fd/5",
        "/proc/self/fd/5",
        "//proc/./self//fd/5",
        "/proc/thread-self/fd/5",
        "/dev/stdin",
    ]
    .iter()
    .enumerate()
    {
        world.script(&format!("exec 5<file <file; chmod 60{i} {name}"));
        assert_eq!(
            mode(&world.path("inside/file")),
            0o600 + u32::try_from(i).unwrap()
        );
    }
    world.script("exec 5<.; chmod 611 /proc/self/fd/5/file; chmod 622 /dev/fd/5/../inside/file");
    assert_eq!(mode(&world.path("inside/file")), 0o622);
    // The shell's own number, which is not its child's.
    assert!(!world.try_script("exec 5<file; chmod 600 /proc/1/fd/5").0);
    assert!(
        !world
            .try_script("exec 5<file; chmod 600 /proc/self/fd/5/")
            .0
    );
}

#[test]
fn links_themselves_change_where_they_lie() {
    let world = World::new();
    let times = [libc::timespec {
        tv_sec: 1000,
        tv_nsec: 0,
    }; 2];
    let touch = |relative: &str| {
        let path = world.c_path(relative);
        let args = [CWD, path.as_ptr().addr(), address(&times), NOFOLLOW];
        world.supervised(|| raw(libc::SYS_utimensat, args))
    };
    let outside = state(&world.path("outside/file"));
    assert_eq!(touch("inside/leaving"), 0);
    let link = fs::symlink_metadata(world.path("inside/leaving")).unwrap();
    assert_eq!(link.mtime(), 1000);
    assert_eq!(touch("outside/entering"), EPERM);
    assert_eq!(state(&world.path("outside/file")), outside);

    let path = world.c_path("inside/leaving");
    let args = [CWD, path.as_ptr().addr(), 0o600, NOFOLLOW];
    let chmod = || raw(number(numbers::fchmodat2), args);
    assert_eq!(world.supervised(chmod), EOPNOTSUPP);
}

#[test]
fn errors_are_those_of_the_kernel() {
    let world = World::new();
    symlink("loop", world.path("inside/loop")).unwrap();
    let long = CString::new(vec![b'a'; 5000]).unwrap();
    let endless = CString::new(vec![b'/'; 4096]).unwrap();
    let paths = [
        (world.c_path("inside/missing"), ENOENT),
        (world.c_path("inside/missing/file"), ENOENT),
        (world.c_path("inside/file/"), ENOTDIR),
        (world.c_path("inside/file/file"), ENOTDIR),
        (world.c_path("inside/loop"), ELOOP),
        (CString::default(), ENOENT),
        (long, ENAMETOOLONG),
        (endless, ENAMETOOLONG),
    ];
    for (path, errno) in &paths {
        let chmod = || raw(libc::SYS_fchmodat, [CWD, path.as_ptr().addr(), 0o600]);
        assert_eq!(forked(chmod), *errno, "{path:?} without the filter");
        assert_eq!(world.supervised(chmod), *errno, "{path:?}");
    }

    let file = File::open(world.path("inside/file")).unwrap();
    let handle = crate::sandbox::linux::sys::open_handle(
        crate::sandbox::linux::sys::Base::Root,
        &world.c_path("inside/file"),
        true,
    )
    .unwrap();
    let (file, handle) = (fd(&file), fd(&handle));
    let path = world.c_path("inside/file");
    let path = path.as_ptr().addr();
    let relative = c"x".as_ptr().addr();
    let times = [libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000_000,
    }; 2];
    let times = address(&times);
    let long_name = CString::new(vec![b'u'; 256]).unwrap();
    let long_name = long_name.as_ptr().addr();
    let name = c"user.x".as_ptr().addr();
    let calls: Vec<(libc::c_long, [usize; 5], i32)> = vec![
        (libc::SYS_fchmod, [999, 0o600, 0, 0, 0], EBADF),
        (libc::SYS_fchmod, [CWD, 0o600, 0, 0, 0], EBADF),
        (libc::SYS_fchmod, [handle, 0o600, 0, 0, 0], EBADF),
        (libc::SYS_fchown, [handle, 0, 0, 0, 0], EBADF),
        (libc::SYS_fremovexattr, [handle, name, 0, 0, 0], EBADF),
        (libc::SYS_utimensat, [handle, 0, 0, 0, 0], EBADF),
        (libc::SYS_fchmodat, [999, relative, 0o600, 0, 0], EBADF),
        (libc::SYS_fchmodat, [file, relative, 0o600, 0, 0], ENOTDIR),
        (libc::SYS_fchmodat, [CWD, 8, 0o600, 0, 0], EFAULT),
        (libc::SYS_fchmodat, [CWD, usize::MAX, 0o600, 0, 0], EFAULT),
        (libc::SYS_fchmodat, [CWD, usize::MAX << 12, 0, 0, 0], EFAULT),
        (libc::SYS_utimensat, [CWD, 0, 0, 0, 0], EFAULT),
        (libc::SYS_utimensat, [CWD, path, 8, 0, 0], EFAULT),
        (libc::SYS_utimensat, [CWD, path, times, 0, 0], EINVAL),
        (libc::SYS_utimensat, [CWD, path, 0, 1, 0], EINVAL),
        (libc::SYS_fchownat, [CWD, path, 0, 0, 0x8000], EINVAL),
        (libc::SYS_setxattr, [path, long_name, 0, 0, 0], ERANGE),
        (libc::SYS_setxattr, [path, relative + 1, 0, 0, 0], ERANGE),
        (
            libc::SYS_setxattr,
            [path, name, path, 65537, 0],
            libc::E2BIG,
        ),
        (libc::SYS_setxattr, [path, name, path, 1, 8], EINVAL),
        (libc::SYS_setxattr, [path, name, 8, 1, 0], EFAULT),
        (libc::SYS_removexattr, [path, name, 0, 0, 0], libc::ENODATA),
    ];
    for (number, args, errno) in calls {
        let call = || raw(number, args);
        assert_eq!(forked(call), errno, "{number} {args:x?} without the filter");
        assert_eq!(world.supervised(call), errno, "{number} {args:x?}");
    }
}

#[test]
fn a_mark_of_deletion_deceives_nobody() {
    let world = World::new();
    let chmod = |file: &File| world.supervised(|| raw(libc::SYS_fchmod, [fd(file), 0o640]));
    let open = |relative: &str| {
        let path = world.path(relative);
        fs::write(&path, "text").unwrap();
        File::open(path).unwrap()
    };
    let unlinked = |relative: &str| {
        let file = open(relative);
        fs::remove_file(world.path(relative)).unwrap();
        file
    };
    assert_eq!(chmod(&open("inside/name (deleted)")), 0);
    assert_eq!(chmod(&unlinked("inside/gone")), 0);
    assert_eq!(
        chmod(&tempfile::tempfile_in(world.path("inside")).unwrap()),
        0
    );
    assert_eq!(chmod(&open("outside/name (deleted)")), EPERM);
    assert_eq!(chmod(&unlinked("outside/gone")), EPERM);
    assert_eq!(chmod(&unlinked("inside/protected/gone")), EPERM);

    // Unlinked where the build may write, but alive elsewhere.
    fs::hard_link(world.path("outside/file"), world.path("inside/alias")).unwrap();
    let alias = File::open(world.path("inside/alias")).unwrap();
    fs::remove_file(world.path("inside/alias")).unwrap();
    assert_eq!(chmod(&alias), EPERM);

    // A file whose path looks like a writable root, once that has gone.
    let mut world = World::new();
    world.wall.writable = vec![world.path("outside/root (deleted)")];
    fs::create_dir(world.path("outside/root")).unwrap();
    let folder = File::open(world.path("outside/root")).unwrap();
    fs::remove_dir(world.path("outside/root")).unwrap();
    let chmod = || raw(libc::SYS_fchmod, [fd(&folder), 0o700]);
    assert_eq!(world.supervised(chmod), EPERM);
}

#[test]
fn objects_without_a_path_are_refused() {
    let world = World::new();
    let (reader, _writer) = std::io::pipe().unwrap();
    let chmod = || raw(libc::SYS_fchmod, [fd(&reader), 0o600]);
    assert_eq!(forked(chmod), 0);
    assert_eq!(world.supervised(chmod), EPERM);
    // A FIFO in a writable place is a file like any other, and is not waited for.
    world.script("mkfifo fifo; chmod 640 fifo; touch fifo; test \"$(stat -c %a fifo)\" = 640");
}

#[test]
fn a_root_is_not_a_prefix_of_letters() {
    let mut world = World::new();
    fs::create_dir(world.path("inside-not")).unwrap();
    fs::write(world.path("inside-not/file"), "").unwrap();
    let chmod = |world: &World| {
        let path = world.c_path("inside-not/file");
        let args = [CWD, path.as_ptr().addr(), 0o640];
        world.supervised(|| raw(libc::SYS_fchmodat, args))
    };
    assert_eq!(chmod(&world), EPERM);
    world.wall.writable.push(world.path("inside-not"));
    assert_eq!(chmod(&world), 0);
    // A writable place inside a protected one is writable, as in the policy.
    world.wall.protected.push(world.path(""));
    assert_eq!(chmod(&world), 0);
    world.wall.protected.push(world.path("inside-not/file"));
    assert_eq!(chmod(&world), EPERM);
}

#[test]
fn a_flipping_link_never_leads_outside() {
    let world = World::new();
    fs::set_permissions(
        world.path("outside/file"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let before = state(&world.path("outside/file"));
    let flip = world.path("inside/flip");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = world.path("inside/next");
            let mut targets = ["../outside/file", "file"].into_iter().cycle();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                symlink(targets.next().unwrap(), &next).unwrap();
                fs::rename(&next, &flip).unwrap();
            }
        });
        while !flip.exists() {
            std::thread::yield_now();
        }
        let path = c_string(&flip);
        let path = path.as_ptr().addr();
        let chmod = || raw(libc::SYS_fchmodat, [CWD, path, 0o600]);
        let outcomes: Vec<i32> = (0..300).map(|_| world.supervised(chmod)).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        // Both sides of the race were seen, and nothing else.
        let count = |errno| outcomes.iter().filter(|o| **o == errno).count();
        assert!(count(0) > 0 && count(EPERM) > 0, "{outcomes:?}");
        assert_eq!(count(0) + count(EPERM), outcomes.len(), "{outcomes:?}");
    });
    assert_eq!(state(&world.path("outside/file")), before);
}
