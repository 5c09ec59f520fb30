//! What cargo itself would make of a call: its arguments, its commands, its configuration, and
//! which file on `PATH` it is.
//!
//! Nothing here starts a program. The rules are those of cargo 1.95, read from its source and
//! compared with its answers; where a later cargo may know more, the answer is the careful one.

pub mod args;
pub mod command;
pub mod config;
pub mod find;
pub mod neighbours;
mod options;
pub mod rustup;
