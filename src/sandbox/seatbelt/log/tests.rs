use super::*;
use crate::denial::Kind;

/// A line of `log show --style ndjson`, shortened by fields that nobody reads here.
fn line(message: &str) -> Vec<u8> {
    let line = serde_json::json!({
        "traceID": 1_234,
        "eventMessage": message,
        "eventType": "logEvent",
        "processID": 0,
        "senderImagePath": "/System/Library/Extensions/Sandbox.kext/Contents/MacOS/Sandbox",
        "messageType": "Error",
        "timestamp": "2026-10-03 09:16:59.318613+0200",
    });
    format!("{line}\n").into_bytes()
}

fn read(tag: &Tag, messages: &[&str]) -> Vec<Denial> {
    let lines: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| line(&format!("{message}\n{tag}")))
        .collect();
    denials(&lines.concat(), tag, None)
}

/// What was done, without who did it.
fn actions(denials: &[Denial]) -> Vec<(&str, &Action, u64)> {
    denials
        .iter()
        .map(|denial| (denial.actor.program.as_str(), &denial.action, denial.count))
        .collect()
}

fn at(path: &str) -> Place {
    Place {
        path: path.into(),
        asked: path.into(),
    }
}

#[test]
fn each_operation_becomes_what_was_tried() {
    let connect = |address: &str| Action::Connect {
        address: address.to_owned(),
    };
    let listen = |address: &str| Action::Listen {
        address: address.to_owned(),
    };
    let ask = |service: &str| Action::Ask {
        service: service.to_owned(),
    };
    let cases: Vec<(&str, Option<Action>)> = vec![
        (
            "network-outbound 93.184.216.34:443",
            Some(connect("93.184.216.34:443")),
        ),
        (
            "network-outbound /private/var/run/mDNSResponder",
            Some(connect("/private/var/run/mDNSResponder")),
        ),
        ("network-bind *:8080", Some(listen("*:8080"))),
        ("network-inbound *:8080", Some(listen("*:8080"))),
        (
            "system-socket",
            Some(Action::Socket {
                family: "unknown".to_owned(),
            }),
        ),
        (
            "file-read-data /Users/u/.ssh/id_ed25519",
            Some(Action::Read(at("/Users/u/.ssh/id_ed25519"))),
        ),
        ("file-read-xattr /a", Some(Action::Read(at("/a")))),
        ("file-clone /a", Some(Action::Read(at("/a")))),
        ("file-write-create /a b", Some(Action::Create(at("/a b")))),
        ("file-link /a", Some(Action::Create(at("/a")))),
        ("file-write-unlink /a", Some(Action::Remove(at("/a")))),
        ("file-write-data /a", Some(Action::Write(at("/a")))),
        ("file-write* /a", Some(Action::Write(at("/a")))),
        ("file-write-mode /a", Some(Action::Alter(at("/a")))),
        ("file-write-xattr /a", Some(Action::Alter(at("/a")))),
        (
            "mach-lookup com.apple.SecurityServer",
            Some(ask("com.apple.SecurityServer")),
        ),
        (
            "iokit-open IOSurfaceRootUserClient",
            Some(ask("IOSurfaceRootUserClient")),
        ),
        (
            "signal",
            Some(Action::Signal {
                process: String::new(),
            }),
        ),
        ("file-read-metadata /Users/u/.ssh", None),
        ("file-test-existence /a", None),
        ("sysctl-read kern.procargs2", None),
        ("process-info-pidinfo", None),
        ("user-preference-read x", None),
        ("new-operation-of-macOS x", None),
        ("file-write-data", None),
        ("file-write-data relative", None),
    ];
    for (text, expected) in cases {
        let tag = Tag::new();
        let found = read(&tag, &[&format!("Sandbox: curl(4242) deny(1) {text}")]);
        let found: Vec<_> = found.iter().map(|denial| &denial.action).collect();
        assert_eq!(found, Vec::from_iter(&expected), "{text}");
    }
}

#[test]
fn repetitions_are_added_up() {
    let tag = Tag::new();
    let found = read(
        &tag,
        &[
            "Sandbox: touch(7) deny(1) file-write-create /x",
            "5 duplicate reports for Sandbox: touch(7) deny(1) file-write-create /x",
            "1 duplicate report for Sandbox: touch(8) deny(1) file-write-create /x",
            "18446744073709551615 duplicate reports for Sandbox: sh(8) deny(1) signal",
            "Sandbox: sh(9) deny(1) signal",
        ],
    );
    let signal = Action::Signal {
        process: String::new(),
    };
    assert_eq!(
        actions(&found),
        [
            ("sh", &signal, u64::MAX),
            ("touch", &Action::Create(at("/x")), 7)
        ]
    );
}

