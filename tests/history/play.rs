//! Plays a history: the steps change the sandbox as CI, ecspresso, ECS and ECR would, the product runs in between, and after each step
//! everything that should start can be pulled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use demitasse_sandbox::{ImageSpec, LayerSpec, Sandbox, State, World};

use crate::chance::Chance;
use crate::needed::{Start, starts};
use crate::product::{Product, Ran, image, repository};
use crate::shadow::Shadow;
use crate::step::{Kind, Step};

/// Where builds are pushed.
pub(crate) const COMMON: &str = "fluentd/common";
/// The one cluster.
pub(crate) const CLUSTER: &str = "default";

/// A family of task definitions, with its repository.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) keep: u64,
    pub(crate) min_pushes: u64,
    /// The shop deploys `latest`.
    pub(crate) is_mutable: bool,
    /// Its images are indexes.
    pub(crate) is_index: bool,
    /// The tags its pipelines promoted, oldest first.
    pub(crate) tags: Vec<String>,
    /// Promotions since `pin --all` ran: for schedules, every one is somebody else's.
    pub(crate) promotions: u64,
}

/// A service with its pipeline.
pub(crate) struct Pipeline {
    pub(crate) service: String,
    pub(crate) family: usize,
    /// It ends with `pin -c`, as the README has it.
    pub(crate) pins: bool,
    /// Promotions of others into its repository since `pin --all` ran.
    pub(crate) others: u64,
    /// Promotions of its own.
    pub(crate) own: u64,
}

/// A history that is played.
pub(crate) struct Play<'a> {
    pub(crate) product: Product<'a>,
    pub(crate) families: Vec<Family>,
    pub(crate) pipelines: Vec<Pipeline>,
    /// Where each service would go back to when `pin --all` last ran.
    pub(crate) targets: BTreeMap<String, String>,
    pub(crate) shadow: Shadow,
    pub(crate) builds: u64,
    /// What the last promotion said.
    pub(crate) told: String,
    pub(crate) tally: Tally,
}

/// What happened, so that nobody takes for safety that nothing did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Starts that were checked.
    pub(crate) checked: u64,
    /// Images that lifecycle policies expired.
    pub(crate) expired: u64,
    /// Pins that were set by `pin --all`.
    pub(crate) pinned: u64,
    /// Pins that were taken away.
    pub(crate) unpinned: u64,
    /// Images that were swept.
    pub(crate) swept: u64,
}

/// What went wrong.
pub(crate) type Problem = String;

impl<'a> Play<'a> {
    /// Two families with three services, each deployed once.
    pub(crate) fn begin(mut product: Product<'a>, seed: u64) -> Result<Self, Problem> {
        let mut chance = Chance::new(seed ^ 0x5eed);
        let world: World = r#"{"repositories": [{"name": "fluentd/common"}]}"#
            .parse()
            .expect("a world");
        product
            .sandbox
            .begin_again(&world, chance.next())
            .expect("a sandbox");
        let mut family = |name: &str| {
            let min_pushes = 1 + chance.below(3);
            Family {
                name: name.to_owned(),
                keep: min_pushes + 1 + chance.below(4),
                min_pushes,
                is_mutable: chance.below(4) == 0,
                is_index: chance.below(5) == 0,
                tags: Vec::new(),
                promotions: 0,
            }
        };
        let families = vec![family("app"), family("web")];
        let pins: Vec<bool> = (0..2).map(|_| chance.below(2) == 0).collect();
        let pipeline = |(service, family): (&str, usize)| Pipeline {
            service: service.to_owned(),
            family,
            pins: pins[family],
            others: 0,
            own: 0,
        };
        let services = [("prod", 0), ("stage", 0), ("web", 1)];
        product.runs = 0;
        let mut play = Self {
            product,
            families,
            pipelines: services.map(pipeline).into_iter().collect(),
            targets: BTreeMap::new(),
            shadow: Shadow::default(),
            builds: 0,
            told: String::new(),
            tally: Tally::default(),
        };
        for family in &play.families {
            let keep = usize::try_from(family.keep).expect("a small number");
            play.shadow.family(&repository(&family.name), keep);
        }
        for at in 0..play.pipelines.len() {
            play.release(at, 0)?;
        }
        Ok(play)
    }

