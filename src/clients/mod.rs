//! The outside world in our words: requests, answers and failures. No type of an SDK or of an HTTP library leaves this
//! module, and nothing here decides what should happen.

pub mod aws;
pub mod command;
pub mod ecr;
pub mod ecs;
pub mod inventory;
pub mod lookups;
pub mod pace;
pub mod registry;
pub mod schedules;
pub mod settling;
pub mod upstream;

mod answer;
mod http;
mod pages;
mod state;
