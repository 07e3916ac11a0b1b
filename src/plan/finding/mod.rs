//! What a look at usage finds: images that are in use and gone, or will be; and what could not be told, which makes every
//! answer incomplete. Findings are values, collected and shown all at once.

mod hint;
mod text;

use std::collections::BTreeSet;
use std::fmt;

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::reference::{ReferenceError, Repository, Tag};
use crate::model::time::Timestamp;
use crate::model::usage::{Gap, Revision, Source};
use crate::plan::problem::Severity;
use crate::plan::reason::Reason;

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// Why the image concerned is kept, strongest first; empty where no image is concerned.
    pub reasons: BTreeSet<Reason>,
}

/// How an image is asked for, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The repository.
    pub repository: Repository,
    /// The tag.
    pub tag: Option<Tag>,
    /// The digest.
    pub digest: Option<Digest>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// An image that is in ECR, named as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The repository.
    pub repository: Repository,
    /// The digest.
    pub digest: Digest,
    /// The tag that people know it by, if it has one.
    pub tag: Option<String>,
}

impl Named {
    /// Names an image by its first tag that is not its pin.
    pub fn new(repository: &Repository, digest: &Digest, tags: &[String]) -> Self {
        Self {
            repository: repository.clone(),
            digest: digest.clone(),
            tag: own_tag(digest, tags).map(str::to_owned),
        }
    }
}

/// The first tag that is neither the image's pin nor the mark of one that is not needed.
pub fn own_tag<'t>(digest: &Digest, tags: &'t [String]) -> Option<&'t str> {
    let ours = [Tag::pin(digest), Tag::unused_stem(digest)];
    let is_ours = |tag: &&String| ours.iter().any(|one| tag.starts_with(one.as_str()));
    let mut own = tags.iter().filter(|tag| !is_ours(tag));
    own.next().map(String::as_str)
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{}:{tag}", self.repository),
            None => write!(f, "{}@{}", self.repository, self.digest),
        }
    }
}

/// The kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A source of usage could not be read.
    Unread(Gap),
    /// A source was left out on purpose.
    LeftOut(Source),
    /// There is no service and no task: the wrong account or Region is the likeliest cause.
    NothingRuns,
    /// A task definition could not be described, and ECS did not say otherwise what it runs.
    Undescribed {
        /// Which.
        revision: Revision,
        /// Why; `None` where nobody asked.
        failure: Option<Failure>,
    },
    /// An image of ECR that cannot be understood.
    Unparsable {
        /// As it is written.
        image: String,
        /// Why.
        error: ReferenceError,
    },
    /// Something of a repository could not be read.
    Unreadable {
        /// Which.
        repository: Repository,
        /// Why.
        failure: Failure,
    },
    /// The lifecycle policy of a repository cannot be understood.
    StrangePolicy {
        /// Which.
        repository: Repository,
        /// Why.
        error: String,
    },
    /// The image is not in ECR.
    Missing(Asked),
    /// It is archived: a pull is answered with 404.
    Archived(Named),
    /// It is on its way back from the archive: until it is there, a pull is answered with 404.
    Restoring(Named),
    /// A manifest that an index lists is not there.
    ChildMissing {
        /// Where.
        repository: Repository,
        /// The index.
        index: Digest,
        /// What it lists.
        child: Digest,
    },
    /// The lifecycle policy marks it: it is gone within 24 hours.
    ExpiresNow {
        /// Which.
        image: Named,
        /// The rule's priority.
        rule: u32,
        /// Its place among the images of the rule, from 1, and how many the rule keeps.
        place: Option<(usize, u32)>,
    },
    /// A few more promotions and it expires.
    ExpiresIn {
        /// Which.
        image: Named,
        /// With which further push it is marked, in the worst case.
        pushes: u64,
        /// Its place among the images of the rule, from 1, and how many the rule keeps.
        place: Option<(usize, u32)>,
    },
    /// It expires by its age.
    ExpiresAt {
        /// Which.
        image: Named,
        /// The last moment at which it is safe.
        at: Timestamp,
    },
    /// ECR's own preview says that the policy acts on it now, and we found otherwise.
    PreviewMarks {
        /// Which.
        image: Named,
    },
    /// ECR's own preview says that the policy does not act on it now, and we found otherwise.
    PreviewSpares {
        /// Which.
        image: Named,
    },
    /// ECR's own preview could not be had.
    NoPreview {
        /// Of which repository.
        repository: Repository,
        /// Why.
        failure: Failure,
    },
    /// It carries a pin, but a rule takes it all the same.
    PinWithoutShield {
        /// Which.
        image: Named,
    },
    /// `ecspresso rollback` has nowhere to go.
    NoRollbackTarget {
        /// The service, `cluster/name`.
        service: String,
        /// What it runs.
        revision: Revision,
    },
    /// `ecspresso rollback` fails, because the current revision is not ACTIVE.
    RollbackFails {
        /// The service, `cluster/name`.
        service: String,
        /// What it runs.
        revision: Revision,
    },
    /// ECS runs another digest than the tag means now.
    TagMoved {
        /// Where.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What the service runs.
        runs: Digest,
        /// What the tag means.
        means: Digest,
        /// The service, `cluster/name`.
        service: String,
    },
    /// Something in use still comes from a common repository.
    CommonInUse {
        /// Which.
        repository: Repository,
        /// How many images.
        images: usize,
    },
    /// One count rule ages the images of several families.
    SharedRepository {
        /// Which.
        repository: Repository,
        /// The families.
        families: BTreeSet<String>,
    },
    /// The lint of the repository's policy has something to say.
    Lint {
        /// Which.
        repository: Repository,
        /// The lint's code, `L1` to `L18`.
        code: &'static str,
        /// Its text.
        text: String,
        /// The lint's hint.
        hint: Option<String>,
    },
}

