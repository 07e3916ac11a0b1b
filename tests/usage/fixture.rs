//! One fixture of usage: a directory with a world, what is asked of it, and what has to come out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use demitasse_sandbox::{Denied, Fault, Options, State, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::Case;

/// `case.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A sentence about what the case shows.
    about: String,
    /// The arguments, without `--output`.
    arguments: Vec<String>,
    /// The seeds of the undocumented answers; all must lead to the same.
    #[serde(default = "plausible")]
    seeds: Vec<u64>,
    /// IAM actions that are denied.
    #[serde(default)]
    deny: Vec<String>,
    /// What goes wrong.
    #[serde(default)]
    faults: Vec<String>,
    /// The exit code.
    exit: i32,
    /// What stderr says.
    #[serde(default)]
    says: Vec<String>,
}

fn plausible() -> Vec<u64> {
    vec![0]
}

/// `expected.json`; for wrong input there is no report, and no such file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Whether everything could be told.
    complete: bool,
    /// The kinds of reasons of every protected image.
    protected: BTreeMap<String, BTreeSet<String>>,
    /// Severity and code of every finding, sorted.
    findings: Vec<String>,
    /// The sources that were left out.
    #[serde(default)]
    left_out: BTreeSet<String>,
    /// The sources that could not be read.
    #[serde(default)]
    unread: BTreeSet<String>,
}

/// A directory of `fixtures/usage`.
pub(crate) struct Fixture {
    directory: PathBuf,
    asked: Asked,
    expected: Option<Expected>,
}

impl Fixture {
    /// Reads a directory. A file that no case has is an error: nobody would look at it.
    pub(crate) fn read(directory: &Path) -> Self {
        let known = ["case.json", "expected.json", "files", "world.json"];
        for entry in entries(directory) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            assert!(known.contains(&&*name), "{} is unexpected", entry.display());
        }
        let asked: Asked = parse(&directory.join("case.json"));
        assert!(
            !asked.about.is_empty(),
            "{} says nothing",
            directory.display()
        );
        let expected = directory.join("expected.json");
        Self {
            directory: directory.to_owned(),
            expected: expected.exists().then(|| parse(&expected)),
            asked,
        }
    }

    /// The seeds it runs with.
    pub(crate) fn seeds(&self) -> &[u64] {
        &self.asked.seeds
    }

    /// Runs it with every seed; gives what is not as expected.
    pub(crate) fn check(&self) -> Vec<String> {
        let seeds = self.asked.seeds.iter();
        seeds.flat_map(|&seed| self.check_one(seed)).collect()
    }

    fn check_one(&self, seed: u64) -> Vec<String> {
        let name = self.directory.file_name().unwrap_or_default();
        let name = format!("{} (seed {seed})", name.to_string_lossy());
        let world = text(&self.directory.join("world.json"));
        let world: World = world
            .parse()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let denied = self.asked.deny.iter().map(|one| one.parse::<Denied>());
        let faults = self.asked.faults.iter().map(|one| one.parse::<Fault>());
        let options = Options {
            seed,
            denied: denied.collect::<Result<_, _>>().expect("IAM actions"),
            faults: faults.collect::<Result<_, _>>().expect("faults"),
            ..Options::default()
        };
        let case = Case::of(world, options);
        let files = self.directory.join("files");
        if files.is_dir() {
            copy(&files, case.directory.path());
        }
        let mut arguments: Vec<&str> = self.asked.arguments.iter().map(String::as_str).collect();
        arguments.extend(["--output", "json"]);
        let mut command = case.command(&arguments);
        // What is tested is what is read, not how fast.
        command.env("DEMITASSE_RATE", "1000");
        let ran = crate::support::ran(command);
        let mut wrong = Vec::new();
        if ran.code != self.asked.exit {
            let code = ran.code;
            let asked = self.asked.exit;
            wrong.push(format!("{name}: exit {code}, not {asked}:\n{}", ran.err));
        }
        for said in &self.asked.says {
            if !ran.err.contains(said) {
                wrong.push(format!("{name}: `{said}` is not in:\n{}", ran.err));
            }
        }
        let found = match ran.out.is_empty() {
            true => None,
            false => Some(case.sandbox.with_state(|state| found(&ran.report(), state))),
        };
        if found != self.expected {
            let shown = |one: &Option<Expected>| serde_json::to_string_pretty(one).expect("JSON");
            let (found, expected) = (shown(&found), shown(&self.expected));
            let differing = difference(&expected, &found);
            wrong.push(format!("{name}: {differing}\n{}", ran.err));
        }
        assert!(case.writes().is_empty(), "{name}: an audit writes nothing");
        wrong
    }
}

