//! Tests from outside: the crate's public functions and its program.

/// The meaning of macOS profiles, judged by an evaluator of our own.
mod seatbelt;
