//! Judges every protected image by the policy of its repository.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::model::lifecycle::{self, Policy};
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::plan::audit::standing::{Left, Standing, standings};
use crate::plan::audit::{Audit, Image, Rules};
use crate::plan::finding::{Finding, Kind, Named};
use crate::plan::lint;
use crate::plan::look::{End, Look};
use crate::plan::pattern::Values;
use crate::plan::problem::Severity;
use crate::plan::protect::{self, InUse};
use crate::plan::reason::{Reason, Why};
use crate::plan::window;

/// An age rule this close is an error, in days.
const DAYS_LEFT: u32 = 30;

/// Judges everything that is in use. What has to be known first is asked; until nothing is, the answer is not one yet.
pub fn audit(in_use: &InUse, look: &mut Look<'_>, rules: &Rules, now: Timestamp) -> Audit {
    let (protected, findings) = protect::close(in_use, look);
    let mut audit = Audit {
        images: Vec::new(),
        findings,
    };
    for (repository, held) in &protected.0 {
        let images = one_repository(repository, held, look, now, &mut audit.findings);
        let listing = look.listing(End::target(repository));
        let listing = listing.and_then(|known| known.as_ref().ok());
        let referrers = listing.into_iter().flatten();
        let referrers = referrers.filter(|one| one.subject.is_some());
        let referrers: BTreeSet<&Digest> = referrers.map(|one| &one.digest).collect();
        for image in &images {
            // Whether ECR's rules see OCI 1.1 referrers at all is not documented, and no pull needs one.
            if !referrers.contains(&image.digest) {
                audit.findings.extend(judge(image, rules, now));
            }
        }
        audit.findings.extend(common(repository, &images, rules));
        let families = in_use.families.get(repository);
        audit.findings.extend(shared(repository, &images, families));
        audit.images.extend(images);
    }
    audit
}

fn one_repository(
    repository: &Repository,
    held: &BTreeMap<Digest, BTreeSet<Reason>>,
    look: &mut Look<'_>,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> Vec<Image> {
    let end = End::target(repository);
    let policy = look.policy(end);
    let Some(Ok(listing)) = look.listing(end) else {
        return Vec::new();
    };
    let all = with_known_children(repository, listing, look);
    let reasons = || held.values().flatten().cloned().collect();
    let unread = |kind: Kind| Finding {
        severity: Severity::Error,
        kind,
        reasons: reasons(),
    };
    let standings = match policy {
        None => return Vec::new(),
        Some(Err(failure)) => {
            let (repository, failure) = (repository.clone(), failure.clone());
            findings.push(unread(Kind::Unreadable {
                repository,
                failure,
            }));
            None
        }
        Some(Ok(None)) => Some(standings(None, &all, now)),
        Some(Ok(Some(text))) => match text.parse::<Policy>() {
            Err(error) => {
                findings.push(unread(Kind::StrangePolicy {
                    repository: repository.clone(),
                    error: error.to_string(),
                }));
                None
            }
            Ok(policy) => {
                findings.extend(lints(repository, &policy, &all, now));
                Some(standings(Some(&policy), &all, now))
            }
        },
    };
    let kept = all.iter().filter_map(|image| {
        let reasons = held.get(&image.digest)?;
        let known = standings.as_ref();
        let standing = known.and_then(|all| all.get(&image.digest).copied());
        Some(Image {
            repository: repository.clone(),
            digest: image.digest.clone(),
            tags: image.tags.clone(),
            pushed_at: image.pushed_at,
            reasons: reasons.clone(),
            standing: standing.unwrap_or_else(|| Standing::unknown(image)),
        })
    });
    let mut kept: Vec<Image> = kept.collect();
    kept.sort_by(|one, other| {
        let by_time = other.pushed_at.cmp(&one.pushed_at);
        by_time.then_with(|| one.digest.cmp(&other.digest))
    });
    kept
}

/// The listing with the children of every index that was read. An index that was not read only makes others look older than
/// they are, never younger.
pub(in crate::plan) fn with_known_children(
    repository: &Repository,
    listing: &[lifecycle::Image],
    look: &Look<'_>,
) -> Vec<lifecycle::Image> {
    let known = look.facts(repository).map(|facts| &facts.images);
    let mut images = listing.to_vec();
    for image in &mut images {
        let id = ImageId::Digest(image.digest.clone());
        if let Some(Ok(Some(manifest))) = known.and_then(|known| known.get(&id)) {
            let children = manifest.children.iter();
            image.children = children.map(|child| child.digest.clone()).collect();
        }
    }
    images
}

