//! The policy as a value. Combinations ECR does not allow within one rule's selection (a list without `tagged`, a unit with a count, a foreign
//! storage class) cannot be expressed; what remains to be checked is in `validate.rs`.

use crate::model::lifecycle::Selection;
use crate::model::lifecycle::TagList;

/// A lifecycle policy: its rules by ascending priority number, which is how ECR returns and applies them. Read one from JSON text with `parse`
/// (which validates) and print it with `Display` (compact, or indented with `{:#}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `rulePriority`, from 1; a lower number is applied first. Unique within a policy.
    pub priority: u32,
    /// `description`; means nothing to ECR.
    pub description: Option<String>,
    /// `tagStatus` and its list.
    pub selection: Selection,
    /// `countType` and `countNumber`.
    pub limit: Limit,
    /// What happens to images over the limit.
    pub action: Action,
}

/// `countType` with its `countNumber`, at least 1. Days are of 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `imageCountMoreThan`: the newest so many are kept.
    ImageCountMoreThan(u32),
    /// `sinceImagePushed`: images pushed more than so many days ago.
    SinceImagePushed(u32),
    /// `sinceImagePulled`: images not pulled for more than so many days; `transition` only.
    SinceImagePulled(u32),
    /// `sinceImageTransitioned`: images archived more than so many days ago, at least 90; `expire` only.
    SinceImageTransitioned(u32),
}

/// The storage class a rule looks at and an image is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageClass {
    /// `standard`, the default.
    Standard,
    /// `archive`: cannot be pulled until restored.
    Archive,
}

/// `action.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `expire`: the image is deleted.
    Expire,
    /// `transition` to `archive`, the only target: the image can no longer be pulled.
    Transition,
}

impl Policy {
    /// A policy of these rules, ordered by priority. Nothing is validated; see `problems`.
    pub fn new(mut rules: Vec<Rule>) -> Policy {
        rules.sort_by_key(|rule| rule.priority);
        Policy { rules }
    }

    /// The rules by ascending priority number.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether both policies treat every image alike: the same selections, limits and actions in the same order. Descriptions, the numbers used
    /// as priorities, the order of list entries and writing a prefix `v` as the pattern `v*` make no difference.
    pub fn same_meaning(&self, other: &Policy) -> bool {
        self.rules.len() == other.rules.len()
            && self
                .rules
                .iter()
                .zip(&other.rules)
                .all(|(a, b)| a.same_meaning(b))
    }
}

impl Rule {
    /// The storage class the rule looks at, which its `countType` decides.
    pub fn storage_class(&self) -> StorageClass {
        match self.limit {
            Limit::SinceImageTransitioned(_) => StorageClass::Archive,
            _ => StorageClass::Standard,
        }
    }

    /// The number of images to keep, if this is a count rule.
    pub fn keep(&self) -> Option<u32> {
        match self.limit {
            Limit::ImageCountMoreThan(number) => Some(number),
            _ => None,
        }
    }

    fn same_meaning(&self, other: &Rule) -> bool {
        self.limit == other.limit
            && self.action == other.action
            && same_selection(&self.selection, &other.selection)
    }
}

impl Limit {
    /// The `countType` word.
    pub fn count_type(self) -> &'static str {
        match self {
            Limit::ImageCountMoreThan(_) => "imageCountMoreThan",
            Limit::SinceImagePushed(_) => "sinceImagePushed",
            Limit::SinceImagePulled(_) => "sinceImagePulled",
            Limit::SinceImageTransitioned(_) => "sinceImageTransitioned",
        }
    }

    /// The `countNumber`: images or days.
    pub fn number(self) -> u32 {
        match self {
            Limit::ImageCountMoreThan(number)
            | Limit::SinceImagePushed(number)
            | Limit::SinceImagePulled(number)
            | Limit::SinceImageTransitioned(number) => number,
        }
    }
}

impl StorageClass {
    /// The word in a policy.
    pub fn word(self) -> &'static str {
        match self {
            StorageClass::Standard => "standard",
            StorageClass::Archive => "archive",
        }
    }
}

fn same_selection(a: &Selection, b: &Selection) -> bool {
    match (a, b) {
        (Selection::Tagged(a), Selection::Tagged(b)) => normal(a) == normal(b),
        (a, b) => a == b,
    }
}

/// The entries as a set. A prefix that contains `*` stays apart: there the `*` is no wildcard, and no tag can contain it.
fn normal(list: &TagList) -> std::collections::BTreeSet<(bool, String)> {
    match list {
        TagList::Patterns(entries) => entries
            .iter()
            .map(|pattern| (false, pattern.clone()))
            .collect(),
        TagList::Prefixes(entries) => entries
            .iter()
            .map(|prefix| {
                if prefix.contains('*') {
                    (true, prefix.clone())
                } else {
                    (false, format!("{prefix}*"))
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::Action;
    use super::Limit;
    use super::Policy;
    use super::Rule;
    use crate::model::lifecycle::Selection;
    use crate::model::lifecycle::TagList;

    fn rule(priority: u32, list: TagList, keep: u32) -> Rule {
        Rule {
            priority,
            description: None,
            selection: Selection::Tagged(list),
            limit: Limit::ImageCountMoreThan(keep),
            action: Action::Expire,
        }
    }

    fn patterns(list: &[&str]) -> TagList {
        TagList::Patterns(list.iter().map(|&entry| entry.to_owned()).collect())
    }

    fn prefixes(list: &[&str]) -> TagList {
        TagList::Prefixes(list.iter().map(|&entry| entry.to_owned()).collect())
    }

    fn check(a: Vec<Rule>, b: Vec<Rule>, expected: bool) {
        let (a, b) = (Policy::new(a), Policy::new(b));
        assert_eq!(a.same_meaning(&b), expected, "{a:?}\n{b:?}");
        assert_eq!(b.same_meaning(&a), expected, "{b:?}\n{a:?}");
    }

    #[test]
    fn meaning() {
        let (x, y) = (patterns(&["x*"]), patterns(&["y*"]));
        check(
            vec![rule(1, x.clone(), 3), rule(2, y.clone(), 4)],
            vec![rule(20, y.clone(), 4), rule(10, x.clone(), 3)],
            true,
        );
        check(
            vec![rule(1, x.clone(), 3), rule(2, y.clone(), 4)],
            vec![rule(2, x.clone(), 3), rule(1, y.clone(), 4)],
            false,
        );
        check(
            vec![rule(1, patterns(&["x*", "y*"]), 3)],
            vec![rule(1, prefixes(&["y", "x"]), 3)],
            true,
        );
        check(
            vec![rule(1, patterns(&["x*"]), 3)],
            vec![rule(1, prefixes(&["x*"]), 3)],
            false,
        );
        check(
            vec![rule(1, patterns(&["x**"]), 3)],
            vec![rule(1, prefixes(&["x*"]), 3)],
            false,
        );
        check(
            vec![rule(1, x.clone(), 3)],
            vec![rule(1, x.clone(), 4)],
            false,
        );
        check(
            vec![rule(1, x.clone(), 3)],
            vec![rule(1, x.clone(), 3), rule(2, y, 3)],
            false,
        );
        let described = Rule {
            description: Some("why".to_owned()),
            ..rule(1, x.clone(), 3)
        };
        check(vec![described], vec![rule(1, x.clone(), 3)], true);
        let moved = Rule {
            action: Action::Transition,
            ..rule(1, x.clone(), 3)
        };
        check(vec![moved], vec![rule(1, x, 3)], false);
    }
}
