//! Exit statuses of our own; cargo's pass through unchanged.

/// We failed, not cargo: the sandbox could not be set up, or the input was wrong.
///
/// cargo itself uses 0, 1 and 101.
pub const FAILURE: u8 = 125;
