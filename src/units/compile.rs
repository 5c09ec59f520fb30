//! rustc, clippy-driver and rustdoc, each in its own box.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::outputs::Outputs;
use super::rustc_line::RustcLine;
use super::surroundings::{Boxed, Confinement};
use super::{REAL_RUSTDOC, WRAPPER, out_dirs, package, scripts};
use crate::denial::{Kind, Unit};
use crate::invocation::Invocation;
use crate::sandbox::{self, Ended};

/// `RUSTC_WRAPPER rustc …`, or with `RUSTC_WORKSPACE_WRAPPER` before `rustc`.
pub(super) fn rustc(invocation: &Invocation, parent: Option<i32>) -> Result<Ended> {
    let (program, words) = match invocation.variable(WRAPPER) {
        Some(wrapper) => (wrapper, invocation.arguments.as_slice()),
        None => match invocation.arguments.split_first() {
            Some((rustc, rest)) => (rustc.as_os_str(), rest),
            None => bail!("cargo named no compiler"),
        },
    };
    let call = Call::new(invocation, parent, program, words, Kind::Compiler)?;
    let Some(destination) = call.line.destination() else {
        return call.answer();
    };
    call.compile(&invocation.resolve(destination))
}

pub(super) fn rustdoc(invocation: &Invocation, parent: Option<i32>) -> Result<Ended> {
    let program = invocation
        .variable(REAL_RUSTDOC)
        .unwrap_or(OsStr::new("rustdoc"));
    let words = &invocation.arguments;
    let call = Call::new(invocation, parent, program, words, Kind::Documenter)?;
    call.document()
}

/// One call of a compiler.
struct Call<'a> {
    invocation: &'a Invocation,
    program: PathBuf,
    line: RustcLine,
    /// cargo had so many arguments that it wrote those after this many words to a file.
    in_file_after: Option<usize>,
    kind: Kind,
    own: Confinement,
}

impl<'a> Call<'a> {
    fn new(
        invocation: &'a Invocation,
        parent: Option<i32>,
        program: &OsStr,
        words: &[OsString],
        kind: Kind,
    ) -> Result<Self> {
        let (expanded, in_file_after) = expanded(invocation, words)?;
        Ok(Self {
            invocation,
            program: find_program(invocation, program)
                .with_context(|| format!("cannot find `{}`", program.display()))?,
            line: RustcLine::parse(&expanded)?,
            in_file_after,
            kind,
            own: Confinement::find(invocation, parent, true)?,
        })
    }

    /// A question, such as `-vV`; results, if any, would go to the current folder.
    fn answer(&self) -> Result<Ended> {
        let here = self.invocation.directory.clone();
        let finished = self.start(Path::new(""), None, vec![here], None)?.wait()?;
        Ok(self.own.tell(finished))
    }

    fn compile(&self, destination: &Path) -> Result<Ended> {
        let outputs = Outputs::create(destination, self.line.stem()).with_context(|| {
            format!(
                "failed to make a folder for results in `{}`",
                destination.display()
            )
        })?;
        let incremental = self.own_incremental()?;
        let mut writable = vec![outputs.private().to_owned()];
        writable.extend(incremental.clone());
        writable.extend(self.folders_of_macros()?);
        // Only JSON has the names of artifacts in it; anything else is for a person to read as it is.
        let (reader, writer) = if self.line.tells_artifacts {
            let (reader, writer) = io::pipe().context("failed to make a pipe")?;
            (Some(reader), Some(writer))
        } else {
            (None, None)
        };
        let unit = self.start(outputs.private(), incremental.as_deref(), writable, writer)?;
        let forwarded = reader.map_or(Ok(()), |reader| forward(reader, &outputs));
        // Whatever the unit said: its folders are in use until it has ended.
        let ended = self.own.tell(unit.wait()?);
        forwarded?;
        if ended == Ended::Exited(0) {
            outputs.deliver_all()?;
            if self.line.is_build_script() {
                scripts::wrap(&destination.join(self.line.stem()))?;
            }
            if self.line.is_proc_macro() {
                let name = format!(
                    "{}{}{}",
                    std::env::consts::DLL_PREFIX,
                    self.line.stem(),
                    std::env::consts::DLL_SUFFIX
                );
                out_dirs::note(&destination.join(name))?;
            }
        }
        Ok(ended)
    }

