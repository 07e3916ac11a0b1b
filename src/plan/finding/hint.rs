//! The next step for each finding.

use crate::model::usage::Source;
use crate::plan::finding::Kind;

impl Kind {
    /// The exact next step, where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unread(gap) => {
                let left_out = match gap.source {
                    Source::EventBridge | Source::Scheduler | Source::Daemons => {
                        format!("; or leave it out with --without {}", gap.source)
                    }
                    _ => String::new(),
                };
                format!("{}{left_out}", gap.failure.hint().unwrap_or_else(|| "run again".to_owned()))
            }
            Self::Undescribed {
                failure: Some(failure),
                ..
            }
            | Self::Unreadable { failure, .. } => return failure.hint(),
            Self::NothingRuns => "check AWS_PROFILE, --region and --assume-role-arn".to_owned(),
            Self::Missing(asked) if asked.digest.is_none() => {
                "push the image again under this tag, or deploy one that exists: demitasse promote, ecspresso deploy".to_owned()
            }
            Self::Missing(_) | Self::ChildMissing { .. } => {
                "deploy an image that exists: demitasse promote, ecspresso deploy".to_owned()
            }
            Self::Archived(image) => format!(
                "aws ecr update-image-storage-class --registry-id {} --repository-name {} --image-id imageDigest={} --target-storage-class STANDARD",
                image.repository.registry.account(), image.repository.name, image.digest
            ),
            Self::Restoring(_) => "wait: restoring typically takes up to 20 minutes".to_owned(),
            Self::NoPreview { failure, .. } => return failure.hint(),
            Self::PreviewMarks { .. } => {
                "run demitasse pin, and compare with demitasse lifecycle simulate".to_owned()
            }
            Self::ExpiresNow { .. } | Self::ExpiresIn { .. } | Self::ExpiresAt { .. } => {
                "demitasse pin".to_owned()
            }
            Self::PinWithoutShield { image } => format!(
                "give the policy a first rule for inuse-*: demitasse bootstrap --repository {} --overwrite",
                image.repository.name
            ),
            Self::RollbackFails { service, .. } => format!(
                "deploy an ACTIVE revision to {service}, or roll back by hand: aws ecs update-service --task-definition"
            ),
            Self::TagMoved { .. } => {
                "deploy again, so that the service runs what the tag means; immutable tags cannot move".to_owned()
            }
            Self::Lint { hint, .. } => return hint.clone(),
            Self::CommonInUse { .. } | Self::SharedRepository { .. } => {
                "promote into a repository for each task definition: demitasse promote".to_owned()
            }
            _ => return None,
        })
    }
}
