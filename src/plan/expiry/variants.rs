//! Plausible but wrong readings of AWS's rules. Each must fail the vectors named here, which shows that the vectors can tell them from the right one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashSet;

use crate::model::digest::Digest;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::TagList;
use crate::plan::expiry::Marked;
use crate::plan::expiry::evaluate::expires_at;
use crate::plan::expiry::samples::NOW;
use crate::plan::expiry::samples::by_id;
use crate::plan::expiry::samples::images;
use crate::plan::expiry::samples::policy;
use crate::plan::expiry::samples::vectors;

/// What a reading does otherwise.
#[derive(Clone, Copy, Default)]
struct Variant {
    /// A lower rule may mark whatever no higher rule marked.
    no_shield: bool,
    /// Only images not yet marked are ranked.
    rank_unmarked: bool,
    /// Shielded images take no rank.
    shielded_take_no_rank: bool,
    /// One matching list entry is enough.
    or_over_entries: bool,
    /// Children of an existing index are treated like any image.
    no_family: bool,
    /// The storage class does not matter to the shield.
    one_class: bool,
    /// Restored images keep their push date.
    push_date_only: bool,
}

fn evaluate(variant: Variant, policy: &Policy, images: &[Image]) -> Vec<Marked> {
    let children: HashSet<&Digest> = images.iter().flat_map(|image| &image.children).collect();
    let mut order: Vec<&Image> = images
        .iter()
        .filter(|image| variant.no_family || !children.contains(&image.digest))
        .collect();
    let time = |image: &Image| {
        if variant.push_date_only {
            image.pushed_at
        } else {
            image.sort_key()
        }
    };
    order.sort_by_key(|image| Reverse(time(image)));
    let mut identified: HashSet<&Digest> = HashSet::new();
    let mut marked: Vec<Marked> = Vec::new();
    for rule in policy.rules() {
        let is_marked = |image: &Image| marked.iter().any(|mark| mark.digest == image.digest);
        let matching: Vec<&Image> = order
            .iter()
            .copied()
            .filter(|image| selects(variant, rule, image))
            .filter(|image| !(variant.rank_unmarked && is_marked(image)))
            .filter(|image| !(variant.shielded_take_no_rank && identified.contains(&image.digest)))
            .collect();
        let over: Vec<&Image> = match rule.limit {
            Limit::ImageCountMoreThan(keep) => matching
                .iter()
                .copied()
                .skip(usize::try_from(keep).unwrap())
                .collect(),
            limit => matching
                .iter()
                .copied()
                .filter(|image| expires_at(limit, image).is_some_and(|at| NOW > at))
                .collect(),
        };
        for image in over {
            let taken = if variant.no_shield {
                marked.iter().any(|mark| mark.digest == image.digest)
            } else {
                identified.contains(&image.digest)
            };
            if !taken {
                marked.push(Marked {
                    digest: image.digest.clone(),
                    rule: rule.priority,
                    action: rule.action,
                });
            }
        }
        let seen = order
            .iter()
            .copied()
            .filter(|image| selects(variant, rule, image));
        identified.extend(seen.map(|image| &image.digest));
    }
    marked
}

fn selects(variant: Variant, rule: &Rule, image: &Image) -> bool {
    let class = variant.one_class || rule.storage_class() == image.storage_class;
    let tags = match &rule.selection {
        Selection::Tagged(TagList::Patterns(entries)) if variant.or_over_entries => {
            entries.iter().any(|entry| {
                Selection::Tagged(TagList::Patterns(vec![entry.clone()])).matches(&image.tags)
            })
        }
        Selection::Tagged(TagList::Prefixes(entries)) if variant.or_over_entries => {
            entries.iter().any(|entry| {
                Selection::Tagged(TagList::Prefixes(vec![entry.clone()])).matches(&image.tags)
            })
        }
        selection => selection.matches(&image.tags),
    };
    class && tags
}

fn failed(variant: Variant) -> Vec<String> {
    let wrong = |(rules, texts, expect): (
        &[serde_json::Value],
        &[crate::plan::expiry::samples::ImageText],
        &BTreeMap<String, u32>,
    )| { by_id(&evaluate(variant, &policy(rules), &images(texts))) != *expect };
    let vectors = vectors();
    vectors
        .iter()
        .filter(|vector| wrong((&vector.rules, &vector.images, &vector.expect)))
        .map(|vector| vector.name.clone())
        .collect()
}

/// Exactly the named vectors of AWS's and the real preview fail, and at least `derived` of our own.
fn check(variant: Variant, documented: &[&str], derived: &[&str]) {
    let failed = failed(variant);
    let known = |name: &&String| name.starts_with("aws-") || name.starts_with("real-");
    assert_eq!(failed.iter().filter(known).collect::<Vec<_>>(), documented);
    for name in derived {
        assert!(
            failed.iter().any(|failed| failed == name),
            "{name} should fail, but only {failed:?} did"
        );
    }
}

#[test]
fn the_right_reading_passes_all() {
    assert_eq!(failed(Variant::default()), Vec::<String>::new());
}

#[test]
fn no_shield() {
    check(
        Variant {
            no_shield: true,
            ..Variant::default()
        },
        &["aws-multiple-rules-A", "aws-all-images-B"],
        &["pin-shields-oldest"],
    );
}

#[test]
fn rank_only_unmarked() {
    check(
        Variant {
            no_shield: true,
            rank_unmarked: true,
            ..Variant::default()
        },
        &["aws-multiple-rules-A", "aws-all-images-B"],
        &["pin-shields-oldest"],
    );
}

#[test]
fn shielded_take_no_rank() {
    check(
        Variant {
            shielded_take_no_rank: true,
            ..Variant::default()
        },
        &["aws-all-images-B"],
        &["pinned-image-takes-a-slot"],
    );
}

#[test]
fn rank_only_unmarked_and_or_over_entries() {
    check(
        Variant {
            no_shield: true,
            rank_unmarked: true,
            or_over_entries: true,
            ..Variant::default()
        },
        &[
            "aws-multiple-rules-A",
            "aws-multiple-tags-A",
            "aws-all-images-B",
        ],
        &["and-not-or"],
    );
}

#[test]
fn readings_only_our_own_vectors_tell_apart() {
    check(
        Variant {
            no_family: true,
            ..Variant::default()
        },
        &["real-preview-defang-466"],
        &["tagged-rule-ignores-children"],
    );
    check(
        Variant {
            one_class: true,
            ..Variant::default()
        },
        &[],
        &["archive-then-expire"],
    );
    check(
        Variant {
            push_date_only: true,
            ..Variant::default()
        },
        &[],
        &["restored-image-is-young"],
    );
}
