//! Each unit of a build in a box of its own: none changes what another one made, however it is
//! built, and the user's own programs are as free as they are under plain cargo.

// A workspace with attackers in it.
mod world;

// What lies in folders, compared.
#[cfg(target_os = "linux")]
mod state;

// Every action at every place.
#[cfg(target_os = "linux")]
mod matrix;

// What a build script names for the compilation of its crate.
#[cfg(target_os = "linux")]
mod directives;

// The user's own programs.
mod programs;

// What a unit leaves in the folder of its results.
#[cfg(target_os = "linux")]
mod private;

// What a unit leaves among the pages of all crates.
#[cfg(target_os = "linux")]
mod pages;

// What macros keep in an `OUT_DIR`.
#[cfg(target_os = "linux")]
mod out_dirs;

// The same results as under plain cargo.
#[cfg(target_os = "linux")]
mod honest;

// What an editor asks of cargo.
#[cfg(target_os = "linux")]
mod editors;

// What a build script has cargo tell our wrapper.
#[cfg(target_os = "linux")]
mod misled;

// A few actions, where the matrix does not know how.
#[cfg(not(target_os = "linux"))]
mod boxes;
