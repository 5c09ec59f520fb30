use std::path::{Path, PathBuf};

use super::*;
use crate::policy::Mask;

fn rules(paths: &[&str]) -> Vec<Rule> {
    paths
        .iter()
        .map(|path| Rule {
            path: PathBuf::from(path),
            why: String::new(),
        })
        .collect()
}

fn sample() -> Policy {
    Policy {
        profile: policy::Profile::Strict,
        network: Network::Denied,
        closed: rules(&["/Users/u"]),
        readable: rules(&["/Users/u/p", "/Users/u/.cargo"]),
        hidden: rules(&["/Users/u/p/.env"]),
        masked: vec![Mask {
            path: "/Users/u/p/.git/config".into(),
            why: "token".to_owned(),
            contents: Vec::new(),
        }],
        writable: rules(&["/Users/u/p/target", "/tmp/sc"]),
        protected: rules(&["/Users/u/p/.git"]),
        devices: rules(&["/dev/null"]),
        removed: Vec::new(),
        set: Vec::new(),
        temporary: "/tmp/sc/".into(),
        home: "/Users/u".into(),
        cargo_home: "/Users/u/.cargo".into(),
        artifacts: vec!["/Users/u/p/target".into()],
        private: Vec::new(),
        notes: Vec::new(),
        links: Vec::new(),
    }
}

fn made(policy: &Policy) -> Profile {
    profile(policy, "@scope/name").unwrap()
}

fn refusal(policy: &Policy) -> String {
    profile(policy, "x").unwrap_err().to_string()
}

#[test]
fn four_parameters_are_always_there_and_come_first() {
    let made = made(&sample());
    let first: Vec<(&str, &str)> = made.parameters[..4]
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        first,
        [
            ("TARGET_DIR", "/Users/u/p/target"),
            ("TMP_DIR", "/private/tmp/sc"),
            ("CARGO_HOME", "/Users/u/.cargo"),
            ("HOME", "/Users/u"),
        ]
    );
}

#[test]
fn other_paths_are_numbered_by_what_they_are_for() {
    let mut policy = sample();
    policy.closed.extend(rules(&["/src"]));
    policy.hidden.extend(rules(&["/src/secret"]));
    let made = made(&policy);
    for (name, path) in [
        ("READ_0", "/Users/u/p"),
        ("CLOSED_0", "/src"),
        ("HIDDEN_0", "/Users/u/p/.env"),
        ("HIDDEN_1", "/src/secret"),
        ("MASKED_0", "/Users/u/p/.git/config"),
        ("PROTECTED_0", "/Users/u/p/.git"),
        ("DEVICE_0", "/dev/null"),
    ] {
        let found = made.parameters.iter().find(|(known, _)| known == name);
        assert_eq!(found.map(|(_, value)| value.as_str()), Some(path), "{name}");
    }
}

#[test]
fn each_parameter_is_used_and_each_use_has_a_parameter() {
    let made = made(&sample());
    for (name, _) in &made.parameters {
        assert!(made.text.contains(&format!("(param \"{name}\")")), "{name}");
    }
    for used in made.text.split("(param \"").skip(1) {
        let (name, _) = used.split_once('"').unwrap();
        let known = made.parameters.iter().any(|(known, _)| known == name);
        assert!(known || matches!(name, "XCRUN_DB" | "SHARED_TMP"), "{name}");
    }
}

#[test]
fn no_path_of_the_policy_is_in_the_text() {
    let made = made(&sample());
    for (_, value) in &made.parameters {
        let quoted = format!("\"{value}\"");
        assert!(
            value == "/dev/null" || !made.text.contains(&quoted),
            "{value}"
        );
    }
    assert!(!made.text.contains("/Users/u"));
}

/// The promises that the original feature's tests made about the text.
#[test]
fn network_is_denied_and_build_folders_are_writable() {
    let text = made(&sample()).text;
    assert!(text.starts_with("(version 1)\n"));
    assert!(text.contains("(deny default)"));
    assert!(text.contains("(deny network*)"));
    assert!(text.contains("(allow file-write*\n  (subpath (param \"TMP_DIR\"))"));
    assert!(text.contains("(subpath (param \"TARGET_DIR\"))"));
    assert!(text.contains("(allow process-fork)"));
    assert!(text.contains("(allow process-exec)"));
}

#[test]
fn the_header_says_how_to_use_it_and_how_to_do_without() {
    let text = made(&sample()).text;
    let header: Vec<&str> = text
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with(";;"))
        .collect();
    let header = header.join("\n");
    for part in [
        "@scope/name",
        "strict",
        "PERRY_SANDBOX_BUILDRS=1",
        "/usr/bin/sandbox-exec -f",
        "allowUnsandboxedBuild",
        "package.json",
        "Perry",
        "issue 505",
        "XCRUN_DB",
        "SHARED_TMP",
    ] {
        assert!(header.contains(part), "{part}\n{header}");
    }
}

#[test]
fn a_hostile_package_name_or_reason_stays_a_comment() {
    let mut policy = sample();
    let hostile = "x\n(allow default)\r\u{2028}(\"";
    policy.readable[0].why = hostile.to_owned();
    let text = profile(&policy, hostile).unwrap().text;
    assert!(text.is_ascii());
    assert!(!text.contains('\r'));
    for line in text.lines() {
        let code = line.split(';').next().unwrap();
        assert!(!code.contains("allow default"), "{line}");
    }
}

