//! The window that is nearly full: what a promotion would bring close to its end is pinned before the new tag is put, if the configured service
//! runs it or would roll back to it. So repeated failed deploys cannot push out what runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::lifecycle::Image;
use crate::model::reference::{Repository, Tag};
use crate::model::settings::Lifecycle;
use crate::model::time::Timestamp;
use crate::model::usage::{Deployed, Revision, Usage};
use crate::plan::finding::Kind as Found;
use crate::plan::look::{End, Look};
use crate::plan::problem::Kind;
use crate::plan::promotion::action::{Action, Promotion};
use crate::plan::promotion::rules::Rules;
use crate::plan::promotion::standing::{self, Case};
use crate::plan::protect::{self, Generations};
use crate::plan::reason::{Reason, Why};

/// What has to be looked at before the tags of a target are put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The target.
    target: Repository,
    /// What is deployed from it.
    pub deployed: Vec<Deployed>,
    /// The images that come too close to their end.
    at_risk: Vec<AtRisk>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AtRisk {
    image: Image,
    /// Further promotions until it is marked, once this run is over.
    left: u64,
    /// Whether a pin protects it.
    shielded: bool,
}

/// The guard of a target into which something new comes; nothing where no image comes too close to its end.
pub(super) fn of(
    target: &Repository,
    promotions: &[&Promotion],
    look: &mut Look<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Option<Guard> {
    if rules.lifecycle == Lifecycle::Off || look.is_missing(target) {
        return None;
    }
    let new = promotions
        .iter()
        .filter(|one| matches!(one.action, Action::Promote(_)));
    let new: Vec<_> = new.collect();
    let wanted = &new.first()?.wanted;
    let mut deployed: Vec<Deployed> = Vec::new();
    for one in new.iter().flat_map(|one| &one.wanted.deployed) {
        if one.service.is_some() && !deployed.contains(one) {
            deployed.push(one.clone());
        }
    }
    let case = Case {
        rules,
        now,
        others: u64::try_from(new.len()).unwrap_or(u64::MAX),
    };
    let images = match look.listing(End::target(target)) {
        Some(Ok(images)) if !deployed.is_empty() => images,
        _ => return None,
    };
    let close = standing::close(wanted, images, case, look);
    let at_risk: Vec<AtRisk> = close
        .into_iter()
        .map(|(image, left)| AtRisk {
            shielded: standing::shield(wanted, &image.digest, None, case, look).is_ok(),
            image,
            left,
        })
        .collect();
    (!at_risk.is_empty()).then(|| Guard {
        target: target.clone(),
        deployed,
        at_risk,
    })
}

/// The revisions whose definitions have to be known: those in use and where a rollback leads, but not the newer ones, which
/// nothing runs yet; and not those whose images ECS told already.
pub fn wanted(usage: &Usage) -> Vec<Revision> {
    let told = |revision: &Revision| usage.definitions.contains_key(revision);
    let all = relevant(usage).into_keys();
    all.filter(|revision| !told(revision)).collect()
}

fn relevant(usage: &Usage) -> BTreeMap<Revision, BTreeSet<Reason>> {
    let mut all = protect::revisions(usage, Generations::default());
    all.retain(|_, reasons| {
        reasons
            .iter()
            .any(|reason| !matches!(reason.why, Why::Newer | Why::Latest))
    });
    all
}

/// The service revisions' own images, which ECS tells with their digests, in the place of the definitions.
pub fn fill_definitions(usage: &mut Usage) {
    for service in &usage.services {
        for one in &service.revisions {
            if !one.images.is_empty() {
                let images = Ok(one.images.clone());
                usage
                    .definitions
                    .entry(one.revision.clone())
                    .or_insert(images);
            }
        }
    }
}

impl Guard {
    /// The images to pin first, and what speaks against it or could not be told.
    pub fn pins(&self, usage: &Usage) -> (Vec<(Digest, Tag)>, Vec<Kind>) {
        let (in_use, findings) = protect::images(usage, &relevant(usage));
        let used = |image: &Image| {
            in_use.places.keys().any(|place| {
                let tagged = |tag: &Tag| image.tags.iter().any(|one| one == tag.as_str());
                place.repository == self.target
                    && (place.digest.as_ref() == Some(&image.digest)
                        || place.tag.as_ref().is_some_and(tagged))
            })
        };
        let mut pins = Vec::new();
        let mut problems = Vec::new();
        for one in self.at_risk.iter().filter(|one| used(&one.image)) {
            let digest = one.image.digest.clone();
            if one.shielded {
                let tag = Tag::pin(&digest);
                pins.push((digest, tag));
            } else {
                problems.push(Kind::FewPushesLeft {
                    target: self.target.clone(),
                    digest,
                    left: one.left,
                });
            }
        }
        let unread = usage.gaps.iter().map(|gap| gap.failure.clone());
        let undescribed = findings.into_iter().filter_map(|found| match found.kind {
            Found::Undescribed { failure, .. } => failure,
            _ => None,
        });
        let target = || self.target.clone();
        problems.extend(unread.chain(undescribed).map(|failure| Kind::Unguarded {
            target: target(),
            failure,
        }));
        (pins, problems)
    }
}
