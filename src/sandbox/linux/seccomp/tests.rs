use std::collections::HashSet;

use super::bpf::encode;
use super::interpreter::run;
use super::numbers as nr;
use super::*;

const EACCES: Verdict = Verdict::Errno(libc::EACCES);
const ENOSYS: Verdict = Verdict::Errno(libc::ENOSYS);
const ENOTTY: Verdict = Verdict::Errno(libc::ENOTTY);
const EPERM: Verdict = Verdict::Errno(libc::EPERM);
const INSIDE: Verdict = Verdict::Errno(libc::ENOTNAM);
const HIGH: u64 = 0xdead_beef_0000_0000;

fn all_options() -> impl Iterator<Item = Options> {
    [Network::Denied, Network::Internet]
        .into_iter()
        .flat_map(|network| {
            [
                (false, false, Watch::Nothing),
                (false, true, Watch::Changes),
                (true, false, Watch::Everything),
                (true, true, Watch::Nothing),
            ]
            .map(|(truncate, signals, watch)| Options {
                network,
                truncate,
                signals,
                watch,
            })
        })
}

const BUILD: Options = Options {
    network: Network::Denied,
    truncate: false,
    signals: false,
    watch: Watch::Nothing,
};
const PREFETCH: Options = Options {
    network: Network::Internet,
    ..BUILD
};

/// Asks the compiled filter, and checks that the table agrees.
fn verdict(arch: Arch, options: Options, call: &Call) -> Verdict {
    let (expected, _) = decide(arch, options, call);
    let action = run(&filter(arch, options), call).action;
    assert_eq!(action, encode(expected), "{arch:?} {options:?} {call:x?}");
    expected
}

/// The verdicts of both architectures, which must be the same where both have the call.
fn ask(options: Options, syscall: Syscall, args: &[u64]) -> Verdict {
    let mut six = [0; 6];
    six[..args.len()].copy_from_slice(args);
    let mut verdicts = Arch::ALL.into_iter().filter_map(|arch| {
        syscall.number(arch).map(|number| {
            let call = Call {
                audit: arch.audit(),
                number,
                args: six,
            };
            verdict(arch, options, &call)
        })
    });
    let first = verdicts.next().unwrap();
    assert!(verdicts.all(|v| v == first), "{} differs", syscall.name);
    first
}

fn build(syscall: Syscall, args: &[u64]) -> Verdict {
    ask(BUILD, syscall, args)
}

#[test]
fn foreign_architectures_do_not_exist() {
    for arch in Arch::ALL {
        for options in all_options() {
            // i386, the other one, an unknown one
            for audit in [
                0x4000_0003,
                0x4000_0028,
                0xc000_00b7,
                0xc000_003e,
                0,
                u32::MAX,
            ] {
                let call = |number| Call {
                    audit,
                    number,
                    args: [0; 6],
                };
                let native = audit == arch.audit();
                for number in [0, 1, 3, 20, 102, 359, 0x4000_0001] {
                    let verdict = verdict(arch, options, &call(number));
                    assert!(native || verdict == ENOSYS);
                }
            }
        }
    }
}

#[test]
fn x32_does_not_exist() {
    for number in (0..600).chain([0x3fff_ffff, !0x4000_0000]) {
        let call = Call {
            audit: Arch::X86_64.audit(),
            number: number | 0x4000_0000,
            args: [1, 1, 0, 0, 0, 0],
        };
        assert_eq!(verdict(Arch::X86_64, BUILD, &call), ENOSYS);
    }
}

#[test]
fn numbers_that_the_table_does_not_know_do_not_exist() {
    for (arch, numbers) in [
        (
            Arch::X86_64,
            vec![337, 400, 423, 470, 512, 547, 0x3fff_ffff],
        ),
        (Arch::Aarch64, vec![244, 259, 295, 423, 470, 0x3fff_ffff]),
    ] {
        for number in numbers.into_iter().chain([1000, u32::MAX, 1 << 31]) {
            let call = Call {
                audit: arch.audit(),
                number,
                args: [0; 6],
            };
            assert_eq!(verdict(arch, BUILD, &call), ENOSYS, "{arch:?} {number}");
        }
    }
}

