//! What is shown: one value made from a plan and, if it was carried out, its outcome; every output format is a
//! rendering of that value.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::digest::Digest;
use crate::model::project::Use;
use crate::model::time::Timestamp;
use crate::plan::outcome::{Ended, Outcome, State};
use crate::plan::problem::{Problem, Severity};
use crate::plan::promotion::{Action, Plan, Promotion};

pub mod dotenv;
pub mod github;
pub mod json;
pub mod markdown;
pub mod problems;
pub mod table;

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.report/v1";

/// Everything there is to show of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// `plan` or `promote`.
    pub mode: Mode,
    /// Whether anything was written, or would be.
    pub changed: bool,
    /// By task definition, in the order of the configs.
    pub configs: Vec<Config>,
    /// Target repositories that something happens to.
    pub repositories: Vec<Repository>,
    /// Every finding, errors first.
    pub problems: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// What kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing was written.
    Plan,
    /// The plan was carried out, as far as nothing spoke against it.
    Promote,
}

/// The images of one config.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The config file.
    pub config: String,
    /// The task definition's family.
    pub family: String,
    /// Its images.
    pub images: Vec<Image>,
}

/// One image of one container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Image {
    /// The container.
    pub container: String,
    /// The image as the task definition names it.
    pub image: String,
    /// What is done, or was.
    pub action: Word,
    /// The common repository with tag or digest, such as `fluentd/common:3f2c1ab`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The target repository with its tag, without the registry host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The reference that ECS pulls, with the registry host.
    pub reference: String,
    /// The digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Blobs to bring, and their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Where an image stands that is already there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The digest whose tag moves, if one does; it is pinned first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displaced: Option<Digest>,
    /// How it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
}

/// What is done for an image, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Would be promoted.
    Promote,
    /// Was promoted.
    Promoted,
    /// Nothing to do.
    AlreadyThere,
    /// Is there and would be pinned.
    Pin,
    /// Was there and is pinned now.
    Pinned,
    /// Refused.
    Refused,
    /// Failed.
    Failed,
    /// Not done because the run ended before.
    NotDone,
    /// Not ours.
    LeftAlone,
}

/// What has to be brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Manifests, children and referrers included.
    pub manifests: usize,
    /// Distinct blobs.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Whether they can be mounted, as far as is known.
    pub mountable: bool,
}

/// Where an image stands under its policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// When it was pushed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<String>,
    /// Whole days since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<i64>,
    /// Its place in the keep window, 1 for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// How many its rule keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// The common repository no longer has it.
    pub source_gone: bool,
    /// It carries its pin, or gets it.
    pub pinned: bool,
}

/// How a promotion went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Blobs mounted.
    pub mounted: u64,
    /// Blobs streamed.
    pub streamed: u64,
    /// Bytes that went through this machine.
    pub transferred: u64,
}

/// What happens to a target repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repository {
    /// Its name.
    pub repository: String,
    /// Its ARN, for the roles that need it.
    pub arn: String,
    /// It is created, or was.
    pub create: bool,
    /// Its tag mutability, if it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutability: Option<String>,
    /// The keep of the lifecycle policy that is installed, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_keep: Option<u32>,
    /// Whether all of that was done.
    pub done: bool,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The finding's name; never changes.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whom it concerns: `container app of ecspresso.yml`.
    pub concerns: Vec<String>,
    /// The file it can be pointed at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// How many of each. Images that several containers share count once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// To promote.
    pub promote: usize,
    /// Promoted.
    pub promoted: usize,
    /// Already there.
    pub already_there: usize,
    /// To pin, or pinned.
    pub pin: usize,
    /// Left alone.
    pub left_alone: usize,
    /// Refused.
    pub refused: usize,
    /// Failed.
    pub failed: usize,
    /// Not done.
    pub not_done: usize,
    /// Repositories to create.
    pub create: usize,
    /// Lifecycle policies to install.
    pub install: usize,
    /// Blobs mounted.
    pub mounted: u64,
    /// Blobs streamed.
    pub streamed: u64,
    /// Bytes that went through this machine.
    pub transferred: u64,
}

