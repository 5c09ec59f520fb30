//! A hostile dependency tries everything, as a build script and as a proc macro: first under plain
//! cargo, where each action must succeed, or the test shows nothing; then under ours.

mod configuration;
mod judge;
mod replays;
mod table;
mod world;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::support::{skip, system};
use judge::{Trial, Verdict, is_gap_loot, judge};
use table::{Class, Needs, TABLE};
use world::World;

/// The attacker's sources, compiled in the throw-away project.
const HOSTILE: &[(&str, &str)] = &[
    ("mod", include_str!("hostile/mod.rs")),
    ("ability", include_str!("hostile/ability.rs")),
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
}

/// Each combination is run once; each class of actions is a test of its own.
fn trial(form: Form, mode: Mode) -> &'static Trial {
    static TRIALS: [[OnceLock<Trial>; 3]; 2] = [const { [const { OnceLock::new() }; 3] }; 2];
    TRIALS[form as usize][mode as usize].get_or_init(|| {
        let world = World::new(form);
        let build = world.build(mode);
        judge(world, build)
    })
}

fn of_class(trial: &'static Trial, class: Class) -> impl Iterator<Item = &'static Verdict> {
    trial
        .verdicts
        .iter()
        .filter(move |verdict| verdict.attack.class == class)
}

/// Did plain cargo let it happen? If not, nothing is proved, and only some machines may say so.
fn is_proved(form: Form, verdict: &Verdict) -> Result<bool, String> {
    let (attack, said) = (verdict.attack, &verdict.said);
    if verdict.happened {
        return Ok(true);
    }
    let excused = said.starts_with("absent: ")
        || attack.needs == Needs::Luck
        || (attack.needs == Needs::Root && !system::is_root());
    if !excused {
        return Err(format!(
            "{}: no effect under plain cargo: {said}",
            attack.name
        ));
    }
    skip(&format!("{} as {form:?}", attack.name), said);
    Ok(false)
}

/// Every action of the class works under plain cargo.
fn control(form: Form, class: Class) {
    let trial = trial(form, Mode::Plain);
    assert!(trial.succeeded, "the build failed:\n{}", trial.output);
    let failures: Vec<_> = of_class(trial, class)
        .filter_map(|verdict| is_proved(form, verdict).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// No action of the class has an effect under ours, but for the gaps.
fn denied(form: Form, class: Class, mode: Mode) {
    if mode == Mode::BothWalls && !system::has_namespaces() {
        skip(
            &format!("{class:?} as {form:?} with both walls"),
            "this system refuses namespaces",
        );
        return;
    }
    let trial = trial(form, mode);
    assert!(trial.succeeded, "the build failed:\n{}", trial.output);
    let mut failures = Vec::new();
    for verdict in of_class(trial, class) {
        let name = verdict.attack.name;
        if verdict.said.is_empty() {
            failures.push(format!("{name}: did not run"));
        }
        match verdict.attack.gap.filter(|_| mode == Mode::FirstWall) {
            Some(_) => {}
            None if verdict.happened => failures.push(format!("{name}: {}", verdict.said)),
            None => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// No secret is anywhere in the target, in the output, or at a canary.
fn no_loot(form: Form, mode: Mode) {
    if mode == Mode::BothWalls && !system::has_namespaces() {
        return;
    }
    let loot: Vec<_> = trial(form, mode)
        .loot
        .iter()
        .filter(|name| mode == Mode::BothWalls || !is_gap_loot(name))
        .collect();
    assert!(loot.is_empty(), "{loot:?}");
}

macro_rules! classes {
    ($($name:ident $class:ident,)*) => {
        $(#[test]
        fn $name() {
            match MODE {
                Mode::Plain => control(FORM, Class::$class),
                Mode::FirstWall | Mode::BothWalls => denied(FORM, Class::$class, MODE),
            }
        })*
    };
}

macro_rules! trials {
    ($($module:ident $form:ident $mode:ident,)*) => {
        $(mod $module {
            use super::{Class, Form, Mode, control, denied};

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
                if MODE != Mode::Plain {
                    super::no_loot(FORM, MODE);
                }
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
}

/// A judge that is always content would make every denial look like a success, and one that never
/// is would hide it: nothing happened where nobody attacked.
#[test]
fn quiet_world_shows_nothing() {
    let world = World::new(Form::BuildScript);
    world.project.file("vendor/evil/build.rs", "fn main() {}\n");
    let build = world.build(Mode::Plain);
    let trial = judge(world, build);
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
