//! An ECR lifecycle policy as a value: its rules ([`Policy`]), how it is read from JSON text, which constraints of ECR a text violates
//! ([`InvalidPolicy`]), how it is printed, and the facts about an [`Image`] that its rules look at. What a policy *does* is decided in `plan::expiry`.
//!
//! The grammar is that of the ECR User Guide, "Lifecycle policy properties" and "Examples of lifecycle policies".

mod image;
mod listing;
mod parse;
mod place;
mod policy;
mod preview;
mod print;
mod problem;
mod reader;
mod selection;
mod strict_json;
mod validate;

#[cfg(test)]
mod grammar;

pub use image::Image;
pub use listing::ListingError;
pub use listing::add_children;
pub use listing::read_images;
pub use place::Place;
pub use place::place;
pub use policy::Action;
pub use policy::Limit;
pub use policy::Policy;
pub use policy::Rule;
pub use policy::StorageClass;
pub use preview::Preview;
pub use problem::Fault;
pub use problem::InvalidPolicy;
pub use problem::Problem;
pub use problem::RuleName;
pub use selection::Selection;
pub use selection::TagList;
