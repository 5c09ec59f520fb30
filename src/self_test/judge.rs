//! From what was observed to a verdict.

use std::fmt::Write as _;

use super::{Actor, Guarantee, Observed, guarantees};
use crate::exit;

/// Whether a guarantee holds against one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Plain cargo let it through and the cargo under test did not.
    Blocked,
    NotBlocked,
    /// So nothing is known.
    NotTested(&'static str),
}

/// One guarantee, against each of [`Actor::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub guarantee: &'static Guarantee,
    pub verdicts: [Verdict; 2],
}

/// `plain` is what the attacks achieved without a sandbox, `tested` what they did under test.
pub fn judge(plain: &Observed, tested: &Observed) -> Vec<Row> {
    let verdict = |actor: Actor, name: &'static str| {
        let achieved = |observed: &Observed| observed.achieved.contains(&(actor, name));
        if achieved(tested) {
            Verdict::NotBlocked
        } else if !tested.ran.contains(&actor) {
            Verdict::NotTested("the attack did not run")
        } else if !achieved(plain) {
            Verdict::NotTested("plain cargo does not let it through either")
        } else {
            Verdict::Blocked
        }
    };
    guarantees()
        .map(|guarantee| Row {
            guarantee,
            verdicts: Actor::ALL.map(|actor| verdict(actor, guarantee.name)),
        })
        .collect()
}

/// 0 if all is blocked, 1 if something is not, and our own status if that is not known of all.
pub fn status(rows: &[Row]) -> u8 {
    let mut verdicts = rows.iter().flat_map(|row| row.verdicts);
    if verdicts.clone().any(|one| one == Verdict::NotBlocked) {
        return 1;
    }
    if rows.is_empty() || verdicts.any(|one| one != Verdict::Blocked) {
        return exit::FAILURE;
    }
    0
}

pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let width = rows
        .iter()
        .map(|row| row.guarantee.text.len())
        .max()
        .unwrap_or(0);
    let _ = writeln!(text, "{:width$}  {:<12}  proc macro", "", "build script");
    let mut reasons = Vec::new();
    for row in rows {
        let [script, proc_macro] = row.verdicts.map(|verdict| match verdict {
            Verdict::Blocked => "blocked",
            Verdict::NotBlocked => "NOT BLOCKED",
            Verdict::NotTested(reason) => {
                reasons.push((row.guarantee.text, reason));
                "not tested"
            }
        });
        let guarantee = row.guarantee.text;
        let _ = writeln!(text, "{guarantee:width$}  {script:<12}  {proc_macro}");
    }
    reasons.dedup();
    if !reasons.is_empty() {
        let _ = writeln!(text, "\nnot tested:");
        for (guarantee, reason) in reasons {
            let _ = writeln!(text, "  {guarantee}: {reason}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(achieved: &[&'static str]) -> Observed {
        let all = achieved
            .iter()
            .flat_map(|name| Actor::ALL.map(|actor| (actor, *name)));
        Observed {
            ran: Actor::ALL.into(),
            achieved: all.collect(),
        }
    }

    fn names() -> Vec<&'static str> {
        guarantees().map(|guarantee| guarantee.name).collect()
    }

    #[test]
    fn all_is_blocked() {
        let rows = judge(&observed(&names()), &observed(&[]));
        assert!(rows.iter().all(|row| row.verdicts == [Verdict::Blocked; 2]));
        assert_eq!(status(&rows), 0);
        assert_eq!(table(&rows).matches(" blocked").count(), 2 * rows.len());
    }

    #[test]
    fn each_hole_is_told() {
        for hole in names() {
            let mut tested = observed(&[]);
            tested.achieved.insert((Actor::ProcMacro, hole));
            let rows = judge(&observed(&names()), &tested);
            for row in &rows {
                let expected = if row.guarantee.name == hole {
                    Verdict::NotBlocked
                } else {
                    Verdict::Blocked
                };
                assert_eq!(row.verdicts, [Verdict::Blocked, expected]);
            }
            assert_eq!(status(&rows), 1);
            assert_eq!(table(&rows).matches("NOT BLOCKED").count(), 1);
        }
    }

    #[test]
    fn what_is_not_known_is_no_success() {
        let mut plain = observed(&names());
        plain.achieved.remove(&(Actor::BuildScript, "tcp"));
        let rows = judge(&plain, &observed(&[]));
        assert_eq!(status(&rows), exit::FAILURE);
        assert!(table(&rows).contains("either"));
        let mut tested = observed(&[]);
        tested.ran.remove(&Actor::ProcMacro);
        let rows = judge(&observed(&names()), &tested);
        assert_eq!(status(&rows), exit::FAILURE);
        assert!(matches!(rows[0].verdicts[1], Verdict::NotTested(_)));
        assert_eq!(status(&[]), exit::FAILURE);
        // Not even then.
        tested.achieved.insert((Actor::ProcMacro, "tcp"));
        assert_eq!(status(&judge(&observed(&[]), &tested)), 1);
    }
}
