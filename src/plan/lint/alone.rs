//! Lints that need nothing but the policy. Where the images are known they decide how much a finding matters.

use crate::model::lifecycle::Action;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::StorageClass;
use crate::model::lifecycle::TagList;
use crate::plan::lint::Code;
use crate::plan::lint::Finding;
use crate::plan::lint::Known;
use crate::plan::lint::Severity;
use crate::plan::policy::PIN_PATTERN;
use crate::plan::policy::SHIELD_LEAST;
use crate::plan::policy::Strength;
use crate::plan::policy::Weakness;
use crate::plan::policy::is_shield;
use crate::plan::policy::reach;
use crate::plan::policy::weakness;

/// Untagged images younger than this may still be children that their index was not put for, or a tag that is about to come back.
const UNTAGGED_LEAST_DAYS: u32 = 14;

pub(super) fn lint(policy: &Policy, known: &Known<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, rule) in policy.rules().iter().enumerate() {
        let same_class = |other: &&Rule| other.storage_class() == rule.storage_class();
        let higher = policy.rules().get(..index).unwrap_or_default();
        let higher: Vec<&Rule> = higher.iter().filter(same_class).collect();
        findings.extend(list_is_and(rule, known));
        let reach = reach(&higher, &rule.selection);
        if !reach.tagged && !reach.untagged {
            findings.push(shadowed(rule));
        } else if rule.storage_class() == StorageClass::Standard {
            findings.extend(judge(rule, reach.tagged, reach.untagged, known));
        }
        findings.extend(pin_count_low(rule));
    }
    findings.extend(pin_shadowed(policy));
    findings
}

/// The field of a `tagged` rule's list.
pub(super) fn list_field(list: &TagList) -> &'static str {
    match list {
        TagList::Patterns(_) => "selection.tagPatternList",
        TagList::Prefixes(_) => "selection.tagPrefixList",
    }
}

/// The entries of a list as a person reads them.
fn quoted(entries: &[String]) -> String {
    let quoted: Vec<String> = entries.iter().map(|entry| format!("{entry:?}")).collect();
    quoted.join(" and ")
}

fn list_is_and(rule: &Rule, known: &Known<'_>) -> Option<Finding> {
    let Selection::Tagged(list) = &rule.selection else {
        return None;
    };
    let mut entries = list.entries().to_vec();
    entries.sort();
    entries.dedup();
    if entries.len() < 2 {
        return None;
    }
    let dead = known.images.is_some_and(|images| is_dead(rule, images));
    let (severity, none) = if dead {
        (Severity::Error, ", and none does")
    } else {
        (Severity::Warning, "")
    };
    let message = format!(
        "rule {} selects only images whose tags match {} at once{none}: ECR reads the entries of a list as AND",
        rule.priority,
        quoted(list.entries())
    );
    let finding = Finding::of(rule, Code::ListIsAnd, severity, message);
    Some(
        finding
            .at(list_field(list))
            .hint("write a rule for each entry, unless every image really has a tag for each"),
    )
}

/// Whether a rule selects none of the tagged images, of which there are some.
pub(super) fn is_dead(rule: &Rule, images: &[Image]) -> bool {
    let class = |image: &&Image| image.storage_class == rule.storage_class();
    let mut tagged = images
        .iter()
        .filter(class)
        .filter(|image| !image.tags.is_empty())
        .peekable();
    tagged.peek().is_some() && !tagged.any(|image| rule.selection.matches(&image.tags))
}

fn shadowed(rule: &Rule) -> Finding {
    let message = format!(
        "rule {} can never act: the rules before it select every image that it selects, and an image belongs to the first rule that selects it",
        rule.priority
    );
    Finding::of(rule, Code::DeadRule, Severity::Warning, message)
        .at("selection")
        .hint("remove it, or give it a lower rulePriority number than the wider rule")
}