/// Makes the report.
pub fn report(plan: &Plan, outcome: Option<&Outcome>, now: Timestamp, exit_code: u8) -> Report {
    let mut configs: Vec<Config> = Vec::new();
    let mut summary = Summary::default();
    for (at, promotion) in plan.promotions.iter().enumerate() {
        let ended = outcome.and_then(|outcome| outcome.promotions.get(at));
        let word = word(&promotion.action, ended.map(|ended| ended.state));
        count(&mut summary, word, ended);
        for usage in &promotion.wanted.uses {
            let image = image(promotion, usage, word, ended, now);
            config(&mut configs, usage).images.push(image);
        }
    }
    for usage in &plan.others {
        summary.left_alone += 1;
        config(&mut configs, usage).images.push(left_alone(usage));
    }
    let repositories = repositories(plan, outcome);
    summary.create = repositories.iter().filter(|one| one.create).count();
    summary.install = repositories
        .iter()
        .filter(|one| one.install_keep.is_some())
        .count();
    let while_acting = outcome.map(|outcome| outcome.problems.as_slice());
    let problems = plan.problems.iter().chain(while_acting.unwrap_or_default());
    let written = summary.promoted > 0
        || repositories
            .iter()
            .any(|one| one.done && (one.create || one.install_keep.is_some()))
        || outcome.is_some_and(|outcome| {
            let pinned = |ended: &Ended| ended.state == State::Pinned;
            outcome.promotions.iter().any(pinned)
        });
    Report {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        mode: if outcome.is_some() {
            Mode::Promote
        } else {
            Mode::Plan
        },
        changed: if outcome.is_some() {
            written
        } else {
            plan.has_changes()
        },
        configs,
        repositories,
        problems: findings(problems),
        summary,
        exit_code,
    }
}

fn config<'a>(configs: &'a mut Vec<Config>, usage: &Use) -> &'a mut Config {
    let name = usage.config.display().to_string();
    let same = |config: &Config| config.config == name && config.family == usage.family;
    let at = configs.iter().position(same).unwrap_or_else(|| {
        configs.push(Config {
            config: name,
            family: usage.family.clone(),
            images: Vec::new(),
        });
        configs.len() - 1
    });
    &mut configs[at]
}

fn word(action: &Action, state: Option<State>) -> Word {
    match (action, state) {
        (_, Some(State::Promoted)) => Word::Promoted,
        (_, Some(State::Pinned)) => Word::Pinned,
        (_, Some(State::Failed)) => Word::Failed,
        (_, Some(State::Refused)) | (Action::Refuse, _) => Word::Refused,
        (_, Some(State::NotDone)) => Word::NotDone,
        (_, Some(State::AlreadyThere)) => Word::AlreadyThere,
        (Action::Promote(_), None) => Word::Promote,
        (Action::Stay(standing), None) if standing.pin.is_some() => Word::Pin,
        (Action::Stay(_), None) => Word::AlreadyThere,
    }
}

fn count(summary: &mut Summary, word: Word, ended: Option<&Ended>) {
    match word {
        Word::Promote => summary.promote += 1,
        Word::Promoted => summary.promoted += 1,
        Word::AlreadyThere => summary.already_there += 1,
        Word::Pin | Word::Pinned => {
            summary.already_there += 1;
            summary.pin += 1;
        }
        Word::Refused => summary.refused += 1,
        Word::Failed => summary.failed += 1,
        Word::NotDone => summary.not_done += 1,
        Word::LeftAlone => summary.left_alone += 1,
    }
    if let Some(ended) = ended {
        summary.mounted += ended.mounted;
        summary.streamed += ended.streamed;
        summary.transferred += ended.transferred();
    }
}

