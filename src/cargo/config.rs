//! cargo's configuration, read as data, so that no program which it names is started for it.
//!
//! Precedence and merging follow cargo 1.95: `--config` over environment variables over files, a
//! near file over a far one, arrays joined. Each value carries its [`Origin`], since a file that
//! lies in a dependency must not be obeyed like one of the host's.
//!
//! Where cargo refuses something that is harmless to read (an inline table in `--config`), that
//! is left to cargo, which runs with the same arguments afterwards.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::Failure;

mod distrust;
mod file;
mod value;

pub use distrust::{distrusted, distrusted_in_sources};
pub use value::Origin;

use value::{Entry, Value};

/// A setting and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    pub value: T,
    pub origin: Origin,
}

/// A program that configuration may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Rustc,
    RustcWrapper,
    RustcWorkspaceWrapper,
    Rustdoc,
}

/// Where intermediate artifacts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildDirectory {
    Exactly(PathBuf),
    /// The path contains `{workspace-path-hash}`, whose value depends on the version of cargo;
    /// `build_directory` of `cargo metadata` tells it.
    AskCargo,
}

/// The configuration in force for one directory.
#[derive(Debug, Clone)]
pub struct Config {
    from_files: Entry,
    /// The files with the options over them.
    root: Entry,
    files: Vec<Origin>,
    directory: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Config {
    /// Reads the files that count for `directory`, which is absolute and the one that cargo will
    /// run in, and `options`, the values of `--config`.
    pub fn load(
        directory: &Path,
        cargo_home: &Path,
        options: &[OsString],
        environment: &[(OsString, OsString)],
    ) -> Result<Self> {
        let mut files = file::Reader::default();
        let mut from_files = Entry::empty(Origin::BuiltIn);
        for path in file::discover(directory, cargo_home)? {
            from_files.merge(files.read(&path)?, false)?;
        }
        let mut root = from_files.clone();
        root.merge(files.read_options(options, directory)?, true)?;
        Ok(Self {
            from_files,
            root,
            files: files.origins,
            directory: directory.to_owned(),
            environment: environment.to_vec(),
        })
    }

    /// Every file that was read, included ones too.
    pub fn files(&self) -> &[Origin] {
        &self.files
    }

    /// The words that the alias stands for; cargo's own aliases are not among them. `--config`
    /// has no say here: cargo looks at it only after it has expanded the alias.
    pub fn alias(&self, name: &str) -> Result<Option<Vec<String>>> {
        let key = format!("alias.{name}");
        let entry = self.from_files.find(&key)?.cloned();
        let Some(entry) = self.with_variable(&key, entry) else {
            return Ok(None);
        };
        match &entry.value {
            Value::Text(text) => Ok(Some(text.split_whitespace().map(str::to_owned).collect())),
            Value::List(items) => items
                .iter()
                .map(|item| item.text(&key).map(str::to_owned))
                .collect::<Result<_>>()
                .map(Some),
            _ => Err(entry.expected("a string or an array of strings", &key)),
        }
    }

    /// The files that give the alias its words.
    pub fn alias_files(&self, name: &str) -> Vec<&Path> {
        let Ok(Some(entry)) = self.from_files.find(&format!("alias.{name}")) else {
            return Vec::new();
        };
        let items = match &entry.value {
            Value::List(items) => items.as_slice(),
            _ => &[],
        };
        std::iter::once(entry)
            .chain(items)
            .filter_map(|entry| match &entry.origin {
                Origin::File { found, .. } => Some(&**found),
                _ => None,
            })
            .collect()
    }

    /// `CARGO_TARGET_DIR` or `build.target-dir`. The option `--target-dir`, which precedes both,
    /// is the caller's.
    pub fn target_dir(&self) -> Result<Option<Found<PathBuf>>> {
        if let Some(value) = self.variable("CARGO_TARGET_DIR") {
            let origin = Origin::Variable("CARGO_TARGET_DIR".into());
            return self.folder(value, origin, "CARGO_TARGET_DIR");
        }
        match self.text("build.target-dir")? {
            Some(found) => self.folder(found.value.as_ref(), found.origin, "build.target-dir"),
            None => Ok(None),
        }
    }

    /// `build.build-dir`; without it, everything goes to the target directory.
    pub fn build_dir(
        &self,
        workspace_root: &Path,
        cargo_home: &Path,
    ) -> Result<Option<Found<BuildDirectory>>> {
        const KEY: &str = "build.build-dir";
        let Some(found) = self.text(KEY)? else {
            return Ok(None);
        };
        let mut path = found.value.clone();
        for (variable, folder) in [
            ("{workspace-root}", workspace_root),
            ("{cargo-cache-home}", cargo_home),
        ] {
            if path.contains(variable) {
                let folder = folder.to_str().ok_or_else(|| {
                    Failure::new(format!(
                        "`{KEY}` in {} uses `{variable}`, but `{}` is not valid UTF-8",
                        found.origin,
                        folder.display()
                    ))
                    .help("rename the folder, or name another one in the configuration")
                })?;
                path = path.replace(variable, folder);
            }
        }
        let rest = path.replace("{workspace-path-hash}", "");
        if rest.contains(['{', '}']) {
            return Err(Failure::new(format!(
                "`{KEY}` in {} has an unknown variable: `{}`",
                found.origin, found.value
            ))
            .help(
                "cargo knows `{workspace-root}`, `{cargo-cache-home}` and `{workspace-path-hash}`",
            )
            .into());
        }
        if rest.len() != path.len() {
            return Ok(Some(Found {
                value: BuildDirectory::AskCargo,
                origin: found.origin,
            }));
        }
        let folder = self.folder(path.as_ref(), found.origin, KEY)?;
        Ok(folder.map(|found| Found {
            value: BuildDirectory::Exactly(found.value),
            origin: found.origin,
        }))
    }

    /// `build.target`: triples, and paths of target specifications.
    pub fn targets(&self) -> Result<Vec<Found<String>>> {
        const KEY: &str = "build.target";
        let Some(entry) = self.get(KEY)? else {
            return Ok(Vec::new());
        };
        let items = match &entry.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![&entry],
        };
        items
            .into_iter()
            .map(|item| {
                let text = item.text(KEY)?;
                let value = if Path::new(text)
                    .extension()
                    .is_some_and(|extension| extension == "json")
                {
                    // Cargo takes the origin of the whole array.
                    let path = entry.origin.base(&self.directory).join(text);
                    path.to_string_lossy().into_owned()
                } else {
                    text.to_owned()
                };
                Ok(Found {
                    value,
                    origin: item.origin.clone(),
                })
            })
            .collect()
    }

