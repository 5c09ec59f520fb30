//! The cargo that rustup's proxy would start.
//!
//! The `cargo` on `PATH` is mostly rustup, which finds a toolchain by its rules and becomes the
//! cargo of that. It takes longer for it than we do for a whole sandbox, so where only one answer
//! is possible, we start that cargo ourselves, with the variables that rustup 1.29 sets. Wherever
//! there is a choice (`+toolchain`, `RUSTUP_TOOLCHAIN`, a toolchain file, a folder's override), or
//! anything that we do not know, rustup decides.
//!
//! Source: rustup's book, "Overrides" and "Environment variables"; its answers were compared.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Variables of rustup's that have no say in which toolchain is used, nor in how it is started.
const HARMLESS: &[&str] = &[
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_HOME",
    "RUSTUP_INIT_SKIP_PATH_CHECK",
    "RUSTUP_IO_THREADS",
    "RUSTUP_MAX_RETRIES",
    "RUSTUP_PERMIT_COPY_RENAME",
    "RUSTUP_TERM_COLOR",
    "RUSTUP_TERM_PROGRESS_WHEN",
    "RUSTUP_TERM_WIDTH",
    "RUSTUP_UNPACK_RAM",
    "RUSTUP_UPDATE_ROOT",
    "RUSTUP_USE_CURL",
    "RUSTUP_USE_RUSTLS",
];

const RECURSION: &str = "RUST_RECURSION_COUNT";

/// rustup gives up here.
const MOST_RECURSIONS: u32 = 20;

/// What rustup would go by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The cargo on `PATH`.
    pub cargo: &'a Path,
    /// Was a toolchain typed?
    pub named: bool,
    pub environment: &'a [(OsString, OsString)],
    /// The current directory, without links.
    pub directory: &'a Path,
}

/// What rustup would start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Toolchain {
    cargo: PathBuf,
    name: String,
    rustup_home: PathBuf,
    cargo_home: PathBuf,
}

/// `settings.toml` as far as it is known; anything else in it is rustup's own business.
#[derive(Deserialize)]
struct Settings {
    version: String,
    default_toolchain: Option<String>,
    #[serde(default)]
    overrides: toml::Table,
}

impl Question<'_> {
    /// The cargo and its environment; the one on `PATH` and `self.environment` where rustup has to
    /// be asked.
    pub fn resolve(&self) -> (PathBuf, Vec<(OsString, OsString)>) {
        let environment = self.environment.to_vec();
        self.answer()
            .and_then(|toolchain| {
                let environment = toolchain.environment(environment.clone())?;
                Some((toolchain.cargo, environment))
            })
            .unwrap_or_else(|| (self.cargo.to_owned(), environment))
    }

    fn answer(&self) -> Option<Toolchain> {
        let steered = self
            .environment
            .iter()
            .filter_map(|(name, _)| name.to_str())
            .any(|name| name.starts_with("RUSTUP_") && !HARMLESS.contains(&name));
        if self.named || steered || !self.is_proxy() || self.has_toolchain_file() {
            return None;
        }
        let rustup_home = self.folder("RUSTUP_HOME", ".rustup")?;
        let settings = fs::read_to_string(rustup_home.join("settings.toml")).ok()?;
        let settings: Settings = toml::from_str(&settings).ok()?;
        if settings.version != "12" || !settings.overrides.is_empty() {
            return None;
        }
        let name = settings.default_toolchain?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.starts_with('.') || !name.bytes().all(plain) {
            return None;
        }
        let cargo = rustup_home.join("toolchains").join(&name).join("bin/cargo");
        let cargo_home = self.folder("CARGO_HOME", ".cargo")?;
        super::find::is_executable(&fs::metadata(&cargo).ok()?).then_some(Toolchain {
            cargo,
            name,
            rustup_home,
            cargo_home,
        })
    }

    /// By the name that rustup would give it, not where that leads: cargo derives the path of rustc
    /// from it, and builds everything again for another path.
    fn folder(&self, variable: &str, name: &str) -> Option<PathBuf> {
        let set = |name| value(self.environment, name).filter(|value| !value.is_empty());
        let folder = match set(variable) {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(set("HOME")?).join(name),
        };
        folder.is_absolute().then_some(folder)
    }

    /// rustup's installer makes links of either kind to `rustup` beside them.
    fn is_proxy(&self) -> bool {
        let rustup = self.cargo.with_file_name("rustup");
        // It goes by the name that it is called by.
        self.cargo.file_name() == Some(OsStr::new("cargo"))
            && fs::metadata(self.cargo)
                .is_ok_and(|cargo| super::find::is_same_file(&rustup, self.cargo, &cargo))
    }

    fn has_toolchain_file(&self) -> bool {
        self.directory.ancestors().any(|folder| {
            ["rust-toolchain", "rust-toolchain.toml"]
                .iter()
                // What cannot be looked at may be there.
                .any(|name| !folder.join(name).try_exists().is_ok_and(|there| !there))
        })
    }
}

impl Toolchain {
    /// The environment that rustup would give to cargo; `None` if it would give up.
    fn environment(
        &self,
        mut environment: Vec<(OsString, OsString)>,
    ) -> Option<Vec<(OsString, OsString)>> {
        let count = value(&environment, RECURSION)
            .and_then(|count| count.to_str()?.parse().ok())
            .unwrap_or(0_u32);
        if count >= MOST_RECURSIONS {
            return None;
        }
        let library = self.cargo.parent()?.with_file_name("lib");
        prepend(&mut environment, "LD_LIBRARY_PATH", library)?;
        prepend(&mut environment, "PATH", self.cargo_home.join("bin"))?;
        set(&mut environment, RECURSION, (count + 1).to_string());
        set(&mut environment, "RUSTUP_TOOLCHAIN", self.name.clone());
        set(&mut environment, "RUSTUP_TOOLCHAIN_SOURCE", "default");
        for (name, path) in [
            ("CARGO_HOME", &self.cargo_home),
            ("RUSTUP_HOME", &self.rustup_home),
        ] {
            if value(&environment, name).is_none_or(OsStr::is_empty) {
                set(&mut environment, name, path.clone());
            }
        }
        Some(environment)
    }
}

fn value<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    let mut all = environment.iter();
    all.find(|(key, _)| key == name)
        .map(|(_, value)| value.as_os_str())
}

fn set(environment: &mut Vec<(OsString, OsString)>, name: &str, value: impl Into<OsString>) {
    environment.retain(|(key, _)| key != name);
    environment.push((name.into(), value.into()));
}

/// Puts `folder` first into a list of folders, unless it is there already.
fn prepend(environment: &mut Vec<(OsString, OsString)>, name: &str, folder: PathBuf) -> Option<()> {
    let old = value(environment, name).map(OsStr::to_owned);
    let mut folders: Vec<PathBuf> = old.iter().flat_map(std::env::split_paths).collect();
    if folders.contains(&folder) {
        return Some(());
    }
    folders.insert(0, folder);
    let list = std::env::join_paths(folders).ok()?;
    set(environment, name, list);
    Some(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
