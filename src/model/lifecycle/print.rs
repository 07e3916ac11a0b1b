//! Prints a policy as JSON: keys in the order of AWS's documentation, rules by priority, `storageClass` only where it is not the default.

use std::fmt;

use serde::Serialize;
use serde::Serializer;

use crate::model::lifecycle::Action;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::StorageClass;
use crate::model::lifecycle::TagList;

impl Policy {
    /// The text for `PutLifecyclePolicy`, on one line. Reading it back gives an equal policy, descriptions included.
    pub fn to_json(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Policy {
    /// Compact JSON; indented with `{:#}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() {
            serde_json::to_string_pretty(self)
        } else {
            serde_json::to_string(self)
        };
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PolicyText {
            rules: self.rules().iter().map(text).collect(),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct PolicyText<'a> {
    rules: Vec<RuleText<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleText<'a> {
    rule_priority: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    selection: SelectionText<'a>,
    action: ActionText,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SelectionText<'a> {
    tag_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_pattern_list: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_prefix_list: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'static str>,
    count_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_unit: Option<&'static str>,
    count_number: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionText {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_storage_class: Option<&'static str>,
}

fn text(rule: &Rule) -> RuleText<'_> {
    let (tag_status, tag_pattern_list, tag_prefix_list) = match &rule.selection {
        Selection::Tagged(TagList::Patterns(entries)) => ("tagged", Some(entries.as_slice()), None),
        Selection::Tagged(TagList::Prefixes(entries)) => ("tagged", None, Some(entries.as_slice())),
        Selection::Untagged => ("untagged", None, None),
        Selection::Any => ("any", None, None),
    };
    let class = rule.storage_class();
    RuleText {
        rule_priority: rule.priority,
        description: rule.description.as_deref(),
        selection: SelectionText {
            tag_status,
            tag_pattern_list,
            tag_prefix_list,
            storage_class: (class != StorageClass::Standard).then(|| class.word()),
            count_type: rule.limit.count_type(),
            count_unit: (!matches!(rule.limit, Limit::ImageCountMoreThan(_))).then_some("days"),
            count_number: rule.limit.number(),
        },
        action: match rule.action {
            Action::Expire => ActionText {
                r#type: "expire",
                target_storage_class: None,
            },
            Action::Transition => ActionText {
                r#type: "transition",
                target_storage_class: Some(StorageClass::Archive.word()),
            },
        },
    }
}
