//! Compiles the table into classic BPF.
//!
//! Conditional jumps reach 255 instructions, so every piece is made of smaller ones and ends in a
//! return on each path: pieces can be put one after the other and need no jump out of themselves.
//! The search over numbers is a balanced tree, and the leaf of a call without conditions reads
//! nothing but architecture and number, which lets the kernel remember that it is allowed
//! (the action cache of Linux 5.11).

use std::collections::BTreeSet;

use super::{Arch, Condition, Options, RANGES, Row, Verdict, range_of, rows, rows_of, table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) jt: u8,
    pub(super) jf: u8,
    pub(super) k: u32,
}

type Code = Vec<Instruction>;

// The encoding of `linux/bpf_common.h`; libc has it as wider integers.
pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_EQUAL: u16 = 0x15;
pub(super) const JUMP_AT_LEAST: u16 = 0x35;
pub(super) const JUMP_ANY_BIT: u16 = 0x45;
pub(super) const RETURN: u16 = 0x06;

/// Offsets in `struct seccomp_data`. Both architectures are little endian.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCH: u32 = 4;
const ARGS: u32 = 16;

pub(super) fn compile(arch: Arch, options: Options) -> Code {
    let mut code = vec![
        statement(LOAD, ARCH),
        branch(JUMP_EQUAL, arch.audit(), 1, 0),
        ret(table::FOREIGN),
        statement(LOAD, NUMBER),
    ];
    code.extend(search(&segments(arch, options)));
    code
}

/// A leaf, and the first number it is for; it holds up to the next one's first.
type Segment = (u32, Code);

fn segments(arch: Arch, options: Options) -> Vec<Segment> {
    let mut starts = BTreeSet::from([0]);
    for range in RANGES.iter().filter(|range| range.arch == arch) {
        starts.insert(range.first);
        starts.extend(range.last.checked_add(1));
    }
    for call in rows().flat_map(|row| row.calls) {
        if let Some(number) = call.number(arch) {
            starts.extend([number, number + 1]);
        }
    }
    let mut segments: Vec<Segment> = starts
        .into_iter()
        .map(|start| (start, leaf(arch, options, start)))
        .collect();
    segments.dedup_by(|next, previous| next.1 == previous.1);
    segments
}

fn search(segments: &[Segment]) -> Code {
    match segments {
        [] => vec![ret(table::FOREIGN)],
        [(_, leaf)] => leaf.clone(),
        _ => {
            let (left, right) = segments.split_at(segments.len() / 2);
            let pivot = right[0].0;
            let left = search(left);
            let mut code = jump_over(left.len(), pivot);
            code.extend(left);
            code.extend(search(right));
            code
        }
    }
}

/// Jumps over the next `count` instructions if the number is `pivot` or above.
fn jump_over(count: usize, pivot: u32) -> Code {
    if let Ok(near) = u8::try_from(count) {
        return vec![branch(JUMP_AT_LEAST, pivot, near, 0)];
    }
    // The unconditional jump has 32 bits, far more than a program may have instructions.
    let far = u32::try_from(count).unwrap_or(u32::MAX);
    vec![branch(JUMP_AT_LEAST, pivot, 0, 1), statement(JUMP, far)]
}

fn leaf(arch: Arch, options: Options, number: u32) -> Code {
    if let Some(range) = range_of(arch, number) {
        return vec![ret(range.verdict)];
    }
    let mut code = Code::new();
    for row in rows_of(arch, options, number) {
        code.extend(compile_row(row));
        if row.conditions.is_empty() {
            return code;
        }
    }
    code.push(ret(Verdict::Allow));
    code
}

/// Returns the verdict if the conditions hold, and falls out of the end if not.
fn compile_row(row: &Row) -> Code {
    let mut code = vec![ret(row.verdict)];
    for condition in row.conditions.iter().rev() {
        let mut with = compile_condition(condition, code.len());
        with.extend(code);
        code = with;
    }
    code
}

/// Falls out of the end if the condition holds, and jumps `rest` instructions further if not.
///
/// The counts fit: a row is a handful of conditions, each a few instructions, as a test checks.
fn compile_condition(condition: &Condition, rest: usize) -> Code {
    let skip = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
    match *condition {
        Condition::OneOf { arg, mask, values } => {
            let mut code = load_low(arg, mask);
            for (i, value) in values.iter().enumerate() {
                let after = values.len() - 1 - i;
                let otherwise = if after == 0 { skip(rest) } else { 0 };
                code.push(branch(JUMP_EQUAL, *value, skip(after), otherwise));
            }
            code
        }
        Condition::NoneOf { arg, mask, values } => {
            let mut code = load_low(arg, mask);
            for (i, value) in values.iter().enumerate() {
                let after = values.len() - 1 - i;
                code.push(branch(JUMP_EQUAL, *value, skip(after + rest), 0));
            }
            code
        }
        Condition::AnyBit { arg, mask } => {
            let [low, high] = halves(mask);
            let mut code = Code::new();
            if low != 0 && high != 0 {
                code.push(statement(LOAD, low_half(arg)));
                code.push(branch(JUMP_ANY_BIT, low, 2, 0));
            }
            let (offset, bits) = if high == 0 {
                (low_half(arg), low)
            } else {
                (low_half(arg) + 4, high)
            };
            code.push(statement(LOAD, offset));
            code.push(branch(JUMP_ANY_BIT, bits, 0, skip(rest)));
            code
        }
    }
}

fn load_low(arg: u8, mask: u32) -> Code {
    let mut code = vec![statement(LOAD, low_half(arg))];
    if mask != u32::MAX {
        code.push(statement(AND, mask));
    }
    code
}

fn low_half(arg: u8) -> u32 {
    ARGS + 8 * u32::from(arg)
}

fn halves(mask: u64) -> [u32; 2] {
    [mask & u64::from(u32::MAX), mask >> 32].map(|half| u32::try_from(half).unwrap_or(u32::MAX))
}

fn statement(code: u16, k: u32) -> Instruction {
    branch(code, k, 0, 0)
}

fn branch(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

fn ret(verdict: Verdict) -> Instruction {
    statement(RETURN, encode(verdict))
}

pub(super) fn encode(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        // The kernel takes 16 bits and caps them at its largest error number.
        Verdict::Errno(errno) => {
            libc::SECCOMP_RET_ERRNO | (errno.unsigned_abs() & libc::SECCOMP_RET_DATA)
        }
        Verdict::Notify => libc::SECCOMP_RET_USER_NOTIF,
    }
}