impl Kind {
    /// The code in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unread(_) => "INCOMPLETE",
            Self::LeftOut(_) => "LEFT_OUT",
            Self::NothingRuns => "NOTHING_RUNS",
            Self::Undescribed { .. } | Self::Unparsable { .. } | Self::Unreadable { .. } => {
                "UNRESOLVED"
            }
            Self::StrangePolicy { .. } => "POLICY_NOT_UNDERSTOOD",
            Self::Missing(_) => "MISSING",
            Self::Archived(_) | Self::Restoring(_) => "ARCHIVED",
            Self::ChildMissing { .. } => "CHILD_MISSING",
            Self::ExpiresNow { .. } => "EXPIRES_NOW",
            Self::ExpiresIn { .. } | Self::ExpiresAt { .. } => "EXPIRES_IN",
            Self::PreviewMarks { .. } => "PREVIEW_MARKS",
            Self::PreviewSpares { .. } => "PREVIEW_SPARES",
            Self::NoPreview { .. } => "NO_PREVIEW",
            Self::PinWithoutShield { .. } => "PIN_WITHOUT_SHIELD",
            Self::NoRollbackTarget { .. } => "NO_ROLLBACK_TARGET",
            Self::RollbackFails { .. } => "ECSPRESSO_ROLLBACK_FAILS",
            Self::TagMoved { .. } => "TAG_MOVED",
            Self::CommonInUse { .. } => "COMMON_IN_USE",
            Self::SharedRepository { .. } => "SHARED_REPOSITORY",
            Self::Lint { code, .. } => code,
        }
    }

    /// Whether it makes every answer about what is *not* in use worthless.
    pub fn is_incomplete(&self) -> bool {
        matches!(
            self,
            Self::Unread(_)
                | Self::Undescribed { .. }
                | Self::Unparsable { .. }
                | Self::Unreadable { .. }
                | Self::StrangePolicy { .. }
        )
    }

    /// The repository it is about.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Unread(_)
            | Self::LeftOut(_)
            | Self::NothingRuns
            | Self::Undescribed { .. }
            | Self::Unparsable { .. }
            | Self::NoRollbackTarget { .. }
            | Self::RollbackFails { .. } => None,
            Self::Missing(asked) => Some(&asked.repository),
            Self::Archived(image)
            | Self::Restoring(image)
            | Self::ExpiresNow { image, .. }
            | Self::ExpiresIn { image, .. }
            | Self::ExpiresAt { image, .. }
            | Self::PreviewMarks { image }
            | Self::PreviewSpares { image }
            | Self::PinWithoutShield { image } => Some(&image.repository),
            Self::Unreadable { repository, .. }
            | Self::StrangePolicy { repository, .. }
            | Self::NoPreview { repository, .. }
            | Self::ChildMissing { repository, .. }
            | Self::TagMoved { repository, .. }
            | Self::CommonInUse { repository, .. }
            | Self::SharedRepository { repository, .. }
            | Self::Lint { repository, .. } => Some(repository),
        }
    }
}
