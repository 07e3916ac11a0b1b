//! Two evaluators of lifecycle policies that were written apart, ours and the sandbox's, on random policies and images. They
//! share no code, so a misreading of AWS's text in one of them shows as a difference.

use std::collections::BTreeMap;

use demitasse::model::digest::Digest;
use demitasse::model::lifecycle::{
    Action, Image, Limit, Policy, Rule, Selection, StorageClass, TagList,
};
use demitasse::model::time::Timestamp;
use demitasse::plan::expiry::{self, Hypotheses, Marked};
use demitasse_sandbox::{Candidate, Time, Undocumented};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest::{option, prop_oneof};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY: i64 = 86_400_000;

#[test]
fn on_2_000_cases() {
    agree(2_000, 4);
}

#[test]
#[ignore = "two minutes: run it once after a change to one of the evaluators"]
fn on_100_000_cases() {
    agree(100_000, 20_261_120);
}

fn agree(cases: u32, seed: u64) {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let world = (rules(), any::<bool>(), vec(sketch(), 0..=12));
    let ran = TestRunner::new(config).run(&world, |(rules, reversed, sketches)| {
        let policy = text(rules, reversed);
        let images = images(&sketches);
        compare(&policy, &images);
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
}

/// Both on the same text, under each hypothesis that the sandbox knows, too.
fn compare(text: &str, images: &[Image]) {
    let policy: Policy = text.parse().expect("valid by our validator");
    let bounds = expiry::bounds(&policy, images, NOW);
    let (certain, possible) = (by_digest(&bounds.certain), by_digest(&bounds.possible));
    for (children, referrers) in [(false, false), (false, true), (true, false), (true, true)] {
        let hypotheses = Hypotheses {
            children_counted: children,
            referrers_counted: referrers,
            tagged_children_protected: true,
        };
        let undocumented = Undocumented {
            children_count: children,
            referrers_count: referrers,
            tie_lower_digest_is_older: false,
            ..Undocumented::draw(0)
        };
        let ours = expiry::evaluate_under(hypotheses, &policy, images, NOW);
        let ours = by_digest(&ours);
        let candidates: Vec<Candidate> = images
            .iter()
            .map(|image| candidate(image, images))
            .collect();
        let theirs = demitasse_sandbox::marks(text, &candidates, Time(NOW.0), &undocumented);
        let theirs = theirs.unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
        let about = || format!("{hypotheses:?}\n{text}\n{images:#?}");
        assert_eq!(ours, theirs, "ours, theirs: {}", about());
        let within = |few: &BTreeMap<String, u32>, many: &BTreeMap<String, u32>| {
            few.iter()
                .all(|(digest, rule)| many.get(digest) == Some(rule))
        };
        assert!(within(&certain, &theirs), "certain: {}", about());
        assert!(within(&theirs, &possible), "possible: {}", about());
    }
}

fn by_digest(marked: &[Marked]) -> BTreeMap<String, u32> {
    let marks = marked
        .iter()
        .map(|mark| (mark.digest.to_string(), mark.rule));
    let marks: BTreeMap<String, u32> = marks.collect();
    assert_eq!(marks.len(), marked.len(), "marked twice: {marked:?}");
    marks
}

/// The hypotheses are about referrers whose subject is there.
fn candidate(image: &Image, all: &[Image]) -> Candidate {
    let time = |time: Timestamp| Time(time.0);
    let subject = image.subject.as_ref();
    Candidate {
        id: image.digest.to_string(),
        tags: image.tags.clone(),
        pushed_at: time(image.pushed_at),
        pulled_at: image.pulled_at.map(time),
        activated_at: image.activated_at.map(time),
        archived_at: image.archived_at.map(time),
        is_archived: image.storage_class == StorageClass::Archive,
        children: image.children.iter().map(ToString::to_string).collect(),
        is_referrer: subject.is_some_and(|subject| all.iter().any(|one| one.digest == *subject)),
    }
}

fn word(characters: &'static str, longest: usize) -> impl Strategy<Value = String> {
    let characters: Vec<char> = characters.chars().collect();
    vec(select(characters), 1..=longest).prop_map(String::from_iter)
}

fn pattern() -> impl Strategy<Value = String> {
    let few = |text: &String| text.matches('*').count() <= 4;
    word("ab1*-.", 5).prop_filter("at most four wildcards", few)
}

fn selection() -> impl Strategy<Value = Selection> {
    let patterns = |list: Vec<String>| Selection::Tagged(TagList::Patterns(list));
    prop_oneof![
        1 => Just(Selection::Any),
        1 => Just(Selection::Untagged),
        1 => Just(patterns(vec!["*".to_owned()])),
        3 => vec(pattern(), 1..=3).prop_map(patterns),
        2 => vec(word("ab1-*", 2), 1..=2).prop_map(|list| Selection::Tagged(TagList::Prefixes(list))),
    ]
}

fn effect() -> impl Strategy<Value = (Limit, Action)> {
    prop_oneof![
        4 => (1..=6_u32, any::<bool>()).prop_map(|(count, archive)| {
            (Limit::ImageCountMoreThan(count), if archive { Action::Transition } else { Action::Expire })
        }),
        2 => (1..=20_u32).prop_map(|days| (Limit::SinceImagePushed(days), Action::Expire)),
        1 => (1..=20_u32).prop_map(|days| (Limit::SinceImagePushed(days), Action::Transition)),
        1 => (1..=20_u32).prop_map(|days| (Limit::SinceImagePulled(days), Action::Transition)),
        2 => (90..=110_u32).prop_map(|days| (Limit::SinceImageTransitioned(days), Action::Expire)),
    ]
}

/// Rules that ECR takes together: within a storage class `any` is last, `untagged` and each set of entries stand once.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    vec((selection(), effect(), 1..=5_u32), 1..=8).prop_map(|drawn| {
        let mut rules: Vec<Rule> = Vec::new();
        for (selection, (limit, action), _) in &drawn {
            let rule = Rule {
                priority: 0,
                description: None,
                selection: selection.clone(),
                limit: *limit,
                action: *action,
            };
            if rules.iter().all(|other| !clash(&rule, other)) {
                rules.push(rule);
            }
        }
        rules.sort_by_key(|rule| rule.selection == Selection::Any);
        let mut priority = 0;
        for (rule, (_, _, gap)) in rules.iter_mut().zip(&drawn) {
            priority += gap;
            rule.priority = priority;
        }
        rules
    })
}

