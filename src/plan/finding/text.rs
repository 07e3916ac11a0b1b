//! Each finding as a sentence.

use std::fmt;

use crate::model::ordinal::Ordinal;
use crate::plan::finding::Kind;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(gap) => write!(f, "{} could not be read: {}", gap.source, gap.failure),
            Self::NothingRuns => f.write_str("no service and no task was found"),
            Self::LeftOut(source) => write!(f, "{source} was left out (--without)"),
            Self::Undescribed {
                revision,
                failure: Some(failure),
            } => write!(f, "nobody knows which images {revision} runs: {failure}"),
            Self::Undescribed { revision, .. } => {
                write!(f, "nobody knows which images {revision} runs")
            }
            Self::Unparsable { image, error } => {
                write!(f, "the image `{image}` cannot be understood: {error}")
            }
            Self::Unreadable {
                repository,
                failure,
            } => {
                write!(f, "{repository} could not be read: {failure}")
            }
            Self::StrangePolicy { repository, error } => {
                write!(
                    f,
                    "the lifecycle policy of {repository} cannot be understood: {error}"
                )
            }
            Self::Missing(asked) => write!(f, "{asked} is not in ECR"),
            Self::Archived(image) => write!(f, "{image} is archived and cannot be pulled"),
            Self::Restoring(image) => {
                write!(f, "{image} is being restored and cannot be pulled yet")
            }
            Self::ChildMissing {
                repository,
                index,
                child,
            } => write!(
                f,
                "{repository}@{child}, which the index {index} lists, is not in ECR"
            ),
            Self::ExpiresNow { image, rule, place } => {
                write!(f, "{image} expires within 24 hours by rule {rule}")?;
                write_place(f, *place)
            }
            Self::ExpiresIn {
                image,
                pushes,
                place,
            } => {
                let word = if *pushes == 1 { "push" } else { "pushes" };
                write!(f, "{image} expires in {pushes} {word}")?;
                write_place(f, *place)
            }
            Self::ExpiresAt { image, at } => write!(f, "{image} expires by its age after {at}"),
            Self::PreviewMarks { image } => write!(
                f,
                "ECR's preview says that {image} expires within 24 hours, and we found otherwise"
            ),
            Self::PreviewSpares { image } => write!(
                f,
                "ECR's preview says that {image} does not expire yet, and we found otherwise"
            ),
            Self::NoPreview {
                repository,
                failure,
            } => write!(f, "ECR gave no preview of {repository}: {failure}"),
            Self::PinWithoutShield { image } => write!(
                f,
                "{image} is pinned, but no rule of the policy shields inuse-* from the others"
            ),
            Self::NoRollbackTarget { service, revision } => write!(
                f,
                "{service} runs {revision}, and there is no ACTIVE revision before it to roll back to"
            ),
            Self::RollbackFails { service, revision } => write!(
                f,
                "{service} runs {revision}, which is not ACTIVE: ecspresso rollback finds no target"
            ),
            Self::TagMoved {
                repository,
                tag,
                runs,
                means,
                service,
            } => write!(
                f,
                "{repository}:{tag} means {means} now, but {service} runs {runs}"
            ),
            Self::CommonInUse { repository, images } => {
                let verb = if *images == 1 {
                    "image is"
                } else {
                    "images are"
                };
                write!(
                    f,
                    "{images} {verb} still in use from the common repository {repository}"
                )
            }
            Self::SharedRepository {
                repository,
                families,
            } => {
                let families: Vec<&str> = families.iter().map(String::as_str).collect();
                write!(
                    f,
                    "one count rule ages the images of several task definitions in {repository}: {}",
                    families.join(", ")
                )
            }
            Self::Lint {
                repository, text, ..
            } => write!(f, "{repository}: {text}"),
        }
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, place: Option<(usize, u32)>) -> fmt::Result {
    match place {
        Some((place, keep)) => write!(f, " ({} of keep {keep})", Ordinal(place)),
        None => Ok(()),
    }
}
