//! What each unit was seen doing: noted by every build, shown by `sandbox report`.
//!
//! cargo runs a unit only when something changed, so one build alone says little of a project. The
//! notes of all builds together say what the last run of each unit did.

mod overview;
mod page;
mod record;
mod table;

pub use overview::Overview;
pub use page::page;
pub use record::{Audit, FILE, now};
pub use table::table;
