//! The policy of a whole build for one unit of it, as a profile.

use std::path::{Path, PathBuf};

use sandboxed_cargo::policy::{Network, Profile};
use sandboxed_cargo::sandbox::seatbelt;
use sandboxed_cargo::units::narrowed;

use super::{ask_another, check, sample};

/// What may be written by a build script and by a compiler of the crate `evil`.
const SCRIPT: [&str; 1] = ["/Users/u/p/target/debug/build/evil-1/out"];
const COMPILER: [&str; 2] = [
    "/Users/u/p/target/debug/deps/.sandboxed-cargo.a1",
    "/Users/u/p/target/debug/incremental/evil-unit-1",
];

const TEMPORARY: &str = "/private/var/folders/x/T/sandboxed-cargo.u1/tmp";

fn unit(profile: Profile, results: &[&str]) -> seatbelt::Profile {
    let mut writable: Vec<PathBuf> = results.iter().map(PathBuf::from).collect();
    writable.push(TEMPORARY.into());
    let whole = sample(profile, Network::Denied);
    let place = Path::new("/private/var/folders/x/T");
    let policy = narrowed(&whole, place, &writable, Path::new(TEMPORARY));
    seatbelt::profile(&policy, "one unit").unwrap()
}

/// Lines about what any unit may and may not do, then about these results.
fn table(profile: Profile, own: &[&str], others: &[&str]) -> String {
    let strict = match profile {
        Profile::Strict => include_str!("units-strict.tsv"),
        Profile::Compat => "",
    };
    let mut table = [
        include_str!("units.tsv"),
        include_str!("offline-unit.tsv"),
        strict,
    ]
    .concat();
    let line =
        |operation: &str, path: &str, answer: &str| format!("{operation}\t{path}\t{answer}\n");
    for folder in own.iter().chain([&TEMPORARY]) {
        for operation in [
            "file-write-data",
            "file-write-create",
            "file-write-unlink",
            "file-write-mode",
            "file-link",
            "file-read-data",
        ] {
            table += &line(operation, &format!("{folder}/x/made"), "allow");
        }
        // The folder itself stays where it is.
        table += &line("file-write-unlink", folder, "deny");
    }
    for folder in own {
        table += &line("file-write-create", &format!("{folder}-beside"), "deny");
    }
    for folder in others {
        let inside = format!("{folder}/made");
        table += &line("file-read-data", &inside, "allow");
        for operation in [
            "file-write-data",
            "file-write-create",
            "file-write-unlink",
            "file-link",
        ] {
            table += &line(operation, &inside, "deny");
        }
    }
    table
}

#[test]
fn a_unit_writes_what_is_its_own() {
    for profile in [Profile::Strict, Profile::Compat] {
        for (own, others) in [(&SCRIPT[..], &COMPILER[..]), (&COMPILER, &SCRIPT)] {
            let text = unit(profile, own);
            let table = table(profile, own, others);
            check(&text, &table);
            ask_another(&text, &table);
        }
    }
}

/// The rows can fail: the whole build may write nearly all of that.
#[test]
fn the_whole_build_may_write_what_a_unit_may_not() {
    let text = seatbelt::profile(&sample(Profile::Strict, Network::Denied), "x").unwrap();
    let judge = super::sbpl::Profile::new(&text.text, &text.parameters);
    let mut count = 0;
    for line in include_str!("units.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        // Of no program that is made here.
        if fields[0] == "file-write-setugid" {
            continue;
        }
        if fields.len() < 3 || !fields[1].starts_with("/Users/u/p/target/") || fields[2] != "deny" {
            continue;
        }
        let query = super::Query {
            operation: fields[0],
            value: fields[1],
            attributes: "",
        };
        assert!(judge.allows(&query, super::Model::Kernel), "{line}");
        count += 1;
    }
    assert!(count > 15);
}
