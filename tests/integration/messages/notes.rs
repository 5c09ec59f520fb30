use std::fs;

use super::refused;
use crate::support::project::Project;
use crate::support::toolchain;
use crate::tools::{WithStandIn as _, package};

#[test]
fn commands_that_cannot_work_in_a_sandbox() {
    const DEPENDENCY: &str = "node_modules/x/Cargo.toml";
    let project = package();
    let manifest = fs::read(project.path("Cargo.toml")).unwrap();
    project.file(DEPENDENCY, manifest);
    project.file("node_modules/x/src/lib.rs", "");
    project.file("package.json", "{}");
    let network = "needs the network, which a build must not have";
    let network_help = "run `cargo build` in the sandbox first; for this command itself, unset \
                        `PERRY_SANDBOX_BUILDRS` if you trust every dependency";
    let outside = "writes programs to a folder outside the project";
    let outside_help = "run `cargo build --release` in the sandbox, then copy the program from \
                        the target folder; or set `PERRY_SANDBOX_BUILDRS=0` for this command if \
                        you trust every dependency";
    let sources = "rewrites sources, which a build must not";
    let sources_help =
        "run `cargo check` or `cargo clippy` in the sandbox, and apply what it suggests by hand";
    for (line, named, reason, help) in [
        (
            &["publish", "--manifest-path", DEPENDENCY][..],
            "publish",
            network,
            network_help,
        ),
        (
            &["-q", "publish", "--dry-run", "--manifest-path", DEPENDENCY],
            "publish",
            network,
            network_help,
        ),
        (
            &["install", "--path", "node_modules/x"],
            "install",
            outside,
            outside_help,
        ),
        (&["fix"], "fix", sources, sources_help),
        (&["fix", "--allow-dirty"], "fix", sources, sources_help),
        (&["clippy", "--fix"], "clippy --fix", sources, sources_help),
    ] {
        refused(
            &project,
            project.on().args(line),
            &format!("error: `cargo {named}` {reason}\nhelp: {help}\n"),
        );
        // Off, they are cargo's own business.
        let off = project.off().env("STAND_IN", "exit 3").args(line);
        off.finish().code(3).stderr("");
    }
}

#[test]
fn a_line_for_what_runs_in_the_sandbox() {
    let project = package();
    let status = "   Sandboxed project (strict)\n";
    let program =
        "note: the program that cargo runs is in the sandbox as well, without a network\n";
    let both = format!("{program}{status}");
    for (line, said) in [
        (&["build"][..], status),
        (&["b"], status),
        (&["check", "--release"], status),
        (&["clippy"], status),
        (&["doc"], status),
        (&["rustc", "--", "-v"], status),
        (&["test", "--no-run"], status),
        (&["package"], status),
        (&["run"], status),
        (&["r", "--", "-q"], status),
        (&["test"], status),
        (&["bench"], status),
        (&["nextest", "run"], status),
        (&["miri", "test"], &both),
        (&["-q", "build"], ""),
        (&["build", "--quiet"], ""),
        (&["run", "-q"], ""),
        (&["--version"], ""),
        (&["fetch"], ""),
        (&["tree"], ""),
        (&["help", "build"], ""),
        (&["build", "--help"], ""),
        (&[], ""),
    ] {
        let run = project.on().env("STAND_IN", "mute").args(line);
        run.success().stdout("").stderr(said);
    }
}

#[test]
fn colours_as_cargo_chooses_them() {
    let project = package();
    let green = "\u{1b}[1m\u{1b}[92m   Sandboxed\u{1b}[0m project (strict)\n";
    let red = "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: `cargo fix` rewrites sources, which a build must not\n\
               \u{1b}[1m\u{1b}[96mhelp\u{1b}[0m: run `cargo check` or `cargo clippy` in the sandbox, \
               and apply what it suggests by hand\n";
    let run = || project.on().env("STAND_IN", "mute");
    run()
        .args(["build", "--color", "always"])
        .success()
        .stderr(green);
    run()
        .args(["--color=always", "build"])
        .success()
        .stderr(green);
    run()
        .env("CARGO_TERM_COLOR", "always")
        .arg("build")
        .success()
        .stderr(green);
    run()
        .args(["fix", "--color=always"])
        .finish()
        .code(125)
        .stderr(red);
    let plain = "   Sandboxed project (strict)\n";
    run()
        .env("CARGO_TERM_COLOR", "always")
        .args(["build", "--color=never"])
        .success()
        .stderr(plain);
    run()
        .env_remove("CARGO_TERM_COLOR")
        .arg("build")
        .success()
        .stderr(plain);
}

