//! A hostile dependency tries everything, as a build script and as a proc macro: first under plain
//! cargo, where each action must succeed, or the test shows nothing; then under ours.

mod configuration;
mod judge;
mod replays;
mod secrets;
mod state;
mod table;
mod terminal;
mod world;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::{skip, system};
use judge::{Trial, Verdict, is_expected_loot, judge};
use table::{Class, Needs, TABLE};
use world::World;

/// The attacker's sources, compiled in the throw-away project.
const HOSTILE: &[(&str, &str)] = &[
    ("mod", include_str!("hostile/mod.rs")),
    ("ability", include_str!("hostile/ability.rs")),
    ("ancestors", include_str!("hostile/ancestors.rs")),
    ("attributes", include_str!("hostile/attributes.rs")),
    ("foreign", include_str!("hostile/foreign.rs")),
    ("network", include_str!("hostile/network.rs")),
    ("persist", include_str!("hostile/persist.rs")),
    ("process", include_str!("hostile/process.rs")),
    ("read", include_str!("hostile/read.rs")),
    ("ring", include_str!("hostile/ring.rs")),
    ("sys", include_str!("hostile/sys.rs")),
    ("tools", include_str!("hostile/tools.rs")),
    ("write", include_str!("hostile/write.rs")),
];

/// Who runs the attacker's code.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    BuildScript,
    ProcMacro,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The real cargo, without us.
    Plain,
    /// Ours, with namespaces refused.
    FirstWall,
    /// Ours, with all that there is.
    BothWalls,
    /// The same with the wider profile.
    Compat,
}

impl Mode {
    /// A command in the project's folder.
    pub(crate) fn cargo(self, project: &Project) -> Run {
        match self {
            Self::Plain => project.plain(),
            Self::FirstWall => project.sandboxed().env("SANDBOXED_CARGO_NAMESPACES", "off"),
            Self::BothWalls => project
                .sandboxed()
                .env("SANDBOXED_CARGO_NAMESPACES", "require"),
            Self::Compat => project
                .sandboxed()
                .env_remove("SANDBOXED_CARGO_NAMESPACES")
                .env("PERRY_SANDBOX_PROFILE", "compat"),
        }
    }

    /// Is what only namespaces stop to be expected?
    fn has_gaps(self) -> bool {
        self == Self::FirstWall || !system::has_namespaces()
    }

    /// Says why, if this machine cannot show it.
    fn is_possible(self) -> bool {
        if self == Self::BothWalls && !system::has_namespaces() {
            skip("both walls", "this system refuses namespaces");
            return false;
        }
        true
    }
}

/// Each combination is run once, both forms at the same time; each class of actions is a test of
/// its own.
fn trial(form: Form, mode: Mode) -> &'static Trial {
    static TRIALS: [OnceLock<[Trial; 2]>; 4] = [const { OnceLock::new() }; 4];
    let trials = TRIALS[mode as usize].get_or_init(|| {
        let run = |form| {
            let world = World::new(form);
            let build = world.build(mode);
            // What a sandbox kills may take a moment to go; what nobody kills is there at once.
            let patience = Duration::from_millis(if mode == Mode::Plain { 0 } else { 1000 });
            judge(world, build, patience)
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| run(Form::ProcMacro));
            [run(Form::BuildScript), other.join().unwrap()]
        })
    });
    &trials[form as usize]
}

