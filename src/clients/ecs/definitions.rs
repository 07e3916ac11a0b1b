//! Task definitions: the ACTIVE revisions of families, and what a revision runs.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use aws_sdk_ecs::types::{SortOrder, TaskDefinitionStatus};

use crate::clients::ecs::usage::{AT_ONCE, OnStep, Step, Work};
use crate::clients::ecs::{Ecs, PAGE, subject};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::failure::Failure;
use crate::model::inventory::Known;
use crate::model::usage::{ContainerImage, Revision};

impl Ecs {
    /// The ACTIVE revisions of one family, or of all. `familyPrefix` is the whole name here (Amazon ECS API Reference,
    /// `ListTaskDefinitions`); without it one list of pages holds every family.
    pub(super) async fn active(
        &self,
        family: Option<&str>,
    ) -> Result<BTreeMap<String, BTreeSet<u32>>, Failure> {
        let subject = subject("ListTaskDefinitions", family.unwrap_or("all families"));
        let ask = async |token| {
            let request = self.client.list_task_definitions();
            let request = request
                .set_family_prefix(family.map(str::to_owned))
                .status(TaskDefinitionStatus::Active)
                .sort(SortOrder::Desc)
                .max_results(PAGE)
                .set_next_token(token);
            let answer = request.send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        let arns = pages(&self.pace, Api::Ecs, ask, |answer| {
            let arns = answer.task_definition_arns.unwrap_or_default();
            Ok((arns, answer.next_token))
        })
        .await?;
        let mut families: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        if let Some(family) = family {
            families.insert(family.to_owned(), BTreeSet::new());
        }
        for revision in arns.iter().filter_map(|arn| Revision::named(arn)) {
            let numbers = families.entry(revision.family).or_default();
            numbers.insert(revision.number);
        }
        Ok(families)
    }

    /// What each revision runs. A definition never changes, so none is asked for twice.
    pub async fn definitions(
        &self,
        revisions: &[Revision],
        on_step: OnStep<'_>,
    ) -> BTreeMap<Revision, Known<Vec<ContainerImage>>> {
        on_step(Step::more(Work::TaskDefinitions, revisions.len()));
        let each = revisions.iter().map(async |revision| {
            let definition = self.task_definition(&revision.to_string()).await;
            let containers = definition.map(|definition| {
                let containers = definition.containers.into_iter();
                let containers = containers.map(|one| ContainerImage {
                    container: one.name,
                    image: one.image,
                    digest: None,
                });
                containers.collect()
            });
            (revision.clone(), containers)
        });
        let mut each = iter(each).buffer_unordered(AT_ONCE);
        let mut found = BTreeMap::new();
        while let Some((revision, containers)) = each.next().await {
            found.insert(revision, containers);
            on_step(Step::done(Work::TaskDefinitions, 1));
        }
        found
    }
}
