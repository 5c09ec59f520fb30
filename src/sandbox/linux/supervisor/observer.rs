//! Notes what the build tries and will be refused, and what units do besides.
//!
//! Nothing here decides anything: what is noted is refused by the filter or by Landlock, and for
//! files the kernel goes on with the call and finds out by itself. So it does not matter that the
//! build can change its arguments, or a link, after we have looked: the report may then be wrong,
//! and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::super::sys;
use super::narrowing::Narrowing;
use super::places::Places;
use super::request::Target;
use crate::denial::{Action, Activity, Actor, Denial, Kind, Place, Unit, Watch};
use crate::policy::{Policy, Rule};
use crate::sandbox::linux::attempts::{Attempt, Notes};

/// What a hostile build can make us keep; what comes after these is counted only.
const MOST: usize = 2000;

/// How many units there may be that something is noted of.
const MOST_UNITS: usize = 20_000;

/// How many attempts, programs and files of one unit; of attempts that come after these is noted how
/// many there were, of the others nothing.
const MOST_OF_UNIT: usize = 500;

/// How many bytes of paths of one unit's attempts.
const MOST_BYTES: usize = 256 << 10;

/// How many macros a compiler can have loaded, as far as we tell; more come from a hostile one.
const MOST_MACROS: usize = 50;

/// How much of a process's list of mappings is looked at, in bytes.
const LONGEST_LIST: u64 = 1 << 20;

const PATH_MAX: usize = 4096;

/// Names of compilers that load proc macros.
const COMPILERS: [&str; 3] = ["rustc", "clippy-driver", "rustdoc"];

/// What every program reads to be a program, and what is no file on a disk.
const SYSTEM: [&str; 10] = [
    "/bin",
    "/dev",
    "/etc/ld.so.cache",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
];

/// What was seen so far, and what it is judged by.
#[derive(Debug, Default)]
pub struct Observer {
    level: Watch,
    /// Whose all processes are, where the whole build is one unit.
    unit: Option<Unit>,
    /// Our own program, which stands in front of each compiler.
    wrapper: Option<PathBuf>,
    /// Whether what lies there may be read; what lies in none of them may.
    readable: HashMap<PathBuf, bool>,
    devices: Vec<PathBuf>,
    /// Where the build keeps what it makes.
    own: Vec<PathBuf>,
    /// Cargo's target folders.
    artifacts: Vec<PathBuf>,
    activities: BTreeMap<Unit, Deeds>,
    seen: BTreeMap<(Actor, Action, Option<bool>), u64>,
    /// How many different attempts of each unit are in there, and how many bytes of paths.
    attempts: BTreeMap<Option<Unit>, (usize, usize)>,
    omitted: BTreeMap<Option<Unit>, u64>,
}

/// What one unit did.
#[derive(Debug, Default)]
struct Deeds {
    programs: BTreeSet<PathBuf>,
    read: BTreeSet<PathBuf>,
    failed: bool,
}

impl Observer {
    pub fn new(level: Watch, policy: &Policy, unit: Option<Unit>) -> Self {
        let mut readable = HashMap::new();
        // Of equal paths the later list wins, as in the policy.
        for (rules, may) in [
            (&policy.closed, false),
            (&policy.readable, true),
            (&policy.writable, true),
            (&policy.private, true),
            (&policy.hidden, false),
        ] {
            readable.extend(rules.iter().map(|rule| (rule.path.clone(), may)));
        }
        let path = |rule: &Rule| rule.path.clone();
        let own = policy.artifacts.iter().chain([&policy.temporary]).cloned();
        let mut observer = Self {
            level,
            readable,
            devices: policy.devices.iter().map(path).collect(),
            own: own.collect(),
            wrapper: std::env::current_exe().ok(),
            artifacts: policy.artifacts.clone(),
            ..Self::default()
        };
        if let Some(unit) = &unit {
            observer.note_unit(unit);
        }
        observer.unit = unit;
        observer
    }

    /// All that was seen.
    pub fn notes(self) -> Notes {
        let attempt = |((actor, action, exists), count)| Attempt {
            denial: Denial {
                actor,
                action,
                count,
            },
            exists,
        };
        let activity = |(unit, deeds): (Unit, Deeds)| Activity {
            unit,
            programs: deeds.programs.into_iter().collect(),
            read: deeds.read.into_iter().collect(),
            failed: deeds.failed,
        };
        Notes {
            attempts: self.seen.into_iter().map(attempt).collect(),
            activities: self.activities.into_iter().map(activity).collect(),
            omitted: self.omitted.into_iter().collect(),
        }
    }

    /// A unit has begun.
    pub(super) fn note_unit(&mut self, unit: &Unit) {
        if self.level != Watch::Nothing && self.activities.len() < MOST_UNITS {
            self.activities.entry(unit.clone()).or_default();
        }
    }

