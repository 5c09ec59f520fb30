//! The rows of the filter, and why each is there.
//!
//! What no row names is allowed: a build runs arbitrary compilers and tools, and Landlock already
//! governs what they do to files. The rows close what Landlock leaves open.

mod descriptors;
mod files;
mod kernel;
mod network;
mod processes;

use libc::ENOSYS;

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

/// The `prctl` option by which a program gives up attributes of files, with the address and the
/// length of a list of places: `sbxn`. It is also the answer that means yes. Without the filter the
/// kernel says `EINVAL`, and a filter that somebody put in between can answer with errors and with
/// 0, but with no other number.
pub const NARROW: u32 = 0x7362_786e;
/// The limit whose value says which narrowing holds for a process.
pub const NARROW_LIMIT: u32 = RLIMIT_LOCKS;

/// Part of the ABI; libc has it in another type for each C library. The kernel keeps it and does
/// nothing with it (Linux 2.4.0 to 2.4.24 did: getrlimit(2)).
const RLIMIT_LOCKS: u32 = 10;

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

/// All of an `int` argument.
const ANY: u32 = u32::MAX;

const NESTED: &str = "lets a nested call of this program ask the kernel whether it is confined";

static IDENTITY: [Row; 3] = [
    deny(&[nr::prctl], INSIDE_ERRNO, NESTED)
        .given(&[one_of(0, ANY, &[INSIDE]), one_of(1, ANY, &[INSIDE_BUILD])])
        .only(When::NetworkDenied),
    deny(&[nr::prctl], INSIDE_ERRNO, NESTED)
        .given(&[
            one_of(0, ANY, &[INSIDE]),
            one_of(1, ANY, &[INSIDE_PREFETCH]),
        ])
        .only(When::NetworkInternet),
    notify(
        &[nr::prctl],
        "gives up attributes of files, for the process and all that it will start",
    )
    .given(&[one_of(0, ANY, &[NARROW])]),
];

/// Every row under its heading, in the order in which they are asked.
pub static GROUPS: &[(&str, &[Row])] = &[
    ("identity", &IDENTITY),
    ("network", network::ROWS),
    ("processes and namespaces", processes::ROWS),
    ("descriptors", descriptors::ROWS),
    ("kernel objects and the machine", kernel::ROWS),
    ("files", files::ROWS),
];

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, rows)| *rows)
}

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
