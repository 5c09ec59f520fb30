//! The paths of a policy as a profile sees them: canonical, each a parameter, in deciding order.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::Failure;
use crate::policy::Policy;

/// Where macOS keeps what the list of secrets for all systems does not know, inside the home
/// folder.
pub const SECRETS: &[&str] = &[
    "/Library/Accounts",
    "/Library/Application Support/1Password",
    "/Library/Application Support/AddressBook",
    "/Library/Application Support/Arc",
    "/Library/Application Support/Bitwarden",
    "/Library/Application Support/BraveSoftware",
    "/Library/Application Support/Chromium",
    "/Library/Application Support/Code/User/globalStorage",
    "/Library/Application Support/Electrum",
    "/Library/Application Support/Exodus",
    "/Library/Application Support/Firefox",
    "/Library/Application Support/Google/Chrome",
    "/Library/Application Support/Ledger Live",
    "/Library/Application Support/Microsoft Edge",
    "/Library/Application Support/MobileSync",
    "/Library/Application Support/Signal",
    "/Library/Application Support/Slack",
    "/Library/Application Support/Telegram Desktop",
    "/Library/Application Support/Vivaldi",
    "/Library/Application Support/com.operasoftware.Opera",
    "/Library/Application Support/discord",
    "/Library/Calendars",
    "/Library/Containers",
    "/Library/Cookies",
    "/Library/Group Containers",
    "/Library/HTTPStorages",
    "/Library/IdentityServices",
    "/Library/Keychains",
    "/Library/Mail",
    "/Library/Messages",
    "/Library/Mobile Documents",
    "/Library/Safari",
];

/// The links in the root folder. The kernel matches the path of the file itself, never one that
/// leads through a link. `/Users` is a firmlink, not a link, and keeps its name.
const LINKS: &[(&str, &str)] = &[
    ("/etc", "/private/etc"),
    ("/home", "/System/Volumes/Data/home"),
    ("/tmp", "/private/tmp"),
    ("/var", "/private/var"),
];

/// What an entry says about its path; of entries with equal paths the greatest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Closed,
    Readable,
    Writable,
    Hidden,
    Masked,
    Protected,
}

impl Kind {
    pub(super) fn concerns_reading(self) -> bool {
        self != Self::Protected
    }

    fn parameter(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Readable => "READ",
            Self::Writable => "WRITE",
            Self::Hidden => "HIDDEN",
            Self::Masked => "MASKED",
            Self::Protected => "PROTECTED",
        }
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) path: String,
    /// The path as an expression of the profile.
    pub(super) place: String,
    pub(super) why: String,
}

impl Entry {
    pub(super) fn may_be_read(&self) -> bool {
        matches!(self.kind, Kind::Readable | Kind::Writable)
    }

    pub(super) fn may_be_written(&self) -> bool {
        self.kind == Kind::Writable
    }
}

/// `path` as the kernel of a Mac names it, or a failure if a profile cannot express it.
pub fn canonical(path: &Path) -> anyhow::Result<String> {
    let refuse = |reason: &str| {
        Failure::new(format!(
            "a Seatbelt profile cannot express the path `{}`: {reason}",
            path.to_string_lossy().escape_debug()
        ))
        .help("move or rename that folder, or point the variable that names it elsewhere")
    };
    let Some(text) = path.to_str() else {
        return Err(refuse("it is not UTF-8").into());
    };
    if text.chars().any(char::is_control) {
        return Err(refuse("it holds a control character").into());
    }
    let trimmed = text.trim_end_matches('/');
    let Some(relative) = text.strip_prefix('/') else {
        return Err(refuse("it is not absolute").into());
    };
    if trimmed.is_empty() {
        return if relative.is_empty() {
            Ok("/".to_owned())
        } else {
            Err(refuse("it is not in normal form").into())
        };
    }
    if trimmed
        .split('/')
        .skip(1)
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(refuse("it is not in normal form").into());
    }
    let resolved = LINKS.iter().find_map(|(link, place)| {
        let rest = trimmed.strip_prefix(link)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{place}{rest}"))
    });
    Ok(resolved.unwrap_or_else(|| trimmed.to_owned()))
}

/// All rules about paths, the deciding one last.
pub(super) fn entries(policy: &Policy, parameters: &mut Parameters) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (kind, rules) in [
        (Kind::Closed, &policy.closed),
        (Kind::Readable, &policy.readable),
        (Kind::Hidden, &policy.hidden),
        (Kind::Writable, &policy.writable),
        (Kind::Protected, &policy.protected),
    ] {
        for rule in rules {
            entries.push(parameters.entry(kind, &rule.path, &rule.why)?);
        }
    }
    for mask in &policy.masked {
        entries.push(parameters.entry(Kind::Masked, &mask.path, &mask.why)?);
    }
    if let Some(all) = entries
        .iter()
        .find(|entry| entry.kind == Kind::Writable && entry.path == "/")
    {
        return Err(Failure::new(format!(
            "the whole disk would be writable for the build ({})",
            all.why
        ))
        .help("set the target directory to a folder of its own")
        .into());
    }
    let home = canonical(&policy.home)?;
    if home != "/" {
        entries.extend(SECRETS.iter().map(|inside| Entry {
            kind: Kind::Hidden,
            path: format!("{home}{inside}"),
            place: format!("(home \"{inside}\")"),
            why: String::new(),
        }));
    }
    entries
        .sort_by(|a, b| (depth(&a.path), a.kind, &a.path).cmp(&(depth(&b.path), b.kind, &b.path)));
    entries.dedup_by(|a, b| (a.kind, &a.path) == (b.kind, &b.path));
    Ok(entries)
}

#[derive(Debug, Default)]
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    fn entry(&mut self, kind: Kind, path: &Path, why: &str) -> anyhow::Result<Entry> {
        let path = canonical(path)?;
        Ok(Entry {
            kind,
            place: self.place(kind.parameter(), path.clone()),
            path,
            why: why.to_owned(),
        })
    }

    pub(super) fn all(&mut self, family: &str, paths: BTreeSet<&str>) -> Vec<String> {
        paths
            .into_iter()
            .map(|path| self.place(family, path.to_owned()))
            .collect()
    }

    /// The expression for `path`: the parameter that has this value, or the next of `family`.
    pub(super) fn place(&mut self, family: &str, path: String) -> String {
        if let Some((name, _)) = self.0.iter().find(|(_, value)| *value == path) {
            return format!("(param \"{name}\")");
        }
        let count = self
            .0
            .iter()
            .filter_map(|(name, _)| name.strip_prefix(family)?.strip_prefix('_'))
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .count();
        let name = format!("{family}_{count}");
        let place = format!("(param \"{name}\")");
        self.0.push((name, path));
        place
    }
}

fn depth(path: &str) -> usize {
    path.split('/').filter(|part| !part.is_empty()).count()
}

pub(super) fn contains(folder: &str, path: &str) -> bool {
    folder == "/"
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The folders above `path`, without itself.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let inner = path
        .char_indices()
        .filter(|(at, character)| *at > 0 && *character == '/')
        .map(|(at, _)| &path[..at]);
    (path != "/").then_some("/").into_iter().chain(inner)
}
