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

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Context, Result};

use crate::invocation::Invocation;
use crate::sandbox::{self, Ended};

/// What stands behind `RUSTC_WRAPPER`.
pub const RUSTC: &str = "sandboxed-cargo-rustc";
/// What stands behind `RUSTDOC`.
pub const RUSTDOC: &str = "sandboxed-cargo-rustdoc";
/// Names the user's own `RUSTC_WRAPPER`, which runs inside the box.
pub const WRAPPER: &str = "SANDBOXED_CARGO_RUSTC_WRAPPER";
/// Names the real rustdoc.
pub const REAL_RUSTDOC: &str = "SANDBOXED_CARGO_RUSTDOC";

/// What the names of our own variables begin with.
const OWN: &str = "SANDBOXED_CARGO";

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
    let parent = sandbox::parent().context("failed to ask what cargo was given")?;
    let invocation = match &parent {
        Some(parent) => as_given(invocation, &parent.environment),
        None => invocation.clone(),
    };
    let parent = parent.map(|parent| parent.pid);
    match role {
        Role::Compiler => compile::rustc(&invocation, parent),
        Role::Documenter => compile::rustdoc(&invocation, parent),
        Role::Script => script::run(&invocation, parent),
    }
}

/// The call with the variables that we obey ourselves as cargo was given them: a crate may set any
/// for its own compilation (`cargo::rustc-env=…`).
fn as_given(invocation: &Invocation, given: &[(OsString, OsString)]) -> Invocation {
    let is_obeyed =
        |name: &OsStr| name == "TMPDIR" || name.as_encoded_bytes().starts_with(OWN.as_bytes());
    let mut invocation = invocation.clone();
    let environment = &mut invocation.environment;
    environment.retain(|(name, _)| !is_obeyed(name));
    environment.extend(given.iter().filter(|(name, _)| is_obeyed(name)).cloned());
    invocation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_obey_is_not_the_crates_to_set() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect()
        };
        let invocation = Invocation {
            program: RUSTC.into(),
            executable: "/sandboxed-cargo".into(),
            arguments: Vec::new(),
            environment: pairs(&[
                ("SANDBOXED_CARGO_SESSION", "9"),
                (WRAPPER, "/evil"),
                ("TMPDIR", "/victim"),
                ("CARGO_PKG_NAME", "a"),
            ]),
            directory: "/".into(),
        };
        let given = pairs(&[
            ("TMPDIR", "/tmp"),
            ("SANDBOXED_CARGO_SESSION", "201"),
            ("CARGO_PKG_NAME", "cargo"),
        ]);
        let found = as_given(&invocation, &given);
        assert_eq!(
            found.variable("SANDBOXED_CARGO_SESSION"),
            Some("201".as_ref())
        );
        assert_eq!(found.variable("TMPDIR"), Some("/tmp".as_ref()));
        assert_eq!(found.variable("CARGO_PKG_NAME"), Some("a".as_ref()));
        assert_eq!(found.variable(WRAPPER), None);
    }
}
