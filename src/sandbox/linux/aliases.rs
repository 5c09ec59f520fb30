//! Other names of the same folders: bind mounts show a closed folder somewhere else.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::paths::is_within;

/// One line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: Vec<u8>,
    /// The folder of the file system that is shown.
    root: PathBuf,
    /// Where it is shown.
    point: PathBuf,
}

/// Where else something at or below `folders` can be seen.
pub(in crate::sandbox) fn aliases(folders: &[PathBuf]) -> Vec<PathBuf> {
    find(
        &fs::read("/proc/self/mountinfo").unwrap_or_default(),
        folders,
    )
}

fn find(table: &[u8], folders: &[PathBuf]) -> Vec<PathBuf> {
    let mounts: Vec<Mount> = table
        .split(|byte| *byte == b'\n')
        .filter_map(parse)
        .collect();
    let mut found = Vec::new();
    for folder in folders {
        // The mount that a path is seen in is the last one of the longest mount point.
        let Some(own) = mounts
            .iter()
            .filter(|mount| is_within(folder, &mount.point))
            .max_by_key(|mount| mount.point.as_os_str().len())
        else {
            continue;
        };
        let Ok(rest) = folder.strip_prefix(&own.point) else {
            continue;
        };
        let inside = own.root.join(rest);
        for mount in mounts.iter().filter(|mount| mount.device == own.device) {
            let alias = if let Ok(below) = inside.strip_prefix(&mount.root) {
                mount.point.join(below)
            } else if mount.root.starts_with(&inside) {
                mount.point.clone()
            } else {
                continue;
            };
            // `join("")` leaves a trailing slash.
            let alias: PathBuf = alias.components().collect();
            if !folders.iter().any(|folder| alias.starts_with(folder)) && alias != Path::new("/") {
                found.push(alias);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(2);
    Some(Mount {
        device: fields.next()?.to_vec(),
        root: unescape(fields.next()?),
        point: unescape(fields.next()?),
    })
}

/// Blanks and backslashes are written as three octal digits.
fn unescape(text: &[u8]) -> PathBuf {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 8).ok()
        };
        if byte == b'\\'
            && let Some(value) = tail.get(..3).and_then(octal)
        {
            plain.push(value);
            rest = &tail[3..];
        } else {
            plain.push(byte);
            rest = tail;
        }
    }
    OsString::from_vec(plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:26 / /tmp rw - tmpfs tmpfs rw
31 27 254:0 /home /srv/people rw - ext4 /dev/vda rw
32 27 254:0 /home/u/p /build\\040here rw - ext4 /dev/vda rw
33 27 254:0 /var /mnt/var rw - ext4 /dev/vda rw
34 27 254:1 /home /other rw - ext4 /dev/vdb rw
";

    #[test]
    fn bind_mounts_of_a_closed_folder_are_found() {
        assert_eq!(
            find(TABLE, &["/home/u".into()]),
            [PathBuf::from("/build here"), "/srv/people/u".into()]
        );
    }

    #[test]
    fn other_devices_and_other_folders_are_not() {
        assert_eq!(find(TABLE, &["/opt/x".into()]), Vec::<PathBuf>::new());
        assert_eq!(find(TABLE, &["/tmp/x".into()]), Vec::<PathBuf>::new());
        assert_eq!(find(b"", &["/home/u".into()]), Vec::<PathBuf>::new());
    }
}
