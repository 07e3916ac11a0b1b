//! The text of a lifecycle policy, and what ECR refuses about it (UG "Lifecycle policy properties").

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::refusal::Refusal;

/// A policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Rule {
    pub(crate) rule_priority: u32,
    #[serde(default)]
    #[expect(dead_code, reason = "read so that it is allowed")]
    description: Option<String>,
    pub(crate) selection: Selection,
    pub(crate) action: Action,
}

/// Which images a rule is about, and what makes it act.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Selection {
    pub(crate) tag_status: String,
    #[serde(default)]
    pub(crate) tag_pattern_list: Vec<String>,
    #[serde(default)]
    pub(crate) tag_prefix_list: Vec<String>,
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
    pub(crate) count_type: String,
    #[serde(default)]
    count_unit: Option<String>,
    pub(crate) count_number: u32,
}

/// What a rule does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Action {
    pub(crate) r#type: String,
    #[serde(default)]
    target_storage_class: Option<String>,
}

impl Policy {
    /// Reads and checks a policy's text.
    pub(crate) fn parse(text: &str) -> Result<Policy, Refusal> {
        if !(100..=30_720).contains(&text.chars().count()) {
            return Err(Refusal::parameter(
                "LifecyclePolicyText",
                "Member must have length between 100 and 30720",
            ));
        }
        let policy: Policy =
            serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
        policy.check().map_err(|reason| invalid(&reason))?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        if self.rules.is_empty() || self.rules.len() > 50 {
            return Err("the number of rules must be between 1 and 50".to_owned());
        }
        let mut priorities = BTreeSet::new();
        for rule in &self.rules {
            rule.check()
                .map_err(|reason| format!("rule {}: {reason}", rule.rule_priority))?;
            if !priorities.insert(rule.rule_priority) {
                return Err(format!("rulePriority {} is used twice", rule.rule_priority));
            }
        }
        for class in ["standard", "archive"] {
            self.check_class(class)?;
        }
        Ok(())
    }

