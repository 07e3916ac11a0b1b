//! Tags: what one holds, and pins.

use std::collections::BTreeSet;

use crate::apply::repository::settled;
use crate::clients::ecr::Ecr;
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::ImageId;
use crate::model::reference::{Repository, Tag};
use crate::plan::pin::Pin;

/// What a tag holds.
pub(super) async fn held(
    ecr: &Ecr,
    repository: &Repository,
    tag: &Tag,
) -> Result<Option<Digest>, Failure> {
    let id = ImageId::Tag(tag.clone());
    let ids = BTreeSet::from([id.clone()]);
    let read = async || ecr.images(repository, Side::Target, &ids).await;
    let mut found = settled(read).await?;
    let holds = found.remove(&id).transpose()?.flatten();
    Ok(holds.map(|manifest| manifest.digest))
}

/// Reads a tag, which must hold this digest.
pub(super) async fn expect(
    ecr: &Ecr,
    repository: &Repository,
    tag: &Tag,
    digest: &Digest,
) -> Result<(), Failure> {
    let holds = held(ecr, repository, tag).await?;
    if holds.as_ref() == Some(digest) {
        return Ok(());
    }
    let holds = holds.map_or_else(|| "nothing".to_owned(), |holds| holds.to_string());
    Err(Failure {
        side: Some(Side::Target),
        ..Failure::new(
            "PutImage",
            format!("{repository}:{tag}"),
            FailureKind::TagExists,
            format!("it holds {holds} now, not {digest}"),
        )
    })
}

/// Sets a pin, and gives the tag that is it. That it is there already is what was wanted: a pin belongs to one digest. Whether an immutable
/// repository takes a tag back that was removed there is not documented: where it does not, the second pin is set.
pub(super) async fn pin(ecr: &Ecr, repository: &Repository, pin: &Pin) -> Result<Tag, Failure> {
    match put(ecr, repository, pin, &pin.tag).await {
        Err(failure) if failure.kind == FailureKind::TagExists => {}
        done => return done.map(|()| pin.tag.clone()),
    }
    if held(ecr, repository, &pin.tag).await?.as_ref() == Some(&pin.manifest.digest) {
        return Ok(pin.tag.clone());
    }
    let again = pin.tag.again();
    match put(ecr, repository, pin, &again).await {
        Err(failure) if failure.kind == FailureKind::TagExists => {
            expect(ecr, repository, &again, &pin.manifest.digest).await?;
        }
        done => done?,
    }
    Ok(again)
}

async fn put(ecr: &Ecr, repository: &Repository, pin: &Pin, tag: &Tag) -> Result<(), Failure> {
    let put = async || ecr.put_image(repository, &pin.manifest, Some(tag)).await;
    match settled(put).await {
        Err(failure) if failure.kind == FailureKind::ImageExists => Ok(()),
        done => done,
    }
}
