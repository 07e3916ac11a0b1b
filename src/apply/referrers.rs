//! Referrers follow their subject. They are read while the blobs are brought, once for all targets; a problem with one is a
//! warning: the image itself is whole.

use futures_util::future::join_all;

use crate::apply::{Run, Trouble};
use crate::clients::inventory;
use crate::model::inventory::Inventory;
use crate::model::manifest::Manifest;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::{Copy, Promotion, referrers};

impl Run<'_> {
    /// The referrers of an image.
    pub(super) async fn referrers_of(&self, promotion: &Promotion, copy: &Copy) -> Vec<Manifest> {
        let seen = self.referrers.get_or_init(|| self.read_referrers()).await;
        let found = referrers::found(&promotion.wanted, copy, seen);
        for problem in found.problems {
            self.note(problem);
        }
        found.manifests
    }

    async fn read_referrers(&self) -> Inventory {
        let mut seen = Inventory::default();
        loop {
            let questions = referrers::questions(&self.plan.promotions, &seen);
            if questions.is_empty() {
                return seen;
            }
            inventory::answer(&self.ecr, &self.endpoint, &questions, &mut seen).await;
        }
    }

    /// Brings them, after their subject.
    pub(super) async fn bring_referrers(
        &self,
        at: usize,
        promotion: &Promotion,
        copy: &Copy,
        referrers: &[Manifest],
    ) {
        let brought = referrers.iter().map(async |referrer| {
            self.bring(at, promotion, copy, &referrer.blobs).await?;
            self.put(at, promotion, copy, referrer).await
        });
        for done in join_all(brought).await {
            let kind = match done {
                Ok(()) => {
                    self.count(at, |ended| ended.referrers += 1);
                    continue;
                }
                Err(Trouble::Stopped) => continue,
                Err(Trouble::Failed(failure)) => Kind::Failed(failure),
                Err(Trouble::Refused(kind)) => kind,
            };
            self.note(Problem::warning(kind, &promotion.wanted.uses));
        }
    }
}
