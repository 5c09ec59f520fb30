//! What our macOS profiles allow and deny, row by row of the policy table, under both known
//! readings of a profile; no Mac is needed.

mod sbpl;

// The profile of one unit, whose cargo is outside.
mod units;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sandboxed_cargo::policy::{Mask, Network, Policy, Profile, Rule};
use sandboxed_cargo::sandbox::seatbelt;

use self::sbpl::{Model, Query};
use crate::support::skip;

fn rules(paths: &[&str]) -> Vec<Rule> {
    paths
        .iter()
        .map(|path| Rule {
            path: PathBuf::from(path),
            why: format!("reason \"of\n{path}\" (allow default)"),
        })
        .collect()
}

/// A policy as the planner makes it for a project in `/Users/u/p`.
fn sample(profile: Profile, network: Network) -> Policy {
    let strict = profile == Profile::Strict;
    let when = |condition: bool, paths: &[&str]| {
        if condition { rules(paths) } else { Vec::new() }
    };
    let temporary = "/var/folders/x/T/sc-1";
    let mut writable = rules(&["/Users/u/p/target", temporary]);
    writable.extend(when(
        !strict,
        &["/tmp", "/var/folders/x/T", "/Users/u/.cargo/registry"],
    ));
    Policy {
        profile,
        network,
        closed: when(strict, &["/Users/u"]),
        readable: when(
            strict,
            &[
                "/Users/u/p",
                "/Users/u/.cargo",
                "/Users/u/.rustup",
                "/Users/u/.gitconfig",
                "/Users/u/.config/git",
            ],
        ),
        hidden: rules(&[
            "/Users/u/.ssh",
            "/Users/u/.aws",
            "/Users/u/.config/gh",
            "/Users/u/.cargo/credentials",
            "/Users/u/.cargo/credentials.toml",
            "/Users/u/p/.env",
        ]),
        masked: vec![Mask {
            path: "/Users/u/p/.git/config".into(),
            why: "a token in a remote's URL".to_owned(),
            contents: b"[core]\n".to_vec(),
        }],
        writable,
        protected: rules(&[
            "/Users/u/.cargo/bin",
            "/Users/u/.cargo/registry/src",
            "/Users/u/.rustup/toolchains",
            "/Users/u/p/.git",
            "/var/folders/x/T/xcrun_db",
        ]),
        devices: rules(&["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"]),
        removed: Vec::new(),
        set: Vec::new(),
        temporary: temporary.into(),
        home: "/Users/u".into(),
        cargo_home: "/Users/u/.cargo".into(),
        artifacts: vec!["/Users/u/p/target".into()],
        private: Vec::new(),
        notes: Vec::new(),
        links: Vec::new(),
    }
}

/// The cases for a variant: lines of operation, value, answer and attributes.
fn table(profile: Profile, network: Network) -> String {
    let network = match network {
        Network::Denied => include_str!("seatbelt/offline.tsv"),
        Network::Internet => include_str!("seatbelt/online.tsv"),
    };
    let profile = match profile {
        Profile::Strict => include_str!("seatbelt/strict.tsv"),
        Profile::Compat => include_str!("seatbelt/compat.tsv"),
    };
    [include_str!("seatbelt/always.tsv"), network, profile].concat()
}

const VARIANTS: [(Profile, Network); 4] = [
    (Profile::Strict, Network::Denied),
    (Profile::Strict, Network::Internet),
    (Profile::Compat, Network::Denied),
    (Profile::Compat, Network::Internet),
];

#[test]
fn every_row_of_the_policy_table_holds_under_both_models() {
    for (profile, network) in VARIANTS {
        let text = seatbelt::profile(&sample(profile, network), "@a/b").unwrap();
        check(&text, &table(profile, network));
    }
}

