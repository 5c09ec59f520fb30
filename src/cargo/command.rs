//! What a call of cargo does that matters here: does it run code that a dependency brought?
//!
//! The answer for anything not known to be harmless is [`Kind::Unknown`]. Built-in commands are
//! those of cargo 1.95; an alias is expanded exactly as cargo does, since a user's `cargo x` may
//! stand for a build.

use std::ffi::{OsStr, OsString};

use anyhow::Result;

use crate::error::Failure;

use super::args::CargoLine;

/// Which treatment a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Runs no foreign code and starts nothing that a configuration file could name.
    Plain,
    /// Runs no code of a dependency, but may start what the configuration in force names: the
    /// compiler with its wrappers (cargo asks `build.rustc` for its version even to fetch or to
    /// clean), credential providers, rustfmt. Harmless unless that configuration is a
    /// dependency's; may use the network and write sources, manifests and lock files.
    Resolves,
    /// Compiles and runs build scripts and proc macros, nothing more.
    Compiles,
    /// Compiles, then rewrites sources; cargo itself listens on loopback for that.
    EditsSources,
    /// Compiles, then runs the user's own program, tests or benchmarks.
    RunsProgram,
    /// Compiles a project, then copies its programs to a folder outside.
    Installs,
    /// Compiles what it fetches in the same run, then does the same.
    InstallsFromElsewhere,
    /// Compiles, then talks to a registry.
    Publishes,
    /// A third-party command, a script, or an option of a later cargo: anything may happen.
    Unknown,
}

/// A call of cargo, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    pub kind: Kind,
    /// The command that is run in the end; empty if there is none.
    pub command: OsString,
    /// The line in force: the one that was typed, with its alias expanded. The index of the
    /// subcommand is that of the typed line, and after an expansion there is none of `--`.
    pub line: CargoLine,
}

/// Judges the arguments that follow the program's name.
///
/// `alias` is asked for names that are no built-in commands and answers with the words that the
/// user's configuration gives them; see [`super::config::Config::alias`]. It is not asked at all
/// for the commands used most, so it may read the configuration when it is called.
pub fn classify(
    arguments: &[OsString],
    mut alias: impl FnMut(&str) -> Result<Option<Vec<String>>>,
) -> Result<Classified> {
    let typed = CargoLine::parse(arguments);
    let mut words = arguments.to_vec();
    let mut line = typed.clone();
    let mut expanded: Vec<String> = Vec::new();
    // Cargo shows its help as soon as it sees the option, and expands nothing.
    while let (false, Some((name, index))) = (line.front.help, name_of(&line)) {
        let Some(replacement) = expansion(&name, &mut alias)? else {
            break;
        };
        let mut next: Vec<OsString> = replacement.into_iter().map(OsString::from).collect();
        next.extend_from_slice(&words[index + 1..]);
        words = next;
        line = CargoLine::parse_words(&words);
        expanded.push(name);
        check_expansion(&expanded, &line)?;
    }
    if !expanded.is_empty() {
        line.inherit(front_only(arguments, &typed));
    }
    if let Some(argument) = line.undecodable.first() {
        return Err(undecodable(argument));
    }
    Ok(Classified {
        kind: kind(&line),
        command: line.subcommand.clone().unwrap_or_default(),
        line,
    })
}

fn name_of(line: &CargoLine) -> Option<(String, usize)> {
    // An alias has a name in TOML, so it is UTF-8; cargo refuses any other name.
    let name = line.subcommand.as_ref()?.to_str()?.to_owned();
    Some((name, line.subcommand_index?))
}

/// The line with nothing but what stands before the subcommand: what comes after it belongs to
/// the alias.
fn front_only(arguments: &[OsString], typed: &CargoLine) -> CargoLine {
    let end = typed.subcommand_index.map_or(0, |index| index + 1);
    CargoLine::parse(&arguments[..end])
}

fn expansion(
    name: &str,
    alias: &mut impl FnMut(&str) -> Result<Option<Vec<String>>>,
) -> Result<Option<Vec<String>>> {
    // A built-in command cannot be overridden; a built-in alias and a third-party command can.
    if is_builtin(name) {
        return Ok(None);
    }
    let words = match alias(name)? {
        Some(words) => words,
        None => match builtin_alias(name) {
            Some(command) => vec![command.to_owned()],
            None => return Ok(None),
        },
    };
    if words.is_empty() {
        return Err(Failure::new(format!("the alias `{name}` is empty"))
            .help(format!(
                "give `alias.{name}` a command in cargo's configuration"
            ))
            .into());
    }
    Ok(Some(words))
}

