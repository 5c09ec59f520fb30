//! Links that an earlier build may have left in a target folder.
//!
//! A cargo outside of the sandbox writes to its folders by name, and so through a link: what a build
//! script prints, for one, goes to a file that an earlier build, where that could write the whole
//! folder, may have made a link to a person's dotfile. So nothing that cargo writes to may lead out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::Failure;

/// Refuses target folders in which cargo would follow a link out of them.
pub fn check(folders: &[PathBuf]) -> Result<()> {
    for folder in folders {
        let root = match fs::canonicalize(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            root => root.with_context(|| failed(folder))?,
        };
        look(&root, &root, Level::Target)?;
    }
    Ok(())
}

/// What a folder is to cargo, as far as cargo writes there.
#[derive(Debug, Clone, Copy)]
enum Level {
    Target,
    /// Of a profile, or of a target with profiles.
    Profile {
        outer: bool,
    },
    /// `build` or `.fingerprint`, with a folder for each package.
    Packages,
    Package,
    Files,
}

impl Level {
    /// What a folder in it is; `None` for what cargo does not write in.
    fn enter(self, name: &str) -> Option<Self> {
        match (self, name) {
            (Self::Target, _) => Some(Self::Profile { outer: true }),
            (Self::Profile { .. }, "build" | ".fingerprint") => Some(Self::Packages),
            (Self::Profile { .. }, "deps" | "examples" | "incremental") => Some(Self::Files),
            (Self::Profile { outer: true }, _) => Some(Self::Profile { outer: false }),
            (Self::Packages, _) => Some(Self::Package),
            // A build script's own, which may hold anything. In the newer layout it is one deeper.
            (Self::Package, "out") => None,
            (Self::Package, _) => Some(Self::Files),
            // A unit's list of folders, and the newer layout.
            (Self::Files, ".sandboxed-cargo-macros" | "out" | "fingerprint" | "run") => {
                Some(Self::Files)
            }
            (Self::Profile { outer: false } | Self::Files, _) => None,
        }
    }
}

fn look(folder: &Path, root: &Path, level: Level) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| failed(folder))? {
        let entry = entry.with_context(|| failed(folder))?;
        let kind = entry.file_type().with_context(|| failed(folder))?;
        let path = entry.path();
        if kind.is_symlink() && leads(&path).is_none_or(|place| !place.starts_with(root)) {
            return Err(Failure::new(format!(
                "`{}` is a link that leads out of the target folder, and cargo would write through it",
                path.display()
            ))
            .help("an earlier build may have left it: remove it, or run `cargo clean`")
            .into());
        }
        let name = entry.file_name();
        if kind.is_dir()
            && let Some(level) = level.enter(&name.to_string_lossy())
        {
            look(&path, root, level)?;
        }
    }
    Ok(())
}

/// Where a file would be that is written through this link.
fn leads(link: &Path) -> Option<PathBuf> {
    if let Ok(place) = fs::canonicalize(link) {
        return Some(place);
    }
    // Nothing is there yet; a second link could be.
    let next = link.parent()?.join(fs::read_link(link).ok()?);
    if fs::symlink_metadata(&next).is_ok() {
        return None;
    }
    let name = next.file_name()?;
    Some(fs::canonicalize(next.parent()?).ok()?.join(name))
}

fn failed(folder: &Path) -> String {
    format!("cannot look for links in `{}`", folder.display())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A target folder with what cargo makes, and a file outside of it.
    fn target() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        for folder in [
            "debug/deps/.sandboxed-cargo-macros",
            "debug/.fingerprint/a-1",
            "debug/build/a-1/out/deep",
            "debug/build/new/0123/out",
            "x86_64-apple-darwin/release/build/a-1",
            "debug/bundle/app/Contents",
        ] {
            fs::create_dir_all(target.join(folder)).unwrap();
        }
        fs::write(root.path().join("outside"), "").unwrap();
        fs::write(target.join("debug/deps/a"), "").unwrap();
        (root, target)
    }

    #[test]
    fn a_link_out_of_the_folder_is_refused_wherever_cargo_writes() {
        for place in [
            ".rustc_info.json",
            "release",
            "debug/app",
            "debug/deps/liba-1.rlib",
            "debug/deps/.sandboxed-cargo-macros/liba-1.dylib",
            "debug/incremental",
            "debug/.fingerprint/b-1",
            "debug/.fingerprint/a-1/lib-a.json",
            "debug/build/a-1/output",
            "debug/build/b-1",
            "debug/build/new/0123/out/x",
            "x86_64-apple-darwin/release/build/a-1/output",
        ] {
            for outside in ["outside", "not-there-yet", ""] {
                let (root, target) = target();
                check(std::slice::from_ref(&target)).unwrap();
                let link = target.join(place);
                symlink(root.path().join(outside), &link).unwrap();
                let error = check(std::slice::from_ref(&target)).unwrap_err();
                assert!(error.to_string().contains(place), "{error}");
            }
        }
    }

    #[test]
    fn a_link_by_way_of_what_is_not_looked_at_is_refused() {
        for name in ["outside", "not-there-yet"] {
            let (root, target) = target();
            symlink(root.path(), target.join("debug/build/a-1/out/up")).unwrap();
            check(std::slice::from_ref(&target)).unwrap();
            let to = Path::new("out/up").join(name);
            symlink(to, target.join("debug/build/a-1/output")).unwrap();
            assert!(check(std::slice::from_ref(&target)).is_err(), "{name}");
        }
        let (root, target) = target();
        symlink(
            root.path().join("new"),
            target.join("debug/build/a-1/out/up"),
        )
        .unwrap();
        symlink("out/up", target.join("debug/build/a-1/output")).unwrap();
        assert!(check(&[target]).is_err());
    }

    #[test]
    fn links_inside_and_where_cargo_does_not_write_are_left_alone() {
        let (root, target) = target();
        symlink("deps/a", target.join("debug/a.dSYM")).unwrap();
        symlink("deps/gone", target.join("debug/b.dSYM")).unwrap();
        symlink("/", target.join("debug/build/a-1/out/deep/link")).unwrap();
        symlink(
            "/Applications",
            target.join("debug/bundle/app/Applications"),
        )
        .unwrap();
        let link = root.path().join("link");
        symlink(&target, &link).unwrap();
        check(&[target, link, root.path().join("missing")]).unwrap();
    }
}
