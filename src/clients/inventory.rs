//! One round of reading: everything that is asked goes out at once, and every answer, also a failed one, becomes a fact.
//! Only where answers contradict each other about a repository's existence it is asked about again.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all, join3, join4};
use futures_util::stream::iter;

use crate::clients::ecr::Ecr;
use crate::clients::registry::Endpoint;
use crate::clients::settling::Settling;
use crate::model::digest::Digest;
use crate::model::failure::{FailureKind, Side};
use crate::model::inventory::{
    Ask, Facts, ImageId, Inventory, Known, Questions, RepositorySettings,
};
use crate::model::manifest::Manifest;
use crate::model::reference::{Registry, Repository};

/// How many repositories are asked about at once: more than requests go out at once, so that none waits for another, and
/// few enough that memory does not grow with their number.
const AT_ONCE: usize = 128;

/// Answers the questions into the inventory. A repository that one answer reads and another does not know is new: what
/// the second one could not say, and a plan would take for unknown, is asked again until ECR knows it everywhere.
pub async fn answer(
    ecr: &Ecr,
    endpoint: &Endpoint,
    questions: &Questions,
    inventory: &mut Inventory,
) {
    round(ecr, endpoint, questions, inventory).await;
    let mut settling = Settling::begin();
    loop {
        let again = contradicted(questions, inventory);
        if again.repositories.is_empty() || !settling.wait().await {
            return;
        }
        round(ecr, endpoint, &again, inventory).await;
    }
}

/// What was asked about repositories that exist by one answer and not by another. The second is forgotten.
fn contradicted(questions: &Questions, inventory: &mut Inventory) -> Questions {
    let mut again = Questions::default();
    for (repository, ask) in &questions.repositories {
        if let Some(facts) = inventory.repositories.get_mut(repository)
            && facts.proved_existence
            && std::mem::take(&mut facts.denied_existence)
        {
            let asked = (repository.clone(), ask.clone());
            again.repositories.extend([asked]);
        }
    }
    again
}

async fn round(ecr: &Ecr, endpoint: &Endpoint, questions: &Questions, inventory: &mut Inventory) {
    let mounting = questions.blob_mounting.iter();
    let mounting = mounting.map(async |one: &Registry| (one.clone(), ecr.blob_mounting(one).await));
    let sign_in = questions.sign_in.iter();
    let sign_in = sign_in.map(async |one: &Registry| (one.clone(), endpoint.sign_in(one).await));
    let repositories = questions.repositories.iter();
    let facts = repositories.map(async |(one, ask)| {
        let facts = match endpoint.upstreams() {
            Some(upstreams) if !one.registry.is_ecr() => upstreams.answer(one, ask).await,
            _ => ask_one(ecr, one, ask).await,
        };
        (one.clone(), facts)
    });
    let facts = iter(facts).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let (mounting, sign_in, facts, settings) = join4(
        join_all(mounting),
        join_all(sign_in),
        facts,
        settings(ecr, questions, inventory),
    )
    .await;
    let (settings, refused) = settings;
    // GetAccountSetting is about the caller's account, whatever registry a promotion is in.
    let account = ecr.account();
    let of_another = |one: &Registry| account.as_deref().is_some_and(|own| own != one.account());
    let mounting = mounting.into_iter().map(|(one, known)| {
        let known = if of_another(&one) {
            Err(ecr.setting_of_another(&one))
        } else {
            known
        };
        (one, known)
    });
    inventory.blob_mounting.extend(mounting);
    inventory.sign_in.extend(sign_in);
    for (repository, new) in facts {
        add(inventory.repositories.entry(repository).or_default(), new);
    }
    for (repository, found) in settings {
        let known = inventory.repositories.entry(repository).or_default();
        note_existence(known, &found);
        known.settings = Some(found);
    }
    for repository in refused {
        let known = inventory
            .repositories
            .entry(repository.clone())
            .or_default();
        known.refused_together = true;
    }
}

/// Settings are asked for together first. Which of those that are refused together does not exist is known from the other
/// answers of the round, mostly: only where the plan asks again, they are asked for alone.
async fn settings<'q>(
    ecr: &Ecr,
    questions: &'q Questions,
    inventory: &Inventory,
) -> (
    Vec<(Repository, Known<RepositorySettings>)>,
    Vec<&'q Repository>,
) {
    let asked = questions
        .repositories
        .iter()
        .filter(|(repository, ask)| ask.settings && repository.registry.is_ecr());
    let asked = asked.map(|(repository, ask)| (repository, ask.side));
    let (alone, together): (Vec<_>, Vec<_>) = asked.partition(|(repository, _)| {
        let facts = inventory.repositories.get(repository);
        facts.is_some_and(|facts| facts.refused_together)
    });
    let (alone, together) = join(
        join_all(by_registry(&alone).map(|some| ecr.settings_with_missing(some))),
        join_all(by_registry(&together).map(|some| ecr.settings_together(some))),
    )
    .await;
    let mut known: Vec<_> = alone.into_iter().flatten().collect();
    let mut refused = Vec::new();
    for (found, left) in together {
        known.extend(found);
        refused.extend(left.into_iter().map(|(repository, _)| repository));
    }
    (known, refused)
}

