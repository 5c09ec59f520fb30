//! Which package a compiler was started for.
//!
//! cargo tells it by variables, but a build script may set these for the compilation of its own
//! crate (`cargo::rustc-env=CARGO_PKG_NAME=…`) and so blame another one. Where the source lies it
//! cannot change.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Name and version, by the path of the crate's first source file; `None` if it does not tell.
pub(super) fn of_source(source: &Path) -> Option<(String, Option<String>)> {
    of_registry(source).or_else(|| of_manifest(source))
}

/// Below `registry/src/INDEX`, cargo unpacks each package as `NAME-VERSION`.
fn of_registry(source: &Path) -> Option<(String, Option<String>)> {
    let parts: Vec<&OsStr> = source.iter().collect();
    let at = parts
        .windows(2)
        .position(|pair| pair[0] == "registry" && pair[1] == "src")?;
    let folder = parts.get(at + 3)?.to_str()?;
    // No dot is in a name.
    let is_version = |text: &str| {
        text.split_once('.')
            .is_some_and(|(major, _)| major.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (end, _) = folder
        .match_indices('-')
        .find(|(at, _)| is_version(&folder[at + 1..]))?;
    Some((folder[..end].to_owned(), Some(folder[end + 1..].to_owned())))
}

fn of_manifest(source: &Path) -> Option<(String, Option<String>)> {
    // More than any manifest has.
    const LIMIT: u64 = 1 << 20;
    let manifest = source
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("Cargo.toml"))
        .find(|path| path.is_file())?;
    if fs::metadata(&manifest).ok()?.len() > LIMIT {
        return None;
    }
    let manifest: toml::Table = fs::read_to_string(manifest).ok()?.parse().ok()?;
    let package = manifest.get("package")?;
    let text = |key| Some(package.get(key)?.as_str()?.to_owned());
    Some((text("name")?, text("version")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_registry() {
        let of = |name: &str| {
            let path =
                format!("/home/a/.cargo/registry/src/index.crates.io-1949/{name}/src/lib.rs");
            of_registry(Path::new(&path))
        };
        for (folder, name, version) in [
            ("serde-1.0.2", "serde", "1.0.2"),
            ("x86-64-0.1.0-rc.1+b-2", "x86-64", "0.1.0-rc.1+b-2"),
        ] {
            let expected = (name.to_owned(), Some(version.to_owned()));
            assert_eq!(of(folder), Some(expected), "{folder}");
        }
        assert_eq!(of("serde"), None);
        assert_eq!(of_registry(Path::new("src/lib.rs")), None);
    }

    #[test]
    fn of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text| fs::write(folder.path().join("Cargo.toml"), text).unwrap();
        let source = folder.path().join("src/bin/a.rs");
        write("[package]\nname = \"a\"\nversion = \"1.2.3\"\n");
        let expected = ("a".to_owned(), Some("1.2.3".to_owned()));
        assert_eq!(of_source(&source), Some(expected));
        write("[package]\nname = \"a\"\nversion.workspace = true\n");
        assert_eq!(of_source(&source), Some(("a".to_owned(), None)));
        write("not TOML");
        assert_eq!(of_source(&source), None);
    }
}
