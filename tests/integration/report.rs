//! What was denied, to whom, and what to do: the exact text, for build scripts and proc macros.

// A package that tries everything, in either.
mod hostile;

// Who is named.
mod actors;

// Each kind of denial.
mod classes;

// When nothing is told, and when little.
mod silence;

// When somebody does not want to be named.
mod hidden;

// For tools.
mod machine;

// What each crate did, as it was noted.
mod audit;

// The same as a page.
mod page;