    /// Notes a program that a unit is about to become; the kernel goes on with it.
    pub(super) fn note_program(&mut self, who: &Who<'_>, base: i32, path: u64) {
        let Some(unit) = self.unit_of(who).cloned() else {
            return;
        };
        let Some(path) = who.path(base, path) else {
            return;
        };
        if self.wrapper.as_ref() == Some(&path) {
            return;
        }
        // A shell tries each folder of PATH.
        if !self.is_unit_itself(&unit, &path) && path.is_file() && self.may_read(&path) {
            self.deed(&unit, path, |deeds| &mut deeds.programs);
        }
    }

    /// Is this program the unit, and not something that it started?
    fn is_unit_itself(&self, unit: &Unit, program: &Path) -> bool {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        match unit.kind {
            Kind::BuildScript => {
                let is_script = ["build_script_", "build-script-"]
                    .iter()
                    .any(|part| name.contains(part));
                is_script && self.own.iter().any(|own| program.starts_with(own))
            }
            Kind::Compiler | Kind::Documenter => COMPILERS.contains(&&*name),
        }
    }

    /// A process ends with another status than 0.
    pub(super) fn note_failure(&mut self, who: &Who<'_>) {
        let Some(unit) = self.unit_of(who).cloned() else {
            return;
        };
        let program = fs::read_link(who.entry("exe")).unwrap_or_default();
        if self.is_unit_itself(&unit, &program)
            && let Some(deeds) = self.activities.get_mut(&unit)
        {
            deeds.failed = true;
        }
    }

    fn deed(&mut self, unit: &Unit, path: PathBuf, of: fn(&mut Deeds) -> &mut BTreeSet<PathBuf>) {
        if let Some(deeds) = self.activities.get_mut(unit) {
            let paths = of(deeds);
            if paths.len() < MOST_OF_UNIT {
                paths.insert(path);
            }
        }
    }

    /// Notes a file that a unit may read, if that is more than every unit needs.
    fn note_read(&mut self, who: &Who<'_>, path: &Path) {
        let Some(unit) = self.unit_of(who).cloned() else {
            return;
        };
        let needed = SYSTEM.iter().any(|folder| path.starts_with(folder))
            || self.own.iter().any(|own| path.starts_with(own))
            || unit
                .folder
                .as_ref()
                .is_some_and(|own| path.starts_with(own))
            || who.toolchain().is_some_and(|own| path.starts_with(own));
        if !needed && path.is_file() {
            self.deed(&unit, path.to_owned(), |deeds| &mut deeds.read);
        }
    }

    pub(super) fn level(&self) -> Watch {
        self.level
    }

    fn note(&mut self, who: &Who<'_>, action: Action, exists: Option<bool>) {
        let unit = self.unit_of(who).cloned();
        let known = self.attempts.len() < MOST_UNITS || self.attempts.contains_key(&unit);
        // What its actor is takes longer to find out.
        let few = known
            && self
                .attempts
                .get(&unit)
                .is_none_or(|(many, bytes)| *many < MOST_OF_UNIT && *bytes < MOST_BYTES);
        if few && self.seen.len() < MOST {
            let length =
                |place: &Place| place.path.as_os_str().len() + place.asked.as_os_str().len();
            let bytes = action.place().map_or(0, length);
            let key = (self.actor(who), action, exists);
            let count = self.seen.entry(key).or_default();
            *count += 1;
            if *count == 1 {
                let (many, all) = self.attempts.entry(unit).or_default();
                *many += 1;
                *all += bytes;
            }
        } else if known {
            *self.omitted.entry(unit).or_default() += 1;
        }
    }

    /// Something that is refused whatever else there is.
    pub(super) fn note_other(&mut self, who: &Who<'_>, action: Action) {
        self.note(who, action, None);
    }

    /// Something that the supervisor did not find.
    pub(super) fn note_missing(&mut self, who: &Who<'_>, target: &Target) {
        if let Target::Path { base, path, .. } = target
            && self.level != Watch::Nothing
            && let Some(path) = who.absolute(*base, path.to_bytes())
        {
            self.note_alteration(who, &path);
        }
    }

    /// Something that the supervisor itself refused.
    pub(super) fn note_alteration(&mut self, who: &Who<'_>, path: &Path) {
        let action = Action::Alter(Place {
            path: path.to_owned(),
            asked: path.to_owned(),
        });
        self.note(who, action, Some(true));
    }

