//! Values and their text forms. Nothing here reads, writes, waits or asks the time.

pub mod digest;
pub mod exit;
pub mod failure;
pub mod inventory;
pub mod lifecycle;
pub mod lookup;
pub mod manifest;
pub mod ordinal;
pub mod project;
pub mod reference;
pub mod settings;
pub mod size;
pub mod task_definition;
pub mod time;
pub mod usage;
pub mod wildcard;