    /// rustdoc merges its pages into one folder for all crates, which is therefore writable whole.
    fn document(&self) -> Result<Ended> {
        let pages = self.line.pages();
        let pages = pages.map(|folder| self.invocation.resolve(folder));
        if let Some(folder) = &pages {
            fs::create_dir_all(folder)
                .with_context(|| format!("failed to create `{}`", folder.display()))?;
        }
        let mut writable: Vec<PathBuf> = pages.iter().cloned().collect();
        writable.extend(self.folders_of_macros()?);
        let arguments = self.arguments(self.line.words().to_vec())?;
        let boxed = self.boxed(&arguments, writable, pages);
        let unit = self.own.start(self.invocation, boxed, None)?;
        Ok(self.own.tell(unit.wait()?))
    }

    /// The `OUT_DIR`s in which macros that it may load keep files.
    fn folders_of_macros(&self) -> Result<BTreeSet<PathBuf>> {
        let roots = match self.line.target_folder() {
            Some(root) => vec![self.invocation.resolve(root)],
            // Examples in documentation, whose results go to a temporary folder.
            None => self.own.target_folders(),
        };
        out_dirs::open_to_macros(&roots, &self.dependencies())
    }

    fn dependencies(&self) -> Vec<PathBuf> {
        let folders = self.line.dependencies.iter();
        folders
            .map(|folder| self.invocation.resolve(folder))
            .collect()
    }

    /// The part of the folder for incremental compilation that no other crate writes. rustc tells
    /// crates apart below it by a name of its own, but we must know it beforehand.
    fn own_incremental(&self) -> Result<Option<PathBuf>> {
        let Some(shared) = self.line.incremental() else {
            return Ok(None);
        };
        // `cargo clean -p` removes what begins with the crate's name and a hyphen.
        let folder = self.invocation.resolve(shared).join(format!(
            "{}-unit{}",
            self.line.crate_name, self.line.extra_filename
        ));
        fs::create_dir_all(&folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
        Ok(Some(folder))
    }

    fn start(
        &self,
        results: &Path,
        incremental: Option<&Path>,
        writable: Vec<PathBuf>,
        errors: Option<io::PipeWriter>,
    ) -> Result<sandbox::Running> {
        let words = self.line.redirected(results, incremental);
        let arguments = self.arguments(words)?;
        let boxed = self.boxed(&arguments, writable, None);
        self.own.start(self.invocation, boxed, errors)
    }

    /// The arguments, in a file again where they came from one.
    fn arguments(&self, words: Vec<OsString>) -> Result<Vec<OsString>> {
        let Some(before) = self.in_file_after else {
            return Ok(words);
        };
        let (programs, words) = words.split_at(before);
        let path = self.own.shown().join("arguments");
        let mut text = Vec::new();
        for word in words {
            text.extend_from_slice(word.as_encoded_bytes());
            text.push(b'\n');
        }
        // A crate may have named the folder that ours is in: nothing there is followed.
        fs::File::create_new(&path)
            .and_then(|mut file| file.write_all(&text))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        let mut word = OsString::from("@");
        word.push(path);
        Ok([programs, &[word]].concat())
    }

    /// By where the source is: variables are the crate's to set. Of those a workspace's version is
    /// taken, which a manifest that inherits it does not tell, and nothing else.
    fn part(&self) -> Option<Unit> {
        let source = self.invocation.resolve(self.line.source()?);
        let found = package::of_source(&source);
        let inherited = || {
            let told = self.invocation.variable("CARGO_PKG_VERSION")?;
            Some(told.to_string_lossy().into_owned())
        };
        let (package, version, folder) = if let Some(found) = found {
            (found.name, found.version.or_else(inherited), found.folder)
        } else {
            let folder = source.parent().map(Path::to_owned);
            (self.line.crate_name.clone(), None, folder)
        };
        let unit = Unit {
            kind: self.kind,
            package,
            version: version.unwrap_or_default(),
            proc_macro: self.line.is_proc_macro(),
            folder: None,
        };
        Some(unit.at(folder))
    }

    fn boxed<'b>(
        &'b self,
        arguments: &'b [OsString],
        writable: Vec<PathBuf>,
        shared: Option<PathBuf>,
    ) -> Boxed<'b> {
        Boxed {
            program: &self.program,
            arguments,
            writable,
            shared,
            libraries: self.dependencies(),
            part: self.part(),
        }
    }
}

