//! `io_uring`: system calls that no filter on system calls sees.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use super::sys::{self, check};
use super::{mark, network, secret, victim, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("ring-connect", connect),
    ("ring-truncate", truncate),
    ("ring-read", read),
    ("ring-xattr", xattr),
];

const OPENAT: u8 = 18;
const READ: u8 = 22;
const SEND: u8 = 26;
const CONNECT: u8 = 16;
const SETXATTR: u8 = 42;
const SOCKET: u8 = 45;

#[repr(C)]
#[derive(Default)]
struct Parameters {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    reserved: [u32; 3],
    sq: [u32; 10],
    cq: [u32; 10],
}

#[repr(C)]
#[derive(Default)]
struct Entry {
    opcode: u8,
    flags: u8,
    ioprio: u16,
    fd: i32,
    offset: u64,
    address: u64,
    length: u32,
    operation_flags: u32,
    user_data: u64,
    rest: [u64; 3],
}

struct Ring {
    fd: i32,
    parameters: Parameters,
    submission: *mut u8,
    completion: *mut u8,
    entries: *mut Entry,
}

impl Ring {
    fn new() -> Result<Self, String> {
        let mut parameters = Parameters::default();
        let fd = check(unsafe { sys::syscall(sys::NR_IO_URING_SETUP, 4, &mut parameters) })
            .map_err(|e| {
                if super::fact("io_uring") == "off" {
                    format!("absent: {e}")
                } else {
                    e
                }
            })? as i32;
        let map = |length: u32, offset: i64| -> Result<*mut c_void, String> {
            let at =
                unsafe { sys::mmap(std::ptr::null_mut(), length as usize, 3, 0x8001, fd, offset) };
            if at as isize == -1 {
                return Err("mmap failed".into());
            }
            Ok(at)
        };
        let submission = map(parameters.sq[6] + parameters.sq_entries * 4, 0)?.cast();
        let completion = map(parameters.cq[5] + parameters.cq_entries * 16, 0x800_0000)?.cast();
        let entries = map(parameters.sq_entries * 64, 0x1000_0000)?.cast();
        Ok(Self {
            fd,
            parameters,
            submission,
            completion,
            entries,
        })
    }

    /// One operation, waited for.
    fn call(&self, entry: Entry) -> Result<i32, String> {
        let word =
            |base: *mut u8, offset: u32| unsafe { &*base.add(offset as usize).cast::<AtomicU32>() };
        let tail = word(self.submission, self.parameters.sq[1]);
        let mask = word(self.submission, self.parameters.sq[2]).load(Ordering::Acquire);
        let index = tail.load(Ordering::Acquire) & mask;
        unsafe { self.entries.add(index as usize).write(entry) };
        word(self.submission, self.parameters.sq[6] + index * 4).store(index, Ordering::Release);
        tail.fetch_add(1, Ordering::Release);
        let none = std::ptr::null::<c_void>();
        check(unsafe { sys::syscall(sys::NR_IO_URING_ENTER, self.fd, 1, 1, 1, none, 0_usize) })?;
        let head = word(self.completion, self.parameters.cq[0]);
        let mask = word(self.completion, self.parameters.cq[2]).load(Ordering::Acquire);
        let index = head.load(Ordering::Acquire) & mask;
        let result = unsafe {
            self.completion
                .add((self.parameters.cq[5] + index * 16 + 8) as usize)
                .cast::<i32>()
                .read()
        };
        head.fetch_add(1, Ordering::Release);
        if result < 0 {
            return Err(std::io::Error::from_raw_os_error(-result).to_string());
        }
        Ok(result)
    }
}

fn connect(name: &str) -> Done {
    let ring = Ring::new()?;
    let socket = ring.call(Entry {
        opcode: SOCKET,
        fd: 2,
        offset: 1,
        ..Entry::default()
    })?;
    let address = network::loopback("port.tcp");
    ring.call(Entry {
        opcode: CONNECT,
        fd: socket,
        address: std::ptr::from_ref(&address) as u64,
        offset: 16,
        ..Entry::default()
    })?;
    let data = mark(name);
    let sent = ring.call(Entry {
        opcode: SEND,
        fd: socket,
        address: data.as_ptr() as u64,
        length: data.len() as u32,
        ..Entry::default()
    })?;
    Ok(format!("{sent} bytes"))
}

fn open(ring: &Ring, path: &std::path::Path, flags: i32) -> Result<i32, String> {
    let path = sys::c(path);
    ring.call(Entry {
        opcode: OPENAT,
        fd: sys::AT_FDCWD,
        address: path.as_ptr() as u64,
        operation_flags: flags as u32,
        ..Entry::default()
    })
}

fn truncate(name: &str) -> Done {
    let ring = Ring::new()?;
    open(&ring, &victim(name), sys::O_WRONLY | sys::O_TRUNC).map(|fd| format!("descriptor {fd}"))
}

fn read(name: &str) -> Done {
    let ring = Ring::new()?;
    let fd = open(&ring, &secret(name), sys::O_RDONLY)?;
    let mut buffer = [0_u8; 4096];
    let length = ring.call(Entry {
        opcode: READ,
        fd,
        address: buffer.as_mut_ptr() as u64,
        length: buffer.len() as u32,
        ..Entry::default()
    })?;
    Ok(String::from_utf8_lossy(&buffer[..length as usize]).into_owned())
}

fn xattr(name: &str) -> Done {
    let ring = Ring::new()?;
    let path = sys::c(victim(name));
    ring.call(Entry {
        opcode: SETXATTR,
        address: c"user.evil".as_ptr() as u64,
        offset: c"1".as_ptr() as u64,
        length: 1,
        rest: [0, path.as_ptr() as u64, 0],
        ..Entry::default()
    })?;
    Ok("set".into())
}
