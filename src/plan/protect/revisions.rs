//! Which task definition revisions matter: those in use; from the newest down to the lowest that something is set to; and the
//! nearest ACTIVE one below, to which `ecspresso rollback` goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::usage::{Revision, Role, Service, Usage};
use crate::plan::reason::{Reason, Why};

/// How many revisions are kept beyond those in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generations {
    /// Rollback targets below each revision in use.
    pub rollbacks: usize,
    /// Newest revisions of a family that nothing uses.
    pub unused: usize,
}

impl Default for Generations {
    /// One rollback; of a family that nothing uses, the newest revision and its rollback.
    fn default() -> Self {
        Self {
            rollbacks: 1,
            unused: 2,
        }
    }
}

/// What a service is set to, against what ECS may roll it back to. Both are kept; only the first is where
/// ecspresso's range begins: it lists the ACTIVE revisions in descending order and takes the one after the current
/// (ecspresso, `rollback.go`).
fn is_anchor(role: Role) -> bool {
    role != Role::EcsRollback
}

/// Every revision that matters, with all its reasons.
pub fn revisions(usage: &Usage, generations: Generations) -> BTreeMap<Revision, BTreeSet<Reason>> {
    let mut found = Found::default();
    for service in &usage.services {
        let name = name(service);
        for (revision, roles) in &service.uses {
            for &role in roles {
                found.add(revision.clone(), Reason::new(Why::Service(role), &name));
                if is_anchor(role) {
                    found.anchor(revision, name.clone());
                }
            }
        }
    }
    for task in &usage.tasks {
        let why = if task.stopped {
            Why::RecentTask
        } else {
            Why::RunningTask
        };
        found.add(task.revision.clone(), Reason::new(why, &task.arn));
    }
    for pointer in &usage.pointers {
        let newest = usage.families.get(&pointer.family).and_then(BTreeSet::last);
        let Some(number) = pointer.number.or(newest.copied()) else {
            continue;
        };
        let revision = Revision {
            family: pointer.family.clone(),
            number,
        };
        found.anchor(&revision, pointer.name.clone());
        let why = Why::Pointer(pointer.kind);
        found.add(revision, Reason::new(why, &pointer.name));
    }
    for (family, active) in &usage.families {
        found.keep_range(family, active, generations);
    }
    found.reasons
}

/// The name a service goes by in reasons: names are unique in a cluster only.
pub(super) fn name(service: &Service) -> String {
    format!("{}/{}", service.cluster, service.name)
}

#[derive(Default)]
struct Found {
    reasons: BTreeMap<Revision, BTreeSet<Reason>>,
    /// For each family the revisions that something is set to, and what.
    anchors: BTreeMap<String, BTreeMap<u32, BTreeSet<String>>>,
}

impl Found {
    fn add(&mut self, revision: Revision, reason: Reason) {
        self.reasons.entry(revision).or_default().insert(reason);
    }

    fn anchor(&mut self, revision: &Revision, by: String) {
        let family = self.anchors.entry(revision.family.clone()).or_default();
        family.entry(revision.number).or_default().insert(by);
    }

    fn keep_range(&mut self, family: &str, active: &BTreeSet<u32>, generations: Generations) {
        let anchors = self.anchors.get(family).cloned().unwrap_or_default();
        let revision = |&number: &u32| Revision {
            family: family.to_owned(),
            number,
        };
        let Some((lowest, by)) = anchors.first_key_value() else {
            let newest = active.iter().rev().take(generations.unused);
            for number in newest {
                self.add(revision(number), Reason::new(Why::Latest, family));
            }
            return;
        };
        for number in active.range(lowest + 1..) {
            if anchors.contains_key(number) {
                continue;
            }
            for by in by {
                self.add(revision(number), Reason::new(Why::Newer, by));
            }
        }
        for (number, by) in &anchors {
            let below = active.range(..number).rev().take(generations.rollbacks);
            for number in below {
                for by in by {
                    self.add(revision(number), Reason::new(Why::Rollback, by));
                }
            }
        }
    }
}

