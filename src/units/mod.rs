//! One box per unit: what cargo starts to compile, to document and to run build scripts.
//!
//! cargo finds us in three places: as `RUSTC_WRAPPER`, as `RUSTDOC`, and in place of each compiled
//! build script. Each time we confine ourselves to what this one unit may write and become the
//! real program. Within the envelope that is a second, tighter domain; nothing here may widen
//! anything, and nothing here trusts the environment for more than that: a crate can set variables
//! for its own compilation (`cargo::rustc-env`), and its build script prints them.

mod compile;
pub mod looked;
mod out_dirs;
mod outputs;
pub mod package;
mod rustc_line;
mod script;
pub mod scripts;
pub mod session;
mod surroundings;
pub mod tools;

pub use self::surroundings::narrowed;

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use crate::invocation::Invocation;
use crate::sandbox::Ended;

/// What stands behind `RUSTC_WRAPPER`.
pub const RUSTC: &str = "sandboxed-cargo-rustc";
/// What stands behind `RUSTDOC`.
pub const RUSTDOC: &str = "sandboxed-cargo-rustdoc";
/// Names the user's own `RUSTC_WRAPPER`, which runs inside the box.
pub const WRAPPER: &str = "SANDBOXED_CARGO_RUSTC_WRAPPER";
/// Names the real rustdoc.
pub const REAL_RUSTDOC: &str = "SANDBOXED_CARGO_RUSTDOC";

/// As what cargo started us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Compiler,
    Documenter,
    Script,
}

/// The role that the name we were started by gives us; `None` for a call by a person.
pub fn role(program: &OsStr) -> Option<Role> {
    let name = Path::new(program).file_name()?.to_str()?;
    match name {
        RUSTC => Some(Role::Compiler),
        RUSTDOC => Some(Role::Documenter),
        _ if name.starts_with("build-script-") || name.starts_with("build_script_") => {
            Some(Role::Script)
        }
        _ => None,
    }
}

/// Runs one unit in its box.
pub fn run(role: Role, invocation: &Invocation) -> Result<Ended> {
    match role {
        Role::Compiler => compile::rustc(invocation),
        Role::Documenter => compile::rustdoc(invocation),
        Role::Script => script::run(invocation),
    }
}
