//! Images in the registries of other accounts: AWS's own sidecars (Envoy, Fluent Bit, the GuardDuty agent), and what partners and other teams
//! share. ECS may pull them; we may not look at them, and they are not ours to keep.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::failure::Failure;
use crate::model::inventory::Inventory;
use crate::model::reference::Repository;
use crate::plan::finding::{Finding, Kind};
use crate::plan::problem::Severity;
use crate::plan::reason::Reason;

/// Whether a finding is about something that could not be looked into; then it is worth knowing whose it is.
pub fn is_doubtful(finding: &Finding) -> bool {
    matches!(finding.kind, Kind::Unreadable { .. } | Kind::Missing(_))
}

/// Takes what could not be looked into in the registries of other accounts for what it is: a note, and no gap. What can be read there is
/// judged like everything else. `accounts` are those of our credentials; with none, nobody knows whose anything is.
pub fn set_aside(
    findings: Vec<Finding>,
    inventory: &Inventory,
    accounts: &BTreeSet<String>,
) -> Vec<Finding> {
    if accounts.is_empty() {
        return findings;
    }
    let mut rest = Vec::with_capacity(findings.len());
    let mut others: BTreeMap<Repository, (Option<Failure>, BTreeSet<Reason>)> = BTreeMap::new();
    for finding in findings {
        let repository = finding.kind.repository().cloned();
        let foreign = repository.filter(|one| !accounts.contains(one.registry.account()));
        let Some(repository) = foreign.filter(|one| is_closed(one, &finding, inventory)) else {
            rest.push(finding);
            continue;
        };
        let failure = match finding.kind {
            Kind::Unreadable { failure, .. } => Some(failure),
            _ => None,
        };
        let (known, reasons) = others.entry(repository).or_default();
        *known = known.take().or(failure);
        reasons.extend(finding.reasons);
    }
    let others = others
        .into_iter()
        .map(|(repository, (failure, reasons))| Finding {
            severity: Severity::Note,
            kind: Kind::Elsewhere {
                repository,
                failure,
            },
            reasons,
        });
    rest.extend(others);
    rest
}

/// Whether the finding comes from not being allowed to look: an image that is missing in a repository that was listed is really
/// missing.
fn is_closed(repository: &Repository, finding: &Finding, inventory: &Inventory) -> bool {
    let listed = || {
        let facts = inventory.repositories.get(repository);
        facts.is_some_and(|facts| matches!(facts.listing, Some(Ok(_))))
    };
    match finding.kind {
        Kind::Unreadable { .. } => true,
        Kind::Missing(_) => !listed(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::FailureKind;
    use crate::model::inventory::Facts;
    use crate::model::reference::Registry;
    use crate::plan::finding::Asked;

    fn repository(account: &str) -> Repository {
        let host = format!("{account}.dkr.ecr.ap-northeast-1.amazonaws.com");
        Repository {
            registry: Registry::from_host(&host).expect("a host"),
            name: "fluentd/app".parse().expect("a name"),
        }
    }

    fn finding(kind: Kind) -> Finding {
        Finding {
            severity: Severity::Error,
            kind,
            reasons: BTreeSet::new(),
        }
    }

    fn unreadable(account: &str) -> Finding {
        finding(Kind::Unreadable {
            repository: repository(account),
            failure: Failure::new("DescribeImages", "fluentd/app", FailureKind::Other, ""),
        })
    }

    fn missing(account: &str) -> Finding {
        finding(Kind::Missing(Asked {
            repository: repository(account),
            tag: Some("v1".parse().expect("a tag")),
            digest: None,
        }))
    }

    fn check(found: Finding, listed: bool, accounts: &[&str], expected: &str) {
        let mut inventory = Inventory::default();
        if let (true, Some(repository)) = (listed, found.kind.repository()) {
            let facts = Facts {
                listing: Some(Ok(Vec::new())),
                ..Facts::default()
            };
            inventory.repositories.insert(repository.clone(), facts);
        }
        let accounts = accounts.iter().map(|&account| account.to_owned()).collect();
        let found = set_aside(vec![found], &inventory, &accounts);
        let codes: Vec<&str> = found.iter().map(|one| one.kind.code()).collect();
        assert_eq!(codes, [expected]);
    }

    #[test]
    fn what_may_not_be_looked_at_in_another_account_is_no_gap() {
        let (ours, theirs) = ("123456789012", "602401143452");
        check(unreadable(theirs), false, &[ours], "ELSEWHERE");
        check(missing(theirs), false, &[ours], "ELSEWHERE");
        check(unreadable(ours), false, &[ours], "UNRESOLVED");
        check(missing(ours), false, &[ours], "MISSING");
        check(missing(theirs), true, &[ours], "MISSING");
        check(unreadable(theirs), false, &[ours, theirs], "UNRESOLVED");
        check(unreadable(theirs), false, &[], "UNRESOLVED");
    }
}