#[test]
fn ordinary_calls_are_allowed_without_a_look_at_arguments() {
    // Their neighbours too: read, write, mmap, wait4, futex, sendmsg, statx, close_range,
    // landlock_create_ruleset, uretprobe.
    let x86_64 = [0, 1, 9, 61, 202, 46, 332, 436, 444, 335, 336, 424];
    let aarch64 = [63, 64, 222, 260, 98, 211, 291, 436, 444, 424];
    for options in all_options() {
        for (arch, numbers) in [(Arch::X86_64, &x86_64[..]), (Arch::Aarch64, &aarch64[..])] {
            let filter = filter(arch, options);
            for &number in numbers {
                if number == 424 && (options.signals || options.watch != Watch::Nothing) {
                    continue;
                }
                let call = Call {
                    audit: arch.audit(),
                    number,
                    args: [u64::MAX; 6],
                };
                let run = run(&filter, &call);
                assert_eq!(run.action, libc::SECCOMP_RET_ALLOW, "{arch:?} {number}");
                assert!(!run.read_arguments, "{arch:?} {number} is not cacheable");
                assert!(run.steps < 30, "{arch:?} {number} takes {}", run.steps);
            }
        }
    }
}

#[test]
fn a_build_has_no_network() {
    for family in (0..50).chain([u64::from(u32::MAX), HIGH | 1]) {
        for kind in [1, 2, 3, 5, 0x80001] {
            assert_eq!(build(nr::socket, &[family, kind, 0]), EACCES);
        }
    }
    for syscall in [nr::connect, nr::bind, nr::listen, nr::accept, nr::accept4] {
        assert_eq!(build(syscall, &[0, 0x1000, 16]), EPERM);
    }
    let sendto = |address| build(nr::sendto, &[3, 0x1000, 4, 0, address, 16]);
    assert_eq!(sendto(0), Verdict::Allow);
    assert_eq!(sendto(0x7fff_0000_1000), EPERM);
    assert_eq!(sendto(0x1), EPERM);
    assert_eq!(sendto(0x1_0000_0000), EPERM);
}

#[test]
fn only_connected_unix_pairs_can_be_made() {
    let pair = |family, kind| build(nr::socketpair, &[family, kind, 0, 0x1000]);
    for flags in [0, 0o4000, 0o200_0000, 0o200_4000, HIGH] {
        assert_eq!(pair(1, 1 | flags), Verdict::Allow);
        assert_eq!(pair(1 | HIGH, 5 | flags), Verdict::Allow);
        for kind in [0, 2, 3, 4, 6, 10, 15] {
            assert_eq!(pair(1, kind | flags), EACCES, "{kind}");
        }
        for family in [0, 2, 10, 16, 30, 40] {
            assert_eq!(pair(family, 1 | flags), EACCES, "{family}");
        }
    }
}

#[test]
fn a_prefetch_has_the_internet_only() {
    let socket = |family, kind, protocol| ask(PREFETCH, nr::socket, &[family, kind, protocol]);
    for family in [2, 10] {
        for kind in [1, 2, 0o200_4001, 0o200_0002, HIGH | 1] {
            assert_eq!(socket(family, kind, 6), Verdict::Allow);
        }
        for kind in [3, 4, 5, 10] {
            assert_eq!(socket(family, kind, 255), EACCES);
        }
    }
    assert_eq!(socket(16, 3, 0), Verdict::Allow);
    assert_eq!(socket(16, 3, HIGH), Verdict::Allow);
    assert_eq!(socket(16 | HIGH, 0o200_0003, 0), Verdict::Allow);
    for protocol in [1, 9, 15, 16] {
        assert_eq!(socket(16, 3, protocol), EACCES);
    }
    for family in [0, 1, 3, 17, 29, 38, 40, 44] {
        assert_eq!(socket(family, 1, 0), EACCES, "{family}");
    }
    assert_eq!(ask(PREFETCH, nr::connect, &[3, 1, 16]), Verdict::Allow);
    assert_eq!(ask(PREFETCH, nr::bind, &[3, 1, 16]), Verdict::Allow);
    let sendto = [3, 0x1000, 4, 0, 0x1000, 16];
    assert_eq!(ask(PREFETCH, nr::sendto, &sendto), Verdict::Allow);
    assert_eq!(ask(PREFETCH, nr::listen, &[3, 1]), EPERM);
    assert_eq!(ask(PREFETCH, nr::accept4, &[3, 0, 0, 0]), EPERM);
    assert_eq!(ask(PREFETCH, nr::socketpair, &[1, 2, 0, 0]), EACCES);
    assert_eq!(ask(PREFETCH, nr::ptrace, &[0]), EPERM);
    assert_eq!(ask(PREFETCH, nr::chmod, &[1, 0o755]), Verdict::Notify);
}

