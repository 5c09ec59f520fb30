use super::hostile::{Attempt, Hostile, behind, denials, lines, walls};
use crate::support::project::Project;

const OURS: [&str; 2] = ["warning: the sandbox", "note: the sandbox"];

fn connecting(hostile: &Hostile) -> Attempt {
    Attempt {
        who: "script",
        what: "connect",
        on: hostile.address(),
    }
}

#[test]
fn an_error_in_the_source_is_nobodys_but_its() {
    for wall in walls() {
        for command in ["build", "check", "test", "sandbox why"] {
            let project = Project::new();
            project.package("fn main() {}\n", "[workspace]\n");
            project.file("src/lib.rs", "fn a( {}\n");
            let run = project
                .sandboxed()
                .env("SANDBOXED_CARGO_NAMESPACES", wall)
                .args(command.split(' '))
                .finish()
                .code(101);
            let asked = command == "sandbox why";
            let expected: &[&str] = if asked {
                &["note: the sandbox denied nothing to what was built"]
            } else {
                &[]
            };
            assert_eq!(lines(&run, &OURS), expected, "{run:#}");
        }
    }
}

#[test]
fn an_honest_build_is_not_talked_about() {
    // It looks for people's names, terminals and addresses, as C libraries and shells do.
    let script = "fn main() {\n    use std::process::Command;\n    \
                  for line in [\"id -un\", \"ls -l /\", \"tty\", \"stty\", \"echo x > $OUT_DIR/x\", \
                  \"cat /dev/null > /dev/null\", \"git --version\", \"mktemp\", \"cc --version\"] {\n        \
                  let _ = Command::new(\"/bin/sh\").args([\"-c\", line]).output();\n    }\n}\n";
    for wall in walls() {
        for command in ["build", "check", "clippy", "doc", "test", "run"] {
            let project = Project::new();
            project.package(script, "[workspace]\n");
            project.file("src/main.rs", "fn main() {}\n");
            let run = project
                .sandboxed()
                .env("SANDBOXED_CARGO_NAMESPACES", wall)
                .env("SANDBOXED_CARGO_WATCH", "everything")
                .arg(command)
                .success();
            let told = lines(&run, &OURS);
            let nothing = ["note: the sandbox denied nothing to what was built"];
            let expected = if ["test", "run"].contains(&command) {
                &[][..]
            } else {
                &nothing
            };
            assert_eq!(told, expected, "{command}{run:#}");
        }
    }
}

#[test]
fn a_build_that_succeeds_gets_one_line() {
    let hostile = Hostile::new();
    let attempts = [connecting(&hostile), connecting(&hostile)];
    let build = || {
        hostile
            .with(hostile.project.sandboxed(), &attempts)
            .arg("build")
    };
    let run = build().success();
    assert_eq!(
        lines(&run, &OURS),
        [
            "note: the sandbox denied 2 attempts of `evil v0.1.0`, which built all the same; `-v` shows more"
        ],
        "{run:#}"
    );
    // Nothing is built again, so nothing is tried again.
    assert!(lines(&build().success(), &OURS).is_empty());
    assert_eq!(hostile.control(&attempts), 2);
}

#[test]
fn quiet_is_quiet() {
    let hostile = Hostile::new();
    let attempts = [connecting(&hostile)];
    let build = || {
        hostile
            .with(hostile.project.sandboxed(), &attempts)
            .args(["build", "-q"])
    };
    let run = build().success();
    assert!(run.stderr.is_empty(), "{run:#}");
    let run = build().env("FAIL", "script").env("ATTEMPTS", "").finish();
    assert!(denials(&run).is_empty(), "{run:#}");
}

#[test]
fn nothing_is_watched_if_nobody_wants_it() {
    let hostile = Hostile::new();
    let attempts = [connecting(&hostile)];
    let run = hostile
        .with(hostile.project.sandboxed(), &attempts)
        .env("SANDBOXED_CARGO_WATCH", "nothing")
        .args(["build", "-v"])
        .success();
    assert!(lines(&run, &OURS).is_empty(), "{run:#}");
    // It is denied all the same.
    assert_eq!(
        std::fs::read_dir(hostile.project.home("done"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(hostile.control(&attempts), 1);
}

/// Reads are not observed unless somebody asks, so it is told whom to ask. Not for what fails by its
/// source.
#[test]
fn a_build_script_that_fails_leads_to_why() {
    for (command, wall) in ["build", "run"].into_iter().flat_map(behind) {
        let project = Project::named("host");
        let script = "fn main() {\n    std::fs::read(concat!(env!(\"HOME\"), \"/notes/id\")).unwrap();\n    \
             std::env::var(\"MY_TOKEN\").unwrap();\n}\n";
        project.package(script, "[[bin]]\nname = \"app\"\npath = \"src/lib.rs\"\n");
        project.file("src/lib.rs", "fn main() {}\n");
        project.home_file("notes/id", "");
        let run = |arguments: &[&str]| {
            let run = project.sandboxed().env("MY_TOKEN", "x");
            let run = run.env("SANDBOXED_CARGO_NAMESPACES", wall).args(arguments);
            run.finish().code(101)
        };
        let help = "help: the build script of `app v0.1.0` failed in a sandbox; if that is why, \
             `sandboxed-cargo sandbox why` with the same arguments tells what it may not read, and which \
             variables it does not get";
        let failed = run(&[command]);
        assert_eq!(lines(&failed, &["help: "]), [help], "{failed:#}");
        let asked = run(&["sandbox", "why", command]);
        let told = lines(&asked, &["warning: the sandbox kept "]);
        assert!(
            told.len() == 1 && told[0].contains("`~/notes/id`"),
            "{asked:#}"
        );
        let variables = "help: variables that look like secrets are not there: `MY_TOKEN`";
        assert_eq!(lines(&asked, &[variables]).len(), 1, "{asked:#}");

        // With the file, it is the variable.
        project.file(
            "package.json",
            "{ \"perry\": { \"sandbox\": { \"read\": [\"~/notes\"] } } }",
        );
        let asked = run(&["sandbox", "why", command]);
        let help = "help: variables that look like secrets are not there: `MY_TOKEN`; \
             `perry.sandbox.keepEnvironment` lets one pass";
        assert_eq!(lines(&asked, &["help: "]), [help], "{asked:#}");

        project.file("build.rs", "fn main() {\n    let x: u8 = \"\";\n}\n");
        let failed = run(&[command]);
        assert!(
            lines(&failed, &["help: the build script"]).is_empty(),
            "{failed:#}"
        );
        // The control.
        project.file("build.rs", script);
        project.plain().env("MY_TOKEN", "x").arg("build").success();
    }
}