fn clash(one: &Rule, other: &Rule) -> bool {
    let entries = |rule: &Rule| match &rule.selection {
        Selection::Tagged(list) => {
            let mut entries = list.entries().to_vec();
            entries.sort();
            entries.dedup();
            Some(entries)
        }
        Selection::Any | Selection::Untagged => None,
    };
    one.storage_class() == other.storage_class()
        && (one.selection == other.selection
            || entries(one).is_some() && entries(one) == entries(other))
}

/// The rules as text; their order in it means nothing.
fn text(rules: Vec<Rule>, reversed: bool) -> String {
    let printed = Policy::new(rules).to_json();
    if !reversed {
        return printed;
    }
    let mut value: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    value["rules"].as_array_mut().expect("a list").reverse();
    value.to_string()
}

#[derive(Debug, Clone)]
struct Sketch {
    name: u32,
    tags: Vec<String>,
    pushed: i64,
    restored: Option<i64>,
    pulled: Option<i64>,
    archived: Option<i64>,
    in_archive: bool,
    children: Vec<usize>,
    subject: Option<usize>,
}

/// Ages come in half days and one millisecond beside them, so that ties and exact limits are frequent.
fn age() -> impl Strategy<Value = i64> {
    (0..=44_i64, -1..=1_i64).prop_map(|(halves, beside)| halves * DAY / 2 + beside)
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let tags = prop_oneof![1 => Just(Vec::new()), 3 => vec(word("ab1-.", 4), 1..=3)];
    let archived = option::weighted(
        0.3,
        (85 * 2..=115 * 2_i64).prop_map(|halves| halves * DAY / 2),
    );
    let children = prop_oneof![4 => Just(Vec::new()), 1 => vec(0..12_usize, 1..=3)];
    (
        any::<u32>(),
        tags,
        (age(), option::weighted(0.2, age()), option::of(age())),
        archived,
        any::<bool>(),
        children,
        option::weighted(0.15, 0..14_usize),
    )
        .prop_map(
            |(name, tags, (pushed, restored, pulled), archived, in_archive, children, subject)| {
                Sketch {
                    name,
                    tags,
                    pushed,
                    restored,
                    pulled,
                    archived,
                    in_archive,
                    children,
                    subject,
                }
            },
        )
}

fn images(sketches: &[Sketch]) -> Vec<Image> {
    let digest = |at: usize| {
        let name = sketches.get(at).map_or(0, |sketch| sketch.name);
        Digest::of(format!("{name} {at}").as_bytes())
    };
    let ago = |age: i64| NOW.plus_milliseconds(-age);
    let image = |(at, sketch): (usize, &Sketch)| Image {
        digest: digest(at),
        tags: sketch.tags.clone(),
        pushed_at: ago(sketch.pushed),
        activated_at: sketch.restored.map(ago),
        pulled_at: sketch.pulled.map(ago),
        archived_at: sketch.archived.map(ago),
        storage_class: if sketch.in_archive && sketch.archived.is_some() {
            StorageClass::Archive
        } else {
            StorageClass::Standard
        },
        restoring: false,
        children: sketch
            .children
            .iter()
            .filter(|&&child| child != at)
            .map(|&child| digest(child))
            .collect(),
        subject: sketch.subject.filter(|&subject| subject != at).map(digest),
    };
    let mut images: Vec<Image> = sketches.iter().enumerate().map(image).collect();
    // Whether a referrer that an index lists is treated as one or as the other is nobody's hypothesis.
    let listed: Vec<Digest> = images
        .iter()
        .flat_map(|image| image.children.clone())
        .collect();
    for image in images
        .iter_mut()
        .filter(|image| listed.contains(&image.digest))
    {
        image.subject = None;
    }
    images
}
