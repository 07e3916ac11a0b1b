//! Carries out a sweep, batch by batch, in the order of the plan. Right before batches go, usage is looked at again, and what is needed
//! by then stays.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::apply::event::Event;
use crate::apply::halt::Halt;
use crate::clients::ecr::Ecr;
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind};
use crate::model::reference::Repository;
use crate::plan::sweep::{Batch, Dropped, Ended, Outcome, Stopped};

/// How many batches one look at usage is for at most: their repositories are listed again with it.
const ROUND: usize = 50;
/// How many images are archived at once.
const AT_ONCE: usize = 8;
/// How long a write that is under way may still take when the run is to stop.
const GRACE: Duration = Duration::from_secs(3);

/// One run of a sweep.
pub struct Sweeper<'a> {
    /// Images are archived and not deleted.
    archive: bool,
    /// The client with the credentials of a repository's account.
    ecr: &'a dyn Fn(&Repository) -> Option<Rc<Ecr>>,
    on_event: &'a dyn Fn(Event<'_>),
    halt: Halt,
    outcome: RefCell<Outcome>,
}

/// What one batch means for the rest.
enum After {
    /// The next one.
    GoOn,
    /// These are listed by an index that is still there.
    Again(Vec<Digest>),
    /// No further one of its repository.
    Skip,
    /// None at all.
    Stop(Stopped),
}

