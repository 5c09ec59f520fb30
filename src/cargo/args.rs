//! cargo's command line, read the way cargo reads it, so that we know what it is about to do.
//!
//! Reading never fails and changes nothing: cargo gets the arguments exactly as they were typed
//! and reports its own errors. What is not understood is remembered in
//! [`CargoLine::unrecognised`], so that nobody takes half an understanding for a whole one.
//!
//! An alias is not expanded here; [`super::command::classify`] does that and returns the line that
//! is in force.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::options::{self, Opt, Takes};

/// What a command line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct CargoLine {
    /// `+x`, without the plus sign; rustup accepts it as the first argument only.
    pub toolchain: Option<OsString>,
    /// The options before the subcommand.
    pub front: Front,
    pub subcommand: Option<OsString>,
    /// Where the subcommand stands in the arguments.
    pub subcommand_index: Option<usize>,

    /// `-C`, which cargo accepts before the subcommand only, and on nightly only.
    pub directory: Option<PathBuf>,
    /// The values of `--config`, in the order in which cargo applies them.
    pub config: Vec<OsString>,
    /// The values of `-Z`.
    pub unstable: Vec<OsString>,
    pub color: Option<OsString>,
    pub verbose: usize,
    pub quiet: bool,
    pub offline: bool,
    pub locked: bool,
    pub frozen: bool,

    pub manifest_path: Option<PathBuf>,
    pub lockfile_path: Option<PathBuf>,
    pub target_dir: Option<PathBuf>,
    /// `--artifact-dir`, or `--out-dir` as older cargos called it.
    pub artifact_dir: Option<PathBuf>,
    /// `--path` of `install` and `add`.
    pub path: Option<PathBuf>,
    /// `--root` of `install` and `uninstall`.
    pub root: Option<PathBuf>,
    /// The values of `--target`; one without a value is not in it, and cargo refuses it.
    pub targets: Vec<OsString>,
    pub packages: Vec<OsString>,
    /// The values of `--message-format`, not yet split at commas.
    pub message_format: Vec<OsString>,

    pub help: bool,
    /// `--version` after the subcommand, where it takes no value: `tree` and `clippy`.
    pub version: bool,
    /// `--list` after the subcommand: `install`, `package`, `owner`.
    pub list: bool,
    pub no_run: bool,
    pub no_verify: bool,
    pub dry_run: bool,
    /// `--fix` of `clippy`.
    pub fix: bool,
    /// `--open` of `doc` and `rustdoc`: starts a browser.
    pub open: bool,

    /// Where cargo's own `--` stands in the arguments.
    pub dashes: Option<usize>,
    /// What cargo passes on unread: all after `--`, or for `run`, `rustc` and `rustdoc` all from
    /// the first positional argument on.
    pub after_dashes: Vec<OsString>,

    /// Options that cargo 1.95 does not have. A later cargo may, and what follows them may be
    /// their value.
    pub unrecognised: Vec<OsString>,
    /// Arguments with an attached value (`--config=x`) that is not UTF-8. Of these cargo accepts
    /// none but `-C`; the value here is not the one that was typed.
    pub undecodable: Vec<OsString>,
}

/// Options before the subcommand that take the subcommand's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Front {
    pub help: bool,
    pub version: bool,
    pub list: bool,
    pub explain: bool,
    /// An option that cargo 1.95 does not have: the subcommand may be its value.
    pub unrecognised: bool,
}

impl CargoLine {
    /// Reads what follows the program's name.
    pub fn parse(arguments: &[OsString]) -> Self {
        let Some(first) = arguments
            .first()
            .filter(|first| first.as_encoded_bytes().starts_with(b"+"))
        else {
            return Self::parse_from(arguments, 0);
        };
        let mut line = Self::parse_from(arguments, 1);
        let (toolchain, exact) = attached(first, 1);
        line.toolchain = Some(toolchain);
        if !exact {
            line.undecodable.insert(0, first.clone());
        }
        line
    }

    /// Reads the words of an alias, where a toolchain is not accepted.
    pub(super) fn parse_words(words: &[OsString]) -> Self {
        Self::parse_from(words, 0)
    }

