//! The process that started us.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::process;
use crate::sandbox::Parent;

/// As the kernel remembers it from the time when it was started itself (proc(5)); fails if it has
/// gone.
pub(in crate::sandbox) fn parent() -> io::Result<Option<Parent>> {
    let pid = process::parent_pid();
    let text = fs::read(format!("/proc/{pid}/environ"))?;
    let pair = |variable: &[u8]| {
        let at = variable.iter().position(|byte| *byte == b'=')?;
        let text = |bytes: &[u8]| OsString::from(OsStr::from_bytes(bytes));
        Some((text(&variable[..at]), text(&variable[at + 1..])))
    };
    Ok(Some(Parent {
        pid,
        environment: text.split(|byte| *byte == 0).filter_map(pair).collect(),
    }))
}
