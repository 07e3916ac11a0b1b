//! One promotion: blobs, children by digest, referrers after their subject, the tag last. Whatever interrupts it before
//! the tag leaves nothing that ECS or a person would see, and running it again completes it.

use std::time::Duration;

use futures_util::future::{try_join, try_join_all};

use crate::apply::event::Event;
use crate::apply::repository::settled;
use crate::apply::tags;
use crate::apply::{Gate, Run, Trouble};
use crate::model::digest::Digest;
use crate::model::failure::FailureKind;
use crate::model::manifest::{Descriptor, Manifest};
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::{Copy, Promotion};

/// How long a tag is taken for what it was when the plan was made.
const STALE: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Carries out one promotion.
    pub(super) async fn copy(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        gate: &Gate<'_>,
    ) -> Result<(), Trouble> {
        if self.stopped.get() {
            return Err(Trouble::Stopped);
        }
        (self.on_event)(Event::Began {
            at,
            promotion,
            blobs: copy.blobs.len(),
        });
        let content = self.content(at, promotion, copy);
        let referrers = async { Ok(self.referrers_of(promotion, copy).await) };
        let ((), referrers) = try_join(content, referrers).await?;
        if !referrers.is_empty() {
            self.put(at, promotion, copy, &copy.top).await?;
            self.bring_referrers(at, promotion, copy, &referrers).await;
        }
        let redeployed = copy
            .standing
            .as_ref()
            .and_then(|standing| standing.pin.as_ref());
        for pin in copy.displaced.iter().chain(redeployed) {
            self.pin(&promotion.wanted.target, pin).await?;
        }
        self.pass(gate).await;
        self.set_tag(at, promotion, copy).await
    }

    /// Brings everything that the top manifest refers to.
    async fn content(&self, at: usize, promotion: &Promotion, copy: &Copy) -> Result<(), Trouble> {
        self.bring(at, promotion, copy, &copy.blobs).await?;
        let (images, indexes): (Vec<_>, Vec<_>) = copy
            .children
            .iter()
            .partition(|child| child.children.is_empty());
        let puts = images
            .into_iter()
            .map(|child| self.put(at, promotion, copy, child));
        try_join_all(puts).await?;
        for index in indexes {
            self.put(at, promotion, copy, index).await?;
        }
        Ok(())
    }

    /// Puts a manifest by its digest alone: nobody sees it until something refers to it.
    pub(super) async fn put(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        manifest: &Manifest,
    ) -> Result<(), Trouble> {
        match self.put_healing(at, promotion, copy, manifest, false).await {
            Err(Trouble::Failed(failure)) if failure.kind == FailureKind::ImageExists => Ok(()),
            done => done,
        }
    }

    /// Sets the tag. A refusal because it is there already is judged by what it holds. Where tags are mutable somebody else
    /// may have set it since it was read: it is read again before it moves, or after a while, and always afterwards.
    async fn set_tag(&self, at: usize, promotion: &Promotion, copy: &Copy) -> Result<(), Trouble> {
        let target = &promotion.wanted.target;
        let moves = copy.displaced.as_ref();
        if copy.read_back && (moves.is_some() || self.began.elapsed() > STALE) {
            let expected = moves.map(|pin| &pin.manifest.digest);
            match tags::held(&self.ecr, target, &promotion.tag).await? {
                Some(holds) if holds != copy.top.digest && Some(&holds) != expected => {
                    return Err(Trouble::Refused(taken(promotion, copy, holds)));
                }
                _ => {}
            }
        }
        match self.put_healing(at, promotion, copy, &copy.top, true).await {
            Err(Trouble::Failed(failure)) if failure.kind == FailureKind::TagExists => {
                self.judge_taken(promotion, copy).await
            }
            Err(Trouble::Failed(failure)) if failure.kind == FailureKind::ImageExists => Ok(()),
            Ok(()) if copy.read_back => self.read_back(promotion, copy).await,
            done => done,
        }
    }

    /// Reads a tag that somebody else may move. PutImage's own answer was compared already, so that it cannot be read is
    /// only worth a warning.
    async fn read_back(&self, promotion: &Promotion, copy: &Copy) -> Result<(), Trouble> {
        let target = &promotion.wanted.target;
        let digest = &copy.top.digest;
        match tags::expect(&self.ecr, target, &promotion.tag, digest).await {
            Err(failure) if failure.kind != FailureKind::TagExists => {
                let kind = Kind::Unknown(failure);
                self.note(Problem::warning(kind, &promotion.wanted.uses));
                Ok(())
            }
            done => Ok(done?),
        }
    }

    /// The tag was taken meanwhile: by the same digest is fine, by another is a refusal.
    async fn judge_taken(&self, promotion: &Promotion, copy: &Copy) -> Result<(), Trouble> {
        let target = &promotion.wanted.target;
        match tags::held(&self.ecr, target, &promotion.tag).await? {
            Some(holds) if holds != copy.top.digest => {
                Err(Trouble::Refused(taken(promotion, copy, holds)))
            }
            _ => Ok(tags::expect(&self.ecr, target, &promotion.tag, &copy.top.digest).await?),
        }
    }

    /// Puts a manifest. Blobs that the registry then says are missing (a mounted layer that nothing refers to yet may be
    /// cleaned up at any time) are brought again, once, exactly those that it names.
    async fn put_healing(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        manifest: &Manifest,
        tagged: bool,
    ) -> Result<(), Trouble> {
        if self.stopped.get() && !tagged {
            return Err(Trouble::Stopped);
        }
        let target = &promotion.wanted.target;
        let tag = tagged.then_some(&promotion.tag);
        let put = async || self.ecr.put_image(target, manifest, tag).await;
        let failure = match settled(&put).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let FailureKind::BlobsMissing(named) = &failure.kind else {
            return Err(Trouble::Failed(failure));
        };
        let wanted = |blob: &&Descriptor| named.is_empty() || named.contains(&blob.digest);
        let blobs: Vec<Descriptor> = manifest.blobs.iter().filter(wanted).cloned().collect();
        if blobs.is_empty() {
            return Err(Trouble::Failed(failure));
        }
        self.bring(at, promotion, copy, &blobs).await?;
        Ok(settled(put).await?)
    }
}

fn taken(promotion: &Promotion, copy: &Copy, holds: Digest) -> Kind {
    Kind::TagTaken {
        target: promotion.wanted.target.clone(),
        tag: promotion.tag.clone(),
        holds,
        wanted: copy.top.digest.clone(),
        obstacle: None,
    }
}
