//! One look at usage and at the registries that hold what is in use.

use std::collections::BTreeSet;

use crate::clients::ecs::{OnStep, Step, Work};
use crate::commands::repositories::Names;
use crate::commands::usage::Sources;
use crate::commands::wrong::Wrong;
use crate::model::inventory::Inventory;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::model::usage::Usage;
use crate::plan::audit::{self, Audit, Rules};
use crate::plan::look::Look;
use crate::plan::protect::{self, InUse};

/// What was read and judged.
pub(in crate::commands) struct Seen {
    /// Usage, for each account and Region.
    pub(in crate::commands) usages: Vec<Usage>,
    /// The images that are asked for.
    pub(in crate::commands) in_use: InUse,
    /// What was read of the registries.
    pub(in crate::commands) inventory: Inventory,
    /// The protected images and the findings.
    pub(in crate::commands) audit: Audit,
}

/// Reads and judges everything in use, or only what lies in some repositories.
///
/// # Errors
/// Names that are wrong, or that ECR could not look up. What else cannot be read is a finding.
pub(in crate::commands) async fn look(
    sources: &Sources,
    names: Option<&Names>,
    rules: &Rules,
    now: Timestamp,
    on_step: OnStep<'_>,
) -> Result<Seen, Vec<Wrong>> {
    let usages = sources.read(on_step).await;
    let (mut in_use, findings) = protect::in_use(&usages, sources.generations());
    if names.is_some() {
        let found = match sources.repositories(names).await {
            Ok(found) => found,
            Err(trouble) => return Err(trouble.into_wrong()),
        };
        in_use.retain(|repository| found.contains(repository));
    }
    let repositories: BTreeSet<&Repository> =
        in_use.places.keys().map(|one| &one.repository).collect();
    let repositories = repositories.len();
    on_step(Step::more(Work::Repositories, repositories));
    let mut inventory = Inventory::default();
    let decide = |look: &mut Look<'_>| audit::audit(&in_use, look, rules, now);
    let mut audit = sources.decide(&mut inventory, decide).await;
    on_step(Step::done(Work::Repositories, repositories));
    if audit.findings.iter().any(audit::is_doubtful) {
        let accounts = sources.accounts().await;
        audit.findings = audit::set_aside(audit.findings, &inventory, &accounts);
    }
    audit.findings.extend(findings);
    Ok(Seen {
        usages,
        in_use,
        inventory,
        audit,
    })
}
