//! S1: one repository for every task definition. Keeping the newest three builds deletes what a quiet service runs.

use demitasse_sandbox::Error;
use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::World;

use crate::product;
use crate::text::say;
use crate::tour::chapter;
use crate::tour::checks::Checks;
use crate::tour::prediction::predict;
use crate::tour::table;
use crate::tour::usage;

pub(super) fn play(checks: &mut Checks) -> Result<(), Error> {
    chapter(
        "1. One repository for all",
        &[
            "fluentd is built for app, which deploys daily; middleware uses it too and stays on bbbb.",
            "The repository's lifecycle policy keeps the newest 3 images.",
        ],
    );
    let world = World::read(&product::fixtures().join("worlds/shared-repository.json"))?;
    let now = world.now.clone();
    let sandbox = Sandbox::start(world, Options::default())?;
    let before = table::look(&sandbox);
    let running = running_digest(&sandbox, "middleware");
    say("What demitasse says before the lifecycle run, from the policy and the list of images:");
    let demitasse = product::build()?;
    let mut predicted = predict(&sandbox, &demitasse, "fluentd", &now)?;
    say("And from what ECS runs:");
    let audit = usage::run(&sandbox, &demitasse, &["audit", "--all"])?;
    let done = sandbox.run_lifecycle().into_iter();
    let mut expired: Vec<String> = done.map(|done| done.digest).collect();
    let after = table::look(&sandbox);
    table::show(|_| "fluentd".to_owned(), &before, &after);

    let pulled = sandbox.pull("fluentd", &running);
    say(
        "middleware's task stops one day, and ECS pulls its image again, by the digest it was deployed with:",
    );
    let short = running.get(..19).unwrap_or_default();
    match &pulled {
        Ok(_) => say(&format!("  fluentd@{short}…: pulled")),
        Err(_) => say(&format!(
            "  CannotPullContainerError: fluentd:bbbb@{short}…: not found"
        )),
    }
    say("");
    predicted.sort();
    expired.sort();
    checks.claim(
        "what expired is what demitasse said would: aaaa and bbbb",
        predicted == expired && expired.len() == 2,
    );
    let told = String::from_utf8_lossy(&audit.stdout).into_owned();
    checks.claim(
        "audit said before that middleware has no promotion left",
        told.contains("default/middleware  (no promotion left)"),
    );
    checks.claim(
        "the shared repository lost what middleware runs",
        pulled.is_err(),
    );
    let tags: Vec<String> = after.into_iter().map(|(_, tag)| tag).collect();
    checks.claim(
        "it holds cccc, dddd and eeee",
        tags == ["cccc", "dddd", "eeee"],
    );
    Ok(())
}

fn running_digest(sandbox: &Sandbox, service: &str) -> String {
    sandbox.with_state(|state| {
        let tasks = state.ecs.running("default", service);
        let digest = tasks
            .first()
            .and_then(|task| task.containers.first())
            .and_then(|container| container.digest.clone());
        digest.unwrap_or_default()
    })
}
