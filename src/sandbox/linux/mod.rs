//! Linux: Landlock and seccomp around the build, and namespaces around both where the kernel
//! allows them; no helper program, no root.
//!
//! Three processes: we stay outside and pass signals and the exit status on; a supervisor stands
//! in the namespaces but outside the Landlock domain; the program runs inside everything.

mod coverage;
mod domain;
mod inner;
mod mount;
mod outer;
mod process;
pub mod seccomp;
pub mod supervisor;
mod support;
pub mod sys;
mod view;

pub(super) use outer::run;
pub(super) use process::{die_by, execute as become_program};
pub(super) use seccomp::inside;
pub(super) use support::{capabilities, check};
