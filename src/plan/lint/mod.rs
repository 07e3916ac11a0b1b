//! What is probably wrong with a lifecycle policy, although ECR may take it: each finding comes from a way in which real policies deleted an image
//! that was in use, or never did what their authors meant.
//!
//! [`refused`] names what ECR would refuse; [`lint`] judges a policy that it takes, from its text alone and from what is known of the repository.

mod alone;
mod refused;
mod repository;

use std::collections::BTreeSet;
use std::fmt;

use crate::model::digest::Digest;
use crate::model::inventory::Mutability;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Place;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::RuleName;
use crate::model::time::Timestamp;

pub use refused::refused;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably not meant so.
    Warning,
    /// ECR refuses it, or it can delete what is in use.
    Error,
}

/// Which lint found something. The names of the variants say what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// L1: two or more entries in one list; ECR reads them as AND.
    ListIsAnd,
    /// L2: a rule that selects no image, or none that a higher rule leaves.
    DeadRule,
    /// L3: untagged images go by days where tags may move away from what is running.
    UntaggedWhereTagsMove,
    /// L4: tagged images go by age, however few are left.
    AgeWithoutFloor,
    /// L5: one count for a repository that several task definitions use.
    SharedCount,
    /// L6: an image in use is near the end of its rule's count.
    KeepsTooFew,
    /// L7: images are archived, which ECS cannot pull.
    Archives,
    /// L8: `any` is not last in its storage class.
    AnyNotLast,
    /// L9: lists and wildcards that ECR refuses.
    TagList,
    /// L10: everything else that ECR refuses.
    Refused,
    /// L11: `any` by count: children of indexes may take places.
    ChildrenCounted,
    /// L12: signatures that are tags of their own take places.
    SignaturesCounted,
    /// L13: untagged images go within days.
    UntaggedTooSoon,
    /// L14: a rule before the one that shields pins can expire pinned images.
    PinShadowed,
    /// L15: a rule shields one tag, which cannot move because tags are immutable.
    FixedTagImmutable,
    /// L16: the rule for pins keeps few.
    PinCountLow,
    /// L17: the policy would expire what the present one keeps.
    Narrower,
    /// L18: untagged images stay for good.
    OrphansStay,
}

/// Something that is probably wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which lint.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The rule it is in; `None` for the policy as a whole.
    pub rule: Option<RuleName>,
    /// The field of it, such as `selection.tagPatternList`; empty where it is not about one.
    pub field: String,
    /// Where the text is no JSON. Every other place is told by rule and field.
    pub syntax: Option<Place>,
    /// A sentence.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

/// What is known of the repository that a policy is for. A lint that needs what is not known says nothing.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// Every image, archived ones too.
    pub images: Option<&'a [Image]>,
    /// Tag mutability.
    pub mutability: Option<&'a Mutability>,
    /// The digests that are in use or could be rolled back to. Pinned images are taken for in use in any case.
    pub in_use: BTreeSet<Digest>,
    /// How many task-definition families pull from it, where that is known.
    pub families: Option<usize>,
    /// Whether it is a common repository by its name: builds of every task definition are in it.
    pub is_common: bool,
    /// The policy that this one would replace; `Some(None)` where there is none.
    pub present: Option<Option<&'a Policy>>,
}

/// The findings of a policy that ECR takes, by rule and code.
pub fn lint(policy: &Policy, known: &Known<'_>, now: Timestamp) -> Vec<Finding> {
    let mut findings = alone::lint(policy, known);
    findings.extend(repository::lint(policy, known, now));
    let priority = |finding: &Finding| match finding.rule {
        Some(RuleName::Priority(priority)) => priority,
        Some(RuleName::Position(_)) | None => 0,
    };
    findings.sort_by_key(|finding| (priority(finding), finding.code));
    findings
}

impl Finding {
    fn of(rule: &Rule, code: Code, severity: Severity, message: String) -> Finding {
        Finding {
            code,
            severity,
            rule: Some(RuleName::Priority(rule.priority)),
            field: String::new(),
            syntax: None,
            message,
            hint: None,
        }
    }

    fn of_policy(code: Code, severity: Severity, message: String) -> Finding {
        Finding {
            code,
            severity,
            rule: None,
            field: String::new(),
            syntax: None,
            message,
            hint: None,
        }
    }

    fn at(self, field: &str) -> Finding {
        Finding {
            field: field.to_owned(),
            ..self
        }
    }

    fn hint(self, hint: impl Into<String>) -> Finding {
        Finding {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl Code {
    /// Every code, by number.
    pub const ALL: [Code; 18] = [
        Code::ListIsAnd,
        Code::DeadRule,
        Code::UntaggedWhereTagsMove,
        Code::AgeWithoutFloor,
        Code::SharedCount,
        Code::KeepsTooFew,
        Code::Archives,
        Code::AnyNotLast,
        Code::TagList,
        Code::Refused,
        Code::ChildrenCounted,
        Code::SignaturesCounted,
        Code::UntaggedTooSoon,
        Code::PinShadowed,
        Code::FixedTagImmutable,
        Code::PinCountLow,
        Code::Narrower,
        Code::OrphansStay,
    ];

    /// `L1` to `L18`; never changes.
    pub fn name(self) -> &'static str {
        match self {
            Code::ListIsAnd => "L1",
            Code::DeadRule => "L2",
            Code::UntaggedWhereTagsMove => "L3",
            Code::AgeWithoutFloor => "L4",
            Code::SharedCount => "L5",
            Code::KeepsTooFew => "L6",
            Code::Archives => "L7",
            Code::AnyNotLast => "L8",
            Code::TagList => "L9",
            Code::Refused => "L10",
            Code::ChildrenCounted => "L11",
            Code::SignaturesCounted => "L12",
            Code::UntaggedTooSoon => "L13",
            Code::PinShadowed => "L14",
            Code::FixedTagImmutable => "L15",
            Code::PinCountLow => "L16",
            Code::Narrower => "L17",
            Code::OrphansStay => "L18",
        }
    }
}

impl Severity {
    /// `error`, `warning` or `info`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
