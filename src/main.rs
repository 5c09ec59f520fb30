//! Reads arguments, environment and directory once, and hands them to the library.

use std::process::ExitCode;

use sandboxed_cargo::exit;
use sandboxed_cargo::invocation::Invocation;
use sandboxed_cargo::message::Voice;

fn main() -> ExitCode {
    match Invocation::of_process() {
        Ok(invocation) => sandboxed_cargo::app::run(&invocation),
        Err(error) => {
            Voice::new(None, false).error(&error);
            ExitCode::from(exit::FAILURE)
        }
    }
}
