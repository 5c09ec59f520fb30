//! Nobody should notice that we stand between: what is typed arrives, and what happens comes back.

// Command line and environment, exactly.
mod arguments;

// By which name we are called, and calls inside a build.
mod names;

// Streams, descriptors, terminals.
mod streams;

// ^C and ^Z at a terminal.
#[cfg(target_os = "linux")]
mod keys;

// The cargo behind rustup.
#[cfg(target_os = "linux")]
mod rustup;

// How cargo ends, and signals on the way.
mod signals;

use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::skip;
use crate::tools::{WithStandIn as _, package};

#[cfg(target_os = "linux")]
use crate::support::system::has_namespaces;

/// Mac builds have one wall, and it is always there.
#[cfg(not(target_os = "linux"))]
fn has_namespaces() -> bool {
    false
}

/// In which of our ways cargo is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Off,
    Exempt,
    FirstWall,
    BothWalls,
}

impl Way {
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Off, Self::Exempt, Self::FirstWall];
        if has_namespaces() {
            all.push(Self::BothWalls);
        } else {
            skip("calls behind both walls", "this system refuses namespaces");
        }
        all
    }

    fn is_sandboxed(self) -> bool {
        matches!(self, Self::FirstWall | Self::BothWalls)
    }

    /// The folder in which [`Way::call`] works.
    fn folder(self) -> &'static str {
        if self == Self::Exempt {
            "node_modules/x"
        } else {
            "."
        }
    }

    /// A project to call from.
    fn project(self) -> Project {
        let project = package();
        if self == Self::Exempt {
            let manifest = "[package]\nname = \"x\"\nversion = \"0.1.0\"\n[workspace]\n";
            project
                .file(
                    "package.json",
                    "{\"perry\": {\"allowUnsandboxedBuild\": [\"x\"]}}",
                )
                .file("node_modules/x/Cargo.toml", manifest)
                .file("node_modules/x/src/lib.rs", "");
        }
        project
    }

    /// Our cargo, with the stand-in behind it.
    fn call(self, project: &Project) -> Run {
        let run = match self {
            Self::Off => project.off(),
            Self::Exempt | Self::FirstWall => project.on().env("SANDBOXED_CARGO_NAMESPACES", "off"),
            Self::BothWalls => project.on().env("SANDBOXED_CARGO_NAMESPACES", "require"),
        };
        run.directory(project.path(self.folder()))
    }
}
