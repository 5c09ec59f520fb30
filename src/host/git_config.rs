//! Takes credentials out of a git configuration file and leaves every other byte as it is.
//!
//! `git describe` and its like need the file, so hiding it breaks builds, and CI checkouts and
//! cloned URLs leave tokens in it. The syntax is that of git-config(1). What we cannot make sense
//! of is kept only if its text shows no credential, since git may read it in another way.

use super::git_syntax::{Piece, find, parse, position};

/// What a configuration file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The file without credentials; `None` if it has none.
    pub(super) sanitised: Option<Vec<u8>>,
    /// The paths of `include.path` and `includeIf.*.path`, as written.
    pub(super) includes: Vec<Vec<u8>>,
    /// Paths of files that are secrets themselves, as written: cookies, stored credentials, keys.
    pub(super) secrets: Vec<Vec<u8>>,
    /// `core.worktree`, as written.
    pub(super) worktree: Option<Vec<u8>>,
}

enum Verdict {
    Drop,
    Keep,
    Rewrite(Vec<u8>),
}

pub(super) fn inspect(text: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let mut clean = Vec::with_capacity(text.len());
    let mut section = Vec::new();
    let mut dropping = false;
    for piece in parse(text) {
        match piece {
            Piece::Other(raw) => {
                if matches!(without_credentials(raw), Text::Clean) {
                    clean.extend_from_slice(raw);
                }
            }
            Piece::Section {
                raw,
                name,
                subsection,
            } => {
                section = name;
                dropping = false;
                match header(raw, &section, subsection.as_deref()) {
                    Verdict::Keep => clean.extend_from_slice(raw),
                    Verdict::Rewrite(header) => clean.extend_from_slice(&header),
                    Verdict::Drop => dropping = true,
                }
            }
            Piece::Variable { raw, name, value } => {
                let name = name.to_ascii_lowercase();
                contents.note(&section, &name, &value);
                if dropping {
                    continue;
                }
                match judge(raw, &name, &value) {
                    Verdict::Keep => clean.extend_from_slice(raw),
                    Verdict::Rewrite(value) => clean.extend(variable(&name, &value)),
                    Verdict::Drop => {}
                }
            }
        }
    }
    contents.sanitised = (clean != text).then_some(clean);
    contents
}

impl Contents {
    fn note(&mut self, section: &[u8], name: &[u8], value: &[u8]) {
        match (section, name) {
            (b"include" | b"includeif", b"path") => self.includes.push(value.to_owned()),
            (b"core", b"worktree") => self.worktree = Some(value.to_owned()),
            (_, b"cookiefile" | b"sslkey") => self.secrets.push(value.to_owned()),
            (_, b"helper") => self.secrets.extend(stored_file(value)),
            _ => {}
        }
        self.secrets.retain(|path| !path.is_empty());
    }
}

/// The file that `store --file=PATH` names.
fn stored_file(helper: &[u8]) -> Option<Vec<u8>> {
    let at = find(helper, b"--file")?;
    let rest = helper[at + b"--file".len()..].trim_ascii_start();
    let rest = rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii_start();
    let (quote, rest) = match rest.first() {
        Some(quote @ (b'"' | b'\'')) => (Some(*quote), &rest[1..]),
        _ => (None, rest),
    };
    let end = rest.iter().position(|byte| match quote {
        Some(quote) => *byte == quote,
        None => byte.is_ascii_whitespace(),
    });
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

fn header(raw: &[u8], section: &[u8], subsection: Option<&[u8]>) -> Verdict {
    match without_credentials(subsection.unwrap_or_default()) {
        Text::Clean if matches!(without_credentials(raw), Text::Clean) => Verdict::Keep,
        Text::Stripped(subsection) => {
            let mut header = Vec::from(b"[");
            header.extend_from_slice(section);
            header.extend_from_slice(b" \"");
            for byte in subsection {
                if matches!(byte, b'"' | b'\\') {
                    header.push(b'\\');
                }
                header.push(byte);
            }
            header.extend_from_slice(b"\"]");
            Verdict::Rewrite(header)
        }
        Text::Clean | Text::Secret => Verdict::Drop,
    }
}

fn judge(raw: &[u8], name: &[u8], value: &[u8]) -> Verdict {
    let harmless: [&[u8]; 7] = [b"", b"true", b"false", b"yes", b"no", b"on", b"off"];
    if harmless.iter().any(|word| value.eq_ignore_ascii_case(word))
        && matches!(without_credentials(raw), Text::Clean)
    {
        return Verdict::Keep;
    }
    if holds_secret(name, value) {
        return Verdict::Drop;
    }
    match without_credentials(value) {
        Text::Secret => Verdict::Drop,
        Text::Stripped(value) => Verdict::Rewrite(value),
        // The credential is in a comment, or shows only before the quotes are taken away.
        Text::Clean if !matches!(without_credentials(raw), Text::Clean) => {
            Verdict::Rewrite(value.to_owned())
        }
        Text::Clean => Verdict::Keep,
    }
}

/// Does a variable of this name hold a secret? Its section does not matter: a header that git reads
/// in another way than we do must not save a token.
fn holds_secret(name: &[u8], value: &[u8]) -> bool {
    const NAMES: [&[u8]; 10] = [
        b"accesskey",
        b"apikey",
        b"extraheader",
        b"oauth",
        b"passphrase",
        b"passwd",
        b"password",
        b"privatekey",
        b"secret",
        b"token",
    ];
    match name {
        // A program, and a switch.
        b"askpass" | b"sslcertpasswordprotected" => false,
        b"cookiefile" => true,
        b"helper" => {
            const TELLING: [&[u8]; 6] = [
                b"echo",
                b"password",
                b"printf",
                b"secret",
                b"token",
                b"username",
            ];
            let value = value.to_ascii_lowercase();
            stored_file(&value).is_some()
                || (value.starts_with(b"!") && TELLING.iter().any(|word| contains(&value, word)))
        }
        _ => name.ends_with(b"pass") || NAMES.iter().any(|word| contains(name, word)),
    }
}

fn variable(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut line = name.to_owned();
    line.extend_from_slice(b" = \"");
    for byte in value {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\t' => line.extend_from_slice(b"\\t"),
            8 => line.extend_from_slice(b"\\b"),
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', *byte]),
            _ => line.push(*byte),
        }
    }
    line.push(b'"');
    line
}

