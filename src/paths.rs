//! Canonical paths by their bytes.
//!
//! [`Path`] parses both sides of every comparison. A policy has some hundred paths, which are sorted
//! and searched several times before cargo starts, so that takes a millisecond.

use std::path::{MAIN_SEPARATOR, Path};

/// Sorts as canonical paths do: a folder comes directly before all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn of(path: &Path) -> Self {
        let bytes = path.as_os_str().as_encoded_bytes();
        // Of the root nothing is left, since it is the start of everything.
        let bytes = bytes.strip_suffix(&[SEPARATOR]).unwrap_or(bytes);
        let below_all = |byte: &u8| if *byte == SEPARATOR { 0 } else { *byte };
        Self(bytes.iter().map(below_all).collect())
    }

    /// Is `other` this path, or in this folder?
    pub fn contains(&self, other: &Self) -> bool {
        let rest = other.0.strip_prefix(self.0.as_slice());
        rest.is_some_and(|rest| matches!(rest, [] | [0, ..]))
    }
}

/// [`Path::starts_with`] for canonical paths.
pub fn is_within(path: &Path, folder: &Path) -> bool {
    let [path, folder] = [path, folder].map(|path| path.as_os_str().as_encoded_bytes());
    let folder = folder.strip_suffix(&[SEPARATOR]).unwrap_or(folder);
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| matches!(rest, [] | [SEPARATOR, ..]))
}

const SEPARATOR: u8 = MAIN_SEPARATOR as u8;

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 9] = [
        "/", "/a", "/a/b", "/a/b/c", "/a/b-c", "/a-b", "/a/ü", "/ab", "/b",
    ];

    #[test]
    fn the_order_is_that_of_paths() {
        let mut by_path = PATHS.map(Path::new);
        by_path.sort();
        let mut by_key = PATHS.map(Path::new);
        by_key.reverse();
        by_key.sort_by_key(|path| Key::of(path));
        assert_eq!(by_key, by_path);
    }

    #[test]
    fn what_lies_in_a_folder_is_what_paths_say() {
        for path in PATHS.map(Path::new) {
            for folder in PATHS.map(Path::new) {
                let expected = path.starts_with(folder);
                assert_eq!(is_within(path, folder), expected, "{path:?} in {folder:?}");
                let key = Key::of(folder).contains(&Key::of(path));
                assert_eq!(key, expected, "{path:?} in {folder:?}");
            }
        }
    }
}
