//! Reads a policy from its JSON text and collects every problem on the way, not only the first: a rule that cannot be read does not hide what is
//! wrong with the others.

use std::str::FromStr;

use serde_json::Map;
use serde_json::Value;

use crate::model::lifecycle::Action;
use crate::model::lifecycle::Fault;
use crate::model::lifecycle::InvalidPolicy;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Problem;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::RuleName;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::StorageClass;
use crate::model::lifecycle::TagList;
use crate::model::lifecycle::reader::Reader;
use crate::model::lifecycle::reader::number;
use crate::model::lifecycle::reader::wrong_type;
use crate::model::lifecycle::strict_json;
use crate::model::lifecycle::validate;

impl FromStr for Policy {
    type Err = InvalidPolicy;

    /// Reads and validates the text of a policy, as `PutLifecyclePolicy` takes it and `GetLifecyclePolicy` returns it.
    ///
    /// # Errors
    ///
    /// All violated constraints; for text that is not JSON only that, with line and column.
    fn from_str(text: &str) -> Result<Policy, InvalidPolicy> {
        let value = strict_json::read(text).map_err(|error| InvalidPolicy {
            problems: vec![syntax(&error)],
        })?;
        let mut reader = Reader::default();
        let rules = reader.rules(&value);
        let policy = Policy::new(rules);
        let mut problems = reader.problems;
        problems.extend(policy.problems());
        problems.extend(validate::text_length(text));
        if problems.is_empty() {
            Ok(policy)
        } else {
            Err(InvalidPolicy { problems })
        }
    }
}

fn syntax(error: &serde_json::Error) -> Problem {
    let full = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = full
        .strip_suffix(place.as_str())
        .unwrap_or(&full)
        .to_owned();
    Problem {
        rule: None,
        field: String::new(),
        fault: Fault::Syntax {
            line: error.line(),
            column: error.column(),
            reason,
        },
    }
}

impl Reader {
    fn rules(&mut self, value: &Value) -> Vec<Rule> {
        let Some(policy) = self.map("the policy", value) else {
            return Vec::new();
        };
        self.only(policy, "", &["rules"]);
        let Some(value) = policy.get("rules") else {
            self.note("rules", Fault::Missing);
            return Vec::new();
        };
        let Some(rules) = value.as_array() else {
            self.note("rules", wrong_type("a list of rules", value));
            return Vec::new();
        };
        if let Some(fault) = validate::rule_count(rules.len()) {
            self.note("rules", fault);
        }
        rules
            .iter()
            .enumerate()
            .filter_map(|(index, value)| self.rule(index, value))
            .collect()
    }

    fn rule(&mut self, index: usize, value: &Value) -> Option<Rule> {
        self.rule = Some(RuleName::Position(index));
        let rule = self.read_rule(value);
        self.rule = None;
        rule
    }

    fn read_rule(&mut self, value: &Value) -> Option<Rule> {
        let map = self.map("", value)?;
        if let Some(priority) = map.get("rulePriority").and_then(number) {
            self.rule = Some(RuleName::Priority(priority));
        }
        self.only(
            map,
            "",
            &["rulePriority", "description", "selection", "action"],
        );
        let priority = self.number(map, "rulePriority", "rulePriority");
        let description = self.optional_text(map, "description", "description");
        let selection = self.nested(map, "selection");
        let action = self
            .nested(map, "action")
            .and_then(|action| self.action(action));
        let (tags, limit) = match selection {
            Some(selection) => self.selection(selection),
            None => (None, None),
        };
        Some(Rule {
            priority: priority?,
            description,
            selection: tags?,
            limit: limit?,
            action: action?,
        })
    }