#[test]
fn namespaces_are_refused_and_threads_are_not() {
    let thread = 0x003d_0f00;
    let fork = 0x0120_0011;
    assert_eq!(build(nr::clone, &[thread]), Verdict::Allow);
    assert_eq!(build(nr::clone, &[fork]), Verdict::Allow);
    // `clone` reads the low half only; its exit signal shares a bit with `CLONE_NEWTIME`.
    assert_eq!(build(nr::clone, &[HIGH | fork]), Verdict::Allow);
    for bit in [17, 25, 26, 27, 28, 29, 30, 15] {
        assert_eq!(build(nr::clone, &[fork | 1 << bit]), EPERM, "{bit}");
        assert_eq!(build(nr::clone, &[HIGH | 1 << bit]), EPERM, "{bit}");
    }
    assert_eq!(build(nr::clone3, &[0x1000, 88]), ENOSYS);
    for flags in [0, 0x200, 0x400, 0x600, 0x0005_0f00] {
        assert_eq!(build(nr::unshare, &[flags]), Verdict::Allow);
    }
    for bit in [7, 17, 20, 25, 26, 27, 28, 29, 30, 32, 34, 63] {
        assert_eq!(build(nr::unshare, &[0x200 | 1 << bit]), EPERM, "{bit}");
    }
}

#[test]
fn other_processes_are_out_of_reach() {
    for syscall in [
        nr::prlimit64,
        nr::sched_setaffinity,
        nr::sched_setattr,
        nr::sched_setparam,
        nr::sched_setscheduler,
        nr::migrate_pages,
        nr::move_pages,
    ] {
        assert_eq!(build(syscall, &[0, 1]), Verdict::Allow);
        assert_eq!(build(syscall, &[HIGH, 1]), Verdict::Allow);
        for pid in [1, 4242, u64::from(u32::MAX), 1 << 31] {
            assert_eq!(build(syscall, &[pid, 1]), EPERM, "{}", syscall.name);
        }
    }
    assert_eq!(build(nr::setpriority, &[0, 0, 5]), Verdict::Allow);
    assert_eq!(build(nr::setpriority, &[0, 7, 5]), EPERM);
    assert_eq!(build(nr::setpriority, &[1, 0, 5]), EPERM);
    assert_eq!(build(nr::setpriority, &[2, 0, 5]), EPERM);
    assert_eq!(build(nr::ioprio_set, &[1, 0, 5]), Verdict::Allow);
    assert_eq!(build(nr::ioprio_set, &[1, 7, 5]), EPERM);
    assert_eq!(build(nr::ioprio_set, &[2, 0, 5]), EPERM);
    assert_eq!(build(nr::ioprio_set, &[3, 0, 5]), EPERM);
    assert_eq!(build(nr::prctl, &[62, 1, 0]), Verdict::Allow);
    assert_eq!(build(nr::prctl, &[62, 1, 7]), EPERM);
    assert_eq!(build(nr::prctl, &[15, 0x1000, 7]), Verdict::Allow);
}