fn check_expansion(expanded: &[String], line: &CargoLine) -> Result<()> {
    let last = expanded.last().map_or("", String::as_str);
    let Some(next) = &line.subcommand else {
        return if line.front.help {
            Ok(())
        } else {
            Err(
                Failure::new(format!("the alias `{last}` stands for no command"))
                    .help(format!(
                        "add a command to `alias.{last}` in cargo's configuration"
                    ))
                    .into(),
            )
        };
    };
    if expanded.iter().any(|name| OsStr::new(name) == next) {
        return Err(Failure::new(format!(
            "the alias `{}` expands to itself: {} -> {}",
            expanded[0],
            expanded.join(" -> "),
            next.display()
        ))
        .help(format!(
            "change `alias.{last}` in cargo's configuration so that it ends in a command"
        ))
        .into());
    }
    Ok(())
}

fn undecodable(argument: &OsStr) -> anyhow::Error {
    Failure::new(format!(
        "the argument `{}` is not valid UTF-8, which cargo does not accept",
        argument.display()
    ))
    .help("give an option and a path that is not UTF-8 as two arguments, or rename the path")
    .into()
}

fn builtin_alias(name: &str) -> Option<&'static str> {
    Some(match name {
        "b" => "build",
        "c" => "check",
        "d" => "doc",
        "r" => "run",
        "rm" => "remove",
        "t" => "test",
        _ => return None,
    })
}

fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        "add"
            | "bench"
            | "build"
            | "check"
            | "clean"
            | "config"
            | "doc"
            | "fetch"
            | "fix"
            | "generate-lockfile"
            | "git-checkout"
            | "help"
            | "info"
            | "init"
            | "install"
            | "locate-project"
            | "login"
            | "logout"
            | "metadata"
            | "new"
            | "owner"
            | "package"
            | "pkgid"
            | "publish"
            | "read-manifest"
            | "remove"
            | "report"
            | "run"
            | "rustc"
            | "rustdoc"
            | "search"
            | "test"
            | "tree"
            | "uninstall"
            | "update"
            | "vendor"
            | "verify-project"
            | "version"
            | "yank"
    )
}

/// The kind of a line whose alias, if any, is expanded.
fn kind(line: &CargoLine) -> Kind {
    let front = line.front;
    // The subcommand may be the value of an option that we do not know.
    if front.unrecognised {
        return Kind::Unknown;
    }
    let Some(command) = &line.subcommand else {
        // `--explain` asks the compiler.
        return if front.explain && !front.help {
            Kind::Resolves
        } else {
            Kind::Plain
        };
    };
    let Some(command) = command.to_str() else {
        return Kind::Unknown;
    };
    if front.help || front.version || front.list {
        return Kind::Plain;
    }
    // A harmless option may be the value of one that we do not know.
    let told = |option: bool| option && line.unrecognised.is_empty();
    if told(line.help || line.version) && (is_builtin(command) || is_known_tool(command)) {
        return Kind::Plain;
    }
    match command {
        "config" | "git-checkout" | "help" | "init" | "locate-project" | "new"
        | "read-manifest" | "report" | "uninstall" | "verify-project" | "version" => Kind::Plain,

        // `fmt` is rustfmt and `cargo metadata`.
        "add" | "clean" | "fetch" | "fmt" | "generate-lockfile" | "info" | "login" | "logout"
        | "metadata" | "owner" | "pkgid" | "remove" | "search" | "tree" | "update" | "vendor"
        | "yank" => Kind::Resolves,
        // Without verification no build is made of what was packed.
        "package" if told(line.no_verify || line.list) => Kind::Resolves,
        "publish" if told(line.no_verify) => Kind::Resolves,
        "install" if told(line.list) => Kind::Plain,

        "clippy" if line.fix => Kind::EditsSources,
        "fix" => Kind::EditsSources,
        "bench" | "test" if told(line.no_run) => Kind::Compiles,
        // What was packed is built again, against the lock file; that needs no network once the
        // dependencies are there.
        "build" | "check" | "clippy" | "doc" | "package" | "rustc" | "rustdoc" => Kind::Compiles,
        // nextest starts cargo for the builds, with the environment as it is.
        "bench" | "nextest" | "run" | "test" => Kind::RunsProgram,
        "install" if line.path.is_some() => Kind::Installs,
        "install" => Kind::InstallsFromElsewhere,
        "publish" => Kind::Publishes,
        _ => Kind::Unknown,
    }
}

/// Tools that come with Rust and answer `--help` and `--version` without a build.
fn is_known_tool(command: &str) -> bool {
    matches!(command, "clippy" | "fmt")
}

#[cfg(test)]
mod tests;
