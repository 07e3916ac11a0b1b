//! Sets and removes pins. Every result is kept as it comes, so that an interrupted run can still say what was written.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use crate::apply::event::Event;
use crate::apply::tags;
use crate::clients::ecr::Ecr;
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::reference::{Repository, Tag};
use crate::plan::pin::{Done, Pin, Removal};

/// How many pins are set at once. ECR's limit for PutImage is lower; this bounds memory.
const AT_ONCE: usize = 32;

/// The client with the credentials for a repository.
pub type ClientFor<'a> = &'a dyn Fn(&Repository) -> Option<Rc<Ecr>>;

/// One run over pins.
pub struct Pins<'a> {
    client_for: ClientFor<'a>,
    on_event: &'a dyn Fn(Event<'_>),
    done: RefCell<Vec<Done>>,
}

impl<'a> Pins<'a> {
    /// Prepares a run.
    pub fn new(client_for: ClientFor<'a>, on_event: &'a dyn Fn(Event<'_>)) -> Self {
        Self {
            client_for,
            on_event,
            done: RefCell::default(),
        }
    }

    /// What was done so far, in the order in which it was.
    pub fn into_done(self) -> Vec<Done> {
        self.done.into_inner()
    }

    /// Sets pins. One failure does not stop the others.
    pub async fn set(&self, pins: &[(&Repository, &Pin)]) {
        let each = pins.iter().map(async |(repository, pin)| {
            let Some(ecr) = (self.client_for)(repository) else {
                return;
            };
            let result = tags::pin(&ecr, repository, pin).await;
            if let Ok(tag) = &result {
                let target = *repository;
                (self.on_event)(Event::Pinned { target, tag });
            }
            self.note(
                repository,
                pin.manifest.digest.clone(),
                result.map(|tag| vec![tag]),
            );
        });
        iter(each).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Takes tags away. One failure does not stop the others.
    pub async fn remove(&self, removals: &[&Removal]) {
        let each = removals.iter().map(async |removal| {
            let Some(ecr) = (self.client_for)(&removal.repository) else {
                return;
            };
            let gone = ecr.untag(&removal.repository, &removal.tags).await;
            if gone.is_ok() {
                (self.on_event)(Event::Unpinned {
                    target: &removal.repository,
                    tags: &removal.tags,
                });
            }
            let digest = removal.image.digest.clone();
            self.note(&removal.repository, digest, gone.map(|()| Vec::new()));
        });
        iter(each).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    fn note(&self, repository: &Repository, digest: Digest, result: Result<Vec<Tag>, Failure>) {
        self.done.borrow_mut().push(Done {
            repository: repository.clone(),
            digest,
            result,
        });
    }
}