fn judge(image: &Image, rules: &Rules, now: Timestamp) -> Option<Finding> {
    let named = Named::new(&image.repository, &image.digest, &image.tags);
    let place = image.standing.place;
    let left = image.standing.left;
    if image.standing.pinned && !matches!(left, Left::Unknown | Left::Never) {
        return Some(Finding {
            severity: Severity::Error,
            kind: Kind::PinWithoutShield { image: named },
            reasons: image.reasons.clone(),
        });
    }
    let companion = image
        .reasons
        .iter()
        .all(|reason| matches!(reason.why, Why::Child | Why::Parent | Why::Referrer));
    let worst = match protect::severity(&image.reasons) {
        _ if companion => Severity::Warning,
        severity => severity,
    };
    let (severity, kind) = match left {
        Left::Unknown | Left::Never => return None,
        Left::Now => {
            let rule = image.standing.rule.unwrap_or_default();
            let image = named;
            (worst, Kind::ExpiresNow { image, rule, place })
        }
        Left::Pushes { min, .. } if min < enough(image, rules) => {
            let kind = Kind::ExpiresIn {
                image: named,
                pushes: min,
                place,
            };
            (worst, kind)
        }
        Left::Pushes { .. } => return None,
        // That a date is set for an image in use is worth a warning, however far it is.
        Left::At(at) => {
            let is_close = at <= now.plus_days(DAYS_LEFT);
            let severity = if is_close { worst } else { Severity::Warning };
            (severity, Kind::ExpiresAt { image: named, at })
        }
    };
    Some(Finding {
        severity,
        kind,
        reasons: image.reasons.clone(),
    })
}

/// How many pushes it should have left.
fn enough(image: &Image, rules: &Rules) -> u64 {
    let keep = image.standing.place.map(|(_, keep)| keep);
    window::enough(rules.min_pushes, keep.unwrap_or(u32::MAX))
}

/// Whether the name is one of a common repository.
pub(in crate::plan) fn is_common(repository: &Repository, rules: &Rules) -> bool {
    let name = repository.name.as_str();
    rules.source.read(name, &Values::default()).is_some()
}

fn common(repository: &Repository, images: &[Image], rules: &Rules) -> Option<Finding> {
    if !is_common(repository, rules) {
        return None;
    }
    let used = |image: &&Image| image.reasons.iter().any(|reason| reason.why.is_use());
    let used: Vec<&Image> = images.iter().filter(used).collect();
    (!used.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        kind: Kind::CommonInUse {
            repository: repository.clone(),
            images: used.len(),
        },
        reasons: used
            .iter()
            .flat_map(|image| image.reasons.clone())
            .collect(),
    })
}

fn shared(
    repository: &Repository,
    images: &[Image],
    families: Option<&BTreeSet<String>>,
) -> Option<Finding> {
    let families = families.filter(|families| families.len() > 1)?;
    let counted = |image: &Image| image.standing.place.is_some();
    images.iter().any(counted).then(|| Finding {
        severity: Severity::Warning,
        kind: Kind::SharedRepository {
            repository: repository.clone(),
            families: families.clone(),
        },
        reasons: BTreeSet::new(),
    })
}

/// What the lint says of the policy, but for what the audit itself says better.
fn lints(
    repository: &Repository,
    policy: &Policy,
    images: &[lifecycle::Image],
    now: Timestamp,
) -> Vec<Finding> {
    let known = lint::Known {
        images: Some(images),
        ..lint::Known::default()
    };
    let found = lint::lint(policy, &known, now);
    let found = found
        .into_iter()
        .filter(|one| one.code != lint::Code::KeepsTooFew);
    found
        .map(|one| Finding {
            severity: match one.severity {
                lint::Severity::Info => Severity::Note,
                lint::Severity::Warning => Severity::Warning,
                lint::Severity::Error => Severity::Error,
            },
            kind: Kind::Lint {
                repository: repository.clone(),
                code: one.code.name(),
                text: one.message,
                hint: one.hint,
            },
            reasons: BTreeSet::new(),
        })
        .collect()
}
