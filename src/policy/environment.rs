//! Decides which variables a build does not get: those that hold a secret or lead to one.
//!
//! A build needs far more variables than anybody could list (every `*-sys` crate has its own), so
//! this is a list of what goes, not of what stays. It errs on the side of removing: a variable
//! that a build misses makes it fail visibly and can be kept by name, one that leaks does not.
//!
//! Names are judged first, without regard to case, then values. The tables of
//! `environment/table.rs` are the whole rule; each row says why.

use std::ffi::{OsStr, OsString};

use super::Removed;

mod table;

use table::Name::{Exact, Prefix};
use table::{HARMLESS, NAMES, PASSWORD_KEYS, PATHS_AND_FLAGS, TEXTS, TOKENS};

/// The variables that a build does not get, in their order, each with the reason.
///
/// `keep` names those that the host wants to pass on all the same, by their exact names.
pub fn removed(environment: &[(OsString, OsString)], keep: &[OsString]) -> Vec<Removed> {
    let git = git_settings_with_secret(environment);
    environment
        .iter()
        .filter(|(name, _)| !keep.contains(name))
        .filter_map(|(name, value)| {
            let upper = name.as_encoded_bytes().to_ascii_uppercase();
            let why = if is_git_setting(&upper) {
                git?
            } else {
                by_name(&upper).or_else(|| by_value(&upper, value))?
            };
            Some(Removed {
                name: name.clone(),
                why: why.to_owned(),
            })
        })
        .collect()
}

fn by_name(upper: &[u8]) -> Option<&'static str> {
    if HARMLESS.iter().any(|name| name.matches(upper)) {
        return None;
    }
    let (_, why) = NAMES.iter().find(|(name, _)| name.matches(upper))?;
    Some(why)
}

fn by_value(upper: &[u8], value: &OsStr) -> Option<&'static str> {
    if PATHS_AND_FLAGS.iter().any(|name| name.matches(upper)) {
        return None;
    }
    secret_in(value.as_encoded_bytes())
}

/// Settings that git takes from the environment: a counter, keys and values by number.
///
/// Git refuses to work if one of them is missing, and builds call `git describe`, so they go all
/// or none.
fn is_git_setting(upper: &[u8]) -> bool {
    [
        Exact("GIT_CONFIG_COUNT"),
        Exact("GIT_CONFIG_PARAMETERS"),
        Prefix("GIT_CONFIG_KEY_"),
        Prefix("GIT_CONFIG_VALUE_"),
    ]
    .iter()
    .any(|name| name.matches(upper))
}

fn git_settings_with_secret(environment: &[(OsString, OsString)]) -> Option<&'static str> {
    environment
        .iter()
        .filter(|(name, _)| is_git_setting(&name.as_encoded_bytes().to_ascii_uppercase()))
        .find_map(|(_, value)| {
            let lower = value.as_encoded_bytes().to_ascii_lowercase();
            let header = contains(&lower, b"extraheader") || contains(&lower, b"credential.");
            header
                .then_some("git's settings hold credentials")
                .or_else(|| secret_in(&lower).or_else(|| secret_in(value.as_encoded_bytes())))
        })
}

fn secret_in(value: &[u8]) -> Option<&'static str> {
    // The shortest token is longer.
    if value.len() < 8 {
        return None;
    }
    if has_token(value) {
        return Some("holds a token");
    }
    if has_url_with_password(value) {
        return Some("holds a URL with a password");
    }
    if contains(value, b"-----BEGIN ") && contains(value, b"PRIVATE KEY") {
        return Some("holds a private key");
    }
    let lower = value.to_ascii_lowercase();
    if has_password_key(&lower) {
        return Some("holds a connection string with a password");
    }
    if contains(&lower, b"machine ") && contains(&lower, b" password ") {
        return Some("holds a netrc entry");
    }
    if lower.starts_with(b"bearer ") || lower.starts_with(b"basic ") {
        return Some("holds an authorization header");
    }
    let (_, why) = TEXTS
        .iter()
        .find(|(text, _)| contains(&lower, text.as_bytes()))?;
    Some(why)
}

fn has_token(value: &[u8]) -> bool {
    (0..value.len())
        .filter(|&at| at == 0 || !value[at - 1].is_ascii_alphanumeric())
        .any(|at| {
            let rest = &value[at..];
            is_jwt(rest)
                || TOKENS.iter().any(|(prefix, length)| {
                    rest.strip_prefix(prefix.as_bytes())
                        .is_some_and(|rest| is_token(token_part(rest), *length))
                })
        })
}

/// Random text has digits as well as letters; a path or an option that begins like a token seldom.
fn is_token(text: &[u8], length: usize) -> bool {
    text.len() >= length
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().any(u8::is_ascii_alphabetic)
}

fn token_part(text: &[u8]) -> &[u8] {
    // Longer ones exist, but this much tells; and a long value must not be read to its end from
    // each of its bytes.
    let text = &text[..text.len().min(4096)];
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte))
        .unwrap_or(text.len());
    &text[..end]
}

/// Three parts of base64, the first two of which are JSON objects.
fn is_jwt(text: &[u8]) -> bool {
    let mut parts = token_part(text).split(|byte| *byte == b'.');
    let mut object = || {
        parts
            .next()
            .is_some_and(|part| part.starts_with(b"eyJ") && part.len() >= 10)
    };
    object() && object() && parts.next().is_some()
}

/// `scheme://user:password@host`, or `https://token@host`.
fn has_url_with_password(value: &[u8]) -> bool {
    const MARK: &[u8] = b"://";
    value
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK)
        .any(|(at, _)| {
            let rest = &value[at + MARK.len()..];
            let end = rest
                .iter()
                .position(|byte| b"/?# \t\n\"'".contains(byte))
                .unwrap_or(rest.len());
            let Some(host) = rest[..end].iter().rposition(|byte| *byte == b'@') else {
                return false;
            };
            let user = &rest[..host];
            match user.iter().position(|byte| *byte == b':') {
                Some(colon) => colon + 1 < user.len(),
                // A name, unless it is as long as a token.
                None => user.len() >= 16,
            }
        })
}

fn has_password_key(lower: &[u8]) -> bool {
    PASSWORD_KEYS.iter().any(|key| {
        lower
            .windows(key.len())
            .enumerate()
            .filter(|(_, window)| *window == key.as_bytes())
            .any(|(at, _)| {
                let separated = at == 0
                    || lower[at - 1].is_ascii_whitespace()
                    || b";?&:".contains(&lower[at - 1]);
                let filled = lower
                    .get(at + key.len())
                    .is_some_and(|next| !b";&".contains(next) && !next.is_ascii_whitespace());
                separated && filled
            })
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests;
