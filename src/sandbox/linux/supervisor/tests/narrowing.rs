//! Processes that gave up some of what the build may change.

use std::ffi::OsStr;

use super::*;
use crate::sandbox::linux::narrow::{ask, encode, narrow};
use crate::sandbox::linux::seccomp::table;
use crate::sandbox::linux::testing::filtered;

type CallOn<'a> = dyn Fn(&CString) -> libc::c_long + 'a;

/// What a process ends with that should have been narrowed.
const NOT_NARROWED: usize = 251;

/// The variable that tells a child of this program what to run.
const SCRIPT: &str = "NARROWED_SCRIPT";

struct Units {
    world: World,
    own: CString,
    other: CString,
    list: Vec<u8>,
}

impl Units {
    /// Of two folders that the build may write, the list leaves one.
    fn new() -> Self {
        let world = World::new();
        for unit in ["inside/own", "inside/other"] {
            fs::create_dir(world.path(unit)).unwrap();
            fs::write(world.path(unit).join("file"), "text").unwrap();
        }
        Self {
            own: world.c_path("inside/own/file"),
            other: world.c_path("inside/other/file"),
            list: list(&[&world.path("inside/own")]),
            world,
        }
    }

    /// Runs one of the ignored tests below under the filter, as a program with an allocator and
    /// threads.
    fn child(&self, name: &str, script: &str) {
        let module = module_path!().split_once("::").unwrap().1;
        let output = run(
            &self.world.wall,
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--ignored"])
                .arg(format!("{module}::{name}"))
                .env(SCRIPT, script)
                .current_dir(self.world.path("inside")),
        );
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{script}: {text}");
        assert!(text.contains("1 passed"), "{text}");
    }

    /// Runs a script that has given up all but `own`.
    fn child_script(&self, script: &str) {
        self.child("child_that_runs_a_script", script);
    }

    /// The result of `action` after the list was given.
    fn narrowed(&self, action: impl Fn() -> libc::c_long) -> i32 {
        self.world.supervised(|| {
            must(&self.list);
            action()
        })
    }
}

fn list(places: &[&Path]) -> Vec<u8> {
    encode(places).unwrap()
}

fn must(list: &[u8]) {
    if ask(list).is_err() {
        raw(libc::SYS_exit_group, [NOT_NARROWED]);
    }
}

fn chmod(path: &CString) -> libc::c_long {
    raw(libc::SYS_fchmodat, [CWD, path.as_ptr().addr(), 0o640])
}

fn errno(asked: std::io::Result<()>) -> libc::c_long {
    match asked {
        Ok(()) => 0,
        Err(error) => pass_on(error.raw_os_error().unwrap_or(EINVAL)),
    }
}

/// The error number of `action` as the result of a call, so that it can be handed on.
fn pass_on(errno: i32) -> libc::c_long {
    if errno == 0 {
        return 0;
    }
    // SAFETY: points to this thread's own number.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as before.
    unsafe { *place = errno };
    -1
}

#[test]
fn only_what_is_left_can_be_changed() {
    let units = Units::new();
    let file = File::open(units.world.path("inside/other/file")).unwrap();
    let times = [[1u64, 0], [1, 0]];
    let name = c"user.name";
    let utimensat = |path: &CString| {
        let path = path.as_ptr().addr();
        raw(libc::SYS_utimensat, [CWD, path, address(&times), 0])
    };
    let chown = |path: &CString| {
        let same = usize::MAX;
        raw(
            libc::SYS_fchownat,
            [CWD, path.as_ptr().addr(), same, same, 0],
        )
    };
    let setxattr = |path: &CString| {
        let path = path.as_ptr().addr();
        let name = name.as_ptr().addr();
        raw(libc::SYS_setxattr, [path, name, address(&times), 4, 0])
    };
    let removexattr = |path: &CString| {
        let path = path.as_ptr().addr();
        raw(libc::SYS_removexattr, [path, name.as_ptr().addr()])
    };
    let calls: [(&str, &CallOn); 5] = [
        ("chmod", &chmod),
        ("utimensat", &utimensat),
        ("chown", &chown),
        ("setxattr", &setxattr),
        ("removexattr", &removexattr),
    ];
    for (what, call) in calls {
        for path in [&units.own, &units.other] {
            assert_eq!(units.world.supervised(|| call(path)), 0, "{what}");
            // So that it can be removed again.
            setxattr(path);
        }
        assert_eq!(units.narrowed(|| call(&units.own)), 0, "{what}");
        assert_eq!(units.narrowed(|| call(&units.other)), EPERM, "{what}");
    }
    let by_descriptor = || raw(libc::SYS_fchmod, [fd(&file), 0o640]);
    assert_eq!(units.world.supervised(by_descriptor), 0);
    assert_eq!(units.narrowed(by_descriptor), EPERM);
}

