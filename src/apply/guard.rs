//! Before a tag is put into a window that is nearly full: what the configured service runs and would roll back to is read, beside
//! the mounts, and pinned where it would come too close to its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::Run;
use crate::apply::repository::settled;
use crate::clients::ecs::Ecs;
use crate::model::digest::Digest;
use crate::model::failure::{Failure, Side};
use crate::model::inventory::ImageId;
use crate::model::manifest::Manifest;
use crate::model::reference::{Repository, Tag};
use crate::model::usage::{Deployed, Usage};
use crate::plan::pin::Pin;
use crate::plan::problem::{Kind, Problem, Severity};
use crate::plan::promotion::{Guard, RepositoryPlan, guard};

impl Run<'_> {
    /// Reads and pins. What cannot be read, and what a pin would not protect, is a warning: the promotion goes on.
    pub(super) async fn guard(&self, target: &RepositoryPlan) {
        let Some(guard) = &target.guard else {
            return;
        };
        for deployed in &guard.deployed {
            let usage = read(&self.ecs, deployed).await;
            self.pin_used(guard, &target.repository, &usage).await;
        }
    }

    async fn pin_used(&self, guard: &Guard, target: &Repository, usage: &Usage) {
        let (pins, problems) = guard.pins(usage);
        for kind in problems {
            self.note(Problem::new(Severity::Warning, kind, &[]));
        }
        if pins.is_empty() {
            return;
        }
        if let Err(failure) = self.pin_all(target, pins).await {
            let target = target.clone();
            let kind = Kind::Unguarded { target, failure };
            self.note(Problem::new(Severity::Warning, kind, &[]));
        }
    }

    async fn pin_all(&self, target: &Repository, pins: Vec<(Digest, Tag)>) -> Result<(), Failure> {
        let ids: BTreeSet<ImageId> = pins
            .iter()
            .map(|(digest, _)| ImageId::Digest(digest.clone()))
            .collect();
        let read = async || self.ecr.images(target, Side::Target, &ids).await;
        let mut manifests: BTreeMap<_, _> = settled(read).await?;
        for (digest, tag) in pins {
            let found = manifests.remove(&ImageId::Digest(digest)).transpose()?;
            let manifest: Option<Manifest> = found.flatten();
            if let Some(manifest) = manifest {
                self.pin(target, &Pin { manifest, tag }).await?;
            }
        }
        Ok(())
    }
}

async fn read(ecs: &Ecs, deployed: &Deployed) -> Usage {
    let ecs = ecs.in_region(deployed.region.as_deref());
    let mut usage = ecs.running(deployed).await;
    guard::fill_definitions(&mut usage);
    let wanted = guard::wanted(&usage);
    let definitions = ecs.definitions(&wanted, &|_| {}).await;
    usage.definitions.extend(definitions);
    usage
}
