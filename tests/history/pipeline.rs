//! What pipelines and people do in a history.

use demitasse_sandbox::world::schedules::ScheduleSpec;

use crate::needed::{can_pull, rollback};
use crate::play::{CLUSTER, COMMON, Play, Problem, expect, pick, spec, written};
use crate::product::repository;

impl Play<'_> {
    /// A promotion into a family's repository is about to come. `pin --all` runs first where as many came already as there may be
    /// between two runs.
    fn make_room(&mut self, family: usize, by: Option<usize>) -> Result<(), Problem> {
        let known = &self.families[family];
        let most = known.keep - known.min_pushes;
        let name = known.name.clone();
        let has_schedule = self.with(|state| {
            let schedules = state.schedules.schedules.iter();
            let names = schedules.filter_map(|one| one.task_definition.as_deref());
            names
                .into_iter()
                .any(|one| one.split(':').next() == Some(&name))
        });
        // Promotions of its own pipeline look after what a service runs, down to the last `min_pushes`: as long as nobody else promotes, no
        // pin is needed. Where others do, their promotions count, and its own too unless it pins what it deploys.
        let full = self.pipelines.iter().enumerate().any(|(at, one)| {
            let (is_own, others) = (by == Some(at), one.others);
            let comes_too_far = match one.pins {
                true => !is_own && others >= most,
                false => (!is_own || others > 0) && others + one.own >= most,
            };
            one.family == family && comes_too_far
        });
        if full || (has_schedule && self.families[family].promotions >= most) {
            self.pin_all(false)?;
        }
        self.families[family].promotions += 1;
        for (at, one) in self.pipelines.iter_mut().enumerate() {
            if one.family == family {
                let count = match by == Some(at) {
                    true => &mut one.own,
                    false => &mut one.others,
                };
                *count += 1;
            }
        }
        Ok(())
    }

    fn promote(&mut self, at: usize, tag: &str) -> u8 {
        let pipeline = &self.pipelines[at];
        let family = &self.families[pipeline.family];
        self.product.write(&pipeline.service, &family.name, tag);
        let config = self.product.config(&pipeline.service);
        let (keep, min_pushes) = (family.keep.to_string(), family.min_pushes.to_string());
        let config = config.display().to_string();
        let mut arguments = vec![
            "promote",
            "-c",
            &config,
            "--keep",
            &keep,
            "--min-pushes",
            &min_pushes,
        ];
        if family.is_mutable {
            arguments.extend(["--mutability", "mutable", "--allow-tag-move"]);
        }
        let ran = self.product.run(&arguments);
        self.told = ran.told;
        ran.code
    }

    /// CI builds; promote, register, deploy.
    pub(crate) fn release(&mut self, at: usize, how: u64) -> Result<(), Problem> {
        let family = self.pipelines[at].family;
        self.make_room(family, Some(at))?;
        self.builds += 1;
        let known = &self.families[family];
        let tag = match known.is_mutable {
            true => "latest".to_owned(),
            false => format!("commit-{}", self.builds),
        };
        let spec = spec(known);
        let pushed = self.with(|state| state.push(COMMON, &spec, &[&tag]));
        let digest = pushed.map_err(|error| error.to_string())?;
        let code = self.promote(at, &tag);
        if code != 0 {
            return Err(format!("promote: exit {code}\n{}", self.told));
        }
        let target = repository(&self.families[family].name);
        self.with(|state| state.check_whole(&target, &tag))?;
        self.shadow.promote(&target, &digest);
        if self.families[family].tags.last() != Some(&tag) {
            self.families[family].tags.push(tag.clone());
        }
        // One in six is promoted and never deployed.
        match how % 6 {
            0 | 1 => self.deploy(at, &tag, "finish"),
            2 | 3 => self.deploy(at, &tag, "begin"),
            4 => self.deploy(at, &tag, "fail"),
            _ => Ok(()),
        }
    }

    fn deploy(&mut self, at: usize, tag: &str, how: &str) -> Result<(), Problem> {
        let service = self.pipelines[at].service.clone();
        let family = &self.families[self.pipelines[at].family];
        let (name, image) = (family.name.clone(), written(family, tag));
        let deployed = self.with(|state| {
            let number = state.register(&name, &[("fluentd", &image)]);
            let revision = format!("{name}:{number}");
            match how {
                "finish" => state.deploy(CLUSTER, &service, &revision),
                "begin" => state
                    .begin_deployment(CLUSTER, &service, &revision)
                    .map(drop),
                _ => state.deploy_failing(CLUSTER, &service, &revision),
            }
        });
        deployed.map_err(|error| format!("what was just promoted: {error}"))?;
        match self.pipelines[at].pins {
            true => self.pin_own(at),
            false => Ok(()),
        }
    }

    /// `pin -c`, the last step of a pipeline.
    fn pin_own(&mut self, at: usize) -> Result<(), Problem> {
        let config = self.product.config(&self.pipelines[at].service);
        let config = config.display().to_string();
        let ran = self
            .product
            .run(&["pin", "-c", &config, "--rate", "100000"]);
        expect(&ran, 0)
    }

    /// Promotes and deploys an older image, if it is still anywhere.
    pub(crate) fn redeploy(&mut self, at: usize, how: u64) -> Result<(), Problem> {
        let family = self.pipelines[at].family;
        let known = &self.families[family];
        if known.is_mutable || known.tags.is_empty() {
            return Ok(());
        }
        let tag = known.tags[pick(how, known.tags.len())].clone();
        self.make_room(family, Some(at))?;
        match self.promote(at, &tag) {
            0 => {}
            // In neither repository any more: refused, and nothing is deployed.
            4 => return Ok(()),
            code => return Err(format!("promote: exit {code}\n{}", self.told)),
        }
        let target = repository(&self.families[family].name);
        let digest = self.with(|state| state.image(&target, &tag).map(|one| one.digest.clone()));
        self.shadow
            .promote(&target, &digest.ok_or("promoted and not there")?);
        self.deploy(at, &tag, "finish")?;
        match self.pipelines[at].pins {
            true => Ok(()),
            false => self.pin_own(at),
        }
    }

    /// Somebody whose services are elsewhere promotes into the repository.
    pub(crate) fn other_promotion(&mut self, family: usize) -> Result<(), Problem> {
        self.make_room(family, None)?;
        self.builds += 1;
        let tag = format!("other-{}", self.builds);
        let (target, spec) = (
            repository(&self.families[family].name),
            spec(&self.families[family]),
        );
        let pushed = self.with(|state| state.push(&target, &spec, &[&tag]));
        let digest = pushed.map_err(|error| error.to_string())?;
        self.shadow.promote(&target, &digest);
        Ok(())
    }

    /// A new revision with the image that the service runs already.
    pub(crate) fn register_again(&mut self, at: usize) {
        let service = self.pipelines[at].service.clone();
        let family = self.families[self.pipelines[at].family].name.clone();
        self.with(|state| {
            let set = state.ecs.service(CLUSTER, &service);
            let set = set.and_then(|one| state.ecs.task_definition(&one.task_definition));
            let Some(containers) = set.map(|one| one.containers()) else {
                return;
            };
            let containers: Vec<(&str, &str)> = containers
                .iter()
                .map(|(name, image)| (name.as_str(), image.as_str()))
                .collect();
            state.register(&family, &containers);
        });
    }

    /// `ecspresso rollback`, and the pin that belongs behind it. Where `pin --all` saw the same target, it must succeed.
    pub(crate) fn roll_back(&mut self, at: usize, deregister: bool) -> Result<(), Problem> {
        let service = self.pipelines[at].service.clone();
        let target = self.with(|state| rollback(state, &service));
        let promised = target.is_some() && target == self.targets.get(&service).cloned();
        // Where a service has no tasks ECS goes back to what nothing could start. `pin` says that it is gone.
        let is_there = |target: &String| self.with(|state| can_pull(state, target));
        if !promised && !target.as_ref().is_some_and(is_there) {
            return Ok(());
        }
        // The schedule of a family starts its newest revision: taking that away starts what nobody promised.
        let deregister = deregister && !self.is_scheduled(self.pipelines[at].family);
        let back = self.with(|state| state.roll_back(CLUSTER, &service, deregister));
        match back {
            Err(error) if promised => Err(format!("the rollback target is lost: {error}")),
            Err(_) => Ok(()),
            Ok(_) => self.pin_own(at),
        }
    }

    /// Whether a schedule names the family without a revision.
    fn is_scheduled(&self, family: usize) -> bool {
        let name = self.families[family].name.clone();
        self.with(|state| {
            let mut schedules = state.schedules.schedules.iter();
            schedules.any(|one| one.task_definition.as_deref() == Some(&name))
        })
    }

    /// Deregisters any revision of a family, but not the newest one under a schedule.
    pub(crate) fn deregister(&mut self, family: usize, how: u64) {
        let is_scheduled = self.is_scheduled(family);
        let name = self.families[family].name.clone();
        self.with(|state| {
            let revisions = state.ecs.task_definitions.get(&name);
            let active = revisions.into_iter().flat_map(|all| all.values());
            let active = active.filter(|one| one.status == "ACTIVE");
            let mut names: Vec<String> = active.map(|one| one.name()).collect();
            if is_scheduled {
                names.pop();
            }
            if let Some(name) = names.get(pick(how, names.len())) {
                drop(state.deregister(name));
            }
        });
    }

    /// Schedules what a service is set to, by its revision or by its family, and pins.
    pub(crate) fn add_schedule(&mut self, at: usize, how: u64) -> Result<(), Problem> {
        let service = self.pipelines[at].service.clone();
        let family = self.families[self.pipelines[at].family].name.clone();
        self.builds += 1;
        let name = format!("schedule-{}", self.builds);
        let added = self.with(|state| {
            let set = state
                .ecs
                .service(CLUSTER, &service)?
                .task_definition
                .clone();
            let wanted = if how.is_multiple_of(3) { family } else { set };
            let found = state.ecs.task_definition(&wanted)?;
            let repository = repository(&found.family);
            let image = found.containers().pop()?.1;
            let tag = image.rsplit_once(':')?.1.to_owned();
            // Nobody schedules what cannot start.
            if found.status != "ACTIVE" || state.check_whole(&repository, &tag).is_err() {
                return None;
            }
            state.schedules.schedules.push(ScheduleSpec {
                name,
                group: "default".to_owned(),
                cluster: CLUSTER.to_owned(),
                task_definition: Some(wanted),
                universal: how.is_multiple_of(2),
                ..ScheduleSpec::default()
            });
            Some(())
        });
        match added {
            Some(()) => self.pin_all(false),
            None => Ok(()),
        }
    }
}
