//! What a plan objects to. Findings are values, collected and shown all at once: nothing here stops at the first.

use std::fmt;

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::project::Use;
use crate::model::reference::{Repository, Tag};
use crate::plan::pattern::Placeholder;

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

impl fmt::Display for MountObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SettingOff => f.write_str("the account setting BLOB_MOUNTING is not ENABLED"),
            Self::OtherRegistry => f.write_str("source and target are in different registries"),
            Self::Encryption { source, target } => {
                write!(f, "encryption differs (source {source}, target {target})")
            }
            Self::PullThrough => f.write_str("the source is a pull-through cache repository"),
            Self::Permission => {
                f.write_str("ecr:GetDownloadUrlForLayer on the source is not allowed")
            }
            Self::Unknown { condition } => write!(f, "{condition} could not be read"),
            Self::Unexplained => {
                f.write_str("the registry declined, and no condition that it states explains why")
            }
        }
    }
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
    /// The target has no policy and ours was not installed.
    NoPolicy {
        /// The target.
        target: Repository,
        /// Why ours was not installed.
        reason: String,
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
        /// Why that is refused, if it is.
        refused: Option<StreamingRefused>,
    },
    /// An index inside an index inside …
    TooDeep {
        /// Where it is.
        repository: Repository,
        /// The outermost index.
        digest: Digest,
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
    /// An image in use will expire soon.
    FewPushesLeft {
        /// Where.
        target: Repository,
        /// The image.
        digest: Digest,
        /// How many promotions are left.
        left: u64,
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
}

/// Which flag refuses streaming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamingRefused {
    /// `--mount-only`.
    MountOnly,
    /// `--max-upload`, in bytes.
    MaxUpload(u64),
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

    /// Whose move it is.
    pub fn class(&self) -> Class {
        match &self.kind {
            Kind::InvalidImage { .. }
            | Kind::NoValue { .. }
            | Kind::SharedFamily { .. }
            | Kind::VariableClash { .. } => Class::Input,
            Kind::MissingChild { .. }
            | Kind::TooDeep { .. }
            | Kind::Failed(_)
            | Kind::Unknown(_) => Class::World,
            _ => Class::Decision,
        }
    }
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
            Self::TagDisagrees { .. } => "TAG_DISAGREES",
            Self::TagTaken { .. } => "TAG_TAKEN",
            Self::RepositoryMissing { .. } => "REPOSITORY_MISSING",
            Self::WeakPolicy { .. } => "WEAK_POLICY",
            Self::PolicyNote { .. } => "POLICY_NOTE",
            Self::NoPolicy { .. } => "NO_POLICY",
            Self::Streaming { .. } => "STREAMING",
            Self::TooDeep { .. } => "TOO_DEEP",
            Self::MissingChild { .. } => "MISSING_CHILD",
            Self::PinWithoutShield { .. } => "PIN_WITHOUT_SHIELD",
            Self::FewPushesLeft { .. } => "FEW_PUSHES_LEFT",
            Self::Failed(_) => "FAILED",
            Self::Unknown(_) => "UNKNOWN",
        }
    }

    /// The exact next step, where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unmappable { family, .. } => format!(
                "map it in demitasse.yml, `families: {{ {family}: a-legal-name }}`, \
                 or choose another --target"
            ),
            Self::NoValue { placeholder, .. } => {
                format!("set `{placeholder}` in the config, or take {{{placeholder}}} out of it")
            }
            Self::SharedFamily { .. } => {
                "give each family a word of its own under `families:` in demitasse.yml".to_owned()
            }
            Self::ForeignTarget { instead, .. } => {
                format!("write {instead} in the task definition, or pass --foreign-target warn")
            }
            Self::FromCommon { promoted } => format!(
                "write {promoted} in the task definition, or pass --env-out FILE \
                 and deploy with `ecspresso --envfile FILE`, or --from-common warn"
            ),
            Self::Unmatched => {
                "promote it under --source and --target patterns, or drop --unmatched error"
                    .to_owned()
            }
            Self::Collision { .. } => {
                "use {container} in --target, or give the images different tags".to_owned()
            }
            Self::VariableClash { .. } => "run one config for each --env-out FILE".to_owned(),
            Self::Missing {
                source_exists: false,
                source,
                ..
            } => format!("create {source} and push the build there, or choose another --source"),
            Self::Missing { newest, source, .. } if !newest.is_empty() => {
                let newest: Vec<_> = newest.iter().map(Tag::as_str).collect();
                format!("the newest tags in {source} are {}", newest.join(", "))
            }
            Self::Missing { source, .. } => format!("push the build to {source} first"),
            Self::TagTaken { obstacle: None, .. } => {
                "deploy a new tag, or allow moving it with --allow-tag-move \
                 (`moving_tags:` in demitasse.yml)"
                    .to_owned()
            }
            Self::TagTaken {
                obstacle: Some(MoveObstacle::Immutable),
                ..
            } => "deploy a new tag; this repository's tags are immutable".to_owned(),
            Self::TagTaken { target, .. } => format!(
                "put the rule for inuse-* of docs/lifecycle-policy.md first in the policy of {target}"
            ),
            Self::RepositoryMissing { target } => {
                format!("create {target} first, or drop --create-repository never")
            }
            Self::WeakPolicy { target, .. } | Self::NoPolicy { target, .. } => {
                format!(
                    "put the policy of docs/lifecycle-policy.md on {target} \
                     with `aws ecr put-lifecycle-policy`, after a look at what it would expire"
                )
            }
            Self::Streaming {
                refused: Some(StreamingRefused::MountOnly),
                obstacle,
                ..
            } => match obstacle {
                MountObstacle::SettingOff => ENABLE_MOUNTING.to_owned(),
                _ => "drop --mount-only to stream them".to_owned(),
            },
            Self::Streaming {
                refused: Some(StreamingRefused::MaxUpload(_)),
                ..
            } => "raise --max-upload".to_owned(),
            Self::Streaming {
                obstacle: MountObstacle::SettingOff,
                ..
            } => ENABLE_MOUNTING.to_owned(),
            Self::PinWithoutShield { target, .. } => format!(
                "put the rule for inuse-* of docs/lifecycle-policy.md first in the policy of {target}"
            ),
            Self::FewPushesLeft { target, .. } => {
                format!("raise keep in the policy of {target}, or pin the image")
            }
            Self::Failed(failure) | Self::Unknown(failure) => return failure.hint(),
            _ => return None,
        })
    }
}

