//! Processes that gave up some of what the build may change.

mod lineage;
mod lists;

use super::*;
use crate::sandbox::linux::narrow::{ask, encode, narrow};

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
        let here = module_path!().split_once("::").unwrap().1;
        let output = run(
            &self.world.wall,
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--ignored"])
                .arg(format!("{here}::{name}"))
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
    if ask(list, b"").is_err() {
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
#[ignore = "started under a filter by another test"]
fn child_that_runs_a_script() {
    narrow(&[&std::env::current_dir().unwrap().join("own")], b"").unwrap();
    let mut shell = Command::new("/bin/sh");
    // The shell's own `!` does not end a script.
    let script = "no() { ! \"$@\"; }; ".to_owned() + &std::env::var(SCRIPT).unwrap();
    let status = shell.arg("-euc").arg(script).process_group(0).status();
    assert!(status.unwrap().success());
}
