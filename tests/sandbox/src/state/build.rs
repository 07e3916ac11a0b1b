//! Makes a state from a world file.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Error;
use crate::clock::Clock;
use crate::clock::Time;
use crate::ecs::build::Placed;
use crate::ecs::state::Ecs;
use crate::schedules::Schedules;
use crate::state::Counters;
use crate::state::Repository;
use crate::state::State;
use crate::state::Storage;
use crate::state::many;
use crate::undocumented::Undocumented;
use crate::world::RepositorySpec;
use crate::world::World;
use crate::world::content::Role;
use crate::world::content::make;
use crate::world::image::ImageSpec;

/// A minute, in days: the distance between images whose push date the world does not say.
const MINUTE: f64 = 1.0 / 1440.0;

pub(super) fn state(world: &World, seed: u64) -> Result<State, Error> {
    let now = Time::parse(&world.now).map_err(|error| Error::new(format!("now: {error}")))?;
    let mut state = State {
        account: world.account.clone(),
        caller: world.account.clone(),
        region: world.region.clone(),
        clock: Clock::at(now),
        settings: world
            .blob_mounting
            .map(|on| {
                (
                    "BLOB_MOUNTING".to_owned(),
                    if on { "ENABLED" } else { "DISABLED" }.to_owned(),
                )
            })
            .into_iter()
            .collect(),
        repositories: std::collections::BTreeMap::new(),
        uploads: std::collections::BTreeMap::new(),
        passwords: std::collections::BTreeMap::new(),
        ecs: Ecs::default(),
        schedules: Schedules::new(world)?,
        lookups: world.lookups(),
        denied: Vec::new(),
        forbidden: Vec::new(),
        undocumented: Undocumented::draw(seed),
        counters: Counters::default(),
        executions: Vec::new(),
        creation_delay: false,
        storage_url: String::new(),
        url: String::new(),
        seed,
        serial: 0,
    };
    let mut placed = Placed::new();
    for spec in &world.repositories {
        let digests = repository(&mut state, spec, now)
            .map_err(|error| Error::new(format!("repository {:?}: {error}", spec.name)))?;
        placed.insert(spec.name.clone(), digests);
    }
    crate::ecs::build::fill(&mut state, world, &placed)?;
    Ok(state)
}

