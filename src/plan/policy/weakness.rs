//! The ways in which a lifecycle policy can protect too little, as values and as text.

use std::fmt;

use crate::plan::policy::PIN_PATTERN;
use crate::plan::policy::SHIELD_KEEP;

/// One way in which a policy protects less than the installed one. Its text names the rule and what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// A rule archives images; an archived image cannot be pulled.
    Transition {
        /// Its priority.
        rule: u32,
    },
    /// An age rule can take tagged images, however few are left.
    TaggedByAge {
        /// Its priority.
        rule: u32,
        /// Its days.
        days: u32,
    },
    /// A count rule that reaches tagged images keeps too few.
    KeepsTooFew {
        /// Its priority.
        rule: u32,
        /// How many it keeps.
        count: u32,
        /// How many it should keep at least.
        keep: u32,
    },
    /// Untagged images go too soon.
    UntaggedTooSoon {
        /// Its priority.
        rule: u32,
        /// Its days.
        days: u32,
        /// How many it should be at least.
        least: u32,
    },
    /// Untagged images go by count, however young they are.
    UntaggedByCount {
        /// Its priority.
        rule: u32,
        /// How many days they should stay at least.
        least: u32,
    },
    /// A count rule on `any`: children of indexes may take places, so it may keep fewer images than it says. A warning.
    AnyByCount {
        /// Its priority.
        rule: u32,
    },
    /// A rule can take pinned images, because no shield comes before it. A warning.
    NoShield {
        /// The priority of the first rule that can.
        rule: u32,
    },
}

impl Weakness {
    /// Whether it is only a warning. Any other weakness makes the policy less protective than the installed one.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Weakness::AnyByCount { .. } | Weakness::NoShield { .. }
        )
    }

    /// The priority of the rule to change.
    pub fn rule(&self) -> u32 {
        match *self {
            Weakness::Transition { rule }
            | Weakness::TaggedByAge { rule, .. }
            | Weakness::KeepsTooFew { rule, .. }
            | Weakness::UntaggedTooSoon { rule, .. }
            | Weakness::UntaggedByCount { rule, .. }
            | Weakness::AnyByCount { rule }
            | Weakness::NoShield { rule } => rule,
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::Transition { rule } => {
                write!(
                    f,
                    "rule {rule} archives images, and archived images cannot be pulled: remove it"
                )
            }
            Weakness::TaggedByAge { rule, days } => write!(
                f,
                "rule {rule} takes tagged images after {days} days even if they are in use: \
                 replace it by an imageCountMoreThan rule, or select only untagged images"
            ),
            Weakness::KeepsTooFew { rule, count, keep } => {
                write!(
                    f,
                    "rule {rule} keeps {count} images, fewer than {keep}: raise its countNumber to at least {keep}"
                )
            }
            Weakness::UntaggedTooSoon { rule, days, least } => {
                write!(
                    f,
                    "rule {rule} expires untagged images after {days} days: raise its countNumber to at least {least}"
                )
            }
            Weakness::UntaggedByCount { rule, least } => {
                write!(
                    f,
                    "rule {rule} expires untagged images by count: change it to sinceImagePushed, {least} days or more"
                )
            }
            Weakness::AnyByCount { rule } => write!(
                f,
                "rule {rule} counts images of any tagStatus, so children of multi-architecture images may take places: \
                 select tagged images by tagPatternList [\"*\"]"
            ),
            Weakness::NoShield { rule } => write!(
                f,
                "rule {rule} can expire pinned images: put a rule for tagPatternList [\"{PIN_PATTERN}\"] with countNumber {SHIELD_KEEP} before it"
            ),
        }
    }
}