impl<'a> Sweeper<'a> {
    /// Prepares a run.
    pub fn new(
        archive: bool,
        ecr: &'a dyn Fn(&Repository) -> Option<Rc<Ecr>>,
        on_event: &'a dyn Fn(Event<'_>),
        halt: Halt,
    ) -> Self {
        Self {
            archive,
            ecr,
            on_event,
            halt,
            outcome: RefCell::default(),
        }
    }

    /// What was done.
    pub fn into_outcome(self) -> Outcome {
        self.outcome.into_inner()
    }

    /// Carries out the batches. `look_again` reads usage anew and says which images of some batches are needed by then, or why no
    /// further batch may go. A look is good for as long as it took: at worst what a deployment does not show in time doubles.
    pub async fn carry_out(
        &self,
        batches: Vec<Batch>,
        mut look_again: impl AsyncFnMut(&[Batch]) -> Result<Dropped, Stopped>,
    ) {
        let stopped = self.rounds(batches, &mut look_again).await;
        self.outcome.borrow_mut().stopped = stopped.err();
    }

    async fn rounds(
        &self,
        batches: Vec<Batch>,
        look_again: &mut impl AsyncFnMut(&[Batch]) -> Result<Dropped, Stopped>,
    ) -> Result<(), Stopped> {
        let mut queue: VecDeque<Batch> = batches.into();
        let mut again: Vec<Batch> = Vec::new();
        let mut is_last_try = false;
        loop {
            if queue.is_empty() {
                // Everything that could list these is gone, or stays.
                queue.extend(std::mem::take(&mut again));
                is_last_try = true;
            }
            if queue.is_empty() {
                return Ok(());
            }
            let round = queue.make_contiguous();
            let round = round.get(..ROUND).unwrap_or(round);
            let began = Instant::now();
            let dropped = look_again(round).await?;
            let looked = Instant::now();
            let good_for = looked.duration_since(began);
            for at in 0..round.len() {
                if at > 0 && looked.elapsed() > good_for {
                    break;
                }
                if let Some(why) = self.halt.now() {
                    return Err(why);
                }
                let Some(batch) = queue.pop_front() else {
                    break;
                };
                match self.one_batch(&batch, &dropped, is_last_try).await {
                    After::GoOn => {}
                    After::Again(digests) => again.push(Batch { digests, ..batch }),
                    After::Skip => queue.retain(|other| other.repository != batch.repository),
                    After::Stop(why) => return Err(why),
                }
            }
        }
    }

    async fn one_batch(&self, batch: &Batch, dropped: &Dropped, is_last_try: bool) -> After {
        let repository = &batch.repository;
        let needed = dropped.get(repository);
        let mut digests = Vec::with_capacity(batch.digests.len());
        for digest in &batch.digests {
            match needed.and_then(|needed| needed.get(digest)) {
                Some(keep) => self.record(repository, digest, Ended::Dropped(keep.clone())),
                None => digests.push(digest.clone()),
            }
        }
        let Some(ecr) = (self.ecr)(repository) else {
            return After::Skip;
        };
        if digests.is_empty() {
            return After::GoOn;
        }
        if self.archive {
            return self
                .archive(&ecr, repository, &digests, &batch.listed)
                .await;
        }
        let call = ecr.delete_images(repository, &digests);
        let answer = tokio::select! {
            answer = call => answer,
            why = self.out_of_time() => {
                self.unknown(repository, &digests, "BatchDeleteImage");
                return After::Stop(why);
            }
        };
        let ended = match answer {
            Ok(ended) => ended,
            Err(failure) => return self.failed(repository, &digests, failure),
        };
        let mut again = Vec::new();
        let mut gone = 0;
        for (digest, result) in ended {
            let ended = match result {
                Ok(()) => Ended::Deleted,
                Err(failure) => match failure.kind {
                    FailureKind::ImageNotFound => Ended::Absent,
                    FailureKind::ImageReferenced if !is_last_try => {
                        again.push(digest);
                        continue;
                    }
                    _ => Ended::Failed(failure),
                },
            };
            gone += usize::from(ended == Ended::Deleted);
            self.record(repository, &digest, ended);
        }
        self.tell(repository, gone);
        match again.is_empty() {
            true => After::GoOn,
            false => After::Again(again),
        }
    }

    async fn archive(
        &self,
        ecr: &Ecr,
        repository: &Repository,
        digests: &[Digest],
        listed: &BTreeSet<Digest>,
    ) -> After {
        let mut done = 0;
        let mut after = After::GoOn;
        for some in digests.chunks(AT_ONCE) {
            if let Some(why) = self.halt.now() {
                after = After::Stop(why);
                break;
            }
            let calls = join_all(
                some.iter()
                    .map(|digest| ecr.archive_image(repository, digest)),
            );
            let answers = tokio::select! {
                answers = calls => answers,
                why = self.out_of_time() => {
                    self.unknown(repository, some, "UpdateImageStorageClass");
                    after = After::Stop(why);
                    break;
                }
            };
            for (digest, answer) in some.iter().zip(answers) {
                let ended = match answer {
                    Ok(()) => Ended::Archived,
                    Err(failure) => match failure.kind {
                        FailureKind::ImageNotFound => Ended::Absent,
                        FailureKind::Unsupported if listed.contains(digest) => Ended::WithIndex,
                        FailureKind::Unsupported => Ended::Failed(failure),
                        _ => {
                            after = self.failed(repository, std::slice::from_ref(digest), failure);
                            continue;
                        }
                    },
                };
                done += usize::from(ended == Ended::Archived);
                self.record(repository, digest, ended);
            }
            if !matches!(after, After::GoOn) {
                break;
            }
        }
        self.tell(repository, done);
        after
    }

    /// A call failed. What is wrong with one repository stops that one; anything else would fail everywhere.
    fn failed(&self, repository: &Repository, digests: &[Digest], failure: Failure) -> After {
        for digest in digests {
            self.record(repository, digest, Ended::Failed(failure.clone()));
        }
        match failure.kind {
            FailureKind::Denied { .. }
            | FailureKind::RepositoryNotFound
            | FailureKind::Other
            | FailureKind::BadAnswer => After::Skip,
            _ => After::Stop(Stopped {
                exit: crate::model::exit::Exit::World,
                why: failure.to_string(),
            }),
        }
    }

    /// The run is to stop, and what is under way had its time.
    async fn out_of_time(&self) -> Stopped {
        let why = self.halt.wait().await;
        sleep(GRACE).await;
        why
    }

    fn unknown(&self, repository: &Repository, digests: &[Digest], operation: &str) {
        for digest in digests {
            let failure = Failure::new(
                operation,
                format!("{repository}@{digest}"),
                FailureKind::Broken,
                "stopped before the answer: nobody knows whether it was done",
            );
            self.record(repository, digest, Ended::Failed(failure));
        }
    }

    fn record(&self, repository: &Repository, digest: &Digest, ended: Ended) {
        self.outcome.borrow_mut().record(repository, digest, ended);
    }

    fn tell(&self, repository: &Repository, images: usize) {
        if images > 0 {
            (self.on_event)(Event::Swept {
                repository,
                images,
                archived: self.archive,
            });
        }
    }
}
