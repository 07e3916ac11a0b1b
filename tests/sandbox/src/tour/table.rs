//! The table of the source document, with what the repository of each row holds beside it.

use std::collections::BTreeSet;

use demitasse_sandbox::Sandbox;

use crate::text::Colour;
use crate::text::paint;
use crate::text::say;
use crate::tour::history::DEPLOYS;

/// The tags that were seen in the repositories: (repository, tag).
pub(crate) type Seen = BTreeSet<(String, String)>;

/// What the repositories hold now.
pub(crate) fn look(sandbox: &Sandbox) -> Seen {
    sandbox.with_state(|state| {
        let names: Vec<String> = state.repositories.keys().cloned().collect();
        names
            .into_iter()
            .flat_map(|name| {
                state
                    .tags(&name)
                    .into_keys()
                    .map(move |tag| (name.clone(), tag))
            })
            .collect()
    })
}

/// Shows every deploy with its image before and after the lifecycle run. `repository` says where a family's images are.
pub(crate) fn show(repository: impl Fn(&str) -> String, before: &Seen, after: &Seen) {
    let head = format!(
        "  {:<16} {:<5} {:<8}   {:<19} {:<7} {}",
        "task definition", "tag", "", "repository", "before", "after the lifecycle run"
    );
    say(&paint(&head, Colour::Dim));
    let mut rows = DEPLOYS;
    rows.sort_by_key(|deploy| (deploy.family, deploy.revision));
    for deploy in rows {
        let name = repository(deploy.family);
        let key = (name.clone(), deploy.tag.to_owned());
        let was = if before.contains(&key) {
            deploy.tag
        } else {
            "–"
        };
        let is = match (after.contains(&key), deploy.runs) {
            (true, _) => deploy.tag.to_owned(),
            (false, false) => paint("expired", Colour::Dim),
            (false, true) => paint("expired, and it is running", Colour::Red),
        };
        let running = if deploy.runs {
            paint(&format!("{:<8}", "running"), Colour::Green)
        } else {
            " ".repeat(8)
        };
        say(&format!(
            "  {:<16} {:<5} {running}   {name:<19} {was:<7} {is}",
            deploy.task_definition(),
            deploy.tag
        ));
    }
    say("");
}