#[test]
fn descriptors_do_not_change_files_or_send_signals() {
    let fcntl = |command| build(nr::fcntl, &[3, command, 1]);
    // dup, getfd, setfl, setlk, dup_cloexec, setpipe_sz, add_seals, getown, getlease, get_rw_hint
    for command in [0, 1, 4, 6, 1030, 1031, 1033, 9, 16, 1025, 1035] {
        assert_eq!(fcntl(command), Verdict::Allow, "{command}");
    }
    for command in [8, 15, 1024, 1036, 1038, HIGH | 8] {
        assert_eq!(fcntl(command), EPERM, "{command}");
    }

    let ioctl = |command| build(nr::ioctl, &[3, command, 0x1000]);
    // TCGETS, TCSETS, TIOCGPGRP, TIOCGWINSZ, TIOCSWINSZ, FIONREAD, FIONBIO, TIOCNXCL, FIOCLEX,
    // FS_IOC_GETFLAGS, FIEMAP, FSGETXATTR, FICLONE, FICLONERANGE, GETVERSION, a VIDIOC of type `V`
    for command in [
        0x5401,
        0x5402,
        0x540f,
        0x5413,
        0x5414,
        0x541b,
        0x5421,
        0x540d,
        0x5451,
        0x8008_6601,
        0xc020_660b,
        0x801c_581f,
        0x4004_9409,
        0x4020_940d,
        0x8008_7601,
        0x8068_5600,
    ] {
        assert_eq!(ioctl(command), Verdict::Allow, "{command:#x}");
        assert_eq!(ioctl(HIGH | command), Verdict::Allow, "{command:#x}");
    }
    for command in [
        0x5412,
        0x541c,
        0x541d,
        0x5423,
        0x8901,
        0x8902,
        0x4b48,
        0x4b49,
        0x5606,
        0x4008_6602,
        0x4004_6602,
        0x401c_5820,
        0x4008_7602,
        0x4004_7602,
        0x4080_6685,
        0x4004_7211,
    ] {
        assert_eq!(ioctl(command), EPERM, "{command:#x}");
        assert_eq!(ioctl(HIGH | command), EPERM, "{command:#x}");
    }
    // encryption policy, key removal, migrate, btrfs snapshots and labels, f2fs, ocfs2, XFS swap
    for command in [
        0x800c_6613,
        0xc040_6618,
        0x6609,
        0x5000_9417,
        0x5000_940e,
        0x4100_9432,
        0xc018_9436,
        0xf501,
        0x4020_bc10,
        0x4018_6f04,
        0xc0c0_586d,
    ] {
        assert_eq!(ioctl(command), ENOTTY, "{command:#x}");
        assert_eq!(ioctl(HIGH | command), ENOTTY, "{command:#x}");
    }
}

#[test]
fn no_file_is_created_set_uid() {
    let at = |flags, mode| build(nr::openat, &[u64::MAX, 0x1000, flags, mode]);
    let plain = |flags, mode| build(nr::open, &[0x1000, flags, mode]);
    for set_id in [0o4755, 0o2755, 0o6000, 0o4000 | HIGH] {
        for create in [0o100, 0o101, 0o2020_0000, 0o200_1101, HIGH | 0o100] {
            assert_eq!(at(create, set_id), EPERM);
            assert_eq!(plain(create, set_id), EPERM);
            assert_eq!(at(create, 0o1777), Verdict::Allow);
            assert_eq!(plain(create, 0o644), Verdict::Allow);
        }
        // Without creation the mode is whatever the register held.
        for flags in [0, 2, 0o1000, 0o20_0000, HIGH] {
            assert_eq!(at(flags, set_id), Verdict::Allow);
            assert_eq!(plain(flags, set_id), Verdict::Allow);
        }
        assert_eq!(build(nr::creat, &[0x1000, set_id]), EPERM);
        assert_eq!(build(nr::mknod, &[0x1000, set_id]), EPERM);
        assert_eq!(build(nr::mknodat, &[0, 0x1000, set_id]), EPERM);
    }
    assert_eq!(build(nr::creat, &[0x1000, 0o755]), Verdict::Allow);
    assert_eq!(build(nr::mknod, &[0x1000, 0o10644]), Verdict::Allow);
    assert_eq!(build(nr::mknodat, &[0, 0x1000, 0o100_644]), Verdict::Allow);
    assert_eq!(build(nr::openat2, &[0, 0x1000, 0x2000, 24]), ENOSYS);
}

#[test]
fn the_supervisor_gets_what_the_kernel_leaves_open() {
    for syscall in [nr::chmod, nr::fchmod, nr::utimensat, nr::setxattrat] {
        assert_eq!(build(syscall, &[0, 0, 0]), Verdict::Notify);
    }
    let older = Options {
        truncate: true,
        signals: true,
        ..BUILD
    };
    for syscall in [nr::truncate, nr::kill, nr::tgkill, nr::pidfd_send_signal] {
        assert_eq!(build(syscall, &[1, 9]), Verdict::Allow);
        assert_eq!(ask(older, syscall, &[1, 9]), Verdict::Notify);
    }
}

