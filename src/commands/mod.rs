//! One file for each subcommand: its arguments, then gather → plan → show → apply → show. What several share stands
//! beside them.

pub mod audit;
pub mod bootstrap;
pub mod lifecycle;
pub mod pin;
pub mod promote;
pub mod render;
pub mod surroundings;
pub mod sweep;

mod choices;
mod connection;
mod github;
mod log;
mod lookups;
mod pacing;
mod progress;
mod reading;
mod renderer;
mod repositories;
mod runtime;
mod selection;
mod settings;
mod signals;
mod usage;
mod wrong;
