//! Each compiler and each build script in a sandbox of its own.

pub mod scripts;
