//! Which of cargo's options take a value.
//!
//! Without this table the value of `--config foo build` would be taken for the subcommand, and
//! the value of `-p --release` for a flag. One table serves all commands that compile: cargo
//! gives them the same options, and where it does not, it refuses the option and runs nothing.

/// What follows an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// The next argument, unless that looks like an option (cargo then refuses the call).
    Value,
    /// The next argument, unless that looks like an option; `--target` alone is not an error of
    /// the parser.
    MaybeValue,
    /// The next argument whatever it looks like: `--jobs -1`.
    AnyValue,
}

use Takes::{AnyValue, MaybeValue, Nothing, Value};

/// One option by its long and its short name; an empty or NUL name means that it has none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt {
    pub(super) long: &'static str,
    pub(super) short: char,
    pub(super) takes: Takes,
}

const fn flag(long: &'static str) -> Opt {
    short(long, '\0', Nothing)
}

const fn value(long: &'static str) -> Opt {
    short(long, '\0', Value)
}

const fn maybe(long: &'static str) -> Opt {
    short(long, '\0', MaybeValue)
}

const fn short(long: &'static str, short: char, takes: Takes) -> Opt {
    Opt { long, short, takes }
}

/// Accepted before and after the subcommand.
const GLOBAL: &[Opt] = &[
    short("verbose", 'v', Nothing),
    short("quiet", 'q', Nothing),
    value("color"),
    flag("locked"),
    flag("offline"),
    flag("frozen"),
    value("config"),
    short("", 'Z', Value),
    short("help", 'h', Nothing),
];

/// Accepted before the subcommand only.
const FRONT: &[Opt] = &[
    short("version", 'V', Nothing),
    flag("list"),
    value("explain"),
    short("", 'C', Value),
];

/// The options of the commands that compile, and of third-party commands as far as we can guess.
const COMPILE: &[Opt] = &[
    flag("all"),
    flag("all-features"),
    flag("all-targets"),
    flag("allow-dirty"),
    flag("allow-no-vcs"),
    flag("allow-staged"),
    value("artifact-dir"),
    maybe("bench"),
    flag("benches"),
    maybe("bin"),
    flag("bins"),
    flag("broken-code"),
    flag("build-plan"),
    flag("compile-time-deps"),
    value("crate-type"),
    flag("debug"),
    flag("doc"),
    flag("document-private-items"),
    short("dry-run", 'n', Nothing),
    flag("edition"),
    flag("edition-idioms"),
    maybe("example"),
    flag("examples"),
    value("exclude"),
    flag("exclude-lockfile"),
    short("features", 'F', Value),
    flag("fix"),
    flag("future-incompat-report"),
    flag("ignore-rust-version"),
    value("index"),
    short("jobs", 'j', AnyValue),
    flag("keep-going"),
    flag("lib"),
    short("list", 'l', Nothing),
    value("lockfile-path"),
    // The short name is that of 1.97.
    short("manifest-path", 'm', Value),
    value("message-format"),
    flag("no-default-features"),
    flag("no-deps"),
    flag("no-fail-fast"),
    flag("no-metadata"),
    flag("no-run"),
    flag("no-verify"),
    flag("open"),
    // Gone since 1.83, and refused with a hint since; it took a value.
    value("out-dir"),
    value("output-format"),
    short("package", 'p', MaybeValue),
    value("print"),
    value("profile"),
    value("registry"),
    short("release", 'r', Nothing),
    short("silent", 's', Nothing),
    maybe("target"),
    value("target-dir"),
    maybe("test"),
    flag("tests"),
    flag("timings"),
    value("token"),
    flag("unit-graph"),
    flag("workspace"),
];

