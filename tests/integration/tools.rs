//! What the tests of messages, of calls and of fetching share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::toolchain;

/// The folder of the stand-in for cargo (`stand_in.rs`), compiled once; it holds nothing else.
pub(crate) fn stand_in() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stand-in");
        fs::create_dir_all(&place).unwrap();
        // Another test program may be doing the same.
        let new = place.join(format!("new-{}", std::process::id()));
        let compiled = Command::new(toolchain::sysroot().join("bin/rustc"))
            .args(["--edition=2024", "-Cdebuginfo=0", "-o"])
            .arg(&new)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/integration/stand_in.rs"
            ))
            .env("TMPDIR", &place)
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{compiled:?}");
        fs::rename(&new, place.join("cargo")).unwrap();
        place
    })
}

/// A package, for which a stand-in is the only cargo on `PATH`.
pub(crate) trait WithStandIn {
    /// Our cargo, switched on.
    fn on(&self) -> Run;
    /// Our cargo, switched off.
    fn off(&self) -> Run;
}

impl WithStandIn for Project {
    fn on(&self) -> Run {
        self.sandboxed().env("PATH", search_path())
    }

    fn off(&self) -> Run {
        self.on().env_remove("PERRY_SANDBOX_BUILDRS")
    }
}

/// The stand-in first, and no other cargo after it.
pub(crate) fn search_path() -> String {
    format!("{}:/usr/bin:/bin", stand_in().display())
}

/// A package with a library and no dependencies.
pub(crate) fn package() -> Project {
    let project = Project::new();
    project.package("", "");
    project
}

/// Where a build has its temporary folders, which stay as long as they are empty.
pub(crate) const TEMPORARY: &str = "/.perry-cache/temporary-";

/// Every path below a folder, but for what a build that ran may leave.
pub(crate) fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
                if entry.path().display().to_string().contains(TEMPORARY) {
                    continue;
                }
            }
            found.push(entry.path().strip_prefix(folder).unwrap().to_owned());
        }
    }
    found.sort();
    found
}
