//! Further pushes: what one brings, and how a policy is changed so that it treats today's images as it would after some more of them.

use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::StorageClass;
use crate::plan::expiry::evaluate::as_len;

/// What each further promotion would bring: one new digest and what comes with it. Pushing a digest that is already there brings nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Push {
    /// The tags of the new image or index.
    pub tags: Vec<String>,
    /// Untagged children, if it is an index.
    pub children: u32,
    /// Untagged referrers that come with it.
    pub referrers: u32,
}

impl Push {
    /// A plain image with these tags.
    pub fn tagged(tags: &[&str]) -> Push {
        Push {
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            children: 0,
            referrers: 0,
        }
    }

    /// The fewest and the most images the rule sees in one such push.
    pub(super) fn seen_by(&self, rule: &Rule) -> (usize, usize) {
        let image = usize::from(takes_a_place(rule, &self.tags));
        let company = if takes_a_place(rule, &[]) {
            as_len(self.children).saturating_add(as_len(self.referrers))
        } else {
            0
        };
        (image, image.saturating_add(company))
    }
}

/// The policy with `pushes` subtracted from every count that selects an image with these tags, never below 1. Evaluated on today's images it marks
/// what the original would mark after that many more pushes; where a count was stopped at 1, all but that rule's newest image. This is how ECR's own
/// preview can be asked for pushes left.
pub fn lower(policy: &Policy, pushes: u32, tags: &[String]) -> Policy {
    let lowered = |rule: &Rule| match rule.limit {
        Limit::ImageCountMoreThan(keep) if takes_a_place(rule, tags) => Rule {
            limit: Limit::ImageCountMoreThan(keep.saturating_sub(pushes).max(1)),
            ..rule.clone()
        },
        _ => rule.clone(),
    };
    Policy::new(policy.rules().iter().map(lowered).collect())
}

/// Whether a newly pushed image, which is in the standard class, takes a place in the rule's count.
fn takes_a_place(rule: &Rule, tags: &[String]) -> bool {
    rule.storage_class() == StorageClass::Standard && rule.selection.matches(tags)
}

#[cfg(test)]
mod tests {
    use super::lower;
    use crate::model::lifecycle::Policy;
    use crate::plan::policy::installed;

    fn check(policy: &Policy, pushes: u32, tags: &[&str], expected: [u32; 3]) {
        let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        let lowered = lower(policy, pushes, &tags);
        let numbers: Vec<u32> = lowered
            .rules()
            .iter()
            .map(|rule| rule.limit.number())
            .collect();
        assert_eq!(numbers, expected, "{pushes} pushes of {tags:?}");
        assert!(lowered.problems().is_empty());
    }

    #[test]
    fn only_counts_that_see_the_push_are_lowered_and_none_below_1() {
        let policy = installed(30);
        check(&policy, 5, &["v9"], [9999, 25, 30]);
        check(&policy, 5, &["v9", "inuse-1"], [9994, 25, 30]);
        check(&policy, 5, &[], [9999, 30, 30]);
        check(&policy, 29, &["v9"], [9999, 1, 30]);
        check(&policy, u32::MAX, &["v9"], [9999, 1, 30]);
    }
}
