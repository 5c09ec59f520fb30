//! Splits a git configuration file into pieces that, put together, are the file again.
//!
//! As tolerant as can be: git refuses a file with an error in it, but the build reads it all the
//! same.

/// A part of the file.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// White space, or what is no syntax at all.
    Other(&'a [u8]),
    Section {
        raw: &'a [u8],
        name: Vec<u8>,
        subsection: Option<Vec<u8>>,
    },
    Variable {
        raw: &'a [u8],
        name: &'a [u8],
        value: Vec<u8>,
    },
}

pub(super) fn parse(text: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    // git skips a byte order mark as well.
    if text.starts_with(b"\xef\xbb\xbf") {
        at = 3;
        pieces.push(Piece::Other(&text[..at]));
    }
    while let Some(first) = text.get(at) {
        let rest = &text[at..];
        let (length, piece) = match first {
            byte if byte.is_ascii_whitespace() => {
                let length = position(rest, |byte| !byte.is_ascii_whitespace());
                (length, Piece::Other(&rest[..length]))
            }
            b'[' => section(rest).unwrap_or_else(|| line(rest)),
            byte if byte.is_ascii_alphanumeric() || *byte == b'-' => assignment(rest),
            _ => line(rest),
        };
        pieces.push(piece);
        at += length;
    }
    pieces
}

/// The rest of the line: a comment, or no syntax at all.
fn line(rest: &[u8]) -> (usize, Piece<'_>) {
    // At least one byte, so that the parser moves on.
    let length = position(rest, |byte| byte == b'\n').max(1);
    (length, Piece::Other(&rest[..length]))
}

fn section(rest: &[u8]) -> Option<(usize, Piece<'_>)> {
    let name_end = 1 + position(&rest[1..], |byte| b" \t\n]\"".contains(&byte));
    let mut name = rest[1..name_end].to_ascii_lowercase();
    let mut subsection = None;
    let mut at = name_end + position(&rest[name_end..], |byte| !b" \t".contains(&byte));
    if rest.get(at) == Some(&b'"') {
        at += 1;
        let mut text = Vec::new();
        loop {
            match rest.get(at)? {
                b'\n' => return None,
                b'"' => break,
                b'\\' => {
                    at += 1;
                    text.push(*rest.get(at)?);
                }
                byte => text.push(*byte),
            }
            at += 1;
        }
        at += 1;
        subsection = Some(text);
    } else if let Some(dot) = name.iter().position(|byte| *byte == b'.') {
        // The old form, `[section.subsection]`.
        subsection = Some(name.split_off(dot + 1));
        name.pop();
    }
    if rest.get(at) != Some(&b']') {
        return None;
    }
    let raw = &rest[..=at];
    Some((
        raw.len(),
        Piece::Section {
            raw,
            name,
            subsection,
        },
    ))
}

fn assignment(rest: &[u8]) -> (usize, Piece<'_>) {
    let name_end = position(rest, |byte| !byte.is_ascii_alphanumeric() && byte != b'-');
    let name = &rest[..name_end];
    let mut at = name_end + position(&rest[name_end..], |byte| !b" \t".contains(&byte));
    let value = if rest.get(at) == Some(&b'=') {
        at += 1;
        let (length, value) = self::value(&rest[at..]);
        at += length;
        value
    } else {
        // An error to git, if more follows; to us, whatever it is, it has this name.
        let length = position(&rest[at..], |byte| byte == b'\n');
        at += length;
        rest[at - length..at].trim_ascii().to_owned()
    };
    let raw = &rest[..at];
    (at, Piece::Variable { raw, name, value })
}

/// A value up to the end of its line or lines: its length, and what git takes it for.
fn value(rest: &[u8]) -> (usize, Vec<u8>) {
    let mut value = Vec::new();
    let mut quoted = false;
    let mut comment = false;
    // White space outside of quotes counts only if more follows.
    let mut trimmed = 0;
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        at += 1;
        match byte {
            b'\n' => {
                at -= 1;
                break;
            }
            _ if comment => {}
            b'#' | b';' if !quoted => comment = true,
            b'"' => {
                quoted = !quoted;
                trimmed = value.len();
            }
            b'\\' => {
                let escaped = match rest.get(at) {
                    Some(b'\r') if rest.get(at + 1) == Some(&b'\n') => {
                        at += 2;
                        continue;
                    }
                    Some(b'\n') | None => {
                        at = rest.len().min(at + 1);
                        continue;
                    }
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'b') => 8,
                    Some(other) => *other,
                };
                at += 1;
                value.push(escaped);
                trimmed = value.len();
            }
            byte if byte.is_ascii_whitespace() && !quoted => {
                if !value.is_empty() {
                    value.push(*byte);
                }
            }
            byte => {
                value.push(*byte);
                trimmed = value.len();
            }
        }
    }
    value.truncate(trimmed);
    (at, value)
}

/// How many bytes come before the first that ends it.
pub(super) fn position(text: &[u8], end: impl Fn(u8) -> bool) -> usize {
    text.iter()
        .position(|byte| end(*byte))
        .unwrap_or(text.len())
}

pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}
