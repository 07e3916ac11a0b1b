//! What must hold for every policy and every repository. Random small worlds; the policies need not be ones ECR would accept.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_assume;
use proptest::prop_oneof;
use proptest::proptest;
use proptest::sample::select;
use proptest::sample::subsequence;
use proptest::strategy::Just;
use proptest::strategy::Strategy;
use proptest::test_runner::Config;
use proptest::test_runner::RngSeed;

use crate::model::digest::Digest;
use crate::model::lifecycle::Action;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::lifecycle::Selection;
use crate::model::lifecycle::StorageClass;
use crate::model::lifecycle::TagList;
use crate::model::time::Timestamp;
use crate::plan::expiry::Hypotheses;
use crate::plan::expiry::Marked;
use crate::plan::expiry::Push;
use crate::plan::expiry::PushesLeft;
use crate::plan::expiry::bounds;
use crate::plan::expiry::evaluate;
use crate::plan::expiry::evaluate_under;
use crate::plan::expiry::fates;
use crate::plan::expiry::lower;
use crate::plan::expiry::marks;
use crate::plan::expiry::outlooks;
use crate::plan::expiry::samples::NOW;
use crate::plan::expiry::samples::digest;

/// Enough to find what is wrong within a second; the seed is fixed so that a green run stays green.
const CASES: u32 = 200;

/// No count in these worlds is reached by more pushes than this.
const MANY: u32 = 12;

fn config() -> Config {
    Config {
        cases: CASES,
        rng_seed: RngSeed::Fixed(20),
        failure_persistence: None,
        max_global_rejects: 100 * CASES,
        ..Config::default()
    }
}

const TAGS: [&str; 5] = ["a1", "b1", "a-b", "inuse-1", "x"];

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|&entry| entry.to_owned()).collect()
}

fn rule() -> impl Strategy<Value = Rule> {
    let patterns = |list: &[&str]| Selection::Tagged(TagList::Patterns(strings(list)));
    let selection = select(vec![
        Selection::Any,
        Selection::Untagged,
        patterns(&["*"]),
        patterns(&["a*"]),
        patterns(&["*b*"]),
        patterns(&["inuse-*"]),
        patterns(&["a*", "b*"]),
        Selection::Tagged(TagList::Prefixes(strings(&["b"]))),
    ]);
    let limit = prop_oneof![
        4 => (1..=5_u32).prop_map(Limit::ImageCountMoreThan),
        1 => (1..=12_u32).prop_map(Limit::SinceImagePushed),
        1 => (1..=12_u32).prop_map(Limit::SinceImagePulled),
        1 => (1..=12_u32).prop_map(Limit::SinceImageTransitioned),
    ];
    (
        selection,
        limit,
        select(vec![Action::Expire, Action::Transition]),
    )
        .prop_map(|(selection, limit, action)| Rule {
            priority: 0,
            description: None,
            selection,
            limit,
            action,
        })
}

fn policy() -> impl Strategy<Value = Policy> {
    vec(rule(), 1..=5).prop_map(|rules| numbered(rules, 1))
}

fn numbered(rules: Vec<Rule>, first: u32) -> Policy {
    Policy::new(
        rules
            .into_iter()
            .zip(first..)
            .map(|(rule, priority)| Rule { priority, ..rule })
            .collect(),
    )
}

#[derive(Debug, Clone)]
struct Sketch {
    tags: Vec<&'static str>,
    restored: bool,
    pulled: Option<i64>,
    archived: Option<i64>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let tags = prop_oneof![1 => Just(Vec::new()), 3 => subsequence(TAGS.to_vec(), 1..=3)];
    let archived = prop_oneof![5 => Just(None), 1 => (0..20_i64).prop_map(Some)];
    (tags, any::<bool>(), option::of(0..20_i64), archived).prop_map(
        |(tags, restored, pulled, archived)| Sketch {
            tags,
            restored,
            pulled,
            archived,
        },
    )
}

