//! The command line of one rustc, as far as it says where results go.
//!
//! Text throughout: rustc refuses an argument that is not UTF-8 ("argument is not valid Unicode").

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// What a line of rustc's asks for.
///
/// A crate's build script has a say in it: `cargo::rustc-link-lib=-o…` becomes `-l` and `-o…`. So the
/// values of all options are told from options, as rustc does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RustcLine {
    words: Vec<OsString>,
    /// Where the first source file is.
    source: Option<usize>,
    pub(super) crate_name: String,
    /// `-C extra-filename`: what tells the results of two versions of one crate apart.
    pub(super) extra_filename: String,
    crate_types: Vec<String>,
    /// Where the libraries of dependencies are.
    pub(super) dependencies: Vec<PathBuf>,
    /// The platform, by its name or by a file that describes it.
    target: Option<PathBuf>,
    out_dir: Option<Place>,
    output: Option<Place>,
    incremental: Option<Place>,
    /// Diagnostics are JSON lines on standard error, and so are the names of finished artifacts.
    pub(super) tells_artifacts: bool,
}

/// An argument whose value may be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    index: usize,
    /// What stands before the value in the same word.
    prefix: String,
    value: String,
}

const INCREMENTAL: &str = "incremental=";

/// Options of rustc and of rustdoc with a value that may be a word of its own (`rustc --help -v`,
/// `rustdoc --help`). cargo writes others with `=`.
const LONG: [&str; 58] = [
    "allow",
    "cap-lints",
    "cfg",
    "check-cfg",
    "check-theme",
    "codegen",
    "color",
    "crate-name",
    "crate-type",
    "crate-version",
    "default-theme",
    "deny",
    "diagnostic-width",
    "doctest-build-arg",
    "doctest-compilation-args",
    "edition",
    "emit",
    "env-set",
    "error-format",
    "explain",
    "extend-css",
    "extern",
    "extern-html-root-url",
    "forbid",
    "force-warn",
    "html-after-content",
    "html-before-content",
    "html-in-header",
    "include-parts-dir",
    "index-page",
    "json",
    "library-path",
    "markdown-after-content",
    "markdown-before-content",
    "markdown-css",
    "markdown-playground-url",
    "merge",
    "out-dir",
    "output",
    "output-format",
    "parts-out-dir",
    "persist-doctests",
    "playground-url",
    "print",
    "remap-path-prefix",
    "remap-path-scope",
    "resource-suffix",
    "static-root-path",
    "sysroot",
    "target",
    "test-args",
    "test-builder",
    "test-builder-wrapper",
    "test-run-directory",
    "test-runtool",
    "test-runtool-arg",
    "theme",
    "warn",
];

/// The same with one letter.
const SHORT: [&str; 11] = ["A", "C", "D", "F", "L", "W", "Z", "e", "l", "o", "w"];

impl RustcLine {
    /// The words after the program's name; what an `@file` stands for must be in its place.
    pub(super) fn parse(words: &[OsString]) -> Result<Self> {
        let mut line = Self {
            words: words.to_vec(),
            ..Self::default()
        };
        let mut index = 0;
        // What stands before the first option are programs.
        let mut are_programs = true;
        while index < words.len() {
            let is_option = words[index].as_encoded_bytes().starts_with(b"-");
            are_programs &= !is_option;
            if let Some((name, place)) = option(words, index) {
                index = place.index + 1;
                line.take(name, place)?;
                continue;
            }
            if !is_option && !are_programs {
                line.source.get_or_insert(index);
            }
            index += 1;
        }
        line.check_names()?;
        Ok(line)
    }

    /// Both become parts of paths, and cargo takes a library's name as the manifest has it. rustc
    /// refuses what else there is, but later than we would obey it.
    fn check_names(&self) -> Result<()> {
        let is_plain = |name: &str, more: &[char]| {
            let mut letters = name.chars();
            letters
                .all(|letter| letter.is_alphanumeric() || letter == '_' || more.contains(&letter))
        };
        if !is_plain(&self.crate_name, &[]) || !is_plain(&self.extra_filename, &['-']) {
            bail!(
                "`{}{}` is no name of a crate",
                self.crate_name.escape_debug(),
                self.extra_filename.escape_debug()
            );
        }
        Ok(())
    }

