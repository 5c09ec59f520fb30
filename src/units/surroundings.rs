//! Where a unit finds itself, and what follows for its box.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::session::{self, Session};
use crate::denial::{Kind, Unit as Part};
use crate::error::Failure;
use crate::invocation::Invocation;
use crate::policy::plan::Platform;
use crate::policy::{Policy, Rule, environment};
use crate::sandbox::{
    self, Ended, Finished, Surroundings, Unit, Whole, files, jobserver, launcher,
};
use crate::scratch::{self, Scratch, Temporary};

/// What a unit's box is made of, beside the unit itself.
#[derive(Debug)]
pub(super) struct Confinement {
    /// For the unit's temporary files.
    temporary: Temporary,
    /// `None` inside the sandbox of the whole build.
    session: Option<Session>,
    /// Cargo, where the system tells.
    parent: Option<i32>,
}

impl Confinement {
    /// The kernel tells where we are, and nothing that a crate could set.
    ///
    /// `waits` is false if this process may become the unit: then nobody would be left who keeps its
    /// temporary folder from being another's.
    pub(super) fn find(invocation: &Invocation, parent: Option<i32>, waits: bool) -> Result<Self> {
        let session = match sandbox::surroundings(None)? {
            // Somebody else's, where none can be applied inside another: it was found to be as
            // narrow, or this would have failed.
            Surroundings::Ours | Surroundings::Others => None,
            Surroundings::Free => Some(Session::inherited(invocation)?.ok_or_else(|| {
                Failure::new("a part of a sandboxed build was started outside of its sandbox")
                    .help("let cargo start it, by the same call that started the build")
            })?),
        };
        let place = match &session {
            Some(session) => session.place.clone(),
            None => invocation
                .variable("TMPDIR")
                .map_or_else(std::env::temp_dir, |path| invocation.resolve(path)),
        };
        let failed = || format!("failed to make a temporary folder in `{}`", place.display());
        // At its end the build removes all that is in its own.
        let temporary = match &session {
            None if waits => Temporary::kept(&place, &scratch::OF_UNIT),
            None => Scratch::create(&place, scratch::TEMPORARY).map(Temporary::Own),
            Some(_) => Temporary::own(&place),
        };
        let temporary = temporary.with_context(failed)?;
        let own = Self {
            temporary,
            session,
            parent,
        };
        if own.session.is_some() {
            std::fs::create_dir(own.shown()).with_context(failed)?;
        }
        Ok(own)
    }

    fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// The folder that the unit sees as its temporary one.
    pub(super) fn shown(&self) -> PathBuf {
        match self.session {
            // Beside what the sandbox around it needs.
            Some(_) => self.temporary().join("tmp"),
            None => self.temporary().to_owned(),
        }
    }

    /// Cargo's target folders, where cargo is outside of the sandbox.
    pub(super) fn target_folders(&self) -> Vec<PathBuf> {
        let session = self.session.as_ref();
        session.map_or_else(Vec::new, |session| session.policy.artifacts.clone())
    }

    /// Starts it.
    pub(super) fn start(
        &self,
        invocation: &Invocation,
        boxed: Boxed<'_>,
        errors: Option<std::io::PipeWriter>,
    ) -> Result<sandbox::Running> {
        self.with(invocation, boxed, errors, sandbox::start_unit)
    }

    /// Becomes it, or runs it.
    pub(super) fn finish(&self, invocation: &Invocation, boxed: Boxed<'_>) -> Result<Finished> {
        self.with(invocation, boxed, None, |unit| sandbox::become_unit(&unit))
    }

    /// Tells what was refused to a unit of a cargo that is outside; of any other the one that
    /// started cargo tells.
    pub(super) fn tell(&self, mut finished: Finished) -> Ended {
        if let Some(session) = &self.session {
            session.tell(&mut finished);
        }
        finished.ended
    }