fn dependency(exempt: &str) -> Project {
    let project = Project::new();
    project
        .file(
            "package.json",
            format!("{{\"perry\": {{\"allowUnsandboxedBuild\": [\"{exempt}\"]}}}}"),
        )
        .file(
            "node_modules/@scope/name/native/Cargo.toml",
            "[package]\nname = \"native\"\nversion = \"0.1.0\"\n[workspace]\n",
        )
        .file("node_modules/@scope/name/native/src/lib.rs", "")
        .file(
            "node_modules/@scope/name/package.json",
            "{\"name\": \"@other/trusted\", \"perry\": 1}",
        );
    project
}

#[test]
fn an_exempt_package() {
    for (exempt, said) in [
        (
            "@scope/name",
            "note: `@scope/name` builds without a sandbox, as the host's `package.json` says\n",
        ),
        ("@other/trusted", "   Sandboxed @scope/name (strict)\n"),
        ("@scope/nam", "   Sandboxed @scope/name (strict)\n"),
    ] {
        let project = dependency(exempt);
        let manifest = project.path("node_modules/@scope/name/native/Cargo.toml");
        let build = || {
            let run = project.on().env("STAND_IN", "mute");
            run.args(["build", "--manifest-path"]).arg(&manifest)
        };
        build().success().stderr(said);
        build().arg("-q").success().stderr("");
        let exempted = exempt == "@scope/name";
        assert_eq!(project.path(".perry-cache").exists(), !exempted);
    }
}

/// A dependency's folder may be called anything, and must not speak in our name.
#[test]
fn names_that_are_more_than_names() {
    let name = "x\u{1b}[2K\nerror: all is well\r";
    let project = Project::new();
    project
        .file("package.json", "{}")
        .file(format!("node_modules/{name}/native/Cargo.toml"), "")
        .file(format!("node_modules/{name}/native/rust-toolchain"), "evil");
    let run = project.on().arg("fetch");
    let run = run.directory(project.path(format!("node_modules/{name}/native")));
    run.finish().code(125).stdout("").stderr(
        "error: cargo would obey a dependency's configuration: \
         `[ROOT]/home/work/project/node_modules/x\\u{1b}[2K\n  error: all is well\\r/native/rust-toolchain`\n\
         help: run cargo from the host's folder, with `--manifest-path`\n",
    );
}

/// Our own word is ours under our own name only.
#[test]
fn our_own_commands() {
    let project = package();
    let usage = "Usage: sandboxed-cargo sandbox <COMMAND>\n\
                 \n\
                 Commands:\n  \
                 explain    Say what would happen for these cargo arguments, and why; nothing is built\n  \
                 profile    Print the policy as a system would enforce it\n  \
                 why        Build with everything observed, and say what was denied, to whom and why\n  \
                 report     Show what each crate did when it was last built: programs, files, what was denied\n  \
                 self-test  Try the documented attacks on this machine, against canaries in a folder of their own\n  \
                 doctor     Say what this system can enforce, and what it lacks\n\
                 \n\
                 Options:\n  -h, --help  Print help\n";
    let more = "\nFor more information, try '--help'.\n";
    let sandbox = |arguments: &[&str]| project.on().arg("sandbox").args(arguments);
    sandbox(&["--help"]).success().stdout(usage).stderr("");
    refused(&project, sandbox(&[]), usage);
    refused(
        &project,
        sandbox(&["explore"]),
        &format!(
            "error: unrecognized subcommand 'explore'\n\n\
             Usage: sandboxed-cargo sandbox <COMMAND>\n{more}"
        ),
    );
    refused(
        &project,
        sandbox(&["doctor", "now"]),
        &format!(
            "error: unexpected argument 'now' found\n\n\
             Usage: sandboxed-cargo sandbox doctor\n{more}"
        ),
    );
    refused(
        &project,
        sandbox(&["profile", "--platform", "windows"]),
        &format!(
            "error: invalid value 'windows' for '--platform <PLATFORM>'\n  \
             [possible values: linux, macos]\n{more}"
        ),
    );
    // The same errors as for a build.
    project.file("package.json", "[]");
    for command in ["explain", "profile"] {
        refused(
            &project,
            sandbox(&[command]),
            "error: `[ROOT]/home/work/project/package.json` must hold an object, found an array\n",
        );
    }
    fs::remove_file(project.path("package.json")).unwrap();
    for command in ["explain", "profile"] {
        refused(
            &project,
            sandbox(&[command]).env("PATH", "/"),
            "error: cannot find cargo on `PATH`\n\
             help: put the real cargo on `PATH`, or set `SANDBOXED_CARGO_REAL` to its absolute path\n",
        );
    }
    // Someone who reads only the beginning is no failure.
    let program = toolchain::product();
    let run = project.run("sh").env("PROGRAM", program);
    run.args(["-c", "\"$PROGRAM\" sandbox explain | head -1; exit 0"])
        .success()
        .stdout("switch    PERRY_SANDBOX_BUILDRS is not set\n")
        .stderr("");
}