fn of_class(trial: &'static Trial, class: Class) -> impl Iterator<Item = &'static Verdict> {
    trial
        .verdicts
        .iter()
        .filter(move |verdict| verdict.attack.class == class)
}

/// Plain cargo let it happen; if not, nothing is proved, and only some machines may say so.
fn check_control(form: Form, verdict: &Verdict) -> Option<String> {
    let (attack, said) = (verdict.attack, &verdict.said);
    if verdict.happened {
        return None;
    }
    let excused = said.starts_with("absent: ")
        || attack.needs == Needs::Luck
        || (attack.needs == Needs::Root && !system::is_root());
    if !excused {
        return Some(format!(
            "{}: no effect under plain cargo: {said}",
            attack.name
        ));
    }
    skip(&format!("{} as {form:?}", attack.name), said);
    None
}

/// It had no effect under ours, but for the gaps and what the profile promises.
fn check_denial(mode: Mode, verdict: &Verdict) -> Option<String> {
    let (attack, said) = (verdict.attack, &verdict.said);
    if said.is_empty() {
        return Some(format!("{}: did not run", attack.name));
    }
    if mode == Mode::Compat && attack.compat {
        if attack.name == "write-tmp" && Path::new(env!("CARGO_TARGET_TMPDIR")).starts_with("/tmp")
        {
            skip(
                attack.name,
                "with a project below it, /tmp itself is not granted",
            );
            return None;
        }
        // The first wall alone cannot list a folder with something hidden in it.
        return (!verdict.happened && !mode.has_gaps())
            .then(|| format!("{}: not granted: {said}", attack.name));
    }
    let is_gap = mode.has_gaps() && attack.gap.is_some();
    (verdict.happened && !is_gap).then(|| format!("{}: {said}", attack.name))
}

fn check_class(form: Form, class: Class, mode: Mode) {
    if !mode.is_possible() {
        return;
    }
    let trial = trial(form, mode);
    assert!(trial.succeeded, "the build failed:\n{}", trial.output);
    let failures: Vec<_> = of_class(trial, class)
        .filter_map(|verdict| match mode {
            Mode::Plain => check_control(form, verdict),
            _ => check_denial(mode, verdict),
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What only the second wall stops is what `doctor` lists as missing without it, and it lists
/// nothing of that with it.
#[test]
fn doctor_lists_the_gaps() {
    let doctor = |namespaces: &str| {
        let project = Project::new();
        let finished = project
            .sandboxed()
            .env("SANDBOXED_CARGO_NAMESPACES", namespaces)
            .args(["sandbox", "doctor"])
            .success();
        finished.plain_text(&finished.stdout).replace('\n', " ")
    };
    let without = doctor("off");
    for gap in TABLE.iter().filter_map(|attack| attack.gap) {
        assert!(without.contains(gap.in_doctors_words()), "{without}");
    }
    assert!(without.contains("namespaces   weaker"), "{without}");
    if system::has_namespaces() {
        assert!(!doctor("auto").contains("without namespaces"));
    } else {
        skip("doctor with both walls", "this system refuses namespaces");
    }
}

/// No secret is anywhere in the target, in the output, or at a canary.
fn check_loot(form: Form, mode: Mode) {
    if mode == Mode::Plain || !mode.is_possible() {
        return;
    }
    let (gaps, compat) = (mode.has_gaps(), mode == Mode::Compat);
    let loot = trial(form, mode).loot.iter();
    let loot: Vec<_> = loot
        .filter(|name| !is_expected_loot(name, gaps, compat))
        .collect();
    assert!(loot.is_empty(), "{loot:?}");
}

macro_rules! classes {
    ($($name:ident $class:ident,)*) => {
        $(#[test]
        fn $name() {
            check_class(FORM, Class::$class, MODE);
        })*
    };
}

macro_rules! trials {
    ($($module:ident $form:ident $mode:ident,)*) => {
        $(mod $module {
            use super::{Class, Form, Mode, check_class, check_loot};

            const FORM: Form = Form::$form;
            const MODE: Mode = Mode::$mode;

            classes! {
                network Network,
                read Read,
                write Write,
                attributes Attributes,
                process Process,
                kernel Kernel,
                persistence Persistence,
            }

            #[test]
            fn no_loot() {
                check_loot(FORM, MODE);
            }
        })*
    };
}

trials! {
    build_script_plain BuildScript Plain,
    proc_macro_plain ProcMacro Plain,
    build_script_first_wall BuildScript FirstWall,
    build_script_both_walls BuildScript BothWalls,
    proc_macro_first_wall ProcMacro FirstWall,
    proc_macro_both_walls ProcMacro BothWalls,
    build_script_compat BuildScript Compat,
    proc_macro_compat ProcMacro Compat,
}

/// A judge that is always content would make every denial look like a success, and one that never
/// is would hide it: nothing happened where nobody attacked.
#[test]
fn quiet_world_shows_nothing() {
    let world = World::new(Form::BuildScript);
    world.project.file("vendor/evil/build.rs", "fn main() {}\n");
    let build = world.build(Mode::Plain);
    let trial = judge(world, build, Duration::ZERO);
    assert!(trial.succeeded, "{}", trial.output);
    let seen = |v: &&Verdict| v.happened;
    let names: Vec<_> = trial
        .verdicts
        .iter()
        .filter(seen)
        .map(|v| v.attack.name)
        .collect();
    assert!(names.is_empty(), "{names:?}");
    assert!(trial.loot.is_empty(), "{:?}", trial.loot);
}

/// The attacker and the judge speak of the same actions.
#[test]
fn table_is_complete() {
    let judged: BTreeSet<&str> = TABLE.iter().map(|attack| attack.name).collect();
    assert_eq!(judged.len(), TABLE.len(), "a name appears twice");
    let reports = &trial(Form::BuildScript, Mode::Plain).verdicts;
    let silent: Vec<_> = reports
        .iter()
        .filter(|v| v.said.is_empty())
        .map(|v| v.attack.name)
        .collect();
    assert!(silent.is_empty(), "no attacker for {silent:?}");
    assert!(judged.len() >= 75, "only {} actions", judged.len());
}
