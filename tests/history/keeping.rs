//! What the product does to images in use: it pins them, takes pins away, sweeps; and what must not be gone afterwards.

use std::collections::{BTreeMap, BTreeSet};

use demitasse_sandbox::State;

use crate::needed::{can_pull, needed, rollback};
use crate::play::{Play, Problem, count, expect};
use crate::product::Ran;

impl Play<'_> {
    /// A run must end well, or say that it does not know everything: a schedule may name a revision that was deregistered, which ECS need not
    /// describe any more.
    fn expect_known(&self, ran: &Ran) -> Result<(), Problem> {
        let unknown = ran.code == 1 && ran.told.contains("Unable to describe task definition");
        let broken = self.with(|state| {
            let mut schedules = state.schedules.schedules.iter();
            schedules.any(|one| {
                let name = one.task_definition.as_deref().unwrap_or_default();
                let found = state.ecs.task_definition(name);
                found.is_none_or(|found| found.status != "ACTIVE")
            })
        });
        if unknown && broken {
            return Ok(());
        }
        expect(ran, 0)
    }

    /// Runs `sweep --yes`: what is needed is there afterwards, with all its tags.
    pub(crate) fn sweep(&mut self) -> Result<(), Problem> {
        let before = self.with(held);
        let wanted = self.with(|state| needed(state));
        let arguments = [
            "sweep",
            "--repository",
            "fluentd/*",
            "--older-than",
            "1h",
            "--keep",
            "1",
            "--max-ratio",
            "1",
            "--yes",
            "--rate",
            "100000",
        ];
        let ran = self.product.run(&arguments);
        self.expect_known(&ran)?;
        let after = self.with(held);
        self.tally.swept += count(before.len() - after.len());
        let mut lost = wanted
            .iter()
            .filter(|&image| before.get(image) != after.get(image));
        lost.next().map_or(Ok(()), |image| {
            Err(format!("{image:?} is needed and was swept\n{}", ran.told))
        })
    }

    /// Runs `pin --all`; what was needed before still has its pins, and no tag but pins and marks goes.
    pub(crate) fn pin_all(&mut self, remove: bool) -> Result<(), Problem> {
        let before = self.with(held);
        let wanted = self.with(|state| needed(state));
        let mut arguments = vec!["pin", "--all", "--rate", "100000"];
        if remove {
            arguments.push("--remove");
        }
        let ran = self.product.run(&arguments);
        self.expect_known(&ran)?;
        let after = self.with(held);
        for (image, tags) in &before {
            let kept = after.get(image).ok_or(format!("{image:?} is gone"))?;
            let gone: Vec<&String> = tags.difference(kept).collect();
            let ours = |tag: &str| tag.starts_with("inuse-") || tag.starts_with("unused-");
            if let Some(tag) = gone.iter().find(|tag| !ours(tag)) {
                return Err(format!("{image:?} lost its tag {tag}\n{}", ran.told));
            }
            let mut pins = gone.iter().filter(|tag| tag.starts_with("inuse-"));
            self.tally.unpinned += count(pins.clone().count());
            let pin = pins.next();
            if let (true, Some(pin)) = (wanted.contains(image), pin) {
                return Err(format!("{image:?} is needed and lost {pin}\n{}", ran.told));
            }
        }
        self.tally.pinned += count(pins(&after).saturating_sub(pins(&before)));
        for family in &mut self.families {
            family.promotions = 0;
        }
        for pipeline in &mut self.pipelines {
            pipeline.others = 0;
            pipeline.own = 0;
        }
        let services: Vec<String> = self
            .pipelines
            .iter()
            .map(|one| one.service.clone())
            .collect();
        self.targets = self.with(|state| {
            let targets = services.into_iter();
            // One whose image is gone already is told, and cannot be pinned.
            targets
                .filter_map(|one| Some((one.clone(), rollback(state, &one)?)))
                .filter(|(_, target)| can_pull(state, target))
                .collect()
        });
        Ok(())
    }
}

/// How many pins there are.
fn pins(held: &Held) -> usize {
    let tags = held.values().flatten();
    tags.filter(|tag| tag.starts_with("inuse-")).count()
}

/// The tags of every image, by repository and digest.
type Held = BTreeMap<(String, String), BTreeSet<String>>;

fn held(state: &mut State) -> Held {
    let mut held = BTreeMap::new();
    for (name, repository) in &state.repositories {
        for image in repository.images.values() {
            held.insert((name.clone(), image.digest.clone()), image.tags.clone());
        }
    }
    held
}
