//! Which pins go: those of images that nothing protects, found so in two looks at least a day apart. The first look leaves a mark, the tag
//! `unused-<12 hex>-<seconds since 1970>`, because what CI runs has no memory of its own.

use std::collections::BTreeMap;

use crate::model::inventory::ImageId;
use crate::model::lifecycle::Image;
use crate::model::reference::{Repository, Tag};
use crate::model::time::Timestamp;
use crate::plan::finding::{Finding, Kind};
use crate::plan::look::{End, Look};
use crate::plan::pin::Pin;
use crate::plan::problem::Severity;
use crate::plan::protect::Protected;

/// How long an image must have been unused before its pin goes, in milliseconds: 24 hours.
const WAIT: i64 = 24 * 60 * 60 * 1000;

/// Tags to take away from one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Where.
    pub repository: Repository,
    /// The image, as it was listed.
    pub image: Image,
    /// The tags that go. At least one other stays.
    pub tags: Vec<Tag>,
}

/// What becomes of pins that exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removals {
    /// Pins that go, with the marks beside them.
    pub remove: Vec<Removal>,
    /// Marks that go, because the image is in use again.
    pub unmark: Vec<Removal>,
    /// Marks to set: the first look that found the image unused.
    pub mark: Vec<(Repository, Pin)>,
    /// How many wait for their day to be over.
    pub waiting: usize,
    /// How many stay because the pin is the image's last tag: without it the image would be untagged and expire.
    pub last_tag: usize,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Removals {
    /// Whether anything is written.
    pub fn has_changes(&self) -> bool {
        !self.remove.is_empty() || !self.unmark.is_empty() || !self.mark.is_empty()
    }
}

/// Decides for every pinned image of these repositories. What has to be known first is asked; until nothing is, the answer is not
/// one yet. Only to be asked where the protected set is complete.
pub fn removals(
    repositories: &[Repository],
    protected: &Protected,
    look: &mut Look<'_>,
    now: Timestamp,
) -> Removals {
    let mut removals = Removals::default();
    for repository in repositories {
        let images = match look.listing(End::target(repository)) {
            None => continue,
            Some(Err(failure)) => {
                removals.findings.push(Finding {
                    severity: Severity::Error,
                    kind: Kind::Unreadable {
                        repository: repository.clone(),
                        failure: failure.clone(),
                    },
                    reasons: std::collections::BTreeSet::new(),
                });
                continue;
            }
            Some(Ok(images)) => images,
        };
        let none = BTreeMap::new();
        let held = protected.of(repository).unwrap_or(&none);
        for image in images {
            let in_use = held.contains_key(&image.digest);
            one_image(repository, image, in_use, look, now, &mut removals);
        }
    }
    removals
}

fn one_image(
    repository: &Repository,
    image: &Image,
    in_use: bool,
    look: &mut Look<'_>,
    now: Timestamp,
    removals: &mut Removals,
) {
    let pins: Vec<Tag> = image.pins().filter_map(|tag| tag.parse().ok()).collect();
    let marks: Vec<(Tag, Timestamp)> = image
        .tags
        .iter()
        .filter_map(|tag| marked_at(image, tag))
        .collect();
    let own = image.tags.len() - pins.len() - marks.len();
    let removal = |tags: Vec<Tag>| Removal {
        repository: repository.clone(),
        image: image.clone(),
        tags,
    };
    let mark_tags = marks.iter().map(|(tag, _)| tag.clone());
    if in_use || pins.is_empty() {
        // A mark never stands alone on an image: it is only set beside a pin.
        if !marks.is_empty() && own + pins.len() > 0 {
            removals.unmark.push(removal(mark_tags.collect()));
        }
        return;
    }
    if own == 0 {
        removals.last_tag += 1;
        return;
    }
    let first = marks.iter().map(|(_, at)| *at).min();
    match first {
        Some(at) if now >= at.plus_milliseconds(WAIT) => {
            let tags = pins.into_iter().chain(mark_tags).collect();
            removals.remove.push(removal(tags));
        }
        // A mark from the future is a clock that jumped: it is waited for like any other.
        Some(_) => removals.waiting += 1,
        None => {
            let id = ImageId::Digest(image.digest.clone());
            match look.image(End::target(repository), &id) {
                None | Some(Ok(None)) => {}
                Some(Err(failure)) => removals.findings.push(Finding {
                    severity: Severity::Error,
                    kind: Kind::Unreadable {
                        repository: repository.clone(),
                        failure: failure.clone(),
                    },
                    reasons: std::collections::BTreeSet::new(),
                }),
                Some(Ok(Some(manifest))) => {
                    let pin = Pin {
                        manifest: manifest.clone(),
                        tag: Tag::unused(&image.digest, now),
                    };
                    removals.mark.push((repository.clone(), pin));
                }
            }
        }
    }
}

