//! Lifecycle policies: read and checked as PutLifecyclePolicy does, evaluated naively after AWS's own sentences, run
//! when told, previewed.
//!
//! The evaluator shares no code and no model with the product's: a misreading must show as a difference.

pub(crate) mod evaluate;
pub(crate) mod policy;
pub(crate) mod preview;
pub(crate) mod run;

use std::collections::BTreeMap;

use crate::clock::Time;
use crate::refusal::Refusal;
use crate::undocumented::Undocumented;

/// What a policy's text marks among these images, whose digests are all different: digest → priority of the one rule that
/// marks it.
///
/// # Errors
/// The text is not a policy that PutLifecyclePolicy takes.
pub fn marks(
    policy: &str,
    images: &[evaluate::Candidate],
    now: Time,
    undocumented: &Undocumented,
) -> Result<BTreeMap<String, u32>, Refusal> {
    let policy = policy::Policy::parse(policy)?;
    Ok(evaluate::evaluate(&policy, images, now, undocumented))
}