/// A message of a rule changes what the log says, and nothing else.
#[test]
fn messages_change_no_answer() {
    let tag = seatbelt::log::Tag::new();
    let message = format!(" (with message \"{tag}\")");
    for (profile, network) in VARIANTS {
        let policy = sample(profile, network);
        let plain = seatbelt::profile(&policy, "(deny default)").unwrap();
        let tagged = seatbelt::tagged(&policy, "(deny default)", &tag).unwrap();
        assert_eq!(tagged.text.replace(&message, ""), plain.text);
        assert_eq!(tagged.parameters, plain.parameters);
        for rule in ["(deny default", "(deny network*"] {
            let marked = format!("{rule}{message})\n");
            assert_eq!(tagged.text.matches(&marked).count(), 1);
        }
        // Each of those that a path decides as well.
        assert!(tagged.text.matches(&message).count() > 8);
        check(&tagged, &table(profile, network));
        ask_another(&tagged, &table(profile, network));
    }
}

/// Each row of the table holds under both models.
#[track_caller]
fn check(text: &seatbelt::Profile, table: &str) {
    let judge = sbpl::Profile::new(&text.text, &text.parameters);
    for line in table.lines() {
        if line.starts_with('#') {
            continue;
        }
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let (operation, value, answer, attributes) = (field(), field(), field(), field());
        assert!(matches!(answer, "allow" | "deny"), "{line}");
        for model in [Model::Kernel, Model::Textual] {
            let query = Query {
                operation,
                value,
                attributes,
            };
            assert_eq!(
                judge.allows(&query, model),
                answer == "allow",
                "{model:?} {query:?}\n{}",
                text.listing()
            );
        }
    }
}

/// The evaluator must be able to say no: without our rules the denials are gone.
#[test]
fn the_evaluator_sees_a_profile_without_a_sandbox() {
    let open = sbpl::Profile::new("(version 1)\n(allow default)\n", &[]);
    for (operation, value) in [
        ("file-read-data", "/Users/u/.ssh/id_ed25519"),
        ("file-write-data", "/Users/u/.zshrc"),
        ("network-outbound", "tcp:192.0.2.1:443"),
        ("signal", "others"),
    ] {
        for model in [Model::Kernel, Model::Textual] {
            let query = Query {
                operation,
                value,
                attributes: "",
            };
            assert!(open.allows(&query, model), "{query:?}");
        }
    }
}

#[test]
fn the_models_differ_where_tools_report_that_they_do() {
    let text = "(version 1)\n(deny default)\n\
                (allow file-write* (subpath \"/a\"))\n(deny file-write*)\n";
    let judge = sbpl::Profile::new(text, &[]);
    let query = Query {
        operation: "file-write-data",
        value: "/a/x",
        attributes: "",
    };
    assert!(judge.allows(&query, Model::Kernel));
    assert!(!judge.allows(&query, Model::Textual));
}

/// What only macOS has, and so the planner's list for all systems does not.
#[test]
fn secrets_of_the_library_folder_are_hidden_where_the_home_folder_is_open() {
    let policy = sample(Profile::Compat, Network::Denied);
    let text = seatbelt::profile(&policy, "x").unwrap();
    let judge = sbpl::Profile::new(&text.text, &text.parameters);
    let reads = |value: &str| {
        [Model::Kernel, Model::Textual].map(|model| {
            ["file-read-data", "file-read-xattr", "file-clone"].map(|operation| {
                judge.allows(
                    &Query {
                        operation,
                        value,
                        attributes: "",
                    },
                    model,
                )
            })
        })
    };
    for secret in seatbelt::SECRETS {
        let inside = format!("/Users/u{secret}/file");
        assert_eq!(reads(&inside), [[false; 3]; 2], "{inside}");
        // Names are not prefixes.
        let beside = format!("/Users/u{secret}-other/file");
        assert_eq!(reads(&beside), [[true; 3]; 2], "{beside}");
    }
}

