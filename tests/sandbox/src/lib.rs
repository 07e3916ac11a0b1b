//! An embedded ECR and ECS on a loopback port: one process, one state, the AWS JSON APIs and the registry's `/v2/`.
//!
//! It behaves as AWS documents ECR and ECS, strictly; where the documents are silent a seed draws the answer. Time stands
//! still unless told to move, lifecycle policies run when told, faults are scripted, and every request is logged.
//!
//! ```
//! use demitasse_sandbox::{ImageSpec, Options, Sandbox, World};
//!
//! let world: World = r#"{"repositories": [{"name": "fluentd/common", "images": [{"tags": ["aaaa"]}]}]}"#.parse()?;
//! let sandbox = Sandbox::start(world, Options::default())?;
//! sandbox.with_state(|state| state.push("fluentd/common", &ImageSpec::default(), &["bbbb"]))?;
//! let pulled = sandbox.pull("fluentd/common", "bbbb")?;
//! assert_eq!(pulled.blobs, 2);
//! # Ok::<(), demitasse_sandbox::Error>(())
//! ```

use std::fmt;

mod accounts;
mod answer;
mod body;
mod broken;
mod call;
pub mod clock;
pub mod content;
mod ecr;
pub mod ecs;
mod exchange;
pub mod faults;
pub mod files;
pub mod http;
mod input;
mod latency;
mod lifecycle;
pub mod log;
mod lookups;
pub mod manifest;
mod permissions;
pub mod pull;
mod quota;
mod refusal;
mod registry;
mod relay;
mod sandbox;
pub mod schedules;
mod server;
pub mod state;
mod store;
mod sts;
mod tls;
mod undocumented;
pub mod world;

pub use clock::Time;
pub use ecs::running::Unstarted;
pub use faults::At;
pub use faults::Fault;
pub use faults::Kind;
pub use lifecycle::evaluate::Candidate;
pub use lifecycle::marks;
pub use lifecycle::preview::Preview;
pub use lifecycle::run::Execution;
pub use log::Request;
pub use permissions::Denied;
pub use refusal::Refusal;
pub use relay::Relay;
pub use sandbox::Options;
pub use sandbox::Sandbox;
pub use state::State;
pub use tls::Tls;
pub use undocumented::Undocumented;
pub use world::World;
pub use world::image::ImageSpec;
pub use world::image::LayerSpec;
pub use world::image::ReferrerSpec;

/// Why the sandbox itself could not do something: a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// An error with this sentence.
    pub fn new(message: impl Into<String>) -> Error {
        Error(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error(refusal.to_string())
    }
}
