//! System calls of another ABI, whose numbers mean something else to a filter.

use super::{Action, Done};

pub const ACTIONS: &[Action] = &[
    ("ia32-connect", ia32_connect),
    ("ia32-chmod", ia32_chmod),
    ("ia32-write", ia32_write),
    ("x32-connect", x32_connect),
];

#[cfg(not(target_arch = "x86_64"))]
mod abi {
    use super::Done;

    pub(super) fn connect(_: &str) -> Done {
        Err("absent: not x86-64".into())
    }
    pub(super) use connect as chmod;
    pub(super) use connect as write;
    pub(super) use connect as x32;
}

#[cfg(target_arch = "x86_64")]
mod abi {
    use std::ffi::c_void;

    use super::super::{home, mark, network, sys, victim};
    use super::Done;

    /// `int 0x80` with up to three arguments.
    unsafe fn int80(number: u32, a: u32, b: u32, c: u32) -> Result<u32, String> {
        let result: i64;
        unsafe {
            std::arch::asm!(
                "xchg {a}, rbx",
                "int 0x80",
                "xchg {a}, rbx",
                a = inout(reg) u64::from(a) => _,
                inlateout("rax") u64::from(number) => result,
                in("rcx") u64::from(b),
                in("rdx") u64::from(c),
                in("rsi") 0_u64,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        let result = result as i32;
        if (-4095..0).contains(&result) {
            return Err(std::io::Error::from_raw_os_error(-result).to_string());
        }
        Ok(result as u32)
    }

    /// Memory whose address fits into 32 bits.
    fn low(data: &[u8]) -> u32 {
        let none = std::ptr::null_mut::<c_void>();
        let at = unsafe { sys::mmap(none, 4096, 3, 0x62, -1, 0) }.cast::<u8>();
        unsafe { at.copy_from_nonoverlapping(data.as_ptr(), data.len()) };
        at as u32
    }

    fn bytes<T>(value: &T) -> &[u8] {
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
    }

    pub(super) fn connect(name: &str) -> Done {
        let (address, data) = (network::loopback("port.tcp"), mark(name));
        let socket = unsafe { int80(359, 2, 1, 0) }?;
        unsafe { int80(362, socket, low(bytes(&address)), 16) }?;
        unsafe { int80(4, socket, low(data.as_bytes()), data.len() as u32) }?;
        Ok("sent".into())
    }

    pub(super) fn chmod(name: &str) -> Done {
        let path = sys::c(victim(name));
        unsafe { int80(15, low(path.as_bytes_with_nul()), 0o777, 0) }.map(|_| "changed".into())
    }

    pub(super) fn write(name: &str) -> Done {
        let path = sys::c(home(".tcshrc"));
        let data = mark(name);
        let flags = (sys::O_WRONLY | sys::O_APPEND) as u32;
        let fd = unsafe { int80(5, low(path.as_bytes_with_nul()), flags, 0) }?;
        unsafe { int80(4, fd, low(data.as_bytes()), data.len() as u32) }.map(|_| "written".into())
    }

    pub(super) fn x32(name: &str) -> Done {
        let x32 = |number: i64| number | 0x4000_0000;
        let fd = unsafe { sys::syscall(x32(41), 2, 1, 0) };
        if fd == -1 && std::io::Error::last_os_error().raw_os_error() == Some(38) {
            return Err("absent: kernel without x32".into());
        }
        let fd = sys::check(fd)?;
        let (address, data) = (network::loopback("port.tcp"), mark(name));
        sys::check(unsafe { sys::syscall(x32(42), fd, &address, 16) })?;
        sys::put(fd as i32, &data)
    }
}

fn ia32_connect(name: &str) -> Done {
    abi::connect(name)
}

fn ia32_chmod(name: &str) -> Done {
    abi::chmod(name)
}

fn ia32_write(name: &str) -> Done {
    abi::write(name)
}

fn x32_connect(name: &str) -> Done {
    abi::x32(name)
}
