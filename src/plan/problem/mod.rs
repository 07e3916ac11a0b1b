//! What a plan objects to. Findings are values, collected and shown all at once: nothing here stops at the first.

use crate::model::digest::Digest;
use crate::model::exit::Exit;
use crate::model::failure::Failure;
use crate::model::project::Use;
use crate::model::reference::{Repository, Tag};
use crate::plan::finding::Named;
use crate::plan::owner::Owner;
use crate::plan::pattern::Placeholder;

mod hint;
mod text;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Note,
    /// Something was left undone or may bite later; the promotion goes on.
    Warning,
    /// Stops all writing (with `--keep-going`: of the image concerned).
    Error,
}

/// Whose move it is: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The world failed: exit 1.
    World,
    /// The input is wrong: exit 3.
    Input,
    /// Refused on purpose: exit 4.
    Decision,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// The images it concerns, as task definitions name them; may be empty.
    pub uses: Vec<Use>,
}

/// Why a blob of the source cannot be mounted into the target, as far as is known
/// (Amazon ECR User Guide, "Blob mounting in Amazon ECR").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountObstacle {
    /// The account setting `BLOB_MOUNTING` is not `ENABLED`.
    SettingOff,
    /// Source and target are in different registries.
    OtherRegistry,
    /// Source and target are encrypted differently.
    Encryption {
        /// How the source is.
        source: String,
        /// How the target is, or would be.
        target: String,
    },
    /// The source repository belongs to a pull-through cache rule.
    PullThrough,
    /// The principal lacks a permission on the source.
    Permission,
    /// A condition could not be read.
    Unknown {
        /// Which.
        condition: String,
    },
    /// The registry declined and none of the known conditions explains it.
    Unexplained,
}

