//! `sandbox doctor`: what this system can enforce, which guarantee is missing, and what to do.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::app;
use crate::exit;
use crate::invocation::Invocation;
use crate::message;
use crate::sandbox::{self, Capability, Ended, Limits, State, files};
use crate::switch::{self, Switch};

/// Ends with our own status if builds cannot run here.
pub(super) fn run(invocation: &Invocation, limits: Limits) -> Ended {
    let mut capabilities = sandbox::capabilities(limits);
    capabilities.push(match app::real_cargo(invocation, None, &[]) {
        Ok(path) => capability("cargo", path.display().to_string(), State::Enforced),
        Err(error) => {
            let remedy = "put the real cargo on PATH";
            capability("cargo", format!("{error:#}"), State::Missing { remedy })
        }
    });
    capabilities.push(switch(invocation));
    capabilities.push(first_on_path(invocation));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    capabilities.push(capability("version", version, State::Enforced));
    message::output(&text(&capabilities));
    let missing = capabilities
        .iter()
        .any(|one| matches!(one.state, State::Missing { .. }));
    Ended::Exited(if missing { exit::FAILURE } else { 0 })
}

/// Whether builds are sandboxed at all, as the environment is now.
fn switch(invocation: &Invocation) -> Capability {
    let value = invocation.variable(switch::VARIABLE);
    let found = format!(
        "{}={}",
        switch::VARIABLE,
        value.unwrap_or_default().display()
    );
    let state = match Switch::parse(value) {
        Ok(Switch::On | Switch::Require) => State::Enforced,
        Ok(Switch::Off) => State::Weaker {
            gaps: Vec::new(),
            remedy: "set `PERRY_SANDBOX_BUILDRS=1`: without it no build is sandboxed",
        },
        Err(_) => State::Missing {
            remedy: "set `PERRY_SANDBOX_BUILDRS` to `1`, `require` or `0`",
        },
    };
    capability("switch", found, state)
}

/// Whether `cargo` is us, for whoever finds it on PATH.
fn first_on_path(invocation: &Invocation) -> Capability {
    let paths = invocation.variable("PATH").unwrap_or_default();
    let first = std::env::split_paths(paths)
        .map(|folder| folder.join("cargo"))
        .find(|path| files::is_program(path));
    let is_us = |path: &PathBuf| {
        let is_ours = |path: PathBuf| path == invocation.executable;
        path.canonicalize().is_ok_and(is_ours) || is_shim(path)
    };
    let state = if first.as_ref().is_some_and(is_us) {
        State::Enforced
    } else {
        State::Weaker {
            gaps: Vec::new(),
            remedy: "put the folder of the shim first on PATH: `cargo` is not sandboxed, `sandboxed-cargo` is",
        }
    };
    let found = first.map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    capability("PATH", found, state)
}

/// Is it a copy of `shim/cargo`, of this version?
fn is_shim(path: &Path) -> bool {
    let shim = include_bytes!("../../shim/cargo");
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(shim.len() as u64 + 1).read_to_end(&mut text))
        .is_ok_and(|_| text == shim)
}

fn capability(name: &'static str, found: String, state: State) -> Capability {
    Capability { name, found, state }
}

fn text(capabilities: &[Capability]) -> String {
    let mut text = String::new();
    for capability in capabilities {
        let state = match capability.state {
            State::Enforced => "ok",
            State::Weaker { .. } => "weaker",
            State::Missing { .. } => "missing",
        };
        let _ = writeln!(
            text,
            "{:<12} {state:<8} {}",
            capability.name, capability.found
        );
    }
    for capability in capabilities {
        let (gaps, remedy) = match &capability.state {
            State::Enforced => continue,
            State::Weaker { gaps, remedy } => (gaps.as_slice(), remedy),
            State::Missing { remedy } => (&["builds do not run"][..], remedy),
        };
        let _ = writeln!(text, "\nwithout {}:", capability.name);
        for gap in gaps {
            let _ = writeln!(text, "  - {gap}");
        }
        let _ = writeln!(text, "  help: {remedy}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_its_remedy() {
        let capabilities = [
            Capability {
                name: "a",
                found: "1".into(),
                state: State::Enforced,
            },
            Capability {
                name: "b",
                found: "refused".into(),
                state: State::Weaker {
                    gaps: vec!["x is seen"],
                    remedy: "allow b",
                },
            },
            Capability {
                name: "c",
                found: "none".into(),
                state: State::Missing {
                    remedy: "install c",
                },
            },
        ];
        assert_eq!(
            text(&capabilities),
            "a            ok       1\n\
             b            weaker   refused\n\
             c            missing  none\n\
             \nwithout b:\n  - x is seen\n  help: allow b\n\
             \nwithout c:\n  - builds do not run\n  help: install c\n"
        );
    }
}
