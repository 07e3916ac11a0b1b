//! Brings blobs into a target: mounted where the registry lets us, streamed into the upload session it opened otherwise.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::{join_all, try_join_all};

use crate::apply::event::Event;
use crate::apply::{Run, Trouble};
use crate::clients::registry::{Mount, Session};
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::plan::problem::{Kind, MountObstacle, Problem, StreamingRefused};
use crate::plan::promotion::{Copy, Promotion};

/// How often a blob is streamed anew after the connection broke.
const STREAM_TRIES: usize = 3;

/// A blob that was not mounted.
struct Declined<'b> {
    blob: &'b Descriptor,
    session: Option<Session>,
}

impl Run<'_> {
    /// Mounts all blobs at once; what is declined is streamed, or refused where a flag says so.
    pub(super) async fn bring(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        blobs: &[Descriptor],
    ) -> Result<(), Trouble> {
        let mounts = blobs
            .iter()
            .map(|blob| self.mount(at, promotion, copy, blob));
        let mut declined: Vec<Declined<'_>> = Vec::new();
        let mut denied = false;
        for (blob, mount) in blobs.iter().zip(try_join_all(mounts).await?) {
            let session = match mount {
                Mount::Mounted => continue,
                Mount::Declined(session) => Some(session),
                Mount::Denied => {
                    denied = true;
                    None
                }
            };
            declined.push(Declined { blob, session });
        }
        if declined.is_empty() {
            return Ok(());
        }
        let obstacle = match &copy.obstacle {
            Some(obstacle) => obstacle.clone(),
            None if denied => MountObstacle::Permission,
            None => self.explain(promotion, copy).await,
        };
        if copy.obstacle.is_none() {
            declined = self.leave_present(at, promotion, declined).await?;
        }
        let bytes = declined.iter().map(|declined| declined.blob.size).sum();
        let refused = if declined.is_empty() {
            None
        } else if self.limits.mount_only {
            Some(StreamingRefused::MountOnly)
        } else {
            let limit = self.limits.max_upload.filter(|&limit| bytes > limit);
            limit.map(StreamingRefused::MaxUpload)
        };
        let refuse = refused.is_some();
        let kind = Kind::Streaming {
            source: promotion.wanted.source.clone(),
            target: promotion.wanted.target.clone(),
            obstacle,
            bytes,
            refused,
        };
        if refuse {
            join_all(
                declined
                    .iter()
                    .map(|declined| self.close(promotion, declined)),
            )
            .await;
            return Err(Trouble::Refused(kind));
        }
        if copy.obstacle.is_none() && !declined.is_empty() {
            self.note(Problem::warning(kind, &promotion.wanted.uses));
        }
        let streams = declined
            .into_iter()
            .map(|declined| self.stream(at, promotion, declined));
        try_join_all(streams).await?;
        Ok(())
    }

    async fn mount(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        blob: &Descriptor,
    ) -> Result<Mount, Failure> {
        let wanted = &promotion.wanted;
        let (source, target) = (&wanted.source, &wanted.target);
        if copy.obstacle == Some(MountObstacle::OtherRegistry) {
            return Ok(Mount::Denied);
        }
        let mount = self
            .settled(async || self.endpoint.mount(target, source, blob).await)
            .await?;
        match &mount {
            Mount::Mounted => {
                self.count(at, |ended| ended.mounted += 1);
                (self.on_event)(Event::Blob { at, mounted: true });
            }
            Mount::Declined(session) => {
                let open = (target.clone(), session.clone());
                self.sessions.borrow_mut().insert(open);
            }
            Mount::Denied => {}
        }
        Ok(mount)
    }

    /// Why the registry declined although nothing that was read speaks against mounting.
    async fn explain(&self, promotion: &Promotion, copy: &Copy) -> MountObstacle {
        if copy.suspicion != MountObstacle::Unexplained {
            return copy.suspicion.clone();
        }
        match self.ecr.is_pull_through(&promotion.wanted.source).await {
            Ok(true) => MountObstacle::PullThrough,
            Ok(false) => MountObstacle::Unexplained,
            Err(_) => MountObstacle::Unknown {
                condition: "whether the source is a pull-through cache repository".to_owned(),
            },
        }
    }

    /// Leaves out the blobs that the target holds already; if that cannot be read, none.
    async fn leave_present<'b>(
        &self,
        at: usize,
        promotion: &Promotion,
        declined: Vec<Declined<'b>>,
    ) -> Result<Vec<Declined<'b>>, Trouble> {
        let target = &promotion.wanted.target;
        let digests: BTreeSet<Digest> = declined
            .iter()
            .map(|declined| declined.blob.digest.clone())
            .collect();
        let check = async || self.ecr.blobs(target, Side::Target, &digests).await;
        let Ok(present) = self.settled(check).await else {
            return Ok(declined);
        };
        let is_present =
            |declined: &Declined<'_>| present.get(&declined.blob.digest) == Some(&true);
        let (there, missing): (Vec<_>, Vec<_>) = declined.into_iter().partition(is_present);
        for declined in &there {
            self.close(promotion, declined).await;
            (self.on_event)(Event::Blob { at, mounted: false });
        }
        Ok(missing)
    }

    async fn close(&self, promotion: &Promotion, declined: &Declined<'_>) {
        if let Some(session) = &declined.session {
            let target = &promotion.wanted.target;
            self.endpoint.cancel(target, session).await;
            self.forget(promotion, session);
        }
    }

    fn forget(&self, promotion: &Promotion, session: &Session) {
        let entry = (promotion.wanted.target.clone(), session.clone());
        self.sessions.borrow_mut().remove(&entry);
    }

    /// Streams into the session that the declined mount opened; a broken one is replaced.
    async fn stream(
        &self,
        at: usize,
        promotion: &Promotion,
        declined: Declined<'_>,
    ) -> Result<(), Failure> {
        let _slot = self.streams.acquire().await;
        let wanted = &promotion.wanted;
        let (source, target) = (&wanted.source, &wanted.target);
        let bytes = {
            let outcome = self.outcome.borrow();
            let ended = outcome.promotions.get(at);
            ended
                .map(|ended| Arc::clone(&ended.bytes))
                .unwrap_or_default()
        };
        let session = RefCell::new(declined.session);
        let mut tries = 0;
        loop {
            let opened = session.take();
            let open = match opened {
                Some(open) => open,
                None => {
                    let open = self
                        .settled(async || self.endpoint.open(target, declined.blob).await)
                        .await?;
                    self.sessions
                        .borrow_mut()
                        .insert((target.clone(), open.clone()));
                    open
                }
            };
            let counter = Arc::clone(&bytes);
            let on_bytes = move |piece| {
                counter.fetch_add(piece, Ordering::Relaxed);
            };
            let done = self
                .endpoint
                .stream(source, target, declined.blob, &open, on_bytes)
                .await;
            tries += 1;
            match done {
                Ok(()) => {
                    self.forget(promotion, &open);
                    self.count(at, |ended| ended.streamed += 1);
                    (self.on_event)(Event::Blob { at, mounted: false });
                    return Ok(());
                }
                Err(failure) => {
                    self.endpoint.cancel(target, &open).await;
                    self.forget(promotion, &open);
                    if failure.kind != FailureKind::Broken || tries == STREAM_TRIES {
                        return Err(failure);
                    }
                }
            }
        }
    }

    fn count(&self, at: usize, change: impl FnOnce(&mut crate::plan::outcome::Ended)) {
        if let Some(ended) = self.outcome.borrow_mut().promotions.get_mut(at) {
            change(ended);
        }
    }
}