    fn with<T>(
        &self,
        invocation: &Invocation,
        boxed: Boxed<'_>,
        errors: Option<std::io::PipeWriter>,
        start: impl FnOnce(Unit<'_>) -> Result<T>,
    ) -> Result<T> {
        let Boxed {
            program,
            arguments,
            mut writable,
            shared,
            libraries,
            part,
        } = boxed;
        let shared = shared.as_deref();
        let is_inside = self.session.is_none();
        let temporary_of_all = is_inside.then(|| {
            let mut own = writable.clone();
            own.push(self.temporary().to_owned());
            shared_temporary(&own)
        });
        let pipe = match &self.session {
            Some(session) => session.jobserver.named_pipe.clone(),
            // A crate could have set it, and what the whole build may write is the host's.
            None => jobserver::named_pipe(&invocation.environment),
        };
        writable.extend(pipe.filter(|path| files::is_named_pipe(path)));
        writable.push(self.temporary().to_owned());
        let mut environment = invocation.environment.clone();
        launcher::restore(&mut environment);
        set(&mut environment, "CARGO_NET_OFFLINE", "true".as_ref());
        set(&mut environment, "TMPDIR", self.temporary().as_os_str());
        let Some(session) = &self.session else {
            writable.extend(temporary_of_all.into_iter().flatten());
            return start(Unit {
                program,
                arguments,
                environment: &environment,
                writable: &writable,
                shared,
                libraries: &libraries,
                part: part.as_ref(),
                errors,
                whole: None,
            });
        };
        let keep: Vec<OsString> = session.keep.iter().map(OsString::from).collect();
        // Anew: cargo has added its own, and a registry's token may be among them.
        let removed = environment::removed(&environment, &keep);
        environment.retain(|(name, _)| {
            name != session::VARIABLE && !removed.iter().any(|removed| removed.name == *name)
        });
        let scratch = self.temporary().join("scratch");
        let temporary = self.shown();
        writable.pop();
        writable.push(temporary.clone());
        set(&mut environment, "TMPDIR", temporary.as_os_str());
        if sandbox::PLATFORM == Platform::Macos {
            let mut folders = session.policy.artifacts.clone();
            folders.extend([session.temporary.clone(), session.place.clone()]);
            for path in &mut writable {
                *path = settled(path, &folders, &invocation.directory)?;
            }
        }
        let policy = narrowed(&session.policy, &session.temporary, &writable, &temporary);
        start(Unit {
            program,
            arguments,
            environment: &environment,
            writable: &writable,
            shared,
            libraries: &libraries,
            part: part.as_ref(),
            errors,
            whole: Some(Whole {
                policy: &policy,
                limits: session.limits,
                watch: session.watch,
                parent: self.parent,
                keep: &session.jobserver.descriptors(&environment),
                scratch: &scratch,
                directory: &invocation.directory,
            }),
        })
    }
}

fn set(environment: &mut Vec<(OsString, OsString)>, name: &str, value: &std::ffi::OsStr) {
    environment.retain(|(other, _)| other != name);
    environment.push((name.into(), value.into()));
}

/// A program, and all that it may write.
#[derive(Debug)]
pub(super) struct Boxed<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [OsString],
    /// Folders, beside temporary ones.
    pub(super) writable: Vec<PathBuf>,
    /// That of them which other units write as well.
    pub(super) shared: Option<PathBuf>,
    /// See [`Unit::libraries`].
    pub(super) libraries: Vec<PathBuf>,
    pub(super) part: Option<Part>,
}

/// For which package cargo started this, by cargo's own variables.
pub(super) fn part(invocation: &Invocation, kind: Kind) -> Option<Part> {
    let text = |name| Some(invocation.variable(name)?.to_str()?.to_owned());
    let part = Part {
        kind,
        package: text("CARGO_PKG_NAME")?,
        version: text("CARGO_PKG_VERSION").unwrap_or_default(),
        proc_macro: false,
        folder: None,
    };
    Some(part.at(invocation.variable("CARGO_MANIFEST_DIR").map(PathBuf::from)))
}

