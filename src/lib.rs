//! A drop-in `cargo` that runs every build inside an operating system sandbox.
//!
//! The adversary is code that a dependency brings: build scripts, proc macros, and whatever they
//! start. It must not reach a network or a process outside, read secrets, write anything that
//! outlives the build, or change the sandbox's own inputs. The person or job that calls us is
//! trusted, with the environment, the host's `package.json` and `Cargo.lock`. See
//! `docs/threat-model.md`.
//!
//! [`app`] tells the whole story from top to bottom; [`policy`] is plain data decided by pure
//! functions; [`sandbox`] enforces it on each operating system.

pub mod app;
pub mod audit;
pub mod build;
pub mod cargo;
pub mod commands;
pub mod denial;
pub mod error;
pub mod exit;
pub mod gather;
pub mod host;
pub mod invocation;
pub mod message;
pub mod options;
pub mod paths;
pub mod policy;
pub mod prefetch;
pub mod project;
pub mod report;
pub mod sandbox;
pub mod scratch;
#[cfg(unix)]
pub mod self_test;
pub mod switch;
pub mod targets;
pub mod units;
