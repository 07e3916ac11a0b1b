//! Decisions. Every function here is pure: it takes values and returns values, and never reads, writes, waits or asks
//! the time. `plan` and `clients` never meet.

pub mod audit;
pub mod bootstrap;
pub mod expiry;
pub mod finding;
pub mod foreign;
pub mod lint;
pub mod look;
pub mod mapping;
pub mod outcome;
pub mod owner;
pub mod pattern;
pub mod pin;
pub mod policy;
pub mod problem;
pub mod promotion;
pub mod protect;
pub mod provision;
pub mod reason;
pub mod sweep;
pub mod window;

mod companions;
