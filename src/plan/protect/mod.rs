//! The protected set: which images must not expire, be archived or be deleted, and why. Computed from what ECS runs and would
//! start, in three steps: the task definition revisions that matter ([`revisions`]), the images they name ([`images`]), and
//! everything in the registry that those images need ([`close`]). What cannot be told is a finding that makes the whole
//! answer incomplete, never an image less.

mod close;
mod doubt;
mod images;
mod revisions;
#[cfg(test)]
pub(in crate::plan) mod samples;
mod whole;

pub(in crate::plan) use close::severity;
pub use close::{Protected, close};
pub use doubt::{Doubt, doubts};
pub use images::{InUse, Place, images};
pub use revisions::{Generations, Rollback, revisions, rollbacks};
pub use whole::{in_use, running, wanted};
