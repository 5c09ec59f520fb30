//! The Landlock domain: which files the build may read, write and execute.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::coverage::Decisions;
use super::process;
use crate::policy::{Network, Policy};

/// The lowest version that can confine cargo: without `REFER` (Linux 5.19), rustc's renames across
/// folders fail.
pub(super) const LOWEST_ABI: i32 = 2;

/// The Landlock version of this kernel; the error tells one without it (`ENOSYS`) from one that has
/// it switched off (`EOPNOTSUPP`), and from a container's filter (`EPERM`, or what that likes).
fn kernel_abi() -> io::Result<i32> {
    const CREATE_RULESET_VERSION: libc::c_uint = 1;
    // SAFETY: with a null attribute, size 0 and this flag the call only returns a number
    // (landlock_create_ruleset(2)).
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    if version < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(version).map_err(io::Error::other)
}

/// The same, but no more than `limit`.
pub(super) fn usable_abi(limit: Option<i32>) -> io::Result<i32> {
    Ok(kernel_abi()?.min(limit.unwrap_or(i32::MAX)))
}

/// The newest version that both the kernel and our rules know.
fn abi(kernel: i32) -> ABI {
    match kernel {
        ..=1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    }
}

/// Confines the calling thread, and what it starts, to `policy`; it cannot be undone.
///
/// `exposed` are the hidden paths that [`exposed`] found. `replaced` are the paths that are empty,
/// clean or private in this mount namespace, so that they can be granted; `None` without one.
///
/// `kernel` is the kernel's Landlock version.
pub(super) fn restrict(
    policy: &Policy,
    exposed: &[&Path],
    replaced: Option<&[PathBuf]>,
    kernel: i32,
) -> Result<()> {
    if kernel < LOWEST_ABI {
        bail!("this kernel's Landlock version is {kernel}, and {LOWEST_ABI} is needed");
    }
    let abi = abi(kernel);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    if abi >= ABI::V4 && policy.network == Network::Denied {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(abi))?;
    }
    let mut rules = Rules {
        ruleset: ruleset.create()?,
        abi,
        listed: Listed::default(),
    };
    rules.reads(policy, exposed, replaced)?;
    rules.writes(policy, replaced.is_some())?;
    let status = rules.ruleset.restrict_self()?;
    // The crate reports success for less than was asked; only the status tells.
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        bail!("the kernel enforces Landlock only in part: {status:?}");
    }
    Ok(())
}

/// The hidden paths that a rule has to leave out. For one file of `/etc` all others are named one
/// by one, so this is asked where the real file is seen: what stands in its place, anybody reads.
pub(super) fn exposed(policy: &Policy) -> Vec<&Path> {
    policy
        .hidden
        .iter()
        .map(|rule| rule.path.as_path())
        .filter(|path| path.starts_with(&policy.home) || process::may_look_into(path))
        .collect()
}

/// A domain for one program inside that of [`restrict`], which decides about all else: it writes
/// in these folders only, makes nothing but files and folders in `shared`, and signals nobody
/// outside.
pub(super) fn unit(writable: &[&Path], shared: Option<&Path>) -> Result<OwnedFd> {
    let kernel = usable_abi(None).context("failed to ask for the Landlock version")?;
    let abi = abi(kernel);
    let write = AccessFs::from_write(abi);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(write)?;
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(abi))?;
    }
    let mut rules = Rules {
        ruleset: ruleset.create()?,
        abi,
        listed: Listed::default(),
    };
    // Nor does a folder come from elsewhere, with such in it.
    let special = AccessFs::MakeSym | AccessFs::MakeFifo | AccessFs::MakeSock | AccessFs::Refer;
    for path in writable {
        let is_shared = shared == Some(*path);
        rules.allow(path, if is_shared { write & !special } else { write })?;
    }
    // Which of them are there, the domain around this one has decided.
    for device in ["/dev/null", "/dev/zero", "/dev/full"] {
        rules.allow(Path::new(device), AccessFs::WriteFile.into())?;
    }
    let domain: Option<OwnedFd> = rules.ruleset.into();
    domain.context("the kernel gave no Landlock domain")
}

struct Rules {
    ruleset: RulesetCreated,
    abi: ABI,
    listed: Listed,
}

/// What was found in folders that had to be listed, by path: is it a folder?
///
/// To leave one file out takes hundreds of rules, and to ask for each what it is a system call. A
/// wrong answer widens nothing: no rule can be made that does not fit its object.
#[derive(Default)]
struct Listed(HashMap<PathBuf, bool>);

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
                self.0.insert(entry.path(), kind.is_dir());
                children.push(entry.path());
            }
        }
        children
    }
}

impl Rules {
    fn reads(
        &mut self,
        policy: &Policy,
        exposed: &[&Path],
        replaced: Option<&[PathBuf]>,
    ) -> Result<()> {
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
        let read = AccessFs::from_read(self.abi);
        for path in &cover.whole {
            self.allow(path, read)?;
        }
        // Names below a partly readable folder, where no closed folder could show its own: within
        // namespaces closed folders are empty, and outside them only what lies inside one is told.
        for path in &cover.partial {
            let in_closed = policy
                .closed
                .iter()
                .any(|rule| path.starts_with(&rule.path));
            if replaced.is_some() || in_closed {
                self.allow(path, AccessFs::ReadDir.into())?;
            }
        }
        let is_hidden = |path: &PathBuf| policy.hidden.iter().any(|rule| rule.path == *path);
        for path in replaced.unwrap_or_default() {
            // Whoever needs the file is to fail, and not to go on with an empty one.
            if is_hidden(path) && !path.is_dir() {
                continue;
            }
            let names_or_file = if path.is_dir() {
                AccessFs::ReadDir
            } else {
                AccessFs::ReadFile
            };
            self.allow(path, names_or_file.into())?;
        }
        Ok(())
    }

    fn writes(&mut self, policy: &Policy, namespaces: bool) -> Result<()> {
        let mut decisions = Decisions::default();
        let private = namespaces.then_some(&policy.private).into_iter().flatten();
        for rule in policy.writable.iter().chain(private.clone()) {
            decisions.set(&rule.path, true);
        }
        for rule in &policy.protected {
            decisions.set(&rule.path, false);
        }
        // No device files: a node for a disk would be a way around every path rule.
        let write = AccessFs::from_all(self.abi)
            & !(AccessFs::MakeBlock | AccessFs::MakeChar)
            & !BitFlags::from(AccessFs::IoctlDev);
        let cover = decisions.cover(&mut |path| self.listed.children(path));
        for path in &cover.whole {
            self.allow(path, write)?;
        }
        for rule in &policy.devices {
            let data = AccessFs::ReadFile | AccessFs::WriteFile;
            self.allow(&rule.path, data)?;
        }
        Ok(())
    }

    /// Adds one rule; a path that is not there needs none.
    fn allow(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<()> {
        let listed = self.listed.0.get(path).copied();
        let Some((object, is_folder)) = open_path(path, listed)
            .with_context(|| format!("failed to open `{}` for a Landlock rule", path.display()))?
        else {
            return Ok(());
        };
        let access = if is_folder {
            access
        } else {
            access & AccessFs::from_file(self.abi)
        };
        if !access.is_empty() {
            (&mut self.ruleset)
                .add_rule(PathBeneath::new(object, access))
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
