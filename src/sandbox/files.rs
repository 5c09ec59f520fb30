//! Questions about files that each operating system answers in its own way.

#[cfg(unix)]
pub use unix::{Names, identity, is_named_pipe, is_program, make_accessible, names};

#[cfg(not(unix))]
pub use elsewhere::{Names, identity, is_named_pipe, is_program, make_accessible, names};

#[cfg(unix)]
mod unix {
    use std::fs::{self, Metadata};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::Path;

    /// A file that has other names as well.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Names {
        pub file: (u64, u64),
        /// How many names it has in all.
        pub count: u64,
    }

    /// `None` for a file with one name, and for what is no file.
    pub fn names(metadata: &Metadata) -> Option<Names> {
        (!metadata.is_dir() && metadata.nlink() > 1).then(|| Names {
            file: (metadata.dev(), metadata.ino()),
            count: metadata.nlink(),
        })
    }

    /// What no other folder has in common with this one, as long as both are there.
    pub fn identity(metadata: &Metadata) -> Option<String> {
        // A number may be used again once the folder has gone.
        let created = metadata.created().ok();
        Some(format!("{} {} {created:?}", metadata.dev(), metadata.ino()))
    }

    /// May somebody execute this file?
    pub fn is_program(path: &Path) -> bool {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }

    pub fn is_named_pipe(path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
    }

    /// Lets the owner list and empty a folder; one that is not ours stays as it is.
    pub fn make_accessible(folder: &Path) {
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::Metadata;
    use std::path::Path;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Names {
        pub file: (u64, u64),
        pub count: u64,
    }

    pub fn names(_: &Metadata) -> Option<Names> {
        None
    }

    pub fn identity(_: &Metadata) -> Option<String> {
        None
    }

    pub fn is_program(path: &Path) -> bool {
        path.is_file()
    }

    pub fn is_named_pipe(_: &Path) -> bool {
        false
    }

    pub fn make_accessible(_: &Path) {}
}
