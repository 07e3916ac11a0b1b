//! Everything in ECS that runs images or may start them. What cannot be read becomes a gap; the rest is read all the same.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::iter;

use crate::clients::ecs::Ecs;
use crate::clients::ecs::services::History;
use crate::model::failure::{Failure, FailureKind};
use crate::model::usage::{Deployed, Gap, Scope, Source, Usage};

/// How many services, batches of tasks and so on are asked about at once: more than requests go out, few enough that memory
/// stays flat.
pub(super) const AT_ONCE: usize = 32;

/// What a reading does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Services, each with its deployments.
    Services,
    /// The definitions of the revisions that matter.
    TaskDefinitions,
    /// The images and policies of the repositories that are in use.
    Repositories,
}

/// How far a reading has come since the last step. Clusters, accounts and Regions are read at once, each without knowing of the
/// others: whoever takes note adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of what.
    pub work: Work,
    /// How many more there are to read.
    pub more: usize,
    /// How many more are read.
    pub done: usize,
}

impl Step {
    /// So many more are known of.
    pub fn more(work: Work, more: usize) -> Self {
        let done = 0;
        Self { work, more, done }
    }

    /// So many more are read.
    pub fn done(work: Work, done: usize) -> Self {
        let more = 0;
        Self { work, more, done }
    }
}

/// Takes note of progress.
pub type OnStep<'a> = &'a dyn Fn(Step);

impl Ecs {
    /// What ECS runs and would start, without the definitions of the revisions ([`Ecs::definitions`]).
    pub async fn usage(
        &self,
        scope: &Scope,
        left_out: &BTreeSet<Source>,
        on_step: OnStep<'_>,
    ) -> Usage {
        match scope {
            Scope::Everything => self.everything(left_out, on_step).await,
            Scope::Configs(deployed) => self.of_configs(deployed, on_step).await,
        }
    }

    /// What one config's service is set to and runs, and the ACTIVE revisions of its family: all that a promotion has to know, and no more,
    /// since it is read during a deploy. Not what ECS would roll back to: that is what it runs now.
    pub async fn running(&self, deployed: &Deployed) -> Usage {
        let mut usage = Usage::default();
        let Some(service) = &deployed.service else {
            return usage;
        };
        let service = self.named_service(&deployed.cluster, service, History::Leave, &|_| {});
        let active = self.active(Some(&deployed.family));
        let (service, active) = futures_util::join!(service, active);
        usage.join(service);
        usage.families = noted(&mut usage, Source::TaskDefinitions, active);
        usage
    }

    async fn everything(&self, left_out: &BTreeSet<Source>, on_step: OnStep<'_>) -> Usage {
        let mut usage = Usage::default();
        let families = self.active(None);
        let clusters = self.clusters().await;
        let clusters = noted(&mut usage, Source::Services, clusters);
        let services = self.services_of(&clusters, on_step);
        let tasks = async {
            let tasks = clusters.iter().map(|cluster| self.tasks(cluster, None));
            join_all(tasks).await
        };
        let daemons = async {
            if left_out.contains(&Source::Daemons) {
                return Vec::new();
            }
            join_all(clusters.iter().map(|cluster| self.daemons(cluster))).await
        };
        let (families, services, tasks, daemons) =
            futures_util::join!(families, services, tasks, daemons);
        for services in services {
            usage.join(services);
        }
        for tasks in tasks {
            let tasks = noted(&mut usage, Source::Tasks, tasks);
            usage.tasks.extend(tasks);
        }
        for daemons in daemons {
            // ECS daemons are not in every Region.
            let daemons = daemons.or_else(unsupported);
            let listed = noted(&mut usage, Source::Daemons, daemons);
            usage.listed.extend(listed);
        }
        let listed = families.is_ok();
        usage.families = noted(&mut usage, Source::TaskDefinitions, families);
        if listed {
            // All families were listed: one that is missing has no ACTIVE revision.
            let used = usage.services.iter().flat_map(|one| one.uses.keys());
            for revision in used {
                usage.families.entry(revision.family.clone()).or_default();
            }
        }
        usage
    }

    async fn of_configs(&self, deployed: &[Deployed], on_step: OnStep<'_>) -> Usage {
        let mut usage = Usage::default();
        let families: BTreeSet<&str> = deployed.iter().map(|one| one.family.as_str()).collect();
        let families = join_all(families.iter().map(|family| self.active(Some(family))));
        let wanted: BTreeSet<(&str, &str)> = deployed
            .iter()
            .filter_map(|one| Some((one.cluster.as_str(), one.service.as_deref()?)))
            .collect();
        let services = wanted.into_iter().map(async |(cluster, name)| {
            self.named_service(cluster, name, History::Read, on_step)
                .await
        });
        let runs: BTreeSet<(&str, &str)> = deployed
            .iter()
            .map(|one| (one.cluster.as_str(), one.family.as_str()))
            .collect();
        let tasks = runs
            .into_iter()
            .map(|(cluster, family)| self.tasks(cluster, Some(family)));
        let (families, services, tasks) =
            futures_util::join!(families, join_all(services), join_all(tasks));
        for services in services {
            usage.join(services);
        }
        for tasks in tasks {
            let tasks = noted(&mut usage, Source::Tasks, tasks);
            usage.tasks.extend(tasks);
        }
        for active in families {
            let active = noted(&mut usage, Source::TaskDefinitions, active);
            usage.families.extend(active);
        }
        usage
    }

    async fn services_of(&self, clusters: &[String], on_step: OnStep<'_>) -> Vec<Usage> {
        let each = clusters
            .iter()
            .map(async |cluster| self.cluster_services(cluster, on_step).await);
        iter(each).buffer_unordered(AT_ONCE).collect().await
    }
}

/// The value, with the source noted as read; or nothing, with a gap.
pub(super) fn noted<T: Default>(
    usage: &mut Usage,
    source: Source,
    answer: Result<T, Failure>,
) -> T {
    match answer {
        Ok(value) => {
            usage.read.insert(source);
            value
        }
        Err(failure) => {
            usage.gaps.push(Gap { source, failure });
            T::default()
        }
    }
}

/// Takes "not supported" for "there is none".
pub(super) fn unsupported<T: Default>(failure: Failure) -> Result<T, Failure> {
    match failure.kind {
        FailureKind::Unsupported => Ok(T::default()),
        _ => Err(failure),
    }
}