/// Adds a repository and gives the digests of its images, in the order of the world.
fn repository(state: &mut State, spec: &RepositorySpec, now: Time) -> Result<Vec<String>, Error> {
    let mutability = spec
        .tag_mutability
        .clone()
        .unwrap_or_else(|| "MUTABLE".to_owned());
    if ![
        "MUTABLE",
        "IMMUTABLE",
        "IMMUTABLE_WITH_EXCLUSION",
        "MUTABLE_WITH_EXCLUSION",
    ]
    .contains(&mutability.as_str())
    {
        return Err(Error::new(format!(
            "tagMutability {mutability:?} is not one of ECR's four"
        )));
    }
    let repository = Repository {
        name: spec.name.clone(),
        account: spec.account.clone(),
        created_at: now.days_before(spec.created_days_ago.unwrap_or(100.0)),
        mutability,
        exclusions: spec.exclusion_filters.clone(),
        encryption: match &spec.encryption {
            Some(encryption) => (encryption.r#type.clone(), encryption.key.clone()),
            None => ("AES256".to_owned(), None),
        },
        policy: spec.policy.as_ref().map(ToString::to_string),
        lifecycle: spec.lifecycle_policy.as_ref().map(ToString::to_string),
        tags: spec.tags.clone(),
        pull_through: spec.pull_through,
        ..Repository::default()
    };
    if state
        .repositories
        .insert(spec.name.clone(), repository)
        .is_some()
    {
        return Err(Error::new("the name is used twice"));
    }
    let total: usize = spec.images.iter().map(many::count).sum();
    let mut placing = Placing::default();
    for (place_in_list, image) in spec.images.iter().enumerate() {
        let wrong = |error| Error::new(format!("image {place_in_list}: {error}"));
        let at = placing.digests.len();
        let default_age = |at: usize| minutes(total - at);
        let digests = match image.count {
            None => {
                let dates = (pushed_at(image, now, default_age(at))?, now);
                place(state, &spec.name, image, at, dates, &mut placing.tags).map(|one| vec![one])
            }
            Some(_) => {
                let pushed = |n: usize| pushed_at(image, now, default_age(at + n));
                many::place(state, &spec.name, image, pushed, &mut placing.tags)
            }
        };
        placing.digests.extend(digests.map_err(wrong)?);
    }
    Ok(placing.digests)
}

/// So many minutes, in days.
fn minutes(count: usize) -> f64 {
    u32::try_from(count).map_or(0.0, f64::from) * MINUTE
}

/// What the images of a repository placed so far have taken.
#[derive(Default)]
struct Placing {
    /// Tags and the digests they name: with many images there is no time to ask each for its tags.
    tags: BTreeMap<String, String>,
    digests: Vec<String>,
}

fn pushed_at(spec: &ImageSpec, now: Time, default_age: f64) -> Result<Time, Error> {
    match (&spec.pushed_at, spec.pushed_days_ago) {
        (Some(text), _) => Time::parse(text).map_err(Error::new),
        (None, Some(days)) => Ok(now.days_before(days)),
        (None, None) => Ok(now.days_before(default_age)),
    }
}

fn place(
    state: &mut State,
    repository: &str,
    spec: &ImageSpec,
    at: usize,
    (pushed, now): (Time, Time),
    tags: &mut BTreeMap<String, String>,
) -> Result<String, Error> {
    let mut top = String::new();
    let name = match spec.tags.first() {
        Some(tag) => format!("{repository}:{tag}"),
        None => format!("{repository}:#{at}"),
    };
    let made = make(spec, &name);
    let restore = Duration::from_secs(60 * state.undocumented.restore_minutes);
    let before_top = made
        .iter()
        .position(|made| made.role == Role::Top)
        .unwrap_or_default();
    for (order, made) in made.into_iter().enumerate() {
        for blob in made.blobs {
            state.store_blob(repository, blob)?;
        }
        let digest = state.commit(repository, made.manifest, &made.media_type)?;
        let Some(image) = state.find_mut(repository)?.images.get_mut(&digest) else {
            continue;
        };
        // Children are put a millisecond before their index, referrers after their subject.
        let offset = i64::try_from(order).unwrap_or_default()
            - i64::try_from(before_top).unwrap_or_default();
        image.pushed_at = Time(pushed.0 + offset);
        image.pulled_at = spec.pulled_days_ago.map(|days| now.days_before(days));
        image.archived_at = spec.archived_days_ago.map(|days| now.days_before(days));
        image.activated_at = spec.activated_days_ago.map(|days| now.days_before(days));
        if spec.archived_days_ago.is_some() && spec.activated_days_ago.is_none() {
            image.storage = match spec.restoring {
                true => Storage::Activating,
                false => Storage::Archived,
            };
            image.restored_at = spec.restoring.then(|| now.plus(restore));
        }
        if made.role == Role::Top {
            let repository = state.find_mut(repository)?;
            for tag in &spec.tags {
                take_tag(repository, tags, tag, &digest);
            }
            top = digest;
        }
    }
    Ok(top)
}

/// Gives a tag to an image, and takes it from the one that had it.
pub(super) fn take_tag(
    repository: &mut Repository,
    tags: &mut BTreeMap<String, String>,
    tag: &str,
    digest: &str,
) {
    if let Some(before) = tags.insert(tag.to_owned(), digest.to_owned()) {
        let before = repository.images.get_mut(&before);
        before.map(|image| image.tags.remove(tag));
    }
    if let Some(image) = repository.images.get_mut(digest) {
        image.tags.insert(tag.to_owned());
    }
}
