//! The lifecycle policy demitasse installs, and whether a policy that is already there protects a task-definition repository at least as well.

mod protection;
mod weakness;

pub(in crate::plan) use protection::is_shield;
pub(in crate::plan) use protection::reach;
pub use protection::weakness;
pub use weakness::Weakness;

use crate::model::lifecycle::Action;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::TagList;

/// From how many on a rule counts as a shield for what it selects. Shops that write such rules by hand use 100 to 999999.
pub(in crate::plan) const SHIELD_LEAST: u32 = 1000;

/// What pin tags look like: `inuse-<first 12 hex digits of the digest>`.
pub const PIN_PATTERN: &str = "inuse-*";

/// The `countNumber` of the rule that shields pinned images: far above what a repository can need. ECR documents no maximum.
const SHIELD_KEEP: u32 = 9999;

/// How long untagged images stay: time enough to notice that an index lost its tag, and to keep orphaned children out of a race with their index.
const UNTAGGED_DAYS: u32 = 30;

/// How much a policy protects: what ours promises, and what another one is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// How many tagged images stay; at least 1.
    pub keep: u32,
    /// How many days untagged images stay; at least 1, and 30 unless somebody asks for more.
    pub untagged_days: u32,
}

impl Strength {
    /// So many tagged images, and 30 days for untagged ones.
    pub fn keeping(keep: u32) -> Self {
        Self {
            keep,
            untagged_days: UNTAGGED_DAYS,
        }
    }
}

/// The policy for a task-definition repository that keeps the newest `keep` tagged images, and nothing else that is special.
pub fn installed(keep: u32) -> Policy {
    installing(Strength::keeping(keep))
}

/// The policy for a task-definition repository:
///
/// 1. shield: images tagged `inuse-*` are selected by a count that is never reached, so the rules below cannot touch them;
/// 2. of all tagged images the newest `keep` stay. Not `any`, so that the children of an index take no places;
/// 3. untagged images, which are what an expired index leaves behind, go after `untagged_days`.
pub fn installing(strength: Strength) -> Policy {
    let Strength {
        keep,
        untagged_days,
    } = strength;
    let rule = |priority, description: String, selection, limit| Rule {
        priority,
        description: Some(description),
        selection,
        limit,
        action: Action::Expire,
    };
    let tagged = |pattern: &str| Selection::Tagged(TagList::Patterns(vec![pattern.to_owned()]));
    let keep = keep.max(1);
    Policy::new(vec![
        rule(
            1,
            "pinned images stay".to_owned(),
            tagged(PIN_PATTERN),
            Limit::ImageCountMoreThan(SHIELD_KEEP.max(keep)),
        ),
        rule(
            2,
            format!("keep the newest {keep} images"),
            tagged("*"),
            Limit::ImageCountMoreThan(keep),
        ),
        rule(
            3,
            "children of expired indexes".to_owned(),
            Selection::Untagged,
            Limit::SinceImagePushed(untagged_days.max(1)),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::installed;
    use crate::model::lifecycle::Policy;

    #[test]
    fn the_installed_policy_is_valid() {
        for keep in [1, 30, 9999, u32::MAX] {
            let text = installed(keep).to_json();
            assert_eq!(
                text.parse::<Policy>().as_ref(),
                Ok(&installed(keep)),
                "{text}"
            );
        }
    }

    #[test]
    fn the_installed_policy_is_as_designed() {
        let selection = |pattern: &str| {
            format!(
                r#""tagStatus":"tagged","tagPatternList":["{pattern}"],"countType":"imageCountMoreThan""#
            )
        };
        let expected = format!(
            r#"{{"rules":[{{"rulePriority":1,"selection":{{{},"countNumber":9999}},"action":{{"type":"expire"}}}},
                {{"rulePriority":2,"selection":{{{},"countNumber":30}},"action":{{"type":"expire"}}}},
                {{"rulePriority":3,"selection":{{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":30}},
                  "action":{{"type":"expire"}}}}]}}"#,
            selection("inuse-*"),
            selection("*"),
        );
        let expected: Policy = expected.parse().unwrap();
        assert!(installed(30).same_meaning(&expected));
        assert!(
            installed(30)
                .rules()
                .iter()
                .zip(expected.rules())
                .all(|(a, b)| a.priority == b.priority && a.description.is_some())
        );
        assert_eq!(installed(0), installed(1));
    }
}
