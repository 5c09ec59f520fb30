//! The notes on disk: a line of JSON for each unit that ran.
//!
//! Units of one build, and several builds, may end at the same time. Each adds its lines in one
//! write, and readers take the last build's for each unit.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::denial::{Denial, Seen, Unit, Watch};
use crate::policy::text;
use crate::sandbox::files;

/// In the cache directory.
pub const FILE: &str = "audit.jsonl";

/// Raised when a field changes its meaning or goes; lines of other versions are passed over.
const VERSION: u32 = 1;

/// In bytes. Above this, lines that later ones replaced are dropped.
const LARGE: u64 = 4 << 20;

/// In bytes; what comes before is not read. A thousand crates take less than a hundredth.
const LARGEST: u64 = 64 << 20;

/// Where one run of cargo notes what its units did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    #[serde(with = "text::one")]
    file: PathBuf,
    /// When it began, in milliseconds since 1970: what its units have in common.
    build: u64,
    watch: Watch,
}

/// What one unit did in one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    pub(super) build: u64,
    pub(super) watch: Watch,
    pub(super) unit: Unit,
    #[serde(with = "text::many")]
    pub(super) programs: Vec<PathBuf>,
    #[serde(with = "text::many")]
    pub(super) read: Vec<PathBuf>,
    pub(super) denials: Vec<Denial>,
}

/// In milliseconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    })
}

impl Audit {
    /// Begins now.
    pub fn new(cache: &Path, watch: Watch) -> Self {
        Self {
            file: cache.join(FILE),
            build: now(),
            watch,
        }
    }

    /// Adds what was seen; nothing, if that is nothing.
    pub fn note(&self, seen: &Seen) -> Result<()> {
        if seen.activities.is_empty() {
            return Ok(());
        }
        let records = seen.activities.iter().map(|activity| Record {
            version: VERSION,
            build: self.build,
            watch: self.watch,
            unit: activity.unit.clone(),
            programs: activity.programs.clone(),
            read: activity.read.clone(),
            denials: seen
                .denials
                .iter()
                .filter(|denial| denial.actor.unit.as_ref() == Some(&activity.unit))
                .cloned()
                .collect(),
        });
        let records: Vec<Record> = records.collect();
        let write = || -> io::Result<()> {
            let mut file = files::append_to(&self.file)?;
            file.write_all(&lines(&records)?)?;
            if file.metadata()?.len() > LARGE {
                self.shorten()?;
            }
            Ok(())
        };
        write().with_context(|| format!("failed to write `{}`", self.file.display()))
    }

    /// Keeps the last build of each unit. What another build adds in the meantime may be lost.
    fn shorten(&self) -> io::Result<()> {
        let records = latest(read(&self.file)?);
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&lines(&records)?)?;
        file.persist(&self.file)?;
        Ok(())
    }
}

fn lines(records: &[Record]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The last build of each unit that was noted in a cache directory.
pub(super) fn load(cache: &Path) -> Result<Vec<Record>> {
    let path = cache.join(FILE);
    match read(&path) {
        Ok(records) => Ok(latest(records)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", path.display())),
    }
}

fn read(path: &Path) -> io::Result<Vec<Record>> {
    let mut text = Vec::new();
    let mut file = files::open_regular(path)?;
    // The last build is at the end.
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LARGEST)))?;
    file.take(LARGEST).read_to_end(&mut text)?;
    // A line that was cut off by a full disk, or that a newer version wrote, says nothing to us.
    let records = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Record>(line).ok())
        .filter(|record| record.version == VERSION);
    Ok(records.collect())
}

/// For each unit what its last build noted. One build may run a unit several times: with other
/// features, or as a test.
fn latest(records: Vec<Record>) -> Vec<Record> {
    let mut units: HashMap<Unit, Record> = HashMap::new();
    for record in records {
        match units.get_mut(&record.unit) {
            Some(known) if known.build > record.build => {}
            Some(known) if known.build == record.build => known.add(record),
            _ => {
                units.insert(record.unit.clone(), record);
            }
        }
    }
    let mut records: Vec<Record> = units.into_values().collect();
    records.sort_by(|one, other| one.unit.cmp(&other.unit));
    records
}