/// What a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image that cannot be read.
    InvalidImage {
        /// Why.
        reason: String,
    },
    /// A repository name that ECR would refuse, or that is the source itself.
    Unmappable {
        /// The family as ECS knows it.
        family: String,
        /// What is wrong.
        reason: String,
    },
    /// The pattern asks for something the config does not have.
    NoValue {
        /// What it asks for.
        placeholder: Placeholder,
        /// The pattern.
        pattern: String,
    },
    /// Two families map to one word.
    SharedFamily {
        /// The word.
        word: String,
        /// The families.
        families: Vec<String>,
    },
    /// The image belongs to another family's repository.
    ForeignTarget {
        /// The repository.
        repository: Repository,
        /// The family it belongs to.
        owner: String,
        /// The family that uses it.
        family: String,
        /// What the image should be instead.
        instead: String,
    },
    /// The image is in the common repository and nothing hands the promoted one over.
    FromCommon {
        /// What ECS should pull instead.
        promoted: String,
    },
    /// The image matches no pattern and `--unmatched error` is set.
    Unmatched,
    /// Two digests want one tag of one target.
    Collision {
        /// The target.
        target: Repository,
        /// The tag.
        tag: Tag,
        /// The sources that want it.
        sources: Vec<String>,
    },
    /// Two containers of one name with different images want one variable of `--env-out`.
    VariableClash {
        /// The variable.
        variable: String,
    },
    /// Neither source nor target has it.
    Missing {
        /// The common repository.
        source: Repository,
        /// What was asked for, `:tag` or `@digest`.
        asked: String,
        /// The task-definition repository.
        target: Repository,
        /// Whether the common repository exists at all.
        source_exists: bool,
        /// The newest tags of the common repository, newest first.
        newest: Vec<Tag>,
    },
    /// An upstream did not say whether it still means what the target holds, which is deployed as it is.
    SourceUnread {
        /// The target.
        target: Repository,
        /// The tag.
        tag: Tag,
        /// What it holds.
        digest: Digest,
        /// Why not.
        failure: Box<Failure>,
    },
    /// The tag and the digest of a reference disagree.
    TagDisagrees {
        /// Where.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What it holds.
        holds: Digest,
        /// What the reference says.
        wanted: Digest,
    },
    /// The target's tag holds another digest.
    TagTaken {
        /// Where.
        target: Repository,
        /// The tag.
        tag: Tag,
        /// What it holds.
        holds: Digest,
        /// What it should hold.
        wanted: Digest,
        /// Why it cannot be moved although that is allowed.
        obstacle: Option<MoveObstacle>,
    },
    /// The target's tag is in the archive, from where it cannot be pulled.
    Archived {
        /// Where.
        target: Repository,
        /// The tag.
        tag: Tag,
        /// What it holds.
        digest: Digest,
    },
    /// ECR takes no layer so large, and it cannot be mounted.
    LayerTooLarge {
        /// Where it is.
        source: Repository,
        /// The layer.
        layer: Digest,
        /// Its size, in bytes.
        bytes: u64,
    },
    /// What only a tag says to belong to the image stays behind: cosign's signatures, attestations and SBOMs.
    CompanionsLeft {
        /// Where they are.
        repository: Repository,
        /// Their tags.
        tags: Vec<Tag>,
    },
    /// A referrer stays behind: it is an index, or it is gone.
    ReferrerLeft {
        /// Where it is.
        repository: Repository,
        /// The referrer.
        referrer: Digest,
    },
    /// The target does not exist and may not be created.
    RepositoryMissing {
        /// The target.
        target: Repository,
    },
    /// The target's lifecycle policy is less protective than ours.
    WeakPolicy {
        /// The target.
        target: Repository,
        /// What is weak, a sentence each.
        weaknesses: Vec<String>,
    },
    /// The target's lifecycle policy protects enough, but something is worth knowing.
    PolicyNote {
        /// The target.
        target: Repository,
        /// What.
        notes: Vec<String>,
    },
    /// Our policy was not put because somebody else declares the repository.
    Owned {
        /// The target.
        target: Repository,
        /// It has a policy, which would have been replaced.
        has_policy: bool,
        /// Who owns it.
        owner: Owner,
    },
    /// Our policy was not put because whether somebody else declares the repository could not be read.
    OwnerUnknown {
        /// The target.
        target: Repository,
        /// Why not.
        failure: Failure,
    },
    /// The target has no policy and ours was not installed.
    NoPolicy {
        /// The target.
        target: Repository,
        /// Why ours was not installed.
        reason: String,
    },
    /// Our policy could not be put.
    PolicyFailed {
        /// The target.
        target: Repository,
        /// Why not.
        failure: Failure,
    },
    /// Blobs cannot be mounted and have to be streamed.
    Streaming {
        /// From where.
        source: Repository,
        /// To where.
        target: Repository,
        /// Why.
        obstacle: MountObstacle,
        /// At most how many bytes.
        bytes: u64,
        /// At most how many bytes in the whole run.
        total: u64,
        /// Why that is refused, if it is.
        refused: Option<StreamingRefused>,
    },
    /// An index inside an index inside …
    TooDeep {
        /// Where it is.
        repository: Repository,
        /// The outermost index.
        digest: Digest,
        /// How deep is allowed.
        limit: usize,
    },
    /// An index names a manifest that its repository does not hold.
    MissingChild {
        /// Where the index is.
        repository: Repository,
        /// The index.
        index: Digest,
        /// What it names.
        child: Digest,
    },
    /// A pin would not protect the image it is meant for.
    PinWithoutShield {
        /// Where.
        target: Repository,
        /// The image.
        digest: Digest,
    },
    /// The window is nearly full, and what runs could not be read: nothing was pinned for it.
    Unguarded {
        /// The target.
        target: Repository,
        /// Why.
        failure: Failure,
    },
    /// An image in use will expire soon, and a pin would not protect it.
    FewPushesLeft {
        /// Where.
        target: Repository,
        /// The image.
        digest: Digest,
        /// How many promotions are left.
        left: u64,
    },
    /// A policy would mark images, so it is not put.
    WouldExpire {
        /// Where.
        target: Repository,
        /// How many.
        marked: usize,
        /// Some of them, by their tags or else their digest.
        images: Vec<String>,
        /// Whether ECR's own preview says so, and not our evaluator.
        preview: bool,
    },
    /// A policy would mark an image that is in use, so it is not put.
    WouldExpireInUse {
        /// The image that is furthest over the count.
        image: Named,
        /// Why it is kept.
        why: String,
        /// Its place among the images of the rule, from 1, and how many the rule keeps.
        place: Option<(usize, u32)>,
        /// How many more images in use it would mark.
        others: usize,
        /// How many the policy has to keep at least; `None` where no number helps.
        needed: Option<usize>,
    },
    /// A policy would mark images, and not everything in use could be told.
    UsageUnknown {
        /// Where.
        target: Repository,
        /// How many.
        marked: usize,
        /// Some of them, by their tags or else their digest.
        images: Vec<String>,
        /// What could not be told.
        why: String,
        /// The keep that would mark none, if any would.
        needed: Option<usize>,
    },
    /// A policy will mark images that nothing uses.
    WillExpire {
        /// Where.
        target: Repository,
        /// How many.
        marked: usize,
        /// Some of them, by their tags or else their digest.
        images: Vec<String>,
    },
    /// Neither the target nor the common repository behind it exists.
    SourceMissing {
        /// The target.
        target: Repository,
        /// The common repository.
        source: Repository,
    },
    /// A common repository was named, and what it keeps was not.
    CommonSkipped {
        /// Which.
        source: Repository,
    },
    /// A common repository gets a policy: what targets mounted from it has to outlive it.
    CommonExpires {
        /// Which.
        source: Repository,
        /// How many images it keeps.
        keep: u32,
    },
    /// Somebody else created the repository meanwhile.
    CreatedElsewhere {
        /// Which.
        target: Repository,
    },
    /// A task definition pulls from the common repository.
    CommonInUse {
        /// Which.
        source: Repository,
    },
    /// Blob mounting is off in a registry.
    MountingOff {
        /// Its host.
        registry: String,
    },
    /// A request that was needed failed.
    Failed(Failure),
    /// Something that would have been good to know could not be read.
    Unknown(Failure),
}