#[test]
fn two_parameters_of_the_user_open_more() {
    let policy = sample(Profile::Strict, Network::Denied);
    let mut text = seatbelt::profile(&policy, "x").unwrap();
    let answers = |text: &seatbelt::Profile| {
        let judge = sbpl::Profile::new(&text.text, &text.parameters);
        [
            "/private/tmp/x",
            "/private/var/tmp/x",
            "/private/var/folders/x/T/cache_db-1",
            "/private/var/folders/x/T/other",
        ]
        .map(|value| {
            [Model::Kernel, Model::Textual].map(|model| {
                judge.allows(
                    &Query {
                        operation: "file-write-create",
                        value,
                        attributes: "",
                    },
                    model,
                )
            })
        })
    };
    assert_eq!(answers(&text), [[false; 2]; 4]);
    for (name, value) in [
        ("SHARED_TMP", "1"),
        ("XCRUN_DB", "/private/var/folders/x/T/cache_db"),
    ] {
        text.parameters.push((name.to_owned(), value.to_owned()));
    }
    assert_eq!(
        answers(&text),
        [[true; 2], [true; 2], [true; 2], [false; 2]]
    );
}

/// Any policy: the profile answers as the policy does.
#[test]
fn random_policies_mean_what_they_say() {
    let mut random = Random(1);
    let mut answers = [[0_u32; 2]; 2];
    for round in 0..150 {
        let policy = random.policy();
        let text = seatbelt::profile(&policy, "x").unwrap();
        let judge = sbpl::Profile::new(&text.text, &text.parameters);
        for path in universe() {
            let hidden = policy
                .masked
                .iter()
                .any(|mask| path.starts_with(&mask.path));
            let masked_last = policy.read_rule(&path).is_none_or(|(_, rule)| {
                policy.masked.iter().any(|mask| {
                    path.starts_with(&mask.path)
                        && mask.path.components().count() >= rule.path.components().count()
                })
            });
            let read = policy.may_read(&path) && !(hidden && masked_last);
            let write = policy.may_write(&path);
            answers[0][usize::from(read)] += 1;
            answers[1][usize::from(write)] += 1;
            for model in [Model::Kernel, Model::Textual] {
                let allows = |operation| {
                    judge.allows(
                        &Query {
                            operation,
                            value: path.to_str().unwrap(),
                            attributes: "",
                        },
                        model,
                    )
                };
                // Nothing that another rule names is moved along.
                let holds_rule = policy.may_write(&path) && {
                    let denied = policy.closed.iter().chain(&policy.hidden);
                    denied
                        .chain(&policy.protected)
                        .map(|rule| &rule.path)
                        .chain(policy.masked.iter().map(|mask| &mask.path))
                        .any(|inner| inner.starts_with(&path))
                };
                for (claim, holds) in [
                    ("read data", allows("file-read-data") == read),
                    ("read xattr", allows("file-read-xattr") == read),
                    ("write data", allows("file-write-data") == write),
                    ("create", allows("file-write-create") == write),
                    ("stat", !read || allows("file-read-metadata")),
                    ("clone", read || !allows("file-clone")),
                    ("link", (read && write) || !allows("file-link")),
                    ("unlink", (read && write) || !allows("file-write-unlink")),
                    ("move", !holds_rule || !allows("file-write-unlink")),
                ] {
                    assert!(
                        holds,
                        "{claim} {round} {model:?} {path:?}\n{policy:#?}\n{}",
                        text.listing()
                    );
                }
            }
        }
    }
    // All four answers were really asked for.
    assert!(
        answers.concat().iter().all(|&count| count > 1000),
        "{answers:?}"
    );
}

