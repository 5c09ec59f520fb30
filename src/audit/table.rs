//! The overview for a terminal.

use std::fmt::Write as _;

use super::overview::{Crate, Overview};

const HEAD: [&str; 6] = ["crate", "runs", "programs", "read", "network", "other"];

/// `now` is in milliseconds since 1970.
pub fn table(overview: &Overview, now: u64) -> String {
    let mut text = String::new();
    if overview.crates.is_empty() {
        let _ = writeln!(
            text,
            "nothing is known of `{}` yet: build it in the sandbox first",
            overview.project
        );
        return text;
    }
    let _ = writeln!(
        text,
        "`{}`, last built {}\n",
        overview.project,
        ago(now.saturating_sub(overview.built))
    );
    let notable: Vec<&Crate> = overview
        .crates
        .iter()
        .filter(|one| one.is_notable())
        .collect();
    let rows: Vec<[String; 6]> = notable.iter().map(|one| row(one)).collect();
    if !rows.is_empty() {
        lines(&mut text, &rows);
    }
    let quiet = overview.crates.len() - notable.len();
    if quiet > 0 {
        let crates = if quiet == 1 { "crate" } else { "crates" };
        let and = if rows.is_empty() { "" } else { "and " };
        let _ = writeln!(
            text,
            "{and}{quiet} {crates} without a build script or a proc macro"
        );
    }
    let denied: Vec<&str> = notable
        .iter()
        .flat_map(|one| &one.denied)
        .map(|denied| denied.text.as_str())
        .collect();
    if !denied.is_empty() {
        let _ = writeln!(text, "\ndenied:");
        for line in denied {
            let _ = writeln!(text, "  {line}");
        }
    }
    if notable.iter().any(|one| one.read.is_none()) {
        let _ = writeln!(
            text,
            "\n`?`: reads are observed only by `sandboxed-cargo sandbox why`"
        );
    }
    text
}

fn lines(text: &mut String, rows: &[[String; 6]]) {
    let head = HEAD.map(str::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            all()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in all() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn row(one: &Crate) -> [String; 6] {
    let runs = match (one.build_script, one.proc_macro) {
        (true, true) => "script, macro",
        (true, false) => "script",
        (false, true) => "macro",
        (false, false) => "-",
    };
    let names: Vec<&str> = one
        .programs
        .iter()
        .map(|path| path.rsplit('/').next().unwrap_or(path))
        .collect();
    let count = |number: u64| match number {
        0 => "-".to_owned(),
        number => format!("{number} denied"),
    };
    [
        format!("{} {}", one.name, one.version),
        runs.to_owned(),
        some(&names),
        one.read
            .as_ref()
            .map_or("?".to_owned(), |read| match read.len() {
                0 => "-".to_owned(),
                number => number.to_string(),
            }),
        count(one.denials(true)),
        count(one.denials(false)),
    ]
}

/// The first few, so that a line fits a terminal.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let mut names = names.to_vec();
    names.dedup();
    match names.len() {
        0 => "-".to_owned(),
        number if number <= SHOWN => names.join(", "),
        number => format!("{} and {} more", names[..SHOWN].join(", "), number - SHOWN),
    }
}

/// A time that has passed, in milliseconds.
fn ago(time: u64) -> String {
    let seconds = time / 1000;
    let (number, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural} ago")
}
