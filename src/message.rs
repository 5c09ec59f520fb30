//! The only module that prints: `error:`, `warning:`, `note:`, `help:` and one status line, in
//! cargo's style, on standard error. Standard output belongs to cargo.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{IsTerminal, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Failure, one_line};

/// How much we say, and whether in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    colour: bool,
    quiet: bool,
}

#[derive(Debug, Clone, Copy)]
enum Label {
    Error,
    Warning,
    Note,
    Help,
}

impl Voice {
    /// `choice` is the value of cargo's `--color` or `CARGO_TERM_COLOR`.
    pub fn new(choice: Option<&OsStr>, quiet: bool) -> Self {
        let colour = match choice.and_then(OsStr::to_str) {
            Some("always") => true,
            Some("never") => false,
            _ => std::io::stderr().is_terminal(),
        };
        Self { colour, quiet }
    }

    /// Prints an error with its causes and its `help:` lines.
    pub fn error(self, error: &anyhow::Error) {
        self.line(Label::Error, one_line(error));
        for failure in error.chain().filter_map(|e| e.downcast_ref::<Failure>()) {
            for line in failure.help_lines() {
                self.line(Label::Help, line);
            }
        }
    }

    pub fn warning(self, text: impl Display) {
        self.line(Label::Warning, text);
    }

    pub fn note(self, text: impl Display) {
        if !self.quiet {
            self.line(Label::Note, text);
        }
    }

    pub fn help(self, text: impl Display) {
        if !self.quiet {
            self.line(Label::Help, text);
        }
    }

    /// One line like cargo's `   Compiling x v1`, for instance `   Sandboxed @a/b (strict)`.
    pub fn status(self, verb: &str, text: impl Display) {
        if self.quiet {
            return;
        }
        let (on, off) = self.style("\x1b[1m\x1b[92m");
        write_line(format_args!("{on}{verb:>12}{off} {}", plain(text)));
    }

    /// A line for the program that reads our output, such as GitHub's runner.
    pub fn command(self, text: impl Display) {
        write_line(plain(text));
    }

    fn line(self, label: Label, text: impl Display) {
        let (name, style) = match label {
            Label::Error => ("error", "\x1b[1m\x1b[91m"),
            Label::Warning => ("warning", "\x1b[1m\x1b[93m"),
            Label::Note => ("note", "\x1b[1m\x1b[92m"),
            Label::Help => ("help", "\x1b[1m\x1b[96m"),
        };
        let (on, off) = self.style(style);
        write_line(format_args!("{on}{name}{off}: {}", plain(text)));
    }

    fn style(self, on: &'static str) -> (&'static str, &'static str) {
        if self.colour {
            (on, "\x1b[0m")
        } else {
            ("", "")
        }
    }
}

/// Text that a command of our own (`sandbox explain` and the like) was asked for.
///
/// Returns false if nobody reads it any more, which ends the command quietly.
pub fn output(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .is_ok()
}

/// A finished text for standard error, such as the usage that clap writes.
pub fn raw(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The text without power over the terminal: a dependency chooses the names of its folders. A line
/// break in one must not begin a line that looks like one of ours.
fn plain(text: impl Display) -> String {
    let mut plain = String::new();
    for letter in text.to_string().chars() {
        match letter {
            '\n' => plain.push_str("\n  "),
            '\t' => plain.push(letter),
            _ if has_power(letter) => plain.extend(letter.escape_default()),
            _ => plain.push(letter),
        }
    }
    plain
}

/// Does it steer a terminal, or turn the order of what stands around it (Unicode Standard Annex 9)?
pub fn has_power(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    letter.is_control() || turns
}

fn write_line(line: impl Display) {
    // One write a line, so that lines of parallel builds do not mix; and there is nobody left to
    // tell when standard error itself is closed.
    let _ = std::io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_power_over_the_terminal() {
        assert_eq!(
            plain("a\u{1b}[2J\r\tb\u{9b}\nerror: c \u{e9}"),
            "a\\u{1b}[2J\\r\tb\\u{9b}\n  error: c \u{e9}"
        );
        assert_eq!(plain("\u{202e}a\u{2067}"), "\\u{202e}a\\u{2067}");
    }
}
