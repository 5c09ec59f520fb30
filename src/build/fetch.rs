//! The runs of cargo before the build, each behind a wall of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::folders::Folders;
use super::{Build, Run};
use crate::cargo::command::Kind;
use crate::cargo::config::Origin;
use crate::denial::Watch;
use crate::gather::{self, Inputs, Resolver};
use crate::host;
use crate::policy::plan::plan;
use crate::policy::{Network, Policy, Removed};
use crate::prefetch::{self, Fetched, Request, Step};
use crate::project::Project;
use crate::sandbox::Ended;
use crate::targets;

impl Build<'_> {
    /// What cargo says of the project.
    pub(super) fn project(&self, cache: &Path, folders: &Folders) -> Result<Fetched> {
        if self.host.origin == host::Origin::Nowhere {
            return Ok(Fetched::Project(Project {
                workspace: self.host.root.clone(),
                manifests: Vec::new(),
                build_directory: None,
            }));
        }
        self.fetch(cache, folders, self.is_offline())
    }

    /// Does the user want cargo to do without a network?
    pub(super) fn is_offline(&self) -> bool {
        let configured = self.config.offline();
        self.line.offline || self.line.frozen || configured.is_some_and(|found| found.value)
    }

    /// Are the crates of this platform all that is built? What a third-party command will ask of
    /// cargo is not known, and by unstable features a crate can name a platform of its own.
    fn is_for_host(&self) -> bool {
        use Kind::{Compiles, Installs, Publishes, RunsProgram};

        let configured = self.config.targets();
        matches!(self.kind, Compiles | Installs | Publishes | RunsProgram)
            && self.line.targets.is_empty()
            && self.line.unstable.is_empty()
            && !self.config.is_unstable()
            && configured.is_ok_and(|targets| targets.is_empty())
    }

    pub(super) fn fetch(&self, cache: &Path, folders: &Folders, offline: bool) -> Result<Fetched> {
        let line = self.line;
        let config: Vec<OsString> = line
            .config
            .iter()
            .map(|value| self.absolute(value))
            .collect();
        let files = self.config.files().iter().filter_map(Origin::path);
        let watched: Vec<PathBuf> = files.map(Path::to_owned).collect();
        let request = Request {
            toolchain: line.toolchain.as_ref(),
            manifest: self.manifest,
            config: &config,
            unstable: &line.unstable,
            own_paths: self.host.package.is_none(),
            for_host: self.is_for_host(),
            offline,
            locked: line.locked || line.frozen,
            quiet: line.quiet,
            cargo_home: &self.places.cargo_home,
            cache,
            context: &self.context(),
            watched: &watched,
        };
        let mut number = 0;
        prefetch::prefetch(&request, &mut |step| {
            number += 1;
            self.step(cache, folders, &format!("fetch-{number}"), step)
        })
    }

    /// One run of cargo behind the prefetch's wall, from the host's folder.
    fn step(&self, cache: &Path, folders: &Folders, name: &str, step: &Step) -> Result<Ended> {
        let network = if step.network {
            Network::Internet
        } else {
            Network::Denied
        };
        let artifacts = match &step.workspace {
            Some(workspace) => {
                let project = Project {
                    workspace: workspace.clone(),
                    manifests: Vec::new(),
                    // Where it is, only cargo could tell, so no manifest can name it either.
                    build_directory: Some(workspace.join("target")),
                };
                targets::find(self, &project, &mut Resolver::default())?
            }
            None => Vec::new(),
        };
        let facts = gather::facts(
            &Inputs {
                network,
                project: None,
                artifacts: &[],
                fetch_hides: &artifacts,
                fetch_writes: &step.writes,
                fetch_reads: &step.reads,
                ..self.inputs(cache, folders)
            },
            Resolver::default(),
        )?;
        let mut policy = plan(&facts)?;
        // cargo starts `rustc` and perhaps `git` from there, here with a network.
        if let Some(path) = crate::app::path_outside_project(self) {
            policy.set.push(("PATH".into(), path));
        }
        // It is asked for its version only, and a wrapper may want more than a fetch may do.
        policy.set.push(("RUSTC_WRAPPER".into(), "".into()));
        // cargo would warn that it has no use for a jobserver here.
        for name in ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"] {
            policy.removed.push(Removed {
                name: name.into(),
                why: "of no use to a fetch".into(),
            });
        }
        let package = self.manifest.parent().unwrap_or(self.manifest);
        let run = Run {
            kind: "fetch",
            name,
            // Not where the user is: a dependency's configuration could be in force there.
            directory: if step.in_place {
                package
            } else {
                &self.host.root
            },
            arguments: &step.arguments,
            // rustup may have to say that a toolchain is missing.
            direct: false,
            output: step.output.as_ref(),
        };
        let finished = self.start(&policy, cache, folders, &run, Watch::Nothing, &mut || {})?;
        let ended = finished.ended;
        if ended != Ended::Exited(0) && step.network {
            self.explain_hidden(&policy, &step.repositories);
        }
        Ok(ended)
    }

    /// cargo can only say that there is nothing at a path that the wall hides.
    fn explain_hidden(&self, policy: &Policy, repositories: &[PathBuf]) {
        let hidden = |path: &&PathBuf| path.exists() && !policy.may_read(path);
        for path in repositories.iter().filter(hidden) {
            self.voice.help(format_args!(
                "the fetch may not read `{}`; if a build may, name it in `perry.sandbox.read` of \
                 the host's `package.json`",
                path.display()
            ));
        }
    }

    /// A `--config` value that is a file's path, seen from where cargo will start.
    fn absolute(&self, value: &OsStr) -> OsString {
        let path = self.directory.join(value);
        if path.is_file() {
            path.into()
        } else {
            value.to_owned()
        }
    }

    /// What else cargo's answer depends on.
    fn context(&self) -> String {
        let variables = self.invocation.environment.iter().filter(|(name, _)| {
            let name = name.as_encoded_bytes();
            [&b"CARGO"[..], b"RUST", b"PERRY_SANDBOX"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        let folders = [self.cargo.as_os_str(), self.host.root.as_os_str()];
        format!("{folders:?} {variables:?}")
    }
}