    /// The program in the place of a tool: a name to be looked up on `PATH`, or an absolute path.
    /// None if nothing is set, or if it is set to nothing, which switches a wrapper off.
    pub fn tool(&self, tool: Tool) -> Result<Option<Found<PathBuf>>> {
        let (variable, key) = match tool {
            Tool::Rustc => ("RUSTC", "build.rustc"),
            Tool::RustcWrapper => ("RUSTC_WRAPPER", "build.rustc-wrapper"),
            Tool::RustcWorkspaceWrapper => {
                ("RUSTC_WORKSPACE_WRAPPER", "build.rustc-workspace-wrapper")
            }
            Tool::Rustdoc => ("RUSTDOC", "build.rustdoc"),
        };
        // Cargo takes no notice of a variable that is not UTF-8.
        let from_variable = self
            .variable(variable)
            .and_then(OsStr::to_str)
            .map(|value| Found {
                value: value.to_owned(),
                origin: Origin::Variable(variable.into()),
            });
        let found = match from_variable {
            Some(found) => Some(found),
            None => self.text(key)?,
        };
        Ok(found.filter(|found| !found.value.is_empty()).map(|found| {
            let value = if found.value.contains(std::path::is_separator) {
                found.origin.base(&self.directory).join(&found.value)
            } else {
                PathBuf::from(&found.value)
            };
            Found {
                value,
                origin: found.origin,
            }
        }))
    }