    fn take(&mut self, name: &str, mut place: Place) -> Result<()> {
        // Results go to one place. rustc would take the last of two, or refuse them.
        if ["o", "out-dir", "output"].contains(&name)
            && (self.out_dir.is_some() || self.output.is_some())
        {
            bail!("the compiler is told twice where its results go");
        }
        match name {
            "crate-name" => self.crate_name = place.value,
            "target" => self.target = Some(PathBuf::from(place.value)),
            "crate-type" => self.crate_types.push(place.value),
            "out-dir" => self.out_dir = Some(place),
            "o" | "output" => self.output = Some(place),
            "json" => {
                self.tells_artifacts |= place.value.split(',').any(|word| word == "artifacts");
            }
            "L" => {
                let folder = place.value.strip_prefix("dependency=").map(PathBuf::from);
                self.dependencies.extend(folder);
            }
            "C" | "codegen" => {
                if let Some(value) = place.value.strip_prefix("extra-filename=") {
                    value.clone_into(&mut self.extra_filename);
                } else if place.value.starts_with(INCREMENTAL) {
                    place.prefix.push_str(INCREMENTAL);
                    place.value.drain(..INCREMENTAL.len());
                    self.incremental = Some(place);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The first source file of the crate.
    pub(super) fn source(&self) -> Option<&Path> {
        self.source.map(|index| Path::new(&self.words[index]))
    }

    pub(super) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The folder where results go; `None` for a question such as `-vV`, and where rustc would take
    /// the current folder.
    pub(super) fn destination(&self) -> Option<PathBuf> {
        match (&self.output, &self.out_dir) {
            // Standard output.
            (Some(output), _) if output.value == "-" => None,
            (Some(output), _) => {
                let folder = Path::new(&output.value).parent()?;
                Some(if folder.as_os_str().is_empty() {
                    PathBuf::from(".")
                } else {
                    folder.to_owned()
                })
            }
            (None, Some(folder)) => Some(PathBuf::from(&folder.value)),
            (None, None) => None,
        }
    }

    /// Cargo's target folder, if results go to one of its folders for them: `deps`, `examples` and
    /// `build/PKG-HASH` of a profile, or `doc`.
    pub(super) fn target_folder(&self) -> Option<PathBuf> {
        let own = PathBuf::from(&self.out_dir.as_ref().or(self.output.as_ref())?.value);
        let above = if own.ends_with("doc") {
            own.parent()?
        } else if own.ends_with("deps") || own.ends_with("examples") {
            own.parent()?.parent()?
        } else {
            let build = own.parent()?;
            build
                .ends_with("build")
                .then(|| build.parent()?.parent())??
        };
        // Another platform's results have a folder of its name.
        let platform = self.target.as_ref().and_then(|target| target.file_stem());
        let is_platforms = platform.is_some() && above.file_name() == platform;
        Some(if is_platforms { above.parent()? } else { above }.to_owned())
    }

    /// The folder where rustdoc writes pages: it calls `-o` what rustc calls `--out-dir`.
    pub(super) fn pages(&self) -> Option<&Path> {
        let place = self.output.as_ref().or(self.out_dir.as_ref());
        place.map(|place| Path::new(&place.value))
    }

    /// What the names of all results begin with, after an optional `lib`; empty where only the
    /// source file's name tells.
    pub(super) fn stem(&self) -> String {
        match &self.output {
            Some(output) => Path::new(&output.value)
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default()
                .to_owned(),
            None if self.crate_name.is_empty() => String::new(),
            None => format!("{}{}", self.crate_name, self.extra_filename),
        }
    }

    pub(super) fn is_proc_macro(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "proc-macro")
    }

    /// The folder that all crates of a profile share for incremental compilation.
    pub(super) fn incremental(&self) -> Option<&Path> {
        self.incremental
            .as_ref()
            .map(|place| Path::new(&place.value))
    }

    /// Is this how cargo compiles a build script: a program in the `build` folder of a profile?
    pub(super) fn is_build_script(&self) -> bool {
        // The second is unstable: cargo writes such a script itself.
        ["build_script_", "metabuild_"]
            .iter()
            .any(|prefix| self.crate_name.starts_with(prefix))
            && self.crate_types.iter().any(|kind| kind == "bin")
            && self.out_dir.as_ref().is_some_and(|place| {
                let mut above = Path::new(&place.value).ancestors().skip(1).take(3);
                above.any(|folder| folder.ends_with("build"))
            })
    }

    /// The line with results going to `folder`, and the state of incremental compilation to
    /// `incremental`.
    pub(super) fn redirected(&self, folder: &Path, incremental: Option<&Path>) -> Vec<OsString> {
        let mut words = self.words.clone();
        let mut replace = |place: &Place, value: &Path| {
            let mut word = OsString::from(&place.prefix);
            word.push(value);
            words[place.index] = word;
        };
        if let Some(place) = &self.out_dir {
            replace(place, folder);
        }
        if let Some(place) = &self.output {
            let name = Path::new(&place.value).file_name().unwrap_or_default();
            replace(place, &folder.join(name));
        }
        if let (Some(place), Some(folder)) = (&self.incremental, incremental) {
            replace(place, folder);
        }
        words
    }
}

/// The option with a value that begins at `index`, in any of the ways of writing it.
fn option(words: &[OsString], index: usize) -> Option<(&'static str, Place)> {
    let word = words[index].to_str()?;
    let (name, start) = if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next()?;
        let name = *LONG.iter().find(|known| **known == name)?;
        let start = 2 + name.len() + 1;
        (name, (start <= word.len()).then_some(start))
    } else {
        let name = *SHORT.iter().find(|name| {
            word.strip_prefix('-')
                .is_some_and(|w| w.starts_with(**name))
        })?;
        (name, (word.len() > 2).then_some(2))
    };
    let place = match start {
        Some(start) => Place {
            index,
            prefix: word[..start].to_owned(),
            value: word[start..].to_owned(),
        },
        None => Place {
            index: index + 1,
            prefix: String::new(),
            value: words.get(index + 1)?.to_str()?.to_owned(),
        },
    };
    Some((name, place))
}

#[cfg(test)]
mod tests;
