//! The constraints ECR puts on a policy that the types do not already enforce.

use std::collections::BTreeSet;

use crate::model::lifecycle::Action;
use crate::model::lifecycle::Fault;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Problem;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::RuleName;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::TagList;

const MAX_RULES: usize = 50;
const MAX_WILDCARDS: usize = 4;
const MIN_DAYS_IN_ARCHIVE: u32 = 90;
const TEXT_LENGTH: std::ops::RangeInclusive<usize> = 100..=30_720;

impl Policy {
    /// Which of ECR's constraints this policy violates: within each rule, then between rules. Empty for a policy read from text, which also has
    /// the right length; a policy made in code is checked by this and, when it is printed, by ECR.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut earlier: Vec<&Rule> = Vec::new();
        for rule in self.rules() {
            problems.extend(
                within(rule)
                    .into_iter()
                    .map(|(field, fault)| problem(rule, field, fault)),
            );
            problems.extend(between(&earlier, rule));
            earlier.push(rule);
        }
        problems
    }
}

/// The fault of a policy with this many rules, if any.
pub(super) fn rule_count(count: usize) -> Option<Fault> {
    match count {
        0 => Some(Fault::NoRules),
        count if count > MAX_RULES => Some(Fault::TooManyRules { count }),
        _ => None,
    }
}

/// The problem with a text of this length, if any. `LifecyclePolicyText` is measured in characters.
pub(super) fn text_length(text: &str) -> Option<Problem> {
    let length = text.chars().count();
    let fault = Fault::TextLength { length };
    (!TEXT_LENGTH.contains(&length)).then(|| Problem {
        rule: None,
        field: String::new(),
        fault,
    })
}

fn problem(rule: &Rule, field: &str, fault: Fault) -> Problem {
    Problem {
        rule: Some(RuleName::Priority(rule.priority)),
        field: field.to_owned(),
        fault,
    }
}

fn within(rule: &Rule) -> Vec<(&'static str, Fault)> {
    let mut faults = Vec::new();
    if rule.priority == 0 {
        faults.push((
            "rulePriority",
            Fault::Number {
                found: "0".to_owned(),
            },
        ));
    }
    if rule.limit.number() == 0 {
        faults.push((
            "selection.countNumber",
            Fault::Number {
                found: "0".to_owned(),
            },
        ));
    }
    if let Selection::Tagged(list) = &rule.selection {
        let field = match list {
            TagList::Patterns(_) => "selection.tagPatternList",
            TagList::Prefixes(_) => "selection.tagPrefixList",
        };
        if list.entries().is_empty() {
            faults.push((field, Fault::EmptyList));
        }
        if let TagList::Patterns(patterns) = list {
            faults.extend(
                patterns
                    .iter()
                    .filter_map(|pattern| too_many_wildcards(pattern))
                    .map(|fault| (field, fault)),
            );
        }
    }
    let count_type = rule.limit.count_type();
    match (rule.limit, rule.action) {
        (Limit::SinceImagePulled(_), Action::Expire) => {
            faults.push((
                "action.type",
                Fault::WrongAction {
                    count_type,
                    only: "transition",
                },
            ));
        }
        (Limit::SinceImageTransitioned(_), Action::Transition) => {
            faults.push((
                "action.type",
                Fault::WrongAction {
                    count_type,
                    only: "expire",
                },
            ));
        }
        _ => {}
    }
    match rule.limit {
        Limit::SinceImageTransitioned(days) if (1..MIN_DAYS_IN_ARCHIVE).contains(&days) => {
            faults.push(("selection.countNumber", Fault::ArchivedTooShort { days }));
        }
        _ => {}
    }
    faults
}

fn too_many_wildcards(pattern: &str) -> Option<Fault> {
    let count = pattern.matches('*').count();
    (count > MAX_WILDCARDS).then(|| Fault::TooManyWildcards {
        pattern: pattern.to_owned(),
        count,
    })
}

/// What is wrong with `rule` because of the rules with lower priority numbers.
fn between(earlier: &[&Rule], rule: &Rule) -> Vec<Problem> {
    let mut problems = Vec::new();
    if earlier.iter().any(|other| other.priority == rule.priority) {
        problems.push(problem(rule, "rulePriority", Fault::DuplicatePriority));
    }
    let class: Vec<&Rule> = earlier
        .iter()
        .copied()
        .filter(|other| other.storage_class() == rule.storage_class())
        .collect();
    for other in &class {
        if other.selection == Selection::Any {
            problems.push(problem(
                other,
                "selection.tagStatus",
                Fault::AnyNotLast {
                    later: rule.priority,
                },
            ));
        }
    }
    let first = class.iter().find(|other| {
        rule.selection == Selection::Untagged && other.selection == Selection::Untagged
    });
    if let Some(first) = first {
        problems.push(problem(
            rule,
            "selection.tagStatus",
            Fault::SecondUntagged {
                first: first.priority,
            },
        ));
    }
    if let Some(first) = class
        .iter()
        .find(|other| same_prefixes(&other.selection, &rule.selection))
    {
        problems.push(problem(
            rule,
            "selection.tagPrefixList",
            Fault::RepeatedPrefixes {
                first: first.priority,
            },
        ));
    }
    problems
}

/// "The set of all rules selecting a specific storage class must contain a unique set of prefixes": read as no two equal sets. Sets that overlap,
/// and pattern lists, are left to ECR, so that a policy it has accepted is never called invalid here.
fn same_prefixes(a: &Selection, b: &Selection) -> bool {
    match (a, b) {
        (Selection::Tagged(TagList::Prefixes(a)), Selection::Tagged(TagList::Prefixes(b))) => {
            a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
        }
        _ => false,
    }
}