    fn parse_from(arguments: &[OsString], start: usize) -> Self {
        let mut front = Reader::new(arguments, start, None);
        front.read();
        let mut line = front.line;
        line.front.help = std::mem::take(&mut line.help);
        line.front.version = std::mem::take(&mut line.version);
        line.front.list = std::mem::take(&mut line.list);
        line.front.unrecognised = !line.unrecognised.is_empty();
        // `cargo -- nextest` is `cargo nextest`; with a built-in command cargo refuses it.
        line.dashes = None;
        line.after_dashes.clear();
        let Some((index, name)) = arguments.get(front.next).map(|name| (front.next, name)) else {
            return line;
        };
        line.subcommand = Some(name.clone());
        line.subcommand_index = Some(index);

        let mut back = Reader::new(arguments, index + 1, Some(name.to_str().unwrap_or("")));
        back.read();
        line.merge(back.line);
        line
    }

    /// Adds what stands after the subcommand. An option that cargo accepts on both sides is
    /// replaced, not added to: `cargo --config a build --config b` ignores `a`.
    fn merge(&mut self, back: Self) {
        let front = std::mem::replace(self, back);
        if self.config.is_empty() {
            self.config = front.config;
        }
        if self.unstable.is_empty() {
            self.unstable = front.unstable;
        }
        if self.verbose == 0 {
            self.verbose = front.verbose;
        }
        self.color = self.color.take().or(front.color);
        self.quiet |= front.quiet;
        self.offline |= front.offline;
        self.locked |= front.locked;
        self.frozen |= front.frozen;
        self.directory = front.directory;
        self.front = front.front;
        self.subcommand = front.subcommand;
        self.subcommand_index = front.subcommand_index;
        self.unrecognised.splice(0..0, front.unrecognised);
        self.undecodable.splice(0..0, front.undecodable);
    }

    /// Adds what stood before an alias that this line is the expansion of. Here cargo does add up:
    /// `cargo --config a b --config b` applies both. Of a `-C` or a toolchain within an alias it
    /// takes no notice.
    pub(super) fn inherit(&mut self, typed: Self) {
        self.toolchain = typed.toolchain;
        self.subcommand_index = typed.subcommand_index;
        self.directory = typed.directory;
        self.dashes = None;
        self.config.splice(0..0, typed.config);
        self.unstable.splice(0..0, typed.unstable);
        self.verbose += typed.verbose;
        self.color = self.color.take().or(typed.color);
        self.quiet |= typed.quiet;
        self.offline |= typed.offline;
        self.locked |= typed.locked;
        self.frozen |= typed.frozen;
        self.front.unrecognised |= typed.front.unrecognised;
        self.unrecognised.splice(0..0, typed.unrecognised);
        self.undecodable.splice(0..0, typed.undecodable);
    }

    /// Does cargo write JSON to standard output?
    pub fn writes_json(&self) -> bool {
        self.message_format.iter().any(|value| {
            value
                .to_string_lossy()
                .to_ascii_lowercase()
                .split(',')
                .any(|format| format.starts_with("json"))
        })
    }

    fn set(&mut self, option: Opt, value: Option<OsString>) {
        match (option.long, option.short) {
            ("", 'C') => self.directory = value.map(PathBuf::from),
            ("", 'Z') => self.unstable.extend(value),
            ("config", _) => self.config.extend(value),
            ("color", _) => self.color = value,
            ("verbose", _) => self.verbose += 1,
            ("quiet", _) => self.quiet = true,
            ("offline", _) => self.offline = true,
            ("locked", _) => self.locked = true,
            ("frozen", _) => self.frozen = true,
            ("help", _) => self.help = true,
            ("version", _) if option.takes == Takes::Nothing => self.version = true,
            ("list", _) => self.list = true,
            ("explain", _) => self.front.explain = true,
            ("manifest-path", _) => self.manifest_path = value.map(PathBuf::from),
            ("lockfile-path", _) => self.lockfile_path = value.map(PathBuf::from),
            ("target-dir", _) => self.target_dir = value.map(PathBuf::from),
            ("artifact-dir" | "out-dir", _) => self.artifact_dir = value.map(PathBuf::from),
            ("path", _) => self.path = value.map(PathBuf::from),
            ("root", _) => self.root = value.map(PathBuf::from),
            ("target", _) => self.targets.extend(value),
            ("package", _) => self.packages.extend(value),
            ("message-format", _) => self.message_format.extend(value),
            ("no-run", _) => self.no_run = true,
            ("no-verify", _) => self.no_verify = true,
            ("dry-run", _) => self.dry_run = true,
            ("fix", _) => self.fix = true,
            ("open", _) => self.open = true,
            _ => {}
        }
    }
}

