//! `PERRY_SANDBOX_BUILDRS`: whether builds are sandboxed at all.

use std::ffi::OsStr;

use anyhow::Result;

use crate::error::Failure;

pub const VARIABLE: &str = "PERRY_SANDBOX_BUILDRS";

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Plain cargo.
    Off,
    /// The sandbox, where this system has one.
    On,
    /// The sandbox, or an error.
    Require,
}

impl Switch {
    /// Any other value is an error: nobody must believe in a sandbox that is not there.
    pub fn parse(value: Option<&OsStr>) -> Result<Self> {
        match value.map(std::ffi::OsStr::as_encoded_bytes) {
            None | Some(b"" | b"0" | b"false") => Ok(Self::Off),
            Some(b"1" | b"true") => Ok(Self::On),
            Some(b"require") => Ok(Self::Require),
            Some(_) => Err(Failure::new(format!(
                "`{VARIABLE}` is `{}`, which is not a value it can have",
                value.unwrap_or_default().display()
            ))
            .help("use `1` to sandbox builds, `require` to also fail where there is no sandbox, or `0`")
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let parse = |text: &str| Switch::parse(Some(OsStr::new(text))).ok();
        assert_eq!(Switch::parse(None).ok(), Some(Switch::Off));
        for off in ["", "0", "false"] {
            assert_eq!(parse(off), Some(Switch::Off), "{off}");
        }
        for on in ["1", "true"] {
            assert_eq!(parse(on), Some(Switch::On), "{on}");
        }
        assert_eq!(parse("require"), Some(Switch::Require));
        for wrong in ["yes", "TRUE", " 1", "2", "on", "\u{e9}"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