impl Record {
    fn add(&mut self, other: Self) {
        self.watch = self.watch.max(other.watch);
        for (own, more) in [
            (&mut self.programs, other.programs),
            (&mut self.read, other.read),
        ] {
            own.extend(more);
            own.sort();
            own.dedup();
        }
        for denial in other.denials {
            let known = self
                .denials
                .iter_mut()
                .find(|known| (&known.actor, &known.action) == (&denial.actor, &denial.action));
            match known {
                Some(known) => known.count = known.count.saturating_add(denial.count),
                None => self.denials.push(denial),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::{Action, Activity, Actor, Kind};

    fn unit(package: &str) -> Unit {
        Unit {
            kind: Kind::BuildScript,
            package: package.to_owned(),
            version: "1.0.0".to_owned(),
            proc_macro: false,
            folder: None,
        }
    }

    fn seen(package: &str, program: &str) -> Seen {
        let actor = Actor {
            unit: Some(unit(package)),
            unknown: false,
            program: "build_script_build".to_owned(),
            macros: Vec::new(),
        };
        let denial = Denial {
            actor,
            action: Action::LookUp {
                host: "a".to_owned(),
            },
            count: 1,
        };
        Seen {
            denials: vec![denial],
            activities: vec![Activity {
                unit: unit(package),
                programs: vec![program.into()],
                read: Vec::new(),
                failed: false,
            }],
            omitted: Vec::new(),
            unread: false,
        }
    }

    fn build(cache: &Path, build: u64) -> Audit {
        Audit {
            build,
            ..Audit::new(cache, Watch::Changes)
        }
    }

    fn programs(records: &[Record]) -> Vec<(&str, usize, u64)> {
        let one = |record: &'_ Record| {
            let count = record.denials.iter().map(|denial| denial.count).sum();
            (record.programs.len(), count)
        };
        records
            .iter()
            .map(|record| {
                let (programs, denials) = one(record);
                (record.unit.package.as_str(), programs, denials)
            })
            .collect()
    }

    #[test]
    fn the_last_build_of_each_unit_counts() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path();
        assert_eq!(load(cache).unwrap(), []);
        build(cache, 1).note(&seen("a", "/old")).unwrap();
        build(cache, 1).note(&seen("b", "/b")).unwrap();
        build(cache, 2).note(&seen("a", "/x")).unwrap();
        build(cache, 2).note(&seen("a", "/y")).unwrap();
        build(cache, 2).note(&seen("a", "/y")).unwrap();
        // One that began earlier and ended later.
        build(cache, 1).note(&seen("a", "/old")).unwrap();
        assert_eq!(programs(&load(cache).unwrap()), [("a", 2, 3), ("b", 1, 1)]);
        build(cache, 3).shorten().unwrap();
        assert_eq!(programs(&load(cache).unwrap()), [("a", 2, 3), ("b", 1, 1)]);
        let lines = std::fs::read_to_string(cache.join(FILE)).unwrap();
        assert_eq!(lines.lines().count(), 2);
    }

    #[test]
    fn a_file_that_grew_is_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path();
        let path = cache.join(FILE);
        build(cache, 1).note(&seen("a", "/x")).unwrap();
        let line = std::fs::read_to_string(&path).unwrap();
        let much = line.repeat(usize::try_from(LARGE).unwrap() / line.len() + 1);
        std::fs::write(&path, much).unwrap();
        build(cache, 2).note(&seen("b", "/y")).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 10_000);
        assert_eq!(load(cache).unwrap().len(), 2);
    }

    #[test]
    fn lines_of_others_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path();
        build(cache, 1).note(&seen("a", "/x")).unwrap();
        let path = cache.join(FILE);
        let mut text = std::fs::read(&path).unwrap();
        let newer = String::from_utf8_lossy(&text).replace("\"version\":1,", "\"version\":9,");
        text.extend_from_slice(newer.as_bytes());
        text.extend_from_slice(b"{\"version\":1,\"build\n\xff\n");
        std::fs::write(&path, text).unwrap();
        assert_eq!(load(cache).unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "kept").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join(FILE)).unwrap();
        assert!(build(folder.path(), 1).note(&seen("a", "/x")).is_err());
        assert_eq!(std::fs::read_to_string(other).unwrap(), "kept");
    }
}
