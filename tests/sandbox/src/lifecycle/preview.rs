//! Lifecycle previews: one at a time per repository, finished after a drawn number of looks.

use serde_json::Value;
use serde_json::json;

use crate::lifecycle::evaluate::evaluate;
use crate::lifecycle::policy::Policy;
use crate::lifecycle::run::candidates;
use crate::refusal::Refusal;
use crate::state::State;

/// The preview a repository has.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The policy it is of.
    pub text: String,
    /// How many more looks find it in progress.
    pub looks_left: u32,
    /// Whether it was seen complete.
    pub seen: bool,
    /// The rows of `previewResults`.
    pub(crate) rows: Vec<Value>,
}

impl State {
    /// StartLifecyclePolicyPreview.
    pub(crate) fn start_preview(
        &mut self,
        name: &str,
        text: Option<&str>,
    ) -> Result<String, Refusal> {
        let repository = self.find(name)?;
        if repository
            .preview
            .as_ref()
            .is_some_and(|preview| !preview.seen)
        {
            return Err(Refusal::new(
                "LifecyclePolicyPreviewInProgressException",
                "The previous lifecycle policy preview request has not completed. Wait and try again.",
            ));
        }
        let text = match (text, &repository.lifecycle) {
            (Some(text), _) => text.to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => return Err(self.no_policy(name)),
        };
        let policy = Policy::parse(&text)?;
        let marked = evaluate(
            &policy,
            &candidates(repository),
            self.clock.now(),
            &self.undocumented,
        );
        let mut rows: Vec<(crate::clock::Time, Value)> = marked
            .iter()
            .filter_map(|(digest, priority)| {
                let image = repository.images.get(digest)?;
                let rule = policy.rules.iter().find(|rule| rule.rule_priority == *priority)?;
                let action = match rule.action.r#type.as_str() {
                    "transition" => json!({"type": "TRANSITION", "targetStorageClass": "ARCHIVE"}),
                    _ => json!({"type": "EXPIRE"}),
                };
                let row = json!({
                    "imageTags": image.tags, "imageDigest": digest, "imagePushedAt": image.pushed_at.json(), "action": action,
                    "appliedRulePriority": priority,
                    "storageClass": if image.storage == crate::state::Storage::Archived { "ARCHIVE" } else { "STANDARD" },
                });
                Some((image.pushed_at, row))
            })
            .collect();
        rows.sort_by_key(|(pushed, _)| *pushed);
        let looks_left = self.undocumented.preview_polls;
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        self.find_mut(name)?.preview = Some(Preview {
            text: text.clone(),
            looks_left,
            seen: false,
            rows,
        });
        Ok(text)
    }

    pub(crate) fn no_policy(&self, name: &str) -> Refusal {
        Refusal::new(
            "LifecyclePolicyNotFoundException",
            format!(
                "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{}'",
                self.account
            ),
        )
    }
}
