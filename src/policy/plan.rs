//! Facts about one build → its policy: the heart of the tool, and a pure function.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::secrets;
use super::{Link, Mask, Network, Policy, Profile, Removed, Rule};
use crate::error::Failure;
use crate::paths::{Key, is_within};

/// Which system's folders and devices apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    Linux,
    Macos,
}

/// What was found out about one build. Paths are absolute and canonical, and lists hold only
/// what exists, but for folders that are to be created.
#[derive(Debug, Clone)]
pub struct Facts {
    pub platform: Platform,
    pub profile: Profile,
    pub network: Network,
    pub home: PathBuf,
    /// The folder whose `package.json` decides.
    pub host: PathBuf,
    /// The folder that holds the manifest, if it is a dependency's.
    pub package: Option<PathBuf>,
    /// The cargo workspace's root.
    pub workspace: PathBuf,
    /// Packages that are built from a folder of their own outside the workspace.
    pub path_dependencies: Vec<PathBuf>,
    /// Configuration of cargo and its tools in the folders above the build.
    pub settings_files: Vec<PathBuf>,
    /// Where cargo writes: the target folder first, then the build folder if it is another one.
    pub artifacts: Vec<PathBuf>,
    /// The build's own temporary folder.
    pub temporary: PathBuf,
    /// Where we keep policies; never writable.
    pub cache: PathBuf,
    pub cargo_home: PathBuf,
    pub rustup_home: Option<PathBuf>,
    /// Where links in rustup's folder of toolchains lead.
    pub toolchains: Vec<PathBuf>,
    /// Our own executable, which a build script that calls `cargo` may start again.
    pub program: PathBuf,
    /// What makes cargo start each unit in a box of its own.
    pub tools: Vec<PathBuf>,
    /// The folders on `PATH`.
    pub search_path: Vec<PathBuf>,
    /// Folders and files that variables name for the build, with the variable's name.
    pub build_variables: Vec<(OsString, PathBuf)>,
    /// git's own configuration files outside the repository.
    pub git_settings: Vec<PathBuf>,
    /// The repository's folders outside its work tree.
    pub git_folders: Vec<PathBuf>,
    /// Configuration files of the repository that hold credentials, and their text without them.
    pub git_credentials: Vec<(PathBuf, Vec<u8>)>,
    /// Files with secrets in the project.
    pub project_secrets: Vec<PathBuf>,
    /// Were all files of the project looked at for secrets?
    pub searched_all: bool,
    /// Further places that the host grants.
    pub granted: Vec<PathBuf>,
    /// Other secrets of this system.
    pub system_secrets: Vec<PathBuf>,
    /// The folders that hold people's home folders.
    pub homes: Vec<PathBuf>,
    /// Where else parts of the closed folders can be seen, by bind mounts.
    pub aliases: Vec<PathBuf>,
    /// The pipe of a surrounding `make`'s jobserver.
    pub jobserver: Option<PathBuf>,
    /// The links that all these paths went through.
    pub links: Vec<Link>,
    /// What builds wrote, which a run of `cargo fetch` must not see.
    pub fetch_hides: Vec<PathBuf>,
    /// Files for cargo's own use that a run of `cargo fetch` may write.
    pub fetch_writes: Vec<PathBuf>,
    pub removed: Vec<Removed>,
    pub set: Vec<(OsString, OsString)>,
}

/// Folders of the system; a host directly in one of them does not close it.
const SYSTEM: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib64",
    "/nix",
    "/opt",
    "/sbin",
    "/snap",
    "/sys",
    "/usr",
    "/var",
    "/Applications",
    "/Library",
    "/System",
    "/private",
    "/private/etc",
    "/private/var",
];

