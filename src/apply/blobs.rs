//! Brings blobs into a target: mounted where the registry lets us, streamed into the upload session it opened otherwise.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::{join_all, try_join_all};

use crate::apply::event::Event;
use crate::apply::repository::settled;
use crate::apply::{Run, Trouble};
use crate::clients::registry::{Mount, Session, has_parts};
use crate::clients::settling::Settling;
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::model::reference::Repository;
use crate::plan::outcome::Ended;
use crate::plan::problem::{Kind, MountObstacle, Problem, streaming_refused};
use crate::plan::promotion::{Copy, Promotion};

/// What became of asking for a blob: mounted, if there is no session.
struct Answer {
    session: Option<Session>,
    denied: bool,
}

/// How a blob is streamed. As a whole in one request, as containerd does it; where that broke off, in parts, so that the next
/// trouble costs less; and if parts are not taken, as a whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Whole,
    Parts,
    OnlyWhole,
}

impl Way {
    fn after(self, failure: &Failure, blob: &Descriptor) -> Self {
        let broke = matches!(failure.kind, FailureKind::Broken | FailureKind::Unreachable);
        match self {
            Self::Whole if broke && has_parts(blob) => Self::Parts,
            Self::Parts
                if matches!(failure.kind, FailureKind::Other | FailureKind::Unsupported) =>
            {
                Self::OnlyWhole
            }
            way => way,
        }
    }
}

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
        // All of them, also where one fails: a session whose answer nobody waits for would stay open.
        for (blob, answer) in blobs.iter().zip(join_all(mounts).await) {
            let answer = answer?;
            denied |= answer.denied;
            if let Some(session) = answer.session {
                let session = Some(session);
                declined.push(Declined { blob, session });
            }
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
        let sizes = declined.iter().map(|declined| declined.blob.size);
        let bytes = sizes.fold(0, u64::saturating_add);
        let total = self.uploading.get().saturating_add(bytes);
        let refused = if declined.is_empty() {
            None
        } else {
            streaming_refused(total, self.limits.mount_only, self.limits.max_upload)
        };
        let refuse = refused.is_some();
        let kind = Kind::Streaming {
            source: promotion.wanted.source.clone(),
            target: promotion.wanted.target.clone(),
            obstacle,
            bytes,
            total,
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
        self.uploading.set(total);
        if copy.obstacle.is_none() && !declined.is_empty() {
            self.note(Problem::warning(kind, &promotion.wanted.uses));
        }
        let streams = declined
            .into_iter()
            .map(|declined| self.stream(at, promotion, declined));
        try_join_all(streams).await?;
        Ok(())
    }

    /// Asks for one blob. Where mounting is denied, a plain upload session tells whether it is the source or the target
    /// that may not be used.
    async fn mount(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        blob: &Descriptor,
    ) -> Result<Answer, Failure> {
        let wanted = &promotion.wanted;
        let (source, target) = (&wanted.source, &wanted.target);
        let mount = if copy.obstacle == Some(MountObstacle::OtherRegistry) {
            Mount::Denied
        } else {
            settled(async || self.endpoint.mount(target, source, blob).await).await?
        };
        let denied = mount == Mount::Denied;
        let session = match mount {
            Mount::Mounted => {
                self.count(at, |ended| ended.mounted += 1);
                (self.on_event)(Event::Blob { at, mounted: true });
                None
            }
            Mount::Declined(session) => Some(self.remember(target, session)),
            Mount::Denied => Some(self.open(target, blob).await?),
        };
        Ok(Answer { session, denied })
    }

    async fn open(&self, target: &Repository, blob: &Descriptor) -> Result<Session, Failure> {
        let open = settled(async || self.endpoint.open(target, blob).await).await?;
        Ok(self.remember(target, open))
    }

    fn remember(&self, target: &Repository, session: Session) -> Session {
        let open = (target.clone(), session.clone());
        self.sessions.borrow_mut().insert(open);
        session
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
        let Ok(present) = settled(check).await else {
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

    /// Streams into the session that the declined mount opened; a used one is replaced by a new one.
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
        let mut session = declined.session;
        let mut tries = 0;
        let mut way = Way::Whole;
        let mut settling = Settling::begin();
        loop {
            let open = match session.take() {
                Some(open) => open,
                None => self.open(target, declined.blob).await?,
            };
            let counter = Arc::clone(&bytes);
            let on_bytes = move |piece| {
                counter.fetch_add(piece, Ordering::Relaxed);
            };
            let (endpoint, blob) = (&self.endpoint, declined.blob);
            let done = match way {
                Way::Parts => {
                    endpoint
                        .stream_in_parts(source, target, blob, &open, on_bytes)
                        .await
                }
                _ => endpoint.stream(source, target, blob, &open, on_bytes).await,
            };
            let failure = match done {
                Ok(()) => {
                    self.forget(promotion, &open);
                    self.count(at, |ended| ended.streamed += 1);
                    (self.on_event)(Event::Blob { at, mounted: false });
                    return Ok(());
                }
                Err(failure) => failure,
            };
            self.endpoint.cancel(target, &open).await;
            self.forget(promotion, &open);
            if failure.kind == FailureKind::RepositoryNotFound && settling.wait().await {
                continue;
            }
            let next = way.after(&failure, blob);
            if (way, next) != (Way::Parts, Way::OnlyWhole) {
                self.endpoint.wait_to_retry(&failure, tries).await?;
            }
            way = next;
            tries += 1;
        }
    }

    pub(super) fn count(&self, at: usize, change: impl FnOnce(&mut Ended)) {
        if let Some(ended) = self.outcome.borrow_mut().promotions.get_mut(at) {
            change(ended);
        }
    }
}
