//! What files, processes and the machine look like from outside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::support::system;

/// Processes whose last argument starts with `id`.
pub(crate) fn survivors(id: &str) -> Vec<i32> {
    let named = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.trim_end_matches('\0')
            .rsplit('\0')
            .next()
            .is_some_and(|last| last.starts_with(id))
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(named)
        .collect()
}

/// Everything that a call could change; the time of the last status change gives away the rest.
pub(crate) fn file_state(path: &Path) -> Option<String> {
    let m = fs::symlink_metadata(path).ok()?;
    Some(format!(
        "{} {:o} {} {} {} {} {}.{} {}.{}",
        m.ino(),
        m.mode(),
        m.uid(),
        m.gid(),
        m.size(),
        m.nlink(),
        m.mtime(),
        m.mtime_nsec(),
        m.ctime(),
        m.ctime_nsec()
    ))
}

pub(crate) fn process_state(pid: u32) -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let stat = read("stat");
    let fields: Vec<_> = stat
        .rsplit_once(')')
        .map_or("", |s| s.1)
        .split_whitespace()
        .collect();
    // A process that waits for its end may be asleep in one of two ways.
    let state = fields.first().map(|state| state.replace('R', "S"));
    // `nice` and the scheduling policy, as proc(5) counts them.
    let scheduling = [fields.get(19 - 3), fields.get(41 - 3)];
    let status = read("status");
    let processors = status
        .lines()
        .find(|line| line.starts_with("Cpus_allowed:"));
    format!(
        "{state:?} {scheduling:?} {processors:?} {} {} {}",
        read("limits"),
        read("oom_score_adj"),
        system::io_priority(pid)
    )
}

/// A mask of the first processor that we may use, or 0 if there is no other.
pub(crate) fn one_processor() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap();
    let first = list.trim().split([',', '-']).next().unwrap();
    if list.trim() == first {
        0
    } else {
        first.parse().map_or(0, |n: u32| 1 << n.min(63))
    }
}

/// Our folder in the hierarchy of cgroups(7), version 2, wherever it is mounted.
pub(crate) fn own_control_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mounted = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let folder = Path::new(mounted.split(' ').nth(4)?).join(own);
    folder.join("cgroup.procs").exists().then_some(folder)
}

pub(crate) fn block_device() -> String {
    let table = fs::read_to_string("/proc/partitions").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3))
        .map(|name| format!("/dev/{name}"))
        .find(|path| Path::new(path).exists())
        .unwrap_or_default()
}
