//! Makes the report.

use std::collections::BTreeSet;

use crate::model::lifecycle::Policy;
use crate::model::project::Use;
use crate::model::time::Timestamp;
use crate::plan::outcome::{Ended, Outcome, State};
use crate::plan::problem::{Problem, Severity};
use crate::plan::promotion::{self, Action, Plan, Promotion, Referrers};
use crate::report::{
    Config, Content, Done, Finding, Image, Mode, Report, Repository, SCHEMA, Standing, Summary,
    Word,
};

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
    let written = |outcome: &Outcome| {
        let changed = |ended: &Ended| matches!(ended.state, State::Promoted | State::Pinned);
        !outcome.created.is_empty()
            || !outcome.policies.is_empty()
            || !outcome.pinned.is_empty()
            || outcome.promotions.iter().any(changed)
    };
    Report {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        mode: if outcome.is_some() {
            Mode::Promote
        } else {
            Mode::Plan
        },
        changed: outcome.map_or_else(|| plan.has_changes(), written),
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
    let from_upstream = !wanted.source.registry.is_ecr();
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
            image.standing = Some(describe(standing, from_upstream, now));
        }
        Action::Promote(copy) => {
            image.digest = Some(copy.top.digest.clone());
            image.standing = copy
                .standing
                .as_ref()
                .map(|standing| describe(standing, from_upstream, now));
            image.displaced = copy
                .displaced
                .as_ref()
                .map(|pin| pin.manifest.digest.clone());
            let referrers = match (ended, &copy.referrers) {
                (Some(ended), _) => ended.referrers,
                (None, Referrers::Known(manifests)) => manifests.len(),
                (None, Referrers::Beside { .. }) => 0,
            };
            image.content = Some(Content {
                manifests: 1 + copy.children.len() + referrers,
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

fn describe(standing: &promotion::Standing, from_upstream: bool, now: Timestamp) -> Standing {
    let age = |pushed: Timestamp| (now.0 - pushed.0).max(0) / 86_400_000;
    Standing {
        pushed_at: standing.pushed_at.map(|time| time.to_string()),
        age_days: standing.pushed_at.map(age),
        place: standing.place.map(|(place, _)| place),
        keep: standing.place.map(|(_, keep)| keep),
        source_gone: standing.source_gone,
        from_upstream,
        pinned: standing.pinned,
        pin: standing.pin.is_some(),
    }
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
        .filter(|one| one.create.is_some() || one.access.is_some() || one.policy.is_some());
    changed
        .map(|one| {
            let is_done = |outcome: &Outcome| {
                (one.create.is_none() || outcome.created.contains(&one.repository))
                    && (one.policy.is_none() || outcome.policies.contains(&one.repository))
            };
            let keeps =
                |policy: &Policy| policy.rules().iter().filter_map(|rule| rule.keep()).min();
            Repository {
                repository: one.repository.to_string(),
                arn: one.repository.arn(),
                create: one.create.is_some(),
                mutability: one
                    .create
                    .as_ref()
                    .map(|create| create.mutability.to_string()),
                repository_policy: one.access.is_some(),
                install_keep: one.policy.as_ref().and_then(keeps),
                created: outcome.is_some_and(|outcome| outcome.created.contains(&one.repository)),
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