#[test]
fn a_long_package_name_is_cut() {
    let text = profile(&sample(), &"x".repeat(1 << 20)).unwrap().text;
    assert!(text.len() < 20_000);
}

#[test]
fn no_rule_is_left_without_a_filter() {
    let mut policy = sample();
    policy.closed.clear();
    policy.readable.clear();
    policy.hidden.clear();
    policy.masked.clear();
    policy.writable.clear();
    policy.protected.clear();
    policy.devices.clear();
    let text = made(&policy).text;
    for broad in [
        "(allow file-write*)",
        "(allow file-write*\n)",
        "(allow file-link",
        "(allow file-read-data file-write-data\n  )",
        "(allow file-read-data file-write-data)",
        "(deny file-write-unlink)",
    ] {
        assert!(!text.contains(broad), "{broad}\n{text}");
    }
}

#[test]
fn the_listing_is_the_text_and_the_values() {
    let made = made(&sample());
    let listing = made.listing();
    assert!(listing.starts_with(&made.text));
    let rest = &listing[made.text.len()..];
    assert!(
        rest.lines()
            .all(|line| line.is_empty() || line.starts_with(";;"))
    );
    assert!(rest.contains("\n;; -D TARGET_DIR=/Users/u/p/target\n"));
}

#[test]
fn definitions_are_arguments() {
    let made = made(&sample());
    let first = made.definitions().next().unwrap();
    assert_eq!(first, "-DTARGET_DIR=/Users/u/p/target");
    assert_eq!(made.definitions().count(), made.parameters.len());
}

#[test]
fn paths_are_named_as_the_kernel_names_them() {
    for (given, expected) in [
        ("/", "/"),
        ("/tmp", "/private/tmp"),
        ("/tmp/x", "/private/tmp/x"),
        ("/var/folders/a/T/", "/private/var/folders/a/T"),
        ("/etc/ssl", "/private/etc/ssl"),
        ("/home/u", "/System/Volumes/Data/home/u"),
        ("/private/tmp/x", "/private/tmp/x"),
        ("/tmpfiles", "/tmpfiles"),
        ("/variable/x", "/variable/x"),
        ("/Users/u", "/Users/u"),
        ("/Users/u/tmp", "/Users/u/tmp"),
        ("/Users/u//", "/Users/u"),
        ("/a/...", "/a/..."),
    ] {
        assert_eq!(canonical(Path::new(given)).unwrap(), expected);
    }
}

#[test]
fn paths_that_cannot_be_expressed_are_refused() {
    for (given, shown) in [
        ("", "``"),
        ("relative/path", "`relative/path`"),
        ("//", "`//`"),
        ("/a//b", "`/a//b`"),
        ("/a/./b", "`/a/./b`"),
        ("/a/..", "`/a/..`"),
        ("/a/../b", "`/a/../b`"),
        ("/a\nb", "`/a\\nb`"),
        ("/a\tb", "`/a\\tb`"),
        ("/a\u{7f}b", "`/a\\u{7f}b`"),
        ("/a\u{85}b", "`/a\\u{85}b`"),
        ("/a\0b", "`/a\\0b`"),
    ] {
        let error = canonical(Path::new(given)).unwrap_err();
        assert!(error.to_string().contains(shown), "{error}");
        assert!(!error.chain().any(|cause| cause.to_string().contains('\n')));
    }
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/a/\xff"));
    let error = canonical(path).unwrap_err().to_string();
    assert_eq!(
        error,
        "a Seatbelt profile cannot express the path `/a/\u{fffd}`: it is not UTF-8"
    );
}

#[test]
fn each_list_of_the_policy_is_checked() {
    let bad = || rules(&["/a\nb"]);
    let changes: [fn(&mut Policy, Vec<Rule>); 6] = [
        |policy, bad| policy.closed = bad,
        |policy, bad| policy.readable = bad,
        |policy, bad| policy.hidden = bad,
        |policy, bad| policy.writable = bad,
        |policy, bad| policy.protected = bad,
        |policy, bad| policy.devices = bad,
    ];
    for change in changes {
        let mut policy = sample();
        change(&mut policy, bad());
        assert!(refusal(&policy).contains("`/a\\nb`"));
    }
    let mut policy = sample();
    policy.masked[0].path = "/a\nb".into();
    assert!(refusal(&policy).contains("`/a\\nb`"));
    let folders: [fn(&mut Policy) -> &mut PathBuf; 4] = [
        |policy| &mut policy.artifacts[0],
        |policy| &mut policy.temporary,
        |policy| &mut policy.cargo_home,
        |policy| &mut policy.home,
    ];
    for folder in folders {
        let mut policy = sample();
        *folder(&mut policy) = "relative".into();
        assert!(refusal(&policy).contains("`relative`"));
    }
}

#[test]
fn the_whole_disk_is_never_writable() {
    let mut policy = sample();
    policy.writable.extend(rules(&["/"]));
    assert!(refusal(&policy).contains("whole disk"));
}

#[test]
fn without_a_home_folder_there_are_no_secrets_in_it() {
    let mut policy = sample();
    policy.home = "/".into();
    assert!(!made(&policy).text.contains("(home \"/Library"));
    assert!(made(&sample()).text.contains("(home \"/Library"));
}

#[test]
fn many_paths_are_no_problem() {
    let mut policy = sample();
    let paths: Vec<String> = (0..1000).map(|n| format!("/Users/u/lib{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    policy.readable.extend(rules(&paths));
    let made = made(&policy);
    assert!(made.parameters.iter().any(|(name, _)| name == "READ_1000"));
}
