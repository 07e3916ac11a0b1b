//! What must hold for every repository, whatever hangs together in it and however. Random small worlds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use proptest::sample::Index;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed};

use crate::model::digest::Digest;
use crate::model::reference::Tag;
use crate::plan::sweep::samples::{World, stage_of};
use crate::plan::sweep::{batches, taken};

/// One image: how it hangs together with those before it, its age, and what marks it.
#[derive(Clone, Debug)]
struct Sketch {
    children: Vec<Index>,
    subject: Option<Index>,
    by_tag: bool,
    days: i64,
    tagged: bool,
    mark: u8,
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let one = (
        vec(any::<Index>(), 0..=3),
        proptest::option::weighted(0.3, any::<Index>()),
        any::<bool>(),
        0..=60_i64,
        any::<bool>(),
        0..=15_u8,
    );
    let one = one.prop_map(|(children, subject, by_tag, days, tagged, mark)| Sketch {
        children,
        subject,
        by_tag,
        days,
        tagged,
        mark,
    });
    vec(one, 0..=14)
}

/// The world of the sketches, and the digests that something runs.
fn world(sketches: &[Sketch], keep: usize) -> (World, Vec<Digest>) {
    let mut world = World::default();
    world.rules.keep = keep;
    let (mut digests, mut used): (Vec<Digest>, Vec<Digest>) = Default::default();
    for (at, sketch) in sketches.iter().enumerate() {
        let seed = format!("image-{at}");
        let tag = format!("v{at}");
        let tags: &[&str] = if sketch.tagged { &[&tag] } else { &[] };
        let before = |index: &Index| (at > 0).then(|| digests[index.index(at)].clone());
        let children: BTreeSet<Digest> = sketch.children.iter().filter_map(before).collect();
        let subject = sketch.subject.as_ref().and_then(before);
        let digest = match (children.is_empty(), sketch.mark) {
            (false, _) => {
                let children: Vec<&Digest> = children.iter().collect();
                world.index(&seed, tags, sketch.days, &children)
            }
            (true, 0) => world.artifact(&seed, tags, sketch.days, "application/x"),
            (true, _) => world.image(&seed, tags, sketch.days),
        };
        if let Some(subject) = subject {
            let image = &mut world.images[at];
            match sketch.by_tag {
                true => image.tags = vec![format!("sha256-{}.sig", subject.hex())],
                false => image.subject = Some(subject),
            }
        }
        match sketch.mark {
            1 => {
                world.use_digest(&digest);
                used.push(digest.clone());
            }
            2 => world.images[at].tags.push(Tag::pin(&digest).to_string()),
            3 => world.late(&digest),
            4 => world.archive(&digest),
            _ => {}
        }
        digests.push(digest);
    }
    (world, used)
}

proptest! {
    #![proptest_config(Config { cases: 600, rng_seed: RngSeed::Fixed(9), failure_persistence: None, ..Config::default() })]

    #[test]
    fn nothing_that_is_needed_ever_goes(sketches in sketches(), keep in 0..=3_usize) {
        let (world, used) = world(&sketches, keep);
        let sweep = world.sweep();
        let swept = &sweep.repositories[0];
        let going: BTreeSet<&Digest> = swept.going().map(|one| &one.image.digest).collect();
        let age = |one: &Sketch| one.days;
        let ages: BTreeMap<&Digest, i64> = world.images.iter().zip(sketches.iter().map(age)).map(|(image, days)| (&image.digest, days)).collect();

        // What runs stays with all it needs: what it lists, what refers to it, and what that refers to.
        let mut needed: BTreeSet<Digest> = used.into_iter().collect();
        loop {
            let mut more = needed.clone();
            for one in &swept.images {
                if needed.contains(&one.image.digest) {
                    more.extend(one.image.children.iter().cloned());
                    more.extend(one.subjects.iter().cloned());
                }
                if one.subjects.iter().any(|subject| needed.contains(subject)) {
                    more.insert(one.image.digest.clone());
                }
            }
            if more == needed { break; }
            needed = more;
        }
        for digest in &needed {
            prop_assert!(!going.contains(digest), "{digest}\n{world_images:?}", world_images = world.images);
        }
        for one in &swept.images {
            let digest = &one.image.digest;
            let goes = going.contains(digest);
            // No index stays without what it lists, and no image without what refers to it.
            for child in &one.image.children {
                prop_assert!(goes || !going.contains(child));
            }
            for subject in &one.subjects {
                prop_assert!(going.contains(subject) || !goes, "a referrer goes and its subject stays");
            }
            // Nothing young goes but with what it refers to.
            prop_assert!(!goes || ages[digest] >= 30 || !one.subjects.is_empty());
        }

        // In order, in batches that fit, each once.
        let at = stage_of(&sweep);
        prop_assert_eq!(at.len(), going.len());
        for one in swept.going() {
            for later in one.image.children.iter().chain(&one.subjects) {
                if let Some(later) = at.get(later) {
                    prop_assert!(at[&one.image.digest] < *later);
                }
            }
        }

        // A second look at the same world, for what goes only, finds the same.
        let again = world.sweep_of(taken(&batches(&sweep)));
        prop_assert_eq!(again.going(), going.len());
    }
}
