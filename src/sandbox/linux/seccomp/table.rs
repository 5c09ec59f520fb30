//! The rows of the filter, and why each is there.
//!
//! What no row names is allowed: a build runs arbitrary compilers and tools, and Landlock already
//! governs what they do to files. The rows close what Landlock leaves open.

use libc::{EACCES, ENOSYS, ENOTTY, EPERM};

use super::{Arch, Condition, Row, Syscall, Verdict, When, numbers as nr};

/// The `prctl` option by which a program asks the kernel whether this filter is above it: `sbxc`.
/// The options of `linux/prctl.h` are small numbers, but for `PR_SET_PTRACER` and `PR_SET_VMA`,
/// which are spelt like this one.
pub const INSIDE: u32 = 0x7362_7863;
/// Its second argument when it asks for the filter of a build.
pub const INSIDE_BUILD: u32 = 1;
/// Its second argument when it asks for the filter of a prefetch.
pub const INSIDE_PREFETCH: u32 = 2;
/// The answer that means yes; without the filter the kernel says `EINVAL`, and no option of
/// `prctl` answers with this number.
pub const INSIDE_ERRNO: i32 = libc::ENOTNAM;

/// The answer to a call of another architecture.
pub const FOREIGN: Verdict = Verdict::Errno(ENOSYS);
pub const FOREIGN_WHY: &str =
    "the 32-bit ABIs have other numbers and `socketcall`, and no table here";

/// Numbers that are answered alike, whatever their arguments.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub arch: Arch,
    pub first: u32,
    pub last: u32,
    pub verdict: Verdict,
    pub why: &'static str,
}

/// `file_setattr`, Linux 6.17. A later call may do by another name what a row refuses; programs
/// treat `ENOSYS` as an older kernel and fall back. Raise it together with the review of what is
/// new.
const NEWEST: u32 = 469;

const UNASSIGNED: &str = "unassigned in this table's kernel, so nobody can say what it will do";
const NEWER: &str = "newer than this table, so it may do by another name what a row refuses";

const fn range(arch: Arch, first: u32, last: u32, why: &'static str) -> Range {
    Range {
        arch,
        first,
        last,
        verdict: Verdict::Errno(ENOSYS),
        why,
    }
}

pub const RANGES: &[Range] = &[
    // 335 and 336 stay out: the kernel itself plants `uretprobe` and `uprobe` into a program that
    // an administrator probes, and it would die of an error.
    range(Arch::X86_64, 337, 423, UNASSIGNED),
    range(Arch::X86_64, NEWEST + 1, 0x3fff_ffff, NEWER),
    range(
        Arch::X86_64,
        0x4000_0000,
        u32::MAX,
        "the x32 ABI reaches every call under a second number",
    ),
    range(Arch::Aarch64, 244, 259, UNASSIGNED),
    range(Arch::Aarch64, 295, 423, UNASSIGNED),
    range(Arch::Aarch64, NEWEST + 1, u32::MAX, NEWER),
];

const ANY: u32 = u32::MAX;
/// The bits of a socket type that are not flags (`SOCK_TYPE_MASK`).
const TYPE: u32 = 0xf;
const INET: u32 = 2;
const INET6: u32 = 10;
const NETLINK: u32 = 16;
const UNIX: u32 = 1;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const SEQPACKET: u32 = 5;

/// `CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}` as `clone` knows them, and `CLONE_PARENT`.
const CLONE_REFUSED: u64 = 0x7e02_0000 | 0x8000;
/// `CLONE_{VM,FS,FILES,SIGHAND,THREAD,SYSVSEM}`: no namespace.
const UNSHARE_ALLOWED: u64 = 0x0005_0f00;

/// `O_CREAT` and the bit of `O_TMPFILE` that is not `O_DIRECTORY`.
const CREATES: u64 = 0o100 | 0o2000_0000;
const SET_ID: u64 = 0o6000;

const CHMOD_WHY: &str = "Landlock does not govern attributes, not even of hidden files; the \
                         supervisor changes those of files that the build may write";
const SET_ID_WHY: &str =
    "a set-uid file outlives the build and lends its owner's rights to whoever runs it";
const PID_WHY: &str = "same-user processes outside could be starved or, by a limit, killed";
const IPC_WHY: &str = "shared with every process of the user, and outlives the build";
const HOST_WHY: &str = "changes the machine, where the build runs as root";
const NAMESPACE_WHY: &str = "new namespaces and mounts change what paths mean, and open kernel \
                             code that is otherwise for root";

