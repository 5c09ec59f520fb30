//! Who won: looks at the world from outside, after the build.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::state::survivors;
use super::table::{Attack, Judge, TABLE};
use super::world::{Build, World};
use crate::support::system;

/// What became of one action.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) attack: &'static Attack,
    pub(crate) happened: bool,
    /// The attacker's own words, or the secrets in them.
    pub(crate) said: String,
}

/// What became of all.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) verdicts: Vec<Verdict>,
    /// Needles found in the target or in the output, whoever brought them there.
    pub(crate) loot: Vec<String>,
    pub(crate) succeeded: bool,
    pub(crate) output: String,
}

pub(crate) fn judge(mut world: World, build: Build, patience: Duration) -> Trial {
    let alive = wait_for_survivors(&world, patience);
    let growing = growing(&world);
    let heard = world.canary.stop();
    let bench = Bench {
        world: &world,
        build: &build,
        heard,
        alive,
        growing,
    };
    let verdicts = TABLE
        .iter()
        .map(|attack| Verdict {
            attack,
            happened: bench.happened(attack),
            said: bench.said(attack),
        })
        .collect();
    let loot = bench.loot();
    Trial {
        verdicts,
        loot,
        succeeded: build.succeeded,
        output: build.output,
    }
}

struct Bench<'a> {
    world: &'a World,
    build: &'a Build,
    heard: Vec<u8>,
    alive: Vec<String>,
    growing: Vec<PathBuf>,
}

impl Bench<'_> {
    fn happened(&self, attack: &Attack) -> bool {
        let (world, name) = (self.world, attack.name);
        let mark = format!("zz-{name}-zz");
        let said = self.build.reports.get(name).map_or("", String::as_str);
        let home = |path: &str| world.project.home(path);
        match attack.judge {
            Judge::Received | Judge::Typed | Judge::Shown => holds(&self.heard, &mark),
            Judge::HomeFile(path) => file_holds(&home(path), &mark),
            Judge::HostFile(path) => file_holds(&world.project.path(path), &mark),
            Judge::Elsewhere => world.elsewhere(name).is_some_and(|path| path.exists()),
            Judge::Victim => {
                world.is_touched(&world.victim(name))
                    || fs::symlink_metadata(world.victim(&format!("{name}.new"))).is_ok()
            }
            Judge::HomeTouched(path) => world.is_touched(&home(path)),
            Judge::HomeExists(path) => home(path).exists(),
            Judge::Needle => said.contains(&world.needle(name)),
            Judge::NeedleOf(other) => said.contains(&world.needle(other)),
            Judge::Environment => said.contains(&world.needle("variable-")),
            Judge::Process => world.is_process_changed(name),
            Judge::Survives => self
                .alive
                .iter()
                .any(|word| word.ends_with(&format!("-{name}"))),
            Judge::Grows => self.growing.iter().any(|path| path.ends_with(name)),
            Judge::Setuid => files(&world.project.path("target")).iter().any(|path| {
                use std::os::unix::fs::MetadataExt;
                path.ends_with(name)
                    && fs::symlink_metadata(path).is_ok_and(|m| m.mode() & 0o6000 != 0)
            }),
            Judge::Key => system::find_key(&format!("new-{}", world.id))
                .inspect(|key| system::remove_key(*key))
                .is_ok(),
            Judge::SharedMemory => system::remove_shared_memory(world.ipc_key()),
            Judge::Semaphores => system::remove_semaphores(world.ipc_key()),
            Judge::MessageQueue => system::remove_message_queue(world.ipc_key()),
            Judge::PosixQueue => system::remove_posix_queue(&format!("/evil-{}", world.id)),
            Judge::Word => said.starts_with("ok: "),
        }
    }

    /// Long texts with many secrets in them are cut down to these secrets' names.
    fn said(&self, attack: &Attack) -> String {
        let said = self
            .build
            .reports
            .get(attack.name)
            .cloned()
            .unwrap_or_default();
        if matches!(attack.judge, Judge::Environment) && !said.is_empty() {
            return format!(
                "it has {:?}",
                needles(said.as_bytes(), &self.world.needle(""))
            );
        }
        said.chars().take(300).collect()
    }

    /// Every needle that can be found where the build may write, or that left by the network.
    fn loot(&self) -> Vec<String> {
        let stem = self.world.needle("");
        let mut all: Vec<Vec<u8>> = files(&self.world.project.path("target"))
            .iter()
            .filter(|path| fs::symlink_metadata(path).is_ok_and(|m| m.is_file()))
            .filter_map(|path| fs::read(path).ok())
            .collect();
        all.push(self.build.output.clone().into_bytes());
        all.push(self.heard.clone());
        let mut found: Vec<String> = all.iter().flat_map(|bytes| needles(bytes, &stem)).collect();
        found.sort();
        found.dedup();
        found
    }
}

/// The names behind every `stem` in `bytes`.
fn needles(bytes: &[u8], stem: &str) -> Vec<String> {
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || b"-_".contains(b);
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(stem.len()).position(|w| w == stem.as_bytes()) {
        rest = &rest[at + stem.len()..];
        let name: Vec<u8> = rest.iter().take_while(is_name).copied().collect();
        found.push(String::from_utf8(name).unwrap());
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

fn file_holds(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| holds(&bytes, text))
}

/// Everything below a folder, links not followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&entry.path()));
        }
    }
    found
}

/// The names of those processes that do not go away within a moment.
fn wait_for_survivors(world: &World, patience: Duration) -> Vec<String> {
    let deadline = Instant::now() + patience;
    loop {
        let alive = survivors(&world.id);
        if alive.is_empty() || Instant::now() > deadline {
            return alive
                .iter()
                .map(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default())
                .map(|line| line.trim_end_matches('\0').to_owned())
                .collect();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Those files of daemons that are still being written.
fn growing(world: &World) -> Vec<PathBuf> {
    let grows = |attack: &&Attack| matches!(attack.judge, Judge::Grows);
    let names: Vec<_> = TABLE
        .iter()
        .filter(grows)
        .map(|attack| attack.name)
        .collect();
    let sizes = || -> Vec<(PathBuf, u64)> {
        files(&world.project.path("target"))
            .into_iter()
            .filter(|path| names.iter().any(|name| path.ends_with(name)))
            .filter_map(|path| Some((path.clone(), fs::metadata(path).ok()?.len())))
            .collect()
    };
    let before = sizes();
    std::thread::sleep(Duration::from_millis(400));
    let after = sizes();
    after
        .into_iter()
        .filter(|now| !before.contains(now))
        .map(|(path, _)| path)
        .collect()
}

/// May this needle be found after all, because of a gap or of the profile?
pub(crate) fn is_expected_loot(name: &str, gaps: bool, compat: bool) -> bool {
    TABLE.iter().any(|attack| {
        let expected = (gaps && attack.gap.is_some()) || (compat && attack.compat);
        let other = matches!(attack.judge, Judge::NeedleOf(other) if other == name);
        expected && (attack.name == name || other)
    })
}
