//! Which descriptors belong to the jobserver of a surrounding `make -j`.
//!
//! All other descriptors that we inherited are closed to the build: an open one is not asked about
//! again by any sandbox.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::files::{self, Pipe};
use crate::policy::text;

/// What this process was given, so that a unit cannot pass something else off as a jobserver: a
/// crate may set these variables for its own compilation (`cargo::rustc-env=MAKEFLAGS=…`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// The jobserver, where it is a named pipe.
    #[serde(with = "text::maybe")]
    pub named_pipe: Option<PathBuf>,
    /// Open pipes that are none.
    others: Vec<Pipe>,
}

impl Inherited {
    /// By the variables of this process.
    pub fn find(environment: &[(OsString, OsString)]) -> io::Result<Self> {
        let own = descriptors(environment);
        let others = files::open_pipes()?.into_iter();
        Ok(Self {
            named_pipe: named_pipe(environment),
            others: others
                .filter(|(number, _)| !own.contains(number))
                .map(|(_, pipe)| pipe)
                .collect(),
        })
    }

    /// The descriptors that a unit's `environment` names, without those that were something else
    /// before cargo started.
    pub fn descriptors(&self, environment: &[(OsString, OsString)]) -> Vec<i32> {
        let is_jobserver =
            |number: &i32| files::pipe(*number).is_some_and(|pipe| !self.others.contains(&pipe));
        let named = descriptors(environment).into_iter();
        named.filter(is_jobserver).collect()
    }
}

/// The descriptors that `environment` names as a jobserver's, in make's and cargo's variables.
///
/// A jobserver behind a named pipe (`--jobserver-auth=fifo:PATH`, make 4.4) has none.
pub fn descriptors(environment: &[(OsString, OsString)]) -> Vec<i32> {
    let mut found: Vec<i32> = environment
        .iter()
        .filter(|(name, _)| {
            ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"]
                .iter()
                .any(|known| name == known)
        })
        .filter_map(|(_, flags)| pair(flags))
        .flatten()
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The last jobserver in `flags`: make appends, and the last one is in force.
fn pair(flags: &OsStr) -> Option<[i32; 2]> {
    flags
        .to_string_lossy()
        .split_whitespace()
        .filter_map(|flag| {
            flag.strip_prefix("--jobserver-auth=")
                .or_else(|| flag.strip_prefix("--jobserver-fds="))
        })
        .next_back()
        .and_then(|value| {
            let (read, write) = value.split_once(',')?;
            // Make writes -2,-2 where a recipe must not use the jobserver.
            let number = |text: &str| text.parse().ok().filter(|&number| number > 2);
            Some([number(read)?, number(write)?])
        })
}

/// The named pipe of GNU make 4.4 and later (GNU make manual, POSIX Jobserver Interaction).
pub fn named_pipe(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let flags = environment
        .iter()
        .find(|(name, _)| name == "MAKEFLAGS" || name == "CARGO_MAKEFLAGS")?;
    let words = flags.1.to_str()?.split(' ');
    words
        .filter_map(|word| word.strip_prefix("--jobserver-auth=fifo:"))
        .next_back()
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, flags: &str) -> Vec<i32> {
        descriptors(&[(name.into(), flags.into())])
    }

    #[test]
    fn old_and_new_spelling_are_known() {
        assert_eq!(found("MAKEFLAGS", " -j --jobserver-auth=3,4"), [3, 4]);
        assert_eq!(found("CARGO_MAKEFLAGS", "--jobserver-fds=8,9 -j"), [8, 9]);
    }

    #[test]
    fn the_last_jobserver_is_in_force() {
        let flags = "--jobserver-auth=3,4 -- --jobserver-auth=5,6";
        assert_eq!(found("MAKEFLAGS", flags), [5, 6]);
    }

    #[test]
    fn nothing_else_keeps_a_descriptor_open() {
        for flags in [
            "",
            "-j4",
            "--jobserver-auth=fifo:/tmp/GMfifo1",
            "--jobserver-auth=-2,-2",
            "--jobserver-auth=1,2",
            "--jobserver-auth=3",
            "--jobserver-auth=3,99999999999999999999",
        ] {
            assert_eq!(found("MAKEFLAGS", flags), [0; 0], "{flags}");
        }
        assert_eq!(found("OTHER", "--jobserver-auth=3,4"), [0; 0]);
    }
}