    /// Plays one step.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Problem> {
        let at = pick(step.on, self.pipelines.len());
        let service = self.pipelines[at].service.clone();
        match step.kind {
            Kind::Release => self.release(at, step.how)?,
            Kind::Redeploy => self.redeploy(at, step.how)?,
            Kind::OtherPromotion => self.other_promotion(pick(step.on, self.families.len()))?,
            Kind::Register => self.register_again(at),
            Kind::Finish => drop(self.with(|state| state.finish_deployment(CLUSTER, &service))),
            Kind::Fail => {
                let failed = self.with(|state| {
                    let found = state.ecs.service(CLUSTER, &service);
                    let under_way = found.is_some_and(|one| one.deploying.is_some());
                    under_way.then(|| state.fail_deployment(CLUSTER, &service))
                });
                if let Some(Err(error)) = failed {
                    return Err(format!("ECS cannot go back: {error}"));
                }
            }
            Kind::RollBack => self.roll_back(at, step.how.is_multiple_of(2))?,
            Kind::Deregister => self.deregister(pick(step.on, self.families.len()), step.how),
            Kind::Restart => {
                self.note_starts();
                let unstarted = self.with(|state| state.restart(CLUSTER, &service));
                none_of(&unstarted)?;
            }
            Kind::Scale => {
                let count = u32::try_from(step.how % 4).expect("a small number");
                let unstarted = self.with(|state| state.scale(CLUSTER, &service, count));
                none_of(&unstarted.map_err(|error| error.to_string())?)?;
            }
            Kind::RunTask => {
                let family = self.families[pick(step.on, self.families.len())]
                    .name
                    .clone();
                // By hand, of whatever is newest: nobody promised that its image is there.
                drop(self.with(|state| state.run_task(CLUSTER, &family, "me")));
            }
            Kind::FireSchedules => {
                let unstarted = self.with(State::run_schedules);
                let image = unstarted.into_iter().filter(|one| !one.image.is_empty());
                none_of(&image.collect::<Vec<_>>())?;
            }
            Kind::AddSchedule => self.add_schedule(at, step.how)?,
            Kind::RemoveSchedule => self.with(|state| drop(state.schedules.schedules.pop())),
            Kind::Lifecycle => {
                let done = self.with(State::run_lifecycle);
                self.tally.expired += count(done.len());
                self.shadow.lifecycle();
            }
            Kind::Advance => {
                let hours = 1 + step.how % 60;
                self.with(|state| state.advance(Duration::from_secs(3600 * hours)));
            }
            Kind::EmptyCommon => self.with(|state| state.empty(COMMON)),
            Kind::Pin => self.pin_all(false)?,
            Kind::Unpin => {
                self.pin_all(true)?;
                self.with(|state| state.advance(Duration::from_secs(25 * 3600)));
                self.pin_all(true)?;
            }
            Kind::Sweep => self.sweep()?,
        }
        self.check()
    }

    /// The invariant.
    fn check(&mut self) -> Result<(), Problem> {
        let (checked, lost) = self.with(|state| {
            let starts = starts(state);
            let lost = starts.iter().find_map(|start| {
                let checked = state.check_whole(&start.repository, &start.reference);
                checked.err().map(|error| format!("{}: {error}", start.of))
            });
            (starts.len(), lost)
        });
        self.tally.checked += count(checked);
        lost.map_or(Ok(()), Err)
    }

    /// What starts now would start with the other ways too, or would not.
    fn note_starts(&mut self) {
        let starts: BTreeSet<Start> = self.with(|state| {
            let starts = starts(state).into_iter();
            let resolved = starts.filter_map(|start| {
                let found = state.image(&start.repository, &start.reference)?;
                let reference = found.digest.clone();
                Some(Start { reference, ..start })
            });
            resolved.collect()
        });
        self.shadow.start(&starts);
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.product.sandbox.with_state(change)
    }
}

pub(crate) fn pick(number: u64, among: usize) -> usize {
    usize::try_from(number).unwrap_or_default() % among.max(1)
}

pub(crate) fn expect(ran: &Ran, code: u8) -> Result<(), Problem> {
    match ran.code == code {
        true => Ok(()),
        false => Err(format!("exit {}, not {code}\n{}", ran.code, ran.told)),
    }
}

pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn none_of(unstarted: &[demitasse_sandbox::Unstarted]) -> Result<(), Problem> {
    unstarted.first().map_or(Ok(()), |one| Err(one.to_string()))
}

/// A new image of a family, as CI builds it.
pub(crate) fn spec(family: &Family) -> ImageSpec {
    ImageSpec {
        layers: vec![LayerSpec {
            size: 16,
            seed: None,
        }],
        platforms: match family.is_index {
            true => vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
            false => Vec::new(),
        },
        ..ImageSpec::default()
    }
}

/// The container image that a task definition of the family names.
pub(crate) fn written(family: &Family, tag: &str) -> String {
    image(&family.name, tag)
}

/// A sandbox that histories are played in, one after the other.
pub(crate) fn sandbox(port: u16) -> Sandbox {
    let options = demitasse_sandbox::Options {
        port,
        ..demitasse_sandbox::Options::default()
    };
    Sandbox::start(World::default(), options).expect("a sandbox")
}