    /// What holds among "the set of all rules selecting a specific storage class".
    fn check_class(&self, class: &str) -> Result<(), String> {
        let rules: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.selection.class() == class)
            .collect();
        let highest = rules.iter().map(|rule| rule.rule_priority).max();
        let of_status = |status: &str| {
            rules
                .iter()
                .filter(|rule| rule.selection.tag_status == status)
                .count()
        };
        if of_status("untagged") > 1 {
            return Err("only one rule may select untagged images".to_owned());
        }
        for rule in &rules {
            if rule.selection.tag_status == "any" && Some(rule.rule_priority) != highest {
                return Err(
                    "a rule with tagStatus any must have the highest rulePriority".to_owned(),
                );
            }
        }
        let mut seen = BTreeSet::new();
        for rule in &rules {
            for entries in [
                &rule.selection.tag_pattern_list,
                &rule.selection.tag_prefix_list,
            ] {
                let set: BTreeSet<&String> = entries.iter().collect();
                if !set.is_empty() && !seen.insert(set) {
                    return Err("two rules select the same tags".to_owned());
                }
            }
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let selection = &self.selection;
        if self.rule_priority == 0 {
            return Err("rulePriority must be at least 1".to_owned());
        }
        let lists = (
            !selection.tag_pattern_list.is_empty(),
            !selection.tag_prefix_list.is_empty(),
        );
        match (selection.tag_status.as_str(), lists) {
            ("tagged", (true, false) | (false, true)) | ("untagged" | "any", (false, false)) => {}
            ("tagged", _) => {
                return Err(
                    "tagStatus tagged needs exactly one of tagPatternList and tagPrefixList"
                        .to_owned(),
                );
            }
            ("untagged" | "any", _) => {
                return Err("a tag list is allowed only with tagStatus tagged".to_owned());
            }
            (other, _) => {
                return Err(format!(
                    "tagStatus {other:?} is not tagged, untagged or any"
                ));
            }
        }
        if selection
            .tag_pattern_list
            .iter()
            .any(|pattern| pattern.matches('*').count() > 4)
        {
            return Err("a pattern may have at most four wildcards".to_owned());
        }
        if selection.count_number == 0 {
            return Err("countNumber must be at least 1".to_owned());
        }
        let class = selection.class();
        if class != "standard" && class != "archive" {
            return Err(format!("storageClass {class:?} is not standard or archive"));
        }
        let unit = selection.count_unit.as_deref();
        match selection.count_type.as_str() {
            "imageCountMoreThan" if unit.is_some() => {
                return Err("imageCountMoreThan has no countUnit".to_owned());
            }
            "imageCountMoreThan" => {}
            "sinceImagePushed" | "sinceImagePulled" | "sinceImageTransitioned"
                if unit != Some("days") =>
            {
                return Err("countUnit days is required".to_owned());
            }
            "sinceImagePulled" if self.action.r#type != "transition" => {
                return Err("sinceImagePulled works with transition only".to_owned());
            }
            "sinceImageTransitioned" if self.action.r#type != "expire" || class != "archive" => {
                return Err(
                    "sinceImageTransitioned works with expire and storageClass archive only"
                        .to_owned(),
                );
            }
            "sinceImageTransitioned" if selection.count_number < 90 => {
                return Err("an image stays in the archive for at least 90 days".to_owned());
            }
            "sinceImagePushed" | "sinceImagePulled" | "sinceImageTransitioned" => {}
            other => return Err(format!("countType {other:?} is unknown")),
        }
        if class == "archive" && selection.count_type != "sinceImageTransitioned" {
            return Err("storageClass archive works with sinceImageTransitioned only".to_owned());
        }
        match (
            self.action.r#type.as_str(),
            self.action.target_storage_class.as_deref(),
        ) {
            ("expire", None) | ("transition", Some("archive")) => Ok(()),
            ("transition", _) => Err("transition needs targetStorageClass archive".to_owned()),
            ("expire", Some(_)) => Err("expire has no targetStorageClass".to_owned()),
            (other, _) => Err(format!("action {other:?} is not expire or transition")),
        }
    }
}

impl Selection {
    pub(crate) fn class(&self) -> &str {
        self.storage_class.as_deref().unwrap_or("standard")
    }
}

