//! One round of reading: everything that is asked goes out at once, and every answer, also a failed one, becomes a fact.

use futures_util::future::{join, join_all};

use crate::clients::ecr::Ecr;
use crate::clients::registry::Endpoint;
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{Ask, Facts, ImageId, Inventory, Known, Questions};
use crate::model::reference::{Registry, Repository};

/// Answers the questions into the inventory. The registries' tokens are fetched beside them, for later.
pub async fn answer(
    ecr: &Ecr,
    endpoint: &Endpoint,
    questions: &Questions,
    inventory: &mut Inventory,
) {
    let registries = questions.blob_mounting.iter();
    let mounting = join_all(registries.map(|registry| mounting(ecr, endpoint, registry)));
    let repositories = questions.repositories.iter();
    let facts = join_all(repositories.map(|(repository, ask)| ask_one(ecr, repository, ask)));
    let settings = settings(ecr, questions);
    let ((mounting, facts), settings) = join(join(mounting, facts), settings).await;
    inventory.blob_mounting.extend(mounting);
    for (repository, new) in facts {
        let known = inventory.repositories.entry(repository).or_default();
        add(known, new);
    }
    for (repository, found) in settings {
        let known = inventory.repositories.entry(repository).or_default();
        known.missing |= is_missing(found.as_ref().err());
        known.settings = Some(found);
    }
}

async fn mounting(ecr: &Ecr, endpoint: &Endpoint, registry: &Registry) -> (Registry, Known<bool>) {
    // A token that cannot be had is reported by the first mount, which cannot do without it.
    let (setting, _token) = join(ecr.blob_mounting(registry), endpoint.sign_in(registry)).await;
    (registry.clone(), setting)
}

async fn settings(
    ecr: &Ecr,
    questions: &Questions,
) -> Vec<(
    Repository,
    Known<crate::model::inventory::RepositorySettings>,
)> {
    let asked = questions
        .repositories
        .iter()
        .filter(|(_, ask)| ask.settings);
    let asked: Vec<_> = asked
        .map(|(repository, ask)| (repository, ask.side))
        .collect();
    // Repositories are ordered by registry first, so each registry's stand together.
    let by_registry = asked.chunk_by(|(one, _), (other, _)| one.registry == other.registry);
    let answers = join_all(by_registry.map(|repositories| ecr.settings(repositories))).await;
    answers.into_iter().flatten().collect()
}

async fn ask_one(ecr: &Ecr, repository: &Repository, ask: &Ask) -> (Repository, Facts) {
    let side = ask.side;
    let images = async {
        if ask.images.is_empty() {
            return Facts::default();
        }
        let mut facts = Facts::default();
        match ecr.images(repository, side, &ask.images).await {
            Ok(images) => facts.images = images,
            Err(failure) => {
                facts.missing = is_missing(Some(&failure));
                let missing = facts.missing;
                let answer = |_: &ImageId| {
                    if missing {
                        Ok(None)
                    } else {
                        Err(failure.clone())
                    }
                };
                facts.images = ask
                    .images
                    .iter()
                    .map(|id| (id.clone(), answer(id)))
                    .collect();
            }
        }
        facts
    };
    let blobs = async {
        let mut facts = Facts::default();
        if !ask.blobs.is_empty() {
            let answer = ecr.blobs(repository, side, &ask.blobs).await;
            facts.blobs = match answer {
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
            };
        }
        facts
    };
    let referrers = async {
        let asked = ask.referrers.iter().map(async |digest| {
            (
                digest.clone(),
                ecr.referrers(repository, side, digest).await,
            )
        });
        Facts {
            referrers: join_all(asked).await.into_iter().collect(),
            ..Facts::default()
        }
    };
    let policy = async {
        let asked = ask.policy.then(|| ecr.lifecycle_policy(repository, side));
        optional(asked, |facts, policy| facts.policy = Some(policy)).await
    };
    let access = async {
        let asked = ask.access.then(|| ecr.repository_policy(repository, side));
        optional(asked, |facts, access| facts.access = Some(access)).await
    };
    let listing = async {
        let asked = ask.listing.then(|| ecr.listing(repository, side));
        optional(asked, |facts, listing| facts.listing = Some(listing)).await
    };
    let mut facts = Facts::default();
    let ((one, two), (three, (four, (five, six)))) = join(
        join(images, blobs),
        join(referrers, join(policy, join(access, listing))),
    )
    .await;
    for new in [one, two, three, four, five, six] {
        add(&mut facts, new);
    }
    (repository.clone(), facts)
}

async fn optional<T>(
    asked: Option<impl Future<Output = Known<T>>>,
    set: impl FnOnce(&mut Facts, Known<T>),
) -> Facts {
    let mut facts = Facts::default();
    if let Some(asked) = asked {
        let answer = asked.await;
        facts.missing = is_missing(answer.as_ref().err());
        set(&mut facts, answer);
    }
    facts
}

fn is_missing(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.kind == FailureKind::RepositoryNotFound)
}

fn add(known: &mut Facts, new: Facts) {
    known.missing |= new.missing;
    known.images.extend(new.images);
    known.referrers.extend(new.referrers);
    known.blobs.extend(new.blobs);
    known.settings = new.settings.or(known.settings.take());
    known.policy = new.policy.or(known.policy.take());
    known.listing = new.listing.or(known.listing.take());
    known.access = new.access.or(known.access.take());
}
