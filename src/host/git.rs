//! Finds the git repositories around a folder, and what of them a build should not see.
//!
//! The files are read as data; git itself would obey hooks and helpers. A file in a repository can
//! name any path, and the repository can be a dependency's. So what is reached through such a name
//! is [trusted](GitConfig::trusted) only if it lies below the same folder or points back at the
//! repository; all else is reported to be hidden, never to be shown. (A folder made by `git init
//! --separate-git-dir` does not point back; elsewhere in the home folder it stays closed.)

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{file, git_config};

/// The largest configuration worth a copy in memory; a larger one is shown empty.
const LARGEST_CONFIG: u64 = 1 << 20;
/// How many folders of submodules and worktrees are looked at.
const MOST_FOLDERS: usize = 1024;
/// How deep includes nest; git's own limit.
const MOST_INCLUDES: usize = 10;

/// What a build has to do with git.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitFacts {
    /// The folders that hold repositories: `.git`, and where it leads to. Canonical.
    pub dirs: Vec<PathBuf>,
    pub configs: Vec<GitConfig>,
    /// Files named by a configuration that are secrets themselves: cookies, stored credentials,
    /// private keys.
    pub secrets: Vec<PathBuf>,
}

/// A configuration file of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitConfig {
    /// Canonical.
    pub path: PathBuf,
    /// The contents without credentials; `None` if it has none. Empty if the file could not be
    /// read, since nobody knows what it holds.
    pub sanitised: Option<Vec<u8>>,
    /// Is it part of a repository, rather than named by a file? If not, it may be any file, and
    /// must not be made readable for its being here.
    pub trusted: bool,
}

/// Looks for repositories from `start` upwards to `stop`; at `start` alone if `stop` is elsewhere.
pub fn git_facts(start: &Path, stop: &Path, home: Option<&Path>) -> GitFacts {
    let mut search = Search {
        facts: GitFacts::default(),
        seen: HashSet::new(),
        home,
    };
    let stop = fs::canonicalize(stop).unwrap_or_else(|_| stop.to_owned());
    let start = fs::canonicalize(start).unwrap_or_else(|_| start.to_owned());
    let stop = if start.starts_with(&stop) {
        &stop
    } else {
        &start
    };
    for directory in start.ancestors() {
        search.repository(directory, stop);
        if directory == stop {
            break;
        }
    }
    search.facts
}

/// Looks at one configuration file, such as the user's own, and at what it includes.
///
/// The second part of the answer is as [`GitFacts::secrets`].
pub fn git_config_facts(path: &Path, home: Option<&Path>) -> (Vec<GitConfig>, Vec<PathBuf>) {
    let mut search = Search {
        facts: GitFacts::default(),
        seen: HashSet::new(),
        home,
    };
    search.config(path, true, 0);
    (search.facts.configs, search.facts.secrets)
}

struct Search<'a> {
    facts: GitFacts,
    seen: HashSet<PathBuf>,
    home: Option<&'a Path>,
}

