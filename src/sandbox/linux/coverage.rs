//! Turns "all but" into a list of folders, since Landlock can only allow.
//!
//! A Landlock rule covers everything below its path. To leave one path out, its siblings along the
//! way are named one by one instead.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use crate::paths::{Key, is_within};

/// The answers of a policy by path; the longest path that contains a file decides.
#[derive(Debug, Default)]
pub(super) struct Decisions(BTreeMap<Key, (PathBuf, bool)>);

/// What [`Decisions::cover`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// Allowed with everything below.
    pub(super) whole: Vec<PathBuf>,
    /// Allowed, but something below is not: only the names in it can be granted as a whole.
    pub(super) partial: Vec<PathBuf>,
}

impl Decisions {
    /// Later calls for the same path win.
    pub(super) fn set(&mut self, path: &Path, allow: bool) {
        self.0.insert(Key::of(path), (path.to_owned(), allow));
    }

    /// The folders to allow so that every decision holds; `children` lists a folder and is asked
    /// only for folders that have an exception somewhere below.
    pub(super) fn cover(&self, children: &mut dyn FnMut(&Path) -> Vec<PathBuf>) -> Cover {
        let mut cover = Cover::default();
        let root = Path::new("/");
        let allowed = self.get(root).unwrap_or(false);
        self.visit(root, allowed, children, &mut cover);
        cover
    }

    fn get(&self, path: &Path) -> Option<bool> {
        self.0.get(&Key::of(path)).map(|(_, allow)| *allow)
    }

    fn visit(
        &self,
        path: &Path,
        allowed: bool,
        children: &mut dyn FnMut(&Path) -> Vec<PathBuf>,
        cover: &mut Cover,
    ) {
        if allowed && self.below(path).all(|(_, allow)| allow) {
            cover.whole.push(path.to_owned());
        } else if allowed {
            cover.partial.push(path.to_owned());
            // Few entries of a folder have a decision: those without one need no search.
            let decided: HashSet<&OsStr> = self
                .below(path)
                .filter_map(|(below, _)| below.strip_prefix(path).ok()?.iter().next())
                .collect();
            for child in children(path) {
                if child
                    .file_name()
                    .is_some_and(|name| !decided.contains(name))
                {
                    cover.whole.push(child);
                    continue;
                }
                let allowed = self.get(&child).unwrap_or(true);
                self.visit(&child, allowed, children, cover);
            }
        } else {
            // Only the outermost exceptions: each one visits what is below itself.
            let mut done: Option<&Path> = None;
            for (below, allow) in self.below(path) {
                if allow && done.is_none_or(|done| !is_within(below, done)) {
                    self.visit(below, true, children, cover);
                    done = Some(below);
                }
            }
        }
    }

    fn below(&self, path: &Path) -> impl Iterator<Item = (&Path, bool)> {
        let folder = Key::of(path);
        self.0
            .range((Bound::Excluded(folder.clone()), Bound::Unbounded))
            .take_while(move |(below, _)| folder.contains(below))
            .map(|(_, (below, allow))| (below.as_path(), *allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(decisions: &[(&str, bool)], tree: &[(&str, &[&str])]) -> (Vec<String>, Vec<String>) {
        let mut all = Decisions::default();
        for (path, allow) in decisions {
            all.set(Path::new(path), *allow);
        }
        let tree: BTreeMap<_, _> = tree.iter().copied().collect();
        let cover = all.cover(&mut |path| {
            let path = path.to_str().unwrap();
            let prefix = path.trim_end_matches('/');
            tree.get(path)
                .unwrap_or_else(|| panic!("{path} was listed without need"))
                .iter()
                .map(|name| PathBuf::from(format!("{prefix}/{name}")))
                .collect()
        });
        let text = |paths: Vec<PathBuf>| {
            paths
                .into_iter()
                .map(|path| path.to_str().unwrap().to_owned())
                .collect()
        };
        (text(cover.whole), text(cover.partial))
    }

    #[test]
    fn nothing_is_listed_without_exceptions() {
        assert_eq!(cover(&[("/", true)], &[]), (vec!["/".into()], vec![]));
        assert_eq!(cover(&[], &[]), (vec![], vec![]));
    }

    #[test]
    fn siblings_of_a_closed_folder_are_named() {
        let tree: &[(&str, &[&str])] = &[("/", &["etc", "home", "usr"]), ("/home", &["u", "v"])];
        let decisions = [
            ("/", true),
            ("/home/u", false),
            ("/home/u/p", true),
            ("/home/u/p/target", true),
        ];
        assert_eq!(
            cover(&decisions, tree),
            (
                vec![
                    "/etc".into(),
                    "/home/u/p".into(),
                    "/home/v".into(),
                    "/usr".into()
                ],
                vec!["/".into(), "/home".into()]
            )
        );
    }

    #[test]
    fn a_secret_inside_a_readable_folder_inside_a_closed_one() {
        let tree: &[(&str, &[&str])] = &[("/", &["h"]), ("/h/p", &[".env", ".envy", "src"])];
        let decisions = [
            ("/", true),
            ("/h", false),
            ("/h/p", true),
            ("/h/p/.env", false),
        ];
        assert_eq!(
            cover(&decisions, tree),
            (
                vec!["/h/p/.envy".into(), "/h/p/src".into()],
                vec!["/".into(), "/h/p".into()]
            )
        );
    }

    #[test]
    fn a_name_that_continues_another_is_not_below_it() {
        let decisions = [("/a", true), ("/a-b", false), ("/a/c", true)];
        assert_eq!(cover(&decisions, &[]), (vec!["/a".into()], vec![]));
    }
}
