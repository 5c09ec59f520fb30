//! Kernel objects that outlive the build or belong to the user as a whole, and the machine.

use libc::EPERM;

use super::super::{Row, numbers as nr};
use super::deny;

const IPC_WHY: &str = "shared with every process of the user, and outlives the build";
const HOST_WHY: &str = "changes the machine, where the build runs as root";

pub(super) const ROWS: &[Row] = &[
    deny(
        &[nr::add_key, nr::request_key, nr::keyctl],
        EPERM,
        "the keyring holds the user's secrets, and keeps what is put there",
    ),
    deny(
        &[
            nr::shmget,
            nr::shmat,
            nr::shmctl,
            nr::shmdt,
            nr::semget,
            nr::semop,
            nr::semctl,
            nr::semtimedop,
            nr::msgget,
            nr::msgsnd,
            nr::msgrcv,
            nr::msgctl,
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
];
