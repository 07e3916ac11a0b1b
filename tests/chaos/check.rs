//! What must hold after the run that met the faults, and after the one that follows it.

use std::collections::BTreeSet;

use demitasse_sandbox::State;
use serde_json::Value;

use crate::injection::Injection;
use crate::product::Ran;
use crate::stage::{FULL, Tags, has_access, pins_in_use, tags, wanted};

/// What is wrong.
pub(crate) type Problems = Vec<String>;

/// The actions that say that the target holds the digest.
const THERE: [&str; 3] = ["promoted", "already-there", "pinned"];

/// After the run that met the faults.
pub(crate) fn disturbed(
    state: &State,
    before: &Tags,
    ran: &Ran,
    injection: &Injection,
) -> Problems {
    let mut problems = visible(state, before);
    let codes: &[u8] = if injection.passes() { &[0] } else { &[0, 1] };
    if !codes.contains(&ran.code) {
        problems.push(format!("exit {}", ran.code));
    }
    problems.extend(report(state, before, before, ran, injection.kills()));
    problems.extend(unguarded(state, before, ran));
    problems
}

/// After the run that follows it, and that found these tags.
pub(crate) fn healed(state: &mut State, before: &Tags, between: &Tags, ran: &Ran) -> Problems {
    let mut problems = visible(state, before);
    // Pins that the run before set, too.
    problems.extend(lost(&tags(state), between));
    if ran.code != 0 {
        problems.push(format!("exit {}", ran.code));
    }
    problems.extend(report(state, before, between, ran, false));
    for (repository, tag, digest) in wanted(before) {
        if state.tags(&repository).get(&tag) != Some(&digest) {
            problems.push(format!("{repository}:{tag} is not {digest}"));
        }
    }
    if !has_access(state) {
        problems.push("the created target lacks its repository policy".to_owned());
    }
    state.run_lifecycle();
    let kept = [(FULL, "v1"), (FULL, "v2"), (FULL, "v5")];
    let kept = kept.map(|(repository, tag)| (repository.to_owned(), tag.to_owned()));
    let promoted = wanted(before).into_iter().map(|(at, tag, _)| (at, tag));
    for (repository, tag) in promoted.chain(kept) {
        if let Err(missing) = state.check_whole(&repository, &tag) {
            problems.push(format!("after a lifecycle run: {missing}"));
        }
    }
    problems
}

/// Every tag is on a whole image; what was there is there; what is new is what was wanted, or a pin of its own digest.
fn visible(state: &State, before: &Tags) -> Problems {
    let mut problems = Vec::new();
    let (now, wanted) = (tags(state), wanted(before));
    for (repository, tags) in &now {
        for (tag, digest) in tags {
            if let Err(missing) = state.check_whole(repository, tag) {
                problems.push(format!("half visible: {missing}"));
            }
            let was = before.get(repository).and_then(|tags| tags.get(tag));
            let is_wanted = wanted
                .iter()
                .any(|(at, name, held)| (at, name, held) == (repository, tag, digest));
            let hex = digest.trim_start_matches("sha256:");
            let is_pin = tag
                .strip_prefix("inuse-")
                .is_some_and(|own| hex.starts_with(own));
            if was.map_or(!is_wanted && !is_pin, |was| was != digest) {
                problems.push(format!("{repository}:{tag} is {digest}"));
            }
        }
    }
    problems.extend(lost(&now, before));
    problems
}

/// What was found and is not there any more.
fn lost<'a>(now: &'a Tags, found: &'a Tags) -> impl Iterator<Item = String> + 'a {
    let all = found
        .iter()
        .flat_map(|(repository, tags)| tags.keys().map(move |tag| (repository, tag)));
    let is_lost = |(repository, tag): &(&String, &String)| {
        !now.get(*repository)
            .is_some_and(|left| left.contains_key(*tag))
    };
    all.filter(is_lost)
        .map(|(repository, tag)| format!("{repository}:{tag} is lost"))
}

/// What the report says of a run that found these tags is so. Where the answers to what was carried out are lost for ever, nobody can
/// know that it was.
fn report(state: &State, before: &Tags, found: &Tags, ran: &Ran, lost_answers: bool) -> Problems {
    let report = &ran.report;
    let mut problems = Vec::new();
    let mut wrong = |text: String| problems.push(format!("the report: {text}"));
    let now = tags(state);
    if report.is_null() {
        if ran.code == 0 || now != *found {
            wrong(format!("none, with exit {}", ran.code));
        }
        return problems;
    }
    if report["exit_code"] != ran.code {
        wrong(format!("another exit code than {}", ran.code));
    }
    let mut reached = BTreeSet::new();
    let images = list(&report["configs"]).flat_map(|config| list(&config["images"]));
    for image in images {
        let (action, target) = (text(&image["action"]), text(&image["target"]));
        let held = target
            .rsplit_once('/')
            .map(|_| target.rsplit_once(':').unwrap_or((target, "")))
            .and_then(|(repository, tag)| {
                let name = repository
                    .rsplit_once(".com/")
                    .map_or(repository, |(_, name)| name);
                now.get(name)?.get(tag)
            });
        if THERE.contains(&action) {
            reached.insert(target);
            if held.map(String::as_str) != image["digest"].as_str() {
                wrong(format!(
                    "{action} {target} {}, which holds {held:?}",
                    image["digest"]
                ));
            }
        } else if ran.code == 0 {
            wrong(format!("{action} {target} with exit 0"));
        }
    }
    if ran.code == 0 && reached.len() != wanted(before).len() {
        wrong(format!("only {reached:?} with exit 0"));
    }
    let errors = list(&report["problems"]).filter(|one| one["severity"] == "error");
    if (ran.code == 0) == (errors.count() > 0) && report["summary"]["not_done"] == 0 {
        wrong(format!("its problems do not fit exit {}", ran.code));
    }
    for repository in list(&report["repositories"]) {
        let name = text(&repository["repository"]);
        let known = state.repository(name);
        if repository["created"] == true && known.is_none() {
            wrong(format!("{name} was created and is not there"));
        }
        let policy = known.and_then(|known| known.lifecycle.as_ref());
        if repository["done"] == true && policy.is_none() {
            wrong(format!("{name} is done and has no policy"));
        }
    }
    let is_changed = now != *found;
    if report["mode"] == "plan" && is_changed {
        wrong("a plan, and something was written".to_owned());
    }
    if report["mode"] == "promote" && report["changed"] == false && is_changed && !lost_answers {
        wrong("nothing changed, it says".to_owned());
    }
    problems
}

/// The nearly full window got its image: then what the service runs was pinned before, or there is a warning.
fn unguarded(state: &State, before: &Tags, ran: &Ran) -> Option<String> {
    let tags = state.tags(FULL);
    let is_pinned = pins_in_use(before).iter().all(|pin| tags.contains_key(pin));
    // Unknown is the listing that would have said that the window is nearly full.
    let codes = ["UNGUARDED", "UNKNOWN"].map(Value::from);
    let is_told = list(&ran.report["problems"]).any(|one| codes.contains(&one["code"]));
    let is_bare = tags.contains_key("plain") && !is_pinned && !is_told;
    is_bare.then(|| "what runs is neither pinned nor warned of".to_owned())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
