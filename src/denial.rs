//! What a build did and what the sandbox refused, as plain data.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::policy::text;

/// How much of what a build does is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watch {
    #[default]
    Nothing,
    /// What it tries to reach by the network, and to change.
    Changes,
    /// What it tries to read as well.
    Everything,
}

/// The part of a build that cargo started for one package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    pub kind: Kind,
    pub package: String,
    pub version: String,
    /// Is it the compilation of a proc macro?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proc_macro: bool,
    /// Where the package's manifest lies, unless that is too long or too odd a path.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::maybe")]
    pub folder: Option<PathBuf>,
}

impl Unit {
    /// The longest path of a folder in bytes: all of a unit has to fit into what the supervisor
    /// takes.
    const LONGEST_FOLDER: usize = 512;

    /// The same in bytes for its name and for its version; crates.io allows 64 letters.
    const LONGEST_NAME: usize = 100;

    /// With its folder, if that fits, and as much of its name and version as does.
    #[must_use]
    pub fn at(self, folder: Option<PathBuf>) -> Self {
        Self {
            folder: folder.filter(|path| Self::fits(path)),
            package: Self::cut(self.package),
            version: Self::cut(self.version),
            ..self
        }
    }

    /// A crate chooses both, and who is told nothing of it would not know whose attempts these are.
    pub fn cut(text: String) -> String {
        if text.len() <= Self::LONGEST_NAME && !text.contains(Self::is_odd) {
            return text;
        }
        let plain = text.chars().filter(|letter| !Self::is_odd(*letter));
        let mut cut = String::new();
        for letter in plain {
            if cut.len() + letter.len_utf8() > Self::LONGEST_NAME {
                cut.push('…');
                break;
            }
            cut.push(letter);
        }
        cut
    }

    /// Must JSON escape it?
    fn is_odd(letter: char) -> bool {
        letter.is_control() || "\"\\".contains(letter)
    }

    /// Can it be a unit's folder?
    pub fn fits(folder: &Path) -> bool {
        folder
            .to_str()
            .is_some_and(|text| text.len() <= Self::LONGEST_FOLDER && !text.contains(Self::is_odd))
    }
}

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    BuildScript,
    /// rustc, with the proc macros that it loads and the linker that it starts.
    Compiler,
    Documenter,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Actor {
    /// `None` for cargo itself and what it starts besides.
    pub unit: Option<Unit>,
    /// Could it have been any part of the build? Then `unit` is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// The file name of the program.
    pub program: String,
    /// The crates whose proc macros were loaded at the time; each of them could have done it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macros: Vec<String>,
}

/// A path as it was asked for, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    #[serde(with = "text::one")]
    pub path: PathBuf,
    #[serde(with = "text::one")]
    pub asked: PathBuf,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// To an address with a port, or to the path of a unix socket.
    Connect {
        address: String,
    },
    /// To serve on an address.
    Listen {
        address: String,
    },
    /// A host name was to become an address.
    LookUp {
        host: String,
    },
    /// A socket that never got as far as an address.
    Socket {
        family: String,
    },
    Read(Place),
    Write(Place),
    Create(Place),
    Remove(Place),
    /// To change mode, owner, times or other attributes.
    Alter(Place),
    /// To talk to a service of the system.
    Ask {
        service: String,
    },
    /// To send a signal to a process, or to several; the name is empty where it is not known.
    Signal {
        process: String,
    },
    /// To trace a process, to look into its memory, or to change its limits or priority.
    Control {
        process: String,
    },
}

impl Action {
    /// Does it concern the network, other machines or daemons?
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Listen { .. } | Self::LookUp { .. } | Self::Socket { .. }
        )
    }

    /// The file that it concerns.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Read(place)
            | Self::Write(place)
            | Self::Create(place)
            | Self::Remove(place)
            | Self::Alter(place) => Some(place),
            _ => None,
        }
    }
}

/// One thing that was refused to one actor, however often.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Denial {
    #[serde(flatten)]
    pub actor: Actor,
    #[serde(flatten)]
    pub action: Action,
    pub count: u64,
}

/// What one unit did that somebody may want to know, though nothing of it was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub unit: Unit,
    /// The programs that it started, besides itself.
    #[serde(with = "text::many")]
    pub programs: Vec<PathBuf>,
    /// The files that it read outside of its package, of the build's results and of the system, if
    /// everything was observed.
    #[serde(with = "text::many")]
    pub read: Vec<PathBuf>,
    /// Did its own program end with another status than 0?
    #[serde(default)]
    pub failed: bool,
}

/// All that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    pub denials: Vec<Denial>,
    /// One for each unit.
    pub activities: Vec<Activity>,
    /// How many attempts there were besides, of units that made too many different ones to keep
    /// account of; whether they were refused is not known.
    #[serde(default)]
    pub omitted: Vec<(Option<Unit>, u64)>,
    /// Would there be more to tell, but that it could not be read?
    #[serde(default)]
    pub unread: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_crate_is_called_it_is_told() {
        let unit = |package: &str, version: &str| {
            let unit = Unit {
                kind: Kind::BuildScript,
                package: package.to_owned(),
                version: version.to_owned(),
                proc_macro: true,
                folder: None,
            };
            unit.at(Some(PathBuf::from("/é".repeat(Unit::LONGEST_FOLDER / 3))))
        };
        let plain = unit("a-b", "0.1.0-rc.1+b");
        assert_eq!((&*plain.package, &*plain.version), ("a-b", "0.1.0-rc.1+b"));
        for long in ["a", "é", "\u{1}", "\"\\", "x\n"] {
            let unit = unit(&long.repeat(1000), &format!("0.1.0-{}", long.repeat(1000)));
            assert!(unit.folder.is_some());
            // What the supervisor takes.
            assert!(serde_json::to_vec(&unit).unwrap().len() <= 1024, "{unit:?}");
            assert!(unit.version.starts_with("0.1.0-"));
        }
    }
}
