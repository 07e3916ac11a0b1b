//! Lifecycle policies: read and checked as PutLifecyclePolicy does, evaluated naively after AWS's own sentences, run
//! when told, previewed.
//!
//! The evaluator shares no code and no model with the product's: a misreading must show as a difference.

pub(crate) mod evaluate;
pub(crate) mod policy;
pub(crate) mod preview;
pub(crate) mod run;