fn judge(rule: &Rule, tagged: bool, untagged: bool, known: &Known<'_>) -> Vec<Finding> {
    let priority = rule.priority;
    if rule.action == Action::Transition {
        let severity = if tagged {
            Severity::Error
        } else {
            Severity::Warning
        };
        let idle = match rule.limit {
            Limit::SinceImagePulled(days) => format!(
                " that nobody pulled for {days} days (a task that keeps running never pulls again)"
            ),
            _ => String::new(),
        };
        let message =
            format!("rule {priority} archives images{idle}: ECS cannot pull an archived image");
        let finding = Finding::of(rule, Code::Archives, severity, message);
        return vec![
            finding
                .at("action")
                .hint("expire by count instead, or archive nothing that a service may start"),
        ];
    }
    match rule.limit {
        Limit::ImageCountMoreThan(_) => by_count(rule, tagged, known).into_iter().collect(),
        Limit::SinceImagePushed(days) if tagged => vec![by_age(rule, days)],
        Limit::SinceImagePushed(days) if untagged && days < UNTAGGED_LEAST_DAYS => {
            let message = format!(
                "rule {priority} expires untagged images after {days} days: a child whose index is put late, or an image that lost its tag, goes before anybody looks"
            );
            let finding = Finding::of(rule, Code::UntaggedTooSoon, Severity::Warning, message);
            vec![
                finding
                    .at("selection.countNumber")
                    .hint("raise it to 30, at least to 14"),
            ]
        }
        _ => Vec::new(),
    }
}

fn by_age(rule: &Rule, days: u32) -> Finding {
    let everything = rule.selection.covers_tagged(&Selection::Any);
    let severity = if everything {
        Severity::Error
    } else {
        Severity::Warning
    };
    let message = format!(
        "rule {} expires tagged images {days} days after their push, however few are left: a service that is not deployed for so long loses the image it runs",
        rule.priority
    );
    Finding::of(rule, Code::AgeWithoutFloor, severity, message)
        .at("selection.countType")
        .hint("count instead (imageCountMoreThan), or let it select only what no service runs")
}

fn by_count(rule: &Rule, tagged: bool, known: &Known<'_>) -> Option<Finding> {
    let priority = rule.priority;
    if rule.selection == Selection::Untagged || (!tagged && rule.selection == Selection::Any) {
        let message =
            format!("rule {priority} expires untagged images by count, however young they are");
        let finding = Finding::of(rule, Code::UntaggedTooSoon, Severity::Warning, message);
        return Some(
            finding
                .at("selection.countType")
                .hint("use sinceImagePushed with 30 days"),
        );
    }
    let is_untagged =
        |image: &Image| image.storage_class == StorageClass::Standard && image.tags.is_empty();
    let none = known
        .images
        .is_some_and(|images| !images.iter().any(is_untagged));
    if rule.selection != Selection::Any || none {
        return None;
    }
    let message = format!(
        "rule {priority} counts images of any tagStatus: AWS does not say whether the children of multi-platform images and their attestations take places"
    );
    let finding = Finding::of(rule, Code::ChildrenCounted, Severity::Warning, message);
    Some(finding.at("selection.tagStatus").hint("select tagged images by tagPatternList [\"*\"], and untagged ones by age in a rule of their own"))
}

/// Whether the rule is one for pins and nothing else.
pub(super) fn is_for_pins(rule: &Rule) -> bool {
    let start = PIN_PATTERN.trim_end_matches('*');
    match &rule.selection {
        Selection::Tagged(list) => {
            let mut entries = list.entries().iter();
            rule.keep().is_some() && entries.any(|entry| entry.starts_with(start))
        }
        Selection::Untagged | Selection::Any => false,
    }
}

fn pin_count_low(rule: &Rule) -> Option<Finding> {
    let keep = rule
        .keep()
        .filter(|keep| *keep < SHIELD_LEAST && is_for_pins(rule))?;
    let message = format!(
        "rule {} keeps only {keep} pinned images: the pin of the one after that protects nothing",
        rule.priority
    );
    let finding = Finding::of(rule, Code::PinCountLow, Severity::Warning, message);
    Some(finding.at("selection.countNumber").hint("raise it to 9999"))
}

fn pin_shadowed(policy: &Policy) -> Option<Finding> {
    let first = weakness(policy, Strength::keeping(1))
        .into_iter()
        .find_map(|weakness| match weakness {
            Weakness::NoShield { rule } => Some(rule),
            _ => None,
        })?;
    let shield = policy
        .rules()
        .iter()
        .find(|rule| is_shield(rule) && is_for_pins(rule))?;
    if shield.priority < first {
        return None;
    }
    let message = format!(
        "rule {first} comes before rule {}, so it can expire a pinned image through another of its tags",
        shield.priority
    );
    let finding = Finding::of(shield, Code::PinShadowed, Severity::Error, message);
    Some(finding.at("rulePriority").hint(format!(
        "give the rule for {PIN_PATTERN} the lowest rulePriority number"
    )))
}
