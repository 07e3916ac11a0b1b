//! What ECR will expire, and when: a lifecycle policy and the images of a repository give the images it acts on now ([`evaluate`], [`marks`]) and,
//! for each image, how many pushes or days it has left ([`fates`]).
//!
//! The rules are those of the ECR User Guide, "Lifecycle policy evaluation rules". Two of them carry everything: an image that matches the selection
//! of a higher rule is shielded from all lower ones, and a shielded image still takes a place in the lower rules' counts. What AWS leaves open is
//! computed both ways, and the worse case is reported ([`Hypotheses`]).

mod bounds;
mod evaluate;
mod family;
mod fate;
mod outlook;
mod pushes;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod variants;
#[cfg(test)]
mod vectors;

pub use bounds::Bounds;
pub use bounds::bounds;
pub use bounds::marks;
pub use evaluate::Marked;
pub use evaluate::evaluate;
pub use evaluate::evaluate_under;
pub use family::Hypotheses;
pub use fate::Fate;
pub use fate::Governing;
pub use fate::PushesLeft;
pub use fate::fate;
pub use fate::fates;
pub use outlook::Outlook;
pub use outlook::Pushes;
pub use outlook::outlooks;
pub use pushes::Push;
pub use pushes::lower;
