//! Enforces a policy on each operating system; the only place for `unsafe` and `cfg(target_os)`.

#[cfg(target_os = "linux")]
pub mod linux;
