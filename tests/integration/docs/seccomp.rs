//! The rows of the system call filter, as `docs/linux.md` prints them.

use std::fmt::Write;

use sandboxed_cargo::sandbox::linux::seccomp::{
    Condition, GROUPS, RANGES, Row, Verdict, When, table,
};

use super::generated;

#[test]
fn rows() {
    let mut text = String::new();
    for (title, rows) in GROUPS {
        let _ = writeln!(text, "#### {title}\n");
        let _ = writeln!(text, "| calls | if | answer | reason |\n|---|---|---|---|");
        for row in *rows {
            let calls: Vec<_> = row
                .calls
                .iter()
                .map(|call| format!("`{}`", call.name))
                .collect();
            let (calls, given) = (calls.join(", "), conditions(row));
            let answer = verdict(row.verdict);
            let _ = writeln!(text, "| {calls} | {given} | {answer} | {} |", row.why);
        }
        text.push('\n');
    }
    generated("docs/linux.md", "system calls", &text);
}

#[test]
fn ranges() {
    let mut text = "| architecture | numbers | answer | reason |\n|---|---|---|---|\n".to_owned();
    for range in RANGES {
        let arch = format!("{:?}", range.arch).to_lowercase();
        let last = match range.last {
            u32::MAX => "the end".to_owned(),
            last => last.to_string(),
        };
        let (first, answer) = (range.first, verdict(range.verdict));
        let _ = writeln!(
            text,
            "| {arch} | {first} to {last} | {answer} | {} |",
            range.why
        );
    }
    let (answer, why) = (verdict(table::FOREIGN), table::FOREIGN_WHY);
    let _ = writeln!(text, "| any other | all | {answer} | {why} |");
    generated("docs/linux.md", "numbers", &text);
}

fn conditions(row: &Row) -> String {
    let mut all: Vec<String> = row.conditions.iter().map(condition).collect();
    match row.when {
        When::Always => {}
        When::NetworkDenied => all.push("in a build".to_owned()),
        When::NetworkInternet => all.push("in a fetch".to_owned()),
        When::Signals => all.push("Landlock below 6, no namespaces".to_owned()),
        When::Truncate => all.push("Landlock below 3".to_owned()),
        When::WatchedNetwork => all.push("in a build that is watched".to_owned()),
        When::WatchedChanges => all.push("watched".to_owned()),
        When::WatchedReads => all.push("watched by `sandbox why`".to_owned()),
    }
    all.join("; ")
}

fn condition(condition: &Condition) -> String {
    match *condition {
        Condition::OneOf { arg, mask, values } => {
            let many = if values.len() > 1 { "one of " } else { "" };
            format!("{} is {many}{}", masked(arg, mask), numbers(values))
        }
        Condition::NoneOf { arg, mask, values } => {
            let not = if values.len() > 1 { "none of" } else { "not" };
            format!("{} is {not} {}", masked(arg, mask), numbers(values))
        }
        Condition::AnyBit {
            arg,
            mask: u64::MAX,
        } => format!("argument {arg} is not 0"),
        Condition::AnyBit { arg, mask } => format!("argument {arg} & {mask:#x} is not 0"),
    }
}

fn masked(arg: u8, mask: u32) -> String {
    if mask == u32::MAX {
        format!("argument {arg}")
    } else {
        format!("argument {arg} & {mask:#x}")
    }
}

fn numbers(values: &[u32]) -> String {
    let values: Vec<_> = values
        .iter()
        .map(|value| match value {
            0..10 => value.to_string(),
            _ => format!("{value:#x}"),
        })
        .collect();
    values.join(", ")
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Notify => "supervisor",
        Verdict::Errno(libc::EACCES) => "`EACCES`",
        Verdict::Errno(libc::ENOSYS) => "`ENOSYS`",
        Verdict::Errno(libc::ENOTTY) => "`ENOTTY`",
        Verdict::Errno(libc::EPERM) => "`EPERM`",
        Verdict::Errno(table::INSIDE_ERRNO) => "`ENOTNAM`",
        Verdict::Errno(other) => panic!("{other} has no name here"),
    }
}
