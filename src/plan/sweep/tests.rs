//! Each reason to stay, what speaks against a sweep as a whole, and the order in which the rest goes.

use crate::model::digest::Digest;
use crate::model::reference::Tag;
use crate::model::usage::{Service, Source, Usage};
use crate::plan::sweep::samples::{World, repository, stage_of};
use crate::plan::sweep::{Circumstances, Ratio, Refusal, batches, dropped, refusals, taken};

#[test]
fn only_what_is_old_and_unprotected_goes() {
    let mut world = World::default();
    let used = world.image("used", &["v1"], 400);
    let pinned = world.image("pinned", &[], 400);
    let pin = Tag::pin(&pinned).to_string();
    world.images[1].tags = vec![pin];
    let young = world.image("young", &["v3"], 29);
    let restored = world.image("restored", &["v4"], 400);
    world.images[3].activated_at = Some(world.images[2].pushed_at);
    let late = world.image("late", &["v5"], 400);
    world.late(&late);
    let archived = world.image("archived", &["v6"], 400);
    world.archive(&archived);
    let chart = world.artifact(
        "chart",
        &["v7"],
        400,
        "application/vnd.cncf.helm.config.v1+json",
    );
    let old = world.image("old", &["v8"], 31);
    let exactly = world.image("exactly", &["v9"], 30);
    world.use_digest(&used);
    let verdicts = world.verdicts();
    let check = |digest: &Digest, expected: Option<&str>| {
        assert_eq!(verdicts[digest], expected);
    };
    check(&used, Some("protected"));
    check(&pinned, Some("pinned"));
    check(&young, Some("young"));
    check(&restored, Some("young"));
    check(&late, Some("late"));
    check(&archived, Some("archived"));
    check(&chart, Some("unknown-kind"));
    check(&exactly, Some("young"));
    check(&old, None);
}

#[test]
fn the_newest_standalone_tagged_images_stay() {
    let mut world = World::default();
    world.rules.keep = 2;
    let child = world.image("child", &["v1-amd64"], 40);
    let index = world.index("index", &["v1"], 41, &[&child]);
    let tag = format!("sha256-{}.sig", index.hex());
    let signature = world.image("signature", &[&tag], 40);
    let untagged = world.image("untagged", &[], 40);
    let second = world.image("second", &["v2"], 50);
    let third = world.image("third", &["v3"], 60);
    let verdicts = world.verdicts();
    assert_eq!(verdicts[&index], Some("newest"));
    assert_eq!(verdicts[&second], Some("newest"));
    assert_eq!(verdicts[&child], Some("child"), "takes no place");
    assert_eq!(verdicts[&signature], Some("referrer"), "takes no place");
    assert_eq!(verdicts[&untagged], None);
    assert_eq!(verdicts[&third], None);
}

#[test]
fn an_index_that_stays_keeps_what_it_lists_at_any_depth() {
    let mut world = World::default();
    let amd = world.image("amd", &[], 400);
    let inner = world.index("inner", &[], 400, &[&amd]);
    let outer = world.index("outer", &["v1"], 10, &[&inner]);
    let other = world.image("other", &[], 400);
    let gone = world.index("gone", &["v0"], 400, &[&amd, &other]);
    let verdicts = world.verdicts();
    assert_eq!(verdicts[&outer], Some("young"));
    assert_eq!(verdicts[&inner], Some("child"));
    assert_eq!(verdicts[&amd], Some("child"), "another index lists it too");
    assert_eq!((verdicts[&gone], verdicts[&other]), (None, None));
}

#[test]
fn the_index_of_a_protected_untagged_image_stays_with_all_it_lists() {
    let mut world = World::default();
    let (amd, arm) = (world.image("amd", &[], 400), world.image("arm", &[], 400));
    let index = world.index("index", &["v1"], 400, &[&amd, &arm]);
    world.use_digest(&amd);
    let verdicts = world.verdicts();
    assert_eq!(verdicts[&index], Some("protected"));
    assert_eq!(verdicts[&arm], Some("protected"));
    // The same for one that stays without being in use.
    let mut world = World::default();
    let amd = world.image("amd", &[], 400);
    let index = world.index("index", &["v1"], 400, &[&amd]);
    world.late(&amd);
    let verdicts = world.verdicts();
    assert_eq!(verdicts[&index], Some("index"));
}

#[test]
fn referrers_follow_their_subject_whatever_their_age() {
    let mut world = World::default();
    let kept = world.image("kept", &["v1"], 10);
    let old_sbom = world.referrer("old-sbom", 400, &kept);
    let of_sbom = world.referrer("of-sbom", 400, &old_sbom);
    let cosign = format!("sha256-{}.att", kept.hex());
    let attestation = world.image("attestation", &[&cosign], 400);
    let unknown_suffix = format!("sha256-{}.vex", kept.hex());
    let vex = world.image("vex", &[&unknown_suffix], 400);
    let gone = world.image("gone", &["v0"], 400);
    let young_sbom = world.referrer("young-sbom", 1, &gone);
    let lost = Digest::of(b"not here");
    let (dangling, young_dangling) = (
        world.referrer("dangling", 400, &lost),
        world.referrer("young-dangling", 1, &lost),
    );
    let verdicts = world.verdicts();
    for one in [&old_sbom, &of_sbom, &attestation, &vex] {
        assert_eq!(verdicts[one], Some("referrer"));
    }
    assert_eq!((verdicts[&gone], verdicts[&young_sbom]), (None, None));
    assert_eq!(verdicts[&dangling], None);
    assert_eq!(verdicts[&young_dangling], Some("young"));
}

