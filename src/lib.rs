//! demitasse promotes the images of an Amazon ECS task definition, by digest, into a repository of its own.
//!
//! The way of the data is the way of the modules: [`ecspresso`] reads, [`clients`] look, [`plan`] decides, [`report`]
//! shows, [`apply`] acts, [`commands`] join them. [`model`] holds the values they pass on. `docs/architecture.md` has
//! the picture. The library makes no promise of compatibility: the command line is the interface.

pub mod apply;
mod cli;
pub mod clients;
pub mod commands;
pub mod ecspresso;
pub mod model;
pub mod plan;
pub mod report;

pub use cli::{run, run_at};