/// What `ecspresso rollback` does for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// It deploys this revision.
    To(Revision),
    /// It finds no target, because the current revision is not ACTIVE: ecspresso looks for it in the list of ACTIVE revisions.
    NotActive,
    /// There is no ACTIVE revision below the current one.
    None,
}

/// For each service, by its place in the list, its current revision and where `ecspresso rollback` leads. Services of families that were not
/// listed, and those without a current revision, are left out.
pub fn rollbacks(usage: &Usage) -> Vec<(usize, Revision, Rollback)> {
    let mut found = Vec::new();
    for (at, service) in usage.services.iter().enumerate() {
        let with = |role: Role| {
            let mut uses = service.uses.iter();
            uses.find(|(_, roles)| roles.contains(&role))
        };
        let Some((current, _)) = with(Role::Set).or_else(|| with(Role::TaskSet)) else {
            continue;
        };
        let Some(active) = usage.families.get(&current.family) else {
            continue;
        };
        let below = active.range(..current.number).next_back();
        let rollback = match below {
            None => Rollback::None,
            Some(_) if !active.contains(&current.number) => Rollback::NotActive,
            Some(&number) => Rollback::To(Revision {
                family: current.family.clone(),
                number,
            }),
        };
        found.push((at, current.clone(), rollback));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::usage::{Pointer, PointerKind};
    use crate::plan::protect::samples::{family, service, task};

    fn kept(usage: &Usage, generations: Generations) -> Vec<u32> {
        let found = revisions(usage, generations);
        let numbers = found.keys().filter(|one| one.family == "app");
        numbers.map(|one| one.number).rev().collect()
    }

    /// The seed's family: ACTIVE revisions, and what is set on what.
    fn check(active: &[u32], set: impl FnOnce(&mut Usage), expected: &[u32]) -> Vec<Rollback> {
        let mut usage = Usage::default();
        family(&mut usage, "app", active);
        set(&mut usage);
        assert_eq!(kept(&usage, Generations::default()), expected);
        let rollbacks = rollbacks(&usage).into_iter();
        rollbacks.map(|(_, _, rollback)| rollback).collect()
    }

    const ACTIVE: [u32; 6] = [11, 10, 9, 7, 6, 5];

    fn at(number: u32) -> Revision {
        Revision {
            family: "app".to_owned(),
            number,
        }
    }

    fn serving(number: u32) -> impl FnOnce(&mut Usage) {
        move |usage| service(usage, "app", &[(number, Role::Set)])
    }

    #[test]
    fn from_the_newest_down_to_what_is_set_and_one_rollback() {
        let to = |number: u32| vec![Rollback::To(at(number))];
        assert_eq!(check(&ACTIVE, serving(9), &[11, 10, 9, 7]), to(7));
        assert_eq!(check(&ACTIVE, serving(11), &[11, 10]), to(10));
        assert_eq!(
            check(&[11, 10, 9, 8, 7], serving(9), &[11, 10, 9, 8]),
            to(8)
        );
        assert_eq!(check(&[10, 9, 8, 7], serving(9), &[10, 9, 8]), to(8));
    }

    #[test]
    fn further_generations_can_be_kept() {
        let mut usage = Usage::default();
        family(&mut usage, "app", &ACTIVE);
        serving(9)(&mut usage);
        let generations = Generations {
            rollbacks: 2,
            unused: 2,
        };
        assert_eq!(kept(&usage, generations), [11, 10, 9, 7, 6]);
    }

    #[test]
    fn the_lowest_of_several_services_counts() {
        let two = |usage: &mut Usage| {
            service(usage, "app", &[(9, Role::Set)]);
            service(usage, "worker", &[(6, Role::Set)]);
        };
        let found = check(&ACTIVE, two, &[11, 10, 9, 7, 6, 5]);
        assert_eq!(found, [Rollback::To(at(7)), Rollback::To(at(5))]);
    }

    #[test]
    fn no_rollback_where_there_is_nothing_below() {
        let none = vec![Rollback::None];
        assert_eq!(check(&ACTIVE, serving(5), &[11, 10, 9, 7, 6, 5]), none);
        assert_eq!(check(&[9], serving(9), &[9]), none);
        assert_eq!(check(&[], serving(8), &[8]), none, "all deregistered");
    }

    #[test]
    fn a_deregistered_revision_in_use_is_kept_and_ecspresso_would_not_roll_back() {
        let found = check(&ACTIVE, serving(8), &[11, 10, 9, 8, 7]);
        assert_eq!(found, [Rollback::NotActive]);
    }

    #[test]
    fn schedules_and_rules_are_uses() {
        let scheduled = |usage: &mut Usage| {
            serving(9)(usage);
            usage
                .pointers
                .push(Pointer::to(PointerKind::Schedule, "nightly", "app:6"));
        };
        check(&ACTIVE, scheduled, &[11, 10, 9, 7, 6, 5]);
        let rule = |usage: &mut Usage| {
            let pointer = Pointer::to(PointerKind::Rule, "nightly", "app:7");
            usage.pointers.push(pointer);
        };
        check(&ACTIVE, rule, &[11, 10, 9, 7, 6]);
        let newest = |usage: &mut Usage| {
            let pointer = Pointer::to(PointerKind::Rule, "nightly", "app");
            usage.pointers.push(pointer);
        };
        check(&ACTIVE, newest, &[11, 10]);
    }

    #[test]
    fn a_task_keeps_its_own_revision_only() {
        let standalone = |usage: &mut Usage| {
            serving(9)(usage);
            task(usage, "app", 5, false);
        };
        check(&ACTIVE, standalone, &[11, 10, 9, 7, 5]);
        check(&ACTIVE, |usage| task(usage, "app", 6, false), &[11, 10, 6]);
        check(&ACTIVE, |usage| task(usage, "app", 6, true), &[11, 10, 6]);
    }

    #[test]
    fn of_a_family_that_nothing_uses_the_newest_two_are_kept() {
        check(&ACTIVE, |_| {}, &[11, 10]);
    }

    #[test]
    fn deployments_and_task_sets_are_uses() {
        let deploying = |usage: &mut Usage| {
            let uses = [(9, Role::Set), (9, Role::Deployment), (11, Role::InFlight)];
            service(usage, "app", &uses);
        };
        check(&ACTIVE, deploying, &[11, 10, 9, 7]);
        let blue_green = |usage: &mut Usage| {
            service(usage, "app", &[(7, Role::TaskSet), (11, Role::TaskSet)]);
        };
        check(&ACTIVE, blue_green, &[11, 10, 9, 7, 6]);
        let external = |usage: &mut Usage| service(usage, "app", &[(10, Role::TaskSet)]);
        check(&ACTIVE, external, &[11, 10, 9]);
    }

    #[test]
    fn what_ecs_would_roll_back_to_is_kept_but_nothing_below_it() {
        let history = |usage: &mut Usage| {
            service(usage, "app", &[(9, Role::Set), (6, Role::EcsRollback)]);
        };
        check(&ACTIVE, history, &[11, 10, 9, 7, 6]);
    }

    /// The rule of other tools, the newest few and what is deployed, must fail where ours does not.
    #[test]
    fn the_newest_few_would_lose_the_rollback_target() {
        let active: Vec<u32> = (10..=20).collect();
        let mut usage = Usage::default();
        family(&mut usage, "app", &active);
        serving(11)(&mut usage);
        let ours = kept(&usage, Generations::default());
        let newest: BTreeSet<u32> = active.iter().rev().take(5).copied().chain([11]).collect();
        assert!(ours.contains(&10) && !newest.contains(&10));
    }

    #[test]
    fn every_reason_is_kept() {
        let mut usage = Usage::default();
        family(&mut usage, "app", &ACTIVE);
        serving(9)(&mut usage);
        task(&mut usage, "app", 9, false);
        let found = revisions(&usage, Generations::default());
        let names = |number: u32| -> Vec<&str> {
            let reasons = found.get(&at(number)).into_iter().flatten();
            reasons.map(|reason| reason.why.name()).collect()
        };
        assert_eq!(names(9), ["service", "running-task"]);
        assert_eq!(names(7), ["rollback-target"]);
        assert_eq!(names(10), ["newer-revision"]);
    }
}
