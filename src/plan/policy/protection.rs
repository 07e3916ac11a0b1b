//! Judges how well a lifecycle policy protects a task-definition repository, rule by rule.

use crate::model::lifecycle::Action;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::StorageClass;
use crate::model::lifecycle::TagList;
use crate::plan::policy::PIN_PATTERN;
use crate::plan::policy::SHIELD_LEAST;
use crate::plan::policy::Strength;
use crate::plan::policy::Weakness;

/// Every way in which `policy` protects less than it should at least, by rule; empty if it is at least as protective. It is so if no age or pull rule
/// selects tagged images, every count rule that reaches a tagged image keeps `keep` or more, untagged images stay `untagged_days` or more, and nothing
/// is archived.
///
/// What a rule cannot reach because a higher rule certainly selects it first does not count against it. Rules on the archive class are not looked
/// at: they act only on images that cannot be pulled anyway.
pub fn weakness(policy: &Policy, least: Strength) -> Vec<Weakness> {
    let mut found = Vec::new();
    let mut higher: Vec<&Rule> = Vec::new();
    for rule in policy
        .rules()
        .iter()
        .filter(|rule| rule.storage_class() == StorageClass::Standard)
    {
        found.extend(judge(rule, reach(&higher, &rule.selection), least));
        higher.push(rule);
    }
    found.extend(no_shield(&higher));
    found.sort_by_key(Weakness::rule);
    found
}

/// Which images a rule may govern.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Reach {
    pub(in crate::plan) tagged: bool,
    pub(in crate::plan) untagged: bool,
}

/// What is left for a selection below these rules of the same storage class. If unsure, everything.
pub(in crate::plan) fn reach(higher: &[&Rule], selection: &Selection) -> Reach {
    Reach {
        tagged: selection.may_be_tagged()
            && !higher
                .iter()
                .any(|other| other.selection.covers_tagged(selection)),
        untagged: selection.may_be_untagged()
            && !higher.iter().any(|other| other.selection.may_be_untagged()),
    }
}

fn judge(rule: &Rule, reach: Reach, least: Strength) -> Vec<Weakness> {
    let (keep, least) = (least.keep, least.untagged_days);
    let priority = rule.priority;
    if !reach.tagged && !reach.untagged {
        return Vec::new();
    }
    if rule.action == Action::Transition {
        return vec![Weakness::Transition { rule: priority }];
    }
    match rule.limit {
        Limit::ImageCountMoreThan(count) => {
            let too_few = (reach.tagged && count < keep).then_some(Weakness::KeepsTooFew {
                rule: priority,
                count,
                keep,
            });
            let untagged = match (reach.tagged, rule.selection.may_be_untagged()) {
                (true, true) => Some(Weakness::AnyByCount { rule: priority }),
                (false, true) => Some(Weakness::UntaggedByCount {
                    rule: priority,
                    least,
                }),
                (_, false) => None,
            };
            too_few.into_iter().chain(untagged).collect()
        }
        // An age rule that expires: sinceImagePushed, or a sinceImagePulled that ECR would not have accepted.
        _ if reach.tagged => vec![Weakness::TaggedByAge {
            rule: priority,
            days: rule.limit.number(),
        }],
        _ if rule.limit.number() < least => vec![Weakness::UntaggedTooSoon {
            rule: priority,
            days: rule.limit.number(),
            least,
        }],
        _ => Vec::new(),
    }
}

/// The first rule that can take a pinned image, whatever other tags that image carries. It cannot where a shield comes first.
fn no_shield(rules: &[&Rule]) -> Option<Weakness> {
    let pinned = Selection::Tagged(TagList::Patterns(vec![PIN_PATTERN.to_owned()]));
    for (index, rule) in rules.iter().enumerate() {
        let higher = rules.get(..index).unwrap_or_default();
        if !reach(higher, &rule.selection).tagged {
            continue;
        }
        if is_shield(rule) {
            if rule.selection.covers_tagged(&pinned) {
                return None;
            }
            continue;
        }
        return Some(Weakness::NoShield {
            rule: rule.priority,
        });
    }
    None
}

