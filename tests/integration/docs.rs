//! What the documentation says of data, messages and names in the sources is what they say.
//!
//! With `UPDATE_DOCS=1` in the environment the generated tables are written instead of compared.

// The table of the system call filter.
#[cfg(target_os = "linux")]
mod seccomp;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use sandboxed_cargo::cargo::command::{Kind, classify};
use sandboxed_cargo::exit;
use sandboxed_cargo::policy::secrets::{self, Secret};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text between `<!-- begin: NAME -->` and `<!-- end: NAME -->` of `path` is `expected`.
#[track_caller]
fn generated(path: &str, name: &str, expected: &str) {
    let text = read(path);
    let begin = format!("<!-- begin: {name} -->\n");
    let end = format!("<!-- end: {name} -->");
    let (before, rest) = text.split_once(&begin).expect("a begin mark");
    let (found, after) = rest.split_once(&end).expect("an end mark");
    let indent = before.rsplit('\n').next().unwrap();
    let expected = if indent.is_empty() {
        format!("\n{}\n\n", expected.trim())
    } else {
        format!("{indent}{}\n{indent}", expected.trim())
    };
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}{begin}{expected}{end}{after}");
        fs::write(root().join(path), text).unwrap();
    } else {
        assert_eq!(
            found, expected,
            "{path}: `{name}` is out of date; run the tests with UPDATE_DOCS=1"
        );
    }
}

/// Every Rust source of the program but its tests, in one text, with continued lines joined.
fn sources() -> String {
    let mut text = String::new();
    for path in files(&root().join("src"), "rs") {
        if path.ends_with("tests.rs") || path.ends_with("kernel_tests.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        text += source.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    }
    let mut joined = String::new();
    let mut lines = text.lines();
    while let Some(mut line) = lines.next() {
        while let Some(start) = line.strip_suffix('\\') {
            joined += start;
            line = lines.next().unwrap_or_default().trim_start();
        }
        joined += line;
        joined.push('\n');
    }
    joined.replace("\\\"", "\"")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<PathBuf> {
    let mut documents = files(&root().join("docs"), "md");
    documents.extend(["README.md", "CHANGELOG.md", "shim/README.md"].map(|path| root().join(path)));
    documents.extend(files(&root().join(".github"), "md"));
    documents
}

#[test]
fn links_lead_to_files() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{}: `{target}`", document.display());
        }
    }
}

#[test]
fn hidden_places() {
    fn places(prefix: &str, list: &[Secret]) -> String {
        let mut text = "| path | holds |\n|---|---|\n".to_owned();
        for secret in list {
            let _ = writeln!(text, "| `{prefix}{}` | {} |", secret.path, secret.what);
        }
        text
    }
    let path = "docs/configuration.md";
    generated(path, "home", &places("~/", secrets::HOME));
    generated(path, "home on macOS", &places("~/", secrets::HOME_MACOS));
    generated(path, "system", &places("", secrets::SYSTEM));
}

/// The strings of a line, each with the word before its bracket.
fn strings_of(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('"') {
        let (text, after) = after.split_once('"').unwrap();
        let word = before.trim_end_matches('(');
        let word = word.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap();
        found.push((word, text));
        rest = after;
    }
    found
}

/// The lines between the brackets of the constant `name`, without comments.
fn body<'a>(source: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let rest = source.split(&format!("const {name}: ")).nth(1).expect(name);
    let rest = rest.split_once("= ").unwrap().1;
    let body = rest.split("];").next().unwrap();
    body.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The strings of the constant `name`, as a list.
fn quoted(source: &str, name: &str) -> String {
    let strings: Vec<_> = body(source, name)
        .flat_map(strings_of)
        .map(|(_, text)| format!("`{text}`"))
        .collect();
    strings.join(", ")
}

#[test]
fn removed_variables() {
    let source = read("src/policy/environment/table.rs");
    let pattern = |(kind, text): (&str, &str)| match kind {
        "Prefix" => format!("`{text}*`"),
        "Suffix" => format!("`*{text}`"),
        "Part" => format!("`*{text}*`"),
        "Word" => format!("`{text}` as a word"),
        _ => format!("`{text}`"),
    };
    let list = |name: &str| {
        let all: Vec<_> = body(&source, name)
            .flat_map(strings_of)
            .map(pattern)
            .collect();
        all.join(", ")
    };
    let path = "docs/configuration.md";
    let mut text = "| variables | reason |\n|---|---|\n".to_owned();
    for (constant, reason) in [
        ("CLOUD", "access to a cloud account"),
        ("CI", "access to the CI service"),
        ("SOCKET", "leads to a process outside"),
        ("STORE", "names a store of credentials"),
        ("SECRET", "named like a secret"),
    ] {
        assert!(source.contains(&format!("const {constant}: &str = \"{reason}\"")));
        let names: Vec<_> = body(&source, "NAMES")
            .filter(|line| line.ends_with(&format!(", {constant}),")))
            .flat_map(strings_of)
            .map(pattern)
            .collect();
        let _ = writeln!(text, "| {} | {reason} |", names.join(", "));
    }
    generated(path, "removed", &text);
    generated(path, "harmless", &list("HARMLESS"));
    generated(path, "not looked into", &list("PATHS_AND_FLAGS"));
    generated(path, "tokens", &quoted(&source, "TOKENS"));
}

