//! Honest builds: what works under plain cargo works under ours, behind one wall and behind both.

// What build scripts do with files, and with the tools that they start.
mod scripts;

// Cargo's own subcommands, and where their output goes.
mod commands;

// Where a project lies, and what its folder is called.
mod places;

// Exit statuses, signals, streams, the jobserver.
mod process;

// A compiler wrapper of the user's that cannot work in a box.
#[cfg(target_os = "linux")]
mod wrappers;

use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::skip;

#[cfg(target_os = "linux")]
use crate::support::system::has_namespaces;

/// Mac builds have one wall, and it is always there.
#[cfg(not(target_os = "linux"))]
fn has_namespaces() -> bool {
    false
}

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cargo {
    Plain,
    FirstWall,
    BothWalls,
}

impl Cargo {
    /// A command in the project's folder.
    fn of(self, project: &Project) -> Run {
        match self {
            Self::Plain => project.plain(),
            Self::FirstWall => project.sandboxed().env("SANDBOXED_CARGO_NAMESPACES", "off"),
            Self::BothWalls => project
                .sandboxed()
                .env("SANDBOXED_CARGO_NAMESPACES", "require"),
        }
    }
}

/// Runs the same with the real cargo, which shows that the test itself is right, and with ours.
#[track_caller]
fn each(test: impl Fn(Cargo)) {
    test(Cargo::Plain);
    test(Cargo::FirstWall);
    if has_namespaces() {
        test(Cargo::BothWalls);
    } else {
        skip("with both walls", "this system refuses namespaces");
    }
}

/// A package with this build script builds.
#[track_caller]
fn script(body: &str) {
    each(|cargo| {
        let project = Project::new();
        project.package(&main(body), "");
        cargo.of(&project).arg("build").success();
    });
}

/// A build script with helpers that panic when something does not work.
fn main(body: &str) -> String {
    format!(
        "#![allow(unused)]\n\
         use std::{{fs, io::{{Read, Write}}, path::{{Path, PathBuf}}, process::Command}};\n\
         fn out(path: &str) -> PathBuf {{\n    \
             PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap()).join(path)\n}}\n\
         fn run(command: &mut Command) -> String {{\n    \
             let output = command.output().unwrap();\n    \
             let text = format!(\"{{}}{{}}\", String::from_utf8_lossy(&output.stdout),\n        \
                 String::from_utf8_lossy(&output.stderr));\n    \
             assert!(output.status.success(), \"{{command:?}}: {{}}: {{text}}\", output.status);\n    \
             text\n}}\n\
         fn sh(code: &str) -> String {{\n    \
             run(Command::new(\"bash\").args([\"-euc\", code]).current_dir(out(\"\")))\n}}\n\
         fn main() {{\n{body}\n}}\n"
    )
}