/// The path without links, as the kernel of a Mac knows it, in one of cargo's `folders`. What a link
/// leads to outside of them is not given to a unit: an earlier build may have left the link.
fn settled(path: &Path, folders: &[PathBuf], here: &Path) -> Result<PathBuf> {
    let real = path
        .canonicalize()
        .with_context(|| format!("cannot find `{}`", path.display()))?;
    // A question to a compiler is asked in the folder of its crate.
    let is_known = real == here || folders.iter().any(|folder| real.starts_with(folder));
    if is_known || files::is_named_pipe(&real) {
        return Ok(real);
    }
    Err(Failure::new(format!(
        "`{}` leads to `{}`, which is not in the target folder",
        path.display(),
        real.display()
    ))
    .help("an earlier build may have left a link: run `cargo clean`")
    .into())
}

/// The policy of the whole build for one unit of it, which may write `writable`, its `temporary`
/// folder among it. `place` is where temporary folders are made.
pub fn narrowed(whole: &Policy, place: &Path, writable: &[PathBuf], temporary: &Path) -> Policy {
    let mut policy = whole.clone();
    // What a profile opens besides, unless all units' results lie there.
    policy.writable.retain(|rule| {
        let touches =
            |folder: &PathBuf| folder.starts_with(&rule.path) || rule.path.starts_with(folder);
        !whole.artifacts.iter().any(touches) && !rule.path.starts_with(&whole.temporary)
    });
    let rule = |path: &PathBuf, why: &str| Rule {
        path: path.clone(),
        why: why.to_owned(),
    };
    let artifacts = whole.artifacts.iter().cloned();
    let temporary_target = writable.iter().filter_map(|path| installation(place, path));
    policy.readable.extend(
        artifacts
            .chain(temporary_target)
            .map(|path| rule(&path, "cargo's target folder")),
    );
    policy.writable.extend(
        writable
            .iter()
            .map(|path| rule(path, "the unit's own results")),
    );
    temporary.clone_into(&mut policy.temporary);
    policy
}

/// Where `cargo install` builds, if `path` lies in such a folder.
fn installation(temporary: &Path, path: &Path) -> Option<PathBuf> {
    let first = path.strip_prefix(temporary).ok()?.components().next()?;
    let name = first.as_os_str().as_encoded_bytes();
    name.starts_with(b"cargo-install")
        .then(|| temporary.join(first))
}

/// The private temporary folders of the whole envelope, where there are some, that a unit may use
/// as well. Not where results, or the `TMPDIR` of all units, lie in one of them, by whatever path: it
/// would open those of all.
fn shared_temporary(own: &[PathBuf]) -> Vec<PathBuf> {
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let own: Vec<PathBuf> = own.iter().map(real).collect();
    scratch::SHARED
        .map(PathBuf::from)
        .into_iter()
        .filter(|folder| {
            let folder = real(folder);
            !own.iter().any(|path| path.starts_with(&folder))
        })
        .collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_gives_a_unit_nothing_outside_of_the_target_folder() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let target = root.join("target");
        let out = target.join("debug/build/a-1/out");
        fs::create_dir_all(&out).unwrap();
        symlink(&target, root.join("link")).unwrap();
        let folders = [target.clone()];
        let settled = |path: PathBuf| super::settled(&path, &folders, &root);
        assert_eq!(settled(out.clone()).unwrap(), out);
        let linked = root.join("link/debug/build/a-1/out");
        assert_eq!(settled(linked).unwrap(), out);
        assert_eq!(settled(root.clone()).unwrap(), root);

        fs::create_dir(root.join("secret")).unwrap();
        fs::remove_dir(&out).unwrap();
        symlink(root.join("secret"), &out).unwrap();
        let error = settled(out.clone()).unwrap_err().to_string();
        assert!(error.contains("not in the target folder"), "{error}");
        assert!(settled(out.join("../../../../../secret")).is_err());
        assert!(settled(target.join("missing")).is_err());
    }
}
