//! The real toolchain, found once: the tests give every build a home folder of its own, in which
//! rustup would find nothing.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the toolchain in use, which holds `bin/cargo`.
pub(crate) fn sysroot() -> &'static PathBuf {
    static SYSROOT: OnceLock<PathBuf> = OnceLock::new();
    SYSROOT.get_or_init(|| {
        let compiler = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let output = Command::new(compiler)
            .args(["--print", "sysroot"])
            .output()
            .expect("rustc starts");
        let text = String::from_utf8(output.stdout).unwrap();
        PathBuf::from(text.trim_end())
    })
}

/// The toolchain's own programs first, then what the caller has.
pub(crate) fn path() -> OsString {
    let callers = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(sysroot().join("bin")).chain(std::env::split_paths(&callers));
    std::env::join_paths(folders).unwrap()
}

/// The real cargo.
pub(crate) fn cargo() -> PathBuf {
    sysroot().join("bin/cargo")
}

/// Is this program installed?
pub(crate) fn has(program: &str) -> bool {
    std::env::split_paths(&path()).any(|folder| folder.join(program).is_file())
}

/// The folder of rustup's own `cargo`, if rustup is installed.
pub(crate) fn rustup() -> Option<PathBuf> {
    let callers = std::env::var_os("PATH").unwrap_or_default();
    rustup_home()?;
    std::env::split_paths(&callers)
        .find(|folder| folder.join("rustup").is_file() && folder.join("cargo").is_file())
}

/// The real one: the tests' home folder has none.
pub(crate) fn rustup_home() -> Option<PathBuf> {
    let named = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup"));
    named
        .or_else(usual)
        .filter(|folder| folder.join("toolchains").is_dir())
}

/// The program under test: the one just built, or another, such as a packaged one.
pub(crate) fn product() -> PathBuf {
    // Not `env!`: a check with another version's compiler does not set it, and needs no path.
    let built = option_env!("CARGO_BIN_EXE_sandboxed-cargo").map(PathBuf::from);
    let other = std::env::var_os("SANDBOXED_CARGO_UNDER_TEST").map(PathBuf::from);
    other.or(built).expect("cargo names the program")
}
