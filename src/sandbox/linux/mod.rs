//! The Linux backend.

pub mod seccomp;
pub mod supervisor;
pub mod sys;
