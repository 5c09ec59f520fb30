//! Signals, where Landlock cannot keep them inside.

use super::*;

/// A process that does not descend from this one, in a group of its own.
struct Stranger {
    process: usize,
    group: usize,
}

impl Stranger {
    fn new() -> Self {
        // The shell that started it ends at once, and leaves it to somebody else.
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "sleep 60 >/dev/null 2>&1 & echo $$ $!"]);
        let output = shell.process_group(0).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut numbers = text
            .split_whitespace()
            .map(|number| number.parse().unwrap());
        Self {
            group: numbers.next().unwrap(),
            process: numbers.next().unwrap(),
        }
    }

    fn signal(&self, number: usize) -> libc::c_long {
        raw(libc::SYS_kill, [self.process, number])
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.signal(9);
    }
}

fn signalling() -> World {
    World::new().with(Options {
        signals: true,
        ..BUILD
    })
}

#[test]
fn signals_reach_the_build() {
    let world = signalling();
    world.script("sleep 60 & kill $!; wait $! || test $? = 143");
    world.script("sleep 60 & kill -0 $!; kill -9 $!; wait $! || test $? = 137");
    world.script("trap 'seen=yes' USR1; kill -USR1 $$; test \"$seen\" = yes");
    world.script("(kill -ABRT $(exec sh -c 'echo $PPID')) || test $? = 134");
    world.script("timeout 0.1 sleep 60 || test $? = 124");
    world.script("! kill -0 999999999");

    // SAFETY: takes nothing.
    let own = || usize::try_from(unsafe { libc::getpid() }).unwrap();
    assert_eq!(world.supervised(|| raw(libc::SYS_kill, [own(), 0])), 0);
    assert_eq!(world.supervised(|| raw(libc::SYS_kill, [own(), 15])), -15);
    assert_eq!(world.supervised(|| raw(libc::SYS_tkill, [own(), 15])), -15);
    let tgkill = |signal| move || raw(libc::SYS_tgkill, [own(), own(), signal]);
    assert_eq!(world.supervised(tgkill(6)), -6);
    assert_eq!(world.supervised(tgkill(999)), EINVAL);
    let by_descriptor = || {
        let pidfd = raw(libc::SYS_pidfd_open, [own(), 0]);
        let pidfd = usize::try_from(pidfd).unwrap_or(usize::MAX);
        raw(libc::SYS_pidfd_send_signal, [pidfd, 15, 0, 0])
    };
    assert_eq!(world.supervised(by_descriptor), -15);
}

#[test]
fn signals_do_not_reach_anyone_else() {
    let world = signalling();
    let stranger = Stranger::new();
    let pid = stranger.process;
    let everybody = usize::MAX;
    let by_descriptor = || {
        let pidfd = raw(libc::SYS_pidfd_open, [pid, 0]);
        let pidfd = usize::try_from(pidfd).unwrap_or(usize::MAX);
        raw(libc::SYS_pidfd_send_signal, [pidfd, 0, 0, 0])
    };
    let info = [0x1_0000_0000_0000u64; 16];
    // `si_code` is the third number: -1 is `SI_QUEUE`.
    let mut queued = [0i32; 32];
    queued[2] = -1;
    let queued = address(&queued);
    let reaches: [(&str, &dyn Fn() -> libc::c_long); 6] = [
        ("kill", &|| stranger.signal(0)),
        ("kill of its group", &|| {
            raw(libc::SYS_kill, [0usize.wrapping_sub(stranger.group), 0])
        }),
        ("tgkill", &|| raw(libc::SYS_tgkill, [pid, pid, 0])),
        ("rt_sigqueueinfo", &|| {
            raw(libc::SYS_rt_sigqueueinfo, [pid, 0, queued])
        }),
        ("rt_tgsigqueueinfo", &|| {
            raw(libc::SYS_rt_tgsigqueueinfo, [pid, pid, 0, queued])
        }),
        ("pidfd_send_signal", &by_descriptor),
    ];
    for (name, reach) in reaches {
        assert_eq!(forked(reach), 0, "{name} without the filter");
        assert_eq!(world.supervised(reach), EPERM, "{name}");
    }
    let tkill = || raw(libc::SYS_tkill, [pid, 0]);
    assert_eq!((forked(tkill), world.supervised(tkill)), (0, libc::ESRCH));
    let all = || raw(libc::SYS_kill, [everybody, 0]);
    assert_eq!(world.supervised(all), EPERM);
    // SAFETY: takes nothing.
    let parent = usize::try_from(unsafe { libc::getpid() }).unwrap();
    assert_eq!(
        world.supervised(|| raw(libc::SYS_kill, [parent, 0])),
        EPERM,
        "the supervisor itself"
    );
    // Not even to a process inside may a signal claim to come from the kernel.
    let forged = || raw(libc::SYS_rt_sigqueueinfo, [pid, 0, address(&info)]);
    assert_eq!(world.supervised(forged), EPERM);
    assert_eq!(stranger.signal(0), 0);
}

#[test]
fn a_group_is_signalled_inside_only() {
    let world = signalling();
    let stranger = Stranger::new();
    let group = i32::try_from(stranger.group).unwrap();
    let output = run(
        &world.wall,
        Command::new("/bin/sh")
            .args(["-c", "sleep 60 & kill -TERM 0; echo survived"])
            .process_group(group),
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(output.status.signal(), Some(15));
    assert_eq!(stranger.signal(0), 0);
}