fn image(
    promotion: &Promotion,
    usage: &Use,
    word: Word,
    ended: Option<&Ended>,
    now: Timestamp,
) -> Image {
    let wanted = &promotion.wanted;
    let mut image = Image {
        container: usage.container.clone(),
        image: usage.image.clone(),
        action: word,
        source: Some(format!("{}{}", wanted.source, wanted.asked())),
        target: Some(format!("{}:{}", wanted.target, promotion.tag)),
        reference: wanted.promoted(),
        digest: None,
        content: None,
        standing: None,
        displaced: None,
        done: None,
    };
    match &promotion.action {
        Action::Refuse => {}
        Action::Stay(standing) => {
            image.digest = Some(standing.digest.clone());
            image.standing = Some(Standing {
                pushed_at: standing.pushed_at.map(rfc3339),
                age_days: standing
                    .pushed_at
                    .map(|pushed| (now.0 - pushed.0).max(0) / 86_400_000),
                place: standing.place.map(|(place, _)| place),
                keep: standing.place.map(|(_, keep)| keep),
                source_gone: standing.source_gone,
                pinned: standing.pinned || standing.pin.is_some(),
            });
        }
        Action::Promote(copy) => {
            image.digest = Some(copy.top.digest.clone());
            image.displaced = copy
                .displaced
                .as_ref()
                .map(|pin| pin.manifest.digest.clone());
            image.content = Some(Content {
                manifests: 1 + copy.children.len() + copy.referrers.len(),
                blobs: copy.blobs.len(),
                bytes: copy.bytes(),
                mountable: copy.obstacle.is_none(),
            });
            image.done = ended.map(|ended| Done {
                mounted: ended.mounted,
                streamed: ended.streamed,
                transferred: ended.transferred(),
            });
        }
    }
    image
}

fn left_alone(usage: &Use) -> Image {
    Image {
        container: usage.container.clone(),
        image: usage.image.clone(),
        action: Word::LeftAlone,
        source: None,
        target: None,
        reference: usage.image.clone(),
        digest: None,
        content: None,
        standing: None,
        displaced: None,
        done: None,
    }
}

fn repositories(plan: &Plan, outcome: Option<&Outcome>) -> Vec<Repository> {
    let changed = plan
        .repositories
        .iter()
        .filter(|one| one.create.is_some() || one.policy.is_some());
    changed
        .map(|one| {
            let is_done = |outcome: &Outcome| {
                (one.create.is_none() || outcome.created.contains(&one.repository))
                    && (one.policy.is_none() || outcome.policies.contains(&one.repository))
            };
            let keeps = |policy: &crate::model::lifecycle::Policy| {
                policy.rules().iter().filter_map(|rule| rule.keep()).min()
            };
            Repository {
                repository: one.repository.to_string(),
                arn: one.repository.arn(),
                create: one.create.is_some(),
                mutability: one
                    .create
                    .as_ref()
                    .map(|create| create.mutability.to_string()),
                install_keep: one.policy.as_ref().and_then(keeps),
                done: outcome.is_some_and(is_done),
            }
        })
        .collect()
}

/// Problems as they are shown, errors first.
pub fn findings<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> Vec<Finding> {
    let mut problems: Vec<&Problem> = problems.into_iter().collect();
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems.into_iter().map(finding).collect()
}

fn finding(problem: &Problem) -> Finding {
    let first = problem.uses.first();
    let location = first.and_then(|usage| usage.location.as_ref());
    let whom = |usage: &Use| {
        format!(
            "container {} of {}",
            usage.container,
            usage.config.display()
        )
    };
    let concerns: BTreeSet<String> = problem.uses.iter().map(whom).collect();
    Finding {
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        code: problem.kind.code(),
        message: problem.kind.to_string(),
        hint: problem.kind.hint(),
        concerns: concerns.into_iter().collect(),
        file: location
            .map(|location| location.file.display().to_string())
            .or_else(|| first.map(|usage| usage.config.display().to_string())),
        line: location.map(|location| location.line),
    }
}

/// A moment as RFC 3339, in UTC, to the second.
pub fn rfc3339(time: Timestamp) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(time.0).unwrap_or(0));
    let time = std::time::SystemTime::UNIX_EPOCH.checked_add(since);
    let time = time.unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}