/// Whether the rule only shields: a count that is far away, of a selection that not every tagged image falls under.
pub(in crate::plan) fn is_shield(rule: &Rule) -> bool {
    rule.keep().is_some_and(|keep| keep >= SHIELD_LEAST)
        && rule.action == Action::Expire
        && !rule.selection.covers_tagged(&Selection::Any)
}

#[cfg(test)]
mod tests {
    use super::weakness;
    use crate::model::lifecycle::Policy;
    use crate::plan::policy::Strength;
    use crate::plan::policy::Weakness;
    use crate::plan::policy::installed;
    use crate::plan::policy::installing;

    /// `tagged PATTERN`, `untagged` or `any`; then a limit as `=30` (count), `>30` (days since pushed), `~30` (days since pulled, archive) or
    /// `^30` (days in the archive).
    fn policy(rules: &[(&str, &str)]) -> Policy {
        let rule = |(index, (selection, limit)): (usize, &(&str, &str))| {
            let (kind, number) = limit.split_at(1);
            let status = match selection.split_once(' ') {
                Some((status, pattern)) => format!(
                    r#""tagStatus":"{status}","tagPatternList":["{}"]"#,
                    pattern.replace('+', "\",\"")
                ),
                None => format!(r#""tagStatus":"{selection}""#),
            };
            let (limit, action) = match kind {
                "=" => (r#""countType":"imageCountMoreThan""#, r#""type":"expire""#),
                ">" => (
                    r#""countType":"sinceImagePushed","countUnit":"days""#,
                    r#""type":"expire""#,
                ),
                "~" => (
                    r#""countType":"sinceImagePulled","countUnit":"days""#,
                    r#""type":"transition","targetStorageClass":"archive""#,
                ),
                _ => (
                    r#""storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days""#,
                    r#""type":"expire""#,
                ),
            };
            let priority = index + 1;
            format!(
                r#"{{"rulePriority":{priority},"selection":{{{status},{limit},"countNumber":{number}}},"action":{{{action}}}}}"#
            )
        };
        let rules: Vec<String> = rules.iter().enumerate().map(rule).collect();
        format!(r#"{{"rules":[{}]}}"#, rules.join(","))
            .parse()
            .unwrap()
    }

    const LEAST: Strength = Strength {
        keep: 30,
        untagged_days: 30,
    };

    fn check(rules: &[(&str, &str)], expected: &[Weakness]) {
        assert_eq!(weakness(&policy(rules), LEAST), expected, "{rules:?}");
    }

    #[test]
    fn at_least_as_protective() {
        assert_eq!(weakness(&installed(30), LEAST), []);
        assert_eq!(weakness(&installed(31), LEAST), []);
        check(&[("tagged inuse-*", "=9999"), ("tagged *", "=30")], &[]);
        check(&[("untagged", ">30")], &[]);
        check(
            &[
                ("untagged", ">31"),
                ("tagged in*", "=1000"),
                ("tagged v*", "=30"),
            ],
            &[],
        );
        // Another shield before ours does no harm, and neither do rules that a higher one makes unreachable.
        check(
            &[
                ("tagged rollback-*", "=9999"),
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
            ],
            &[],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("tagged v*", "=3"),
                ("tagged dev-*", ">1"),
            ],
            &[],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("any", ">30"),
            ],
            &[],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("untagged", ">30"),
                ("any", "=1"),
            ],
            &[],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("any", "^90"),
            ],
            &[],
        );
    }

    #[test]
    fn count_rules_that_keep_too_few() {
        let too_few = |rule, count| Weakness::KeepsTooFew {
            rule,
            count,
            keep: 30,
        };
        assert_eq!(weakness(&installed(29), LEAST), [too_few(2, 29)]);
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged dev-*", "=5"),
                ("tagged *", "=30"),
            ],
            &[too_few(2, 5)],
        );
        check(
            &[("tagged inuse-*", "=9999"), ("tagged a*+b*", "=5")],
            &[too_few(2, 5)],
        );
        // The shield itself: more than 5 pinned images, and the oldest goes.
        check(
            &[("tagged inuse-*", "=5"), ("tagged *", "=30")],
            &[too_few(1, 5), Weakness::NoShield { rule: 1 }],
        );
        // `v*` leaves other tags to `any`.
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged v*", "=30"),
                ("any", "=29"),
            ],
            &[too_few(3, 29), Weakness::AnyByCount { rule: 3 }],
        );
    }

    #[test]
    fn age_rules_that_reach_tagged_images() {
        let by_age = |rule, days| Weakness::TaggedByAge { rule, days };
        check(
            &[("tagged inuse-*", "=9999"), ("tagged dev-*", ">365")],
            &[by_age(2, 365)],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged v*", "=30"),
                ("any", ">60"),
            ],
            &[by_age(3, 60)],
        );
        check(
            &[("any", ">60")],
            &[by_age(1, 60), Weakness::NoShield { rule: 1 }],
        );
    }

    #[test]
    fn transitions() {
        check(
            &[("tagged inuse-*", "=9999"), ("any", "~90")],
            &[Weakness::Transition { rule: 2 }],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("any", "~90"),
            ],
            &[Weakness::Transition { rule: 3 }],
        );
        check(&[("untagged", "~90")], &[Weakness::Transition { rule: 1 }]);
    }

    #[test]
    fn untagged_images() {
        check(
            &[("untagged", ">29")],
            &[Weakness::UntaggedTooSoon {
                rule: 1,
                days: 29,
                least: 30,
            }],
        );
        check(
            &[("untagged", "=100")],
            &[Weakness::UntaggedByCount { rule: 1, least: 30 }],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("any", "=100"),
            ],
            &[Weakness::UntaggedByCount { rule: 3, least: 30 }],
        );
        check(
            &[
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
                ("any", ">7"),
            ],
            &[Weakness::UntaggedTooSoon {
                rule: 3,
                days: 7,
                least: 30,
            }],
        );
    }

    #[test]
    fn somebody_asks_for_more_days() {
        let least = Strength {
            untagged_days: 60,
            ..LEAST
        };
        let too_soon = |days| Weakness::UntaggedTooSoon {
            rule: 3,
            days,
            least: 60,
        };
        assert_eq!(weakness(&installed(30), least), [too_soon(30)]);
        assert_eq!(weakness(&installing(least), least), []);
        assert_eq!(weakness(&installing(least), LEAST), []);
        let forever = policy(&[("tagged inuse-*", "=9999"), ("tagged *", "=30")]);
        assert_eq!(weakness(&forever, least), []);
        let text = too_soon(30).to_string();
        assert!(text.ends_with("at least 60"), "{text}");
    }

    #[test]
    fn warnings() {
        let (any, shield) = (
            |rule| Weakness::AnyByCount { rule },
            |rule| Weakness::NoShield { rule },
        );
        check(&[("any", "=30")], &[any(1), shield(1)]);
        check(&[("tagged *", "=30"), ("untagged", ">30")], &[shield(1)]);
        check(&[("tagged *", "=9999")], &[shield(1)]);
        check(
            &[
                ("tagged v*", "=30"),
                ("tagged inuse-*", "=9999"),
                ("tagged *", "=30"),
            ],
            &[shield(1)],
        );
        check(
            &[("tagged inuse-*+v*", "=9999"), ("tagged *", "=30")],
            &[shield(2)],
        );
        check(
            &[("tagged inuse-0*", "=9999"), ("tagged *", "=30")],
            &[shield(2)],
        );
        assert!([any(1), shield(1)].iter().all(Weakness::is_warning));
        assert!(
            ![
                Weakness::Transition { rule: 1 },
                Weakness::UntaggedByCount { rule: 1, least: 30 }
            ]
            .iter()
            .any(Weakness::is_warning)
        );
    }

    #[test]
    fn a_weakness_names_the_rule_and_the_change() {
        let found = weakness(
            &policy(&[("untagged", ">14"), ("tagged v*", "=10"), ("any", "~90")]),
            LEAST,
        );
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "rule 1 expires untagged images after 14 days: raise its countNumber to at least 30",
                "rule 2 keeps 10 images, fewer than 30: raise its countNumber to at least 30",
                "rule 2 can expire pinned images: put a rule for tagPatternList [\"inuse-*\"] with countNumber 9999 before it",
                "rule 3 archives images, and archived images cannot be pulled: remove it",
            ]
        );
    }
}
