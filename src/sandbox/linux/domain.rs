//! The Landlock domain: which files the build may read, write and execute.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::coverage::Decisions;
use super::landlock::{self, Access, Handled, Ruleset};
use super::process;
use crate::paths::is_within;
use crate::policy::{Network, Policy};

/// The lowest version that can confine cargo: without `REFER` (Linux 5.19), rustc's renames across
/// folders fail.
pub(super) const LOWEST_VERSION: i32 = 2;

/// The kernel's version, but no more than `limit`.
pub(super) fn usable_version(limit: Option<i32>) -> io::Result<i32> {
    Ok(landlock::version()?.min(limit.unwrap_or(i32::MAX)))
}

/// Confines the calling thread, and what it starts, to `policy`; it cannot be undone.
///
/// `exposed` are the hidden paths that [`exposed`] found. `replaced` are the paths that are empty,
/// clean or private in this mount namespace, so that they can be granted; `None` without one.
///
/// `version` is the one of Landlock to use.
pub(super) fn restrict(
    policy: &Policy,
    exposed: &[&Path],
    replaced: Option<&[PathBuf]>,
    version: i32,
) -> Result<()> {
    if version < LOWEST_VERSION {
        bail!("this kernel's Landlock version is {version}, and {LOWEST_VERSION} is needed");
    }
    let mut rules = Rules::new(
        Handled {
            files: Access::all(version),
            network: version >= 4 && policy.network == Network::Denied,
            scope: version >= 6,
        },
        version,
    )?;
    rules.reads(policy, exposed, replaced.is_some())?;
    if let Some(replaced) = replaced {
        rules.replaced(policy, replaced)?;
    }
    rules.writes(policy, replaced.is_some())?;
    rules
        .ruleset
        .restrict_self()
        .context("failed to restrict the calling thread")
}

/// The hidden paths that a rule has to leave out. For one file of `/etc` all others are named one
/// by one, so this is asked where the real file is seen: what stands in its place, anybody reads.
pub(super) fn exposed(policy: &Policy) -> Vec<&Path> {
    policy
        .hidden
        .iter()
        .map(|rule| rule.path.as_path())
        .filter(|path| is_within(path, &policy.home) || process::may_look_into(path))
        .collect()
}

/// A domain for one program inside that of [`restrict`], which decides about all else: it writes
/// in these folders only, makes nothing but files and folders in `shared`, and signals nobody
/// outside.
pub(super) fn unit(writable: &[&Path], shared: Option<&Path>) -> Result<Ruleset> {
    let version = usable_version(None).context("failed to ask for the Landlock version")?;
    let write = Access::write(version);
    let mut rules = Rules::new(
        Handled {
            files: write,
            network: false,
            scope: version >= 6,
        },
        version,
    )?;
    // Nor does a folder come from elsewhere, with such in it.
    let special = Access::MAKE_SYM | Access::MAKE_FIFO | Access::MAKE_SOCK | Access::REFER;
    for path in writable {
        let is_shared = shared == Some(*path);
        rules.allow(path, if is_shared { write & !special } else { write })?;
    }
    // Which of them are there, the domain around this one has decided.
    for device in ["/dev/null", "/dev/zero", "/dev/full"] {
        rules.allow(Path::new(device), Access::WRITE_FILE)?;
    }
    Ok(rules.ruleset)
}

struct Rules {
    ruleset: Ruleset,
    version: i32,
    listed: Listed,
}

/// What was found in folders that had to be listed, by path: is it a folder?
///
/// To leave one file out takes hundreds of rules, and to ask for each what it is a system call. A
/// wrong answer widens nothing: no rule can be made that does not fit its object.
#[derive(Default)]
struct Listed(HashMap<OsString, bool>);

impl Listed {
    /// The entries of a folder without symbolic links, which need no rule: what they lead to has
    /// its own. Of a folder that cannot be listed nothing is granted.
    fn children(&mut self, path: &Path) -> Vec<PathBuf> {
        let mut children = Vec::new();
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if !kind.is_symlink() {
                let path = entry.path();
                self.0.insert(path.clone().into(), kind.is_dir());
                children.push(path);
            }
        }
        children
    }
}

