//! Makes a state from a world file.

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
    let mut digests = Vec::new();
    for (at, image) in spec.images.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a world holds few images")]
        let default_age = (spec.images.len() - at) as f64 * MINUTE;
        let pushed = pushed_at(image, now, default_age)?;
        let digest = place(state, &spec.name, image, at, pushed, now)
            .map_err(|error| Error::new(format!("image {at}: {error}")))?;
        digests.push(digest);
    }
    Ok(digests)
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
    pushed: Time,
    now: Time,
) -> Result<String, Error> {
    let mut top = String::new();
    let name = format!(
        "{repository}:{}",
        spec.tags
            .first()
            .cloned()
            .unwrap_or_else(|| format!("#{at}"))
    );
    let made = make(spec, &name);
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
            image.storage = Storage::Archived;
        }
        if made.role == Role::Top {
            for tag in &spec.tags {
                state.set_tag(repository, tag, &digest)?;
            }
            top = digest;
        }
    }
    Ok(top)
}
