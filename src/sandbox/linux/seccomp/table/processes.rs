//! Other processes, and what would put a process out of the rules' sight.

use libc::{ENOSYS, EPERM};

use super::super::{Row, Syscall, When, numbers as nr};
use super::{ANY, NARROW_LIMIT, any_bit, deny, none_of, notify, one_of};

/// `CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}` as `clone` knows them, and `CLONE_PARENT`.
const CLONE_REFUSED: u64 = 0x7e02_0000 | 0x8000;
/// `CLONE_{VM,FS,FILES,SIGHAND,THREAD,SYSVSEM}`: no namespace.
const UNSHARE_ALLOWED: u64 = 0x0005_0f00;
const PID_WHY: &str = "same-user processes outside could be starved or, by a limit, killed";
const NAMESPACE_WHY: &str = "new namespaces and mounts change what paths mean, and open kernel \
                             code that is otherwise for root";

const NARROW_WHY: &str = "its value, which the kernel does not use, tells the supervisor what the \
                          process has given up";

const INTRUDING: &[Syscall] = &[
    nr::ptrace,
    nr::process_vm_readv,
    nr::process_vm_writev,
    nr::pidfd_getfd,
    nr::kcmp,
    nr::process_madvise,
    nr::process_mrelease,
];
const LIMITING: &[Syscall] = &[
    nr::prlimit64,
    nr::sched_setaffinity,
    nr::sched_setscheduler,
    nr::sched_setparam,
    nr::sched_setattr,
    nr::migrate_pages,
    nr::move_pages,
];
const SIGNALLING: &[Syscall] = &[
    nr::kill,
    nr::tkill,
    nr::tgkill,
    nr::rt_sigqueueinfo,
    nr::rt_tgsigqueueinfo,
    nr::pidfd_send_signal,
];
const REFUSED_WHY: &str = "the supervisor notes it, and refuses it as without it";

pub(super) const ROWS: &[Row] = &[
    deny(
        &[
            nr::io_uring_setup,
            nr::io_uring_enter,
            nr::io_uring_register,
        ],
        ENOSYS,
        "its operations open sockets and files without passing a filter",
    ),
    deny(
        &[nr::clone3],
        ENOSYS,
        "its flags are in memory, out of a filter's sight; C libraries fall back to `clone`",
    ),
    deny(
        &[nr::openat2],
        ENOSYS,
        "its mode is in memory, out of a filter's sight; programs fall back to `openat`",
    ),
    deny(
        &[nr::clone],
        EPERM,
        "a namespace changes what paths mean; a child of our own parent could pass for the build",
    )
    .given(&[any_bit(0, CLONE_REFUSED)]),
    deny(&[nr::unshare], EPERM, NAMESPACE_WHY).given(&[any_bit(0, !UNSHARE_ALLOWED)]),
    deny(&[nr::setns], EPERM, NAMESPACE_WHY),
    deny(
        &[
            nr::mount,
            nr::umount2,
            nr::pivot_root,
            nr::chroot,
            nr::open_tree,
            nr::open_tree_attr,
            nr::move_mount,
            nr::fsopen,
            nr::fsconfig,
            nr::fsmount,
            nr::fspick,
            nr::mount_setattr,
        ],
        EPERM,
        NAMESPACE_WHY,
    ),
    notify(INTRUDING, REFUSED_WHY).only(When::WatchedChanges),
    deny(
        INTRUDING,
        EPERM,
        "reads and changes other processes, cargo among them",
    ),
    notify(LIMITING, REFUSED_WHY)
        .given(&[none_of(0, ANY, &[0])])
        .only(When::WatchedChanges),
    deny(LIMITING, EPERM, PID_WHY).given(&[none_of(0, ANY, &[0])]),
    deny(&[nr::setrlimit], EPERM, NARROW_WHY).given(&[one_of(0, ANY, &[NARROW_LIMIT])]),
    // Without a new value it only reads.
    deny(&[nr::prlimit64], EPERM, NARROW_WHY)
        .given(&[one_of(1, ANY, &[NARROW_LIMIT]), any_bit(2, u64::MAX)]),
    // `PRIO_PROCESS` is 0 and `IOPRIO_WHO_PROCESS` is 1: the other kinds are groups and users.
    deny(&[nr::setpriority], EPERM, PID_WHY).given(&[none_of(0, ANY, &[0])]),
    deny(&[nr::setpriority], EPERM, PID_WHY).given(&[none_of(1, ANY, &[0])]),
    deny(&[nr::ioprio_set], EPERM, PID_WHY).given(&[none_of(0, ANY, &[1])]),
    deny(&[nr::ioprio_set], EPERM, PID_WHY).given(&[none_of(1, ANY, &[0])]),
    // `PR_SCHED_CORE`
    deny(&[nr::prctl], EPERM, PID_WHY).given(&[one_of(0, ANY, &[62]), none_of(2, ANY, &[0])]),
    notify(
        SIGNALLING,
        "Landlock scopes signals from ABI 6 on; below, the supervisor sends those that stay inside",
    )
    .only(When::Signals),
    notify(
        SIGNALLING,
        "the supervisor notes those that Landlock will refuse; the kernel goes on in any case",
    )
    .only(When::WatchedChanges),
    notify(
        &[nr::execve, nr::execveat],
        "the supervisor notes which programs a unit starts; the kernel goes on in any case",
    )
    .only(When::WatchedChanges),
    notify(
        &[nr::exit_group],
        "the supervisor notes build scripts that fail; the kernel goes on in any case",
    )
    .given(&[any_bit(0, 0xff)])
    .only(When::WatchedChanges),
];