    /// Notes the call, if Landlock will refuse it.
    pub(super) fn look(&mut self, who: &Who<'_>, places: &Places, call: &FileCall) {
        let Some(asked) = who.path(call.base, call.path) else {
            return;
        };
        let allowed = |path: &Path| match call.what {
            What::Read => self.may_read(path) || self.is_device(path),
            _ => self.may_write(path, places, who.narrowing),
        };
        // A link in there that leads out is not seen; looking for one each time would cost more
        // than all the rest.
        if allowed(&asked) {
            if matches!(call.what, What::Read) {
                self.note_read(who, &asked);
            }
            return;
        }
        let path = resolved(&asked, call.follow);
        // Descriptors of its own, mostly, which have been judged when they were opened.
        if allowed(&path) || path.starts_with("/proc") || path.starts_with("/sys") {
            return;
        }
        let place = Place { path, asked };
        let action = match call.what {
            What::Read => Action::Read(place),
            What::Write => Action::Write(place),
            What::Create => Action::Create(place),
            What::Remove => Action::Remove(place),
        };
        self.note(who, action, call.exists);
    }

    fn may_read(&self, path: &Path) -> bool {
        let rule = path.ancestors().find_map(|above| self.readable.get(above));
        rule.copied().unwrap_or(true)
    }

    fn may_write(&self, path: &Path, places: &Places, narrowing: Option<&Narrowing>) -> bool {
        let own = places.contain(path) && narrowing.is_none_or(|own| own.contains(path));
        own || self.is_device(path)
    }

    fn is_device(&self, path: &Path) -> bool {
        self.devices.iter().any(|device| path.starts_with(device))
    }

    /// The unit that a process belongs to.
    fn unit_of<'a>(&'a self, who: &Who<'a>) -> Option<&'a Unit> {
        let told = who.narrowing.and_then(Narrowing::unit);
        told.or(self.unit.as_ref())
    }

    fn actor(&self, who: &Who<'_>) -> Actor {
        let unit = self.unit_of(who);
        let compiles = unit.is_some_and(|unit| unit.kind != Kind::BuildScript);
        Actor {
            unit: unit.cloned(),
            unknown: false,
            program: who.program(),
            macros: if compiles {
                who.macros(&self.artifacts)
            } else {
                Vec::new()
            },
        }
    }
}

/// The process that made a call.
pub(super) struct Who<'a> {
    pub(super) pid: i32,
    pub(super) narrowing: Option<&'a Narrowing>,
}

impl Who<'_> {
    fn entry(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid))
    }

    /// The absolute path that a call names, without looking at links.
    fn path(&self, base: i32, address: u64) -> Option<PathBuf> {
        self.absolute(base, &sys::read_string(self.pid, address, PATH_MAX)?)
    }

    fn absolute(&self, base: i32, path: &[u8]) -> Option<PathBuf> {
        if path.is_empty() {
            return None;
        }
        let path = Path::new(OsStr::from_bytes(path));
        if path.is_absolute() {
            return Some(plain(path));
        }
        let base = match base {
            libc::AT_FDCWD => self.entry("cwd"),
            number => self.entry(&format!("fd/{number}")),
        };
        Some(plain(&fs::read_link(base).ok()?.join(path)))
    }

    fn program(&self) -> String {
        program(self.pid)
    }

    /// The folder that holds the libraries of a compiler, which its linker reads as well.
    fn toolchain(&self) -> Option<PathBuf> {
        let path = fs::read_link(format!("/proc/{}/exe", self.compiler()?)).ok()?;
        Some(path.parent()?.parent()?.to_owned())
    }

    /// The compiler that this is, or that started it.
    fn compiler(&self) -> Option<i32> {
        // A linker, or what a macro started, is not far below it.
        const FAR: usize = 16;
        let above = |pid: &i32| parent(*pid).filter(|above| *above > 0);
        std::iter::successors(Some(self.pid), above)
            .take(FAR)
            .find(|pid| COMPILERS.contains(&program(*pid).as_str()))
    }

    /// The crates of the proc macros that the compiler has loaded, unless one of them hides itself.
    fn macros(&self, targets: &[PathBuf]) -> Vec<String> {
        let is_cargos = |library: &Path| {
            let own = self.narrowing.is_some_and(|own| own.contains(library));
            !own && targets.iter().any(|target| is_result(target, library))
        };
        let compiler = self.compiler();
        compiler.map_or_else(Vec::new, |pid| loaded(pid, is_cargos))
    }
}

fn program(pid: i32) -> String {
    let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(" (deleted)").to_owned()
}

fn parent(pid: i32) -> Option<i32> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // After the program's name, which may hold anything.
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// Does `library` lie in the folder `deps` of a profile, perhaps for another platform? A unit can map
/// whatever file it made elsewhere.
fn is_result(target: &Path, library: &Path) -> bool {
    let inside = library
        .parent()
        .and_then(|deps| deps.strip_prefix(target).ok());
    inside.is_some_and(|inside| {
        inside.ends_with("deps") && (2..=3).contains(&inside.components().count())
    })
}

