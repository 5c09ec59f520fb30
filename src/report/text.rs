//! Denials in words.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{harmless, short};
use crate::denial::{Action, Actor, Denial, Kind, Place, Unit};
use crate::policy::secrets::{HOME, HOME_MACOS, SYSTEM};
use crate::policy::text as readable;

/// Programs that rustc starts to link.
const LINKERS: [&str; 12] = [
    "ar", "cc", "clang", "collect2", "g++", "gcc", "ld", "ld.bfd", "ld.gold", "ld.lld", "mold",
    "rust-lld",
];

/// Is it a program that rustc starts to link, by its name?
pub fn is_linker(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| LINKERS.contains(&name))
}

/// What the words depend on, beside the denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    #[serde(with = "readable::one")]
    pub home: PathBuf,
    /// The host's `package.json`.
    #[serde(with = "readable::one")]
    pub settings: PathBuf,
    /// The npm package that is built, by the name that would exempt it.
    pub package: Option<String>,
    /// Where cargo and rustup keep what they can do without.
    #[serde(with = "readable::many")]
    pub caches: Vec<PathBuf>,
    /// Names of variables that the build was not given.
    pub removed: Vec<String>,
}

/// One line: who, what, how often and why.
pub fn describe(denial: &Denial, context: &Context) -> String {
    let times = match denial.count {
        1 => String::new(),
        count => format!(" ({count} times)"),
    };
    format!(
        "the sandbox kept {} from {}{times}: {}",
        who(&denial.actor),
        what(&denial.action, context),
        why(&denial.action)
    )
}

/// What to do about it.
pub fn help(denial: &Denial, context: &Context) -> String {
    let settings = short(&context.settings, &context.home);
    match &denial.action {
        Action::Read(place) if place.path.is_dir() && is_hidden(&place.path, &context.home) => {
            let folder = short(&place.path, &context.home);
            format!(
                "secrets are in `{folder}`; a file in it that is none, and that the build needs, you can add to \
                 `perry.sandbox.read` in `{settings}`: \
                 \"perry\": {{ \"sandbox\": {{ \"read\": [\"{folder}/FILE\"] }} }}"
            )
        }
        Action::Read(place) => format!(
            "if it is no secret and the build needs it, add `{}` to `perry.sandbox.read` in `{settings}`: \
             \"perry\": {{ \"sandbox\": {{ \"read\": [\"{}\"] }} }}",
            short(&place.path, &context.home),
            short(&place.path, &context.home),
        ),
        action => {
            let instead = match action {
                Action::Signal { .. } | Action::Control { .. } => {
                    "a unit signals what it started itself, and traces nobody"
                }
                Action::Ask { .. } => "a build gets along with the programs that it starts itself",
                action if action.is_network() => {
                    "ship what the build needs with the package, or fetch it before"
                }
                _ => "a build writes to `OUT_DIR` and `TMPDIR`",
            };
            match &context.package {
                Some(package) => format!(
                    "{instead}; if you trust `{package}` with your machine, exempt it in \
                     `{settings}`: \"perry\": {{ \"allowUnsandboxedBuild\": [\"{package}\"] }}"
                ),
                None => format!("{instead}; if you did not expect it, look at the crate's source"),
            }
        }
    }
}

/// Does the policy hide it by its name? What is in it can be granted, but not the place itself.
fn is_hidden(path: &Path, home: &Path) -> bool {
    let in_home = HOME
        .iter()
        .chain(HOME_MACOS)
        .any(|secret| path == home.join(secret.path));
    in_home || SYSTEM.iter().any(|secret| path == Path::new(secret.path))
}

/// One line for a build that succeeded all the same.
pub(super) fn summary(denials: &[Denial]) -> String {
    let count: u64 = denials.iter().map(|denial| denial.count).sum();
    let mut crates: Vec<String> = denials
        .iter()
        .filter_map(|denial| denial.actor.unit.as_ref())
        .map(package)
        .collect();
    crates.sort();
    crates.dedup();
    let things = if count == 1 { "attempt" } else { "attempts" };
    if denials.iter().any(|denial| denial.actor.unit.is_none()) {
        crates.push("a crate that the system does not name".to_owned());
    }
    format!(
        "the sandbox denied {count} {things} of {}, which built all the same; `-v` shows more",
        crates.join(", ")
    )
}

