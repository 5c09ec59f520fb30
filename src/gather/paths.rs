//! Paths without links, and the links that were on the way.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crate::policy::Link;

/// What Linux allows on the way to one file (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Resolves paths, and remembers every link met.
///
/// It also remembers what it saw: most paths of one build begin alike, and each question is a
/// system call. So it is for one look at the system, and is not kept.
#[derive(Debug, Default)]
pub struct Resolver {
    links: BTreeSet<Link>,
    /// By the text of a path whose folder has no link in it; a path itself takes long to be hashed.
    seen: HashMap<OsString, Entry>,
}

/// What there is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Link(PathBuf),
    Other,
    Nothing,
}

impl Resolver {
    /// `path`, absolute, without any link; `None` where it does not lead to anything.
    pub fn existing(&mut self, path: &Path) -> Option<PathBuf> {
        let resolved = self.resolve(path)?;
        (self.look(&resolved) != Entry::Nothing).then_some(resolved)
    }

    /// The same for what may still have to be created; `None` for a relative path or a loop.
    pub fn resolve(&mut self, path: &Path) -> Option<PathBuf> {
        if !path.is_absolute() {
            return None;
        }
        if self.has_known_folder(path) && !matches!(self.look(path), Entry::Link(_)) {
            return Some(path.to_owned());
        }
        let mut resolved = PathBuf::new();
        let mut pending: Vec<PathBuf> = components(path);
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == Path::new("..") {
                resolved.pop();
                continue;
            }
            if part.is_absolute() {
                resolved = part;
                continue;
            }
            let entry = resolved.join(part);
            match self.look(&entry) {
                Entry::Link(target) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return None;
                    }
                    pending.extend(components(&target));
                    self.links.insert(Link {
                        path: entry,
                        target,
                    });
                }
                Entry::Other | Entry::Nothing => resolved = entry,
            }
        }
        Some(resolved)
    }

    /// Is it a plain name in a folder that was looked at, and so has no link in its path?
    fn has_known_folder(&self, path: &Path) -> bool {
        let bytes = path.as_os_str().as_encoded_bytes();
        // Below the root a second slash would pass for a name's first letter.
        let Some(folder) = path.parent().filter(|folder| *folder != Path::new("/")) else {
            return false;
        };
        let plain = path
            .file_name()
            .is_some_and(|name| folder.as_os_str().len() + 1 + name.len() == bytes.len());
        let known = self.seen.get(folder.as_os_str());
        plain && matches!(known, Some(Entry::Other | Entry::Nothing))
    }

    fn look(&mut self, path: &Path) -> Entry {
        if let Some(entry) = self.seen.get(path.as_os_str()) {
            return entry.clone();
        }
        let nowhere = path
            .parent()
            .is_some_and(|folder| self.seen.get(folder.as_os_str()) == Some(&Entry::Nothing));
        let entry = if nowhere {
            Entry::Nothing
        } else {
            Entry::at(path)
        };
        self.seen.insert(path.into(), entry.clone());
        entry
    }

    pub fn into_links(self) -> Vec<Link> {
        self.links.into_iter().collect()
    }
}

impl Entry {
    fn at(path: &Path) -> Self {
        match fs::read_link(path) {
            Ok(target) => Self::Link(target),
            // The answer for what is there and no link (readlink(2)).
            Err(error) if cfg!(unix) && error.kind() == ErrorKind::InvalidInput => Self::Other,
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Nothing,
            Err(_) if fs::symlink_metadata(path).is_ok() => Self::Other,
            Err(_) => Self::Nothing,
        }
    }
}

/// Last one first.
fn components(path: &Path) -> Vec<PathBuf> {
    path.components()
        .rev()
        .filter(|component| *component != Component::CurDir)
        .map(|component| PathBuf::from(component.as_os_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(root.join("real/inner")).unwrap();
        symlink("real", root.join("relative")).unwrap();
        symlink(root.join("relative/inner"), root.join("absolute")).unwrap();
        let mut resolver = Resolver::default();
        assert_eq!(
            resolver.existing(&root.join("absolute/../inner/./new/..")),
            Some(root.join("real/inner"))
        );
        assert_eq!(
            resolver.into_links(),
            [
                Link {
                    path: root.join("absolute"),
                    target: root.join("relative/inner")
                },
                Link {
                    path: root.join("relative"),
                    target: "real".into()
                },
            ]
        );
    }

    #[test]
    fn a_known_folder_hides_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(root.join("real")).unwrap();
        symlink("real", root.join("link")).unwrap();
        fs::write(root.join("real/file"), "").unwrap();
        symlink("file", root.join("real/inner")).unwrap();
        let mut resolver = Resolver::default();
        // Each twice: the second time, all on the way is known.
        for _ in 0..2 {
            for (path, real) in [
                ("real", Some("real")),
                ("link", Some("real")),
                ("link/file", Some("real/file")),
                ("real/inner", Some("real/file")),
                ("link/inner", Some("real/file")),
                ("real/../link/./file", Some("real/file")),
                ("real//file", Some("real/file")),
                ("real/.//file", Some("real/file")),
                ("real/file/x", None),
                ("missing/x", None),
            ] {
                let expected = real.map(|real| root.join(real));
                assert_eq!(resolver.existing(&root.join(path)), expected, "{path}");
            }
        }
        let below_root = Path::new("/").join(root.iter().nth(1).unwrap());
        for odd in ["//", "/./", "/../"] {
            resolver.existing(Path::new("/"));
            let mut path = OsString::from(odd);
            path.push(below_root.file_name().unwrap());
            assert_eq!(
                resolver.existing(Path::new(&path)),
                Some(below_root.clone())
            );
        }
        assert_eq!(resolver.into_links().len(), 2);
    }

    #[test]
    fn what_leads_nowhere_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let mut resolver = Resolver::default();
        assert_eq!(resolver.existing(&root.join("loop/x")), None);
        assert_eq!(resolver.existing(&root.join("missing")), None);
        assert_eq!(resolver.existing(Path::new("relative")), None);
        assert_eq!(
            resolver.resolve(&root.join("missing/x")),
            Some(root.join("missing/x"))
        );
    }
}
