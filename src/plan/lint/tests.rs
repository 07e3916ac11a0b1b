//! A case for each lint, and one beside it that must stay silent.

use std::collections::BTreeSet;

use super::Code;
use super::Known;
use super::Severity;
use super::lint;
use super::refused;
use crate::model::digest::Digest;
use crate::model::inventory::Mutability;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Policy;
use crate::model::reference::Tag;
use crate::model::time::Timestamp;
use crate::plan::policy::installed;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Rules as `SELECTION LIMIT`: `untagged`, `any` or a list of patterns with `+`; `=30` (count), `>30` (days since pushed), `~30` (days since pulled,
/// archive), `!30` (days since pushed, archive).
fn policy(rules: &[&str]) -> Policy {
    let rule = |(index, rule): (usize, &&str)| {
        let (selection, limit) = rule.split_once(' ').unwrap();
        let status = match selection {
            "any" | "untagged" => format!(r#""tagStatus":"{selection}""#),
            list => format!(
                r#""tagStatus":"tagged","tagPatternList":["{}"]"#,
                list.replace('+', "\",\"")
            ),
        };
        let (kind, number) = limit.split_at(1);
        let expire = r#""type":"expire""#;
        let archive = r#""type":"transition","targetStorageClass":"archive""#;
        let (count, action) = match kind {
            "=" => (r#""countType":"imageCountMoreThan""#, expire),
            ">" => (
                r#""countType":"sinceImagePushed","countUnit":"days""#,
                expire,
            ),
            "~" => (
                r#""countType":"sinceImagePulled","countUnit":"days""#,
                archive,
            ),
            "!" => (
                r#""countType":"sinceImagePushed","countUnit":"days""#,
                archive,
            ),
            _ => panic!("{limit}"),
        };
        format!(
            r#"{{"rulePriority":{},"selection":{{{status},{count},"countNumber":{number}}},"action":{{{action}}}}}"#,
            index + 1
        )
    };
    let rules: Vec<String> = rules.iter().enumerate().map(rule).collect();
    format!(r#"{{"rules":[{}]}}"#, rules.join(","))
        .parse()
        .unwrap()
}

/// Images a day apart, the newest first; `-` is untagged, several tags are joined by `+`.
fn images(tags: &[&str]) -> Vec<Image> {
    let image = |(index, tags): (usize, &&str)| {
        let digest = Digest::of(format!("{index}").as_bytes());
        let pin = Tag::pin(&digest);
        let tags = tags.split('+').filter(|tag| *tag != "-");
        let filled = |tag: &str| match tag {
            "PIN" => pin.to_string(),
            tag => tag.to_owned(),
        };
        let days = i64::try_from(index).unwrap();
        let at = NOW.plus_milliseconds(-86_400_000 * days);
        Image::pushed(digest, tags.map(filled).collect(), at)
    };
    tags.iter().enumerate().map(image).collect()
}

fn mutability(immutable: bool, exclusions: &[&str]) -> Mutability {
    Mutability {
        immutable,
        exclusions: exclusions.iter().map(|&filter| filter.to_owned()).collect(),
    }
}

fn check_known(rules: &[&str], known: &Known<'_>, expected: &[(Code, Severity)]) {
    let findings = lint(&policy(rules), known, NOW);
    let found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.code, finding.severity))
        .collect();
    assert_eq!(found, expected, "{rules:?}\n{findings:#?}");
}

fn check(rules: &[&str], expected: &[(Code, Severity)]) {
    check_known(rules, &Known::default(), expected);
}

fn check_images(rules: &[&str], tags: &[&str], expected: &[(Code, Severity)]) {
    let images = images(tags);
    let known = Known {
        images: Some(&images),
        ..Known::default()
    };
    check_known(rules, &known, expected);
}

#[test]
fn our_own_policy_is_clean() {
    let images = images(&["v3", "v2+PIN", "-", "v1"]);
    for keep in [4, 30, 200, 9999] {
        let ours = installed(keep);
        assert_eq!(lint(&ours, &Known::default(), NOW), []);
        let frozen = mutability(true, &["inuse-*"]);
        let known = Known {
            images: Some(&images),
            mutability: Some(&frozen),
            present: Some(Some(&ours)),
            ..Known::default()
        };
        assert_eq!(lint(&ours, &known, NOW), []);
    }
}

#[test]
fn l1_lists_are_and() {
    let rules = &["prod+staging =9"];
    check(rules, &[(Code::ListIsAnd, Severity::Warning)]);
    check_images(
        rules,
        &["prod", "staging"],
        &[(Code::ListIsAnd, Severity::Error)],
    );
    check_images(
        rules,
        &["prod+staging"],
        &[(Code::ListIsAnd, Severity::Warning)],
    );
    check(&["prod+prod =9"], &[]);
}

#[test]
fn l2_dead_rules() {
    let dead = (Code::DeadRule, Severity::Warning);
    check(&["* =9", "prod* =3"], &[dead]);
    check(&["prod* =9", "* =3"], &[]);
    check_images(&["sha256.* =9"], &["sha256-1", "v1"], &[dead]);
    check_images(&["sha256* =9"], &["sha256-1", "v1"], &[]);
    check_images(&["v* =9"], &[], &[]);
    check_images(&["inuse-* =9999", "* =9"], &["v1"], &[]);
}

#[test]
fn l3_untagged_where_tags_move() {
    let found = |rules: &[&str], mutability: Mutability, expected: &[(Code, Severity)]| {
        let known = Known {
            mutability: Some(&mutability),
            ..Known::default()
        };
        check_known(rules, &known, expected);
    };
    let rules = &["* =9", "untagged >30"];
    found(
        rules,
        mutability(false, &[]),
        &[(Code::UntaggedWhereTagsMove, Severity::Error)],
    );
    found(
        rules,
        mutability(true, &["latest"]),
        &[(Code::UntaggedWhereTagsMove, Severity::Error)],
    );
    found(rules, mutability(true, &[]), &[]);
    found(rules, mutability(true, &["inuse-*"]), &[]);
    let shielded = &["inuse-* =9999", "* =9", "untagged >30"];
    found(
        shielded,
        mutability(false, &[]),
        &[(Code::UntaggedWhereTagsMove, Severity::Info)],
    );
}

#[test]
fn l4_age_without_floor() {
    check(&["any >90"], &[(Code::AgeWithoutFloor, Severity::Error)]);
    check(&["* >90"], &[(Code::AgeWithoutFloor, Severity::Error)]);
    check(
        &["dev-* >90"],
        &[(Code::AgeWithoutFloor, Severity::Warning)],
    );
    check(&["* =9", "untagged >30"], &[]);
}

#[test]
fn l5_one_count_for_several() {
    let known = |families, is_common| Known {
        families,
        is_common,
        ..Known::default()
    };
    let shared = |severity| vec![(Code::SharedCount, severity)];
    check_known(&["* =30"], &known(Some(2), false), &shared(Severity::Error));
    check_known(&["* =30"], &known(Some(1), true), &[]);
    check_known(&["* =30"], &known(None, true), &shared(Severity::Warning));
    check_known(&["* =200"], &known(None, true), &[]);
    check_known(&["* =30"], &known(None, false), &[]);
    check_known(&["app-* =30", "worker-* =30"], &known(Some(2), false), &[]);
}

#[test]
fn l6_keeps_too_few() {
    let tags = ["v5", "v4", "v3", "v2+PIN", "v1"];
    let near = (Code::KeepsTooFew, Severity::Error);
    check_images(&["* =6"], &tags, &[near]);
    check_images(&["* =7"], &tags, &[]);
    check_images(&["inuse-* =9999", "* =6"], &tags, &[]);
    let images = images(&tags);
    let known = Known {
        images: Some(&images),
        in_use: BTreeSet::from([images[4].digest.clone()]),
        ..Known::default()
    };
    check_known(&["inuse-* =9999", "* =7"], &known, &[near]);
    check_known(&["inuse-* =9999", "* =8"], &known, &[]);
}

#[test]
fn l7_archives() {
    check(&["any ~90"], &[(Code::Archives, Severity::Error)]);
    check(&["* !90"], &[(Code::Archives, Severity::Error)]);
    check(&["untagged !90"], &[(Code::Archives, Severity::Warning)]);
}

#[test]
fn l8_l9_l10_what_ecr_refuses() {
    let check = |rules: &str, expected: &[Code]| {
        let text = format!("{:100}", format!(r#"{{"rules":[{rules}]}}"#));
        let invalid = text.parse::<Policy>().unwrap_err();
        let found: Vec<Code> = refused(&invalid)
            .iter()
            .map(|finding| finding.code)
            .collect();
        assert_eq!(found, expected, "{invalid}");
    };
    let rule = |priority: u32, selection: &str| {
        format!(
            r#"{{"rulePriority":{priority},"selection":{{{selection},"countType":"imageCountMoreThan","countNumber":1}},"action":{{"type":"expire"}}}}"#
        )
    };
    let (any, untagged) = (r#""tagStatus":"any""#, r#""tagStatus":"untagged""#);
    check(
        &format!("{},{}", rule(1, any), rule(2, untagged)),
        &[Code::AnyNotLast],
    );
    check(
        &rule(
            1,
            r#""tagStatus":"tagged","tagPatternList":["a*b*c*d*e*f"]"#,
        ),
        &[Code::TagList],
    );
    check(
        &rule(
            1,
            r#""tagStatus":"tagged","tagPatternList":["a"],"tagPrefixList":["b"]"#,
        ),
        &[Code::TagList],
    );
    check(
        &format!("{},{}", rule(1, untagged), rule(2, untagged)),
        &[Code::Refused],
    );
    check("// no", &[Code::Refused]);
}

#[test]
fn l11_children_counted() {
    let counted = (Code::ChildrenCounted, Severity::Warning);
    check(&["any =30"], &[counted]);
    check_images(&["any =30"], &["v1", "-"], &[counted]);
    check_images(&["any =30"], &["v1"], &[]);
}

#[test]
fn l12_signatures_counted() {
    let signature = format!("sha256-{}.sig", "a".repeat(64));
    check_images(
        &["* =30"],
        &["v1", &signature],
        &[(Code::SignaturesCounted, Severity::Warning)],
    );
    check_images(&["v* =30"], &["v1", &signature], &[]);
    check_images(&["* =30"], &["v1", "sha256-a.sig"], &[]);
}

#[test]
fn l13_untagged_too_soon() {
    let soon = (Code::UntaggedTooSoon, Severity::Warning);
    check(&["untagged >13"], &[soon]);
    check(&["untagged >14"], &[]);
    check(&["untagged =1"], &[soon]);
}

#[test]
fn l14_pin_shadowed() {
    check(
        &["v* =30", "inuse-* =9999"],
        &[(Code::PinShadowed, Severity::Error)],
    );
    check(&["rollback-* =9999", "inuse-* =9999", "v* =30"], &[]);
}

#[test]
fn l15_a_fixed_tag_cannot_move() {
    let found = |rules: &[&str], mutability: Mutability, expected: &[(Code, Severity)]| {
        let known = Known {
            mutability: Some(&mutability),
            ..Known::default()
        };
        check_known(rules, &known, expected);
    };
    let rules = &["deployed =9999", "* =30"];
    found(
        rules,
        mutability(true, &[]),
        &[(Code::FixedTagImmutable, Severity::Error)],
    );
    found(rules, mutability(true, &["deployed"]), &[]);
    found(rules, mutability(false, &[]), &[]);
    found(&["inuse-* =9999", "* =30"], mutability(true, &[]), &[]);
}

#[test]
fn l16_few_pins() {
    let low = (Code::PinCountLow, Severity::Warning);
    check(&["inuse-* =100", "* =30"], &[low]);
    check(&["inuse-* =1000", "* =30"], &[]);
    let pinned: Vec<&str> = vec!["PIN"; 501];
    check_images(&["inuse-* =1000", "* =600"], &pinned, &[low]);
}

#[test]
fn l17_narrower_than_the_present() {
    let images = images(&["v3", "v2", "v1"]);
    let present = policy(&["* =3"]);
    let known = |present| Known {
        images: Some(&images),
        present,
        ..Known::default()
    };
    let narrower = [(Code::Narrower, Severity::Warning)];
    check_known(&["* =2"], &known(Some(Some(&present))), &narrower);
    check_known(&["* =2"], &known(Some(None)), &narrower);
    check_known(&["* =4"], &known(Some(Some(&present))), &[]);
    check_known(&["* =2"], &known(None), &[]);
}

#[test]
fn l18_orphans_stay() {
    let orphans = (Code::OrphansStay, Severity::Info);
    check_images(&["* =30"], &["v1", "-"], &[orphans]);
    check_images(&["* =30", "untagged >30"], &["v1", "-"], &[]);
    check_images(&["* =30"], &["v1"], &[]);
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), 18);
}
