//! What the tests share.

#[cfg(unix)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "most attacks are for Linux alone")
)]
pub(crate) mod canary;
pub(crate) mod command;
pub(crate) mod project;
#[cfg(target_os = "linux")]
pub(crate) mod system;
pub(crate) mod toolchain;

use std::io::Write;

/// Says on the real standard error, which the test harness does not capture, why something was
/// not tested.
pub(crate) fn skip(what: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {reason}");
}

/// A word that no other run uses.
pub(crate) fn unique() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Random keys are the standard library's only source of chance.
    let chance = std::hash::RandomState::new().build_hasher().finish();
    format!("{}x{:08x}", std::process::id(), chance & 0xffff_ffff)
}

/// Numbers from the same source, below `limit`.
#[cfg(target_os = "linux")]
pub(crate) fn chance(limit: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish() % limit
}