/// Of a unit that tried too much to keep account of.
pub(super) fn omitted(unit: Option<&Unit>, count: u64) -> String {
    let who = match unit {
        Some(unit) => match unit.kind {
            Kind::BuildScript => format!("the build script of {}", package(unit)),
            Kind::Compiler | Kind::Documenter => {
                format!("what was compiled with {}", package(unit))
            }
        },
        None => "the build".to_owned(),
    };
    format!(
        "{who} tried more different things than the sandbox keeps account of: what {count} more attempts were, and \
         whether they were denied, is not told"
    )
}

pub(super) fn package(unit: &Unit) -> String {
    if unit.version.is_empty() {
        return harmless(format_args!("`{}`", unit.package));
    }
    harmless(format_args!("`{} v{}`", unit.package, unit.version))
}

fn who(actor: &Actor) -> String {
    let program = harmless(&actor.program);
    let Some(unit) = &actor.unit else {
        // Names of processes are cut off on macOS.
        return match program.trim_start_matches('.').replace('_', "-") {
            name if name.starts_with("build-script-") => "the build script of a crate".to_owned(),
            _ if actor.unknown => format!("`{program}`, started for a crate,"),
            _ => format!("`{program}`"),
        };
    };
    let package = package(unit);
    let is_compiler = ["rustc", "clippy-driver", "rustdoc"].contains(&program.as_str());
    let macros: Vec<_> = actor
        .macros
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let of_macros = match macros.len() {
        0 => String::new(),
        1 => format!("the proc macro {}, ", macros[0]),
        _ => format!("one of the proc macros {}, ", macros.join(", ")),
    };
    match unit.kind {
        Kind::BuildScript if program.contains("build_script_") || program == ".build_script_bu" => {
            format!("the build script of {package}")
        }
        Kind::BuildScript => format!("`{program}`, started by the build script of {package},"),
        Kind::Compiler | Kind::Documenter if is_compiler => {
            let doing = if unit.kind == Kind::Compiler {
                "compiling"
            } else {
                "documenting"
            };
            let program = if macros.is_empty() {
                format!("`{program}`, ")
            } else {
                of_macros
            };
            format!("{program}while {doing} {package},")
        }
        _ if LINKERS.contains(&program.as_str()) && macros.is_empty() => {
            format!("the linker `{program}` of {package}")
        }
        _ => format!("`{program}`, started while compiling {package},"),
    }
}

fn what(action: &Action, context: &Context) -> String {
    let path = |place: &Place| {
        let path = format!("`{}`", short(&place.path, &context.home));
        if place.path == place.asked {
            path
        } else {
            format!("{path} (by `{}`)", short(&place.asked, &context.home))
        }
    };
    match action {
        Action::Connect { address } => format!("connecting to {}", harmless(address)),
        Action::Listen { address } => format!("serving on {}", harmless(address)),
        Action::LookUp { host } => format!("looking up the address of `{host}`"),
        Action::Socket { family } => format!("opening a socket ({family})"),
        Action::Read(place) => format!("reading {}", path(place)),
        Action::Write(place) => format!("writing {}", path(place)),
        Action::Create(place) => format!("creating {}", path(place)),
        Action::Remove(place) => format!("removing or renaming {}", path(place)),
        Action::Alter(place) => format!("changing the attributes of {}", path(place)),
        Action::Ask { service } => format!("asking the service `{}`", harmless(service)),
        Action::Signal { process } if process.is_empty() => {
            "sending a signal to another process".to_owned()
        }
        Action::Signal { process } => format!("sending a signal to {}", harmless(process)),
        Action::Control { process } => format!("tracing or changing {}", harmless(process)),
    }
}

