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

/// The longest list of places, in bytes and in places. Each is looked up while everybody waits.
const LONGEST: u64 = 64 * 1024;
const MOST_PLACES: usize = 256;

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
    above: Option<Arc<Narrowing>>,
    /// Of all paths from here up.
    bytes: usize,
}

impl Narrowing {
    fn new(number: u64, places: Vec<PathBuf>, above: Option<Arc<Self>>) -> Self {
        let bytes = places
            .iter()
            .map(|place| place.as_os_str().as_bytes().len() + size_of::<PathBuf>())
            .sum::<usize>()
            + above.as_ref().map_or(0, |above| above.bytes);
        Self {
            number,
            places,
            above,
            bytes,
        }
    }

    fn layers(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |layer| layer.above.as_deref())
    }

    /// Does the path lie in what every layer leaves?
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.layers()
            .all(|layer| layer.places.iter().any(|place| path.starts_with(place)))
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
    ) -> Result<(), Errno> {
        if above.as_ref().map_or(0, |above| above.layers().count()) >= MOST_LAYERS {
            return Err(Errno(libc::E2BIG));
        }
        if self.by_number.len() >= self.sweep_at {
            self.sweep()?;
        }
        // 0 would be the last that a limit can tell, and is what programs set limits to.
        let number = self.last.saturating_sub(1);
        let narrowing = Narrowing::new(number, places, above);
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
    /// meanwhile; then it is refused everything.
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

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A process of ours, which no filter binds.
    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> Self {
            Self(Command::new("sleep").arg("60").spawn().unwrap())
        }

        fn pid(&self) -> i32 {
            i32::try_from(self.0.id()).unwrap()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn places(path: &str) -> Vec<PathBuf> {
        vec![path.into()]
    }

    fn add(narrowings: &mut Narrowings, pid: i32, path: &str) -> Result<(), Errno> {
        let above = narrowings.of(pid)?;
        narrowings.add(pid, above, places(path))
    }

    #[test]
    fn narrowings_of_ended_processes_are_forgotten() {
        let mut narrowings = Narrowings::new();
        let alive = Sleeper::new();
        add(&mut narrowings, alive.pid(), "/alive").unwrap();
        for _ in 0..3 {
            let ended = Sleeper::new();
            add(&mut narrowings, ended.pid(), "/ended").unwrap();
        }
        assert_eq!(narrowings.by_number.len(), 4);
        narrowings.sweep().unwrap();
        assert_eq!(narrowings.by_number.len(), 1);
        let left = narrowings.of(alive.pid()).unwrap().unwrap();
        assert!(left.contains(Path::new("/alive/file")));
        assert!(!left.contains(Path::new("/alive-too")));
        assert!(!left.contains(Path::new("/ended")));
    }

    #[test]
    fn a_process_whose_narrowing_is_forgotten_may_do_nothing() {
        let mut narrowings = Narrowings::new();
        let missed = Sleeper::new();
        let other = Sleeper::new();
        assert!(narrowings.of(missed.pid()).unwrap().is_none());
        add(&mut narrowings, missed.pid(), "/").unwrap();
        narrowings.by_number.clear();
        assert_eq!(narrowings.of(missed.pid()).unwrap_err(), Errno(libc::EPERM));
        assert_eq!(
            add(&mut narrowings, missed.pid(), "/"),
            Err(Errno(libc::EPERM))
        );
        // Its number is nobody else's.
        add(&mut narrowings, other.pid(), "/").unwrap();
        assert_eq!(narrowings.of(missed.pid()).unwrap_err(), Errno(libc::EPERM));
    }

    #[test]
    fn only_so_many_are_kept() {
        let mut narrowings = Narrowings::new();
        (narrowings.most, narrowings.sweep_at) = (2, 2);
        let first = Sleeper::new();
        let second = Sleeper::new();
        let third = Sleeper::new();
        for sleeper in [&first, &second] {
            add(&mut narrowings, sleeper.pid(), "/").unwrap();
        }
        narrowings.sweep_at = 2;
        let full = add(&mut narrowings, third.pid(), "/");
        assert_eq!(full, Err(Errno(libc::ENOSPC)));
        assert!(narrowings.of(third.pid()).unwrap().is_none());
        drop(first);
        narrowings.sweep_at = 2;
        add(&mut narrowings, third.pid(), "/").unwrap();

        let long = PathBuf::from("/".to_owned() + &"x".repeat(MOST_BYTES));
        let too_much = narrowings.add(second.pid(), None, vec![long]);
        assert_eq!(too_much, Err(Errno(libc::ENOSPC)));
    }

    #[test]
    fn a_limit_that_is_low_already_leaves_less_numbers() {
        let mut narrowings = Narrowings::new();
        narrowings.last = 2;
        let sleeper = Sleeper::new();
        add(&mut narrowings, sleeper.pid(), "/").unwrap();
        let none_left = add(&mut narrowings, sleeper.pid(), "/");
        assert_eq!(none_left, Err(Errno(libc::ENOSPC)));
    }

    #[test]
    fn signals_reach_those_that_gave_up_as_much() {
        let mut narrowings = Narrowings::new();
        let [free, unit, below, sibling] = std::array::from_fn(|_| Sleeper::new());
        add(&mut narrowings, unit.pid(), "/").unwrap();
        let above = narrowings.of(unit.pid()).unwrap();
        narrowings.add(below.pid(), above, places("/")).unwrap();
        add(&mut narrowings, sibling.pid(), "/").unwrap();
        let reaches = |from: &Sleeper, to: &Sleeper| {
            let of = narrowings.of(from.pid()).unwrap();
            let scope = Scope {
                narrowings: &narrowings,
                of: of.as_deref(),
            };
            scope.reaches(to.pid()).unwrap()
        };
        for to in [&free, &unit, &below, &sibling] {
            assert!(reaches(&free, to));
        }
        assert!(reaches(&unit, &unit) && reaches(&unit, &below));
        assert!(!reaches(&unit, &free) && !reaches(&unit, &sibling));
        assert!(reaches(&below, &below));
        assert!(!reaches(&below, &unit) && !reaches(&below, &sibling));
    }
}
