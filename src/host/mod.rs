//! Whose policy applies: the host project, its settings, its cache directory and its secrets.
//!
//! A dependency controls every byte below its own folder, so nothing in here takes an answer from
//! there: the host, the package's name and the exemption come from where things are installed.
//! Everything read is read as data; nothing is started.

pub mod cache;
pub mod dotenv;
mod file;
pub mod git;
mod git_config;
mod git_syntax;
pub mod locate;
pub mod settings;
mod trail;
mod workspace;

pub use dotenv::{Secret, SecretFiles, secret_files};
pub use git::{GitConfig, GitFacts, git_config_facts, git_facts};
pub use locate::{Homes, Host, Origin, Package, find_manifest, locate};
pub use settings::Settings;
pub use workspace::root as workspace_root;

#[cfg(test)]
#[cfg(unix)]
mod tree;
