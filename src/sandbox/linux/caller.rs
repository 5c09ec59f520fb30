//! The process that started us.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;

use super::process;

/// Its `TMPDIR` when it was started itself, which nobody can change afterwards (proc(5)).
pub(in crate::sandbox) fn temporary_folder_of_parent() -> io::Result<Option<OsString>> {
    let environment = fs::read(format!("/proc/{}/environ", process::parent_pid()))?;
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(b"TMPDIR="));
    Ok(value
        .filter(|value| !value.is_empty())
        .map(|value| OsString::from_vec(value.to_vec())))
}