    fn selection(&mut self, map: &Map<String, Value>) -> (Option<Selection>, Option<Limit>) {
        let keys = [
            "tagStatus",
            "tagPatternList",
            "tagPrefixList",
            "storageClass",
            "countType",
            "countUnit",
            "countNumber",
        ];
        self.only(map, "selection.", &keys);
        let patterns = self.optional_list(map, "tagPatternList", "selection.tagPatternList");
        let prefixes = self.optional_list(map, "tagPrefixList", "selection.tagPrefixList");
        let status = self.word(
            map,
            "tagStatus",
            "selection.tagStatus",
            &["tagged", "untagged", "any"],
        );
        let tags = match status {
            Some("tagged") => self
                .tag_list(map, patterns, prefixes)
                .map(Selection::Tagged),
            Some(status) => {
                for (key, field) in [
                    ("tagPatternList", "selection.tagPatternList"),
                    ("tagPrefixList", "selection.tagPrefixList"),
                ] {
                    if map.contains_key(key) {
                        self.note(field, Fault::ListWithoutTagged);
                    }
                }
                Some(if status == "any" {
                    Selection::Any
                } else {
                    Selection::Untagged
                })
            }
            None => None,
        };
        (tags, self.limit(map))
    }

    fn tag_list(
        &mut self,
        map: &Map<String, Value>,
        patterns: Option<Vec<String>>,
        prefixes: Option<Vec<String>>,
    ) -> Option<TagList> {
        match (
            map.contains_key("tagPatternList"),
            map.contains_key("tagPrefixList"),
        ) {
            (true, true) => self.reject("selection.tagPrefixList", Fault::TwoLists),
            (true, false) => patterns.map(TagList::Patterns),
            (false, true) => prefixes.map(TagList::Prefixes),
            (false, false) => self.reject("selection.tagPatternList", Fault::TaggedWithoutList),
        }
    }

    fn limit(&mut self, map: &Map<String, Value>) -> Option<Limit> {
        let words = &[
            "imageCountMoreThan",
            "sinceImagePushed",
            "sinceImagePulled",
            "sinceImageTransitioned",
        ];
        let count_type = self.word(map, "countType", "selection.countType", words);
        let count = self.number(map, "countNumber", "selection.countNumber");
        self.optional_word(map, "countUnit", "selection.countUnit", &["days"]);
        let class = self.optional_word(
            map,
            "storageClass",
            "selection.storageClass",
            &["standard", "archive"],
        );
        let count_type = count_type?;
        match (count_type, map.contains_key("countUnit")) {
            ("imageCountMoreThan", true) => self.note("selection.countUnit", Fault::UnitWithCount),
            ("imageCountMoreThan", false) | (_, true) => {}
            (_, false) => self.note("selection.countUnit", Fault::UnitMissing { count_type }),
        }
        let only = if count_type == "sinceImageTransitioned" {
            StorageClass::Archive
        } else {
            StorageClass::Standard
        };
        // Absent means standard; a word that is none of the two is reported already.
        let written = if map.contains_key("storageClass") {
            class
        } else {
            Some("standard")
        };
        if written.is_some_and(|word| word != only.word()) {
            self.note(
                "selection.storageClass",
                Fault::WrongStorageClass { count_type, only },
            );
        }
        let count = count?;
        Some(match count_type {
            "imageCountMoreThan" => Limit::ImageCountMoreThan(count),
            "sinceImagePushed" => Limit::SinceImagePushed(count),
            "sinceImagePulled" => Limit::SinceImagePulled(count),
            _ => Limit::SinceImageTransitioned(count),
        })
    }

    fn action(&mut self, map: &Map<String, Value>) -> Option<Action> {
        self.only(map, "action.", &["type", "targetStorageClass"]);
        let target = "action.targetStorageClass";
        self.optional_word(map, "targetStorageClass", target, &["archive"]);
        let has_target = map.contains_key("targetStorageClass");
        match self.word(map, "type", "action.type", &["expire", "transition"])? {
            "expire" if has_target => self.reject(target, Fault::TargetWithExpire),
            "expire" => Some(Action::Expire),
            _ if has_target => Some(Action::Transition),
            _ => self.reject(target, Fault::TargetMissing),
        }
    }
}