/// Repositories are ordered by registry first, so each registry's stand together.
fn by_registry<'s, 'q>(
    asked: &'s [(&'q Repository, Side)],
) -> impl Iterator<Item = &'s [(&'q Repository, Side)]> {
    asked.chunk_by(|(one, _), (other, _)| one.registry == other.registry)
}

async fn ask_one(ecr: &Ecr, repository: &Repository, ask: &Ask) -> Facts {
    let side = ask.side;
    let images = async {
        if ask.images.is_empty() {
            None
        } else {
            Some(ecr.images(repository, side, &ask.images).await)
        }
    };
    let blobs = async {
        if ask.blobs.is_empty() {
            None
        } else {
            Some(ecr.blobs(repository, side, &ask.blobs).await)
        }
    };
    let referrers = join_all(ask.referrers.iter().map(async |digest| {
        (
            digest.clone(),
            ecr.referrers(repository, side, digest).await,
        )
    }));
    let policy = maybe(ask.policy, ecr.lifecycle_policy(repository, side));
    let access = maybe(ask.access, ecr.repository_policy(repository, side));
    let listing = maybe(ask.listing, ecr.listing(repository, side));
    let tags = maybe(ask.tags, ecr.resource_tags(repository, side));
    let pull_through = maybe(ask.pull_through, ecr.is_pull_through(repository));
    let ((images, blobs, referrers), (policy, access, listing), (tags, pull_through)) = join3(
        join3(images, blobs, referrers),
        join3(policy, access, listing),
        join(tags, pull_through),
    )
    .await;
    let mut facts = Facts::default();
    if let Some(answer) = &images {
        note_existence(&mut facts, answer);
    }
    if let Some(answer) = &policy {
        note_existence(&mut facts, answer);
    }
    if let Some(answer) = &listing {
        note_existence(&mut facts, answer);
    }
    if let Some(answer) = &blobs {
        note_existence(&mut facts, answer);
    }
    if let Some(answer) = &access {
        note_existence(&mut facts, answer);
    }
    if let Some(answer) = &tags {
        note_existence(&mut facts, answer);
    }
    for (_, answer) in &referrers {
        note_existence(&mut facts, answer);
    }
    facts.images = images.map_or_else(BTreeMap::new, |answer| of_images(ask, answer));
    facts.blobs = blobs.map_or_else(BTreeMap::new, |answer| of_blobs(ask, answer));
    facts.referrers = referrers.into_iter().collect();
    facts.policy = policy;
    facts.access = access;
    facts.listing = listing;
    facts.tags = tags;
    facts.pull_through = pull_through;
    facts
}

async fn maybe<T>(asked: bool, answer: impl Future<Output = T>) -> Option<T> {
    if asked { Some(answer.await) } else { None }
}

/// A call that failed failed for each image; in a repository that does not exist there is none.
fn of_images(
    ask: &Ask,
    answer: Known<BTreeMap<ImageId, Known<Option<Manifest>>>>,
) -> BTreeMap<ImageId, Known<Option<Manifest>>> {
    answer.unwrap_or_else(|failure| {
        let each = |id: &ImageId| {
            let none = failure.kind == FailureKind::RepositoryNotFound;
            let answer = if none { Ok(None) } else { Err(failure.clone()) };
            (id.clone(), answer)
        };
        ask.images.iter().map(each).collect()
    })
}

fn of_blobs(ask: &Ask, answer: Known<BTreeMap<Digest, bool>>) -> BTreeMap<Digest, Known<bool>> {
    match answer {
        Ok(known) => known
            .into_iter()
            .map(|(digest, there)| (digest, Ok(there)))
            .collect(),
        Err(failure) => {
            let unknown = ask.blobs.iter();
            unknown
                .map(|digest| (digest.clone(), Err(failure.clone())))
                .collect()
        }
    }
}

fn note_existence<T>(facts: &mut Facts, answer: &Known<T>) {
    match answer {
        Ok(_) => facts.proved_existence = true,
        Err(failure) if failure.kind == FailureKind::RepositoryNotFound => {
            facts.denied_existence = true;
        }
        Err(_) => {}
    }
}

fn add(known: &mut Facts, new: Facts) {
    known.denied_existence |= new.denied_existence;
    known.proved_existence |= new.proved_existence;
    known.images.extend(new.images);
    known.meanings.extend(new.meanings);
    known.referrers.extend(new.referrers);
    known.blobs.extend(new.blobs);
    known.settings = new.settings.or(known.settings.take());
    known.policy = new.policy.or(known.policy.take());
    known.listing = new.listing.or(known.listing.take());
    known.access = new.access.or(known.access.take());
    known.tags = new.tags.or(known.tags.take());
    known.pull_through = new.pull_through.or(known.pull_through.take());
}