#[test]
fn each_filter_identifies_itself_and_no_other() {
    let question = |which| [u64::from(table::INSIDE), u64::from(which)];
    let build_filter = question(table::INSIDE_BUILD);
    let prefetch_filter = question(table::INSIDE_PREFETCH);
    assert_eq!(build(nr::prctl, &build_filter), INSIDE);
    assert_eq!(build(nr::prctl, &prefetch_filter), Verdict::Allow);
    assert_eq!(ask(PREFETCH, nr::prctl, &build_filter), Verdict::Allow);
    assert_eq!(ask(PREFETCH, nr::prctl, &prefetch_filter), INSIDE);
    assert_eq!(build(nr::prctl, &question(3)), Verdict::Allow);
}

#[test]
fn only_the_supervisor_says_what_a_process_has_given_up() {
    for options in all_options() {
        let narrow = u64::from(table::NARROW);
        for option in [narrow, HIGH | narrow] {
            assert_eq!(ask(options, nr::prctl, &[option, 1, 2]), Verdict::Notify);
        }
        for option in [narrow - 1, narrow + 1, 36] {
            assert_eq!(ask(options, nr::prctl, &[option, 1, 2]), Verdict::Allow);
        }
        for limit in [10, HIGH | 0xa] {
            assert_eq!(ask(options, nr::setrlimit, &[limit, 0x1000]), EPERM);
            for value in [0x1000, 1, 1 << 32, 1 << 63] {
                let set = [0, limit, value, 0];
                assert_eq!(ask(options, nr::prlimit64, &set), EPERM);
            }
            let read = [0, limit, 0, 0x1000];
            assert_eq!(ask(options, nr::prlimit64, &read), Verdict::Allow);
        }
        for limit in [0, 7, 9, 11, 15] {
            assert_eq!(
                ask(options, nr::setrlimit, &[limit, 0x1000]),
                Verdict::Allow
            );
            let set = [0, limit, 0x1000, 0];
            assert_eq!(ask(options, nr::prlimit64, &set), Verdict::Allow);
        }
    }
}

#[test]
fn every_row_matters() {
    // A row that never decides is shadowed by an earlier one, or has conditions that cannot hold.
    let mut deciding = HashSet::new();
    for arch in Arch::ALL {
        for options in all_options() {
            for call in calls(arch) {
                if range_of(arch, call.number).is_some() {
                    continue;
                }
                let row = rows_of(arch, options, call.number)
                    .find(|row| row.conditions.iter().all(|c| c.holds(&call.args)));
                deciding.extend(row.map(std::ptr::from_ref));
            }
        }
    }
    for row in rows() {
        assert!(
            deciding.contains(&std::ptr::from_ref(row)),
            "{:?} never decides",
            row.calls[0].name
        );
    }
}

#[test]
fn the_compiled_filter_agrees_with_the_table() {
    for arch in Arch::ALL {
        for options in all_options() {
            let filter = filter(arch, options);
            assert!(filter.len() <= 4096, "the kernel takes no more");
            for call in calls(arch) {
                let (expected, why) = decide(arch, options, &call);
                let got = run(&filter, &call).action;
                assert_eq!(
                    got,
                    encode(expected),
                    "{arch:?} {options:?} {call:x?}: {why}"
                );
            }
        }
    }
}

/// Tens of thousands of calls: every number, the values that conditions name, those beside them,
/// and garbage.
fn calls(arch: Arch) -> Vec<Call> {
    let mut random = Random(0x5eed);
    let mut interesting = vec![0, 1, 2, 3, u64::MAX, 1 << 31, 1 << 32, 0o4644, 0o100];
    for condition in rows().flat_map(|row| row.conditions) {
        match *condition {
            Condition::OneOf { values, mask, .. } | Condition::NoneOf { values, mask, .. } => {
                for value in values {
                    let value = u64::from(*value);
                    interesting.extend([value, value + 1, value | u64::from(!mask), value | HIGH]);
                }
            }
            Condition::AnyBit { mask, .. } => {
                interesting.extend([mask, !mask, mask & mask.wrapping_neg()]);
            }
        }
    }
    let mut calls = Vec::new();
    for number in (0..600).chain([0x3fff_ffff, 0x4000_0000, 0x4000_0029, u32::MAX]) {
        let named = nr::ALL.iter().any(|c| c.number(arch) == Some(number));
        for _ in 0..if named { 150 } else { 3 } {
            let args = std::array::from_fn(|_| match random.next() % 4 {
                0 => random.next(),
                1 => random.next() & 0xf,
                _ => interesting[usize::try_from(random.next()).unwrap() % interesting.len()],
            });
            let audit = match random.next() % 32 {
                0 => 0x4000_0003,
                _ => arch.audit(),
            };
            calls.push(Call {
                audit,
                number,
                args,
            });
        }
        // The values at which each row decides.
        for row in rows().filter(|row| row.calls.iter().any(|c| c.number(arch) == Some(number))) {
            for _ in 0..50 {
                let mut args = std::array::from_fn(|_| random.next() & 0x3);
                for condition in row.conditions {
                    let i = usize::try_from(random.next() >> 8).unwrap();
                    match *condition {
                        Condition::OneOf { arg, values, .. } => {
                            args[usize::from(arg)] = u64::from(values[i % values.len()]);
                        }
                        Condition::AnyBit { arg, mask } => args[usize::from(arg)] |= mask,
                        Condition::NoneOf { .. } => {}
                    }
                }
                calls.push(Call {
                    audit: arch.audit(),
                    number,
                    args,
                });
            }
        }
    }
    calls
}

