//! Where the parts of a policy stand in its text, so that a message can point at them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::model::lifecycle::RuleName;

/// A place in a text: line and column, both from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where a field stands in a policy's text, such as `selection.countUnit` of a rule: its value, or what is around it where it is missing. Without
/// a rule the field is one of the whole policy. `None` if there is no such rule, or no JSON.
pub fn place(text: &str, rule: Option<RuleName>, field: &str) -> Option<Place> {
    let mut here: &RawValue = serde_json::from_str(text).ok()?;
    if let Some(rule) = rule {
        here = find(here, rule)?;
    }
    for key in field.split('.') {
        match object(here).and_then(|mut object| object.remove(key)) {
            Some(value) => here = value,
            None => break,
        }
    }
    let offset = here.get().as_ptr().addr() - text.as_ptr().addr();
    let before = text.get(..offset)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some(Place {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    })
}

/// Of several rules with one priority the last: it is the one that is said to repeat it.
fn find(policy: &RawValue, rule: RuleName) -> Option<&RawValue> {
    let rules = object(policy)?.remove("rules")?;
    let rules: Vec<&RawValue> = serde_json::from_str(rules.get()).ok()?;
    match rule {
        RuleName::Position(at) => rules.get(at).copied(),
        RuleName::Priority(priority) => {
            let has = |rule: &&&RawValue| {
                let found = object(rule).and_then(|mut rule| rule.remove("rulePriority"));
                found.is_some_and(|found| found.get().parse() == Ok(priority))
            };
            rules.iter().rev().find(has).copied()
        }
    }
}

fn object(value: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::place;
    use crate::model::lifecycle::RuleName;

    const TEXT: &str = r#"{"rules": [
  {"rulePriority": 7, "description": "größer", "selection": {"tagStatus": "any"}},
  {"rulePriority": 2,
   "selection": {
     "tagStatus": "untagged"}},
  4,
  {"rulePriority": 2}]}"#;

    fn check(rule: Option<RuleName>, field: &str, expected: Option<(usize, usize)>) {
        let found = place(TEXT, rule, field).map(|place| (place.line, place.column));
        assert_eq!(found, expected, "{rule:?} {field}");
    }

    #[test]
    fn a_field_is_found_or_what_is_around_it() {
        check(None, "", Some((1, 1)));
        check(None, "rules", Some((1, 11)));
        check(None, "nothing", Some((1, 1)));
        check(Some(RuleName::Priority(7)), "", Some((2, 3)));
        check(
            Some(RuleName::Priority(7)),
            "selection.tagStatus",
            Some((2, 75)),
        );
        check(
            Some(RuleName::Position(1)),
            "selection.tagStatus",
            Some((5, 19)),
        );
        check(
            Some(RuleName::Position(1)),
            "selection.countUnit",
            Some((4, 17)),
        );
        check(Some(RuleName::Position(2)), "rulePriority", Some((6, 3)));
        check(Some(RuleName::Priority(2)), "", Some((7, 3)));
        check(Some(RuleName::Priority(9)), "", None);
        assert_eq!(place("{", None, ""), None);
    }
}