/// The words with those of cargo's file in its place, and how many words stand before that.
///
/// Of a line that is too long cargo leaves the programs and then `@FILE`, alone. rustc reads any
/// word with an `@` as that, even the value of an option, such as a crate's `cargo::rustc-cfg=@FILE`.
/// What such a file says must not decide where we deliver results, and we may read more than the
/// unit: so that is left to rustc, in its box.
fn expanded(invocation: &Invocation, words: &[OsString]) -> Result<(Vec<OsString>, Option<usize>)> {
    let file = |word: &OsString| Some(word.to_str()?.strip_prefix('@')?.to_owned());
    let Some((last, programs)) = words.split_last() else {
        return Ok((Vec::new(), None));
    };
    let Some(file) = file(last).filter(|_| {
        let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
        !programs.iter().any(is_option)
    }) else {
        return Ok((words.to_vec(), None));
    };
    let text = fs::read_to_string(invocation.resolve(&file))
        .with_context(|| format!("failed to read the arguments in `{file}`"))?;
    let mut expanded = programs.to_vec();
    expanded.extend(text.lines().map(OsString::from));
    Ok((expanded, Some(programs.len())))
}

/// Passes rustc's messages on to cargo, and moves each artifact before cargo hears of it: cargo
/// compiles dependents as soon as the metadata is there.
fn forward(reader: PipeReader, outputs: &Outputs) -> Result<()> {
    let mut reader = BufReader::new(reader);
    let mut errors = io::stderr().lock();
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .context("failed to read rustc's messages")?
        > 0
    {
        let told = artifact(&line, outputs)?;
        let shown = told.unwrap_or_else(|| outputs.shown(&line));
        // cargo may have gone; the compiler then ends by itself.
        let _ = errors.write_all(&shown);
        line.clear();
    }
    Ok(())
}

/// If `line` names a finished artifact, the line with its path in the shared folder.
fn artifact(line: &[u8], outputs: &Outputs) -> Result<Option<Vec<u8>>> {
    // Most lines are long diagnostics, which need no parsing.
    if !line.starts_with(b"{\"$message_type\":\"artifact\"") {
        return Ok(None);
    }
    let mut message: Value = serde_json::from_slice(line).context("rustc's message is not JSON")?;
    let Some(path) = message
        .get("artifact")
        .and_then(Value::as_str)
        .map(PathBuf::from)
    else {
        return Ok(None);
    };
    let Some(name) = path
        .file_name()
        .filter(|_| path.parent() == Some(outputs.private()))
    else {
        return Ok(None);
    };
    // A list of dependencies is corrected at the end; cargo does not wait for it.
    let place = if path.extension() == Some(OsStr::new("d")) {
        outputs.place(name)
    } else {
        outputs.show(name)?
    };
    message["artifact"] = Value::from(place.to_string_lossy());
    let mut line = serde_json::to_vec(&message)?;
    line.push(b'\n');
    Ok(Some(line))
}

/// As exec finds it: by `PATH` if there is no slash in it.
fn find_program(invocation: &Invocation, program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 || path.is_absolute() {
        return Some(invocation.resolve(path));
    }
    std::env::split_paths(invocation.variable("PATH")?)
        .map(|folder| invocation.resolve(folder).join(path))
        .find(|path| sandbox::files::is_program(path))
}
