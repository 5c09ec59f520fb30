//! Files without a name, open for reading only, for systems that cannot seal one.
//!
//! Nobody can open such a file again, and nobody has it open for writing: it is as good as sealed
//! for whoever did not make it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::descriptors::{self, LOWEST};
use super::files;

/// An open file with these contents, which stays open across exec; its number.
pub fn leave(contents: &[u8]) -> io::Result<RawFd> {
    let mut writer = tempfile::NamedTempFile::new()?;
    writer.write_all(contents)?;
    let reader = files::open_regular(writer.path())?;
    if !files::same(&reader.metadata()?, &writer.as_file().metadata()?) {
        return Err(io::Error::other("the file was replaced"));
    }
    writer.close()?;
    descriptors::stay_open(&reader)
}

/// The contents of such a file; anything else under this number is an error.
pub fn read(number: RawFd) -> io::Result<Vec<u8>> {
    let refuse = |what| Err(io::Error::other(what));
    // A shell leaves here-documents in such files too, as standard input.
    if number < LOWEST {
        return refuse("it is none of ours");
    }
    // SAFETY: takes numbers only; of what is not open it is an error.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFL) };
    if flags == -1 {
        return Err(io::Error::last_os_error());
    }
    if flags & libc::O_ACCMODE != libc::O_RDONLY {
        return refuse("the file is open for writing");
    }
    // SAFETY: it is open, as the call above told, and nobody in this program closes it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let file = File::from(borrowed.try_clone_to_owned()?);
    let found = file.metadata()?;
    // SAFETY: always succeeds.
    let own = unsafe { libc::geteuid() };
    if !found.is_file() || found.nlink() != 0 || found.uid() != own {
        return refuse("the file could have been changed");
    }
    // At an offset: all who inherited it share one position.
    let mut contents = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read_at(&mut buffer, contents.len() as u64) {
            Ok(0) => return Ok(contents),
            Ok(length) => contents.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::{Read, Seek};
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::process::Command;

    use super::*;

    fn owned(number: RawFd) -> OwnedFd {
        // SAFETY: this number is the caller's own, from a call that opened it.
        unsafe { OwnedFd::from_raw_fd(number) }
    }

    #[test]
    fn the_contents_come_back_as_often_as_asked() {
        let contents: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        for contents in [&contents[..], b""] {
            let number = leave(contents).unwrap();
            let mut file = File::from(owned(number));
            assert_eq!(read(number).unwrap(), contents);
            // Whoever shares the position leaves it anywhere.
            assert_eq!(file.stream_position().unwrap(), 0);
            file.read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(read(number).unwrap(), contents);
        }
    }

    #[test]
    fn a_child_inherits_it_and_cannot_change_it() {
        let number = leave(b"policy").unwrap();
        let file = owned(number);
        let shell = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            command.output().unwrap()
        };
        let copy = format!("cat /dev/fd/{number}");
        assert_eq!(shell(&copy).stdout, b"policy");
        // Linux opens the file itself again, and has seals.
        if !cfg!(target_os = "linux") {
            let change = format!("dd of=/dev/fd/{number} conv=notrunc if=/dev/zero count=1");
            assert!(!shell(&change).status.success());
            assert_eq!(read(number).unwrap(), b"policy");
        }
        drop(file);
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "policy").unwrap();
        let named = File::open(&path).unwrap();
        let written = tempfile::tempfile().unwrap();
        let changed = OpenOptions::new().write(true).open(&path).unwrap();
        let (pipe, _writer) = io::pipe().unwrap();
        let folder = File::open(folder.path()).unwrap();
        let numbers = [
            descriptors::stay_open(&named).unwrap(),
            descriptors::stay_open(&written).unwrap(),
            descriptors::stay_open(&changed).unwrap(),
            descriptors::stay_open(&pipe).unwrap(),
            descriptors::stay_open(&folder).unwrap(),
        ];
        for number in numbers {
            assert!(read(number).is_err(), "{number}");
            drop(owned(number));
        }
        for number in [-1, 0, 1, 2, 3, i32::MAX] {
            assert!(read(number).is_err(), "{number}");
        }
        // Control: with another number, and without a name, it is one.
        std::fs::remove_file(&path).unwrap();
        let number = descriptors::stay_open(&named).unwrap();
        assert_eq!(read(number).unwrap(), b"policy");
        drop(owned(number));
    }
}
