//! Questions about files that each operating system answers in its own way.

#[cfg(unix)]
pub use unix::{is_named_pipe, is_program, make_accessible};

#[cfg(not(unix))]
pub use elsewhere::{is_named_pipe, is_program, make_accessible};

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::path::Path;

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
    use std::path::Path;

    pub fn is_program(path: &Path) -> bool {
        path.is_file()
    }

    pub fn is_named_pipe(_: &Path) -> bool {
        false
    }

    pub fn make_accessible(_: &Path) {}
}
