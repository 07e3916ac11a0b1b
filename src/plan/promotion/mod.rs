//! What a promotion will do: from wanted images and what was seen, to a plan that leaves nothing to decide while acting.

mod action;
mod content;
mod copy;
mod decide;
pub mod guard;
mod image;
mod mount;
pub mod referrers;
mod repository;
mod rules;
mod spare;
mod standing;
mod upstream;

pub use action::{Action, Copy, Plan, Promotion, RepositoryPlan, Standing};
pub use decide::plan;
pub use guard::Guard;
pub use referrers::Referrers;
pub use rules::{Referring, Rules};