#[test]
fn lists() {
    for (source, names) in [
        (
            "src/host/dotenv.rs",
            [
                ("published", "PUBLISHED"),
                ("anywhere", "ANYWHERE"),
                ("at the top", "AT_THE_TOP"),
            ],
        ),
        (
            "src/gather/variables.rs",
            [
                ("suffixes", "SUFFIXES"),
                ("lists", "LISTS"),
                ("private", "NOT"),
            ],
        ),
    ] {
        let text = read(source);
        for (mark, constant) in names {
            generated("docs/configuration.md", mark, &quoted(&text, constant));
        }
    }
}

/// The first column of the table of commands names each with what the program makes of it.
#[test]
fn commands() {
    let text = read("docs/configuration.md");
    let table = text
        .split("<!-- begin: commands -->")
        .nth(1)
        .expect("a table");
    let table = table.split("<!-- end: commands -->").next().unwrap();
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split(" | ").collect();
        let expected = cells[1].trim();
        for command in cells[0].split('`').skip(1).step_by(2) {
            rows += 1;
            let words: Vec<_> = command.split(' ').map(Into::into).collect();
            let kind = classify(&words, |_| Ok(None)).unwrap().kind;
            let treatment = match kind {
                Kind::Plain | Kind::Resolves => "plain cargo",
                Kind::Compiles => "sandboxed",
                Kind::Unknown => "sandboxed, program included",
                Kind::RunsProgram
                | Kind::Installs
                | Kind::InstallsFromElsewhere
                | Kind::Publishes => "each unit sandboxed",
                Kind::EditsSources => "refused",
            };
            assert_eq!(treatment, expected, "cargo {command}");
        }
    }
    assert!(rows > 40, "only {rows} commands");
}

/// Names of ours in the documents and in the sources are the same ones.
#[test]
fn variables() {
    fn names(text: &str) -> BTreeSet<&str> {
        text.split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .filter(|word| {
                ["PERRY_SANDBOX_", "PERRY_CACHE_", "SANDBOXED_CARGO"]
                    .iter()
                    .any(|prefix| word.starts_with(prefix))
            })
            .collect()
    }
    let sources = sources() + &read("shim/cargo");
    let known = names(&sources);
    let configuration = read("docs/configuration.md");
    let missing: Vec<_> = known.difference(&names(&configuration)).copied().collect();
    assert!(
        missing.is_empty(),
        "not in docs/configuration.md: {missing:?}"
    );
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let unknown: Vec<_> = names(&text)
            .difference(&known)
            .copied()
            .map(str::to_owned)
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", document.display());
    }
}

#[test]
fn exit_status() {
    let status = format!("`{}`", exit::FAILURE);
    for path in ["docs/messages.md", "docs/configuration.md"] {
        assert!(read(path).contains(&status), "{path}: {status}");
    }
}

/// The texts of `docs/messages.md` are the program's, and all of its errors and notes are there.
#[test]
fn messages() {
    /// What stands between placeholders, where that is long enough to tell.
    fn fixed(text: &str, open: char, close: char) -> impl Iterator<Item = &str> {
        text.split(open)
            .map(move |part| part.split_once(close).map_or(part, |(_, rest)| rest))
            .map(|part| part.trim_matches(['`', ' ', ':']))
            .filter(|part| part.len() >= 6)
    }

    let sources = sources() + &read("shim/cargo");
    let document = read("docs/messages.md");
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_start_matches("| ").split(" | ").collect();
        let mut texts = vec![cells[0].trim_matches(['`', ' '])];
        // Where a message has several endings, the next cell lists them.
        if cells[0].contains("<problem>") {
            texts.extend(cells[1].split('`').skip(1).step_by(2));
        }
        for part in texts.into_iter().flat_map(|text| fixed(text, '<', '>')) {
            let part = part.replace("SANDBOXED_CARGO_REAL", "{OVERRIDE}");
            let part = part.replace("/usr/bin/sandbox-exec", "{SANDBOX_EXEC}");
            let known = sources.contains(&part) || part.starts_with("Sandboxed");
            assert!(known, "not a message of the program: {part}");
        }
    }
    for opening in [
        "Failure::new(",
        ".note(",
        "notes.push(",
        ".warning(",
        "bail!(",
        ".context(",
        "with_context(|| format!(",
    ] {
        for rest in sources.split(opening).skip(1) {
            let rest = rest.trim_start();
            let rest = ["format!(", "format_args!("]
                .iter()
                .find_map(|macro_call| rest.strip_prefix(macro_call))
                .unwrap_or(rest);
            let Some(rest) = rest.trim_start().strip_prefix('"') else {
                continue;
            };
            for part in fixed(rest.split('"').next().unwrap(), '{', '}') {
                assert!(document.contains(part), "not in docs/messages.md: {part}");
            }
        }
    }
}

/// Who may import what of the crate, as `docs/internals.md` says.
#[test]
fn imports() {
    for (folder, allowed) in [
        ("cargo", &["cargo", "error"][..]),
        ("host", &["error", "host", "policy"]),
        ("policy", &["error", "paths", "policy"]),
        (
            "report",
            &["denial", "message", "policy", "report", "sandbox"],
        ),
        (
            "sandbox",
            &["denial", "error", "exit", "paths", "policy", "sandbox"],
        ),
    ] {
        for path in files(&root().join("src").join(folder), "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for module in text.split("crate::").skip(1) {
                let name = module.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                assert!(allowed.contains(&name), "{}: crate::{name}", path.display());
            }
        }
    }
}

/// What `doctor` prints without namespaces is quoted word for word.
#[test]
fn doctor() {
    let sources = sources();
    let document = read("docs/linux.md");
    let quoted: Vec<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("  - ").or(line.strip_prefix("  help: ")))
        .collect();
    assert_eq!(quoted.len(), 5);
    for line in quoted {
        assert!(sources.contains(line), "{line}");
    }
}
