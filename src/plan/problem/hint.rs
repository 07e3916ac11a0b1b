//! The next step for each finding.

use crate::model::reference::Tag;
use crate::plan::owner::Tool;
use crate::plan::problem::{Kind, MountObstacle, MoveObstacle, StreamingRefused};

const ENABLE_MOUNTING: &str =
    "enable it: aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED";

impl Kind {
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
            Self::Missing { source, .. } if !source.registry.is_ecr() => {
                format!(
                    "look for a typing error, and at `from` of `sources:` in demitasse.yml ({source})"
                )
            }
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
            Self::TagTaken {
                obstacle: Some(MoveObstacle::Unknown),
                ..
            } => "allow ecr:GetLifecyclePolicy and ecr:DescribeImages on the target".to_owned(),
            Self::TagTaken {
                obstacle: Some(MoveObstacle::Archived),
                ..
            } => "deploy a new tag, or restore or delete the archived image first".to_owned(),
            Self::Archived { target, digest, .. } => format!(
                "restore it: aws ecr update-image-storage-class --repository-name {target} \
                 --image-id imageDigest={digest} --target-storage-class STANDARD"
            ),
            Self::TagTaken { target, .. } => format!(
                "put the rule for inuse-* of docs/lifecycle-policy.md first in the policy of {target}"
            ),
            Self::RepositoryMissing { target } => {
                format!("create {target} first, or drop --create-repository never")
            }
            Self::Owned { target, owner, .. } => match &owner.tool {
                Tool::Terraform => format!(
                    "declare an aws_ecr_lifecycle_policy beside the repository: \
                     `demitasse bootstrap --repository {target} --output terraform` prints it"
                ),
                Tool::CloudFormation { stack } => format!(
                    "set LifecyclePolicy in the stack {stack}, to the policy of docs/lifecycle-policy.md"
                ),
            },
            Self::SourceUnread { failure, .. } => return failure.hint(),
            Self::OwnerUnknown { failure, .. } | Self::PolicyFailed { failure, .. } => {
                return failure.hint();
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
            Self::CompanionsLeft { .. } => {
                "sign with OCI referrers, which travel with the image".to_owned()
            }
            Self::Streaming {
                obstacle: MountObstacle::SettingOff,
                ..
            } => ENABLE_MOUNTING.to_owned(),
            Self::PinWithoutShield { target, .. } => format!(
                "put the rule for inuse-* of docs/lifecycle-policy.md first in the policy of {target}"
            ),
            Self::Unguarded { failure, .. } => return failure.hint(),
            Self::FewPushesLeft { target, .. } => {
                format!("raise keep in the policy of {target}, or pin the image")
            }
            Self::WouldExpire { .. } => {
                "compare demitasse lifecycle simulate with it, and delete what may go yourself"
                    .to_owned()
            }
            Self::WouldExpireInUse {
                needed: Some(needed),
                ..
            } => format!(
                "keep at least {needed}: --keep {needed}, or `repositories:` in demitasse.yml; or pin it first: demitasse pin --all"
            ),
            Self::WouldExpireInUse { .. } => {
                "give the image a tag, or raise untagged_days in demitasse.yml".to_owned()
            }
            Self::UsageUnknown {
                needed: Some(needed),
                ..
            } => format!(
                "keep at least {needed}, which expires nothing: --keep {needed}, or `repositories:` in demitasse.yml"
            ),
            Self::UsageUnknown { .. } => {
                "allow what could not be read, or leave it out in demitasse.yml (`without:`)"
                    .to_owned()
            }
            Self::WillExpire { .. } => return None,
            Self::SourceMissing { source, .. } => {
                format!("create {source} first, or look for a typing error in the image")
            }
            Self::CommonSkipped { .. } => {
                "run it for the configs that use it, with --common-keep".to_owned()
            }
            Self::CommonExpires { .. } => {
                "make check 1 of docs/live-checks.md before images of it expire".to_owned()
            }
            Self::CreatedElsewhere { .. } => "run it again".to_owned(),
            Self::CommonInUse { .. } => {
                "let the task definition name the task-definition repository".to_owned()
            }
            Self::MountingOff { .. } => "pass --enable-blob-mounting".to_owned(),
            Self::Failed(failure) | Self::Unknown(failure) => return failure.hint(),
            _ => return None,
        })
    }
}
