//! What happens to an image of an upstream whose tag the target holds: a deploy of what is there must not hang on a
//! registry that is somebody else's.

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::action::Action;
use crate::plan::promotion::image::{stay, taken};
use crate::plan::promotion::standing::Case;

/// The image stays where the upstream means the same, no longer has it, or does not say so; the last is a warning. Where it
/// means another digest that is a tag move like any other.
pub(super) fn held(
    wanted: &Wanted,
    held: &Digest,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Action>, Kind> {
    let source = End::source(&wanted.source);
    let tag = wanted.target_tag();
    let meant = match &wanted.digest {
        Some(digest) => digest.clone(),
        None => match look.meaning(source, &tag) {
            None => return Ok(None),
            Some(Ok(Some(digest))) => digest.clone(),
            Some(Ok(None)) => return stay(wanted, held, true, case, look, problems),
            Some(Err(failure)) => {
                let kind = Kind::SourceUnread {
                    target: wanted.target.clone(),
                    tag,
                    digest: held.clone(),
                    failure: Box::new(failure.clone()),
                };
                let stays = stay(wanted, held, false, case, look, problems)?;
                if stays.is_some() {
                    problems.push(Problem::warning(kind, &wanted.uses));
                }
                return Ok(stays);
            }
        },
    };
    if meant == *held {
        return stay(wanted, held, false, case, look, problems);
    }
    let built = match case.rules.may_move(&tag) {
        false => None,
        true => match look.image(source, &ImageId::Digest(meant.clone())) {
            None => return Ok(None),
            Some(Err(failure)) => return Err(Kind::Failed(failure.clone())),
            Some(Ok(built)) => built.as_ref(),
        },
    };
    taken(wanted, held, &meant, built, case, look, problems)
}
