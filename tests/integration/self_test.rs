//! `sandbox self-test` says what holds here, and fails loudly where something does not.

use std::ffi::OsString;
use std::path::Path;

use sandboxed_cargo::self_test::{self, Actor, Observed, Side, Verdict};

use crate::support::command::{Finished, Run};
use crate::support::project::Project;
use crate::support::{skip, system, toolchain};

fn self_test(project: &Project) -> Run {
    let run = project.run(toolchain::product());
    run.args(["sandbox", "self-test"])
}

fn count(run: &Finished, word: &str) -> usize {
    String::from_utf8_lossy(&run.stdout).matches(word).count()
}

#[test]
fn everything_is_blocked() {
    let all = 2 * self_test::guarantees().count();
    for wall in ["off", "require"] {
        if wall == "require" && !system::has_namespaces() {
            skip(
                "self-test behind both walls",
                "this system refuses namespaces",
            );
            continue;
        }
        let project = Project::new();
        let run = self_test(&project)
            .env("SANDBOXED_CARGO_NAMESPACES", wall)
            .success();
        assert_eq!(count(&run, " blocked"), all, "{run:#}");
        assert_eq!(count(&run, "NOT BLOCKED"), 0, "{run:#}");
    }
}

/// No canary needs a short path.
#[test]
fn a_home_that_lies_deep() {
    let project = Project::new();
    let home = project.home("deep/".repeat(20));
    std::fs::create_dir_all(&home).unwrap();
    let run = self_test(&project).env("HOME", home).success();
    assert_eq!(count(&run, "NOT BLOCKED"), 0, "{run:#}");
}

/// It can be pointed at the cargo that is first on PATH, to see whether that is protected.
#[test]
fn a_cargo_without_a_sandbox() {
    let project = Project::new();
    let all = 2 * self_test::guarantees().count();
    let run = self_test(&project).arg("--cargo").arg(toolchain::cargo());
    let run = run.finish().code(1);
    assert_eq!(count(&run, "NOT BLOCKED"), all, "{run:#}");
    assert_eq!(count(&run, " blocked"), 0, "{run:#}");
}

/// Another cargo is called as it would be, with the switch as it is.
#[test]
fn a_cargo_that_is_switched_off() {
    let project = Project::new();
    let all = 2 * self_test::guarantees().count();
    for (switch, status, word) in [("0", 1, "NOT BLOCKED"), ("1", 0, " blocked")] {
        let run = self_test(&project).arg("--cargo").arg(toolchain::product());
        let run = run
            .env("PERRY_SANDBOX_BUILDRS", switch)
            .finish()
            .code(status);
        assert_eq!(count(&run, word), all, "{run:#}");
        let help = "help: set `PERRY_SANDBOX_BUILDRS=1`: builds are not sandboxed without it\n";
        let is_told = String::from_utf8_lossy(&run.stderr).contains(help);
        assert_eq!(is_told, switch == "0", "{run:#}");
    }
}

#[test]
fn a_cargo_that_fails() {
    let project = Project::new();
    let run = self_test(&project).args(["--cargo", "/bin/false"]);
    run.finish()
        .code(125)
        .stdout("")
        .stderr_has("error: `/bin/false` did not build the hostile project: exit status: 1\n");
}

/// One that builds nothing and says that all is well.
#[test]
fn attacks_that_do_not_run() {
    let project = Project::new();
    let run = self_test(&project).args(["--cargo", "/bin/true"]);
    let run = run.finish().code(125);
    assert_eq!(
        count(&run, "the attack did not run"),
        self_test::guarantees().count()
    );
    assert_eq!(count(&run, " blocked"), 0, "{run:#}");
}

fn observe(project: &Project, place: &Path, variables: &[(&str, &str)]) -> Observed {
    let text = |text: &str| OsString::from(text);
    let mut environment = vec![
        (text("PATH"), toolchain::path()),
        (text("RUSTUP_HOME"), project.home(".rustup").into()),
    ];
    let more = variables.iter();
    environment.extend(more.map(|(name, value)| (text(name), text(value))));
    let side = Side {
        cargo: toolchain::cargo(),
        environment,
    };
    self_test::observe(&side, place).unwrap()
}

/// Each guarantee, switched off alone: the attack on it runs under plain cargo, and no other does.
#[test]
fn each_guarantee_is_missed() {
    let project = Project::new();
    let place = project.path("");
    let plain = observe(&project, &place, &[]);
    for hole in self_test::guarantees() {
        let tested = observe(&project, &place, &[("SELF_TEST_ONLY", hole.name)]);
        let rows = self_test::judge(&plain, &tested);
        for row in &rows {
            let expected = if row.guarantee == hole {
                [Verdict::NotBlocked; 2]
            } else {
                [Verdict::Blocked; 2]
            };
            assert_eq!(
                row.verdicts, expected,
                "{} of {}",
                row.guarantee.name, hole.name
            );
        }
        assert_eq!(self_test::status(&rows), 1);
    }
    assert_eq!(plain.ran, Actor::ALL.into());
}