fn name(index: usize) -> Digest {
    digest(&format!("i{index}"))
}

/// Images whose sort keys are `step` milliseconds apart, without children and referrers.
fn images(step: i64) -> impl Strategy<Value = Vec<Image>> {
    vec(sketch(), 0..=10).prop_map(move |sketches| {
        let image = |(index, sketch): (usize, Sketch)| {
            let time = NOW.plus_milliseconds(-step * i64::try_from(index + 1).unwrap());
            let days_ago = |days: i64| NOW.plus_milliseconds(-days * 86_400_000);
            Image {
                digest: name(index),
                tags: strings(&sketch.tags),
                pushed_at: if sketch.restored {
                    time.plus_milliseconds(-9_000_000_000)
                } else {
                    time
                },
                activated_at: sketch.restored.then_some(time),
                pulled_at: sketch.pulled.map(days_ago),
                archived_at: sketch.archived.map(days_ago),
                storage_class: if sketch.archived.is_some() {
                    StorageClass::Archive
                } else {
                    StorageClass::Standard
                },
                restoring: false,
                children: Vec::new(),
                subject: None,
            }
        };
        sketches.into_iter().enumerate().map(image).collect()
    })
}

const DAY: i64 = 86_400_000;

/// The same with a few indexes and referrers among them.
fn families(step: i64) -> impl Strategy<Value = Vec<Image>> {
    let links = vec((0..12_usize, 0..12_usize), 0..=4);
    (images(step), links.clone(), links).prop_map(|(mut images, children, subjects)| {
        for (parent, child) in children
            .into_iter()
            .filter(|(parent, child)| parent != child)
        {
            images
                .iter_mut()
                .skip(parent)
                .take(1)
                .for_each(|image| image.children.push(name(child)));
        }
        for (referrer, subject) in subjects
            .into_iter()
            .filter(|(referrer, subject)| referrer != subject)
        {
            images
                .iter_mut()
                .skip(referrer)
                .take(1)
                .for_each(|image| image.subject = Some(name(subject)));
        }
        images
    })
}

fn push() -> impl Strategy<Value = Push> {
    let tags = select(vec![
        vec!["a9"],
        vec!["b9"],
        vec!["zz"],
        vec!["inuse-9", "b9"],
        vec![],
    ]);
    (tags, 0..=2_u32).prop_map(|(tags, children)| Push {
        children,
        ..Push::tagged(&tags)
    })
}

/// The repository after so many further pushes, a minute apart.
fn after(images: &[Image], push: &Push, count: u32) -> Vec<Image> {
    let new =
        |id: String, tags: Vec<String>, time: Timestamp| Image::pushed(digest(&id), tags, time);
    let mut images = images.to_vec();
    for round in 1..=count {
        let time = NOW.plus_milliseconds(60_000 * i64::from(round));
        let children: Vec<Image> = (0..push.children)
            .map(|child| new(format!("c{round}-{child}"), Vec::new(), time))
            .collect();
        let mut index = new(
            format!("n{round}"),
            push.tags.clone(),
            time.plus_milliseconds(2000),
        );
        index.children = children.iter().map(|child| child.digest.clone()).collect();
        images.extend(children);
        images.push(index);
    }
    images
}