/// Why a tag cannot be moved although moving is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveObstacle {
    /// The repository's tags are immutable.
    Immutable,
    /// The digest that loses the tag cannot be pinned safely.
    Unshielded,
    /// Whether a pin would protect it is not known: policy or images cannot be read.
    Unknown,
    /// What it holds is in the archive.
    Archived,
}

/// Which flag refuses streaming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamingRefused {
    /// `--mount-only`.
    MountOnly,
    /// `--max-upload`, in bytes.
    MaxUpload(u64),
}

/// Which flag refuses to stream so many bytes, if one does.
pub fn streaming_refused(
    bytes: u64,
    mount_only: bool,
    max_upload: Option<u64>,
) -> Option<StreamingRefused> {
    if mount_only {
        return Some(StreamingRefused::MountOnly);
    }
    let limit = max_upload.filter(|&limit| bytes > limit);
    limit.map(StreamingRefused::MaxUpload)
}

impl Problem {
    /// An error about these images.
    pub fn error(kind: Kind, uses: &[Use]) -> Self {
        Self::new(Severity::Error, kind, uses)
    }

    /// A warning about these images.
    pub fn warning(kind: Kind, uses: &[Use]) -> Self {
        Self::new(Severity::Warning, kind, uses)
    }

    /// A finding about these images.
    pub fn new(severity: Severity, kind: Kind, uses: &[Use]) -> Self {
        let uses = uses.to_vec();
        Self {
            severity,
            kind,
            uses,
        }
    }

    /// Adds it to others; where the same was found of other images, to that.
    pub fn join(self, others: &mut Vec<Problem>) {
        let same =
            |other: &&mut Problem| (other.severity, &other.kind) == (self.severity, &self.kind);
        match others.iter_mut().find(same) {
            Some(known) => known.uses.extend(self.uses),
            None => others.push(self),
        }
    }

