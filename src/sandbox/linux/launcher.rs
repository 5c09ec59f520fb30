//! Launchers: static programs of a few hundred bytes that become another program.
//!
//! A crate can set variables for the compiler (`cargo:rustc-env`), and native search paths end up
//! in `LD_LIBRARY_PATH`. A dynamically linked program of ours would obey them before its first
//! instruction (ld.so(8)), so something without a loader has to take them away. A script cannot:
//! its interpreter has a loader as well.

use std::arch::global_asm;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use anyhow::Result;

use crate::sandbox::launcher::{Launcher, UNIT};

#[cfg(target_arch = "x86_64")]
global_asm!(include_str!("launcher/x86_64.s"), options(raw));
#[cfg(target_arch = "aarch64")]
global_asm!(include_str!("launcher/aarch64.s"), options(raw));

/// `e_machine` and the machine code.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere this can fail")]
fn code() -> Result<(u16, &'static [u8])> {
    unsafe extern "C" {
        #[link_name = "sandboxed_cargo_launcher_begin"]
        static BEGIN: u8;
        #[link_name = "sandboxed_cargo_launcher_end"]
        static END: u8;
    }
    const MACHINE: u16 = if cfg!(target_arch = "x86_64") {
        EM_X86_64
    } else {
        EM_AARCH64
    };
    let (begin, end) = (&raw const BEGIN, &raw const END);
    // SAFETY: both lie in read-only data, `begin` before `end`, with initialised bytes between.
    let code = unsafe { std::slice::from_raw_parts(begin, end.addr() - begin.addr()) };
    Ok((MACHINE, code))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn code() -> Result<(u16, &'static [u8])> {
    anyhow::bail!("there are no launchers for this processor yet")
}

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// The bytes of the executable; names and paths were checked.
pub(in crate::sandbox) fn image(launcher: Launcher<'_>) -> Result<Vec<u8>> {
    let (machine, code) = code()?;
    Ok(elf(machine, code, &data(launcher)))
}

/// The name in an image of a script's launcher, if it is one.
pub(in crate::sandbox) fn real(image: &[u8]) -> Option<OsString> {
    let name = image.strip_suffix(&[0])?.rsplit(|byte| *byte == 0).next()?;
    let name = OsStr::from_bytes(name);
    let expected = self::image(Launcher::Script { real: name }).ok()?;
    (expected == image).then(|| OsString::from_vec(name.as_bytes().to_vec()))
}

/// Undoes what the machine code did to one variable.
pub(in crate::sandbox) fn restore(name: &mut OsString) {
    let bytes = name.as_bytes();
    let first = match bytes {
        _ if bytes.starts_with(b"@D_") => b'L',
        _ if bytes.starts_with(b"@LIBC_") => b'G',
        _ => return,
    };
    *name = OsString::from_vec([&[first], &bytes[1..]].concat());
}

/// What the machine code finds behind itself.
fn data(launcher: Launcher<'_>) -> Vec<u8> {
    let mut data = Vec::new();
    match launcher {
        Launcher::Tool { program } => {
            data.push(0);
            data.extend(program.as_os_str().as_bytes());
        }
        Launcher::Script { real } => {
            data.push(1);
            data.extend([UNIT.as_bytes(), b"=\0", real.as_bytes()].concat());
        }
    }
    data.push(0);
    data
}

/// An executable without sections, whose one loaded segment is the whole file (elf(5)).
fn elf(machine: u16, code: &[u8], data: &[u8]) -> Vec<u8> {
    const EXECUTABLE: u16 = 2;
    // Where static programs start by custom: above every `vm.mmap_min_addr`.
    const BASE: u64 = 0x40_0000;
    const HEADER: u16 = 64;
    const SEGMENT: u16 = 56;
    const SEGMENTS: u16 = 2;

    let start = HEADER + SEGMENTS * SEGMENT;
    let size = u64::from(start) + code.len() as u64 + data.len() as u64;
    let entry = BASE + u64::from(start);

    // 64 bits, little endian, version 1, System V.
    let mut image = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    image.extend([EXECUTABLE, machine, 1, 0].map(u16::to_le_bytes).concat());
    image.extend([entry, u64::from(HEADER), 0].map(u64::to_le_bytes).concat());
    // After the flags: sizes and numbers; no sections.
    let numbers = [0, 0, HEADER, SEGMENT, SEGMENTS, 0, 0, 0];
    image.extend(numbers.map(u16::to_le_bytes).concat());
    // The largest page of aarch64: offset and address must agree modulo this.
    image.extend(segment(
        1,
        READ | EXECUTE,
        [0, BASE, BASE, size, size, 0x1_0000],
    ));
    // PT_GNU_STACK: without it the stack would be executable.
    image.extend(segment(0x6474_e551, READ | WRITE, [0, 0, 0, 0, 0, 16]));
    image.extend(code);
    image.extend(data);
    image
}

const EXECUTE: u32 = 1;
const WRITE: u32 = 2;
const READ: u32 = 4;

/// A program header: type, flags; offset, addresses, sizes, alignment.
fn segment(kind: u32, flags: u32, rest: [u64; 6]) -> Vec<u8> {
    let mut header = [kind, flags].map(u32::to_le_bytes).concat();
    header.extend(rest.map(u64::to_le_bytes).concat());
    header
}

#[cfg(test)]
mod tests;