#[test]
fn a_list_widens_nothing() {
    let units = Units::new();
    let world = &units.world;
    let outside = world.c_path("outside/file");
    let protected = world.c_path("inside/protected/file");
    let all = list(&[Path::new("/"), &world.path("inside/protected")]);
    let with_all = |path: &CString| {
        world.supervised(|| {
            must(&all);
            chmod(path)
        })
    };
    assert_eq!(with_all(&units.other), 0);
    assert_eq!(with_all(&outside), EPERM);
    assert_eq!(with_all(&protected), EPERM);

    let other = list(&[&world.path("inside/other")]);
    for second in [&all, &other, &units.list] {
        let refused = units.narrowed(|| {
            must(second);
            chmod(&units.other)
        });
        assert_eq!(refused, EPERM);
    }
    for (second, left) in [(&all, 0), (&other, EPERM), (&Vec::new(), EPERM)] {
        let own = units.narrowed(|| {
            must(second);
            chmod(&units.own)
        });
        assert_eq!(own, left);
    }
    // As many as Landlock's domains.
    let deep = |count: usize| {
        units.narrowed(|| {
            (1..count).for_each(|_| must(&units.list));
            errno(ask(&units.list))
        })
    };
    assert_eq!(deep(15), 0);
    assert_eq!(deep(16), libc::E2BIG);
}

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
fn hostile_lists() {
    let units = Units::new();
    let world = &units.world;
    let raw_list = |address: usize, length: usize| {
        world.supervised(|| {
            raw(
                libc::SYS_prctl,
                [usize::try_from(table::NARROW).unwrap_or(0), address, length],
            )
        })
    };
    let text = |text: &[u8]| raw_list(text.as_ptr().addr(), text.len());
    assert_eq!(text(b"/\0"), 0);
    assert_eq!(text(b"/\0/usr\0/usr/../usr/\0"), 0);
    assert_eq!(raw_list(0, 0), 0);
    for bad in [
        &b"/"[..],
        b"\0",
        b"/\0\0",
        b"/usr\0relative\0",
        b"./\0",
        b"/usr\0/",
        b"../..\0",
    ] {
        assert_eq!(text(bad), EINVAL, "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(text(b"/does-not-exist\0"), ENOENT);
    assert_eq!(text(b"/proc/self/cwd\0"), ELOOP);
    assert_eq!(
        text(&[&b"/"[..], &[b'x'; 5000], b"\0"].concat()),
        ENAMETOOLONG
    );
    for pointer in [0, 8, usize::MAX, usize::MAX - 4096, 1 << 63] {
        assert_eq!(raw_list(pointer, 8), EFAULT, "{pointer:#x}");
    }
    let longest = b"/\0".repeat(32 * 1024 + 1);
    for length in [65537, longest.len(), 1 << 32, usize::MAX] {
        assert_eq!(raw_list(longest.as_ptr().addr(), length), libc::E2BIG);
    }
    assert_eq!(text(&longest[..512]), 0);
    assert_eq!(text(&longest[..514]), libc::E2BIG);

    // Whatever failed has changed nothing.
    let after = |list: &[u8]| {
        world.supervised(|| match ask(list) {
            Ok(()) => pass_on(EINVAL),
            Err(_) => chmod(&units.other),
        })
    };
    assert_eq!(after(b"/does-not-exist\0"), 0);
    assert_eq!(after(b"relative\0"), 0);
}

#[test]
fn places_are_looked_up_once() {
    let units = Units::new();
    let world = &units.world;
    let link = world.c_path("inside/link");
    symlink("own", world.path("inside/link")).unwrap();
    let through_link = list(&[&world.path("inside/link")]);
    let turned = world.c_path("inside/other");
    let result = |path: &CString| {
        world.supervised(|| {
            must(&through_link);
            raw(libc::SYS_unlinkat, [CWD, link.as_ptr().addr(), 0]);
            let (to, at) = (turned.as_ptr().addr(), link.as_ptr().addr());
            raw(libc::SYS_symlinkat, [to, CWD, at]);
            chmod(path)
        })
    };
    assert_eq!(result(&units.other), EPERM);
    assert_eq!(
        fs::read_link(world.path("inside/link")).unwrap(),
        world.path("inside/other")
    );
    fs::remove_file(world.path("inside/link")).unwrap();
    symlink("own", world.path("inside/link")).unwrap();
    assert_eq!(result(&units.own), 0);

    let dots = list(&[&world.path("inside/other/../own/.")]);
    let with_dots = |path: &CString| {
        world.supervised(|| {
            must(&dots);
            chmod(path)
        })
    };
    assert_eq!(with_dots(&units.own), 0);
    assert_eq!(with_dots(&units.other), EPERM);

    let odd = world
        .path("inside")
        .join(OsStr::from_bytes(b"\xff (deleted)\n"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("file"), "text").unwrap();
    let (file, odd) = (c_string(&odd.join("file")), list(&[&odd]));
    for (path, expected) in [(&file, 0), (&units.own, EPERM)] {
        let result = world.supervised(|| {
            must(&odd);
            chmod(path)
        });
        assert_eq!(result, expected);
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
fn signals_stay_among_those_that_gave_up_as_much() {
    let mut units = Units::new();
    units.world.wall.options.signals = true;
    let own = || usize::try_from(raw(libc::SYS_getpid, [])).unwrap_or(0);
    let parent = || usize::try_from(raw(libc::SYS_getppid, [])).unwrap_or(0);
    let from_a_child = |unit: &dyn Fn() -> libc::c_long| {
        units.world.supervised(|| {
            pass_on(forked(|| {
                must(&units.list);
                unit()
            }))
        })
    };
    let kill = |pid| raw(libc::SYS_kill, [pid, 0]);
    // Without a narrowing the parent is within reach.
    let control = || pass_on(forked(|| kill(parent())));
    assert_eq!(units.world.supervised(control), 0);
    assert_eq!(from_a_child(&|| kill(parent())), EPERM);
    assert_eq!(from_a_child(&|| kill(own())), 0);
    assert_eq!(from_a_child(&|| pass_on(forked(|| kill(parent())))), 0);
    let group = || {
        raw(libc::SYS_setpgid, [0, 0]);
        kill(0)
    };
    assert_eq!(from_a_child(&group), 0);
    units.child_script("sleep 60 & kill $!; wait $! || test $? = 143; kill -0 $PPID");
    // Of a group it reaches those members only.
    let parents_group = || {
        raw(libc::SYS_setpgid, [0, 0]);
        let terminated = forked(|| {
            must(&units.list);
            raw(libc::SYS_kill, [0, 15])
        });
        pass_on(if terminated == -15 { 0 } else { EINVAL })
    };
    assert_eq!(units.world.supervised(parents_group), 0);
}

#[test]
fn threads_have_given_up_as_much() {
    let units = Units::new();
    units.child("child_that_narrows", "");
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
    let relative = narrow(&[Path::new("own")]).unwrap_err();
    assert_eq!(relative.kind(), std::io::ErrorKind::InvalidInput);
    let own = std::env::current_dir().unwrap().join("own");
    narrow(&[&own]).unwrap();
    told.send(()).unwrap();
    let expected = (Ok(()), Err(Some(EPERM)));
    assert_eq!(before.join().unwrap(), expected);
    let after = std::thread::spawn(move || (set("own/file"), set("other/file")));
    assert_eq!(after.join().unwrap(), expected);
}

#[test]
#[ignore = "started under a filter by another test"]
fn child_that_runs_a_script() {
    narrow(&[&std::env::current_dir().unwrap().join("own")]).unwrap();
    let mut shell = Command::new("/bin/sh");
    // The shell's own `!` does not end a script.
    let script = "no() { ! \"$@\"; }; ".to_owned() + &std::env::var(SCRIPT).unwrap();
    let status = shell.arg("-euc").arg(script).process_group(0).status();
    assert!(status.unwrap().success());
}

#[test]
fn nobody_narrows_outside_of_a_build() {
    let outside = narrow(&[Path::new("/")]).unwrap_err();
    assert_eq!(outside.kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(filtered(BUILD, || errno(ask(b"/\0"))), ENOSYS);
}
