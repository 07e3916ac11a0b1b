//! One promotion: blobs, children by digest, referrers after their subject, the tag last. Whatever interrupts it before
//! the tag leaves nothing that ECS or a person would see, and running it again completes it.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};

use crate::apply::event::Event;
use crate::apply::{Run, Trouble};
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::ImageId;
use crate::model::manifest::{Descriptor, Manifest};
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::{Copy, Promotion};

impl Run<'_> {
    /// Carries out one promotion.
    pub(super) async fn copy(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
    ) -> Result<(), Trouble> {
        if self.stopped.get() {
            return Err(Trouble::Stopped);
        }
        (self.on_event)(Event::Began {
            at,
            promotion,
            blobs: copy.blobs.len(),
        });
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
        if !copy.referrers.is_empty() {
            self.put(at, promotion, copy, &copy.top).await?;
            self.referrers(at, promotion, copy).await;
        }
        if let Some(pin) = &copy.displaced {
            self.pin(&promotion.wanted.target, pin).await?;
        }
        self.tag(at, promotion, copy).await
    }

    /// Puts a manifest by its digest alone: nobody sees it until something refers to it.
    async fn put(
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

    /// Referrers follow their subject. A problem with one is a warning: the image itself is whole.
    async fn referrers(&self, at: usize, promotion: &Promotion, copy: &Copy) {
        let referrers = copy.referrers.iter();
        let puts = referrers.map(|referrer| self.put(at, promotion, copy, referrer));
        for done in join_all(puts).await {
            if let Err(Trouble::Failed(failure)) = done {
                let kind = Kind::Unknown(failure);
                self.note(Problem::warning(kind, &promotion.wanted.uses));
            }
        }
    }

    /// Sets the tag. A refusal because it is there already is judged by what it holds.
    async fn tag(&self, at: usize, promotion: &Promotion, copy: &Copy) -> Result<(), Trouble> {
        match self.put_healing(at, promotion, copy, &copy.top, true).await {
            Err(Trouble::Failed(failure)) if failure.kind == FailureKind::TagExists => {
                self.read_back(promotion, copy).await?;
            }
            Err(Trouble::Failed(failure)) if failure.kind == FailureKind::ImageExists => {}
            Err(trouble) => return Err(trouble),
            Ok(()) if copy.read_back => self.read_back(promotion, copy).await?,
            Ok(()) => {}
        }
        Ok(())
    }

    async fn read_back(&self, promotion: &Promotion, copy: &Copy) -> Result<(), Failure> {
        let target = &promotion.wanted.target;
        let id = ImageId::Tag(promotion.tag.clone());
        let ids = BTreeSet::from([id.clone()]);
        let read = async || self.ecr.images(target, Side::Target, &ids).await;
        let mut found = self.settled(read).await?;
        let holds = found.remove(&id).transpose()?.flatten();
        let digest = holds.map(|manifest| manifest.digest);
        if digest.as_ref() == Some(&copy.top.digest) {
            return Ok(());
        }
        let holds = digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
        Err(Failure {
            operation: "PutImage".to_owned(),
            object: format!("{target}:{}", promotion.tag),
            side: Some(Side::Target),
            kind: FailureKind::TagExists,
            message: format!("it holds {holds} now, not {}", copy.top.digest),
        })
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
        let failure = match self.settled(&put).await {
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
        Ok(self.settled(put).await?)
    }
}
