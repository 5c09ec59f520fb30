//! The system call filter: a table with a reason per row, and what turns it into kernel code.
//!
//! Landlock governs files. What it does not govern is refused here, or handed to the supervisor,
//! which performs it where the policy allows. The table is data so that tests can interpret the
//! compiled filter for each architecture and compare it with the table itself, and so that the
//! documentation can print it.

mod bpf;
mod install;
pub mod numbers;
pub mod table;

#[cfg(test)]
mod interpreter;
#[cfg(test)]
mod kernel_tests;
#[cfg(test)]
mod tests;

use crate::denial::Watch;
use crate::policy::Network;

pub use install::{inside, inside_prefetch, install, install_with_listener, no_new_privs};
pub use numbers::Syscall;
pub use table::{GROUPS, RANGES, Range, rows};

/// An architecture that the filter is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    Aarch64,
    X86_64,
}

impl Arch {
    pub const ALL: [Self; 2] = [Self::Aarch64, Self::X86_64];

    /// The one this program is built for; `None` where there is no table.
    pub const fn native() -> Option<Self> {
        if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
            Some(Self::X86_64)
        } else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// The value of `seccomp_data.arch`: `AUDIT_ARCH_*` of `linux/audit.h`.
    pub const fn audit(self) -> u32 {
        match self {
            Self::Aarch64 => 0xc000_00b7,
            Self::X86_64 => 0xc000_003e,
        }
    }
}

/// What the kernel does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// The call fails with this number.
    Errno(i32),
    /// The supervisor performs it, or answers with an error.
    Notify,
}

/// A condition on one argument.
///
/// The kernel passes six 64-bit words but reads an `int` from the low half only: the other half may
/// hold anything and must not change the answer. Pointers and `unsigned long` masks use both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The low half, under `mask`, is one of `values`.
    OneOf {
        arg: u8,
        mask: u32,
        values: &'static [u32],
    },
    /// The low half, under `mask`, is none of `values`.
    NoneOf {
        arg: u8,
        mask: u32,
        values: &'static [u32],
    },
    /// One of these bits is set.
    AnyBit { arg: u8, mask: u64 },
}

impl Condition {
    fn holds(&self, args: &[u64; 6]) -> bool {
        let low = |arg: u8, mask: u32| args[usize::from(arg)] & u64::from(mask);
        match *self {
            Self::OneOf { arg, mask, values } => {
                values.iter().any(|v| u64::from(*v) == low(arg, mask))
            }
            Self::NoneOf { arg, mask, values } => {
                values.iter().all(|v| u64::from(*v) != low(arg, mask))
            }
            Self::AnyBit { arg, mask } => args[usize::from(arg)] & mask != 0,
        }
    }
}

/// When a row is part of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    NetworkDenied,
    NetworkInternet,
    Signals,
    Truncate,
    /// In a build without a network whose attempts are observed.
    WatchedNetwork,
    WatchedChanges,
    WatchedReads,
}

/// One rule: of the rows that name a call, the first whose conditions all hold decides.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub calls: &'static [Syscall],
    pub conditions: &'static [Condition],
    pub when: When,
    pub verdict: Verdict,
    pub why: &'static str,
}

/// What varies between the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub network: Network,
    /// Landlock does not govern `truncate` (ABI below 3): the supervisor performs it.
    pub truncate: bool,
    /// Landlock does not scope signals (ABI below 6) and there is no PID namespace: the supervisor
    /// sends them.
    pub signals: bool,
    /// What the supervisor is told of, though it decides nothing.
    pub watch: Watch,
}

impl Options {
    fn include(self, when: When) -> bool {
        match when {
            When::Always => true,
            When::NetworkDenied => self.network == Network::Denied,
            When::NetworkInternet => self.network == Network::Internet,
            When::Signals => self.signals,
            When::Truncate => self.truncate,
            When::WatchedNetwork => self.network == Network::Denied && self.watch != Watch::Nothing,
            When::WatchedChanges => self.watch != Watch::Nothing,
            When::WatchedReads => self.watch == Watch::Everything,
        }
    }
}

/// A system call as the kernel shows it to a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// `AUDIT_ARCH_*`.
    pub audit: u32,
    pub number: u32,
    pub args: [u64; 6],
}

/// The table's own answer, and the reason; what the compiled filter must agree with.
pub fn decide(arch: Arch, options: Options, call: &Call) -> (Verdict, &'static str) {
    if call.audit != arch.audit() {
        return (table::FOREIGN, table::FOREIGN_WHY);
    }
    if let Some(range) = range_of(arch, call.number) {
        return (range.verdict, range.why);
    }
    rows_of(arch, options, call.number)
        .find(|row| row.conditions.iter().all(|c| c.holds(&call.args)))
        .map_or((Verdict::Allow, "no row refuses it"), |row| {
            (row.verdict, row.why)
        })
}

/// The filter, ready for the kernel.
pub fn filter(arch: Arch, options: Options) -> Vec<libc::sock_filter> {
    bpf::compile(arch, options)
        .into_iter()
        .map(|i| libc::sock_filter {
            code: i.code,
            jt: i.jt,
            jf: i.jf,
            k: i.k,
        })
        .collect()
}

fn range_of(arch: Arch, number: u32) -> Option<&'static Range> {
    RANGES
        .iter()
        .find(|r| r.arch == arch && (r.first..=r.last).contains(&number))
}

fn rows_of(
    arch: Arch,
    options: Options,
    number: u32,
) -> impl Iterator<Item = &'static Row> + use<> {
    rows().filter(move |row| {
        options.include(row.when) && row.calls.iter().any(|c| c.number(arch) == Some(number))
    })
}
