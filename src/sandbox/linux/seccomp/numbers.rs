//! System call numbers, written out for each architecture.
//!
//! libc knows only those of the target it is compiled for, and not the newest; the filter of either
//! architecture must be built and tested on any.

#![expect(
    non_upper_case_globals,
    reason = "the constants are the system calls' own names, as the table and its readers use them"
)]

use super::Arch;

/// A system call and its number where the architecture has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syscall {
    pub name: &'static str,
    pub x86_64: Option<u32>,
    pub aarch64: Option<u32>,
}

impl Syscall {
    pub const fn number(&self, arch: Arch) -> Option<u32> {
        match arch {
            Arch::X86_64 => self.x86_64,
            Arch::Aarch64 => self.aarch64,
        }
    }
}

macro_rules! number {
    (none) => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

macro_rules! syscalls {
    ($($name:ident: $x86_64:tt, $aarch64:tt;)*) => {
        $(
            pub const $name: Syscall = Syscall {
                name: stringify!($name),
                x86_64: number!($x86_64),
                aarch64: number!($aarch64),
            };
        )*

        /// Every system call that the table names.
        pub const ALL: &[Syscall] = &[$($name),*];
    };
}

// Source: arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl of Linux 6.17.
syscalls! {
    accept: 43, 202;
    accept4: 288, 242;
    acct: 163, 89;
    add_key: 248, 217;
    adjtimex: 159, 171;
    bind: 49, 200;
    bpf: 321, 280;
    chmod: 90, none;
    chown: 92, none;
    chroot: 161, 51;
    clock_adjtime: 305, 266;
    clock_settime: 227, 112;
    clone: 56, 220;
    clone3: 435, 435;
    connect: 42, 203;
    creat: 85, none;
    delete_module: 176, 106;
    execve: 59, 221;
    execveat: 322, 281;
    exit_group: 231, 94;
    fanotify_init: 300, 262;
    fanotify_mark: 301, 263;
    fchmod: 91, 52;
    fchmodat: 268, 53;
    fchmodat2: 452, 452;
    fchown: 93, 55;
    fchownat: 260, 54;
    fcntl: 72, 25;
    file_setattr: 469, 469;
    finit_module: 313, 273;
    fremovexattr: 199, 16;
    fsconfig: 431, 431;
    fsetxattr: 190, 7;
    fsmount: 432, 432;
    fsopen: 430, 430;
    fspick: 433, 433;
    futimesat: 261, none;
    init_module: 175, 105;
    io_uring_enter: 426, 426;
    io_uring_register: 427, 427;
    io_uring_setup: 425, 425;
    ioctl: 16, 29;
    ioperm: 173, none;
    iopl: 172, none;
    ioprio_set: 251, 30;
    kcmp: 312, 272;
    kexec_file_load: 320, 294;
    kexec_load: 246, 104;
    keyctl: 250, 219;
    kill: 62, 129;
    lchown: 94, none;
    link: 86, none;
    linkat: 265, 37;
    listen: 50, 201;
    lookup_dcookie: 212, 18;
    lremovexattr: 198, 15;
    lsetxattr: 189, 6;
    migrate_pages: 256, 238;
    mkdir: 83, none;
    mkdirat: 258, 34;
    mknod: 133, none;
    mknodat: 259, 33;
    mount: 165, 40;
    mount_setattr: 442, 442;
    move_mount: 429, 429;
    move_pages: 279, 239;
    mq_getsetattr: 245, 185;
    mq_notify: 244, 184;
    mq_open: 240, 180;
    mq_timedreceive: 243, 183;
    mq_timedsend: 242, 182;
    mq_unlink: 241, 181;
    msgctl: 71, 187;
    msgget: 68, 186;
    msgrcv: 70, 188;
    msgsnd: 69, 189;
    name_to_handle_at: 303, 264;
    nfsservctl: 180, 42;
    open: 2, none;
    open_by_handle_at: 304, 265;
    open_tree: 428, 428;
    open_tree_attr: 467, 467;
    openat: 257, 56;
    openat2: 437, 437;
    perf_event_open: 298, 241;
    pidfd_getfd: 438, 438;
    pidfd_send_signal: 424, 424;
    pivot_root: 155, 41;
    prctl: 157, 167;
    prlimit64: 302, 261;
    process_madvise: 440, 440;
    process_mrelease: 448, 448;
    process_vm_readv: 310, 270;
    process_vm_writev: 311, 271;
    ptrace: 101, 117;
    quotactl: 179, 60;
    quotactl_fd: 443, 443;
    reboot: 169, 142;
    removexattr: 197, 14;
    removexattrat: 466, 466;
    rename: 82, none;
    renameat: 264, 38;
    renameat2: 316, 276;
    request_key: 249, 218;
    rmdir: 84, none;
    rt_sigqueueinfo: 129, 138;
    rt_tgsigqueueinfo: 297, 240;
    sched_setaffinity: 203, 122;
    sched_setattr: 314, 274;
    sched_setparam: 142, 118;
    sched_setscheduler: 144, 119;
    semctl: 66, 191;
    semget: 64, 190;
    semop: 65, 193;
    semtimedop: 220, 192;
    sendmmsg: 307, 269;
    sendto: 44, 206;
    setdomainname: 171, 162;
    sethostname: 170, 161;
    setns: 308, 268;
    setpriority: 141, 140;
    setrlimit: 160, 164;
    setsockopt: 54, 208;
    settimeofday: 164, 170;
    setxattr: 188, 5;
    setxattrat: 463, 463;
    shmat: 30, 196;
    shmctl: 31, 195;
    shmdt: 67, 197;
    shmget: 29, 194;
    socket: 41, 198;
    socketpair: 53, 199;
    swapoff: 168, 225;
    swapon: 167, 224;
    symlink: 88, none;
    symlinkat: 266, 36;
    syslog: 103, 116;
    tgkill: 234, 131;
    tkill: 200, 130;
    truncate: 76, 45;
    umount2: 166, 39;
    unlink: 87, none;
    unlinkat: 263, 35;
    unshare: 272, 97;
    userfaultfd: 323, 282;
    utime: 132, none;
    utimensat: 280, 88;
    utimes: 235, none;
    vhangup: 153, 58;
}
