//! Which images a rule looks at, by their tags: tagged with a list, untagged, or any.

use crate::model::wildcard;

/// `tagStatus` with its list (User Guide, "Lifecycle policy properties").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// `tagged`: images with tags, chosen by a list.
    Tagged(TagList),
    /// `untagged`: images without any tag.
    Untagged,
    /// `any`: all images, tagged or not.
    Any,
}

/// The list of a `tagged` rule. **Every** entry must match some tag of the image: AND, not OR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagList {
    /// `tagPrefixList`: an entry matches tags that start with it.
    Prefixes(Vec<String>),
    /// `tagPatternList`: an entry matches whole tags; `*` stands for any run of characters, everything else for itself.
    Patterns(Vec<String>),
}

impl Selection {
    /// Whether an image with exactly these tags is selected.
    pub fn matches(&self, tags: &[String]) -> bool {
        match self {
            Selection::Any => true,
            Selection::Untagged => tags.is_empty(),
            Selection::Tagged(list) => !tags.is_empty() && list.matches(tags),
        }
    }

    /// Whether some image with at least one tag could be selected.
    pub fn may_be_tagged(&self) -> bool {
        !matches!(self, Selection::Untagged)
    }

    /// Whether some image without tags could be selected.
    pub fn may_be_untagged(&self) -> bool {
        !matches!(self, Selection::Tagged(_))
    }

    /// Whether every *tagged* image that `other` selects is certainly selected by this one too. `false` means "not known".
    pub fn covers_tagged(&self, other: &Selection) -> bool {
        match (self, other) {
            (_, Selection::Untagged) | (Selection::Any, _) => true,
            (Selection::Untagged, _) => false,
            (Selection::Tagged(list), Selection::Any) => {
                list.covers(&TagList::Patterns(vec!["*".to_owned()]))
            }
            (Selection::Tagged(list), Selection::Tagged(narrower)) => list.covers(narrower),
        }
    }
}

impl TagList {
    /// The entries as written.
    pub fn entries(&self) -> &[String] {
        match self {
            TagList::Prefixes(entries) | TagList::Patterns(entries) => entries,
        }
    }

    /// The entries as patterns; the prefix `v` is the pattern `v*`.
    fn patterns(&self) -> Vec<String> {
        match self {
            TagList::Prefixes(entries) => {
                entries.iter().map(|prefix| format!("{prefix}*")).collect()
            }
            TagList::Patterns(entries) => entries.clone(),
        }
    }

    fn matches(&self, tags: &[String]) -> bool {
        match self {
            TagList::Prefixes(entries) => entries
                .iter()
                .all(|prefix| tags.iter().any(|tag| tag.starts_with(prefix.as_str()))),
            TagList::Patterns(entries) => entries
                .iter()
                .all(|pattern| tags.iter().any(|tag| wildcard::matches(pattern, tag))),
        }
    }

    /// Sound, not complete: each entry must be implied by one entry of the narrower list. An entry implies a pattern if it matches the pattern's
    /// text, because only a `*` can match the other's `*`, and a `*` matches whatever that one stands for.
    fn covers(&self, narrower: &TagList) -> bool {
        let narrower = narrower.patterns();
        match self {
            TagList::Prefixes(entries) => entries
                .iter()
                // In a prefix a `*` is no wildcard, and no tag contains one.
                .all(|prefix| {
                    !prefix.contains('*')
                        && narrower
                            .iter()
                            .any(|narrow| narrow.starts_with(prefix.as_str()))
                }),
            TagList::Patterns(entries) => entries.iter().all(|wide| {
                narrower
                    .iter()
                    .any(|narrow| wildcard::matches(wide, narrow))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Selection;
    use super::TagList;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&entry| entry.to_owned()).collect()
    }

    fn patterns(list: &[&str]) -> Selection {
        Selection::Tagged(TagList::Patterns(strings(list)))
    }

    fn prefixes(list: &[&str]) -> Selection {
        Selection::Tagged(TagList::Prefixes(strings(list)))
    }

    #[test]
    fn every_entry_must_match_some_tag() {
        let both = patterns(&["alpha*", "beta*"]);
        assert!(!both.matches(&strings(&["alpha-1"])));
        assert!(both.matches(&strings(&["alpha-1", "beta-1", "gamma"])));
        assert!(!prefixes(&["prod", "staging"]).matches(&strings(&["prod-1"])));
    }

    #[test]
    fn tag_status() {
        assert!(Selection::Any.matches(&[]));
        assert!(Selection::Untagged.matches(&[]));
        assert!(!Selection::Untagged.matches(&strings(&["a"])));
        assert!(!prefixes(&[""]).matches(&[]));
        assert!(prefixes(&[""]).matches(&strings(&["a"])));
    }

    #[test]
    fn covering_is_certain_or_denied() {
        for (wide, narrow, expected) in [
            (patterns(&["*"]), Selection::Any, true),
            (prefixes(&[""]), Selection::Any, true),
            (patterns(&["prod*"]), Selection::Any, false),
            (patterns(&["prod*"]), prefixes(&["prod-eu"]), true),
            (prefixes(&["prod"]), patterns(&["prod-*-eu"]), true),
            (prefixes(&["prod-eu"]), prefixes(&["prod"]), false),
            (patterns(&["prod*"]), patterns(&["*prod*"]), false),
            (patterns(&["a*"]), patterns(&["a*", "b*"]), true),
            (patterns(&["a*", "b*"]), patterns(&["a*"]), false),
            (patterns(&["a*b"]), patterns(&["a*"]), false),
            (prefixes(&["a*"]), patterns(&["a*"]), false),
            (Selection::Any, patterns(&["x"]), true),
            (Selection::Untagged, patterns(&["x"]), false),
            (Selection::Untagged, Selection::Any, false),
        ] {
            assert_eq!(
                wide.covers_tagged(&narrow),
                expected,
                "{wide:?} over {narrow:?}"
            );
        }
    }
}