fn why(action: &Action) -> &'static str {
    match action {
        action if action.is_network() => "a build has no network",
        Action::Read(_) => "it lies outside of the project, or may hold secrets",
        Action::Ask { .. } => "it is outside of the sandbox",
        Action::Signal { .. } => "it is no process of this unit's",
        Action::Control { .. } => "a build leaves processes alone",
        _ => "it lies outside of this crate's results and TMPDIR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::worth_telling;

    fn context() -> Context {
        Context {
            home: "/Users/u".into(),
            settings: "/Users/u/p/package.json".into(),
            package: None,
            caches: vec!["/Users/u/.cargo".into()],
            removed: Vec::new(),
        }
    }

    /// Of a part of the build that is not known.
    fn denial(program: &str, action: Action) -> Denial {
        Denial {
            actor: Actor {
                unit: None,
                unknown: true,
                program: program.to_owned(),
                macros: Vec::new(),
            },
            action,
            count: 2,
        }
    }

    fn connect() -> Action {
        Action::Connect {
            address: "192.0.2.1:443".to_owned(),
        }
    }

    fn ask(service: &str) -> Action {
        Action::Ask {
            service: service.to_owned(),
        }
    }

    fn told(denials: &[Denial]) -> Vec<String> {
        let context = context();
        worth_telling(denials, &context)
            .iter()
            .map(|denial| describe(denial, &context))
            .collect()
    }

    #[test]
    fn what_no_crate_is_known_for_is_told_all_the_same() {
        let signal = |process: &str| Action::Signal {
            process: process.to_owned(),
        };
        let place = Place {
            path: "/Users/u/.zshrc".into(),
            asked: "/Users/u/.zshrc".into(),
        };
        let denials = [
            denial("build-script-bui", connect()),
            denial(".build_script_bu", Action::Write(place)),
            denial("cu\u{1b}rl", ask("com.apple.SecurityServer")),
            denial("sh", signal("")),
            denial("sh", signal("Finder\n")),
        ];
        assert_eq!(
            told(&denials),
            [
                "the sandbox kept the build script of a crate from connecting to 192.0.2.1:443 \
                 (2 times): a build has no network",
                "the sandbox kept the build script of a crate from writing `~/.zshrc` (2 times): \
                 it lies outside of this crate's results and TMPDIR",
                "the sandbox kept `cu\\u{1b}rl`, started for a crate, from asking the service \
                 `com.apple.SecurityServer` (2 times): it is outside of the sandbox",
                "the sandbox kept `sh`, started for a crate, from sending a signal to another \
                 process (2 times): it is no process of this unit's",
                "the sandbox kept `sh`, started for a crate, from sending a signal to \
                 Finder\\n (2 times): it is no process of this unit's",
            ]
        );
        assert_eq!(
            summary(&denials[..1]),
            "the sandbox denied 2 attempts of a crate that the system does not name, which built \
             all the same; `-v` shows more"
        );
        for help in denials.iter().map(|denial| help(denial, &context())) {
            assert!(help.contains("look at the crate's source"), "{help}");
        }
    }

    #[test]
    fn what_is_told_to_do_has_an_effect() {
        let home = tempfile::tempdir().unwrap();
        let context = Context {
            home: home.path().to_owned(),
            ..context()
        };
        let help = |name: &str| {
            let place = Place {
                path: home.path().join(name),
                asked: home.path().join(name),
            };
            help(&denial("sh", Action::Read(place)), &context)
        };
        for folder in [".ssh/more", "proto"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        std::fs::write(home.path().join(".netrc"), "").unwrap();
        // The setting does not open a folder that is hidden.
        assert!(help(".ssh").ends_with("\"read\": [\"~/.ssh/FILE\"] } }"));
        for name in [".ssh/more", ".ssh/id_ed25519", ".netrc", "proto"] {
            let line = format!("\"read\": [\"~/{name}\"] }} }}");
            assert!(help(name).ends_with(&line), "{name}");
        }
    }

    #[test]
    fn what_is_cargos_own_or_every_programs_is_not_told() {
        let mut known = denial("curl", connect());
        known.actor.unknown = false;
        let cache = Place {
            path: "/Users/u/.cargo/.package-cache".into(),
            asked: "/Users/u/.cargo/.package-cache".into(),
        };
        let denials = [
            known,
            denial("cargo", connect()),
            denial("rustc", Action::Write(cache)),
            denial("clang", ask("com.apple.analyticsd")),
            denial(
                "sandboxed-cargo",
                Action::Connect {
                    address: "127.0.0.1:9".to_owned(),
                },
            ),
            denial(
                "sandboxed-cargo",
                Action::Create(Place {
                    path: "/Users/u/.sandboxed-cargo-canary-17".into(),
                    asked: "/Users/u/.sandboxed-cargo-canary-17".into(),
                }),
            ),
        ];
        assert_eq!(told(&denials), [""; 0]);
    }
}
