//! Builds that must work.
