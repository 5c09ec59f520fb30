//! Whom a list holds for.

use super::*;

#[test]
fn descendants_have_given_up_as_much() {
    let units = Units::new();
    for (path, expected) in [(&units.own, 0), (&units.other, EPERM)] {
        let child = || pass_on(forked(|| chmod(path)));
        assert_eq!(units.narrowed(child), expected);
        let grandchild = || pass_on(forked(|| pass_on(forked(|| chmod(path)))));
        assert_eq!(units.narrowed(grandchild), expected);
        let session = || {
            pass_on(forked(|| {
                raw(libc::SYS_setsid, []);
                chmod(path)
            }))
        };
        assert_eq!(units.narrowed(session), expected);
    }
    units.child_script(
        "chmod 600 own/file; setsid -w sh -c 'chmod 600 own/file'; touch -d 2001-02-03 own/file
         no chmod 600 other/file; no setsid -w sh -c 'chmod 600 other/file'
         no sh -c 'sh -c \"touch -d 2001-02-03 other/file\"; exit $?'
         no chmod 700 ../inside; no chmod 600 file; no chmod 600 ../outside/file",
    );
}

#[test]
fn others_have_given_up_nothing() {
    let units = Units::new();
    let world = &units.world;
    let after_a_child = || {
        let child = forked(|| {
            must(&units.list);
            chmod(&units.other)
        });
        if child != EPERM {
            return pass_on(EINVAL);
        }
        let sibling = forked(|| chmod(&units.other));
        if sibling != 0 {
            return pass_on(sibling);
        }
        chmod(&units.other)
    };
    assert_eq!(world.supervised(after_a_child), 0);
    let two_units = || {
        let other = list(&[&world.path("inside/other")]);
        let first = forked(|| {
            must(&units.list);
            chmod(&units.own)
        });
        let second = forked(|| {
            must(&other);
            match chmod(&units.own) {
                0 => pass_on(EINVAL),
                _ => chmod(&units.other),
            }
        });
        pass_on(first | second)
    };
    assert_eq!(world.supervised(two_units), 0);
}

/// What a process gets that lives on when its parent has ended.
fn orphaned(units: &Units, path: &CString, adopted: bool) -> i32 {
    const PR_SET_CHILD_SUBREAPER: usize = 36;
    units.world.supervised(|| {
        let mut fds = [0i32; 2];
        raw(libc::SYS_pipe2, [fds.as_mut_ptr().addr(), 0]);
        let [read, write] = fds.map(|fd| usize::try_from(fd).unwrap_or(usize::MAX));
        if adopted {
            raw(libc::SYS_prctl, [PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0]);
        }
        forked(|| {
            must(&units.list);
            let parent = raw(libc::SYS_getpid, []);
            // SAFETY: the child makes only system calls.
            if unsafe { libc::fork() } == 0 {
                while raw(libc::SYS_getppid, []) == parent {
                    raw(libc::SYS_sched_yield, []);
                }
                let errno = match chmod(path) {
                    0 => 0,
                    _ => std::io::Error::last_os_error().raw_os_error().unwrap_or(-1),
                };
                raw(libc::SYS_write, [write, address(&errno), 4]);
                raw(libc::SYS_exit_group, [0]);
            }
            0
        });
        let mut errno = -1i32;
        raw(libc::SYS_read, [read, (&raw mut errno).addr(), 4]);
        pass_on(errno)
    })
}

#[test]
fn orphans_have_given_up_as_much() {
    let units = Units::new();
    for adopted in [false, true] {
        assert_eq!(orphaned(&units, &units.own, adopted), 0);
        assert_eq!(orphaned(&units, &units.other, adopted), EPERM);
    }
}

#[test]
fn there_is_no_way_back() {
    const CLONE_PARENT: usize = 0x8000;
    const SIGCHLD: usize = 0x11;
    let units = Units::new();
    let sibling = || raw(libc::SYS_clone, [CLONE_PARENT | SIGCHLD, 0, 0, 0, 0]);
    assert_eq!(units.narrowed(sibling), EPERM);
    assert_eq!(units.narrowed(|| raw(libc::SYS_clone3, [0, 0])), ENOSYS);
    let after = |set: &dyn Fn() -> libc::c_long| {
        units.narrowed(|| {
            set();
            chmod(&units.other)
        })
    };
    for limit in [[u64::MAX; 2], [1 << 41; 2], [5; 2], [0; 2]] {
        let limit = address(&limit);
        let locks = usize::try_from(libc::RLIMIT_LOCKS).unwrap();
        let ways: [&dyn Fn() -> libc::c_long; 3] = [
            &|| raw(libc::SYS_setrlimit, [locks, limit]),
            &|| raw(libc::SYS_prlimit64, [0, locks, limit, 0]),
            &|| {
                let own = usize::try_from(raw(libc::SYS_getpid, [])).unwrap_or(0);
                raw(libc::SYS_prlimit64, [own, locks, limit, 0])
            },
        ];
        for set in ways {
            assert_eq!(units.narrowed(set), EPERM);
            assert_eq!(after(set), EPERM);
        }
    }
}

#[test]
fn many_short_lives() {
    let units = Units::new();
    let many = || {
        for _ in 0..600 {
            let short = forked(|| {
                must(&units.list);
                0
            });
            if short != 0 {
                return pass_on(short);
            }
        }
        // The last sweep has not forgotten the living.
        let living = forked(|| {
            must(&units.list);
            for _ in 0..300 {
                forked(|| {
                    must(&units.list);
                    0
                });
            }
            chmod(&units.own)
        });
        pass_on(living)
    };
    assert_eq!(units.world.supervised(many), 0);
}

#[test]
fn threads_have_given_up_as_much() {
    let units = Units::new();
    units.child("lineage::child_that_narrows", "");
}

#[test]
#[ignore = "started under a filter by another test"]
fn child_that_narrows() {
    let set = |path: &str| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|e| e.raw_os_error())
    };
    let (told, wait) = std::sync::mpsc::channel::<()>();
    let before = std::thread::spawn(move || {
        wait.recv().unwrap();
        (set("own/file"), set("other/file"))
    });
    assert_eq!(set("other/file"), Ok(()));
    let relative = narrow(&[Path::new("own")], b"").unwrap_err();
    assert_eq!(relative.kind(), std::io::ErrorKind::InvalidInput);
    let own = std::env::current_dir().unwrap().join("own");
    narrow(&[&own], b"").unwrap();
    told.send(()).unwrap();
    let expected = (Ok(()), Err(Some(EPERM)));
    assert_eq!(before.join().unwrap(), expected);
    let after = std::thread::spawn(move || (set("own/file"), set("other/file")));
    assert_eq!(after.join().unwrap(), expected);
}