fn digests(marked: &[Marked]) -> BTreeSet<Digest> {
    marked.iter().map(|mark| mark.digest.clone()).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_image_is_acted_on_by_its_governing_rule_or_by_none(policy in policy(), images in families(DAY)) {
        let fates = fates(&policy, &images, &Push::default(), NOW);
        for hypotheses in Hypotheses::all() {
            let marked = evaluate_under(hypotheses, &policy, &images, NOW);
            prop_assert_eq!(digests(&marked).len(), marked.len());
            for mark in marked {
                let fate = fates.iter().find(|fate| fate.digest == mark.digest).unwrap();
                prop_assert_eq!(fate.governing.map(|governing| (governing.rule, governing.action)), Some((mark.rule, mark.action)));
            }
        }
    }

    #[test]
    fn lowering_a_count_is_like_pushing(policy in policy(), images in families(DAY), push in push(), count in 1..=4_u32) {
        let push = Push { children: 0, ..push };
        let lowered = lower(&policy, count, &push.tags);
        let stopped_at_one = |rule: &Rule| rule.keep().is_some_and(|keep| keep <= count) && rule.selection.matches(&push.tags);
        prop_assume!(!policy.rules().iter().any(stopped_at_one));
        let mut pushed = evaluate(&policy, &after(&images, &push, count), NOW);
        pushed.retain(|mark| images.iter().any(|image| image.digest == mark.digest));
        prop_assert_eq!(evaluate(&lowered, &images, NOW), pushed);
    }

    #[test]
    fn a_shielded_image_is_never_acted_on_and_keeps_its_place(policy in policy(), images in families(DAY), at in 0..10_usize) {
        prop_assume!(images.get(at).is_some_and(|image| !image.tags.is_empty() && image.storage_class == StorageClass::Standard));
        let shield = Rule {
            priority: 1,
            description: None,
            selection: Selection::Tagged(TagList::Patterns(vec!["shield".to_owned()])),
            limit: Limit::ImageCountMoreThan(9999),
            action: Action::Expire,
        };
        let shielded_policy = numbered([vec![shield], policy.rules().to_vec()].concat(), 0);
        let mut shielded = images.clone();
        shielded[at].tags.push("shield".to_owned());
        let mut before = evaluate(&policy, &images, NOW);
        before.retain(|mark| mark.digest != images[at].digest);
        prop_assert_eq!(evaluate(&shielded_policy, &shielded, NOW), before);
        let fate = &fates(&shielded_policy, &shielded, &Push::tagged(&["a9", "b9"]), NOW)[at];
        prop_assert_eq!(fate.pushes_left, PushesLeft::Never);
    }

    #[test]
    fn an_image_no_rule_selects_changes_nothing(policy in policy(), images in families(DAY), at in 0..10_i64) {
        let mut stranger = after(&[], &Push::tagged(&["zz"]), 1).remove(0);
        stranger.pushed_at = NOW.plus_milliseconds(-at * DAY - DAY / 2);
        prop_assume!(policy.rules().iter().all(|rule| !rule.selection.matches(&stranger.tags)));
        let mut more = images.clone();
        more.insert(images.len() / 2, stranger);
        for hypotheses in Hypotheses::all() {
            prop_assert_eq!(evaluate_under(hypotheses, &policy, &more, NOW), evaluate_under(hypotheses, &policy, &images, NOW));
        }
        prop_assert_eq!(bounds(&policy, &more, NOW), bounds(&policy, &images, NOW));
    }

    #[test]
    fn pushes_left_is_what_pushing_step_by_step_finds(policy in policy(), images in images(DAY), push in push()) {
        let steps: Vec<Vec<Image>> = (0..=MANY).map(|count| after(&images, &push, count)).collect();
        let marked = |children_counted: bool| -> Vec<BTreeSet<Digest>> {
            let hypotheses = Hypotheses { children_counted, ..Hypotheses::default() };
            steps.iter().map(|images| digests(&evaluate_under(hypotheses, &policy, images, NOW))).collect()
        };
        let (worst, best) = (marked(true), marked(false));
        for fate in fates(&policy, &images, &push, NOW) {
            let first = |steps: &[BTreeSet<Digest>]| steps.iter().position(|step| step.contains(&fate.digest)).map(|step| step as u64);
            let expected = match (first(&worst), first(&best)) {
                (None, _) => PushesLeft::Never,
                (Some(0), Some(0)) => PushesLeft::AlreadyMarked,
                (Some(min), max) => PushesLeft::Pushes { min, max },
            };
            if let PushesLeft::Date { expires_at } = fate.pushes_left {
                prop_assert_eq!(expected, PushesLeft::Never);
                let marked_at = |now| digests(&evaluate(&policy, &images, now)).contains(&fate.digest);
                prop_assert!(!marked_at(expires_at) && marked_at(expires_at.plus_milliseconds(1)));
            } else {
                prop_assert_eq!(fate.pushes_left, expected);
            }
        }
    }

    #[test]
    fn an_outlook_is_the_fate_under_pushes_that_the_rule_selects(policy in policy(), images in families(DAY)) {
        let marked: Vec<Marked> = marks(&policy, &images, NOW);
        for (image, outlook) in images.iter().zip(outlooks(&policy, &images, NOW)) {
            let mark = marked.iter().find(|mark| mark.digest == outlook.digest);
            prop_assert_eq!(outlook.action, mark.map(|mark| mark.action));
            if let Some(mark) = mark {
                prop_assert_eq!(outlook.rule, Some(mark.rule));
            }
            // A push with the image's own tags and nothing else is one that its rule selects.
            let tags: Vec<&str> = image.tags.iter().map(String::as_str).collect();
            let fate = fates(&policy, &images, &Push::tagged(&tags), NOW).into_iter().find(|fate| fate.digest == outlook.digest).unwrap();
            let expected = match (outlook.pushes, outlook.expires_at) {
                (Some(pushes), _) if pushes.max == Some(0) => PushesLeft::AlreadyMarked,
                (Some(pushes), _) => PushesLeft::Pushes { min: pushes.min, max: pushes.max },
                (None, Some(moment)) if NOW > moment => PushesLeft::AlreadyMarked,
                (None, Some(expires_at)) => PushesLeft::Date { expires_at },
                (None, None) => PushesLeft::Never,
            };
            prop_assert_eq!(fate.pushes_left, expected);
        }
    }

    #[test]
    fn bounds_are_the_union_and_the_intersection_of_all_hypotheses(policy in policy(), images in families(DAY)) {
        let all: Vec<BTreeSet<Digest>> =
            Hypotheses::all().into_iter().map(|hypotheses| digests(&evaluate_under(hypotheses, &policy, &images, NOW))).collect();
        let union: BTreeSet<Digest> = all.iter().flatten().cloned().collect();
        let intersection: BTreeSet<Digest> = union.iter().filter(|digest| all.iter().all(|marked| marked.contains(digest))).cloned().collect();
        let bounds = bounds(&policy, &images, NOW);
        prop_assert_eq!((digests(&bounds.certain), digests(&bounds.possible)), (intersection, union));
    }

    #[test]
    fn bounds_hold_in_every_order_of_ties(policy in policy(), images in families(400), shifts in vec(-499..=499_i64, 10)) {
        let bounds = bounds(&policy, &images, NOW);
        let mut shifted = images.clone();
        for (image, shift) in shifted.iter_mut().zip(shifts) {
            image.pushed_at = image.pushed_at.plus_milliseconds(shift);
            image.activated_at = image.activated_at.map(|time| time.plus_milliseconds(shift));
        }
        // Ages stay whole days away from every limit, so that only the order changes.
        let marked = digests(&evaluate(&policy, &shifted, NOW));
        prop_assert!(digests(&bounds.certain).is_subset(&marked) && marked.is_subset(&digests(&bounds.possible)));
    }

    #[test]
    fn the_order_of_the_listing_does_not_matter(policy in policy(), images in families(DAY)) {
        let reversed: Vec<Image> = images.iter().rev().cloned().collect();
        prop_assert_eq!(evaluate(&policy, &images, NOW), evaluate(&policy, &reversed, NOW));
        let mut fates_reversed = fates(&policy, &reversed, &Push::tagged(&["a9"]), NOW);
        fates_reversed.reverse();
        prop_assert_eq!(fates(&policy, &images, &Push::tagged(&["a9"]), NOW), fates_reversed);
    }
}
