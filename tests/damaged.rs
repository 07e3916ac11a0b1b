//! Texts that nobody meant: the files of the fixture projects, cut, doubled, mixed and spoiled, and image references made of pieces. Whatever
//! comes of them, it is a value or an error, never a panic, and soon. `DEMITASSE_DAMAGED` says how many of each (256 otherwise).

#![expect(clippy::disallowed_methods, reason = "a test reads its own fixtures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use demitasse::ecspresso::{Depth, Reader, Reading, Settings};
use demitasse::model::failure::{Failure, FailureKind};
use demitasse::model::lookup::Answers;
use demitasse::model::reference::{Reference, Registry};
use proptest::prelude::*;

/// Longer than any of these may take, on a machine that is busy with others.
const SOON: Duration = Duration::from_secs(20);

/// One thing that is done to a text, at a place in it in thousandths.
#[derive(Clone, Debug)]
enum Damage {
    /// What stands there until the other place is taken out.
    Cut(u16, u16),
    /// It stands there twice.
    Double(u16, u16),
    /// It is moved to the beginning.
    Move(u16, u16),
    /// A piece is put in.
    Insert(u16, usize),
    /// A byte becomes another one, so that the text may be no UTF-8.
    Spoil(u16, u8),
}

const PIECES: [&str; 24] = [
    "{{",
    "}}",
    "{{ env `A` `b` }}",
    "{{ must_env `NO` }}",
    "{{ end }}",
    "{{ range 3 }}",
    "{{ define \"x\" }}",
    "\"",
    "'",
    "\\u0000",
    "\n",
    "\r\n",
    "\u{feff}",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "{",
    "]",
    "importstr '/dev/null'",
    "std.native('env')('A', 'b')",
    "=",
    "\u{1F600}",
];

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let place = || 0..1000_u16;
    let one = prop_oneof![
        (place(), place()).prop_map(|(one, other)| Damage::Cut(one, other)),
        (place(), place()).prop_map(|(one, other)| Damage::Double(one, other)),
        (place(), place()).prop_map(|(one, other)| Damage::Move(one, other)),
        (place(), 0..PIECES.len()).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Spoil(at, byte)),
    ];
    prop::collection::vec(one, 1..5)
}

fn damaged(text: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut text = text.to_vec();
    for one in damage {
        let at = |place: u16| text.len() * usize::from(place) / 1000;
        let range = |one: u16, other: u16| at(one.min(other))..at(one.max(other));
        match *one {
            Damage::Cut(one, other) => drop(text.drain(range(one, other))),
            Damage::Double(one, other) => {
                let range = range(one, other);
                let (end, part) = (range.end, text[range].to_vec());
                text.splice(end..end, part);
            }
            Damage::Move(one, other) => {
                let range = range(one, other);
                let part: Vec<u8> = text.drain(range).collect();
                text.splice(0..0, part);
            }
            Damage::Insert(place, piece) => {
                let at = at(place);
                text.splice(at..at, PIECES[piece].bytes());
            }
            Damage::Spoil(place, byte) => {
                let at = at(place);
                if let Some(spoiled) = text.get_mut(at) {
                    *spoiled = byte;
                }
            }
        }
    }
    text
}

/// The fixture projects that have a file of this kind, and that file.
fn files(is_wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, String)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ecspresso");
    let mut found = Vec::new();
    for case in fs::read_dir(fixtures).expect("the fixtures").flatten() {
        for file in fs::read_dir(case.path()).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if file.path().is_file() && is_wanted(&name) {
                found.push((case.path(), name));
            }
        }
    }
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a case").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Reads the project with one file damaged; every look-up is denied.
fn play((case, name): &(PathBuf, String), damage: &[Damage]) {
    let directory = tempfile::tempdir().expect("a directory");
    copy(case, directory.path());
    let file = directory.path().join(name);
    let text = damaged(&fs::read(&file).expect("a file"), damage);
    fs::write(&file, text).expect("written");
    let envfiles = if name.ends_with(".env") {
        vec![PathBuf::from(name)]
    } else {
        Vec::new()
    };
    let began = Instant::now();
    let settings = Settings {
        environment: [("TAG".to_owned(), "aaaa".to_owned())].into(),
        envfiles,
        directory: directory.path().to_owned(),
        no_external: true,
        ..Settings::default()
    };
    if let Ok(reader) = Reader::new(settings) {
        let config = if name.starts_with("ecspresso") {
            name.as_str()
        } else {
            "ecspresso.yml"
        };
        let mut answers = Answers::new();
        // A project that asks for ever is as bad as one that computes for ever.
        for _ in 0..50 {
            let read = reader.project(
                Path::new(config),
                Depth::Everything,
                &Arc::new(answers.clone()),
            );
            let Ok(Reading::Wanted(wanted)) = read else {
                break;
            };
            for lookup in wanted {
                let denied = Failure {
                    operation: "look up".to_owned(),
                    object: lookup.to_string(),
                    side: None,
                    caller: demitasse::model::failure::Caller::Own,
                    kind: FailureKind::Other,
                    message: "denied".to_owned(),
                };
                answers.insert(lookup, Err(denied));
            }
        }
    }
    assert!(began.elapsed() < SOON, "{} {name}", case.display());
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("DEMITASSE_DAMAGED").ok();
    let cases = cases.and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(256))
}

fn check(is_wanted: impl Fn(&str) -> bool) {
    let files = files(is_wanted);
    let strategy = (0..files.len(), damage());
    let mut runner = proptest::test_runner::TestRunner::new(cases());
    let ran = runner.run(&strategy, |(at, damage)| {
        play(&files[at], &damage);
        Ok(())
    });
    ran.expect("a value or an error");
}

#[test]
fn damaged_configs() {
    check(|name| name.starts_with("ecspresso."));
}

#[test]
fn damaged_templates() {
    let is_definition = |name: &str| name.ends_with(".json") && name.starts_with("ecs-");
    check(|name| is_definition(name) || name.ends_with(".yaml"));
}

#[test]
fn damaged_jsonnet() {
    check(|name| name.ends_with("sonnet"));
}

#[test]
fn damaged_envfiles() {
    check(|name| name.ends_with(".env"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn image_references(text in r"([0-9]{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]{0,12}\.(amazonaws\.com|on\.aws|x)?(:443)?/)?[A-Za-z0-9._/@: \u{0}\u{e9}-]{0,40}(:[a-z0-9._-]{0,5})?(@sha256:[0-9a-f]{0,64})?") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert!(!reference.name.is_empty());
            if let Some(registry) = reference.registry {
                prop_assert_eq!(Registry::from_host(registry.host()), Some(registry.clone()));
            }
        }
    }
}
