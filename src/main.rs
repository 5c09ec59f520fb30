//! Hands arguments, environment and directory to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandboxed_cargo::run()
}
