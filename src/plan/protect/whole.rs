//! What is in use over all accounts and Regions that were read, and what could not be told.

use std::collections::BTreeSet;

use crate::model::failure::Failure;
use crate::model::usage::{Gap, Revision, Source, Usage};
use crate::plan::finding::{Finding, Kind};
use crate::plan::problem::Severity;
use crate::plan::protect::images::{InUse, images};
use crate::plan::protect::revisions::{Generations, Rollback, name, revisions, rollbacks};

/// The revisions whose definitions have to be known, of one account and Region.
pub fn wanted(usage: &Usage, generations: Generations) -> Vec<Revision> {
    revisions(usage, generations).into_keys().collect()
}

/// What everything that was read has in use; each element of `usages` is one account and Region.
pub fn in_use(usages: &[Usage], generations: Generations) -> (InUse, Vec<Finding>) {
    let mut all = InUse::default();
    let mut findings = Vec::new();
    for usage in usages {
        let (in_use, found) = images(usage, &revisions(usage, generations));
        all.join(in_use);
        findings.extend(found);
        findings.extend(unread(&usage.gaps));
        let left_out = usage.left_out.iter();
        findings.extend(left_out.map(|&one| plain(Severity::Note, Kind::LeftOut(one))));
        findings.extend(of_rollbacks(usage));
    }
    // Where services or tasks could not be read, that is the finding.
    let of_ecs = |gap: &Gap| matches!(gap.source, Source::Services | Source::Tasks);
    let unread = usages.iter().any(|usage| usage.gaps.iter().any(of_ecs));
    if running(usages) == (0, 0) && !unread {
        findings.push(plain(Severity::Warning, Kind::NothingRuns));
    }
    (all, findings)
}

/// A finding for each gap; one for all that have the same reason, where it is none of the source's own.
fn unread(gaps: &[Gap]) -> Vec<Finding> {
    let mut found: Vec<(BTreeSet<Source>, &Failure)> = Vec::new();
    for Gap { source, failure } in gaps {
        let same = |(_, other): &&mut (_, &Failure)| {
            failure.is_general() && other.kind == failure.kind && other.message == failure.message
        };
        match found.iter_mut().find(same) {
            Some((sources, _)) => {
                sources.insert(*source);
            }
            None => found.push((BTreeSet::from([*source]), failure)),
        }
    }
    let each = found.into_iter().map(|(sources, failure)| {
        let failure = failure.clone();
        plain(Severity::Error, Kind::Unread { sources, failure })
    });
    each.collect()
}

/// How many services are not gone, and how many tasks ECS knows of, everywhere.
pub fn running(usages: &[Usage]) -> (usize, usize) {
    let services = usages.iter().map(|usage| usage.services.len());
    let tasks = usages.iter().map(|usage| usage.tasks.len());
    (services.sum(), tasks.sum())
}

fn of_rollbacks(usage: &Usage) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, revision, rollback) in rollbacks(usage) {
        let Some(service) = usage.services.get(at).map(name) else {
            continue;
        };
        let kind = match rollback {
            Rollback::To(_) => continue,
            Rollback::NotActive => Kind::RollbackFails { service, revision },
            Rollback::None => Kind::NoRollbackTarget { service, revision },
        };
        findings.push(plain(Severity::Warning, kind));
    }
    findings
}

fn plain(severity: Severity, kind: Kind) -> Finding {
    Finding {
        severity,
        kind,
        reasons: BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::usage::Role;
    use crate::plan::protect::samples::{family, service};

    fn usage(active: &[u32], set: u32) -> Usage {
        let mut usage = Usage::default();
        family(&mut usage, "app", active);
        service(&mut usage, "app", &[(set, Role::Set)]);
        usage
    }

    fn tags(usages: &[Usage]) -> Vec<String> {
        let (in_use, _) = in_use(usages, Generations::default());
        let tags = in_use.places.keys().filter_map(|place| place.tag.clone());
        tags.map(|tag| tag.to_string()).collect()
    }

    #[test]
    fn families_of_one_name_are_not_mixed_between_accounts_and_regions() {
        let east = usage(&[11, 10, 9, 7, 6, 5], 9);
        let west = usage(&[3, 2, 1], 2);
        let both = tags(&[east.clone(), west.clone()]);
        assert_eq!(both, ["v1", "v10", "v11", "v2", "v3", "v7", "v9"]);
        let mut apart = [tags(&[east]), tags(&[west])].concat();
        apart.sort();
        assert_eq!(both, apart);
    }

    #[test]
    fn one_image_has_the_reasons_of_every_account_and_region() {
        let mut other = usage(&[9], 9);
        other.services[0].cluster = "west".to_owned();
        let (in_use, _) = in_use(&[usage(&[9], 9), other], Generations::default());
        let reasons: Vec<&str> = in_use
            .places
            .values()
            .flatten()
            .map(|reason| reason.by.as_str())
            .collect();
        assert_eq!(reasons, ["default/app", "west/app"]);
    }

    #[test]
    fn something_has_to_run_somewhere() {
        let nothing = |usages: &[Usage]| {
            let (_, findings) = in_use(usages, Generations::default());
            findings.iter().any(|one| one.kind == Kind::NothingRuns)
        };
        assert!(nothing(&[Usage::default(), Usage::default()]));
        assert!(!nothing(&[Usage::default(), usage(&[9], 9)]));
    }
}