/// When a mark of this image was set, if the tag is one.
fn marked_at(image: &Image, tag: &str) -> Option<(Tag, Timestamp)> {
    let rest = tag.strip_prefix("unused-")?;
    let seconds = rest.strip_prefix(image.digest.short())?.strip_prefix('-')?;
    let seconds: i64 = seconds.parse().ok()?;
    let at = Timestamp(seconds.checked_mul(1000)?);
    Some((tag.parse().ok()?, at))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::digest::Digest;
    use crate::model::inventory::{Facts, Inventory};
    use crate::model::manifest::Manifest;
    use crate::model::reference::Registry;
    use crate::plan::protect::samples::HOST;
    use crate::plan::reason::{Reason, Why};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn repository() -> Repository {
        Repository {
            registry: Registry::from_host(HOST).expect("a host"),
            name: "fluentd/app".parse().expect("a name"),
        }
    }

    /// What happens to one image with these tags; `{pin}`, `{new}` and `{old}` stand for its pin and for marks an hour and a day old.
    fn check(tags: &[&str], in_use: bool, expected: &str) {
        let text = r#"{"schemaVersion":2,"layers":[]}"#;
        let digest = Digest::of(text.as_bytes());
        let hour = 3_600_000;
        let filled = |tag: &&str| {
            let old = Tag::unused(&digest, NOW.plus_milliseconds(-24 * hour));
            let new = Tag::unused(&digest, NOW.plus_milliseconds(-hour));
            tag.replace("{pin}", Tag::pin(&digest).as_str())
                .replace("{old}", old.as_str())
                .replace("{new}", new.as_str())
        };
        let held = tags.iter().map(filled).collect();
        let image = Image::pushed(digest.clone(), held, Timestamp(0));
        let manifest = Manifest::read(text.to_owned(), &digest, None).expect("a manifest");
        let id = ImageId::Digest(digest.clone());
        let facts = Facts {
            listing: Some(Ok(vec![image])),
            images: BTreeMap::from([(id, Ok(Some(manifest)))]),
            ..Facts::default()
        };
        let inventory = Inventory {
            repositories: BTreeMap::from([(repository(), facts)]),
            ..Inventory::default()
        };
        let mut protected = Protected::default();
        if in_use {
            let reasons = BTreeSet::from([Reason::new(Why::RunningTask, "task")]);
            let held = BTreeMap::from([(digest, reasons)]);
            protected.0.insert(repository(), held);
        }
        let mut look = Look::new(&inventory);
        let found = removals(&[repository()], &protected, &mut look, NOW);
        let mut words = Vec::new();
        for removal in &found.remove {
            words.push(format!("remove {}", removal.tags.len()));
        }
        for removal in &found.unmark {
            words.push(format!("unmark {}", removal.tags.len()));
        }
        words.extend(found.mark.iter().map(|_| "mark".to_owned()));
        words.extend((0..found.waiting).map(|_| "wait".to_owned()));
        words.extend((0..found.last_tag).map(|_| "last tag".to_owned()));
        assert_eq!(words.join(", "), expected, "{tags:?} in use: {in_use}");
    }

    #[test]
    fn a_pin_goes_after_two_looks_a_day_apart() {
        check(&["v1", "{pin}"], false, "mark");
        check(&["v1", "{pin}", "{new}"], false, "wait");
        check(&["v1", "{pin}", "{old}"], false, "remove 2");
        check(
            &["v1", "{pin}", "{pin}-2", "{old}", "{new}"],
            false,
            "remove 4",
        );
    }

    #[test]
    fn what_is_in_use_keeps_its_pin_and_loses_its_mark() {
        check(&["v1", "{pin}"], true, "");
        check(&["v1", "{pin}", "{old}"], true, "unmark 1");
    }

    #[test]
    fn the_last_tag_is_never_taken() {
        check(&["{pin}"], false, "last tag");
        check(&["{pin}", "{old}"], false, "last tag");
        check(&["{old}"], false, "");
    }

    #[test]
    fn what_is_no_pin_of_the_image_is_left_alone() {
        check(&["v1"], false, "");
        check(&["v1", "inuse-000000000000"], false, "");
        check(&["v1", "{pin}", "unused-000000000000-1"], false, "mark");
    }

    #[test]
    fn a_clock_that_jumped_removes_nothing() {
        let digest = Digest::of(br#"{"schemaVersion":2,"layers":[]}"#);
        let future = Tag::unused(&digest, NOW.plus_days(30)).to_string();
        check(&["v1", "{pin}", &future], false, "wait");
    }
}
