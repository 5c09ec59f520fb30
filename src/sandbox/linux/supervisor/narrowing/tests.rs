//! The account of narrowings, with processes that no filter binds.

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

/// With numbers that no other test's processes have, which run meanwhile.
fn account(test: u64) -> Narrowings {
    let mut narrowings = Narrowings::new();
    narrowings.first = test << 20;
    narrowings.last = narrowings.first;
    narrowings
}

fn places(path: &str) -> Vec<PathBuf> {
    vec![path.into()]
}

fn add(narrowings: &mut Narrowings, pid: i32, path: &str) -> Result<(), Errno> {
    let above = narrowings.of(pid)?;
    narrowings.add(pid, above, places(path), None)
}

#[test]
fn narrowings_of_ended_processes_are_forgotten() {
    let mut narrowings = account(1);
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
    let mut narrowings = account(2);
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
    let mut narrowings = account(3);
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
    let too_much = narrowings.add(second.pid(), None, vec![long], None);
    assert_eq!(too_much, Err(Errno(libc::ENOSPC)));
}

#[test]
fn a_limit_that_is_low_already_leaves_fewer_numbers() {
    let mut narrowings = account(4);
    narrowings.last = 2;
    let sleeper = Sleeper::new();
    add(&mut narrowings, sleeper.pid(), "/").unwrap();
    let none_left = add(&mut narrowings, sleeper.pid(), "/");
    assert_eq!(none_left, Err(Errno(libc::ENOSPC)));
}

#[test]
fn signals_reach_those_that_gave_up_as_much() {
    let mut narrowings = account(5);
    let [free, unit, below, sibling] = std::array::from_fn(|_| Sleeper::new());
    add(&mut narrowings, unit.pid(), "/").unwrap();
    let above = narrowings.of(unit.pid()).unwrap();
    narrowings
        .add(below.pid(), above, places("/"), None)
        .unwrap();
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
