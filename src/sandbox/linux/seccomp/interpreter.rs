//! Runs a filter as the kernel would, to test filters of any architecture on any.

use super::Call;
use super::bpf::{AND, ARCH, JUMP, JUMP_ANY_BIT, JUMP_AT_LEAST, JUMP_EQUAL, LOAD, NUMBER, RETURN};

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) action: u32,
    pub(super) steps: usize,
    /// Did it look at anything but architecture and number?
    pub(super) read_arguments: bool,
}

/// Panics on whatever the kernel's checker refuses.
pub(super) fn run(filter: &[libc::sock_filter], call: &Call) -> Run {
    let mut data = [0; 64];
    data[0..4].copy_from_slice(&call.number.to_le_bytes());
    data[4..8].copy_from_slice(&call.audit.to_le_bytes());
    // The instruction pointer, which no rule may depend on.
    data[8..16].fill(0xa5);
    for (i, arg) in call.args.iter().enumerate() {
        data[16 + 8 * i..24 + 8 * i].copy_from_slice(&arg.to_le_bytes());
    }

    let mut accumulator = 0;
    let mut at = 0;
    let mut read_arguments = false;
    for steps in 1.. {
        let instruction = filter[at];
        let k = instruction.k;
        let mut branch = |holds: bool| {
            at += usize::from(if holds {
                instruction.jt
            } else {
                instruction.jf
            });
        };
        match instruction.code {
            LOAD => {
                assert!(k.is_multiple_of(4), "unaligned load at {at}");
                let offset = usize::try_from(k).unwrap();
                accumulator = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
                read_arguments |= k != NUMBER && k != ARCH;
            }
            AND => accumulator &= k,
            JUMP => at += usize::try_from(k).unwrap(),
            JUMP_EQUAL => branch(accumulator == k),
            JUMP_AT_LEAST => branch(accumulator >= k),
            JUMP_ANY_BIT => branch(accumulator & k != 0),
            RETURN => {
                return Run {
                    action: k,
                    steps,
                    read_arguments,
                };
            }
            code => panic!("unknown instruction {code:#x} at {at}"),
        }
        at += 1;
    }
    unreachable!("the counter has no end")
}
