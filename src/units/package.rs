//! Which package a compiler was started for.
//!
//! cargo tells it by variables, but a build script may set these for the compilation of its own
//! crate (`cargo::rustc-env=CARGO_PKG_NAME=…`) and so blame another one. Where the source lies it
//! cannot change. It can put another manifest between its own and the source, so in the end only
//! manifests that cargo knows count.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::denial::{Seen, Unit};

/// A package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    /// `None` for one that the manifest inherits.
    pub(super) version: Option<String>,
    /// Where its manifest lies.
    pub(super) folder: Option<PathBuf>,
}

/// By the path of the crate's first source file; `None` if that does not tell.
pub(super) fn of_source(source: &Path) -> Option<Found> {
    of_registry(source).or_else(|| of_manifest(source))
}

/// Below `registry/src/INDEX`, cargo unpacks each package as `NAME-VERSION`.
fn of_registry(source: &Path) -> Option<Found> {
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
    let place: PathBuf = parts[..=at + 3].iter().collect();
    // Where it lies could not be told, and a folder of a crate's own may be named like that.
    Unit::fits(&place).then(|| Found {
        name: folder[..end].to_owned(),
        version: Some(folder[end + 1..].to_owned()),
        folder: Some(place),
    })
}

fn of_manifest(source: &Path) -> Option<Found> {
    let manifest = source
        .ancestors()
        .skip(1)
        .filter(|folder| Unit::fits(folder))
        .map(|folder| folder.join("Cargo.toml"))
        .find(|path| path.is_file())?;
    at(&manifest)
}

/// The package of a manifest.
fn at(manifest: &Path) -> Option<Found> {
    // More than any has.
    const LIMIT: u64 = 1 << 20;
    if fs::metadata(manifest).ok()?.len() > LIMIT {
        return None;
    }
    let table: toml::Table = fs::read_to_string(manifest).ok()?.parse().ok()?;
    let package = table.get("package")?;
    let text = |key| Some(package.get(key)?.as_str()?.to_owned());
    Some(Found {
        name: text("name")?,
        version: text("version"),
        folder: manifest.parent().map(Path::to_owned),
    })
}

/// The units by the packages that cargo knows, which have these manifests: the innermost that a
/// unit's folder lies in is its own.
pub fn correct(seen: &mut Seen, manifests: &[PathBuf]) {
    let folders: Vec<&Path> = manifests.iter().filter_map(|path| path.parent()).collect();
    let of_denials = seen
        .denials
        .iter_mut()
        .filter_map(|denial| denial.actor.unit.as_mut());
    let of_activities = seen
        .activities
        .iter_mut()
        .map(|activity| &mut activity.unit);
    let of_omitted = seen
        .omitted
        .iter_mut()
        .filter_map(|(unit, _)| unit.as_mut());
    for unit in of_denials.chain(of_activities).chain(of_omitted) {
        let Some(told) = &unit.folder else { continue };
        let around = folders.iter().filter(|folder| told.starts_with(folder));
        let Some(own) = around.max_by_key(|folder| folder.as_os_str().len()) else {
            continue;
        };
        if own != told
            && let Some(found) = at(&own.join("Cargo.toml"))
        {
            unit.package = found.name;
            unit.version = found.version.unwrap_or_default();
            unit.folder = found.folder;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::{Activity, Kind};

    #[test]
    fn a_manifest_that_cargo_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let manifest = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        let host = write("Cargo.toml", &manifest("host"));
        let evil = write("evil/Cargo.toml", &manifest("evil"));
        write("evil/src/Cargo.toml", &manifest("serde"));
        let source = write("evil/src/lib.rs", "");
        let found = of_source(&source).unwrap();
        assert_eq!(found.name, "serde");
        let unit = Unit {
            kind: Kind::Compiler,
            package: found.name,
            version: "9.9.9".to_owned(),
            proc_macro: false,
            folder: found.folder,
        };
        let activity = Activity {
            unit,
            programs: Vec::new(),
            read: Vec::new(),
            failed: false,
        };
        let mut seen = Seen {
            denials: Vec::new(),
            activities: vec![activity],
            omitted: Vec::new(),
            unread: false,
        };
        correct(&mut seen, &[host, evil]);
        let unit = &seen.activities[0].unit;
        assert_eq!(
            (unit.package.as_str(), unit.version.as_str()),
            ("evil", "1.0.0")
        );
        assert_eq!(unit.folder, Some(folder.path().join("evil")));
        let before = seen.clone();
        correct(&mut seen, &[]);
        assert_eq!(seen, before);
    }

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
            let place = format!("/home/a/.cargo/registry/src/index.crates.io-1949/{folder}");
            let expected = Found {
                name: name.to_owned(),
                version: Some(version.to_owned()),
                folder: Some(place.into()),
            };
            assert_eq!(of(folder), Some(expected), "{folder}");
        }
        assert_eq!(of("serde"), None);
        assert_eq!(of("serde-1.0.2\"/x"), None);
        assert_eq!(of_registry(Path::new("src/lib.rs")), None);
    }

    #[test]
    fn of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text| fs::write(folder.path().join("Cargo.toml"), text).unwrap();
        let source = folder.path().join("src/bin/a.rs");
        write("[package]\nname = \"a\"\nversion = \"1.2.3\"\n");
        let found = |version: Option<&str>| Found {
            name: "a".to_owned(),
            version: version.map(str::to_owned),
            folder: Some(folder.path().to_owned()),
        };
        assert_eq!(of_source(&source), Some(found(Some("1.2.3"))));
        write("[package]\nname = \"a\"\nversion.workspace = true\n");
        assert_eq!(of_source(&source), Some(found(None)));
        write("not TOML");
        assert_eq!(of_source(&source), None);
    }
}
