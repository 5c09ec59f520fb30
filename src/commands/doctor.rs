//! `sandbox doctor`: what this system can enforce, which guarantee is missing, and what to do.

use std::fmt::Write as _;

use crate::app;
use crate::exit;
use crate::invocation::Invocation;
use crate::message;
use crate::sandbox::{self, Capability, Ended, Limits, State};

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
    let version = env!("CARGO_PKG_VERSION").to_owned();
    capabilities.push(capability("version", version, State::Enforced));
    message::output(&text(&capabilities));
    let missing = capabilities
        .iter()
        .any(|one| matches!(one.state, State::Missing { .. }));
    Ended::Exited(if missing { exit::FAILURE } else { 0 })
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
