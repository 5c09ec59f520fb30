//! Values with their origin, and how cargo merges them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::error::Failure;

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody; no value has it.
    BuiltIn,
    /// A file that cargo found by itself, or that such a file includes.
    File {
        path: Arc<Path>,
        /// The file that cargo found; the same as `path` without an `include`. Whoever distrusts
        /// it must distrust what it includes, wherever that lies.
        found: Arc<Path>,
    },
    /// An environment variable.
    Variable(String),
    /// `--config KEY=VALUE`.
    Option,
    /// `--config FILE`, or a file that this one includes.
    OptionFile(Arc<Path>),
}

impl Origin {
    /// The higher one wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::BuiltIn => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Option | Self::OptionFile(_) => 3,
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } | Self::OptionFile(path) => Some(path),
            Self::BuiltIn | Self::Variable(_) | Self::Option => None,
        }
    }

    /// The folder that a relative path in the value starts from: for a file, the parent of its
    /// folder, even if that is not called `.cargo`.
    pub(super) fn base<'a>(&'a self, directory: &'a Path) -> &'a Path {
        match self.path() {
            Some(path) => path
                .parent()
                .and_then(Path::parent)
                .unwrap_or(Path::new("/")),
            None => directory,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("cargo itself"),
            Self::File { path, .. } | Self::OptionFile(path) => write!(f, "`{}`", path.display()),
            Self::Variable(name) => write!(f, "the environment variable `{name}`"),
            Self::Option => f.write_str("`--config`"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Integer,
    Boolean(bool),
    List(Vec<Entry>),
    Table(BTreeMap<String, Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Entry {
    pub(super) fn empty(origin: Origin) -> Self {
        Self {
            value: Value::Table(BTreeMap::new()),
            origin,
        }
    }

    pub(super) fn new(table: toml::Table, origin: &Origin) -> Result<Self> {
        Self::from_toml(toml::Value::Table(table), origin, "")
    }

    fn from_toml(value: toml::Value, origin: &Origin, key: &str) -> Result<Self> {
        let value = match value {
            toml::Value::String(text) => Value::Text(text),
            toml::Value::Boolean(value) => Value::Boolean(value),
            toml::Value::Integer(_) => Value::Integer,
            toml::Value::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::from_toml(item, origin, key))
                    .collect::<Result<_>>()?,
            ),
            toml::Value::Table(table) => Value::Table(
                table
                    .into_iter()
                    .map(|(name, value)| {
                        let entry = Self::from_toml(value, origin, &join(key, &name))?;
                        Ok((name, entry))
                    })
                    .collect::<Result<_>>()?,
            ),
            toml::Value::Float(_) | toml::Value::Datetime(_) => {
                return Err(Failure::new(format!(
                    "`{key}` in {origin} is a {}, which cargo does not accept",
                    value.type_str()
                ))
                .help("cargo's configuration is made of strings, integers, booleans and arrays")
                .into());
            }
        };
        Ok(Self {
            value,
            origin: origin.clone(),
        })
    }

    /// Adds `from`. Where both have a value, this one stays unless `force` is set or the other
    /// ranks higher; tables and arrays are joined, the weaker first.
    pub(super) fn merge(&mut self, from: Self, force: bool) -> Result<()> {
        self.merge_at(from, force, "")
    }

    fn merge_at(&mut self, from: Self, force: bool, key: &str) -> Result<()> {
        if self.is_container() || from.is_container() {
            let found = from.describe();
            let origin = from.origin.clone();
            match (&mut self.value, from.value) {
                (Value::Table(old), Value::Table(new)) => {
                    for (name, entry) in new {
                        let path = join(key, &name);
                        match old.entry(name) {
                            std::collections::btree_map::Entry::Occupied(mut old) => {
                                old.get_mut().merge_at(entry, force, &path)?;
                            }
                            std::collections::btree_map::Entry::Vacant(place) => {
                                place.insert(entry);
                            }
                        }
                    }
                }
                (Value::List(old), Value::List(mut new)) => {
                    if force {
                        old.append(&mut new);
                    } else {
                        new.append(old);
                        *old = new;
                    }
                    old.sort_by_key(|item| item.origin.rank());
                }
                _ => {
                    return Err(Failure::new(format!(
                        "`{key}` is {found} in {origin}, but {} in {}",
                        self.describe(),
                        self.origin
                    ))
                    .help("cargo merges both, so give both the same type")
                    .into());
                }
            }
        } else if force || from.origin.rank() > self.origin.rank() {
            *self = from;
        }
        Ok(())
    }

    fn is_container(&self) -> bool {
        matches!(self.value, Value::List(_) | Value::Table(_))
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(table) => table.get(name),
            _ => None,
        }
    }

    /// The value of a key whose parts are separated by dots.
    pub(super) fn find(&self, key: &str) -> Result<Option<&Self>> {
        let mut entry = self;
        let mut end = 0;
        for part in key.split('.') {
            let Value::Table(table) = &entry.value else {
                return Err(entry.expected("a table", &key[..end - 1]));
            };
            let Some(child) = table.get(part) else {
                return Ok(None);
            };
            entry = child;
            end += part.len() + 1;
        }
        Ok(Some(entry))
    }

    pub(super) fn text(&self, key: &str) -> Result<&str> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.expected("a string", key)),
        }
    }

    pub(super) fn expected(&self, wanted: &str, key: &str) -> anyhow::Error {
        Failure::new(format!(
            "`{key}` in {} is {}, not {wanted}",
            self.origin,
            self.describe()
        ))
        .help(format!("make `{key}` {wanted}, or remove it"))
        .into()
    }

    fn describe(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Integer => "an integer",
            Value::Boolean(_) => "a boolean",
            Value::List(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

fn join(key: &str, name: &str) -> String {
    if key.is_empty() {
        name.to_owned()
    } else {
        format!("{key}.{name}")
    }
}