fn invalid(reason: &str) -> Refusal {
    Refusal::parameter(
        "LifecyclePolicyText",
        format!("Lifecycle policy validation failure: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(priority: u32, selection: &str, action: &str) -> String {
        format!(
            r#"{{"rulePriority": {priority}, "selection": {{{selection}}}, "action": {{{action}}}}}"#
        )
    }

    fn check(rules: &[String], expected: bool) {
        let text = format!(r#"{{"rules": [{}]}}"#, rules.join(", "));
        let text = format!("{text}{}", " ".repeat(100usize.saturating_sub(text.len())));
        let parsed = Policy::parse(&text);
        assert_eq!(parsed.is_ok(), expected, "{text}\n{parsed:?}");
    }

    const EXPIRE: &str = r#""type": "expire""#;
    const ARCHIVE: &str = r#""type": "transition", "targetStorageClass": "archive""#;
    const COUNT: &str = r#""countType": "imageCountMoreThan", "countNumber": 1"#;

    #[test]
    fn single_rules() {
        let since = |what: &str, days: u32| {
            format!(r#""countType": "{what}", "countUnit": "days", "countNumber": {days}"#)
        };
        let cases: Vec<(String, &str, bool)> = vec![
            (format!(r#""tagStatus": "tagged", "tagPatternList": ["*test*1*2*3", "test*1*2*3*"], {COUNT}"#), EXPIRE, true),
            (format!(r#""tagStatus": "tagged", "tagPatternList": ["*test*1*2*3*4*5*6"], {COUNT}"#), EXPIRE, false),
            (format!(r#""tagStatus": "tagged", "tagPatternList": ["prod*"], {}"#, since("sinceImagePushed", 14)), EXPIRE, true),
            (format!(r#""tagStatus": "any", {}"#, since("sinceImagePulled", 90)), ARCHIVE, true),
            (format!(r#""tagStatus": "any", {}"#, since("sinceImagePulled", 90)), EXPIRE, false),
            (
                format!(r#""tagStatus": "any", "storageClass": "archive", {}"#, since("sinceImageTransitioned", 365)),
                EXPIRE,
                true,
            ),
            (format!(r#""tagStatus": "any", {}"#, since("sinceImageTransitioned", 365)), EXPIRE, false),
            (
                format!(r#""tagStatus": "any", "storageClass": "archive", {}"#, since("sinceImageTransitioned", 365)),
                ARCHIVE,
                false,
            ),
            (
                format!(r#""tagStatus": "any", "storageClass": "archive", {}"#, since("sinceImageTransitioned", 89)),
                EXPIRE,
                false,
            ),
            (format!(r#""tagStatus": "untagged", {COUNT}"#), EXPIRE, true),
            (format!(r#""tagStatus": "untagged", "tagPrefixList": ["a"], {COUNT}"#), EXPIRE, false),
            (format!(r#""tagStatus": "tagged", {COUNT}"#), EXPIRE, false),
            (format!(r#""tagStatus": "tagged", "tagPrefixList": ["a"], "tagPatternList": ["a*"], {COUNT}"#), EXPIRE, false),
            (format!(r#""tagStatus": "tagged", "tagPatternList": ["prod*"], {}"#, since("sinceImagePushed", 30)), ARCHIVE, true),
            (
                r#""tagStatus": "any", "countType": "imageCountMoreThan", "countUnit": "days", "countNumber": 1"#.to_owned(),
                EXPIRE,
                false,
            ),
            (r#""tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1"#.to_owned(), EXPIRE, false),
            (r#""tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0"#.to_owned(), EXPIRE, false),
            (format!(r#""tagStatus": "any", {COUNT}"#), r#""type": "transition""#, false),
            (format!(r#""tagStatus": "any", "nonsense": 1, {COUNT}"#), EXPIRE, false),
        ];
        for (selection, action, expected) in cases {
            check(&[rule(1, &selection, action)], expected);
        }
    }

    #[test]
    fn rules_together() {
        let any = format!(r#""tagStatus": "any", {COUNT}"#);
        let untagged = format!(r#""tagStatus": "untagged", {COUNT}"#);
        let prod = format!(r#""tagStatus": "tagged", "tagPrefixList": ["prod"], {COUNT}"#);
        let archived = r#""tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 365"#;
        let pushed = r#""tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30"#;
        check(&[rule(1, pushed, ARCHIVE), rule(2, archived, EXPIRE)], true);
        check(&[rule(1, &any, EXPIRE), rule(2, &prod, EXPIRE)], false);
        check(&[rule(1, &prod, EXPIRE), rule(2, &any, EXPIRE)], true);
        check(
            &[rule(1, &untagged, EXPIRE), rule(2, &untagged, EXPIRE)],
            false,
        );
        check(&[rule(1, &prod, EXPIRE), rule(2, &prod, EXPIRE)], false);
        check(&[rule(1, &prod, EXPIRE), rule(1, &untagged, EXPIRE)], false);
        let many: Vec<String> = (1..=51)
            .map(|at| {
                rule(
                    at,
                    &format!(r#""tagStatus": "tagged", "tagPrefixList": ["p{at}-"], {COUNT}"#),
                    EXPIRE,
                )
            })
            .collect();
        check(&many, false);
        check(&many[..50], true);
    }

    #[test]
    fn length() {
        let text = format!(
            r#"{{"rules": [{}]}}"#,
            rule(1, &format!(r#""tagStatus": "any", {COUNT}"#), EXPIRE)
        );
        let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
        assert!(Policy::parse(&padded(30_720)).is_ok());
        assert!(Policy::parse(&padded(30_721)).is_err());
        assert!(Policy::parse(r#"{"rules": []}"#).is_err());
    }
}