const fn row(calls: &'static [Syscall], verdict: Verdict, why: &'static str) -> Row {
    Row {
        calls,
        conditions: &[],
        when: When::Always,
        verdict,
        why,
    }
}

const fn deny(calls: &'static [Syscall], errno: i32, why: &'static str) -> Row {
    row(calls, Verdict::Errno(errno), why)
}

const fn notify(calls: &'static [Syscall], why: &'static str) -> Row {
    row(calls, Verdict::Notify, why)
}

impl Row {
    const fn given(mut self, conditions: &'static [Condition]) -> Self {
        self.conditions = conditions;
        self
    }

    const fn only(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

const fn any_bit(arg: u8, mask: u64) -> Condition {
    Condition::AnyBit { arg, mask }
}

const fn none_of(arg: u8, mask: u32, values: &'static [u32]) -> Condition {
    Condition::NoneOf { arg, mask, values }
}

const fn one_of(arg: u8, mask: u32, values: &'static [u32]) -> Condition {
    Condition::OneOf { arg, mask, values }
}

pub static ROWS: &[Row] = &[
    deny(
        &[nr::prctl],
        INSIDE_ERRNO,
        "lets a nested call of this program ask the kernel whether it is confined already",
    )
    .given(&[one_of(0, ANY, &[INSIDE]), one_of(1, ANY, &[INSIDE_BUILD])])
    .only(When::NetworkDenied),
    deny(
        &[nr::prctl],
        INSIDE_ERRNO,
        "lets a nested call of this program ask the kernel whether it is confined already",
    )
    .given(&[one_of(0, ANY, &[INSIDE]), one_of(1, ANY, &[INSIDE_PREFETCH])])
    .only(When::NetworkInternet),
    // Network
    deny(
        &[nr::socket],
        EACCES,
        "no network, no daemon's unix socket, no netlink; `EACCES` is what socket(2) documents",
    )
    .only(When::NetworkDenied),
    deny(
        &[nr::socket],
        EACCES,
        "a fetch needs the internet and the route table that resolvers read, nothing else",
    )
    .given(&[none_of(0, ANY, &[INET, INET6, NETLINK])])
    .only(When::NetworkInternet),
    deny(&[nr::socket], EACCES, "raw packets forge addresses")
        .given(&[
            one_of(0, ANY, &[INET, INET6]),
            none_of(1, TYPE, &[STREAM, DATAGRAM]),
        ])
        .only(When::NetworkInternet),
    deny(
        &[nr::socket],
        EACCES,
        "only `NETLINK_ROUTE` is for resolvers; others talk to kernel and daemons",
    )
    .given(&[one_of(0, ANY, &[NETLINK]), none_of(2, ANY, &[0])])
    .only(When::NetworkInternet),
    deny(&[nr::socketpair], EACCES, "only unix pairs are pipes").given(&[none_of(0, ANY, &[UNIX])]),
    deny(
        &[nr::socketpair],
        EACCES,
        "a datagram pair can be pointed at any daemon's socket with `sendto` or `connect`",
    )
    .given(&[none_of(1, TYPE, &[STREAM, SEQPACKET])]),
    deny(
        &[nr::connect, nr::bind],
        EPERM,
        "no socket can be made, but one inherited as standard input could be used",
    )
    .only(When::NetworkDenied),
    deny(
        &[nr::listen, nr::accept, nr::accept4],
        EPERM,
        "neither a build nor a fetch serves anyone",
    ),
    deny(
        &[nr::sendto],
        EPERM,
        "an inherited datagram socket could be pointed elsewhere",
    )
    .given(&[any_bit(4, u64::MAX)])
    .only(When::NetworkDenied),
    // Ways around the table itself
    deny(
        &[nr::io_uring_setup, nr::io_uring_enter, nr::io_uring_register],
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
    // Namespaces and mounts
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
    // Other processes
    deny(
        &[
            nr::ptrace,
            nr::process_vm_readv,
            nr::process_vm_writev,
            nr::pidfd_getfd,
            nr::kcmp,
            nr::process_madvise,
            nr::process_mrelease,
        ],
        EPERM,
        "reads and changes other processes, cargo among them",
    ),
    deny(
        &[
            nr::prlimit64,
            nr::sched_setaffinity,
            nr::sched_setscheduler,
            nr::sched_setparam,
            nr::sched_setattr,
            nr::migrate_pages,
            nr::move_pages,
        ],
        EPERM,
        PID_WHY,
    )
    .given(&[none_of(0, ANY, &[0])]),
    // `PRIO_PROCESS` is 0 and `IOPRIO_WHO_PROCESS` is 1: the other kinds are groups and users.
    deny(&[nr::setpriority], EPERM, PID_WHY).given(&[none_of(0, ANY, &[0])]),
    deny(&[nr::setpriority], EPERM, PID_WHY).given(&[none_of(1, ANY, &[0])]),
    deny(&[nr::ioprio_set], EPERM, PID_WHY).given(&[none_of(0, ANY, &[1])]),
    deny(&[nr::ioprio_set], EPERM, PID_WHY).given(&[none_of(1, ANY, &[0])]),
    // `PR_SCHED_CORE`
    deny(&[nr::prctl], EPERM, PID_WHY).given(&[one_of(0, ANY, &[62]), none_of(2, ANY, &[0])]),
    deny(
        &[nr::fcntl],
        EPERM,
        "the owner of a descriptor is sent signals: a way around their scope on older kernels",
    )
    // `F_SETOWN`, `F_SETOWN_EX`
    .given(&[one_of(1, ANY, &[8, 15])]),
    deny(
        &[nr::fcntl],
        EPERM,
        "a lease on a file that can only be read holds up those who write it",
    )
    // `F_SETLEASE`
    .given(&[one_of(1, ANY, &[1024])]),
    deny(
        &[nr::fcntl],
        EPERM,
        "changes a file that is open for reading only",
    )
    // `F_SET_RW_HINT`, `F_SET_FILE_RW_HINT`
    .given(&[one_of(1, ANY, &[1036, 1038])]),
    notify(
        &[
            nr::kill,
            nr::tkill,
            nr::tgkill,
            nr::rt_sigqueueinfo,
            nr::rt_tgsigqueueinfo,
            nr::pidfd_send_signal,
        ],
        "Landlock scopes signals from ABI 6 on; below, the supervisor sends those that stay inside",
    )
    .only(When::Signals),
    // ioctl
    deny(
        &[nr::ioctl],
        EPERM,
        "types into the terminal, redirects the console, or leaves the line behind in another mode",
    )
    // `TIOCSTI`, `TIOCLINUX`, `TIOCCONS`, `TIOCSETD`
    .given(&[one_of(1, ANY, &[0x5412, 0x541c, 0x541d, 0x5423])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "keyboard and screen of a virtual console: a remapped key types after the build",
    )
    // `KD*`, `VT_*`
    .given(&[one_of(1, 0xffff_ff00, &[0x4b00, 0x5600])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "the owner of a descriptor is sent signals: a way around their scope on older kernels",
    )
    // `FIOSETOWN`, `SIOCSPGRP`
    .given(&[one_of(1, ANY, &[0x8901, 0x8902])]),
    deny(
        &[nr::ioctl],
        EPERM,
        "file attributes that outlive the build, settable through a descriptor for reading",
    )
    // `FS_IOC_SETFLAGS`, `FS_IOC32_SETFLAGS`, `FS_IOC_FSSETXATTR`, `FS_IOC_SETVERSION`,
    // `FS_IOC32_SETVERSION`, `FS_IOC_ENABLE_VERITY`, `FAT_IOCTL_SET_ATTRIBUTES`
    .given(&[one_of(
        1,
        ANY,
        &[
            0x4008_6602,
            0x4004_6602,
            0x401c_5820,
            0x4008_7602,
            0x4004_7602,
            0x4080_6685,
            0x4004_7211,
        ],
    )]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "what else ext4, fsverity and fscrypt change through a descriptor for reading",
    )
    // All of type `f` but the getters of flags, version, extents, encryption policy and digest
    .given(&[
        one_of(1, 0xff00, &[0x6600]),
        none_of(
            1,
            ANY,
            &[
                0x8008_6601,
                0x8004_6601,
                0x8008_6603,
                0xc020_660b,
                0x400c_6615,
                0xc009_6616,
                0xc004_6686,
            ],
        ),
    ]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "what else XFS changes through a descriptor for reading",
    )
    // All of type `X` but `FS_IOC_FSGETXATTR`, `XFS_IOC_DIOINFO`, `XFS_IOC_FSGEOMETRY`
    .given(&[
        one_of(1, 0xff00, &[0x5800]),
        none_of(1, ANY, &[0x801c_581f, 0x800c_581e, 0x8100_587e]),
    ]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "btrfs creates and deletes subvolumes behind Landlock's back: a snapshot shows hidden files",
    )
    // All of type 0x94 but `FICLONE` and `FICLONERANGE`, which copy between open files
    .given(&[
        one_of(1, 0xff00, &[0x9400]),
        none_of(1, ANY, &[0x4004_9409, 0x4020_940d]),
    ]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "bcachefs and f2fs do likewise",
    )
    .given(&[one_of(1, 0xff00, &[0xbc00, 0xf500])]),
    deny(
        &[nr::ioctl],
        ENOTTY,
        "`OCFS2_IOC_REFLINK` makes a file by name behind Landlock's back",
    )
    .given(&[one_of(1, ANY, &[0x4018_6f04])]),
    // Kernel objects that outlive the build or belong to the user as a whole
    deny(
        &[nr::add_key, nr::request_key, nr::keyctl],
        EPERM,
        "the keyring holds the user's secrets, and keeps what is put there",
    ),
    deny(
        &[
            nr::shmget, nr::shmat, nr::shmctl, nr::shmdt, nr::semget, nr::semop, nr::semctl, nr::semtimedop, nr::msgget, nr::msgsnd,
            nr::msgrcv, nr::msgctl,
        ],
        EPERM,
        IPC_WHY,
    ),
    deny(
        &[
            nr::mq_open,
            nr::mq_unlink,
            nr::mq_timedsend,
            nr::mq_timedreceive,
            nr::mq_notify,
            nr::mq_getsetattr,
        ],
        EPERM,
        IPC_WHY,
    ),
    deny(
        &[nr::userfaultfd, nr::bpf, nr::perf_event_open],
        EPERM,
        "watches other processes, or holds the kernel up; no build needs it",
    ),
    deny(
        &[nr::name_to_handle_at, nr::open_by_handle_at],
        EPERM,
        "a handle opens a file without a path that could be judged",
    ),
    deny(
        &[nr::fanotify_init, nr::fanotify_mark],
        EPERM,
        "tells of every access to files that may not be read",
    ),
    deny(
        &[
            nr::kexec_load,
            nr::kexec_file_load,
            nr::init_module,
            nr::finit_module,
            nr::delete_module,
            nr::reboot,
            nr::swapon,
            nr::swapoff,
            nr::acct,
            nr::syslog,
            nr::settimeofday,
            nr::clock_settime,
            nr::adjtimex,
            nr::clock_adjtime,
            nr::sethostname,
            nr::setdomainname,
            nr::iopl,
            nr::ioperm,
            nr::quotactl,
            nr::quotactl_fd,
            nr::vhangup,
            nr::nfsservctl,
            nr::lookup_dcookie,
        ],
        EPERM,
        HOST_WHY,
    ),
    // Files
    deny(&[nr::open], EPERM, SET_ID_WHY).given(&[any_bit(1, CREATES), any_bit(2, SET_ID)]),
    deny(&[nr::openat], EPERM, SET_ID_WHY).given(&[any_bit(2, CREATES), any_bit(3, SET_ID)]),
    deny(&[nr::creat, nr::mknod], EPERM, SET_ID_WHY).given(&[any_bit(1, SET_ID)]),
    deny(&[nr::mknodat], EPERM, SET_ID_WHY).given(&[any_bit(2, SET_ID)]),
    deny(
        &[nr::file_setattr],
        EPERM,
        "file attributes that outlive the build, without opening the file",
    ),
    notify(
        &[
            nr::chmod,
            nr::fchmod,
            nr::fchmodat,
            nr::fchmodat2,
            nr::chown,
            nr::lchown,
            nr::fchown,
            nr::fchownat,
            nr::utime,
            nr::utimes,
            nr::futimesat,
            nr::utimensat,
            nr::setxattr,
            nr::lsetxattr,
            nr::fsetxattr,
            nr::setxattrat,
            nr::removexattr,
            nr::lremovexattr,
            nr::fremovexattr,
            nr::removexattrat,
        ],
        CHMOD_WHY,
    ),
    notify(
        &[nr::truncate],
        "Landlock governs it from ABI 3 on; below, the supervisor does",
    )
    .only(When::Truncate),
];
