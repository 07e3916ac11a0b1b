//! The plan as a value: what happens to each repository and to each image.

use crate::model::digest::Digest;
use crate::model::lifecycle::Policy;
use crate::model::manifest::{Descriptor, Manifest};
use crate::model::project::Use;
use crate::model::reference::{Repository, Tag};
use crate::model::time::Timestamp;
use crate::plan::mapping::Wanted;
use crate::plan::pin::Pin;
use crate::plan::problem::{MountObstacle, Problem, Severity};
use crate::plan::promotion::guard::Guard;
use crate::plan::promotion::referrers::Referrers;
use crate::plan::provision::Creation;

/// What would be done. Read-only; carried out by `apply`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What happens to each target repository.
    pub repositories: Vec<RepositoryPlan>,
    /// What happens to each image.
    pub promotions: Vec<Promotion>,
    /// Images left alone.
    pub others: Vec<Use>,
    /// Everything that speaks against it.
    pub problems: Vec<Problem>,
}

/// What happens to a target repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPlan {
    /// The target.
    pub repository: Repository,
    /// Create it so, if it does not exist.
    pub create: Option<Creation>,
    /// Set this repository policy, which a creation that was cut short left out.
    pub access: Option<String>,
    /// Put this lifecycle policy.
    pub policy: Option<Policy>,
    /// What to look at before the tags are put, because the window is nearly full.
    pub guard: Option<Guard>,
}

/// What happens to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// What is wanted.
    pub wanted: Wanted,
    /// The tag in the target.
    pub tag: Tag,
    /// What is done for it.
    pub action: Action,
}

/// What is done for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy it.
    Promote(Box<Copy>),
    /// It is already there.
    Stay(Box<Standing>),
    /// Nothing, because of a problem.
    Refuse,
}

/// A copy: everything that has to be put, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The manifest that gets the tag.
    pub top: Manifest,
    /// Manifests below it that the target lacks, children before parents.
    pub children: Vec<Manifest>,
    /// Referrers of the top manifest that the target lacks.
    pub referrers: Referrers,
    /// Blobs that the manifests refer to and the target is not known to hold, each once. Those of referrers are not among
    /// them: a problem with one must not stop the image.
    pub blobs: Vec<Descriptor>,
    /// Why none of them can be mounted, where that is certain beforehand.
    pub obstacle: Option<MountObstacle>,
    /// What to name where a mount is declined although nothing certain speaks against it.
    pub suspicion: MountObstacle,
    /// The digest that loses the tag, to be pinned first.
    pub displaced: Option<Pin>,
    /// Where the digest stands, if the target holds it already under another tag or none.
    pub standing: Option<Standing>,
    /// Whether the tag could have been moved by somebody else, so that it has to be read back.
    pub read_back: bool,
}

impl Copy {
    /// The bytes of the blobs, all together.
    pub fn bytes(&self) -> u64 {
        let sizes = self.blobs.iter().map(|blob| blob.size);
        sizes.fold(0, u64::saturating_add)
    }
}

/// Where an image that is already there stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The image.
    pub digest: Digest,
    /// The common repository no longer has it.
    pub source_gone: bool,
    /// When it came into the target; a redeploy does not refresh it.
    pub pushed_at: Option<Timestamp>,
    /// Its place among the images its rule counts (1 for the newest), and how many the rule keeps.
    pub place: Option<(usize, u32)>,
    /// It carries its pin.
    pub pinned: bool,
    /// It would soon expire although it is being deployed: pin it.
    pub pin: Option<Pin>,
}

impl Promotion {
    /// The digest it ends with, where that is known.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.action {
            Action::Promote(copy) => Some(&copy.top.digest),
            Action::Stay(standing) => Some(&standing.digest),
            Action::Refuse => None,
        }
    }
}

impl Plan {
    /// Whether anything would be written.
    pub fn has_changes(&self) -> bool {
        let repositories = &self.repositories;
        let repository = |plan: &RepositoryPlan| plan.create.is_some() || plan.policy.is_some();
        let promotion = |promotion: &Promotion| match &promotion.action {
            Action::Promote(_) => true,
            Action::Stay(standing) => standing.pin.is_some(),
            Action::Refuse => false,
        };
        repositories.iter().any(repository) || self.promotions.iter().any(promotion)
    }

    /// The problems that stop writing.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
    }
}
