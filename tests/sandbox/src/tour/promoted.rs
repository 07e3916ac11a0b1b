//! S2: the same history, each deploy promoted into the repository of its task definition.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use demitasse_sandbox::Error;
use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::World;

use crate::product;
use crate::text::Colour;
use crate::text::paint;
use crate::text::say;
use crate::tour::chapter;
use crate::tour::checks::Checks;
use crate::tour::history::DEPLOYS;
use crate::tour::history::Deploy;
use crate::tour::table;

pub(super) fn play(checks: &mut Checks) -> Result<(), Error> {
    chapter(
        "2. A repository for each task definition",
        &[
            "Builds go to fluentd/common. The task definitions name fluentd/app and fluentd/middleware,",
            "and before each deploy demitasse promotes the image into that repository.",
        ],
    );
    let demitasse = product::build()?;
    let world = World::read(&product::fixtures().join("worlds/fluentd.json"))?;
    let sandbox = Sandbox::start(world, Options::default())?;

    for (at, deploy) in DEPLOYS.iter().enumerate() {
        let output = promote(&sandbox, &demitasse, deploy)?;
        show(deploy, &output, at == 0);
        let image = format!("fluentd/{}:{}", deploy.family, deploy.tag);
        if !output.status.success() {
            checks.claim(
                &format!("{image} was promoted (exit {:?})", output.status.code()),
                false,
            );
            return Ok(());
        }
        release(&sandbox, deploy)?;
    }
    say("");
    let transferred =
        sandbox.with_state(|state| state.counters.uploaded_bytes + state.counters.downloaded_bytes);
    let (stored, copied) = sandbox.with_state(|state| (state.stored_bytes(), state.copied_bytes()));

    let before = table::look(&sandbox);
    sandbox.run_lifecycle();
    let after = table::look(&sandbox);
    table::show(|family| format!("fluentd/{family}"), &before, &after);

    checks.claim(
        "fluentd/app holds cccc, dddd and eeee",
        holds(&sandbox, "fluentd/app", &["cccc", "dddd", "eeee"]),
    );
    checks.claim(
        "fluentd/middleware holds aaaa and bbbb",
        holds(&sandbox, "fluentd/middleware", &["aaaa", "bbbb"]),
    );
    checks.claim(
        &format!("promotion transferred {transferred} bytes of blobs: all were mounted"),
        transferred == 0,
    );
    checks.claim(
        &format!(
            "stored: {} with mounts; plain copies would take {}",
            bytes(stored),
            bytes(copied)
        ),
        stored < copied,
    );

    say("");
    say("fluentd/common is emptied.");
    sandbox.with_state(|state| state.empty("fluentd/common"));
    for deploy in DEPLOYS.iter().filter(|deploy| deploy.runs) {
        pull(&sandbox, deploy, checks);
    }
    for deploy in DEPLOYS.iter().filter(|deploy| deploy.runs) {
        promote_again(&sandbox, &demitasse, deploy, checks)?;
    }
    Ok(())
}

fn promote(sandbox: &Sandbox, demitasse: &Path, deploy: &Deploy) -> Result<Output, Error> {
    let folder = product::fixtures().join("projects/tour");
    let mut command = product::against(sandbox, demitasse);
    command
        .current_dir(folder)
        .env("TAG", deploy.tag)
        .env("NO_COLOR", "1")
        .args(arguments(deploy));
    command
        .output()
        .map_err(|error| Error::new(format!("cannot run {}: {error}", demitasse.display())))
}

fn arguments(deploy: &Deploy) -> [String; 5] {
    let config = format!("{}/ecspresso.yml", deploy.family);
    ["promote", "-c", config.as_str(), "--keep", "3"].map(str::to_owned)
}

/// Shows the command and the last line of what it said; all of it once.
fn show(deploy: &Deploy, output: &Output, whole: bool) {
    let command = format!(
        "$ TAG={} demitasse {}",
        deploy.tag,
        arguments(deploy).join(" ")
    );
    say(&paint(&command, Colour::Bold));
    let text =
        String::from_utf8_lossy(&[&output.stderr[..], &output.stdout[..]].concat()).into_owned();
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if !whole && output.status.success() {
        lines = lines.split_off(lines.len().saturating_sub(1));
    }
    for line in lines {
        say(&format!("  {line}"));
    }
}

/// What `ecspresso deploy` would do next; then a day passes.
fn release(sandbox: &Sandbox, deploy: &Deploy) -> Result<(), Error> {
    sandbox.with_state(|state| {
        let image = format!("{}/fluentd/{}:{}", state.host(), deploy.family, deploy.tag);
        state.register(deploy.family, &[("fluentd", &image)]);
        state.deploy("default", deploy.family, &deploy.task_definition())
    })?;
    sandbox.advance(Duration::from_secs(86_400));
    Ok(())
}

fn holds(sandbox: &Sandbox, repository: &str, expected: &[&str]) -> bool {
    let tags: Vec<String> =
        sandbox.with_state(|state| state.tags(repository).into_keys().collect());
    tags == expected
}

/// Pulls what a service's task runs, by the digest ECS resolved.
fn pull(sandbox: &Sandbox, deploy: &Deploy, checks: &mut Checks) {
    let digest = sandbox.with_state(|state| {
        let tasks = state.ecs.running("default", deploy.family);
        tasks
            .first()
            .and_then(|task| task.containers.first())
            .and_then(|container| container.digest.clone())
    });
    let repository = format!("fluentd/{}", deploy.family);
    let pulled = sandbox.pull(&repository, digest.as_deref().unwrap_or("nothing"));
    let claim = match &pulled {
        Ok(pulled) => format!(
            "{} still pulls {repository}:{} by digest: {} manifest, {} blobs, {}",
            deploy.task_definition(),
            deploy.tag,
            pulled.manifests,
            pulled.blobs,
            bytes(pulled.bytes)
        ),
        Err(error) => format!("{} still pulls: {error}", deploy.task_definition()),
    };
    checks.claim(&claim, pulled.is_ok());
}

/// A redeploy: nothing is written, although common is empty.
fn promote_again(
    sandbox: &Sandbox,
    demitasse: &Path,
    deploy: &Deploy,
    checks: &mut Checks,
) -> Result<(), Error> {
    sandbox.clear_log();
    let output = promote(sandbox, demitasse, deploy)?;
    let log = sandbox.log();
    let writes = log.iter().filter(|request| request.write).count();
    if !output.status.success() || writes > 0 {
        show(deploy, &output, true);
    }
    let claim = format!(
        "promoting {} again exits 0: {} requests, none of them a write",
        deploy.task_definition(),
        log.len()
    );
    checks.claim(&claim, output.status.success() && writes == 0);
    Ok(())
}

fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let count = count as f64;
    if count < 1_000_000.0 {
        format!("{:.0} kB", count / 1e3)
    } else {
        format!("{:.1} MB", count / 1e6)
    }
}