fn found(report: &Value, state: &State) -> Expected {
    let words = |value: &Value| -> BTreeSet<String> {
        let all = value.as_array().into_iter().flatten();
        all.filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    };
    let mut found = Expected {
        complete: report["complete"] == true,
        left_out: words(&report["coverage"]["left_out"]),
        unread: words(&report["coverage"]["unread"]),
        ..Expected::default()
    };
    for image in report["images"].as_array().expect("images") {
        let (repository, digest) = (&image["repository"], &image["digest"]);
        let repository = repository.as_str().expect("a repository");
        let digest = digest.as_str().expect("a digest");
        // A registry has several hosts, and is told by the one that was read first.
        let own = |host: &str| host.starts_with(&state.account) && host.contains(&state.region);
        let name = match repository.split_once('/') {
            Some((host, name)) if own(host) => stable(state, name, digest),
            _ => format!("{repository}@{digest}"),
        };
        let reasons = image["reasons"].as_array().expect("reasons").iter();
        let kinds = reasons.map(|one| one["kind"].as_str().expect("a kind").to_owned());
        let before = found.protected.insert(name.clone(), kinds.collect());
        assert!(before.is_none(), "{name} is told twice");
    }
    for one in report["findings"].as_array().expect("findings") {
        let word = |key: &str| one[key].as_str().expect("a word").to_owned();
        found
            .findings
            .push(format!("{} {}", word("severity"), word("code")));
    }
    found.findings.sort();
    found
}

/// A name that does not change when the digest does: the first tag; for a child or a referrer its index or subject with `/0` or
/// `^0` behind it; otherwise its place among the untagged images of the repository, oldest first.
fn stable(state: &State, repository: &str, digest: &str) -> String {
    let Some(known) = state.repository(repository) else {
        return format!("{repository}@{digest}");
    };
    let Some(image) = known.image(digest) else {
        return format!("{repository}@{digest}");
    };
    if let Some(tag) = image.tags.first() {
        return format!("{repository}:{tag}");
    }
    for other in known.images.values() {
        let at = other.manifest.children.iter().position(|one| one == digest);
        if let Some(at) = at {
            return format!("{}/{at}", stable(state, repository, &other.digest));
        }
    }
    if let Some(subject) = &image.manifest.subject {
        let referrers = known.referrers(subject);
        let at = referrers.iter().position(|one| one.digest == digest);
        let at = at.unwrap_or_default();
        return format!("{}^{at}", stable(state, repository, subject));
    }
    let untagged = known.images.values().filter(|one| {
        one.tags.is_empty()
            && one.manifest.subject.is_none()
            && known.parents(&one.digest).is_empty()
    });
    let mut dates: Vec<_> = untagged.map(|one| (one.pushed_at, &one.digest)).collect();
    dates.sort();
    let at = dates.iter().position(|(_, one)| *one == digest);
    format!("{repository}#{}", at.unwrap_or_default())
}

/// The lines that only one of two texts has.
fn difference(expected: &str, found: &str) -> String {
    let mut shown = String::from("not as expected (- expected, + found)\n");
    let lines = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.trim_end_matches(',').to_owned());
        lines.collect()
    };
    let (expected, found) = (lines(expected), lines(found));
    for line in expected.iter().filter(|line| !found.contains(line)) {
        shown.push_str(&format!("- {line}\n"));
    }
    for line in &found {
        let sign = if expected.contains(line) { ' ' } else { '+' };
        shown.push_str(&format!("{sign} {line}\n"));
    }
    shown
}

pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) {
    for path in entries(from) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&target).expect("a directory");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}