/// Where a command's options differ from [`COMPILE`] or are not in it.
const OWN: &[(&str, &[Opt])] = &[
    (
        "add",
        &[
            value("base"),
            value("branch"),
            flag("build"),
            flag("default-features"),
            flag("dev"),
            value("git"),
            flag("no-optional"),
            flag("no-public"),
            flag("optional"),
            value("path"),
            flag("public"),
            value("rename"),
            value("rev"),
            value("tag"),
            value("target"),
        ],
    ),
    (
        "clean",
        &[
            value("max-crate-age"),
            value("max-crate-size"),
            value("max-download-age"),
            value("max-download-size"),
            value("max-git-co-age"),
            value("max-git-db-age"),
            value("max-git-size"),
            value("max-index-age"),
            value("max-src-age"),
            value("max-src-size"),
        ],
    ),
    (
        "clippy",
        &[short("version", 'V', Nothing), value("explain")],
    ),
    (
        "config",
        &[value("format"), value("merged"), flag("show-origin")],
    ),
    ("generate-lockfile", &[value("publish-time")]),
    ("init", NEW),
    ("new", NEW),
    (
        "install",
        &[
            value("branch"),
            short("force", 'f', Nothing),
            value("git"),
            flag("no-track"),
            value("path"),
            value("rev"),
            value("root"),
            value("tag"),
            value("vers"),
            value("version"),
        ],
    ),
    (
        "metadata",
        &[value("filter-platform"), value("format-version")],
    ),
    (
        "owner",
        &[short("add", 'a', Value), short("remove", 'r', Value)],
    ),
    ("remove", &[flag("build"), flag("dev"), value("target")]),
    ("report", &[value("id"), value("limit")]),
    ("search", &[value("limit")]),
    (
        "tree",
        &[
            short("all", 'a', Nothing),
            value("charset"),
            value("depth"),
            flag("duplicate"),
            short("duplicates", 'd', Nothing),
            short("edges", 'e', Value),
            short("format", 'f', Value),
            short("invert", 'i', MaybeValue),
            flag("no-dedupe"),
            flag("no-dev-dependencies"),
            flag("no-indent"),
            value("prefix"),
            flag("prefix-depth"),
            value("prune"),
            short("version", 'V', Nothing),
        ],
    ),
    ("uninstall", &[value("bin"), value("root")]),
    (
        "update",
        &[
            flag("aggressive"),
            short("breaking", 'b', Nothing),
            value("precise"),
            flag("recursive"),
            short("workspace", 'w', Nothing),
        ],
    ),
    (
        "vendor",
        &[
            flag("disallow-duplicates"),
            flag("no-delete"),
            flag("no-merge-sources"),
            flag("only-git-deps"),
            flag("relative-path"),
            flag("respect-source-config"),
            short("sync", 's', Value),
            flag("versioned-dirs"),
        ],
    ),
    ("yank", &[flag("undo"), value("vers"), value("version")]),
];

const NEW: &[Opt] = &[
    flag("bin"),
    value("edition"),
    flag("lib"),
    value("name"),
    value("vcs"),
];

/// The options that count before the subcommand, or after the one called `command`.
fn all(command: Option<&str>) -> impl Iterator<Item = &'static Opt> {
    let (first, second) = match command {
        None => (FRONT, GLOBAL),
        Some(command) => {
            let own = OWN.iter().find(|(name, _)| *name == command);
            (own.map_or(&[][..], |(_, options)| *options), GLOBAL)
        }
    };
    let third = if command.is_some() { COMPILE } else { &[] };
    first.iter().chain(second).chain(third)
}

pub(super) fn by_long(command: Option<&str>, name: &str) -> Option<Opt> {
    if name.is_empty() {
        return None;
    }
    all(command).find(|option| option.long == name).copied()
}

pub(super) fn by_short(command: Option<&str>, name: char) -> Option<Opt> {
    if name == '\0' {
        return None;
    }
    all(command).find(|option| option.short == name).copied()
}

/// Does everything from the first positional argument on belong to the program that is run, or to
/// the compiler?
pub(super) fn ends_at_positional(command: &str) -> bool {
    matches!(command, "run" | "rustc" | "rustdoc")
}