    /// The first variable of `[env]` whose name begins with `prefix`.
    pub fn sets_variable(&self, prefix: &str) -> Result<Option<Found<String>>> {
        let Some(entry) = self.root.find("env")? else {
            return Ok(None);
        };
        let Value::Table(variables) = &entry.value else {
            return Ok(None);
        };
        Ok(variables
            .iter()
            .find(|(name, _)| name.starts_with(prefix))
            .map(|(name, entry)| Found {
                value: name.clone(),
                origin: entry.origin.clone(),
            }))
    }

    /// `term.color`. Like cargo, we take a `[term]` table with mistakes in it for an empty one.
    pub fn color(&self) -> Option<Found<String>> {
        self.text("term.color").ok().flatten()
    }

    /// `term.quiet`.
    pub fn quiet(&self) -> Option<Found<bool>> {
        self.boolean("term.quiet")
    }

    /// Does it switch on anything that stable cargo lacks?
    pub fn is_unstable(&self) -> bool {
        self.root.child("unstable").is_some()
    }

    /// `net.offline`.
    pub fn offline(&self) -> Option<Found<bool>> {
        self.boolean("net.offline")
    }

    /// The names under `[source]`: where dependencies come from instead of the registry.
    pub fn sources(&self) -> Vec<Found<String>> {
        let Some(Entry {
            value: Value::Table(sources),
            ..
        }) = self.root.child("source")
        else {
            return Vec::new();
        };
        sources
            .iter()
            .map(|(name, entry)| Found {
                value: name.clone(),
                origin: entry.origin.clone(),
            })
            .collect()
    }

    fn folder(&self, value: &OsStr, origin: Origin, key: &str) -> Result<Option<Found<PathBuf>>> {
        if value.is_empty() {
            return Err(Failure::new(format!("`{key}` is empty in {origin}"))
                .help(format!("name a folder, or remove `{key}`"))
                .into());
        }
        let value = origin.base(&self.directory).join(value);
        Ok(Some(Found { value, origin }))
    }

    fn text(&self, key: &str) -> Result<Option<Found<String>>> {
        let Some(entry) = self.get(key)? else {
            return Ok(None);
        };
        let value = match &entry.value {
            // A variable's text is taken as it is, even if it reads like a number.
            Value::Text(text) => text.clone(),
            _ => return Err(entry.expected("a string", key)),
        };
        Ok(Some(Found {
            value,
            origin: entry.origin,
        }))
    }

    fn boolean(&self, key: &str) -> Option<Found<bool>> {
        let entry = self.get(key).ok()??;
        let value = match (&entry.value, &entry.origin) {
            (Value::Boolean(value), _) => *value,
            (Value::Text(text), Origin::Variable(_)) => text.parse().ok()?,
            _ => return None,
        };
        Some(Found {
            value,
            origin: entry.origin,
        })
    }

    /// A value by its key, with the environment in its place between files and options.
    fn get(&self, key: &str) -> Result<Option<Entry>> {
        let entry = self.root.find(key)?.cloned();
        Ok(self.with_variable(key, entry))
    }

    fn with_variable(&self, key: &str, entry: Option<Entry>) -> Option<Entry> {
        let name = variable_name(key);
        let Some(text) = self.variable(&name).and_then(OsStr::to_str) else {
            return entry;
        };
        let origin = Origin::Variable(name);
        match entry {
            Some(Entry {
                value: Value::List(mut items),
                origin: list_origin,
            }) => {
                items.extend(text.split_whitespace().map(|word| Entry {
                    value: Value::Text(word.to_owned()),
                    origin: origin.clone(),
                }));
                items.sort_by_key(|item| item.origin.rank());
                Some(Entry {
                    value: Value::List(items),
                    origin: list_origin,
                })
            }
            Some(entry) if entry.origin.rank() > origin.rank() => Some(entry),
            _ => Some(Entry {
                value: Value::Text(text.to_owned()),
                origin,
            }),
        }
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_os_str())
    }
}

/// `build.target-dir` becomes `CARGO_BUILD_TARGET_DIR`.
fn variable_name(key: &str) -> String {
    format!("CARGO_{}", key.replace(['.', '-'], "_").to_uppercase())
}

#[cfg(test)]
mod tests;