impl Rules {
    fn new(handled: Handled, version: i32) -> Result<Self> {
        Ok(Self {
            ruleset: Ruleset::new(handled).context("the kernel gives no Landlock ruleset")?,
            version,
            listed: Listed::default(),
        })
    }

    fn reads(&mut self, policy: &Policy, exposed: &[&Path], namespaces: bool) -> Result<()> {
        let mut decisions = Decisions::default();
        decisions.set(Path::new("/"), true);
        for rule in &policy.closed {
            decisions.set(&rule.path, false);
        }
        for rule in policy.readable.iter().chain(&policy.writable) {
            decisions.set(&rule.path, true);
        }
        for path in exposed {
            decisions.set(path, false);
        }
        for mask in &policy.masked {
            decisions.set(&mask.path, false);
        }
        let cover = decisions.cover(&mut |path| self.listed.children(path));
        for path in &cover.whole {
            self.allow(path, Access::read())?;
        }
        // Names below a partly readable folder, where no closed folder could show its own: within
        // namespaces closed folders are empty, and outside them only what lies inside one is told.
        for path in &cover.partial {
            let in_closed = policy.closed.iter().any(|rule| is_within(path, &rule.path));
            if namespaces || in_closed {
                self.allow(path, Access::READ_DIR)?;
            }
        }
        Ok(())
    }

    /// What stands in the place of something else may be read, since it gives nothing away.
    fn replaced(&mut self, policy: &Policy, replaced: &[PathBuf]) -> Result<()> {
        let hidden: HashSet<_> = policy
            .hidden
            .iter()
            .map(|rule| rule.path.as_os_str())
            .collect();
        for path in replaced {
            let is_folder = path.is_dir();
            // Whoever needs the file is to fail, and not to go on with an empty one.
            if !is_folder && hidden.contains(path.as_os_str()) {
                continue;
            }
            let names_or_file = if is_folder {
                Access::READ_DIR
            } else {
                Access::READ_FILE
            };
            self.allow(path, names_or_file)?;
        }
        Ok(())
    }

    fn writes(&mut self, policy: &Policy, namespaces: bool) -> Result<()> {
        let mut decisions = Decisions::default();
        let private = namespaces.then_some(&policy.private).into_iter().flatten();
        for rule in policy.writable.iter().chain(private) {
            decisions.set(&rule.path, true);
        }
        for rule in &policy.protected {
            decisions.set(&rule.path, false);
        }
        // No device files: a node for a disk would be a way around every path rule.
        let write = Access::all(self.version)
            & !(Access::MAKE_BLOCK | Access::MAKE_CHAR | Access::IOCTL_DEV);
        let cover = decisions.cover(&mut |path| self.listed.children(path));
        for path in &cover.whole {
            self.allow(path, write)?;
        }
        for rule in &policy.devices {
            self.allow(&rule.path, Access::READ_FILE | Access::WRITE_FILE)?;
        }
        Ok(())
    }

    /// Adds one rule; a path that is not there needs none.
    fn allow(&mut self, path: &Path, access: Access) -> Result<()> {
        let listed = self.listed.0.get(path.as_os_str()).copied();
        let Some((object, is_folder)) = open_path(path, listed)
            .with_context(|| format!("failed to open `{}` for a Landlock rule", path.display()))?
        else {
            return Ok(());
        };
        let known = access & Access::all(self.version);
        let access = if is_folder {
            known
        } else {
            known & Access::of_file()
        };
        // A rule that allows nothing is an error (ENOMSG).
        if !access.is_empty() {
            self.ruleset
                .allow(object.as_fd(), access)
                .with_context(|| {
                    format!("failed to add a Landlock rule for `{}`", path.display())
                })?;
        }
        Ok(())
    }
}

/// A descriptor that only names the object, and whether that is a folder, asked unless `known`;
/// `None` for what is not there, and for symbolic links.
fn open_path(path: &Path, known: Option<bool>) -> io::Result<Option<(OwnedFd, bool)>> {
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path);
    match opened {
        Ok(file) => {
            if let Some(is_folder) = known {
                return Ok(Some((file.into(), is_folder)));
            }
            let metadata = file.metadata()?;
            Ok((!metadata.is_symlink()).then(|| (file.into(), metadata.is_dir())))
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES) => Ok(None),
            _ => Err(error),
        },
    }
}
