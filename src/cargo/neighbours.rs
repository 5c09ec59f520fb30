//! Packages that a project takes from folders beside its own.
//!
//! cargo reads their manifests while it fetches, before `cargo metadata` can tell where they are,
//! so their paths are read as data.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// More is no project, but an attempt to keep us busy.
const MOST: usize = 1024;

/// Tables of a manifest that name other packages, directly or one level down.
const TABLES: [&str; 6] = [
    "build-dependencies",
    "dependencies",
    "dev-dependencies",
    "patch",
    "replace",
    "target",
];

/// The folders that `paths` and the manifests there lead to; `inside` are left out, since they may
/// be read anyway.
///
/// A manifest that cannot be read or parsed leads nowhere: cargo will say so. Nor does one in a folder
/// of artifacts lead anywhere, or count: a build may have made it, and it could tell a server what the
/// build found out. `project` is a folder of the project's, which may itself lie in one of another's.
pub fn neighbours(paths: Vec<PathBuf>, inside: &[&Path], project: &Path) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut pending = paths;
    while let Some(path) = pending.pop() {
        let Ok(folder) = fs::canonicalize(&path) else {
            continue;
        };
        if inside.iter().any(|other| folder.starts_with(other))
            || found.len() >= MOST
            || is_artifact(&folder, project)
            || !found.insert(folder.clone())
        {
            continue;
        }
        pending.extend(named_by(&folder));
    }
    found.into_iter().collect()
}

/// Does it lie in a target folder that `project` does not lie in? cargo leaves these two in each, where
/// no unit can remove them.
fn is_artifact(folder: &Path, project: &Path) -> bool {
    let marks = ["CACHEDIR.TAG", ".rustc_info.json"];
    let mut around = folder
        .ancestors()
        .filter(|above| !project.starts_with(above));
    around.any(|above| marks.iter().any(|mark| above.join(mark).is_file()))
}

/// Is there a package, and not only a workspace or something of another kind?
pub fn is_package(folder: &Path) -> bool {
    read(&folder.join("Cargo.toml")).is_some_and(|manifest| manifest.contains_key("package"))
}

/// The folders that the manifest in `folder`, and its workspace's, name.
pub fn named_by(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (number, ancestor) in folder.ancestors().enumerate() {
        let Some(manifest) = read(&ancestor.join("Cargo.toml")) else {
            continue;
        };
        if number == 0 {
            collect(&manifest, ancestor, &mut paths);
        }
        if let Some(Value::Table(workspace)) = manifest.get("workspace") {
            collect(workspace, ancestor, &mut paths);
            collect(&manifest, ancestor, &mut paths);
            break;
        }
    }
    paths
}

fn collect(manifest: &Table, base: &Path, paths: &mut Vec<PathBuf>) {
    for value in TABLES.iter().filter_map(|name| manifest.get(*name)) {
        gather(value, base, 0, paths);
    }
}

/// `target.'cfg(unix)'.dependencies.x.path` is the deepest place.
fn gather(value: &Value, base: &Path, depth: usize, paths: &mut Vec<PathBuf>) {
    let Value::Table(table) = value else { return };
    match table.get("path") {
        Some(Value::String(path)) => paths.push(base.join(path)),
        _ if depth < 3 => {
            for value in table.values() {
                gather(value, base, depth + 1, paths);
            }
        }
        _ => {}
    }
}

fn read(path: &Path) -> Option<Table> {
    const LARGEST: u64 = 8 << 20;
    // A FIFO would keep us waiting.
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    fs::read_to_string(path).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (folder, root)
    }

    #[test]
    fn paths_are_followed_from_folder_to_folder() {
        let (_folder, root) = tree(&[
            (
                "app/Cargo.toml",
                "[dependencies]\na.path = \"../a\"\nin.path = \"inner\"\n",
            ),
            (
                "app/inner/Cargo.toml",
                "[dependencies]\nb.path = \"../../b\"\n",
            ),
            (
                "a/Cargo.toml",
                "[target.'cfg(unix)'.build-dependencies]\nc = { path = \"../c\" }\n",
            ),
            (
                "c/Cargo.toml",
                "[patch.crates-io]\nd = { path = \"../d\" }\na.path = \"../a\"\n",
            ),
            ("d/Cargo.toml", "not TOML"),
        ]);
        let app = root.join("app");
        assert_eq!(
            neighbours(named_by(&app), &[&app], &app),
            [root.join("a"), root.join("c"), root.join("d")]
        );
    }

    #[test]
    fn paths_of_the_workspace_count() {
        let (_folder, root) = tree(&[
            (
                "w/Cargo.toml",
                "[workspace]\nmembers = [\"m\"]\n[workspace.dependencies]\na.path = \"../a\"\n\
                 [replace]\n\"x:1.0.0\" = { path = \"../x\" }\n",
            ),
            ("w/m/Cargo.toml", "[dependencies]\na.workspace = true\n"),
            ("a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("x/Cargo.toml", "[package]\nname = \"x\"\n"),
        ]);
        let workspace = root.join("w");
        assert_eq!(
            neighbours(named_by(&workspace.join("m")), &[&workspace], &workspace),
            [root.join("a"), root.join("x")]
        );
    }

    #[test]
    fn what_is_missing_leads_nowhere() {
        let (_folder, root) = tree(&[(
            "app/Cargo.toml",
            "[dependencies]\na.path = \"../missing\"\n",
        )]);
        assert_eq!(
            neighbours(named_by(&root.join("app")), &[], &root),
            Vec::<PathBuf>::new()
        );
    }

    #[test]
    fn what_a_build_made_is_no_neighbour() {
        let package = "[package]\nname = \"x\"\nversion = \"0.1.0\"\n";
        let (_folder, root) = tree(&[
            ("outer/target/CACHEDIR.TAG", ""),
            ("outer/target/tmp/app/target/CACHEDIR.TAG", ""),
            ("outer/target/tmp/app/target/out/made/Cargo.toml", package),
            ("outer/target/tmp/beside/Cargo.toml", package),
            ("other/target/.rustc_info.json", "{}"),
            ("other/target/out/made/Cargo.toml", package),
            ("other/lib/Cargo.toml", "[workspace]\n"),
            ("other/odd/Cargo.toml", "no TOML"),
        ]);
        let app = root.join("outer/target/tmp/app");
        let paths = [
            "outer/target/tmp/app/target/out/made",
            "outer/target/tmp/beside",
            "other/target/out/made",
            "other/lib",
        ];
        let paths = paths.map(|path| root.join(path)).to_vec();
        let found = neighbours(paths, &[], &app);
        let beside = root.join("outer/target/tmp/beside");
        assert_eq!(found, [root.join("other/lib"), beside.clone()]);
        assert!(is_package(&beside));
        for none in ["other/lib", "other/odd", "other"] {
            assert!(!is_package(&root.join(none)), "{none}");
        }
    }
}