/// Numbers that are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn the_table_is_well_formed() {
    for arch in Arch::ALL {
        let numbers: Vec<u32> = nr::ALL.iter().filter_map(|c| c.number(arch)).collect();
        let distinct: HashSet<u32> = numbers.iter().copied().collect();
        assert_eq!(numbers.len(), distinct.len(), "{arch:?} has a number twice");
        for number in numbers {
            assert!(
                range_of(arch, number).is_none(),
                "{arch:?} {number} is in a range"
            );
        }
    }
    let named: HashSet<&str> = rows().flat_map(|row| row.calls).map(|c| c.name).collect();
    for syscall in nr::ALL {
        assert!(
            named.contains(syscall.name),
            "{} is in no row",
            syscall.name
        );
    }
    for row in rows() {
        assert!(row.why.len() > 20, "{:?} has no reason", row.calls);
        let last = row.why.chars().last();
        assert_ne!(last, Some('.'), "{}", row.why);
        for condition in row.conditions {
            match *condition {
                Condition::OneOf { arg, mask, values }
                | Condition::NoneOf { arg, mask, values } => {
                    assert!(arg < 6 && !values.is_empty());
                    assert!(values.iter().all(|v| v & !mask == 0), "{}", row.why);
                }
                Condition::AnyBit { arg, mask } => assert!(arg < 6 && mask != 0),
            }
        }
    }
}

#[test]
fn the_numbers_are_those_of_the_c_library() {
    let native = Arch::native().unwrap();
    for (syscall, number) in NATIVE.iter().chain(NATIVE_LEGACY) {
        let ours = syscall.number(native).map(libc::c_long::from);
        assert_eq!(ours, Some(*number), "{}", syscall.name);
    }
}

macro_rules! natives {
    ($($name:ident: $number:ident,)*) => {
        &[$((nr::$name, libc::$number)),*]
    };
}