/// Decides what the build may do.
pub fn plan(facts: &Facts) -> Result<Policy> {
    for folder in &facts.artifacts {
        check_artifacts(facts, folder)?;
    }
    let mut policy = Policy {
        profile: facts.profile,
        network: facts.network,
        closed: closed(facts),
        readable: readable(facts),
        hidden: hidden(facts),
        masked: masked(facts),
        writable: writable(facts),
        protected: protected(facts),
        devices: devices(facts.platform),
        private: Vec::new(),
        notes: notes(facts),
        links: facts.links.clone(),
        removed: facts.removed.clone(),
        set: facts.set.clone(),
        temporary: facts.temporary.clone(),
        home: facts.home.clone(),
        cargo_home: facts.cargo_home.clone(),
        artifacts: facts.artifacts.clone(),
    };
    if facts.platform == Platform::Linux {
        policy.private = private(facts.profile);
        policy.links.extend(device_links());
    }
    for rules in [
        &mut policy.closed,
        &mut policy.readable,
        &mut policy.hidden,
        &mut policy.writable,
        &mut policy.protected,
    ] {
        // Of equal paths the first reason stays.
        rules.sort_by_cached_key(|rule| Key::of(&rule.path));
        rules.dedup_by(|later, first| later.path == first.path);
    }
    // What lies in no closed folder may be read anyway.
    let closed = &policy.closed;
    policy.readable.retain(|rule| {
        closed
            .iter()
            .any(|closed| is_within(&rule.path, &closed.path))
    });
    policy.links.sort();
    policy.links.dedup();
    Ok(policy)
}

fn rule(path: impl Into<PathBuf>, why: impl Into<String>) -> Rule {
    Rule {
        path: path.into(),
        why: why.into(),
    }
}

fn closed(facts: &Facts) -> Vec<Rule> {
    let mut closed = match facts.platform {
        Platform::Linux => vec![rule("/dev", "devices and terminals")],
        Platform::Macos => vec![],
    };
    if facts.profile == Profile::Compat {
        if facts.network == Network::Internet {
            // Builds may write there, and a fetch would send what a manifest's URL holds.
            closed.extend(
                shared_temporary(facts.platform).map(|path| rule(path, "written by builds")),
            );
        }
        return closed;
    }
    closed.push(rule(&facts.home, "the home folder"));
    closed.extend(match facts.platform {
        Platform::Linux => vec![
            rule("/home", "people's home folders"),
            rule("/root", "root's home folder"),
            rule("/tmp", "other programs' temporary files"),
            rule("/var/tmp", "other programs' temporary files"),
            rule("/run/user", "sessions' sockets and secrets"),
        ],
        Platform::Macos => vec![rule("/Users", "people's home folders")],
    });
    closed.extend(
        facts
            .homes
            .iter()
            .map(|path| rule(path, "people's home folders")),
    );
    if let Some(folder) = facts.host.parent()
        && !is_system(folder)
    {
        closed.push(rule(folder, "the folder that holds the host"));
    }
    closed.extend(
        facts
            .aliases
            .iter()
            .map(|path| rule(path, "another name of a closed folder")),
    );
    closed
}

/// Is it somebody's home folder, whose `bin` is on PATH?
fn is_home(folder: &Path) -> bool {
    folder == Path::new("/root")
        || [Some("/home"), Some("/Users")].contains(&folder.parent().and_then(Path::to_str))
}

fn shared_temporary(platform: Platform) -> impl Iterator<Item = &'static str> {
    match platform {
        Platform::Linux => ["/tmp", "/var/tmp"],
        Platform::Macos => ["/private/tmp", "/private/var/tmp"],
    }
    .into_iter()
}

/// Is it, or does it lie in, a folder that no project owns?
pub fn is_system(folder: &Path) -> bool {
    SYSTEM.iter().any(|system| folder == Path::new(system)) || folder.starts_with("/usr")
}

fn readable(facts: &Facts) -> Vec<Rule> {
    let mut readable = Vec::new();
    let mut allow = |path: &Path, why: &str| {
        // A folder that holds the home folder or the host would open all that is beside them:
        // only the project itself may be that.
        let project = path == facts.host || path == facts.workspace;
        if project || !(is_within(&facts.home, path) || is_within(&facts.host, path)) {
            readable.push(rule(path, why));
        }
    };
    allow(&facts.host, "the host project");
    if let Some(package) = &facts.package {
        allow(package, "the package");
    }
    allow(&facts.workspace, "the cargo workspace");
    for path in &facts.path_dependencies {
        allow(path, "a path dependency");
    }
    for path in &facts.settings_files {
        allow(path, "configuration of cargo or its tools");
    }
    allow(&facts.cargo_home, "cargo's sources and tools");
    if let Some(path) = &facts.rustup_home {
        allow(path, "the Rust toolchains");
    }
    for path in &facts.toolchains {
        allow(path, "a linked Rust toolchain");
    }
    for path in &facts.search_path {
        allow(path, "a folder on PATH");
        // `X/bin` needs `X/lib`; but `~/.local` is far more than the programs in its `bin`.
        if let Some(prefix) = path.parent()
            && path.ends_with("bin")
            && !prefix.ends_with(".local")
            && !is_home(prefix)
        {
            allow(prefix, "the prefix of a folder on PATH");
        }
    }
    // Not in a folder that the build writes, where it may be what is built.
    if !facts
        .artifacts
        .iter()
        .any(|folder| facts.program.starts_with(folder))
    {
        allow(&facts.program, "sandboxed-cargo itself");
    }
    for path in &facts.tools {
        allow(path, "starts a unit in a box of its own");
    }
    for (name, path) in &facts.build_variables {
        allow(path, &format!("named by {}", name.display()));
    }
    for path in &facts.git_settings {
        allow(path, "git's configuration");
    }
    for path in &facts.git_folders {
        allow(path, "the git repository");
    }
    if facts.platform == Platform::Macos {
        // Seatbelt asks about the link itself; Linux makes the link anew or goes by what it leads to.
        for link in &facts.links {
            allow(&link.path, "a link on the way to a readable place");
        }
    }
    for path in &facts.granted {
        allow(path, "granted by the host's package.json");
    }
    readable
}