const ENABLE_MOUNTING: &str =
    "enable it: aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED";

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidImage { reason } => write!(f, "the image cannot be read: {reason}"),
            Self::Unmappable { family, reason } => {
                write!(f, "family {family} gives no target repository: {reason}")
            }
            Self::NoValue {
                placeholder,
                pattern,
            } => write!(
                f,
                "`{pattern}` asks for {{{placeholder}}}, which is not set"
            ),
            Self::SharedFamily { word, families } => write!(
                f,
                "families {} would share the repositories of `{word}`",
                families.join(" and ")
            ),
            Self::ForeignTarget {
                repository,
                owner,
                family,
                ..
            } => write!(
                f,
                "family {family} uses {repository}, which belongs to family {owner}: \
                 the deploys of {owner} would age this image"
            ),
            Self::FromCommon { promoted } => write!(
                f,
                "the image is in the common repository; ECS would still pull from there, \
                 not from {promoted}"
            ),
            Self::Unmatched => {
                f.write_str("the image matches neither the source nor the target pattern")
            }
            Self::Collision {
                target,
                tag,
                sources,
            } => write!(f, "{} would all be {target}:{tag}", sources.join(" and ")),
            Self::VariableClash { variable } => {
                write!(f, "two containers want different images in {variable}")
            }
            Self::Missing {
                source,
                asked,
                target,
                source_exists,
                ..
            } => {
                if *source_exists {
                    write!(
                        f,
                        "{source}{asked} does not exist, and {target} does not have it"
                    )
                } else {
                    write!(
                        f,
                        "the repository {source} does not exist, and {target} does not have {asked}"
                    )
                }
            }
            Self::TagDisagrees {
                repository,
                tag,
                holds,
                wanted,
            } => write!(
                f,
                "{repository}:{tag} is {holds}, but the task definition says {wanted}"
            ),
            Self::TagTaken {
                target,
                tag,
                holds,
                wanted,
                obstacle,
            } => {
                write!(f, "{target}:{tag} holds {holds}, not {wanted}")?;
                match obstacle {
                    None => Ok(()),
                    Some(MoveObstacle::Immutable) => {
                        f.write_str("; the tag cannot move, it is immutable")
                    }
                    Some(MoveObstacle::Unshielded) => f.write_str(
                        "; the tag cannot move, a pin would not protect the old digest \
                         from the lifecycle policy",
                    ),
                }
            }
            Self::RepositoryMissing { target } => {
                write!(f, "{target} does not exist and is not to be created")
            }
            Self::WeakPolicy { target, weaknesses } => write!(
                f,
                "the lifecycle policy of {target} is too weak: {}",
                weaknesses.join("; ")
            ),
            Self::PolicyNote { target, notes } => {
                write!(f, "the lifecycle policy of {target}: {}", notes.join("; "))
            }
            Self::NoPolicy { target, reason } => {
                write!(
                    f,
                    "{target} has no lifecycle policy, and none was installed: {reason}"
                )
            }
            Self::Streaming {
                source,
                target,
                obstacle,
                bytes,
                refused,
            } => {
                let bytes = humanize(*bytes);
                write!(
                    f,
                    "up to {bytes} cannot be mounted from {source} into {target} and "
                )?;
                match refused {
                    None => write!(f, "will be streamed: {obstacle}"),
                    Some(StreamingRefused::MountOnly) => {
                        write!(f, "--mount-only refuses to stream: {obstacle}")
                    }
                    Some(StreamingRefused::MaxUpload(limit)) => write!(
                        f,
                        "--max-upload {} refuses to stream them: {obstacle}",
                        humanize(*limit)
                    ),
                }
            }
            Self::TooDeep { repository, digest } => write!(
                f,
                "{repository}@{digest}: indexes are nested more than {} deep",
                crate::plan::promotion::MAX_DEPTH
            ),
            Self::MissingChild {
                repository,
                index,
                child,
            } => write!(
                f,
                "{repository}@{index} names {child}, which {repository} does not hold"
            ),
            Self::PinWithoutShield { target, digest } => write!(
                f,
                "pinning {target}@{digest} would not protect it: \
                 a rule before the shield can still expire it"
            ),
            Self::FewPushesLeft {
                target,
                digest,
                left,
            } => write!(f, "{target}@{digest} expires after {left} more promotions"),
            Self::Failed(failure) => failure.fmt(f),
            Self::Unknown(failure) => write!(f, "unknown, going on without: {failure}"),
        }
    }
}

/// Bytes for people: `2.1 MB`.
pub fn humanize(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64 / 1000.0;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_shortly() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (2_100_000, "2.1 MB"),
            (999_999, "1.0 MB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(humanize(bytes), text);
        }
    }
}
