//! The looks of a sweep: first the candidates are listed, then usage is read, then the repositories are listed again and judged. Whatever
//! is pushed or deployed in between can only keep images.

use crate::apply::halt::Halt;
use crate::clients::ecs::OnStep;
use crate::commands::repositories::{Names, Trouble};
use crate::commands::usage::Sources;
use crate::commands::wrong::Wrong;
use crate::model::exit::Exit;
use crate::model::failure::Side;
use crate::model::inventory::{Facts, Inventory, Questions};
use crate::model::manifest::Manifest;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::model::usage::Usage;
use crate::plan::finding::Finding;
use crate::plan::look::Look;
use crate::plan::protect;
use crate::plan::sweep::{
    self, Batch, Candidates, Circumstances, Dropped, Refusal, Rules, Stopped, Sweep,
};

/// How many repositories' manifests are in memory with all their text.
const AT_ONCE: usize = 16;

/// What one look saw, and what is decided by it.
pub(super) struct Seen {
    /// Usage, for each account and Region.
    pub(super) usages: Vec<Usage>,
    /// What reading it found.
    pub(super) findings: Vec<Finding>,
    /// What is decided.
    pub(super) sweep: Sweep,
}

impl Seen {
    /// Everything that speaks against deleting anything.
    pub(super) fn refusals(&self, sources: &Sources, rules: &Rules) -> Vec<Refusal> {
        let seen = Circumstances {
            usages: &self.usages,
            findings: &self.findings,
            left_out_by_flag: sources.left_out_by_flag(),
        };
        sweep::refusals(&seen, &self.sweep, rules)
    }
}

/// Looks, for one run. Manifests never change, so none is read twice.
pub(super) struct Looks<'a> {
    sources: &'a Sources,
    rules: &'a Rules,
    now: Timestamp,
    inventory: Inventory,
}

impl<'a> Looks<'a> {
    /// Nothing is read yet.
    pub(super) fn new(sources: &'a Sources, rules: &'a Rules, now: Timestamp) -> Self {
        Self {
            sources,
            rules,
            now,
            inventory: Inventory::default(),
        }
    }

    /// The first look.
    ///
    /// # Errors
    /// Names that are wrong, of repositories that do not exist, or that ECR could not look up. What else cannot be read is a
    /// finding.
    pub(super) async fn first(
        &mut self,
        names: &Names,
        on_step: OnStep<'_>,
    ) -> Result<Seen, Vec<Wrong>> {
        let found = self.sources.repositories(Some(names)).await;
        let found = found.map_err(Trouble::into_wrong)?;
        let mut questions = Questions::default();
        for repository in &found {
            questions.about(repository, Side::Target).listing = true;
        }
        self.answer(questions).await;
        let missing = |repository: &&Repository| {
            let facts = self.inventory.repositories.get(*repository);
            facts.is_some_and(Facts::is_missing)
        };
        let missing = found.iter().filter(missing);
        let wrong = missing.map(|one| Wrong::from(format!("repository {one} does not exist")));
        let wrong: Vec<Wrong> = wrong.collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let candidates = sweep::candidates(&found, &self.inventory);
        Ok(self.judge(&candidates, on_step).await)
    }

    /// A further look, at what some batches would take.
    ///
    /// # Errors
    /// Why no further batch may go.
    pub(super) async fn again(
        &mut self,
        batches: &[Batch],
        halt: &Halt,
    ) -> Result<Dropped, Stopped> {
        let taken = sweep::taken(batches);
        let seen = tokio::select! {
            seen = self.judge(&taken, &|_| {}) => seen,
            why = halt.wait() => return Err(why),
        };
        let mut refusals = seen.refusals(self.sources, self.rules).into_iter();
        // What is left of a plan that was within bounds is within bounds.
        let refusal = refusals.find(|one| !matches!(one, Refusal::TooMany { .. }));
        let mut incomplete = seen.findings.iter().chain(&seen.sweep.findings);
        let incomplete = incomplete.find(|one| one.kind.is_incomplete());
        let stopped = |exit: Exit, why: String| Stopped {
            exit,
            why: format!("when usage was read again: {why}"),
        };
        match (incomplete, refusal) {
            (Some(finding), _) => Err(stopped(Exit::World, finding.kind.to_string())),
            (None, Some(refusal)) => Err(stopped(refusal.exit(), refusal.to_string())),
            (None, None) => Ok(sweep::dropped(&seen.sweep, &taken)),
        }
    }

    async fn judge(&mut self, candidates: &Candidates, on_step: OnStep<'_>) -> Seen {
        let usages = self.sources.read(on_step).await;
        let (in_use, findings) = protect::in_use(&usages, self.sources.generations());
        for repository in candidates.keys() {
            let facts = self.inventory.repositories.entry(repository.clone());
            let facts = facts.or_default();
            let mut images = std::mem::take(&mut facts.images);
            images.retain(|_, known| matches!(known, Ok(Some(_))));
            // Tags may have moved, and what was pushed meanwhile may need what is there.
            *facts = Facts {
                images,
                ..Facts::default()
            };
        }
        loop {
            let mut look = Look::new(&self.inventory);
            let sweep = sweep::sweep(candidates, &in_use, &mut look, self.rules, self.now);
            let questions = look.into_questions();
            if questions.is_empty() {
                return Seen {
                    usages,
                    findings,
                    sweep,
                };
            }
            self.answer(questions).await;
        }
    }

    async fn answer(&mut self, questions: Questions) {
        let mut asked = questions.repositories.into_iter().peekable();
        while asked.peek().is_some() {
            let some: Vec<_> = asked.by_ref().take(AT_ONCE).collect();
            let repositories: Vec<Repository> = some.iter().map(|(one, _)| one.clone()).collect();
            let questions = Questions {
                repositories: some.into_iter().collect(),
                ..Questions::default()
            };
            self.sources.answer(questions, &mut self.inventory).await;
            for repository in repositories {
                let Some(facts) = self.inventory.repositories.get_mut(&repository) else {
                    continue;
                };
                for known in facts.images.values_mut() {
                    let whole = std::mem::replace(known, Ok(None));
                    *known = whole.map(|manifest| manifest.map(Manifest::outline));
                }
            }
        }
    }
}
