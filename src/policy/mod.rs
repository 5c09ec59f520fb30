//! What a build may do, as plain data: decided by pure functions, enforced by the backends.

pub mod environment;
pub mod plan;
pub mod secrets;
pub mod text;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Which table of the policy applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Reads inside the home folder only what a build needs; writes to target and `TMPDIR` only.
    #[default]
    Strict,
    /// Reads everything but credentials; also writes to the shared temporary folders and to
    /// cargo's and rustup's caches.
    Compat,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Compat => "compat",
        })
    }
}

/// What the network is like inside the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// No socket of any family.
    Denied,
    /// Internet sockets only, for `cargo fetch`, which runs no foreign code.
    Internet,
}

/// A path and the reason why it is in the policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    #[serde(with = "text::one")]
    pub path: PathBuf,
    pub why: String,
}

/// A file that the build sees with other contents, where the backend can do that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    #[serde(with = "text::one")]
    pub path: PathBuf,
    pub why: String,
    #[serde(skip, default)]
    pub contents: Vec<u8>,
}

/// A symbolic link that the user's own paths go through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    #[serde(with = "text::one")]
    pub path: PathBuf,
    #[serde(with = "text::one")]
    pub target: PathBuf,
}

/// A variable that the build does not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    #[serde(with = "text::one")]
    pub name: OsString,
    pub why: String,
}

/// The whole policy. Paths are absolute, canonical and without a trailing slash.
///
/// For reading, the longest path that contains a file decides: `closed` and `hidden` deny,
/// `readable` allows, and what no entry contains may be read. For writing, nothing is allowed but
/// what `writable` contains, minus what a longer path of `protected` contains, plus data written to
/// `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub profile: Profile,
    pub network: Network,
    /// Folders whose contents are not there, but for what `readable` names.
    pub closed: Vec<Rule>,
    /// Files and folders that may be read inside `closed`.
    pub readable: Vec<Rule>,
    /// Files and folders that may not be read inside `readable`, or anywhere: secrets.
    pub hidden: Vec<Rule>,
    /// Files that are shown without the secrets in them; hidden where that cannot be done.
    pub masked: Vec<Mask>,
    /// Folders and files that may be written.
    pub writable: Vec<Rule>,
    /// Files and folders inside `writable` that may not be written after all.
    pub protected: Vec<Rule>,
    /// Character devices that may be read and written.
    pub devices: Vec<Rule>,
    /// What the user should know, each a sentence that reads well after `note: `.
    pub notes: Vec<String>,
    /// Folders that the build sees as empty, writable and its own where the backend can do that
    /// (Linux with namespaces); elsewhere they are not writable.
    pub private: Vec<Rule>,
    /// Symbolic links inside `closed` that lead to readable places.
    pub links: Vec<Link>,
    /// Variables taken out of the environment.
    pub removed: Vec<Removed>,
    /// Variables added to it, or changed.
    #[serde(with = "text::pairs")]
    pub set: Vec<(OsString, OsString)>,
    /// The build's own temporary folder, which is also in `writable`.
    #[serde(with = "text::one")]
    pub temporary: PathBuf,
    /// The home folder, for backends that name secrets relative to it.
    #[serde(with = "text::one")]
    pub home: PathBuf,
    /// Where cargo keeps its caches and settings.
    #[serde(with = "text::one")]
    pub cargo_home: PathBuf,
    /// The folders among `writable` that cargo writes artifacts to, the target folder first.
    #[serde(with = "text::many")]
    pub artifacts: Vec<PathBuf>,
}

impl Policy {
    /// The rule that decides whether `path` may be read, and its answer; `None` allows.
    pub fn read_rule(&self, path: &Path) -> Option<(bool, &Rule)> {
        // Of equal paths the later of these lists wins.
        let deny = |rule| (false, rule);
        let allow = |rule| (true, rule);
        self.closed
            .iter()
            .map(deny)
            .chain(self.readable.iter().map(allow))
            .chain(self.writable.iter().map(allow))
            .chain(self.hidden.iter().map(deny))
            .filter(|(_, rule)| path.starts_with(&rule.path))
            .max_by_key(|(_, rule)| rule.path.components().count())
    }

    /// May `path` be read?
    pub fn may_read(&self, path: &Path) -> bool {
        self.read_rule(path).is_none_or(|(allow, _)| allow)
    }

    /// May `path` be created, changed or removed?
    pub fn may_write(&self, path: &Path) -> bool {
        let longest = |rules: &[Rule]| {
            rules
                .iter()
                .filter(|rule| path.starts_with(&rule.path))
                .map(|rule| rule.path.components().count())
                .max()
        };
        longest(&self.writable)
            .is_some_and(|depth| longest(&self.protected).is_none_or(|p| p < depth))
    }
}