const NATIVE: &[(Syscall, libc::c_long)] = natives! {
    accept: SYS_accept,
    accept4: SYS_accept4,
    acct: SYS_acct,
    add_key: SYS_add_key,
    adjtimex: SYS_adjtimex,
    bind: SYS_bind,
    bpf: SYS_bpf,
    chroot: SYS_chroot,
    clock_adjtime: SYS_clock_adjtime,
    clock_settime: SYS_clock_settime,
    clone: SYS_clone,
    clone3: SYS_clone3,
    connect: SYS_connect,
    delete_module: SYS_delete_module,
    fanotify_init: SYS_fanotify_init,
    fanotify_mark: SYS_fanotify_mark,
    fchmod: SYS_fchmod,
    fchmodat: SYS_fchmodat,
    fchown: SYS_fchown,
    fchownat: SYS_fchownat,
    fcntl: SYS_fcntl,
    finit_module: SYS_finit_module,
    fremovexattr: SYS_fremovexattr,
    fsconfig: SYS_fsconfig,
    fsetxattr: SYS_fsetxattr,
    fsmount: SYS_fsmount,
    fsopen: SYS_fsopen,
    fspick: SYS_fspick,
    init_module: SYS_init_module,
    io_uring_enter: SYS_io_uring_enter,
    io_uring_register: SYS_io_uring_register,
    io_uring_setup: SYS_io_uring_setup,
    ioctl: SYS_ioctl,
    ioprio_set: SYS_ioprio_set,
    kcmp: SYS_kcmp,
    kexec_file_load: SYS_kexec_file_load,
    kexec_load: SYS_kexec_load,
    keyctl: SYS_keyctl,
    kill: SYS_kill,
    listen: SYS_listen,
    lookup_dcookie: SYS_lookup_dcookie,
    lremovexattr: SYS_lremovexattr,
    lsetxattr: SYS_lsetxattr,
    migrate_pages: SYS_migrate_pages,
    mknodat: SYS_mknodat,
    mount: SYS_mount,
    mount_setattr: SYS_mount_setattr,
    move_mount: SYS_move_mount,
    move_pages: SYS_move_pages,
    mq_getsetattr: SYS_mq_getsetattr,
    mq_notify: SYS_mq_notify,
    mq_open: SYS_mq_open,
    mq_timedreceive: SYS_mq_timedreceive,
    mq_timedsend: SYS_mq_timedsend,
    mq_unlink: SYS_mq_unlink,
    msgctl: SYS_msgctl,
    msgget: SYS_msgget,
    msgrcv: SYS_msgrcv,
    msgsnd: SYS_msgsnd,
    name_to_handle_at: SYS_name_to_handle_at,
    nfsservctl: SYS_nfsservctl,
    open_by_handle_at: SYS_open_by_handle_at,
    open_tree: SYS_open_tree,
    openat: SYS_openat,
    openat2: SYS_openat2,
    perf_event_open: SYS_perf_event_open,
    pidfd_getfd: SYS_pidfd_getfd,
    pidfd_send_signal: SYS_pidfd_send_signal,
    pivot_root: SYS_pivot_root,
    prctl: SYS_prctl,
    prlimit64: SYS_prlimit64,
    process_madvise: SYS_process_madvise,
    process_mrelease: SYS_process_mrelease,
    process_vm_readv: SYS_process_vm_readv,
    process_vm_writev: SYS_process_vm_writev,
    ptrace: SYS_ptrace,
    quotactl: SYS_quotactl,
    quotactl_fd: SYS_quotactl_fd,
    reboot: SYS_reboot,
    removexattr: SYS_removexattr,
    request_key: SYS_request_key,
    rt_sigqueueinfo: SYS_rt_sigqueueinfo,
    rt_tgsigqueueinfo: SYS_rt_tgsigqueueinfo,
    sched_setaffinity: SYS_sched_setaffinity,
    sched_setattr: SYS_sched_setattr,
    sched_setparam: SYS_sched_setparam,
    sched_setscheduler: SYS_sched_setscheduler,
    semctl: SYS_semctl,
    semget: SYS_semget,
    semop: SYS_semop,
    semtimedop: SYS_semtimedop,
    sendto: SYS_sendto,
    setdomainname: SYS_setdomainname,
    sethostname: SYS_sethostname,
    setns: SYS_setns,
    setpriority: SYS_setpriority,
    setrlimit: SYS_setrlimit,
    settimeofday: SYS_settimeofday,
    setxattr: SYS_setxattr,
    shmat: SYS_shmat,
    shmctl: SYS_shmctl,
    shmdt: SYS_shmdt,
    shmget: SYS_shmget,
    socket: SYS_socket,
    socketpair: SYS_socketpair,
    swapoff: SYS_swapoff,
    swapon: SYS_swapon,
    syslog: SYS_syslog,
    tgkill: SYS_tgkill,
    tkill: SYS_tkill,
    truncate: SYS_truncate,
    umount2: SYS_umount2,
    unshare: SYS_unshare,
    userfaultfd: SYS_userfaultfd,
    utimensat: SYS_utimensat,
    vhangup: SYS_vhangup,
};

#[cfg(not(target_arch = "x86_64"))]
const NATIVE_LEGACY: &[(Syscall, libc::c_long)] = &[];
#[cfg(target_arch = "x86_64")]
const NATIVE_LEGACY: &[(Syscall, libc::c_long)] = natives! {
    chmod: SYS_chmod,
    chown: SYS_chown,
    creat: SYS_creat,
    fchmodat2: SYS_fchmodat2,
    futimesat: SYS_futimesat,
    ioperm: SYS_ioperm,
    iopl: SYS_iopl,
    lchown: SYS_lchown,
    mknod: SYS_mknod,
    open: SYS_open,
    utime: SYS_utime,
    utimes: SYS_utimes,
};