#[test]
fn hostile_paths_stay_parameters() {
    let long = format!("/{}", "x/".repeat(499) + "end");
    for hostile in [
        "/Users/u/a\"b",
        "/Users/u/a\\b",
        "/Users/u/a\\\"b",
        "/Users/u/x\")(allow default)(\"",
        "/Users/u/(param \"HOME\")",
        "/Users/u/ spaces  and 'quotes'",
        "/Users/u/;comment",
        "/Users/u/#t",
        "/Users/u/-DHOME=",
        "/Users/u/a=b",
        "/Users/u/$(id)`id`",
        "/Users/u/*?[a-z]",
        "/Users/u/naïve-日本語-🦀",
        long.as_str(),
    ] {
        let mut policy = sample(Profile::Strict, Network::Denied);
        policy.artifacts = vec![hostile.into()];
        policy.writable = rules(&[hostile]);
        policy.hidden.extend(rules(&[&format!("{hostile}/secret")]));
        let text = seatbelt::profile(&policy, "@a/b").unwrap();
        let plain: Vec<&str> = text
            .text
            .lines()
            .map(|line| line.split_once(';').map_or(line, |(code, _)| code))
            .collect();
        assert!(!plain.concat().contains(hostile), "{hostile}");
        let judge = sbpl::Profile::new(&text.text, &text.parameters);
        for model in [Model::Kernel, Model::Textual] {
            let allows = |operation, value: &str| {
                judge.allows(
                    &Query {
                        operation,
                        value,
                        attributes: "",
                    },
                    model,
                )
            };
            assert!(allows("file-write-data", &format!("{hostile}/f")));
            assert!(!allows("file-read-data", &format!("{hostile}/secret")));
            assert!(!allows("file-write-data", "/Users/u/.zshrc"));
            assert!(!allows("signal", "others"));
        }
        assert!(
            text.definitions()
                .any(|argument| argument.to_str() == Some(&format!("-DTARGET_DIR={hostile}")))
        );
    }
}

/// The same cases, asked of another evaluator, where there is one.
#[test]
fn another_evaluator_agrees() {
    for (profile, network) in VARIANTS {
        let text = seatbelt::profile(&sample(profile, network), "@a/b").unwrap();
        ask_another(&text, &table(profile, network));
    }
}

#[track_caller]
fn ask_another(text: &seatbelt::Profile, table: &str) {
    let Some(script) = evaluator() else {
        return skip(
            "another evaluator",
            "SBPL_EVAL names none, and there is none beside the checkout",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.sb");
    fs::write(&file, &text.text).unwrap();
    let cases = folder.path().join("cases.tsv");
    fs::write(&cases, table).unwrap();
    for arguments in [&["check"][..], &["batch", "--model", "both", "--explain"]] {
        let mut command = Command::new("python3");
        command.arg(&script).arg(arguments[0]).arg(&file);
        if arguments[0] == "batch" {
            command.arg(&cases);
        }
        command.args(&arguments[1..]).args(["--platform", "both"]);
        for (name, value) in &text.parameters {
            command.args(["-D", &format!("{name}={value}")]);
        }
        let output = command.output().unwrap();
        let told =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert!(!told.contains("warning"), "{told}");
    }
}

fn evaluator() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools/sbpl_eval.py");
    match std::env::var_os("SBPL_EVAL") {
        Some(named) => Some(named.into()),
        None => beside.exists().then_some(beside),
    }
}

/// All paths of up to four parts.
fn universe() -> Vec<PathBuf> {
    let mut all = vec![PathBuf::from("/r")];
    let mut at = 0;
    while at < all.len() {
        let folder = all[at].clone();
        if folder.components().count() < 6 {
            all.extend(["a", "b"].map(|part| folder.join(part)));
        }
        at += 1;
    }
    all
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; the low bits are weak.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn path(&mut self) -> PathBuf {
        let mut path = PathBuf::from("/r");
        for _ in 0..self.below(5) {
            path.push(["a", "b"][self.below(2)]);
        }
        path
    }

    fn rules(&mut self) -> Vec<Rule> {
        (0..self.below(4))
            .map(|_| Rule {
                path: self.path(),
                why: String::new(),
            })
            .collect()
    }

    fn policy(&mut self) -> Policy {
        let mut policy = sample(Profile::Strict, Network::Denied);
        policy.closed = self.rules();
        policy.readable = self.rules();
        policy.hidden = self.rules();
        policy.writable = self.rules();
        policy.protected = self.rules();
        policy.masked.truncate(self.below(2));
        for mask in &mut policy.masked {
            mask.path = self.path();
        }
        policy
    }
}
