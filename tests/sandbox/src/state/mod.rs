//! Everything the sandbox knows: one value, changed by requests and by tests.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::Error;
use crate::clock::Clock;
use crate::clock::Time;
use crate::content;
use crate::ecs::state::Ecs;
use crate::lifecycle::run::Execution;
use crate::permissions::Denied;
use crate::refusal::Refusal;
use crate::schedules::Schedules;
use crate::undocumented::Undocumented;
use crate::world::World;
use crate::world::content::Content;
use crate::world::lookups::Lookups;

mod build;
pub mod dump;
mod many;
mod readers;
pub mod repository;

pub use repository::Image;
pub use repository::Repository;
pub use repository::Storage;

/// The state of a sandbox.
#[derive(Debug)]
pub struct State {
    /// The account, 12 digits.
    pub account: String,
    /// The account whose credentials the request under way carries.
    pub(crate) caller: String,
    /// The Region.
    pub region: String,
    /// The virtual clock.
    pub clock: Clock,
    /// Account settings that were put, such as `BLOB_MOUNTING`.
    pub settings: BTreeMap<String, String>,
    /// The repositories by name.
    pub repositories: BTreeMap<String, Repository>,
    /// The open upload sessions by id.
    pub uploads: BTreeMap<String, Upload>,
    /// The registry passwords that were minted.
    pub passwords: BTreeMap<String, Password>,
    /// The ECS side.
    pub ecs: Ecs,
    /// What EventBridge and Scheduler start.
    pub schedules: Schedules,
    /// What ecspresso's plugins can look up.
    pub lookups: Lookups,
    /// Actions the caller may not do.
    pub denied: Vec<Denied>,
    /// What a service control policy denies.
    pub forbidden: Vec<Denied>,
    /// What AWS does not document.
    pub undocumented: Undocumented,
    /// What was moved since the start.
    pub counters: Counters,
    /// What lifecycle runs did, in order.
    pub executions: Vec<Execution>,
    /// Whether created repositories stay unfound for some requests.
    pub creation_delay: bool,
    /// `http://host:port` of the stand-in for S3, which answers the redirects of blob reads.
    pub(crate) storage_url: String,
    /// `http://127.0.0.1:port`.
    pub(crate) url: String,
    pub(crate) seed: u64,
    serial: u64,
}

/// What was moved since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blobs mounted from another repository.
    pub mounted: u64,
    /// Mounts that were declined (202).
    pub declined: u64,
    /// Upload sessions opened.
    pub sessions: u64,
    /// Blobs that became part of a repository by being uploaded.
    pub uploaded: u64,
    /// The bytes of those.
    pub uploaded_bytes: u64,
    /// The bytes of blobs read.
    pub downloaded_bytes: u64,
}

/// A registry password.
#[derive(Debug, Clone)]
pub struct Password {
    /// When it expires.
    pub expires: Time,
    /// The account whose credentials it was asked for with.
    pub account: String,
}

/// An open upload session.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The repository it belongs to.
    pub repository: String,
    /// What arrived so far.
    pub bytes: Vec<u8>,
    /// The sizes of the parts that arrived.
    pub parts: Vec<usize>,
}

impl State {
    /// A state for a world.
    ///
    /// # Errors
    /// The world contradicts itself; the message says where.
    pub fn new(world: &World, seed: u64) -> Result<State, Error> {
        build::state(world, seed)
    }

    /// The partition of the Region, as ARNs name it.
    pub(crate) fn partition(&self) -> &'static str {
        match self.region.get(..3) {
            Some("cn-") => "aws-cn",
            _ if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The ARN of a repository.
    pub fn repository_arn(&self, name: &str) -> String {
        format!(
            "arn:{}:ecr:{}:{}:repository/{name}",
            self.partition(),
            self.region,
            self.account_of(name)
        )
    }

    /// The ARN of a secret; Secrets Manager adds six characters to its name.
    pub fn secret_arn(&self, name: &str) -> String {
        let drawn: String = content::drawn_text(&["secret", name])
            .chars()
            .take(6)
            .collect();
        format!(
            "arn:aws:secretsmanager:{}:{}:secret:{name}-{drawn}",
            self.region, self.account
        )
    }

    /// The registry's host, as images name it.
    pub fn host(&self) -> String {
        let suffix = if self.partition() == "aws-cn" {
            ".cn"
        } else {
            ""
        };
        let (account, region) = (&self.account, &self.region);
        format!("{account}.dkr.ecr.{region}.amazonaws.com{suffix}")
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Repository, Refusal> {
        self.repositories
            .get(name)
            .ok_or_else(|| self.not_found(name))
    }

    pub(crate) fn find_mut(&mut self, name: &str) -> Result<&mut Repository, Refusal> {
        if !self.repositories.contains_key(name) {
            return Err(self.not_found(name));
        }
        let missing = || Refusal::new("RepositoryNotFoundException", name);
        self.repositories.get_mut(name).ok_or_else(missing)
    }

    pub(crate) fn not_found(&self, name: &str) -> Refusal {
        Refusal::new(
            "RepositoryNotFoundException",
            format!(
                "The repository with name '{name}' does not exist in the registry with id '{}'",
                self.account_of(name)
            ),
        )
    }

    /// A number that was not given out before.
    pub(crate) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// An identifier that was not given out before, the same in every run with the same seed and requests.
    pub(crate) fn next_uuid(&mut self, purpose: &str) -> String {
        let serial = self.next();
        content::drawn_uuid(&[purpose, &self.seed.to_string(), &serial.to_string()])
    }

    /// Mints a password for the caller, valid for 12 hours; the user is `AWS`.
    pub fn mint_password(&mut self) -> (String, Time) {
        let serial = self.next();
        let password =
            content::drawn_text(&["password", &self.seed.to_string(), &serial.to_string()]);
        let expires = self
            .clock
            .now()
            .plus(std::time::Duration::from_secs(12 * 3600));
        let account = self.caller.clone();
        let minted = Password { expires, account };
        self.passwords.insert(password.clone(), minted);
        (password, expires)
    }

    /// Puts a blob into a repository without any request.
    pub(crate) fn store_blob(&mut self, repository: &str, blob: Content) -> Result<(), Refusal> {
        let origin = self.next();
        let blobs = &mut self.find_mut(repository)?.blobs;
        blobs.entry(blob.digest).or_insert(repository::Blob {
            bytes: blob.bytes,
            origin,
        });
        Ok(())
    }

    /// Removes the blobs of a repository that no manifest refers to, as ECR may do at any time.
    pub fn drop_unreferenced(&mut self, repository: &str) {
        if let Some(repository) = self.repositories.get_mut(repository) {
            let needed: BTreeSet<String> = repository.needed_blobs();
            repository.blobs.retain(|digest, _| needed.contains(digest));
        }
    }
}
