//! A lifecycle run over every repository: what ECR does at some time within 24 hours, done when told.

use serde::Serialize;

use crate::lifecycle::evaluate::Candidate;
use crate::lifecycle::evaluate::evaluate;
use crate::lifecycle::policy::Policy;
use crate::state::Repository;
use crate::state::State;
use crate::state::Storage;

/// What a rule did to an image, as CloudTrail's `PolicyExecutionEvent` records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The repository.
    pub repository: String,
    /// The image's digest.
    pub digest: String,
    /// The tags it had.
    pub tags: Vec<String>,
    /// When it was pushed, RFC 3339.
    pub pushed_at: String,
    /// The rule; 0 for a referrer that followed its subject.
    pub rule_priority: u32,
    /// `expire` or `transition`.
    pub action: String,
}

impl State {
    /// Runs every repository's policy once and gives what was expired or archived.
    pub fn run_lifecycle(&mut self) -> Vec<Execution> {
        let now = self.clock.now();
        let names: Vec<String> = self.repositories.keys().cloned().collect();
        let mut done = Vec::new();
        for name in names {
            let undocumented = self.undocumented.clone();
            let Some(repository) = self.repositories.get_mut(&name) else {
                continue;
            };
            let Some(policy) = repository
                .lifecycle
                .as_deref()
                .and_then(|text| Policy::parse(text).ok())
            else {
                done.extend(follow_subjects(repository, now));
                continue;
            };
            let marked = evaluate(&policy, &candidates(repository), now, &undocumented);
            for (digest, priority) in marked {
                let action = policy
                    .rules
                    .iter()
                    .find(|rule| rule.rule_priority == priority);
                let action = action.map_or("expire", |rule| rule.action.r#type.as_str());
                done.extend(act(repository, &digest, priority, action, now));
            }
            done.extend(follow_subjects(repository, now));
            repository.evaluated_at = Some(now);
        }
        self.executions.extend(done.iter().cloned());
        done
    }
}

/// A repository's images as the rules see them.
pub(crate) fn candidates(repository: &Repository) -> Vec<Candidate> {
    repository
        .images
        .values()
        .map(|image| Candidate {
            id: image.digest.clone(),
            tags: image.tags.iter().cloned().collect(),
            pushed_at: image.pushed_at,
            pulled_at: image.pulled_at,
            activated_at: image.activated_at,
            archived_at: image.archived_at,
            is_archived: image.storage == Storage::Archived,
            children: image.manifest.children.clone(),
            is_referrer: image.manifest.subject.is_some(),
        })
        .collect()
}

fn act(
    repository: &mut Repository,
    digest: &str,
    priority: u32,
    action: &str,
    now: crate::clock::Time,
) -> Option<Execution> {
    let image = repository.images.get_mut(digest)?;
    let execution = Execution {
        repository: repository.name.clone(),
        digest: digest.to_owned(),
        tags: image.tags.iter().cloned().collect(),
        pushed_at: image.pushed_at.to_string(),
        rule_priority: priority,
        action: action.to_owned(),
    };
    if action == "transition" {
        image.storage = Storage::Archived;
        image.archived_at = Some(now);
    } else {
        repository.remove(digest);
    }
    Some(execution)
}

/// "When reference artifacts are present in a repository, Amazon ECR lifecycle policies automatically expire or archive
/// those artifacts within 24 hours of the deletion or archival of the subject image."
fn follow_subjects(repository: &mut Repository, now: crate::clock::Time) -> Vec<Execution> {
    let mut done = Vec::new();
    loop {
        let next = repository.images.values().find_map(|image| {
            let subject = image.manifest.subject.as_deref()?;
            let action = match repository
                .images
                .get(subject)
                .map(|subject| subject.storage)
            {
                None => "expire",
                Some(Storage::Archived) if image.storage == Storage::Active => "transition",
                Some(_) => return None,
            };
            Some((image.digest.clone(), action))
        });
        let Some((digest, action)) = next else {
            return done;
        };
        done.extend(act(repository, &digest, 0, action, now));
    }
}
