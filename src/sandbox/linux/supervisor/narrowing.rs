//! What processes gave up of what the build may change.
//!
//! Landlock domains nest, but this process stands outside of all and cannot see them. So a process
//! that enters a tighter one tells us which places are left to it, and to all that it will start.
//!
//! The kernel itself keeps for each process which of these narrowings holds: we lower one of its
//! resource limits, which means nothing to the kernel, to a number that we gave no other process.
//! Limits are copied at fork, survive exec, and are common to all threads of a process
//! (getrlimit(2)); the filter refuses to set this one, and no other call can. Parents would be a
//! poor witness instead: one that ends leaves its children to process 1 or to a subreaper, which
//! need not have given up anything; and process ids are used again. Groups and sessions a process
//! may leave as it likes. Here none of that matters, and a process without a parent keeps exactly
//! what it had.
//!
//! As with Landlock, processes that exist already when their parent gives something up keep it.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::seccomp::table::NARROW_LIMIT;
use super::super::sys;
use super::Errno;
use super::caller::{Caller, c_string};
use super::signals::all_processes;
use crate::denial::Unit;
use crate::paths::is_within;

/// The longest list of places, in bytes and in places. Each is looked up while everybody waits.
const LONGEST: u64 = 64 * 1024;
const MOST_PLACES: usize = 256;

/// The longest description of a unit, in bytes.
const LONGEST_UNIT: u64 = 1024;

/// How often a process and its ancestors may give something up; Landlock has the same limit for
/// its domains (`LANDLOCK_MAX_NUM_LAYERS`), and the same error.
const MOST_LAYERS: usize = 16;

/// How many narrowings of living processes there may be, and how many bytes of paths in them: what
/// a hostile build can make us keep.
const MOST_NARROWINGS: usize = 4096;
const MOST_BYTES: usize = 16 << 20;

/// Below this many it is not worth looking whose processes have ended.
const FEW: usize = 256;

/// The first number is below this, so that programs that print limits have no trouble with it.
const HIGHEST: u64 = 1 << 40;

/// One process's narrowing, and those that held for it before.
#[derive(Debug)]
pub(super) struct Narrowing {
    number: u64,
    /// Canonical as this process sees them.
    places: Vec<PathBuf>,
    /// Which part of the build it is, as the first of the layers said: what a unit says of itself
    /// later is not believed.
    unit: Option<Arc<Unit>>,
    above: Option<Arc<Narrowing>>,
    /// Of all paths from here up.
    bytes: usize,
}

impl Narrowing {
    fn new(
        number: u64,
        places: Vec<PathBuf>,
        unit: Option<Unit>,
        above: Option<Arc<Self>>,
    ) -> Self {
        let unit = match &above {
            Some(above) => above.unit.clone(),
            None => unit.map(Arc::new),
        };
        let bytes = places
            .iter()
            .map(|place| place.as_os_str().as_bytes().len() + size_of::<PathBuf>())
            .sum::<usize>()
            + above.as_ref().map_or(0, |above| above.bytes);
        Self {
            number,
            places,
            unit,
            above,
            bytes,
        }
    }

    pub(super) fn unit(&self) -> Option<&Unit> {
        self.unit.as_deref()
    }

    fn layers(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |layer| layer.above.as_deref())
    }

    /// Does the path lie in what every layer leaves?
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.layers()
            .all(|layer| layer.places.iter().any(|place| is_within(path, place)))
    }
}

/// All narrowings that hold for some process.
#[derive(Debug)]
pub(super) struct Narrowings {
    /// The limit of processes that gave up nothing.
    unlimited: u64,
    /// Above all numbers.
    first: u64,
    /// Numbers count down, since anybody may lower a limit and only root raise it, and are never
    /// used again: a process whose narrowing is forgotten must not get another's.
    last: u64,
    by_number: HashMap<u64, Arc<Narrowing>>,
    /// How many there may be until the next look at whose processes have ended.
    sweep_at: usize,
    most: usize,
}

impl Narrowings {
    /// The build inherits this process's limit.
    pub(super) fn new() -> Self {
        // Cannot fail for the own process; if it did, everybody would seem to have given up all.
        let unlimited = sys::hard_limit(0, NARROW_LIMIT, None).unwrap_or(u64::MAX);
        let first = unlimited.min(HIGHEST);
        Self {
            unlimited,
            first,
            last: first,
            by_number: HashMap::new(),
            sweep_at: FEW,
            most: MOST_NARROWINGS,
        }
    }