enum Text {
    Clean,
    /// Without the user's name and password in its URLs.
    Stripped(Vec<u8>),
    /// There is a credential in it that cannot be cut out.
    Secret,
}

/// Looks for credentials in any text: values, section names, comments.
fn without_credentials(text: &[u8]) -> Text {
    let mut stripped = Vec::new();
    let mut rest = text;
    while let Some(at) = find(rest, b"://") {
        let (before, after) = rest.split_at(at + 3);
        stripped.extend_from_slice(before);
        rest = after;
        let word = &after[..position(after, |byte| byte.is_ascii_whitespace())];
        let authority = &word[..position(word, |byte| b"/?#\\\"'<>`".contains(&byte))];
        let tail = &word[authority.len()..];
        if let Some(end) = authority.iter().rposition(|byte| *byte == b'@') {
            let user = public_user(before, &authority[..end]);
            stripped.extend_from_slice(user);
            rest = &after[if user.is_empty() { end + 1 } else { end }..];
        } else if tail.contains(&b'@') && !is_host(authority) {
            // A password with a slash that should have been escaped: `https://me:a/b@host/`.
            return Text::Secret;
        }
        if has_telling_query(tail) {
            return Text::Secret;
        }
    }
    stripped.extend_from_slice(rest);
    if shows_token(&stripped) {
        Text::Secret
    } else if stripped == text {
        Text::Clean
    } else {
        Text::Stripped(stripped)
    }
}

/// What of `user`, which stands before the `@` of a URL, is no secret.
fn public_user<'a>(before: &[u8], user: &'a [u8]) -> &'a [u8] {
    const LONGEST_NAME: usize = 20;
    const TELLING: [&[u8]; 5] = [b"auth", b"key", b"pass", b"secret", b"token"];
    let end = position(user, |byte| byte == b':');
    let scheme = &before[..before.len() - 3];
    // The key is the secret, and without the name the URL leads elsewhere.
    if scheme.to_ascii_lowercase().ends_with(b"ssh") {
        return &user[..end];
    }
    // Hosts take a token in place of the name. Names are short words; hiding the file for each
    // `https://me@host` would break builds where it cannot be shown without.
    let name = user.to_ascii_lowercase();
    let public = end == user.len()
        && name.len() <= LONGEST_NAME
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"-.".contains(byte))
        && !TELLING.iter().any(|word| contains(&name, word));
    if public { user } else { b"" }
}

/// Is this text before a slash surely a host, with or without a port?
fn is_host(authority: &[u8]) -> bool {
    let colon = position(authority, |byte| byte == b':');
    let (host, port) = authority.split_at(colon);
    match port.strip_prefix(b":") {
        None => true,
        Some(port) => {
            authority.starts_with(b"[")
                || (port.iter().all(u8::is_ascii_digit)
                    && (host.contains(&b'.') || host == b"localhost"))
        }
    }
}

fn has_telling_query(tail: &[u8]) -> bool {
    const TELLING: [&[u8]; 6] = [b"auth", b"key", b"passw", b"secret", b"sig", b"token"];
    let query = &tail[position(tail, |byte| byte == b'?')..];
    query.split(|byte| b"?&;#".contains(byte)).any(|parameter| {
        let name = parameter[..position(parameter, |byte| byte == b'=')].to_ascii_lowercase();
        name.len() < parameter.len() && TELLING.iter().any(|word| contains(&name, word))
    })
}

/// A credential said to be one, or a token in a form that the large hosts give out.
fn shows_token(text: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 7] = [
        b"github_pat_",
        b"ghp_",
        b"gho_",
        b"ghr_",
        b"ghs_",
        b"ghu_",
        b"glpat-",
    ];
    const SHORTEST: usize = 8;
    // As in headers, and in what a helper's script prints.
    const ANNOUNCED: [&[u8]; 6] = [
        b"authorization:",
        b"passwd=",
        b"password=",
        b"private-token:",
        b"secret=",
        b"token=",
    ];
    let lower = text.to_ascii_lowercase();
    ANNOUNCED.iter().any(|word| contains(&lower, word))
        || PREFIXES.iter().any(|prefix| {
            let mut rest = text;
            while let Some(at) = find(rest, prefix) {
                rest = &rest[at + prefix.len()..];
                let token = position(rest, |byte| {
                    !byte.is_ascii_alphanumeric() && !b"_-".contains(&byte)
                });
                if token >= SHORTEST {
                    return true;
                }
            }
            false
        })
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    find(text, wanted).is_some()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
