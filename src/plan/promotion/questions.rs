//! What still has to be known before deciding. Asked again after each round of reading, until nothing is left: an
//! index's children can only be asked for once the index was read.

use crate::model::failure::Side;
use crate::model::inventory::{Facts, ImageId, Inventory, Questions};
use crate::model::manifest::Manifest;
use crate::model::settings::{CreateRepository, Lifecycle};
use crate::plan::mapping::{Mapping, Wanted};
use crate::plan::promotion::content::{self, Content};
use crate::plan::promotion::image::{self, Verdict};
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Rules;

/// Everything that is not yet in the inventory.
pub fn questions(mapping: &Mapping, inventory: &Inventory, rules: &Rules) -> Questions {
    let mut questions = Questions::default();
    for foreign in &mapping.foreign {
        let known = inventory.repositories.get(&foreign.source);
        if !known.is_some_and(|facts| facts.missing || facts.settings.is_some()) {
            questions.about(&foreign.source, Side::Source).settings = true;
        }
    }
    for wanted in &mapping.wanted {
        first_round(wanted, inventory, rules, &mut questions);
    }
    if questions.is_empty() {
        for wanted in &mapping.wanted {
            later_rounds(wanted, inventory, rules, &mut questions);
        }
    }
    questions
}

fn first_round(wanted: &Wanted, inventory: &Inventory, rules: &Rules, questions: &mut Questions) {
    let registry = &wanted.target.registry;
    if wanted.source.registry == *registry && !inventory.blob_mounting.contains_key(registry) {
        questions.blob_mounting.insert(registry.clone());
    }
    let nothing = Facts::default();
    let source = inventory
        .repositories
        .get(&wanted.source)
        .unwrap_or(&nothing);
    let mut ids = vec![wanted.asked()];
    if let (Some(tag), Some(_)) = (&wanted.tag, &wanted.digest) {
        ids.push(ImageId::Tag(tag.clone()));
    }
    for id in ids {
        if !source.images.contains_key(&id) {
            questions
                .about(&wanted.source, Side::Source)
                .images
                .insert(id);
        }
    }
    if source.settings.is_none() {
        questions.about(&wanted.source, Side::Source).settings = true;
    }
    let target = inventory
        .repositories
        .get(&wanted.target)
        .unwrap_or(&nothing);
    let mut ids = vec![ImageId::Tag(wanted.target_tag())];
    if let Some(digest) = &wanted.digest {
        ids.push(ImageId::Digest(digest.clone()));
    }
    for id in ids {
        if !target.images.contains_key(&id) {
            questions
                .about(&wanted.target, Side::Target)
                .images
                .insert(id);
        }
    }
    if target.settings.is_none() {
        questions.about(&wanted.target, Side::Target).settings = true;
    }
    if target.listing.is_none() {
        questions.about(&wanted.target, Side::Target).listing = true;
    }
    if target.policy.is_none() && rules.lifecycle != Lifecycle::Off {
        questions.about(&wanted.target, Side::Target).policy = true;
    }
}

fn later_rounds(wanted: &Wanted, inventory: &Inventory, rules: &Rules, questions: &mut Questions) {
    let (Some(source), Some(target)) = (
        inventory.repositories.get(&wanted.source),
        inventory.repositories.get(&wanted.target),
    ) else {
        return;
    };
    match image::verdict(wanted, source, target) {
        Verdict::Copy(top) => copy(wanted, inventory, source, target, top, rules, questions),
        Verdict::Missing if !source.missing && source.listing.is_none() => {
            questions.about(&wanted.source, Side::Source).listing = true;
        }
        _ => {}
    }
}

fn copy(
    wanted: &Wanted,
    inventory: &Inventory,
    source: &Facts,
    target: &Facts,
    top: &Manifest,
    rules: &Rules,
    questions: &mut Questions,
) {
    let creates = target.missing && rules.create_repository == CreateRepository::Auto;
    if creates && source.access.is_none() {
        questions.about(&wanted.source, Side::Source).access = true;
    }
    if rules.referrers && !source.missing {
        match source.referrers.get(&top.digest) {
            None => {
                let ask = questions.about(&wanted.source, Side::Source);
                ask.referrers.insert(top.digest.clone());
            }
            Some(Err(_)) => {}
            Some(Ok(referrers)) => {
                let unread = referrers
                    .iter()
                    .map(|digest| ImageId::Digest(digest.clone()));
                let unread = unread.filter(|id| !source.images.contains_key(id));
                let unread: Vec<_> = unread.collect();
                if !unread.is_empty() {
                    questions
                        .about(&wanted.source, Side::Source)
                        .images
                        .extend(unread);
                }
            }
        }
    }
    match content::of(top, source, target) {
        Content::Unread(children) => {
            let ids = children.into_iter().map(ImageId::Digest);
            questions
                .about(&wanted.source, Side::Source)
                .images
                .extend(ids);
        }
        Content::Whole(whole) => {
            let certain = repository::obstacle(wanted, inventory).is_some();
            if certain && !target.missing {
                let unasked = whole.blobs.iter().map(|blob| blob.digest.clone());
                let unasked = unasked.filter(|digest| !target.blobs.contains_key(digest));
                let unasked: Vec<_> = unasked.collect();
                if !unasked.is_empty() {
                    questions
                        .about(&wanted.target, Side::Target)
                        .blobs
                        .extend(unasked);
                }
            }
        }
        Content::Broken(_) => {}
    }
}