impl Search<'_> {
    fn repository(&mut self, directory: &Path, stop: &Path) {
        let entry = directory.join(".git");
        let Ok(metadata) = fs::metadata(&entry) else {
            return;
        };
        let named = if metadata.is_dir() {
            Some(entry.clone())
        } else {
            named_path(&entry, b"gitdir:", directory)
        };
        let Some(git_dir) = named.and_then(|named| fs::canonicalize(named).ok()) else {
            return;
        };
        let trusted = git_dir.starts_with(stop) || points_back(&git_dir, &entry, directory);
        self.git_dir(&git_dir, trusted);

        // A worktree shares all but its index and HEAD with another repository, whose folder holds
        // the worktree's own.
        let common = named_path(&git_dir.join("commondir"), b"", &git_dir)
            .and_then(|common| fs::canonicalize(common).ok());
        if let Some(common) = common {
            let trusted = trusted && (common.starts_with(stop) || git_dir.starts_with(&common));
            self.git_dir(&common, trusted);
        }
    }

    fn git_dir(&mut self, directory: &Path, trusted: bool) {
        if !directory.is_dir() || !self.seen.insert(directory.to_owned()) {
            return;
        }
        if trusted {
            self.facts.dirs.push(directory.to_owned());
        }
        let mut budget = MOST_FOLDERS;
        self.configs_in(directory, trusted, &mut budget);
        self.nested(&directory.join("modules"), trusted, &mut budget);
        for worktree in folders(&directory.join("worktrees"), &mut budget) {
            self.configs_in(&worktree, trusted, &mut budget);
        }
    }

    /// Submodules, whose names may have slashes, and which may have submodules.
    fn nested(&mut self, modules: &Path, trusted: bool, budget: &mut usize) {
        let mut pending = folders(modules, budget);
        while let Some(directory) = pending.pop() {
            if file::exists(&directory.join("HEAD")) {
                self.configs_in(&directory, trusted, budget);
                pending.extend(folders(&directory.join("modules"), budget));
            } else {
                pending.extend(folders(&directory, budget));
            }
        }
    }

    /// `config`, `config.worktree`, and what editors and git leave beside them.
    fn configs_in(&mut self, directory: &Path, trusted: bool, budget: &mut usize) {
        // Also if the folder is too full to be listed.
        self.config(&directory.join("config"), trusted, 0);
        self.config(&directory.join("config.worktree"), trusted, 0);
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        for entry in entries.flatten() {
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(b"config") {
                self.config(&entry.path(), trusted, 0);
            } else if name.ends_with(b"credentials") {
                self.facts.secrets.extend(fs::canonicalize(entry.path()));
            }
        }
    }

    fn config(&mut self, path: &Path, trusted: bool, depth: usize) {
        let Ok(resolved) = fs::canonicalize(path) else {
            return;
        };
        if resolved.is_dir() || !self.seen.insert(resolved.clone()) {
            return;
        }
        // A link out of the repository is a name like any other.
        let trusted = trusted
            && path
                .parent()
                .and_then(|parent| fs::canonicalize(parent).ok())
                .is_some_and(|parent| depth > 0 || resolved.parent() == Some(&parent));
        let contents = match file::read(&resolved, LARGEST_CONFIG) {
            Ok(Some(text)) => git_config::inspect(&text),
            Ok(None) => return,
            Err(_) => git_config::Contents {
                sanitised: Some(Vec::new()),
                ..git_config::Contents::default()
            },
        };
        self.facts.configs.push(GitConfig {
            path: resolved.clone(),
            sanitised: contents.sanitised,
            trusted,
        });
        for secret in contents.secrets {
            if let Some(path) = self.path(secret, &resolved) {
                self.facts.secrets.extend(fs::canonicalize(path));
            }
        }
        if depth < MOST_INCLUDES {
            for include in contents.includes {
                if let Some(path) = self.path(include, &resolved) {
                    self.config(&path, false, depth + 1);
                }
            }
        }
    }

    /// A path as a configuration file writes it.
    fn path(&self, written: Vec<u8>, config: &Path) -> Option<PathBuf> {
        let written = PathBuf::from(file::os_string(written)?);
        match written.strip_prefix("~") {
            Ok(below_home) => Some(self.home?.join(below_home)),
            Err(_) => Some(config.parent()?.join(written)),
        }
    }
}

/// The path in a file of one line, seen from `base`.
fn named_path(path: &Path, prefix: &[u8], base: &Path) -> Option<PathBuf> {
    const LARGEST: u64 = 64 << 10;
    let text = file::read(path, LARGEST).ok()??;
    let name = text.strip_prefix(prefix)?.trim_ascii();
    if name.is_empty() {
        return None;
    }
    Some(base.join(file::os_string(name.to_owned())?))
}

/// Does the repository's folder know of the `.git` that leads to it? A worktree's says so in a file
/// of its own, a submodule's in its configuration. Nobody can make another repository say it.
fn points_back(git_dir: &Path, entry: &Path, directory: &Path) -> bool {
    let same = |path: PathBuf, other: &Path| {
        matches!(
            (fs::canonicalize(path), fs::canonicalize(other)),
            (Ok(path), Ok(other)) if path == other
        )
    };
    if named_path(&git_dir.join("gitdir"), b"", git_dir).is_some_and(|back| same(back, entry)) {
        return true;
    }
    file::read(&git_dir.join("config"), LARGEST_CONFIG)
        .ok()
        .flatten()
        .and_then(|text| git_config::inspect(&text).worktree)
        .and_then(file::os_string)
        .is_some_and(|back| same(git_dir.join(back), directory))
}

/// The folders in `directory`, not following links.
fn folders(directory: &Path, budget: &mut usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    folders
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
