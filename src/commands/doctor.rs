//! `sandbox doctor`: what this system can enforce, which guarantee is missing, and what to do.

use std::fmt::Write as _;

use crate::exit;
use crate::message;
use crate::sandbox::{self, Capability, Ended, Limits, State};

/// Ends with our own status if builds cannot run here.
pub(super) fn run(limits: Limits) -> Ended {
    let capabilities = sandbox::capabilities(limits);
    message::output(&text(&capabilities));
    let missing = capabilities
        .iter()
        .any(|one| matches!(one.state, State::Missing { .. }));
    Ended::Exited(if missing { exit::FAILURE } else { 0 })
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
