//! What is known of each crate, in words.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::record::{self, Record};
use crate::denial::{Denial, Kind, Watch};
use crate::report::{self, Context};

/// Raised when a field changes its meaning or goes; new fields may come without.
const VERSION: u32 = 1;

/// A project's crates, what was refused to them first.
#[derive(Debug, Serialize)]
pub struct Overview {
    version: u32,
    pub project: String,
    /// When the last build that ran a unit began, in milliseconds since 1970; 0 if none did.
    pub built: u64,
    pub crates: Vec<Crate>,
}

/// One version of a crate, and all of its units together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// When the last build of it began, in milliseconds since 1970.
    pub built: u64,
    pub build_script: bool,
    pub proc_macro: bool,
    /// Programs that its units started.
    pub programs: Vec<String>,
    /// Files outside of its package; `None` where reads were not observed.
    pub read: Option<Vec<String>>,
    pub denied: Vec<Denied>,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denied {
    pub text: String,
    pub count: u64,
    /// Or else it concerned files or processes.
    pub network: bool,
}

impl Crate {
    /// Does it run code of its own during a build, or did anything that is worth a look?
    pub fn is_notable(&self) -> bool {
        self.build_script
            || self.proc_macro
            || !self.denied.is_empty()
            || self.read.as_ref().is_some_and(|read| !read.is_empty())
    }

    /// How often something was refused, of the network or of all else.
    pub fn denials(&self, network: bool) -> u64 {
        let of_kind = self.denied.iter().filter(|one| one.network == network);
        of_kind.map(|denied| denied.count).sum()
    }
}

impl Overview {
    /// From the notes in a cache directory; programs there are ours.
    pub fn load(cache: &Path, project: &str, context: &Context) -> Result<Self> {
        let is_ours = |path: &Path| path.starts_with(cache);
        Ok(Self::of(&record::load(cache)?, project, context, &is_ours))
    }

    fn of(
        records: &[Record],
        project: &str,
        context: &Context,
        is_ours: &dyn Fn(&Path) -> bool,
    ) -> Self {
        let mut crates: BTreeMap<(String, String), Crate> = BTreeMap::new();
        // A package that is gone from the disk is no part of the project any more.
        let is_there =
            |record: &&Record| record.unit.folder.as_ref().is_none_or(|path| path.is_dir());
        for record in records.iter().filter(is_there) {
            let key = (record.unit.package.clone(), record.unit.version.clone());
            let entry = crates.entry(key).or_insert_with(|| Crate {
                name: record.unit.package.clone(),
                version: record.unit.version.clone(),
                built: 0,
                build_script: false,
                proc_macro: false,
                programs: Vec::new(),
                read: None,
                denied: Vec::new(),
            });
            entry.add(record, context, is_ours);
        }
        let mut crates: Vec<Crate> = crates.into_values().collect();
        for one in &mut crates {
            one.programs.sort();
            one.programs.dedup();
            if let Some(read) = &mut one.read {
                read.sort();
                read.dedup();
            }
        }
        crates.sort_by_key(|one| {
            let weight = (
                one.denials(true) + one.denials(false),
                one.build_script,
                one.proc_macro,
            );
            (
                std::cmp::Reverse(weight),
                one.name.clone(),
                one.version.clone(),
            )
        });
        Self {
            version: VERSION,
            project: project.to_owned(),
            built: crates.iter().map(|one| one.built).max().unwrap_or(0),
            crates,
        }
    }
}

impl Crate {
    fn add(&mut self, record: &Record, context: &Context, is_ours: &dyn Fn(&Path) -> bool) {
        let unit = &record.unit;
        self.built = self.built.max(record.build);
        self.build_script |= unit.kind == Kind::BuildScript;
        self.proc_macro |= unit.proc_macro;
        let shown = |path: &Path| report::short(path, &context.home);
        // Each compiler starts a linker, and each script that asks a compiler something starts us.
        let is_usual = |path: &Path| {
            is_ours(path) || unit.kind != Kind::BuildScript && report::is_linker(path)
        };
        let programs = record.programs.iter().filter(|path| !is_usual(path));
        self.programs.extend(programs.map(|path| shown(path)));
        if record.watch == Watch::Everything {
            // The compiler's own files, which rustup keeps, are every unit's.
            let is_own = |path: &Path| context.caches.iter().any(|cache| path.starts_with(cache));
            let read = record.read.iter().filter(|path| !is_own(path));
            self.read
                .get_or_insert_default()
                .extend(read.map(|path| shown(path)));
        }
        let denials = report::worth_telling(&record.denials, context);
        self.denied
            .extend(denials.iter().map(|denial| denied(denial, context)));
    }
}

fn denied(denial: &Denial, context: &Context) -> Denied {
    Denied {
        text: report::describe(denial, context),
        count: denial.count,
        network: denial.action.is_network(),
    }
}
