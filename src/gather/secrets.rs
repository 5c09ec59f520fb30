//! Secrets whose places are not known beforehand: where links lead, and other people's.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Places, Resolver};
use crate::policy::Profile;
use crate::policy::plan::Platform;
use crate::policy::secrets::{HOME, HOME_MACOS, SYSTEM};

/// Besides those that the policy names itself; those in other people's home folders where these are
/// not closed.
pub(super) fn elsewhere(places: &Places, platform: Platform, profile: Profile) -> Vec<PathBuf> {
    let mut found: BTreeSet<PathBuf> = host_keys().collect();
    // A sandbox asks about the file itself, not about the name by which it was reached: people keep
    // such files elsewhere and link to them. The links on the way are no business of the build's.
    let mut resolver = Resolver::default();
    let mut real = |path: &Path| resolver.existing(path);
    let macos = match platform {
        Platform::Linux => &[],
        Platform::Macos => HOME_MACOS,
    };
    // Root may read everybody's.
    let people = (profile == Profile::Compat)
        .then(people)
        .into_iter()
        .flatten();
    for home in people.chain([places.home.clone()]) {
        let named = HOME.iter().chain(macos).map(|secret| secret.path);
        let cargo = [".cargo/credentials", ".cargo/credentials.toml"];
        found.extend(named.chain(cargo).filter_map(|path| real(&home.join(path))));
    }
    for name in ["credentials", "credentials.toml"] {
        found.extend(real(&places.cargo_home.join(name)));
    }
    found.extend(
        SYSTEM
            .iter()
            .filter_map(|secret| real(Path::new(secret.path))),
    );
    found.into_iter().collect()
}

fn people() -> impl Iterator<Item = PathBuf> {
    ["/home", "/Users"]
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .chain(["/root", "/var/root"].map(PathBuf::from))
}

fn host_keys() -> impl Iterator<Item = PathBuf> {
    let is_key = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        name.starts_with(b"ssh_host_") && name.ends_with(b"_key")
    };
    fs::read_dir("/etc/ssh")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(move |path| path.file_name().is_some_and(is_key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_links_lead_to_is_a_secret_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        for name in ["home/.cargo", "vault/ssh"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("vault/token"), "").unwrap();
        symlink("../vault/ssh", root.join("home/.ssh")).unwrap();
        symlink(
            root.join("vault/token"),
            root.join("home/.cargo/credentials.toml"),
        )
        .unwrap();
        let places = Places {
            home: root.join("home"),
            cargo_home: root.join("home/.cargo"),
            rustup_home: None,
        };
        let found = elsewhere(&places, Platform::Linux, Profile::Strict);
        for name in ["vault/ssh", "vault/token"] {
            assert!(found.contains(&root.join(name)), "{name}: {found:?}");
        }
        assert!(!found.contains(&root.join("vault")));
    }
}