    /// What holds for the process of thread `pid`.
    ///
    /// The number may be another's by then: whoever asks checks afterwards that it was not.
    pub(super) fn of(&self, pid: i32) -> Result<Option<Arc<Narrowing>>, Errno> {
        if self.last == self.first {
            // Nobody ever gave up anything: not worth a system call.
            return Ok(None);
        }
        let number = sys::hard_limit(pid, NARROW_LIMIT, None)?;
        if number == self.unlimited {
            return Ok(None);
        }
        // Forgotten, because a look at all processes missed it: nothing is left to it.
        let known = self.by_number.get(&number).ok_or(Errno(libc::EPERM))?;
        Ok(Some(Arc::clone(known)))
    }

    /// Leaves only `places` to the process of thread `pid`, of what `above` leaves to it.
    pub(super) fn add(
        &mut self,
        pid: i32,
        above: Option<Arc<Narrowing>>,
        places: Vec<PathBuf>,
        unit: Option<Unit>,
    ) -> Result<(), Errno> {
        if above.as_ref().map_or(0, |above| above.layers().count()) >= MOST_LAYERS {
            return Err(Errno(libc::E2BIG));
        }
        if self.by_number.len() >= self.sweep_at {
            self.sweep()?;
        }
        // 0 would be the last that a limit can tell, and is what programs set limits to.
        let number = self.last.saturating_sub(1);
        let narrowing = Narrowing::new(number, places, unit, above);
        let bytes: usize = self.by_number.values().map(|known| known.bytes).sum();
        if number == 0 || self.by_number.len() >= self.most || bytes + narrowing.bytes > MOST_BYTES
        {
            return Err(Errno(libc::ENOSPC));
        }
        self.last = number;
        sys::hard_limit(pid, NARROW_LIMIT, Some(number))?;
        self.by_number.insert(number, Arc::new(narrowing));
        Ok(())
    }

    /// Forgets what holds for no process any more.
    ///
    /// A process can be missed, if it is forked while the others are read and its parent ends
    /// meanwhile; then it is refused everything. Another build's processes may have the same numbers,
    /// where there are no namespaces; then what ended is kept for longer.
    fn sweep(&mut self) -> Result<(), Errno> {
        let held: HashSet<u64> = all_processes()?
            .into_iter()
            .filter_map(|pid| sys::hard_limit(pid, NARROW_LIMIT, None).ok())
            .collect();
        self.by_number.retain(|number, _| held.contains(number));
        // Not again before it has doubled, so that each costs little on average.
        self.sweep_at = (2 * self.by_number.len()).clamp(FEW, self.most.max(FEW));
        Ok(())
    }
}

/// Whom a caller may send signals: everybody, or those that gave up at least what it did, which
/// are the processes that it and its like started.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) narrowings: &'a Narrowings,
    pub(super) of: Option<&'a Narrowing>,
}

impl Scope<'_> {
    /// The number may be another's by then, as in [`Narrowings::of`].
    pub(super) fn reaches(&self, pid: i32) -> Result<bool, Errno> {
        let Some(own) = self.of else {
            return Ok(true);
        };
        let other = self.narrowings.of(pid)?;
        Ok(other.is_some_and(|other| other.layers().any(|layer| layer.number == own.number)))
    }
}

/// Reads absolute paths, each of which ends in NUL, from the caller's memory.
pub(super) fn read_places(
    caller: &Caller,
    address: u64,
    length: u64,
) -> Result<Vec<CString>, Errno> {
    let length = usize::try_from(length)
        .ok()
        .filter(|_| length <= LONGEST)
        .ok_or(Errno(libc::E2BIG))?;
    let mut bytes = vec![0; length];
    if length > 0 {
        caller.read(address, &mut bytes)?;
    }
    let mut paths = Vec::new();
    for path in bytes.split_inclusive(|byte| *byte == 0) {
        match path {
            [path @ .., 0] if path.starts_with(b"/") => paths.push(c_string(path)?),
            _ => return Err(Errno(libc::EINVAL)),
        }
        if paths.len() > MOST_PLACES {
            return Err(Errno(libc::E2BIG));
        }
    }
    Ok(paths)
}

/// Reads what the caller says that it is; nothing if it says nothing, or nothing that we know.
pub(super) fn read_unit(caller: &Caller, address: u64, length: u64) -> Result<Option<Unit>, Errno> {
    if length == 0 || length > LONGEST_UNIT {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    caller.read(address, &mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}