/// One pass over the arguments: before the subcommand, or after it.
struct Reader<'a> {
    arguments: &'a [OsString],
    next: usize,
    command: Option<&'a str>,
    line: CargoLine,
}

impl<'a> Reader<'a> {
    fn new(arguments: &'a [OsString], next: usize, command: Option<&'a str>) -> Self {
        Self {
            arguments,
            next,
            command,
            line: CargoLine::default(),
        }
    }

    /// Reads until the end, until `--`, or until the first positional argument where that ends
    /// the options.
    fn read(&mut self) {
        while let Some(argument) = self.arguments.get(self.next) {
            if argument == "--" {
                self.line.dashes = Some(self.next);
                self.next += 1;
                return self.rest();
            } else if is_long(argument) {
                self.next += 1;
                self.long(argument);
            } else if is_option(argument) {
                self.next += 1;
                self.shorts(argument);
            } else if self.command.is_none_or(options::ends_at_positional) {
                return self.rest();
            } else {
                self.next += 1;
            }
        }
    }

    fn rest(&mut self) {
        self.line.after_dashes = self.arguments[self.next..].to_vec();
    }

    fn long(&mut self, argument: &OsStr) {
        let bytes = argument.as_encoded_bytes();
        let equals = bytes.iter().position(|byte| *byte == b'=');
        let end = equals.unwrap_or(bytes.len());
        let option = std::str::from_utf8(&bytes[2..end])
            .ok()
            .and_then(|name| options::by_long(self.command, name));
        let Some(option) = option else {
            self.line.unrecognised.push(argument.to_owned());
            return;
        };
        let value = match equals {
            Some(equals) => Some(self.attached(argument, equals + 1)),
            None => self.following(option.takes),
        };
        self.line.set(option, value);
    }

    /// `-v`, `-vq`, `-j2`, `-j=2`, `-qj 2`.
    fn shorts(&mut self, argument: &OsStr) {
        let letters = argument.as_encoded_bytes();
        for (index, letter) in letters.iter().enumerate().skip(1) {
            let Some(option) = options::by_short(self.command, char::from(*letter)) else {
                self.line.unrecognised.push(argument.to_owned());
                return;
            };
            if option.takes == Takes::Nothing {
                self.line.set(option, None);
                continue;
            }
            let value = match letters.get(index + 1) {
                None => self.following(option.takes),
                Some(b'=') => Some(self.attached(argument, index + 2)),
                Some(_) => Some(self.attached(argument, index + 1)),
            };
            self.line.set(option, value);
            return;
        }
    }

    fn following(&mut self, takes: Takes) -> Option<OsString> {
        let next = self.arguments.get(self.next)?;
        let consumed = match takes {
            Takes::Nothing => false,
            Takes::Value | Takes::MaybeValue => !is_option(next),
            Takes::AnyValue => true,
        };
        if !consumed {
            return None;
        }
        self.next += 1;
        Some(next.clone())
    }

    fn attached(&mut self, argument: &OsStr, from: usize) -> OsString {
        let (value, exact) = attached(argument, from);
        if !exact {
            self.line.undecodable.push(argument.to_owned());
        }
        value
    }
}

/// The rest of an argument from a byte that follows an ASCII one, and whether it is exact.
fn attached(argument: &OsStr, from: usize) -> (OsString, bool) {
    match argument.to_str() {
        Some(text) => (OsString::from(&text[from..]), true),
        // The standard library has no safe way to cut a text that is not UTF-8.
        None => (
            String::from_utf8_lossy(&argument.as_encoded_bytes()[from..])
                .into_owned()
                .into(),
            false,
        ),
    }
}

/// Is it more than a lone dash, which stands for a file?
fn is_option(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    bytes.len() > 1 && bytes[0] == b'-'
}

fn is_long(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"--")
}

#[cfg(test)]
mod tests;
