//! A policy as the text of a Seatbelt profile and the parameters that it refers to.
//!
//! A pure function, so that what a Mac will enforce is tested on every system. Two rules make it
//! simple to trust. No path becomes part of the text: each is a parameter (`-D KEY=VALUE`), so
//! there is nothing to escape, and the interpreter's string buffer sets no limit. And the rules of
//! one operation are sorted by the depth of their paths, so that the longest path decides under
//! both known readings of a profile: the last match of the whole text, and, as the kernel has it,
//! the last match among the rules with filters of the operation itself, before its parents.
//!
//! What rules that go by path leave open is a change of names: a hard link, a folder that is moved
//! or cloned give what is hidden or protected in them another path. Those operations have rules of
//! their own.

pub mod log;
mod places;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::{self, Write};

use crate::policy::{self, Network, Policy, Rule};

use self::places::{Entry, Kind, Parameters, ancestors, contains, entries};
pub use self::places::{SECRETS, canonical};

/// What `sandbox-exec` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub text: String,
    /// Names and values for `-D`, in the order of their first use.
    pub parameters: Vec<(String, String)>,
}

impl Profile {
    /// The parameters as arguments of `sandbox-exec`.
    pub fn definitions(&self) -> impl Iterator<Item = OsString> + '_ {
        self.parameters
            .iter()
            .map(|(name, value)| OsString::from(format!("-D{name}={value}")))
    }

    /// The text, followed by the parameters as comments.
    pub fn listing(&self) -> String {
        let parameters = self
            .parameters
            .iter()
            .map(|(name, value)| format!(";; -D {name}={value}\n"));
        format!("{}\n;; parameters\n", self.text) + &parameters.collect::<String>()
    }
}

/// The text of the profile that enforces `policy`, for the builds of the package `origin`.
///
/// Fails on a path that a profile cannot express.
pub fn profile(policy: &Policy, origin: &str) -> anyhow::Result<Profile> {
    with_messages(policy, origin, "")
}

/// The same profile, with the tag in what the system's log will say of denials.
pub fn tagged(policy: &Policy, origin: &str, tag: &log::Tag) -> anyhow::Result<Profile> {
    with_messages(policy, origin, &format!(" (with message \"{tag}\")"))
}

/// Stands where a rule that denies may have a message. A comment has no such character.
const MESSAGE: &str = "\u{1}";

fn with_messages(policy: &Policy, origin: &str, message: &str) -> anyhow::Result<Profile> {
    let mut parameters = Parameters::default();
    for (name, path) in [
        (
            "TARGET_DIR",
            policy.artifacts.first().unwrap_or(&policy.temporary),
        ),
        ("TMP_DIR", &policy.temporary),
        ("CARGO_HOME", &policy.cargo_home),
        ("HOME", &policy.home),
    ] {
        parameters.0.push((name.to_owned(), canonical(path)?));
    }
    let entries = entries(policy, &mut parameters)?;

    let mut text = header(policy, origin);
    let denies = |text: &str, rule: &str| text.replacen(rule, &format!("{rule}{MESSAGE}"), 1);
    text.push_str(&denies(
        include_str!("seatbelt/processes.sb"),
        "(deny default",
    ));
    reading(&mut text, &entries, &mut parameters)?;
    writing(&mut text, &entries)?;
    naming(&mut text, &entries, &mut parameters)?;
    text.push('\n');
    text.push_str(include_str!("seatbelt/terminals.sb"));
    devices(&mut text, &policy.devices, &mut parameters)?;
    text.push_str(include_str!("seatbelt/devices.sb"));
    text.push('\n');
    text.push_str(match policy.profile {
        policy::Profile::Strict => include_str!("seatbelt/services.sb"),
        policy::Profile::Compat => include_str!("seatbelt/compat.sb"),
    });
    text.push('\n');
    let network = match policy.network {
        Network::Denied => include_str!("seatbelt/offline.sb"),
        Network::Internet => include_str!("seatbelt/internet.sb"),
    };
    text.push_str(&denies(network, "(deny network*"));
    Ok(Profile {
        text: text.replace(MESSAGE, message),
        parameters: parameters.0,
    })
}