#[test]
fn what_a_protected_referrer_refers_to_stays_because_it_would_take_the_referrer_along() {
    let mut world = World::default();
    let image = world.image("image", &["v1"], 400);
    let sbom = world.referrer("sbom", 400, &image);
    world.use_digest(&sbom);
    let verdicts = world.verdicts();
    assert_eq!(verdicts[&image], Some("subject"));
}

#[test]
fn an_untagged_image_beside_an_archived_one_may_belong_to_it() {
    let mut world = World::default();
    let child = world.image("child", &[], 400);
    let index = world.index("index", &["v1"], 400, &[&child]);
    let tagged = world.image("tagged", &["v2"], 400);
    world.archive(&index);
    let verdicts = world.verdicts();
    assert_eq!(verdicts[&child], Some("may-be-child"));
    assert_eq!(verdicts[&tagged], None);
}

#[test]
fn a_manifest_that_cannot_be_read_keeps_the_whole_repository() {
    let mut world = World::default();
    let old = world.image("old", &["v1"], 400);
    let strange = world.image("strange", &["v2"], 400);
    world.fail(&strange);
    let sweep = world.sweep();
    assert!(!sweep.repositories[0].readable);
    assert_eq!(sweep.going(), 0);
    assert_eq!(world.verdicts()[&old], Some("unread"));
    let codes: Vec<&str> = sweep.findings.iter().map(|one| one.kind.code()).collect();
    assert_eq!(codes, ["UNRESOLVED"]);
}

#[test]
fn a_second_look_never_adds_and_drops_what_is_needed_again() {
    let mut world = World::default();
    let child = world.image("child", &[], 400);
    let index = world.index("index", &["v1"], 400, &[&child]);
    let old = world.image("old", &["v0"], 400);
    let first = world.sweep();
    assert_eq!(first.going(), 3);
    world.use_digest(&index);
    let newcomer = world.image("newcomer", &["v2"], 400);
    let all = taken(&batches(&first));
    let dropped = dropped(&world.sweep_of(all.clone()), &all);
    let dropped = &dropped[&repository("fluentd/app")];
    let names: Vec<_> = [&index, &child].map(|one| dropped[one].name()).to_vec();
    assert_eq!(names, ["protected"; 2]);
    assert!(!dropped.contains_key(&old) && !dropped.contains_key(&newcomer));
}

fn usage(services: usize) -> Usage {
    Usage {
        services: vec![Service::default(); services],
        ..Usage::default()
    }
}

#[test]
fn everything_that_speaks_against_it_is_told() {
    let mut world = World::default();
    for number in 0..4 {
        world.image(&format!("old-{number}"), &[], 400);
    }
    let sweep = world.sweep();
    let mut usage = usage(0);
    usage.left_out.insert(Source::Scheduler);
    let usages = [usage];
    let seen = Circumstances {
        usages: &usages,
        findings: &[],
        left_out_by_flag: true,
    };
    let found = refusals(&seen, &sweep, &world.rules);
    let codes: Vec<&str> = found.iter().map(Refusal::code).collect();
    assert_eq!(codes, ["NO_SERVICES", "LEFT_OUT_BY_FLAG", "TOO_MANY"]);
    world.rules.allow_empty = true;
    world.rules.max_ratio = Ratio(10_000);
    let seen = Circumstances {
        left_out_by_flag: false,
        ..seen
    };
    assert_eq!(refusals(&seen, &sweep, &world.rules), []);
}

#[test]
fn more_than_the_ratio_is_too_much_and_the_ratio_itself_is_not() {
    let check = |ratio: &str, part: usize, of: usize, exceeded: bool| {
        let ratio: Ratio = ratio.parse().expect(ratio);
        assert_eq!(ratio.is_exceeded(part, of), exceeded, "{part} of {of}");
    };
    check("0.5", 2, 4, false);
    check("0.5", 3, 4, true);
    check("0.3", 3, 10, false);
    check("0", 0, 0, false);
    check("0", 1, 1, true);
    check("1", 5, 5, false);
    for wrong in ["", "half", "-0.1", "1.1", "NaN", "50%"] {
        assert!(wrong.parse::<Ratio>().is_err(), "{wrong}");
    }
}

#[test]
fn referrers_go_before_images_and_indexes_before_what_they_list() {
    let mut world = World::default();
    let amd = world.image("amd", &[], 400);
    let signature = world.referrer("signature", 300, &amd);
    let inner = world.index("inner", &[], 400, &[&amd]);
    let outer = world.index("outer", &["v1"], 400, &[&inner]);
    let sbom = world.referrer("sbom", 300, &outer);
    let at = stage_of(&world.sweep());
    assert!(at[&sbom] < at[&outer]);
    assert!(at[&outer] < at[&inner]);
    assert!(at[&inner] < at[&amd]);
    assert!(at[&signature] < at[&amd]);
}

#[test]
fn a_batch_has_at_most_100_images_the_oldest_first() {
    let mut world = World::default();
    for number in 0..250 {
        world.image(&format!("old-{number}"), &[], 400 + number);
    }
    let all = batches(&world.sweep());
    let sizes: Vec<usize> = all.iter().map(|batch| batch.digests.len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(all[0].digests[0], world.images[249].digest);
    assert_eq!(all[2].digests[49], world.images[0].digest);
}

#[test]
fn images_whose_tags_name_each_other_still_go() {
    let mut world = World::default();
    let (one, other) = (world.image("one", &[], 400), world.image("other", &[], 400));
    world.images[0].tags = vec![format!("sha256-{}", other.hex())];
    world.images[1].tags = vec![format!("sha256-{}", one.hex())];
    assert_eq!(stage_of(&world.sweep()).len(), 2);
}