fn hidden(facts: &Facts) -> Vec<Rule> {
    let mut hidden: Vec<Rule> = Vec::new();
    let macos = match facts.platform {
        Platform::Linux => &[],
        Platform::Macos => secrets::HOME_MACOS,
    };
    for secret in secrets::HOME.iter().chain(macos) {
        hidden.push(rule(facts.home.join(secret.path), secret.what));
    }
    for name in ["credentials", "credentials.toml"] {
        hidden.push(rule(facts.cargo_home.join(name), "registry tokens"));
    }
    if facts.platform == Platform::Linux {
        hidden.extend(
            secrets::SYSTEM
                .iter()
                .map(|secret| rule(secret.path, secret.what)),
        );
    }
    hidden.extend(
        facts
            .system_secrets
            .iter()
            .map(|path| rule(path, "the system's keys")),
    );
    hidden.extend(
        facts
            .project_secrets
            .iter()
            .map(|path| rule(path, "tokens and passwords")),
    );
    hidden.extend(
        facts
            .fetch_hides
            .iter()
            .map(|path| rule(path, "written by builds, which a fetch must not obey")),
    );
    // What the build must write or was given to read cannot be hidden by a folder around it.
    let needed = |path: &Path| {
        is_within(&facts.host, path)
            || is_within(&facts.workspace, path)
            || is_within(&facts.temporary, path)
            || facts.artifacts.iter().any(|folder| is_within(folder, path))
    };
    hidden.retain(|rule| !needed(&rule.path));
    hidden
}

fn notes(facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    if !facts.searched_all {
        notes.push(format!(
            "`{}` has so many files that not all were searched for `.env` and its like",
            facts.host.display()
        ));
    }
    notes
}

fn masked(facts: &Facts) -> Vec<Mask> {
    facts
        .git_credentials
        .iter()
        .map(|(path, contents)| Mask {
            path: path.clone(),
            why: "git's configuration, which holds credentials".into(),
            contents: contents.clone(),
        })
        .collect()
}

fn writable(facts: &Facts) -> Vec<Rule> {
    let mut writable: Vec<Rule> = facts
        .artifacts
        .iter()
        .map(|path| rule(path, "cargo's target folder"))
        .collect();
    writable.push(rule(&facts.temporary, "TMPDIR"));
    writable.extend(
        facts
            .jobserver
            .iter()
            .map(|path| rule(path, "the jobserver's pipe")),
    );
    writable.extend(
        facts
            .fetch_writes
            .iter()
            .map(|path| rule(path, "written by cargo fetch")),
    );
    if facts.profile == Profile::Compat && facts.network == Network::Denied {
        writable.extend(
            shared_temporary(facts.platform).map(|path| rule(path, "shared temporary files")),
        );
        // Two locks, which are empty. Not `.global-cache`: cargo deletes what is named there, by any
        // path. Nor rustup's caches: it writes through links in them, and a build never installs.
        for name in [".package-cache", ".package-cache-mutate"] {
            writable.push(rule(facts.cargo_home.join(name), "cargo's locks"));
        }
    }
    writable
}

