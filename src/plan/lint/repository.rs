//! Lints that need to know the repository.

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::lifecycle::Action;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::StorageClass;
use crate::model::lifecycle::TagList;
use crate::model::reference::Tag;
use crate::model::time::Timestamp;
use crate::plan::expiry;
use crate::plan::expiry::Outlook;
use crate::plan::lint::Code;
use crate::plan::lint::Finding;
use crate::plan::lint::Known;
use crate::plan::lint::Severity;
use crate::plan::lint::alone::is_dead;
use crate::plan::lint::alone::is_for_pins;
use crate::plan::lint::alone::list_field;
use crate::plan::policy::PIN_PATTERN;
use crate::plan::policy::is_shield;
use crate::plan::policy::reach;

/// An image in use should survive this many promotions.
const MARGIN: u64 = 3;

/// What `bootstrap --common-keep` takes for enough while every task definition moves to repositories of its own.
const COMMON_KEEP: u32 = 200;

pub(super) fn lint(policy: &Policy, known: &Known<'_>, now: Timestamp) -> Vec<Finding> {
    let standard: Vec<&Rule> = policy
        .rules()
        .iter()
        .filter(|rule| rule.storage_class() == StorageClass::Standard)
        .collect();
    let mut findings = Vec::new();
    findings.extend(untagged_where_tags_move(&standard, known));
    findings.extend(shared_count(&standard, known));
    findings.extend(fixed_tags(&standard, known));
    if let Some(images) = known.images {
        let outlooks = expiry::outlooks(policy, images, now);
        findings.extend(dead(&standard, images));
        findings.extend(keeps_too_few(&standard, images, &outlooks, known));
        findings.extend(signatures(&standard, images));
        findings.extend(pins_near_the_count(&standard, images));
        findings.extend(orphans_stay(&standard, images));
        findings.extend(narrower(policy, images, &outlooks, known, now));
    }
    findings
}

fn untagged_where_tags_move(rules: &[&Rule], known: &Known<'_>) -> Option<Finding> {
    let mutability = known.mutability?;
    let is_pins = |filter: &String| filter == PIN_PATTERN;
    if mutability.immutable && mutability.exclusions.iter().all(is_pins) {
        return None;
    }
    let (index, rule) = rules.iter().enumerate().find(|(index, rule)| {
        let higher = rules.get(..*index).unwrap_or_default();
        let reach = reach(higher, &rule.selection);
        // What takes tagged images by age is a finding of its own.
        let by_age = matches!(rule.limit, Limit::SinceImagePushed(_));
        by_age && rule.action == Action::Expire && reach.untagged && !reach.tagged
    })?;
    let higher = rules.get(..index).unwrap_or_default();
    let shielded = higher
        .iter()
        .any(|rule| is_shield(rule) && is_for_pins(rule));
    let (severity, hint) = if shielded {
        (
            Severity::Info,
            "pin what runs before its tag moves, as promote does",
        )
    } else {
        (
            Severity::Error,
            "make tags immutable, or put a rule for pins first and pin what runs",
        )
    };
    let message = format!(
        "rule {} expires untagged images {} days after their push, and tags may move here ({mutability}): ECS goes on pulling by digest an image that has lost its tag",
        rule.priority,
        rule.limit.number()
    );
    let finding = Finding::of(rule, Code::UntaggedWhereTagsMove, severity, message);
    Some(finding.at("selection").hint(hint))
}

fn shared_count(rules: &[&Rule], known: &Known<'_>) -> Option<Finding> {
    let counts =
        |rule: &&&Rule| rule.keep().is_some() && !is_shield(rule) && rule.selection.may_be_tagged();
    let mut counting = rules.iter().filter(counts);
    let (Some(rule), None) = (counting.next(), counting.next()) else {
        return None;
    };
    let keep = rule.keep()?;
    let (severity, who) = match known.families {
        Some(families) if families > 1 => (Severity::Error, format!("{families} task definitions")),
        None if known.is_common && keep < COMMON_KEEP => (
            Severity::Warning,
            "every task definition that has no repository of its own yet".to_owned(),
        ),
        _ => return None,
    };
    let message = format!(
        "rule {} keeps the newest {keep} images for {who}: the one that is deployed often expires what the quiet one runs",
        rule.priority
    );
    let finding = Finding::of(rule, Code::SharedCount, severity, message);
    Some(
        finding
            .at("selection")
            .hint("give each task definition a repository of its own (demitasse promote)"),
    )
}

/// A tag that has to move to the next image cannot, where tags are immutable.
fn fixed_tags(rules: &[&Rule], known: &Known<'_>) -> Vec<Finding> {
    let Some(mutability) = known.mutability else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for rule in rules.iter().filter(|rule| is_shield(rule)) {
        let Selection::Tagged(TagList::Patterns(entries)) = &rule.selection else {
            continue;
        };
        let frozen = entries.iter().filter_map(|entry| entry.parse::<Tag>().ok());
        for tag in frozen.filter(|tag| mutability.freezes(tag)) {
            let message = format!(
                "rule {} shields the image with the tag {tag}, but tags are immutable here: the tag cannot move to the next image",
                rule.priority
            );
            let finding = Finding::of(rule, Code::FixedTagImmutable, Severity::Error, message);
            let hint = format!(
                "use IMMUTABLE_WITH_EXCLUSION with a filter for {tag}, or pins of the form {PIN_PATTERN}, which never move"
            );
            findings.push(finding.at("selection.tagPatternList").hint(hint));
        }
    }
    findings
}

