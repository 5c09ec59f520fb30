//! Finds the files of a project that hold secrets by custom: `.env` and its like.
//!
//! A build may read its project, so these are what a sweep for secrets would find. The list is
//! narrow on purpose: a file that a build embeds must stay readable. Certificates and keys by
//! suffix (`*.pem`, `*.key`) are therefore not in it, most of those in projects being fixtures, nor
//! is `.env.example`, which is meant for publication.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use super::file;

/// So that even a huge project costs no more than a few milliseconds. Each root has its own: a
/// dependency must not use up the host's with files of its own.
const MOST_ENTRIES: usize = 4096;

/// Folders that are large, made by tools, or protected in another way.
const SKIPPED: [&str; 5] = [".git", ".hg", ".perry-cache", "node_modules", "target"];

/// Endings of what is published in place of the real `.env`.
const PUBLISHED: [&str; 6] = [
    "defaults", "dist", "example", "sample", "schema", "template",
];

/// Files that are secrets wherever they lie.
const ANYWHERE: [&str; 14] = [
    ".dev.vars",
    ".dockercfg",
    ".git-credentials",
    ".htpasswd",
    ".my.cnf",
    ".netrc",
    ".pgpass",
    ".pypirc",
    "_netrc",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "terraform.tfstate",
];

/// Files that are secrets at the top of a project or in its `config`; deeper down, names like these
/// also belong to translations and fixtures.
const AT_THE_TOP: [&str; 5] = [
    "credentials.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
];

/// A file that a build should not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Canonical: of a link, the file that it leads to.
    pub path: PathBuf,
    pub why: &'static str,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFiles {
    /// Sorted by path, each once.
    pub files: Vec<Secret>,
    /// Was everything below the roots looked at?
    pub complete: bool,
}

/// Looks for files with secrets below `roots`, the nearest first, without following links.
pub fn secret_files(roots: &[PathBuf]) -> SecretFiles {
    search(roots, MOST_ENTRIES)
}

fn search(roots: &[PathBuf], most: usize) -> SecretFiles {
    let mut roots: Vec<PathBuf> = roots
        .iter()
        .filter_map(|root| fs::canonicalize(root).ok())
        .collect();
    roots.sort();
    roots.dedup();
    let outermost = roots.iter().filter(|root| {
        // Unless a folder that the search skips lies between, the other root's search comes
        // here as well.
        !roots.iter().any(|other| {
            root.strip_prefix(other).is_ok_and(|below| {
                below.iter().next().is_some()
                    && !below
                        .iter()
                        .any(|part| SKIPPED.iter().any(|name| part == *name))
            })
        })
    });

    let mut files = BTreeMap::new();
    let mut complete = true;
    for root in outermost {
        complete &= search_below(root, &roots, most, &mut files);
    }
    SecretFiles {
        files: files
            .into_iter()
            .map(|(path, why)| Secret { path, why })
            .collect(),
        complete,
    }
}

/// Was everything below `root` looked at?
fn search_below(
    root: &Path,
    roots: &[PathBuf],
    most: usize,
    files: &mut BTreeMap<PathBuf, &'static str>,
) -> bool {
    let mut pending = VecDeque::from([(root.to_owned(), true)]);
    let mut seen = 0;
    while let Some((directory, top)) = pending.pop_front() {
        // What we cannot list the build cannot list either.
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if seen == most {
                return false;
            }
            seen += 1;
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let name = entry.file_name();
            if kind.is_dir() {
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    let path = entry.path();
                    let top = roots.contains(&path) || (top && name == "config");
                    pending.push_back((path, top));
                }
            } else if let Some(why) = reason(&name.to_string_lossy(), &entry.path(), top)
                && let Ok(path) = fs::canonicalize(entry.path())
                && !path.is_dir()
            {
                files.insert(path, why);
            }
        }
    }
    true
}

/// Why a file of this name is a secret.
fn reason(name: &str, path: &Path, top: bool) -> Option<&'static str> {
    // File systems of macOS and Windows open `.ENV` by the name `.env`.
    let name = name.to_ascii_lowercase();
    if let Some(rest) = name.strip_prefix(".env") {
        let published = rest
            .rsplit(['.', '-', '_'])
            .next()
            .is_some_and(|ending| PUBLISHED.contains(&ending));
        return (!published).then_some("environment file");
    }
    if ANYWHERE.contains(&name.as_str()) || (top && AT_THE_TOP.contains(&name.as_str())) {
        return Some("holds credentials by its name");
    }
    let tokens: &[&str] = match name.as_str() {
        ".npmrc" => &["_auth", "_password"],
        ".yarnrc.yml" => &["npmauth", "password"],
        _ => return None,
    };
    holds_any(path, tokens).then_some("holds a registry's token")
}

/// Most of these files hold harmless settings that a build may need.
fn holds_any(path: &Path, words: &[&str]) -> bool {
    const LARGEST: u64 = 1 << 20;
    match file::read(path, LARGEST) {
        Ok(Some(text)) => {
            let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
            words.iter().any(|word| text.contains(word))
        }
        Ok(None) => false,
        // Nobody knows what it holds.
        Err(_) => true,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