/// Matters where a project lies in a folder that `compat` may write, such as `/tmp`.
fn protected(facts: &Facts) -> Vec<Rule> {
    let mut protected = vec![
        rule(&facts.host, "the host project"),
        rule(&facts.workspace, "the cargo workspace"),
        rule(&facts.cache, "the sandbox's own policies"),
        rule(&facts.cargo_home, "cargo's sources, tools and settings"),
        rule(&facts.home, "the home folder"),
    ];
    protected.extend(facts.package.iter().map(|path| rule(path, "the package")));
    protected.extend(
        facts
            .path_dependencies
            .iter()
            .map(|path| rule(path, "a path dependency")),
    );
    protected.extend(
        facts
            .rustup_home
            .iter()
            .map(|path| rule(path, "the Rust toolchains")),
    );
    let writable = writable(facts);
    protected.retain(|rule| {
        writable
            .iter()
            .any(|root| rule.path.starts_with(&root.path) && rule.path != root.path)
    });
    protected
}

fn devices(platform: Platform) -> Vec<Rule> {
    let names: &[&str] = match platform {
        Platform::Linux => &["null", "zero", "full", "random", "urandom"],
        Platform::Macos => &["null", "zero"],
    };
    names
        .iter()
        .map(|name| rule(Path::new("/dev").join(name), "a harmless device"))
        .collect()
}

fn private(profile: Profile) -> Vec<Rule> {
    let mut private = vec![rule("/dev/shm", "shared memory")];
    if profile == Profile::Strict {
        private.extend([
            rule("/tmp", "temporary files"),
            rule("/var/tmp", "temporary files"),
        ]);
    }
    private
}

fn device_links() -> impl Iterator<Item = Link> {
    [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ]
    .into_iter()
    .map(|(name, target)| Link {
        path: Path::new("/dev").join(name),
        target: target.into(),
    })
}

/// Refuses a target folder whose writing would give away what the policy protects.
fn check_artifacts(facts: &Facts, folder: &Path) -> Result<()> {
    let contains: [(&Path, &str); 6] = [
        (&facts.host, "the host project"),
        (&facts.workspace, "the cargo workspace"),
        (&facts.home, "the home folder"),
        (&facts.cargo_home, "CARGO_HOME"),
        (&facts.cache, "the sandbox's cache folder"),
        (
            facts.package.as_deref().unwrap_or(&facts.workspace),
            "the package",
        ),
    ];
    let mut inside: Vec<(PathBuf, &str)> = vec![
        (facts.cargo_home.clone(), "CARGO_HOME"),
        (facts.cache.clone(), "the sandbox's cache folder"),
        (facts.host.join(".git"), "the git repository"),
        (facts.workspace.join(".git"), "the git repository"),
        (facts.host.join(".cargo"), "cargo's settings"),
        (facts.workspace.join(".cargo"), "cargo's settings"),
        (facts.host.join(".vscode"), "an editor's settings"),
        (facts.host.join(".github"), "CI's settings"),
        (facts.home.join(".config"), "programs' settings"),
        (facts.home.join(".local/bin"), "the user's programs"),
        (facts.home.join("bin"), "the user's programs"),
        (facts.home.join("Library"), "programs' settings"),
    ];
    inside.extend(
        facts
            .rustup_home
            .iter()
            .map(|path| (path.clone(), "RUSTUP_HOME")),
    );
    inside.extend(
        facts
            .git_folders
            .iter()
            .map(|path| (path.clone(), "the git repository")),
    );
    inside.extend(
        facts
            .search_path
            .iter()
            .map(|path| (path.clone(), "a folder on PATH")),
    );
    // A project may itself lie in one, such as `/usr/src/app` in containers.
    if !folder.starts_with(&facts.host) && !folder.starts_with(&facts.workspace) {
        inside.extend(
            [
                "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin",
                "/sys", "/usr", "/System", "/Library",
            ]
            .map(|path| (path.into(), "a system folder")),
        );
    }
    inside.extend(
        secrets::HOME
            .iter()
            .map(|secret| (facts.home.join(secret.path), secret.what)),
    );
    let refuse = |relation: &str, what: &str| {
        Failure::new(format!(
            "the target folder `{}` {relation} {what}, which a build must not write",
            folder.display()
        ))
        .help("choose another one with `--target-dir` or `CARGO_TARGET_DIR`")
        .into()
    };
    if let Some((_, what)) = contains.iter().find(|(path, _)| is_within(path, folder)) {
        return Err(refuse("contains", what));
    }
    if let Some((_, what)) = inside.iter().find(|(path, _)| is_within(folder, path)) {
        return Err(refuse("lies in", what));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
