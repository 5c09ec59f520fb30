//! Every action, what it would do, and who stops it.
//!
//! The attacker's side of each, under the same name, is in `hostile/`.

use super::secrets;

/// What the harness looks at, from outside, to tell whether an action had its effect.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Judge {
    /// A canary server received the action's mark.
    Received,
    /// This file of the home folder holds the mark.
    HomeFile(&'static str),
    /// This file of the project holds the mark.
    HostFile(&'static str),
    /// The file that the fact `path.NAME` names exists.
    Elsewhere,
    /// `victims/NAME` of the project changed in any way, or `victims/NAME.new` exists.
    Victim,
    /// This path of the home folder changed, in whatever way.
    HomeTouched(&'static str),
    /// This path of the home folder exists.
    HomeExists(&'static str),
    /// What the action reported holds its needle.
    Needle,
    /// The same, with the needle of another action.
    NeedleOf(&'static str),
    /// The same, with any of the environment's needles.
    Environment,
    /// The process of this action changed its state, limits or scheduling.
    Process,
    /// A process of this action is there when the build is over.
    Survives,
    /// A file of this action still grows when the build is over.
    Grows,
    /// A file of this action is setuid or setgid.
    Setuid,
    /// Somebody typed the mark into the user's terminal.
    Typed,
    /// The terminal showed the mark.
    Shown,
    /// A key, queue or segment of this action is there.
    Key,
    SharedMemory,
    Semaphores,
    MessageQueue,
    PosixQueue,
    /// Nothing can be seen from outside: the kernel gave the action what it asked for.
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Network,
    Read,
    Write,
    Attributes,
    Process,
    Kernel,
    Persistence,
}

/// What only namespaces stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    HiddenFiles,
    OtherProcesses,
}

impl Gap {
    /// What `doctor` says where namespaces are refused.
    pub(crate) const fn in_doctors_words(self) -> &'static str {
        match self {
            Self::HiddenFiles => {
                "a build can learn that hidden files exist, with their size, times, attributes \
                 and link text, and can watch them for changes"
            }
            Self::OtherProcesses => {
                "a build can read the names and command lines of other processes in /proc"
            }
        }
    }
}

/// What a machine must have for the control run to show anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// Only root may do this without a sandbox.
    Root,
    /// Some kernels, file systems or containers refuse this to everyone.
    Luck,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) judge: Judge,
    pub(crate) needs: Needs,
    /// What the first wall alone leaves open.
    pub(crate) gap: Option<Gap>,
    /// The `compat` profile promises that this works.
    pub(crate) compat: bool,
}

const fn attack(name: &'static str, class: Class, judge: Judge) -> Attack {
    Attack {
        name,
        class,
        judge,
        needs: Needs::Nothing,
        gap: None,
        compat: false,
    }
}

impl Attack {
    const fn root(mut self) -> Self {
        self.needs = Needs::Root;
        self
    }

    const fn luck(mut self) -> Self {
        self.needs = Needs::Luck;
        self
    }

    const fn compat(mut self) -> Self {
        self.compat = true;
        self
    }

    const fn gap(mut self, gap: Gap) -> Self {
        self.gap = Some(gap);
        self
    }
}

use Class::{Attributes, Kernel, Network, Persistence, Process, Read, Write};
use Judge::{HomeFile, HostFile, Needle, NeedleOf, Received, Victim, Word};

