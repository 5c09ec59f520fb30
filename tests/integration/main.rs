//! Everything that is tested from outside, in one program: the crate's public functions, and the
//! product as a user would start it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

// What the tests share: throw-away homes and projects, commands, canaries. No tests here.
mod support;

// The documentation, compared with the sources.
mod docs;

// Hostile actions: each works under plain cargo and has no effect under ours.
#[cfg(target_os = "linux")]
mod attacks;

// Ways out that were found by attacking the product.
#[cfg(target_os = "linux")]
mod redteam;

// The meaning of macOS profiles, judged by an evaluator of our own.
mod seatbelt;

// The script that stands for cargo on PATH, in front of a stand-in for the program.
#[cfg(unix)]
mod shim;

// Builds that must work, although they do unusual things.
#[cfg(unix)]
mod works;

// A stand-in for cargo, compiled on its own by the tests that need one.
#[cfg(unix)]
#[expect(dead_code, reason = "a program of its own")]
mod stand_in;

// What the next three share beside that. No tests here.
#[cfg(unix)]
mod tools;

// Each unit of a build in a box of its own: attacks of one on another, and honest programs.
#[cfg(unix)]
mod units;

// What was denied is told, exactly, and nothing else is.
#[cfg(target_os = "linux")]
mod report;

// The documented attacks, as users can try them.
#[cfg(target_os = "linux")]
mod self_test;

// Bad input and systems that cannot confine a build: exact errors, and nothing is left behind.
#[cfg(unix)]
mod messages;

// What reaches cargo, and what comes back: arguments, environment, streams, signals, statuses.
#[cfg(unix)]
mod invocation;

// What a build needs is fetched before it, once, and obeys nobody but the host.
#[cfg(unix)]
mod prefetch;