/// Rules for pins and other shields wait for images that may never come; every other list is meant to match something.
fn dead(rules: &[&Rule], images: &[Image]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules {
        let Selection::Tagged(list) = &rule.selection else {
            continue;
        };
        // Several entries that match nothing are an error of their own.
        if is_shield(rule) || list.entries().len() > 1 || !is_dead(rule, images) {
            continue;
        }
        let message = format!(
            "rule {} selects none of the images: no tag matches {:?}",
            rule.priority,
            list.entries().first().map_or("", String::as_str)
        );
        let finding = Finding::of(rule, Code::DeadRule, Severity::Warning, message);
        findings.push(finding.at(list_field(list)).hint("a pattern is a wildcard, not a regular expression: `*` stands for any run of characters, everything else for itself"));
    }
    findings
}

fn keeps_too_few(
    rules: &[&Rule],
    images: &[Image],
    outlooks: &[Outlook],
    known: &Known<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (image, outlook) in images.iter().zip(outlooks) {
        let pinned = image
            .tags
            .iter()
            .any(|tag| tag == Tag::pin(&image.digest).as_str());
        let (Some(pushes), true) = (
            outlook.pushes,
            pinned || known.in_use.contains(&image.digest),
        ) else {
            continue;
        };
        let rule = rules
            .iter()
            .find(|rule| Some(rule.priority) == outlook.rule);
        let (Some(rule), Some(rank)) = (rule, outlook.rank) else {
            continue;
        };
        if pushes.min > MARGIN {
            continue;
        }
        let least = u64::try_from(rank)
            .unwrap_or(u64::MAX)
            .saturating_add(1 + MARGIN);
        let when = match pushes.min {
            0 => "within 24 hours".to_owned(),
            1 => "with the next push".to_owned(),
            more => format!("after {more} more pushes"),
        };
        let message = format!(
            "rule {} expires {} {when}, and it is in use",
            rule.priority,
            image.digest.short()
        );
        let finding = Finding::of(rule, Code::KeepsTooFew, Severity::Error, message);
        findings.push(
            finding
                .at("selection.countNumber")
                .hint(format!("keep at least {least}, or pin it")),
        );
    }
    findings
}

/// Whether the tag is of cosign's tag schema: `sha256-<hex>.sig`, `.att` or `.sbom`.
fn is_signature(tag: &str) -> bool {
    let Some((hex, kind)) = tag
        .strip_prefix("sha256-")
        .and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    ["sig", "att", "sbom"].contains(&kind)
        && hex.len() == 64
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn signatures(rules: &[&Rule], images: &[Image]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules
        .iter()
        .filter(|rule| rule.keep().is_some() && !is_shield(rule))
    {
        let is_counted = |image: &&Image| {
            image.storage_class == StorageClass::Standard
                && image.tags.iter().any(|tag| is_signature(tag))
                && rule.selection.matches(&image.tags)
        };
        let count = images.iter().filter(is_counted).count();
        if count == 0 {
            continue;
        }
        let message = format!(
            "rule {} counts {count} signatures and attestations (sha256-….sig, .att, .sbom) as images: they take places, and age apart from what they sign",
            rule.priority
        );
        let finding = Finding::of(rule, Code::SignaturesCounted, Severity::Warning, message);
        findings.push(finding.at("selection").hint("select the tags of deployed images by a pattern that these do not match, or sign with OCI referrers"));
    }
    findings
}

fn pins_near_the_count(rules: &[&Rule], images: &[Image]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules
        .iter()
        .filter(|rule| is_shield(rule) && is_for_pins(rule))
    {
        let selected = images
            .iter()
            .filter(|image| rule.selection.matches(&image.tags))
            .count();
        let keep = rule
            .keep()
            .and_then(|keep| usize::try_from(keep).ok())
            .unwrap_or(usize::MAX);
        if selected.saturating_mul(2) <= keep {
            continue;
        }
        let message = format!(
            "rule {} keeps {keep} pinned images, and {selected} are pinned already",
            rule.priority
        );
        let finding = Finding::of(rule, Code::PinCountLow, Severity::Warning, message);
        findings.push(
            finding
                .at("selection.countNumber")
                .hint("raise it; ECR documents no maximum"),
        );
    }
    findings
}

fn orphans_stay(rules: &[&Rule], images: &[Image]) -> Option<Finding> {
    let is_untagged =
        |image: &&Image| image.storage_class == StorageClass::Standard && image.tags.is_empty();
    let untagged = images.iter().filter(is_untagged).count();
    if untagged == 0 || rules.iter().any(|rule| rule.selection.may_be_untagged()) {
        return None;
    }
    let message = format!(
        "no rule selects untagged images, and there are {untagged}: what an expired index leaves behind stays for good"
    );
    let finding = Finding::of_policy(Code::OrphansStay, Severity::Info, message);
    Some(finding.hint("add a rule for untagged images with sinceImagePushed, 30 days"))
}

fn narrower(
    policy: &Policy,
    images: &[Image],
    outlooks: &[Outlook],
    known: &Known<'_>,
    now: Timestamp,
) -> Option<Finding> {
    let present = known.present?;
    if present.is_some_and(|present| present.same_meaning(policy)) {
        return None;
    }
    let already: BTreeSet<Digest> = present
        .map(|present| expiry::marks(present, images, now))
        .unwrap_or_default()
        .into_iter()
        .map(|mark| mark.digest)
        .collect();
    let is_new =
        |outlook: &&Outlook| outlook.action.is_some() && !already.contains(&outlook.digest);
    let new = outlooks.iter().filter(is_new).count();
    if new == 0 {
        return None;
    }
    let message = format!(
        "the policy may act on {new} images within 24 hours that the present one leaves alone"
    );
    let finding = Finding::of_policy(Code::Narrower, Severity::Warning, message);
    Some(finding.hint("look at them first: demitasse lifecycle simulate, or ECR's own preview"))
}