    /// Whose move it is.
    pub fn class(&self) -> Class {
        match &self.kind {
            Kind::InvalidImage { .. }
            | Kind::NoValue { .. }
            | Kind::SharedFamily { .. }
            | Kind::VariableClash { .. } => Class::Input,
            Kind::MissingChild { .. }
            | Kind::TooDeep { .. }
            | Kind::LayerTooLarge { .. }
            | Kind::Failed(_)
            | Kind::OwnerUnknown { .. }
            | Kind::SourceUnread { .. }
            | Kind::Unknown(_) => Class::World,
            _ => Class::Decision,
        }
    }
}

/// How a run with these findings ends: the worst of its errors counts.
pub fn exit<'p>(problems: impl IntoIterator<Item = &'p Problem>) -> Exit {
    let errors = problems
        .into_iter()
        .filter(|problem| problem.severity == Severity::Error);
    let exits = errors.map(|problem| match problem.class() {
        Class::World => Exit::World,
        Class::Input => Exit::Input,
        Class::Decision => Exit::Decision,
    });
    exits.max().unwrap_or(Exit::Done)
}

impl Kind {
    /// The finding's name in JSON; never changes once released.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidImage { .. } => "INVALID_IMAGE",
            Self::Unmappable { .. } => "UNMAPPABLE",
            Self::NoValue { .. } => "NO_VALUE",
            Self::SharedFamily { .. } => "SHARED_FAMILY",
            Self::ForeignTarget { .. } => "FOREIGN_TARGET",
            Self::FromCommon { .. } => "FROM_COMMON",
            Self::Unmatched => "UNMATCHED",
            Self::Collision { .. } => "COLLISION",
            Self::VariableClash { .. } => "VARIABLE_CLASH",
            Self::Missing { .. } => "MISSING",
            Self::SourceUnread { .. } => "SOURCE_UNREAD",
            Self::TagDisagrees { .. } => "TAG_DISAGREES",
            Self::TagTaken { .. } => "TAG_TAKEN",
            Self::Archived { .. } => "ARCHIVED",
            Self::LayerTooLarge { .. } => "LAYER_TOO_LARGE",
            Self::ReferrerLeft { .. } => "REFERRER_LEFT",
            Self::CompanionsLeft { .. } => "COMPANIONS_LEFT",
            Self::RepositoryMissing { .. } => "REPOSITORY_MISSING",
            Self::WeakPolicy { .. } => "WEAK_POLICY",
            Self::PolicyNote { .. } => "POLICY_NOTE",
            Self::Owned { .. } => "OWNED",
            Self::OwnerUnknown { .. } => "OWNER_UNKNOWN",
            Self::NoPolicy { .. } | Self::PolicyFailed { .. } => "NO_POLICY",
            Self::Streaming { .. } => "STREAMING",
            Self::TooDeep { .. } => "TOO_DEEP",
            Self::MissingChild { .. } => "MISSING_CHILD",
            Self::PinWithoutShield { .. } => "PIN_WITHOUT_SHIELD",
            Self::Unguarded { .. } => "UNGUARDED",
            Self::FewPushesLeft { .. } => "FEW_PUSHES_LEFT",
            Self::WouldExpire { .. } => "WOULD_EXPIRE",
            Self::WouldExpireInUse { .. } => "WOULD_EXPIRE_IN_USE",
            Self::UsageUnknown { .. } => "USAGE_UNKNOWN",
            Self::WillExpire { .. } => "WILL_EXPIRE",
            Self::SourceMissing { .. } => "SOURCE_MISSING",
            Self::CommonSkipped { .. } => "COMMON_SKIPPED",
            Self::CommonExpires { .. } => "COMMON_EXPIRES",
            Self::CreatedElsewhere { .. } => "CREATED_ELSEWHERE",
            Self::CommonInUse { .. } => "COMMON_IN_USE",
            Self::MountingOff { .. } => "MOUNTING_OFF",
            Self::Failed(_) => "FAILED",
            Self::Unknown(_) => "UNKNOWN",
        }
    }
}
