//! Each unit of a build in a box of its own: none changes what another one made, however it is
//! built, and the user's own programs are as free as they are under plain cargo.

// A workspace with attackers in it.
mod world;

// What lies in folders, compared.
mod state;

// Every action at every place.
mod matrix;

// What a build script names for the compilation of its crate.
mod directives;

// The user's own programs.
mod programs;

// What a unit leaves in the folder of its results.
mod private;

// What a unit leaves among the pages of all crates.
mod pages;

// What macros keep in an `OUT_DIR`.
mod out_dirs;

// The same results as under plain cargo.
mod honest;

// What an editor asks of cargo.
mod editors;

// What a build script has cargo tell our wrapper.
mod misled;