pub(crate) const TABLE: &[Attack] = &[
    attack("tcp-v4", Network, Received),
    attack("tcp-v6", Network, Received),
    attack("tcp-multipath", Network, Received).luck(),
    attack("tcp-fast-open", Network, Received).luck(),
    attack("tcp-listen", Network, Received),
    attack("tcp-inherited", Network, Received),
    attack("udp-v4", Network, Received),
    attack("udp-v6", Network, Received),
    attack("udp-connected", Network, Received),
    attack("dns-query", Network, Received),
    attack("http-post", Network, Received),
    attack("netlink-route", Network, Word),
    attack("vsock", Network, Word).luck(),
    attack("crypto-socket", Network, Word).luck(),
    attack("packet-socket", Network, Word).root().luck(),
    attack("raw-socket", Network, Word).root().luck(),
    attack("unix-stream", Network, Received),
    attack("unix-datagram", Network, Received),
    attack("unix-abstract", Network, Received),
    attack("unix-seqpacket", Network, Word),
    attack("unix-bind", Network, Judge::HomeExists("run/unix-bind")),
    attack("pair-sendto", Network, Received),
    attack("pair-connect", Network, Received),
    attack("pair-raw-sendto", Network, Received),
    attack("pair-flags-sendto", Network, Received),
    attack("wide-family", Network, Received),
    attack("wide-pair", Network, Received),
    attack("other-thread-tcp", Network, Received),
    attack("curl", Network, Received),
    attack("curl-unix", Network, Received),
    attack("wget", Network, Received),
    attack("python", Network, Received),
    attack("perl", Network, Received),
    attack("node", Network, Received),
    attack("bash-dev-tcp", Network, Received),
    attack("netcat", Network, Received),
    attack("git-daemon", Network, Received),
    attack("nested-cargo-fetch", Network, Received),
    attack("ring-connect", Network, Received).luck(),
    attack("ia32-connect", Network, Received).luck(),
    attack("x32-connect", Network, Received).luck(),
    attack("read-ssh-key", Read, Needle),
    attack("read-aws", Read, Needle),
    attack("read-gcloud", Read, Needle),
    attack("read-azure", Read, Needle),
    attack("read-kube", Read, Needle),
    attack("read-docker", Read, Needle),
    attack("read-gh", Read, Needle),
    attack("read-npmrc", Read, Needle),
    attack("read-pypirc", Read, Needle),
    attack("read-netrc", Read, Needle),
    attack("read-pgpass", Read, Needle),
    attack("read-git-credentials", Read, Needle),
    attack("read-gnupg", Read, Needle),
    attack("read-password-store", Read, Needle),
    attack("read-vault-token", Read, Needle),
    attack("read-cargo-credentials", Read, Needle),
    attack("read-cargo-credentials-old", Read, Needle),
    attack("read-firefox", Read, Needle),
    attack("read-chrome", Read, Needle),
    attack("read-wallet", Read, Needle),
    attack("read-telegram", Read, Needle),
    attack("read-history", Read, Needle),
    attack("read-claude", Read, Needle),
    attack("read-document", Read, Needle).compat(),
    attack("read-host-env", Read, Needle),
    attack("read-host-env-local", Read, Needle),
    attack("read-package-env", Read, Needle),
    attack("read-host-git-config", Read, Needle),
    attack("read-sibling-env", Read, Needle).compat(),
    attack("read-sibling-source", Read, Needle).compat(),
    attack("read-neighbour-file", Read, Needle).compat(),
    attack("environment", Read, Judge::Environment),
    attack("environment-block", Read, Judge::Environment),
    attack("environment-of-parents", Read, Judge::Environment),
    attack("child-cat", Read, Needle),
    attack("ring-read", Read, Needle).luck(),
    attack("read-by-symlink", Read, Needle),
    attack("read-by-hard-link", Read, Needle),
    attack("read-by-path-descriptor", Read, Needle),
    attack("read-by-folder", Read, Needle),
    attack("read-by-own-root", Read, Needle),
    attack("read-by-parent-root", Read, Needle).luck(),
    attack("read-by-mount", Read, Needle).luck(),
    attack("read-by-handle", Read, Needle).root().luck(),
    attack("read-by-include", Read, Needle),
    attack("read-inherited-file", Read, Needle),
    attack("read-inherited-folder", Read, Needle),
    attack("read-inherited-dot-dot", Read, NeedleOf("read-ssh-key")),
    attack("list-home", Read, Needle).compat(),
    attack("list-ssh", Read, Needle),
    attack("read-shared-temporary", Read, Needle).compat(),
    attack("read-password-hashes", Read, Word).root(),
    attack("stat-hidden", Read, Needle).gap(Gap::HiddenFiles),
    attack("readlink-hidden", Read, Needle).gap(Gap::HiddenFiles),
    attack("getxattr-hidden", Read, Needle)
        .luck()
        .gap(Gap::HiddenFiles),
    attack("inotify-hidden", Read, Word).gap(Gap::HiddenFiles),
    attack("write-bashrc", Persistence, HomeFile(".bashrc")),
    attack("write-profile", Persistence, HomeFile(".profile")),
    attack("write-zshenv", Persistence, HomeFile(".zshenv")),
    attack(
        "write-authorized-keys",
        Persistence,
        HomeFile(".ssh/authorized_keys"),
    ),
    attack("write-ssh-config", Persistence, HomeFile(".ssh/config")),
    attack(
        "write-systemd-unit",
        Persistence,
        HomeFile(".config/systemd/user/evil.service"),
    ),
    attack(
        "write-autostart",
        Persistence,
        HomeFile(".config/autostart/evil.desktop"),
    ),
    attack(
        "write-editor-settings",
        Persistence,
        HomeFile(".config/Code/User/settings.json"),
    ),
    attack("write-git-config", Persistence, HomeFile(".gitconfig")),
    attack("write-npmrc", Persistence, HomeFile(".npmrc")),
    attack("write-local-bin", Persistence, HomeFile(".local/bin/ls")),
    attack(
        "write-cargo-bin",
        Persistence,
        HomeFile(".cargo/bin/cargo-evil"),
    ),
    attack(
        "write-cargo-config",
        Persistence,
        HomeFile(".cargo/config.toml"),
    ),
    attack("write-cargo-env", Persistence, HomeFile(".cargo/env")),
    attack(
        "write-cargo-credentials",
        Persistence,
        HomeFile(".cargo/credentials.toml"),
    ),
    attack(
        "write-registry-source",
        Persistence,
        HomeFile(secrets::REGISTRY_SOURCE),
    ),
    attack(
        "write-registry-cache",
        Persistence,
        HomeFile(secrets::REGISTRY_CACHE),
    ),
    attack(
        "write-git-checkout",
        Persistence,
        HomeFile(".cargo/git/checkouts/other/main/lib.rs"),
    ),
    attack(
        "write-rustup-toolchain",
        Persistence,
        HomeFile(".rustup/toolchains/evil/bin/rustc"),
    ),
    attack(
        "write-rustup-settings",
        Persistence,
        HomeFile(".rustup/settings.toml"),
    ),
    attack(
        "write-host-package-json",
        Persistence,
        HostFile("package.json"),
    ),
    attack("write-host-lockfile", Persistence, HostFile("Cargo.lock")),
    attack("write-host-manifest", Persistence, HostFile("Cargo.toml")),
    attack("write-host-source", Persistence, HostFile("src/main.rs")),
    attack("write-host-env", Persistence, HostFile(".env")),
    attack(
        "write-host-cargo-config",
        Persistence,
        HostFile(".cargo/config.toml"),
    ),
    attack(
        "write-host-toolchain-file",
        Persistence,
        HostFile("rust-toolchain.toml"),
    ),
    attack(
        "write-perry-cache",
        Persistence,
        HostFile(".perry-cache/evil"),
    ),
    attack(
        "write-perry-object",
        Persistence,
        HostFile(".perry-cache/objects/native.o"),
    ),
    attack(
        "write-git-hook",
        Persistence,
        HostFile(".git/hooks/pre-commit"),
    ),
    attack(
        "write-git-local-config",
        Persistence,
        HostFile(".git/config"),
    ),
    attack("write-husky", Persistence, HostFile(".husky/pre-commit")),
    attack(
        "write-vscode-tasks",
        Persistence,
        HostFile(".vscode/tasks.json"),
    ),
    attack(
        "write-claude-settings",
        Persistence,
        HostFile(".claude/settings.json"),
    ),
    attack(
        "write-workflow",
        Persistence,
        HostFile(".github/workflows/evil.yml"),
    ),
    attack("write-direnv", Persistence, HostFile(".envrc")),
    attack(
        "write-node-module",
        Persistence,
        HostFile("node_modules/other/index.js"),
    ),
    attack(
        "write-other-build-script",
        Persistence,
        HostFile("vendor/other/build.rs"),
    ),
    attack(
        "write-own-source",
        Persistence,
        HostFile("vendor/evil/src/lib.rs"),
    ),
    attack(
        "write-parent-cargo-config",
        Persistence,
        HostFile("../.cargo/config.toml"),
    ),
    attack(
        "write-sibling-project",
        Persistence,
        HostFile("../sibling/src/lib.rs"),
    ),
    attack("write-tmp", Write, Judge::Elsewhere).compat(),
    attack("write-var-tmp", Write, Judge::Elsewhere).compat(),
    attack("write-dev-shm", Write, Judge::Elsewhere),
    attack("child-shell-append", Write, HomeFile(".zshrc")),
    attack("child-cp-preserve", Write, Victim),
    attack("ring-truncate", Write, Victim).luck(),
    attack("ia32-write", Write, HomeFile(".tcshrc")).luck(),
    attack("hard-link-in", Write, Victim),
    attack("hard-link-out", Write, Victim),
    attack("hard-link-descriptor", Write, Victim).luck(),
    attack("symlink-file", Write, Victim),
    attack("symlink-folder", Write, Victim),
    attack("symlink-out", Write, Victim),
    attack("rename-out", Write, Victim),
    attack("rename-in", Write, Victim),
    attack("rename-exchange", Write, Victim).luck(),
    attack("unlink", Write, Victim),
    attack("rmdir", Write, Victim),
    attack("mkdir", Write, Victim),
    attack("mkfifo", Write, Victim),
    attack("truncate", Write, Victim),
    attack("open-truncate", Write, Victim),
    attack("path-descriptor", Write, Victim),
    attack("reopen-descriptor", Write, Victim),
    attack("inherited-folder-write", Write, Victim),
    attack("own-root-link", Write, Victim),
    attack("parent-root-link", Write, Victim).luck(),
    attack("dot-dot-from-target", Write, Victim),
    attack("openat2", Write, Victim),
    attack("loader-start", Write, HomeFile(".config/loader")),
    attack("chmod", Attributes, Victim),
    attack(
        "chmod-hidden-folder",
        Attributes,
        Judge::HomeTouched(".ssh"),
    ),
    attack(
        "chmod-hidden-file",
        Attributes,
        Judge::HomeTouched(".ssh/id_rsa"),
    ),
    attack("chmod-symlink", Attributes, Victim),
    attack("chmod-relative", Attributes, Victim),
    attack("chmod-folder-descriptor", Attributes, Victim),
    attack("chmod-own-descriptor", Attributes, Victim),
    attack("chmod-inherited-folder", Attributes, Victim),
    attack("fchmod-read-only", Attributes, Victim),
    attack("fchmodat2", Attributes, Victim).luck(),
    attack("fchmodat2-empty-path", Attributes, Victim).luck(),
    attack("chmod-race-symlink", Attributes, Victim),
    attack("chmod-race-folder", Attributes, Victim),
    attack("chmod-race-memory", Attributes, Victim),
    attack("chown", Attributes, Victim),
    attack("lchown", Attributes, Victim),
    attack("fchown-read-only", Attributes, Victim),
    attack("fchownat-empty-path", Attributes, Victim),
    attack("utimensat", Attributes, Victim),
    attack(
        "utimensat-hidden",
        Attributes,
        Judge::HomeTouched(".ssh/kept/utimensat-hidden"),
    ),
    attack("utimensat-symlink", Attributes, Victim),
    attack("futimens-read-only", Attributes, Victim),
    attack("utime", Attributes, Victim),
    attack("utimes", Attributes, Victim),
    attack("setxattr", Attributes, Victim).luck(),
    attack("setxattr-acl", Attributes, Victim).luck(),
    attack("lsetxattr", Attributes, Victim).luck(),
    attack("fsetxattr-read-only", Attributes, Victim).luck(),
    attack("setxattrat", Attributes, Victim).luck(),
    attack("removexattr", Attributes, Victim).luck(),
    attack("fremovexattr-read-only", Attributes, Victim).luck(),
    attack("removexattrat", Attributes, Victim).luck(),
    attack("set-flags", Attributes, Victim).luck(),
    attack("fs-set-xattr", Attributes, Victim).luck(),
    attack("file-setattr", Attributes, Victim).luck(),
    attack("ring-xattr", Attributes, Victim).luck(),
    attack("ia32-chmod", Attributes, Victim).luck(),
    attack("kill", Process, Judge::Process),
    attack("kill-stop", Process, Judge::Process),
    attack("kill-group", Process, Judge::Process),
    attack("tgkill", Process, Judge::Process),
    attack("rt-sigqueueinfo", Process, Judge::Process),
    attack("rt-tgsigqueueinfo", Process, Judge::Process),
    attack("pidfd-send-signal", Process, Judge::Process),
    attack("signal-by-owner", Process, Judge::Process),
    attack("ptrace-seize", Process, Judge::Process).luck(),
    attack("read-process-memory", Process, Needle).luck(),
    attack("read-process-memory-file", Process, Needle).luck(),
    attack("read-process-environment", Process, Needle),
    attack("read-process-descriptor", Process, Needle),
    attack("pidfd-getfd", Process, Needle).luck(),
    attack("read-process-folder", Process, Needle),
    attack("read-process-arguments", Process, Needle).gap(Gap::OtherProcesses),
    attack(
        "list-processes",
        Process,
        NeedleOf("read-process-arguments"),
    )
    .gap(Gap::OtherProcesses),
    attack("limits", Process, Judge::Process),
    attack("priority", Process, Judge::Process),
    attack("priority-group", Process, Judge::Process),
    attack("affinity", Process, Judge::Process),
    attack("scheduler", Process, Judge::Process),
    attack("scheduler-attributes", Process, Judge::Process),
    attack("io-priority", Process, Judge::Process),
    attack("oom-score", Process, Judge::Process),
    attack("ancestor-root", Process, Needle).luck(),
    attack("ancestor-folder", Process, Needle).luck(),
    attack("ancestor-descriptors", Process, Needle).luck(),
    attack("ancestor-write", Process, Victim).luck(),
    attack("ancestor-memory", Process, Word).luck(),
    attack("ancestor-trace", Process, Word).luck(),
    attack("ancestor-signal", Process, Word),
    attack("ancestor-take-descriptor", Process, Word).luck(),
    attack("ancestor-namespaces", Process, Word).root().luck(),
    attack("key-read", Kernel, Needle).luck(),
    attack("key-add", Kernel, Judge::Key).luck(),
    attack("shared-memory-make", Kernel, Judge::SharedMemory),
    attack("shared-memory-read", Kernel, Needle),
    attack("semaphores-make", Kernel, Judge::Semaphores),
    attack("message-queue-make", Kernel, Judge::MessageQueue),
    attack("posix-queue-make", Kernel, Judge::PosixQueue).luck(),
    attack("terminal-push", Kernel, Judge::Typed).luck(),
    attack("terminal-write", Kernel, Judge::Shown),
    attack("terminal-by-name", Kernel, Judge::Typed).luck(),
    attack("userfaultfd", Kernel, Word).luck(),
    attack("bpf", Kernel, Word).root().luck(),
    attack("perf-event", Kernel, Word).luck(),
    attack("unshare-user", Kernel, Word).luck(),
    attack("clone3-user", Kernel, Word).luck(),
    attack("mount", Kernel, Word).root().luck(),
    attack("open-tree", Kernel, Word).root().luck(),
    attack("fs-open", Kernel, Word).root().luck(),
    attack("chroot", Kernel, Word).root().luck(),
    attack("setns", Kernel, Word).root().luck(),
    attack("file-handle", Kernel, Word).luck(),
    attack("device-node", Kernel, Word).root().luck(),
    attack("block-device", Kernel, Word).root().luck(),
    attack("kernel-log", Kernel, Word).root().luck(),
    attack("kernel-setting", Kernel, Word).root().luck(),
    attack("cgroup-make", Kernel, Judge::Elsewhere)
        .root()
        .luck(),
    attack("setuid-chmod", Persistence, Judge::Setuid),
    attack("setuid-create", Persistence, Judge::Setuid),
    attack("setuid-fchmod", Persistence, Judge::Setuid),
    attack("setuid-mknod", Persistence, Judge::Setuid),
    attack("setuid-copy", Persistence, Judge::Setuid),
    attack("child-left", Persistence, Judge::Survives),
    attack("child-own-group", Persistence, Judge::Survives),
    attack("daemon", Persistence, Judge::Survives),
    attack("daemon-deaf", Persistence, Judge::Survives),
    attack("daemon-writer", Persistence, Judge::Grows),
    attack("daemon-moving", Persistence, Judge::Grows),
];
