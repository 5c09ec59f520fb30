//! A throw-away home folder with a project in it, outside the temporary folder, which is writable
//! in some policies.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::command::Run;
use super::toolchain;

/// `home/`, with `home/work/project` in it, all of it gone when dropped.
#[derive(Debug)]
pub(crate) struct Project {
    root: TempDir,
    folder: OsString,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self::named("project")
    }

    /// The project's folder gets this name, whatever is in it.
    pub(crate) fn named(folder: impl AsRef<OsStr>) -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Another test command may share the folder and clean it.
        std::fs::create_dir_all(place).unwrap();
        let root = tempfile::Builder::new()
            .prefix("t")
            .rand_bytes(8)
            .tempdir_in(place)
            .unwrap();
        let project = Self {
            root,
            folder: folder.as_ref().to_owned(),
        };
        for folder in [
            project.home(".cargo"),
            project.home(".rustup"),
            project.path(""),
        ] {
            std::fs::create_dir_all(folder).unwrap();
        }
        project
    }

    /// What holds the home folder.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn home(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root().join("home").join(path)
    }

    /// A path inside the project.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.home("work").join(&self.folder).join(path)
    }

    /// Writes a file of the project, and the folders above it.
    pub(crate) fn file(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Self {
        write(&self.path(path), text);
        self
    }

    /// Writes a file of the home folder.
    pub(crate) fn home_file(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Self {
        write(&self.home(path), text);
        self
    }

    /// Writes a program of the project.
    pub(crate) fn program(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        write(&path, text);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    /// Makes the project a package with an empty library, this build script, and this at the end
    /// of its manifest.
    pub(crate) fn package(&self, script: &str, manifest: &str) -> &Self {
        let head = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
        self.file("Cargo.toml", format!("{head}{manifest}"));
        self.file("src/lib.rs", "");
        if !script.is_empty() {
            self.file("build.rs", script);
        }
        self
    }

    /// Our cargo, switched on, as the user would call it in the project.
    pub(crate) fn sandboxed(&self) -> Run {
        self.run(toolchain::product())
            .env("PERRY_SANDBOX_BUILDRS", "1")
    }

    /// The real one.
    pub(crate) fn plain(&self) -> Run {
        // Ours gives every build a temporary folder of its own, which goes away.
        let temporary = self.root().join("tmp");
        std::fs::create_dir_all(&temporary).unwrap();
        self.run(toolchain::cargo()).env("TMPDIR", temporary)
    }

    /// Any program, with the environment of the throw-away home and nothing else.
    pub(crate) fn run(&self, program: impl AsRef<OsStr>) -> Run {
        let mut run = Run::new(program.as_ref(), self.root())
            .directory(self.path(""))
            .env("HOME", self.home(""))
            .env("CARGO_HOME", self.home(".cargo"))
            .env("RUSTUP_HOME", self.home(".rustup"))
            .env("CARGO_TERM_COLOR", "never")
            .env("LANG", "C")
            .env("PATH", toolchain::path());
        if let Some(off) = std::env::var_os("SANDBOXED_CARGO_NAMESPACES") {
            run = run.env("SANDBOXED_CARGO_NAMESPACES", off);
        }
        run
    }
}

/// Do the throw-away projects lie in a folder that is private to a build behind both walls? What
/// is written there is then no business of anybody's.
pub(crate) fn is_in_private_folder() -> bool {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    ["/tmp", "/var/tmp", "/dev/shm"]
        .iter()
        .any(|folder| place.starts_with(folder))
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
