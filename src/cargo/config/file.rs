//! Where configuration files lie, and how one is read.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use crate::error::Failure;

use super::value::{Entry, Origin, Value};

/// More is no configuration, but an attempt to keep us busy.
const LIMIT: u64 = 1 << 20;

/// Cargo has no limit; nobody nests as deep by hand.
const DEPTH: usize = 32;

/// The files that cargo would read by itself, the near ones first.
pub(super) fn discover(directory: &Path, cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let canonical = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let home = canonical(cargo_home);
    let mut home_seen = false;
    for folder in directory.ancestors() {
        let folder = folder.join(".cargo");
        files.extend(pick(&folder)?);
        home_seen |= folder == cargo_home || canonical(&folder) == home;
    }
    if !home_seen {
        files.extend(pick(cargo_home)?);
    }
    Ok(files)
}

/// `config`, or `config.toml` if there is none; cargo warns of the first, so we need not.
fn pick(folder: &Path) -> Result<Option<PathBuf>> {
    let old = folder.join("config");
    match fs::metadata(&old) {
        Ok(metadata) if !metadata.is_file() => return Err(not_regular(&old)),
        // One that cannot be opened counts for nothing.
        Ok(_) if File::open(&old).is_ok() => return Ok(Some(old)),
        _ => {}
    }
    let new = folder.join("config.toml");
    Ok(fs::metadata(&new).is_ok().then_some(new))
}

/// Reads files and remembers which.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) origins: Vec<Origin>,
}

impl Reader {
    /// Reads a file that [`discover`] found, and what it includes.
    pub(super) fn read(&mut self, path: &Path) -> Result<Entry> {
        let found: Arc<Path> = path.into();
        let origin = |path: Arc<Path>| Origin::File {
            path,
            found: found.clone(),
        };
        self.read_file(path, &origin, &mut HashSet::new(), 0)
    }

    /// Reads the values of `--config`: the name of a file that exists, or `KEY=VALUE`.
    pub(super) fn read_options(&mut self, options: &[OsString], directory: &Path) -> Result<Entry> {
        let mut all = Entry::empty(Origin::Option);
        let mut seen = HashSet::new();
        for option in options {
            let Some(text) = option.to_str() else {
                return Err(Failure::new(format!(
                    "the value of `--config` is not valid UTF-8: `{}`",
                    option.display()
                ))
                .help("cargo accepts nothing else; rename the file")
                .into());
            };
            let path = directory.join(text);
            let entry = if !text.is_empty() && path.exists() {
                self.read_file(&path, &Origin::OptionFile, &mut seen, 0)?
            } else {
                let table = text
                    .parse::<toml::Table>()
                    .map_err(|error| malformed_option(text, &error))?;
                let entry = Entry::new(table, &Origin::Option)?;
                self.include(entry, directory, &Origin::OptionFile, &mut seen, 0)?
            };
            all.merge(entry, true)?;
        }
        Ok(all)
    }

    fn read_file(
        &mut self,
        path: &Path,
        origin: &dyn Fn(Arc<Path>) -> Origin,
        seen: &mut HashSet<PathBuf>,
        depth: usize,
    ) -> Result<Entry> {
        if depth > DEPTH || !seen.insert(path.to_owned()) {
            return Err(Failure::new(format!(
                "`{}` is included twice, or too deep",
                path.display()
            ))
            .help("remove one `include` from cargo's configuration")
            .into());
        }
        let text = contents(path)?;
        let table = text
            .parse::<toml::Table>()
            .map_err(|error| malformed(path, &text, &error))?;
        let this = origin(path.into());
        self.origins.push(this.clone());
        let entry = Entry::new(table, &this)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        self.include(entry, folder, origin, seen, depth)
    }

    /// Puts what `include` names below the values of the file itself.
    fn include(
        &mut self,
        mut entry: Entry,
        folder: &Path,
        origin: &dyn Fn(Arc<Path>) -> Origin,
        seen: &mut HashSet<PathBuf>,
        depth: usize,
    ) -> Result<Entry> {
        let Value::Table(table) = &mut entry.value else {
            return Ok(entry);
        };
        let Some(list) = table.remove("include") else {
            return Ok(entry);
        };
        let Value::List(items) = &list.value else {
            return Err(list.expected("an array", "include"));
        };
        let mut all = Entry::empty(entry.origin.clone());
        for item in items {
            let (path, optional) = included(item)?;
            let path = folder.join(path);
            if optional && !path.exists() {
                continue;
            }
            all.merge(self.read_file(&path, origin, seen, depth + 1)?, true)?;
        }
        all.merge(entry, true)?;
        Ok(all)
    }
}

/// One element of `include`: a path, or a table of a path and of whether it may be missing.
fn included(item: &Entry) -> Result<(&str, bool)> {
    let (path, optional) = match &item.value {
        Value::Text(path) => (path.as_str(), false),
        Value::Table(_) => {
            let Some(path) = item.child("path") else {
                return Err(item.expected("a table with a `path`", "include"));
            };
            let optional = match item.child("optional").map(|entry| (entry, &entry.value)) {
                None => false,
                Some((_, Value::Boolean(optional))) => *optional,
                Some((entry, _)) => return Err(entry.expected("a boolean", "include.optional")),
            };
            (path.text("include.path")?, optional)
        }
        _ => return Err(item.expected("a string or a table", "include")),
    };
    if Path::new(path).extension().is_none_or(|it| it != "toml") {
        return Err(Failure::new(format!(
            "`include` in {} names `{path}`, which does not end in `.toml`",
            item.origin
        ))
        .help("cargo includes no other files")
        .into());
    }
    Ok((path, optional))
}

/// The text of a regular file of a reasonable size.
fn contents(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("cannot read `{}`: {error}", path.display()))
            .help("make the file readable, or remove it")
    };
    // Opening a FIFO would wait for a writer that never comes. No foreign code runs yet that
    // could put one in the place of the file between the two calls.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(not_regular(path));
    }
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(not_regular(path));
    }
    let mut text = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LIMIT {
        return Err(
            Failure::new(format!("`{}` is larger than 1 MiB", path.display()))
                .help("a configuration of cargo is small; remove what does not belong there")
                .into(),
        );
    }
    String::from_utf8(text).map_err(|_| {
        Failure::new(format!("`{}` is not valid UTF-8", path.display()))
            .help("save the file as UTF-8, or remove it")
            .into()
    })
}

fn not_regular(path: &Path) -> anyhow::Error {
    Failure::new(format!("`{}` is not a regular file", path.display()))
        .help("cargo reads its configuration from there; put a file in its place, or remove it")
        .into()
}

fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error
        .span()
        .and_then(|span| text.as_bytes().get(..span.start))
        .unwrap_or_default();
    let line = before.split(|byte| *byte == b'\n').count();
    Failure::new(format!(
        "`{}` line {line} is not valid TOML: {}",
        path.display(),
        in_one_line(error.message())
    ))
    .help("correct the file, or remove it")
    .into()
}

fn malformed_option(text: &str, error: &toml::de::Error) -> anyhow::Error {
    Failure::new(format!(
        "`--config {}` is neither a file nor `KEY=VALUE`: {}",
        in_one_line(text),
        in_one_line(error.message())
    ))
    .help("give the name of a file that exists, or a key and a value in TOML: `build.jobs=2`")
    .into()
}

fn in_one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
