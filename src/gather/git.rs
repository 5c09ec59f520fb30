//! What git needs to read for `git describe`, and what of it holds credentials.

use std::path::{Path, PathBuf};

use super::{Inputs, Resolver};
use crate::host::{git_config_facts, git_facts};
use crate::invocation::Invocation;

/// The repository's and the user's files.
#[derive(Debug)]
pub(super) struct Git {
    /// Configuration outside the repository.
    pub(super) settings: Vec<PathBuf>,
    /// The repository's own folders.
    pub(super) folders: Vec<PathBuf>,
    /// Files with credentials, and their text without them.
    pub(super) credentials: Vec<(PathBuf, Vec<u8>)>,
    /// Files that are nothing but credentials.
    pub(super) secrets: Vec<PathBuf>,
}

pub(super) fn facts(inputs: &Inputs<'_>, workspace: &Path, resolver: &mut Resolver) -> Git {
    let home = Some(inputs.places.home.as_path());
    let repository = git_facts(workspace, &outermost_repository(inputs, workspace), home);
    let settings = settings(inputs.invocation, &inputs.places.home, resolver);
    let mut configs = repository.configs;
    let mut secrets = repository.secrets;
    for path in settings
        .iter()
        .flat_map(|path| [path.clone(), path.join("config")])
    {
        let (more, named) = git_config_facts(&path, home);
        configs.extend(more);
        secrets.extend(named);
        // Where git-credential-store(1) keeps them, if it does not in the home folder.
        secrets.extend(resolver.existing(&path.join("credentials")));
    }
    Git {
        settings,
        folders: repository.dirs,
        credentials: configs
            .into_iter()
            .filter_map(|config| config.sanitised.map(|text| (config.path, text)))
            .collect(),
        secrets,
    }
}

/// The folder above which no repository is looked for: the home folder's own (of dotfiles, say)
/// is not the project's.
fn outermost_repository(inputs: &Inputs<'_>, workspace: &Path) -> PathBuf {
    let home = &inputs.places.home;
    let root = if workspace.starts_with(&inputs.host.root) {
        &inputs.host.root
    } else {
        workspace
    };
    root.ancestors()
        .take_while(|folder| !home.starts_with(folder))
        .last()
        .unwrap_or(root)
        .to_owned()
}

/// git reads these in every repository (git-config(1), FILES), and fails if it may not.
fn settings(invocation: &Invocation, home: &Path, resolver: &mut Resolver) -> Vec<PathBuf> {
    let config = invocation
        .variable("XDG_CONFIG_HOME")
        .map_or_else(|| home.join(".config"), PathBuf::from);
    let mut files = vec![home.join(".gitconfig"), config.join("git")];
    files.extend(invocation.variable("GIT_CONFIG_GLOBAL").map(PathBuf::from));
    files
        .iter()
        .filter_map(|path| resolver.existing(path))
        .collect()
}
