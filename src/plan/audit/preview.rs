//! ECR's own preview as a second opinion on what happens to protected images now.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::inventory::Inventory;
use crate::model::reference::Repository;
use crate::plan::audit::standing::Left;
use crate::plan::audit::{Audit, Image};
use crate::plan::finding::{Finding, Kind, Named};
use crate::plan::problem::Severity;
use crate::plan::protect;

/// A preview to ask for: the policy of a repository, and its protected images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'i> {
    /// The repository.
    pub repository: Repository,
    /// Its policy.
    pub policy: &'i str,
    /// The images.
    pub digests: Vec<Digest>,
}

/// One preview for each repository with protected images and a policy.
pub fn previews<'i>(audit: &Audit, inventory: &'i Inventory) -> Vec<Wanted<'i>> {
    let mut by_repository: BTreeMap<&Repository, Vec<Digest>> = BTreeMap::new();
    for image in &audit.images {
        let digests = by_repository.entry(&image.repository).or_default();
        digests.push(image.digest.clone());
    }
    let wanted = by_repository
        .into_iter()
        .filter_map(|(repository, digests)| {
            let facts = inventory.repositories.get(repository)?;
            let Some(Ok(Some(policy))) = &facts.policy else {
                return None;
            };
            Some(Wanted {
                repository: repository.clone(),
                policy,
                digests,
            })
        });
    wanted.collect()
}

/// Compares what ECR says with what we found. Where ECR would act on a protected image and we found otherwise, that is an error:
/// ECR is right.
pub fn compare(
    audit: &Audit,
    repository: &Repository,
    marked: Result<BTreeSet<Digest>, Failure>,
) -> Vec<Finding> {
    let here = audit.images.iter();
    let here = here.filter(|image| image.repository == *repository);
    match marked {
        Ok(marked) => here.filter_map(|image| differs(image, &marked)).collect(),
        Err(failure) => vec![Finding {
            severity: Severity::Warning,
            kind: Kind::NoPreview {
                repository: repository.clone(),
                failure,
            },
            reasons: BTreeSet::new(),
        }],
    }
}

fn differs(image: &Image, marked: &BTreeSet<Digest>) -> Option<Finding> {
    let named = || Named::new(&image.repository, &image.digest, &image.tags);
    let (severity, kind) = match (image.standing.left, marked.contains(&image.digest)) {
        (Left::Now, true) | (Left::Unknown, false) => return None,
        (Left::Now, false) => (Severity::Note, Kind::PreviewSpares { image: named() }),
        (_, true) => {
            let severity = protect::severity(&image.reasons);
            (severity, Kind::PreviewMarks { image: named() })
        }
        (_, false) => return None,
    };
    Some(Finding {
        severity,
        kind,
        reasons: image.reasons.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::Registry;
    use crate::model::time::Timestamp;
    use crate::plan::audit::Standing;
    use crate::plan::protect::samples::HOST;
    use crate::plan::reason::{Reason, Why};

    fn check(left: Left, marked: bool, expected: &[(&str, Severity)]) {
        let repository = Repository {
            registry: Registry::from_host(HOST).expect("a host"),
            name: "fluentd/app".parse().expect("a name"),
        };
        let digest = Digest::of(b"image");
        let audit = Audit {
            images: vec![Image {
                repository: repository.clone(),
                digest: digest.clone(),
                tags: vec!["v1".to_owned()],
                pushed_at: Timestamp(0),
                reasons: BTreeSet::from([Reason::new(Why::RunningTask, "task")]),
                standing: Standing {
                    pinned: false,
                    rule: Some(1),
                    place: None,
                    left,
                },
            }],
            findings: Vec::new(),
        };
        let marked = if marked { vec![digest] } else { Vec::new() };
        let found = compare(&audit, &repository, Ok(marked.into_iter().collect()));
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.kind.code(), one.severity))
            .collect();
        assert_eq!(found, expected, "{left:?}");
    }

    #[test]
    fn ecr_is_right() {
        let marks = ("PREVIEW_MARKS", Severity::Error);
        check(Left::Now, true, &[]);
        check(Left::Never, false, &[]);
        check(Left::Never, true, &[marks]);
        check(Left::Unknown, true, &[marks]);
        let pushes = Left::Pushes {
            min: 9,
            max: Some(9),
        };
        check(pushes, true, &[marks]);
        check(Left::Now, false, &[("PREVIEW_SPARES", Severity::Note)]);
    }
}
