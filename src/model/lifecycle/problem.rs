//! What can be wrong with the text of a policy. Each problem says where it is and which constraint of ECR it violates; the text is made here only.

use std::fmt;

use crate::model::lifecycle::StorageClass;

/// Everything that is wrong with a policy's text. ECR would answer `InvalidParameterException`, "Lifecycle policy validation failure".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidPolicy {
    /// At least one problem, in the order of the text.
    pub problems: Vec<Problem>,
}

/// One problem and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule it is in; `None` for the policy as a whole.
    pub rule: Option<RuleName>,
    /// The field, with its path inside the rule: `selection.countUnit`. Empty where no single field is at fault.
    pub field: String,
    /// Which constraint is violated.
    pub fault: Fault,
}

/// How to find a rule in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleName {
    /// By its `rulePriority`.
    Priority(u32),
    /// By its place in `rules`, from 0, where it has no valid priority.
    Position(usize),
}

/// A violated constraint. Sources: User Guide, "Lifecycle policy properties" and "Lifecycle policy evaluation rules"; the quotas of 50 rules and
/// 30,720 characters; the API's `LifecyclePolicyText`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is not JSON, or a key occurs twice in one object.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The JSON reader's words.
        reason: String,
    },
    /// A required field is not there.
    #[error("is missing")]
    Missing,
    /// ECR refuses keys it does not know.
    #[error("is not a key of a lifecycle policy here")]
    UnknownKey,
    /// A value of the wrong JSON type. `null` is not the same as leaving the key out.
    #[error("must be {expected}, not {found}")]
    Type {
        /// The JSON type wanted.
        expected: &'static str,
        /// The JSON type found.
        found: &'static str,
    },
    /// A word that is not in the enumeration.
    #[error("must be {}, not {found:?}", list(words))]
    Word {
        /// The allowed words.
        words: &'static [&'static str],
        /// The word found.
        found: String,
    },
    /// A number that is not whole, below 1, or beyond what fits.
    #[error("must be a whole number from 1 to {max}, not {found}", max = u32::MAX)]
    Number {
        /// The number as written.
        found: String,
    },
    /// `tagged` without `tagPatternList` or `tagPrefixList`.
    #[error("is required with tagStatus \"tagged\" (or tagPrefixList)")]
    TaggedWithoutList,
    /// A list with `untagged` or `any`.
    #[error("is only allowed with tagStatus \"tagged\"")]
    ListWithoutTagged,
    /// Both kinds of list in one rule.
    #[error("cannot be combined with tagPatternList in one rule")]
    TwoLists,
    /// A list without entries.
    #[error("needs at least one entry")]
    EmptyList,
    /// More than four `*` in one pattern.
    #[error("allows at most 4 `*` in a pattern: {pattern:?} has {count}")]
    TooManyWildcards {
        /// The pattern.
        pattern: String,
        /// How many `*` it has.
        count: usize,
    },
    /// `countUnit` with a count of images.
    #[error("is not allowed with imageCountMoreThan")]
    UnitWithCount,
    /// No `countUnit` with an age.
    #[error("is required with {count_type}: \"days\"")]
    UnitMissing {
        /// The rule's `countType`.
        count_type: &'static str,
    },
    /// A storage class that does not go with the `countType`; `archive` must be written out.
    #[error("must be {:?} with {count_type}", only.word())]
    WrongStorageClass {
        /// The rule's `countType`.
        count_type: &'static str,
        /// The only one allowed.
        only: StorageClass,
    },
    /// An action that does not go with the `countType`.
    #[error("must be {only:?} with {count_type}")]
    WrongAction {
        /// The rule's `countType`.
        count_type: &'static str,
        /// The only one allowed.
        only: &'static str,
    },
    /// `sinceImageTransitioned` below 90 days.
    #[error("must be at least 90 with sinceImageTransitioned, not {days}")]
    ArchivedTooShort {
        /// The days found.
        days: u32,
    },
    /// `transition` without `targetStorageClass`.
    #[error("is required with type \"transition\": \"archive\"")]
    TargetMissing,
    /// `expire` with `targetStorageClass`.
    #[error("is not allowed with type \"expire\"")]
    TargetWithExpire,
    /// Two rules with the same priority.
    #[error("is used by two rules")]
    DuplicatePriority,
    /// An `any` rule that is not the last of its storage class.
    #[error(
        "\"any\" must have the highest rulePriority of its storage class, but rule {later} comes after it"
    )]
    AnyNotLast {
        /// The priority of a rule that comes later.
        later: u32,
    },
    /// A second `untagged` rule in a storage class.
    #[error("\"untagged\" is allowed once per storage class, and rule {first} has it already")]
    SecondUntagged {
        /// The priority of the other rule.
        first: u32,
    },
    /// The same set of prefixes as another rule of the storage class.
    #[error("has the same prefixes as rule {first}")]
    RepeatedPrefixes {
        /// The priority of the other rule.
        first: u32,
    },
    /// No rule at all.
    #[error("needs at least one rule")]
    NoRules,
    /// More than 50 rules.
    #[error("has {count} rules, more than the 50 allowed")]
    TooManyRules {
        /// How many there are.
        count: usize,
    },
    /// Below 100 or beyond 30,720 characters.
    #[error("the text has {length} characters, and ECR takes 100 to 30720")]
    TextLength {
        /// How many there are.
        length: usize,
    },
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "{rule}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleName::Priority(priority) => write!(f, "rule {priority}"),
            RuleName::Position(index) => write!(f, "rules[{index}]"),
        }
    }
}

fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("{word:?}"))
        .collect::<Vec<_>>()
        .join(" or ")
}
