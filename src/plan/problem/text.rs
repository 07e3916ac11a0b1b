//! Each finding as a sentence.

use std::fmt;

use crate::model::ordinal::Ordinal;
use crate::model::reference::Tag;
use crate::model::size::Size;
use crate::plan::problem::{Kind, MountObstacle, MoveObstacle, StreamingRefused};

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
                "family {family} uses {repository}, which belongs to {owner}: \
                 its deploys would age this image"
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
            Self::SourceUnread {
                target,
                tag,
                digest,
                failure,
            } => write!(
                f,
                "{target}:{tag} stays {digest}: whether its source still means that could not be read: {failure}"
            ),
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
                    Some(MoveObstacle::Unknown) => f.write_str(
                        "; the tag cannot move, because the lifecycle policy or the images could \
                         not be read: nobody knows whether a pin protects the old digest",
                    ),
                    Some(MoveObstacle::Archived) => f.write_str(", and that is in the archive"),
                    Some(MoveObstacle::Unshielded) => f.write_str(
                        "; the tag cannot move, a pin would not protect the old digest \
                         from the lifecycle policy",
                    ),
                }
            }
            Self::Archived {
                target,
                tag,
                digest,
            } => write!(
                f,
                "{target}:{tag} ({digest}) is in the archive and cannot be pulled; the source no longer has it"
            ),
            Self::ReferrerLeft {
                repository,
                referrer,
            } => write!(
                f,
                "the referrer {repository}@{referrer} stays behind: it is an index, or it is gone"
            ),
            Self::LayerTooLarge {
                source,
                layer,
                bytes,
            } => write!(
                f,
                "{source}@{layer} has {}; ECR takes layers of at most 52,000 MiB",
                Size(*bytes)
            ),
            Self::CompanionsLeft { repository, tags } => {
                let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
                write!(
                    f,
                    "{repository} keeps {} for this image; it stays there, because each would use up a place in the target",
                    tags.join(", ")
                )
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
            Self::Owned {
                target,
                owner,
                has_policy: true,
            } => write!(
                f,
                "{target} belongs to {owner}, so its lifecycle policy was not replaced"
            ),
            Self::Owned { target, owner, .. } => write!(
                f,
                "{target} has no lifecycle policy and belongs to {owner}, so it is only verified and none is installed; nothing expires"
            ),
            Self::OwnerUnknown { target, failure } => write!(
                f,
                "no lifecycle policy was put on {target}: whether Terraform or CloudFormation owns it is not known: {failure}"
            ),
            Self::PolicyFailed { target, failure } => write!(
                f,
                "{target} has no lifecycle policy, and none was installed: {failure}"
            ),
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
                total,
                refused,
            } => {
                let bytes = Size(*bytes);
                let source = match obstacle {
                    MountObstacle::OtherRegistry => source.uri(),
                    _ => source.to_string(),
                };
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
                        "--max-upload {} refuses to stream {} in this run: {obstacle}",
                        Size(*limit),
                        Size(*total)
                    ),
                }
            }
            Self::TooDeep {
                repository,
                digest,
                limit,
            } => write!(
                f,
                "{repository}@{digest}: indexes are nested more than {limit} deep"
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
            Self::Unguarded { target, failure } => write!(
                f,
                "the window of {target} is nearly full, and what the service runs could not be pinned: {failure}"
            ),
            Self::FewPushesLeft {
                target,
                digest,
                left,
            } => write!(f, "{target}@{digest} expires after {left} more promotions"),
            Self::WouldExpire {
                target,
                marked,
                images,
                preview,
            } => {
                let who = if *preview {
                    "ECR's preview says that the policy"
                } else {
                    "the policy"
                };
                let images = some(images, *marked);
                write!(
                    f,
                    "{target}: {who} would expire {marked} of its images ({images}); it is not put"
                )
            }
            Self::WouldExpireInUse {
                image,
                why,
                place,
                others,
                ..
            } => {
                write!(f, "the policy would expire {image}, which is {why}")?;
                if let Some((place, keep)) = place {
                    write!(f, " ({} of keep {keep})", Ordinal(*place))?;
                }
                if *others > 0 {
                    write!(f, ", and {others} more in use")?;
                }
                f.write_str("; it is not put")
            }
            Self::UsageUnknown {
                target,
                marked,
                images,
                why,
                ..
            } => write!(
                f,
                "{target}: the policy would expire {marked} of its images ({}), and not everything in use could be told \
                 ({why}); it is not put",
                some(images, *marked)
            ),
            Self::WillExpire {
                target,
                marked,
                images,
            } => write!(
                f,
                "{target}: the policy expires {marked} images that nothing uses ({}) within 24 hours",
                some(images, *marked)
            ),
            Self::SourceMissing { target, source } => write!(
                f,
                "{target} gets nothing: the common repository {source} does not exist"
            ),
            Self::CommonSkipped { source } => {
                write!(f, "{source} is a common repository and gets no policy")
            }
            Self::CommonExpires { source, keep } => write!(
                f,
                "{source} will keep the newest {keep} images: that layers which targets mounted from an older one survive it \
                 has not been tried on AWS"
            ),
            Self::CreatedElsewhere { target } => write!(
                f,
                "somebody else created {target} meanwhile; it was left as it is"
            ),
            Self::CommonInUse { source } => write!(
                f,
                "{source} gets no policy: a task definition still pulls from it"
            ),
            Self::MountingOff { registry } => write!(
                f,
                "the account setting BLOB_MOUNTING is off in {registry}: promotions will stream"
            ),
            Self::Failed(failure) => failure.fmt(f),
            Self::Unknown(failure) => write!(f, "unknown, going on without: {failure}"),
        }
    }
}

/// Names of images, with a sign that there are more.
fn some(images: &[String], all: usize) -> String {
    let more = if images.len() < all { ", …" } else { "" };
    format!("{}{more}", images.join(", "))
}
