//! Which images a policy marks now. Written sentence by sentence after UG "Lifecycle policy evaluation rules", as plainly
//! as possible; the sentences stand above the lines that carry them out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::clock::Time;
use crate::lifecycle::policy::Policy;
use crate::lifecycle::policy::Rule;
use crate::state::repository::matches_wildcard;
use crate::undocumented::Undocumented;

/// An image as the rules see it.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// Its digest.
    pub id: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// `pushed_at_time`.
    pub pushed_at: Time,
    /// `last_recorded_pulltime`.
    pub pulled_at: Option<Time>,
    /// `last_activated_at`.
    pub activated_at: Option<Time>,
    /// `last_archived_at`.
    pub archived_at: Option<Time>,
    /// Whether it is in the archive now.
    pub is_archived: bool,
    /// What it lists, if it is an index.
    pub children: Vec<String>,
    /// Whether it refers to a subject.
    pub is_referrer: bool,
}

/// The marked images, each with the priority of the one rule that marks it.
pub(crate) fn evaluate(
    policy: &Policy,
    images: &[Candidate],
    now: Time,
    undocumented: &Undocumented,
) -> BTreeMap<String, u32> {
    // "If an image is referenced by a manifest list, it cannot be expired or archived without the manifest list being
    // deleted or archived first."
    let referenced: BTreeSet<&str> = images
        .iter()
        .filter(|image| !image.is_archived)
        .flat_map(|image| image.children.iter().map(String::as_str))
        .collect();
    let takes_part = |image: &&Candidate| {
        (undocumented.children_count || !referenced.contains(image.id.as_str()))
            && (undocumented.referrers_count || !image.is_referrer)
    };

    // "All rules are evaluated at the same time, regardless of rule priority."
    let mut rules: Vec<&Rule> = policy.rules.iter().collect();
    rules.sort_by_key(|rule| rule.rule_priority);
    let evaluated: Vec<(u32, Vec<&Candidate>, Vec<&Candidate>)> = rules
        .iter()
        .map(|rule| {
            let identified: Vec<&Candidate> = images
                .iter()
                .filter(takes_part)
                .filter(|image| is_identified(rule, image))
                .collect();
            let over = over_the_limit(rule, &identified, now, undocumented);
            (rule.rule_priority, identified, over)
        })
        .collect();

    // "After all rules are evaluated, they are then applied based on rule priority."
    let mut marked = BTreeMap::new();
    let mut seen_by_higher: BTreeSet<&str> = BTreeSet::new();
    for (priority, identified, over) in evaluated {
        for image in over {
            // "An image that matches the tagging requirements of a rule cannot be expired or archived by a rule with a
            // lower priority." and "Rules can never mark images that are marked by higher priority rules".
            let is_shielded = seen_by_higher.contains(image.id.as_str());
            if !is_shielded && !referenced.contains(image.id.as_str()) {
                marked.insert(image.id.clone(), priority);
            }
        }
        seen_by_higher.extend(identified.iter().map(|image| image.id.as_str()));
    }
    marked
}

/// Storage class and tagging requirements.
fn is_identified(rule: &Rule, image: &Candidate) -> bool {
    let selection = &rule.selection;
    if (selection.class() == "archive") != image.is_archived {
        return false;
    }
    let some_tag = |matches: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| matches(tag));
    match selection.tag_status.as_str() {
        "any" => true,
        "untagged" => image.tags.is_empty(),
        // "An image is successfully matched if all of the tags in the tagPatternList or tagPrefixList value are matched
        // against any of the image's tags."
        _ => {
            selection
                .tag_pattern_list
                .iter()
                .all(|pattern| some_tag(&|tag| matches_wildcard(pattern, tag)))
                && selection
                    .tag_prefix_list
                    .iter()
                    .all(|prefix| some_tag(&|tag| tag.starts_with(prefix)))
        }
    }
}

fn over_the_limit<'a>(
    rule: &Rule,
    identified: &[&'a Candidate],
    now: Time,
    undocumented: &Undocumented,
) -> Vec<&'a Candidate> {
    let number = rule.selection.count_number;
    let older = |time: Time| time.age_in_days(now) > f64::from(number);
    let mut sorted = identified.to_vec();
    match rule.selection.count_type.as_str() {
        // "With countType = imageCountMoreThan, images are sorted from youngest to oldest based on pushed_at_time and
        // then all images greater than the specified count are expired or archived."
        "imageCountMoreThan" => {
            sorted.sort_by(|a, b| a.id.cmp(&b.id));
            if undocumented.tie_lower_digest_is_older {
                sorted.reverse();
            }
            sorted.sort_by_key(|image| Reverse(age_basis(image)));
            sorted.split_off(
                sorted
                    .len()
                    .min(usize::try_from(number).unwrap_or(usize::MAX)),
            )
        }
        // "With countType = sinceImagePushed, all images whose pushed_at_time is older than the specified number of days
        // based on countNumber are expired or archived."
        "sinceImagePushed" => {
            sorted.retain(|image| older(age_basis(image)));
            sorted
        }
        // "If an image was never pulled, the image's pushed_at_time is used instead"; "if archived and then restored …
        // but never pulled since the image was restored, the image's last_activated_at is used instead".
        "sinceImagePulled" => {
            sorted.retain(|image| {
                let basis = match (image.pulled_at, image.activated_at) {
                    (Some(pulled), Some(activated)) => pulled.max(activated),
                    (Some(pulled), None) => pulled,
                    (None, _) => age_basis(image),
                };
                older(basis)
            });
            sorted
        }
        // "With countType = sinceImageTransitioned, all archived images whose last_archived_at is older than the
        // specified number of days based on countNumber are expired."
        _ => {
            sorted.retain(|image| image.archived_at.is_some_and(older));
            sorted
        }
    }
}

/// "If an image was archived and then restored at any point in the past, the image's last_activated_at is used instead of
/// pushed_at_time."
fn age_basis(image: &Candidate) -> Time {
    image.activated_at.unwrap_or(image.pushed_at)
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