fn header(policy: &Policy, origin: &str) -> String {
    let profile = match policy.profile {
        policy::Profile::Strict => "strict",
        policy::Profile::Compat => "compat",
    };
    format!(
        "\
(version 1)
;; Confines cargo while it builds {origin} (profile: {profile}).
;;
;; Written by sandboxed-cargo, after the sandbox for build scripts that Perry was asked for in its
;; issue 505; written anew before each build, so edits are lost.
;;
;; use:    PERRY_SANDBOX_BUILDRS=1 cargo build
;;         which starts cargo as
;;         /usr/bin/sandbox-exec -f THIS_FILE -D KEY=VALUE ... -- cargo build
;;         with a value for every parameter below (paths: absolute, links resolved, no trailing
;;         slash); `sandboxed-cargo sandbox profile --platform macos` prints them
;; escape: list the package in the host's package.json,
;;         {{ \"perry\": {{ \"allowUnsandboxedBuild\": [\"NAME\"] }} }}
;;         or leave PERRY_SANDBOX_BUILDRS unset to build everything without a sandbox
;; more:   -D XCRUN_DB=PATH  lets xcrun refresh its cache, DARWIN_USER_TEMP_DIR/xcrun_db
;;         -D SHARED_TMP=1   lets tools write to /private/tmp and /private/var/tmp
",
        origin = comment(origin),
    )
}

fn reading(text: &mut String, entries: &[Entry], parameters: &mut Parameters) -> fmt::Result {
    text.push_str(
        "
;; 4. reading: the longest path decides. A masked file is hidden: Seatbelt cannot show a file with
;; other contents
(allow file-read*)
",
    );
    let decisive = || entries.iter().filter(|entry| entry.kind.concerns_reading());
    let operations = "file-read-data file-read-xattr file-clone";
    rules(text, operations, decisive(), Entry::may_be_read)?;

    text.push_str(
        "
;; names, sizes, dates and link texts: not of what is in closed folders, but for the folders on the
;; way to something readable, which paths are resolved through
",
    );
    // Hidden files keep theirs where their folder is readable: `git describe` compares them.
    let operations = "file-read-metadata file-test-existence";
    let placed = || {
        entries
            .iter()
            .filter(|entry| entry.kind == Kind::Closed || entry.may_be_read())
    };
    rules(text, operations, placed(), Entry::may_be_read)?;
    let closed = |path: &str| {
        entries
            .iter()
            .any(|entry| entry.kind == Kind::Closed && contains(&entry.path, path))
    };
    let way: BTreeSet<&str> = placed()
        .flat_map(|entry| {
            let itself = (entry.kind == Kind::Closed).then_some(entry.path.as_str());
            ancestors(&entry.path).chain(itself)
        })
        .filter(|path| closed(path))
        .collect();
    literals(text, "allow", operations, &parameters.all("WAY", way))?;

    text.push_str("\n;; a clone of a folder would show what is hidden in it under another name\n");
    let shown = |path: &str| {
        decisive()
            .rfind(|entry| contains(&entry.path, path))
            .is_none_or(Entry::may_be_read)
    };
    let above: BTreeSet<&str> = decisive()
        .filter(|entry| !entry.may_be_read())
        .flat_map(|entry| ancestors(&entry.path))
        .filter(|path| shown(path))
        .collect();
    literals(text, "deny", "file-clone", &parameters.all("ABOVE", above))
}

fn writing(text: &mut String, entries: &[Entry]) -> fmt::Result {
    text.push_str(
        "
;; 5. writing: target directory, private temporary folder, and what else the policy names
(when (defined? 'file-lock)
  (allow file-lock))
(if (param \"XCRUN_DB\")
  (allow file-write* (prefix (param \"XCRUN_DB\"))))
(if (param \"SHARED_TMP\")
  (allow file-write* (subpath \"/private/tmp\") (subpath \"/private/var/tmp\")))
",
    );
    let decisive = entries
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::Writable | Kind::Protected));
    rules(text, "file-write*", decisive, Entry::may_be_written)
}

/// A hard link or a new name must not take a file out of the reach of its rule.
fn naming(text: &mut String, entries: &[Entry], parameters: &mut Parameters) -> fmt::Result {
    text.push_str(
        "
;; 6. names: rules go by path, so nothing that a rule names, and no folder above it, may be moved,
;; and nothing hidden or protected may be linked
",
    );
    let writable = |path: &str| {
        entries
            .iter()
            .any(|entry| entry.may_be_written() && contains(&entry.path, path))
    };
    let decisive = || {
        entries
            .iter()
            .filter(|entry| entry.kind != Kind::Readable && writable(&entry.path))
    };
    let operations = "file-link file-write-unlink";
    rules(text, operations, decisive(), Entry::may_be_written)?;
    let held: BTreeSet<&str> = decisive()
        .flat_map(|entry| {
            let itself = entry.may_be_written().then_some(entry.path.as_str());
            ancestors(&entry.path).chain(itself)
        })
        .filter(|path| writable(path))
        .collect();
    literals(
        text,
        "deny",
        "file-write-unlink",
        &parameters.all("HELD", held),
    )
}

fn devices(text: &mut String, devices: &[Rule], parameters: &mut Parameters) -> anyhow::Result<()> {
    text.push_str("\n;; 8. devices: data only, so that root cannot replace them by files\n");
    if devices.is_empty() {
        return Ok(());
    }
    text.push_str("(allow file-read-data file-write-data");
    for device in devices {
        let place = parameters.place("DEVICE", canonical(&device.path)?);
        write!(
            text,
            "\n  (require-all (literal {place}) (vnode-type CHARACTER-DEVICE))"
        )?;
    }
    text.push_str(")\n");
    Ok(())
}

/// Writes one rule for each run of entries with the same answer.
fn rules<'a>(
    text: &mut String,
    operations: &str,
    entries: impl Iterator<Item = &'a Entry>,
    allow: impl Fn(&Entry) -> bool,
) -> fmt::Result {
    let mut open = None;
    for entry in entries {
        let action = if allow(entry) { "allow" } else { "deny" };
        if open != Some(action) {
            end(text, open);
            writeln!(text, "({action} {operations}")?;
            open = Some(action);
        }
        write!(text, "  (subpath {})", entry.place)?;
        if !entry.why.is_empty() {
            write!(text, " ; {}", comment(&entry.why))?;
        }
        text.push('\n');
    }
    end(text, open);
    Ok(())
}

/// The end of a rule that is written over several lines, if one was begun.
fn end(text: &mut String, action: Option<&str>) {
    match action {
        Some("deny") => text.extend(["  ", MESSAGE, ")\n"]),
        Some(_) => text.push_str("  )\n"),
        None => {}
    }
}

fn literals(text: &mut String, action: &str, operations: &str, places: &[String]) -> fmt::Result {
    // A rule without filters would mean every path.
    if places.is_empty() {
        return Ok(());
    }
    write!(text, "({action} {operations}")?;
    for place in places {
        write!(text, "\n  (literal {place})")?;
    }
    if action == "deny" {
        text.push_str(MESSAGE);
    }
    text.push_str(")\n");
    Ok(())
}

/// Text that cannot end the comment it is put into, whoever wrote it.
fn comment(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars().take(200) {
        if character.is_ascii_graphic() || character == ' ' {
            line.push(character);
        } else {
            line.extend(character.escape_default());
        }
    }
    line
}

#[cfg(test)]
mod tests;