/// Libraries among a program's mappings that cargo compiled from proc macros: `libNAME-HASH.so`.
fn loaded(pid: i32, is_cargos: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut maps = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{pid}/maps")) {
        let _ = file.take(LONGEST_LIST).read_to_end(&mut maps);
    }
    let maps = String::from_utf8_lossy(&maps).into_owned();
    let name = |line: &str| {
        let path = Path::new(line.get(line.find('/')?..)?);
        let name = path.file_stem()?.to_str()?.strip_prefix("lib")?;
        let (krate, _) = name.rsplit_once('-')?;
        let is_macro = path.extension()? == "so" && is_cargos(path);
        is_macro.then(|| Unit::cut(krate.to_owned()))
    };
    let mut names: Vec<_> = maps.lines().filter_map(name).collect();
    names.sort();
    names.dedup();
    names.truncate(MOST_MACROS);
    names
}

/// The path without `.` and `..`, by its text alone.
fn plain(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let odd = |pair: &[u8]| pair == b"//" || pair == b"/.";
    if !bytes.windows(2).any(odd) && !bytes.ends_with(b"/") {
        return path.to_owned();
    }
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            _ => result.push(part),
        }
    }
    result
}

/// What the path leads to, as far as there is something.
fn resolved(path: &Path, follow: bool) -> PathBuf {
    if follow && let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let mut missing = Vec::new();
    let mut rest = path;
    while let (Some(above), Some(name)) = (rest.parent(), rest.file_name()) {
        missing.push(name);
        if let Ok(above) = fs::canonicalize(above) {
            return missing
                .iter()
                .rev()
                .fold(above, |path, name| path.join(name));
        }
        rest = above;
    }
    path.to_owned()
}

/// A call that names a file.
pub(super) struct FileCall {
    base: i32,
    /// Where the path is in the caller's memory.
    path: u64,
    what: What,
    follow: bool,
    /// Whether there must be something, or nothing, for the call to succeed.
    exists: Option<bool>,
}

#[derive(Clone, Copy)]
enum What {
    Read,
    Write,
    Create,
    Remove,
}

/// The paths of a call that is watched; empty for any other.
pub(super) fn file_calls(name: &str, args: &[u64; 6]) -> Vec<FileCall> {
    let descriptor = |index: usize| {
        let [a, b, c, d, ..] = args[index].to_le_bytes();
        i32::from_le_bytes([a, b, c, d])
    };
    let at = |base: Option<usize>, path: usize, what, exists| FileCall {
        base: base.map_or(libc::AT_FDCWD, descriptor),
        path: args[path],
        what,
        follow: false,
        exists,
    };
    let open = |base: Option<usize>, path: usize, flags: u64| {
        let has = |flag: i32| flags & u64::from(flag.unsigned_abs()) != 0;
        let creates = has(libc::O_CREAT);
        let exclusive = creates && has(libc::O_EXCL);
        let writes = creates || has(libc::O_WRONLY) || has(libc::O_RDWR) || has(libc::O_TRUNC);
        let (what, exists) = match (writes, creates, exclusive) {
            (false, ..) => (What::Read, Some(true)),
            (true, false, _) => (What::Write, Some(true)),
            (true, true, false) => (What::Write, None),
            (true, true, true) => (What::Create, Some(false)),
        };
        FileCall {
            follow: !has(libc::O_NOFOLLOW),
            ..at(base, path, what, exists)
        }
    };
    let create = |base, path| at(base, path, What::Create, Some(false));
    let remove = |base, path| at(base, path, What::Remove, Some(true));
    let replace = |base, path| at(base, path, What::Create, None);
    match name {
        // A mere handle reads nothing.
        "open" if args[1] & PATH_ONLY != 0 => Vec::new(),
        "openat" if args[2] & PATH_ONLY != 0 => Vec::new(),
        "open" => vec![open(None, 0, args[1])],
        "openat" => vec![open(Some(0), 1, args[2])],
        "creat" => vec![at(None, 0, What::Write, None)],
        "mkdir" => vec![create(None, 0)],
        "mkdirat" => vec![create(Some(0), 1)],
        "symlink" | "link" => vec![create(None, 1)],
        "symlinkat" => vec![create(Some(1), 2)],
        "linkat" => vec![create(Some(2), 3)],
        "unlink" | "rmdir" => vec![remove(None, 0)],
        "unlinkat" => vec![remove(Some(0), 1)],
        "rename" => vec![remove(None, 0), replace(None, 1)],
        "renameat" | "renameat2" => vec![remove(Some(0), 1), replace(Some(2), 3)],
        _ => Vec::new(),
    }
}

const PATH_ONLY: u64 = libc::O_PATH.unsigned_abs() as u64;