#[test]
fn who_it_was_is_told_as_far_as_it_is_known() {
    let tag = Tag::new();
    let text = line(&format!(
        "Sandbox: rustc(1) deny(1) file-read-data /x\n{tag}"
    ));
    let unit = Unit {
        kind: Kind::Compiler,
        package: "a".to_owned(),
        version: "1.0.0".to_owned(),
        proc_macro: false,
        folder: None,
    };
    let found = denials(&text, &tag, Some(&unit));
    assert_eq!(found[0].actor.unit.as_ref(), Some(&unit));
    assert!(!found[0].actor.unknown);
    let found = denials(&text, &tag, None);
    assert_eq!(found[0].actor.unit, None);
    assert!(found[0].actor.unknown);
}

/// Names of processes and targets are chosen by hostile code.
#[test]
fn odd_names_and_targets_stay_text() {
    let tag = Tag::new();
    for (message, program, path) in [
        (
            "Sandbox: Gradle Worker(10) deny(1) file-read-data /x",
            "Gradle Worker",
            "/x",
        ),
        (
            "Sandbox: a(b) c(10) deny(1) file-read-data /x",
            "a(b) c",
            "/x",
        ),
        ("Sandbox: 7(8)(10) deny(1) file-read-data /x", "7(8)", "/x"),
        (
            "Sandbox: x(1) deny(1) file-read-data /a) deny(1) signal (2)",
            "x",
            "/a) deny(1) signal (2)",
        ),
        (
            "Sandbox: x(1) deny(1) file-read-data /a\nSandbox: y(2) deny(1) signal",
            "x",
            "/a\nSandbox: y(2) deny(1) signal",
        ),
        (
            "Sandbox: x(1) deny(1) file-read-data /\u{1b}[31m\u{7}\u{fffd}",
            "x",
            "/\u{1b}[31m\u{7}\u{fffd}",
        ),
    ] {
        let found = read(&tag, &[message]);
        assert_eq!(actions(&found), [(program, &Action::Read(at(path)), 1)]);
    }
}

#[test]
fn what_is_not_ours_or_not_a_denial_is_left_out() {
    let tag = Tag::new();
    let other = Tag::new();
    assert_ne!(tag, other);
    let denial = "Sandbox: x(1) deny(1) file-read-data /x";
    let mut lines = [
        line(denial),
        line(&format!("{denial}\n{other}")),
        // In the target, and not at the end.
        line(&format!("{denial}{tag}")),
        line(&format!("{denial}\n{tag}\n{other}")),
        line(&format!("{denial}\n {tag}")),
        line(&format!("Sandbox: x(1) allow(1) file-read-data /x\n{tag}")),
        line(&format!("Sandbox: x(y) deny(1) file-read-data /x\n{tag}")),
        line(&format!("Sandbox: (1) deny(1) file-read-data /x\n{tag}")),
        line(&format!("Sandbox: x(1) deny() file-read-data /x\n{tag}")),
        line(&format!("Sandbox: x deny(1) file-read-data /x\n{tag}")),
        line(&format!("-1 duplicate reports for {denial}\n{tag}")),
        line(&format!("something else\n{tag}")),
        line(&tag.to_string()),
        line(&format!("{denial}{}\n{tag}", "x".repeat(LONGEST))),
        b"{\"count\":5,\"finished\":1}\n".to_vec(),
        b"{\"eventMessage\":null}\n[]\nFiltering the log data\n\n\xff\xfe\n{".to_vec(),
    ]
    .concat();
    assert_eq!(denials(&lines, &tag, None), []);
    // Control: the same log with one of ours, cut off or not valid in between.
    lines.push(b'\n');
    lines.extend(line(&format!("{denial}\n{tag}\n")));
    assert_eq!(denials(&lines, &tag, None).len(), 1);
    let mut odd = line(&format!("{denial}?\n{tag}"));
    let at = odd.iter().position(|byte| *byte == b'?').unwrap();
    odd[at] = 0xff;
    let found = denials(&odd, &tag, None);
    assert_eq!(found[0].action, Action::Read(self::at("/x\u{fffd}")));
}

#[test]
fn a_flood_has_an_end() {
    let tag = Tag::new();
    let mut lines = Vec::new();
    for number in 0..MOST + 50 {
        let path = number % (MOST + 20);
        lines.extend(line(&format!(
            "Sandbox: x(1) deny(1) file-read-data /{path}\n{tag}"
        )));
    }
    let found = denials(&lines, &tag, None);
    assert_eq!(found.len(), MOST);
    assert_eq!(found.iter().map(|denial| denial.count).max(), Some(2));
}

#[test]
fn a_tag_needs_no_quoting() {
    let tag = Tag::new().to_string();
    assert!(
        tag.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    );
    assert!(tag.len() < 64);
}
