//! S3: what ECS uses of one family, what it would roll back to, and nothing else; how far that is from its end, and pinned.

use std::path::Path;
use std::process::Output;

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

pub(super) fn play(checks: &mut Checks) -> Result<(), Error> {
    chapter(
        "3. What is in use, and how long it will be there",
        &[
            "Revisions 5 to 11 of app; 9 is set on the service, 8 is deregistered. A rollback goes to 7.",
            "Each runs an image of its own: 5 e5e5, 6 f6f6, 7 a7a7, 8 b8b8, 9 c9c9, 10 d1d0, 11 e1e1.",
        ],
    );
    let world = World::read(&product::fixtures().join("worlds/revisions.json"))?;
    let sandbox = Sandbox::start(world, Options::default())?;
    let demitasse = product::build()?;
    let keep = ["bootstrap", "--repository", "fluentd/app", "--keep", "8"];
    run(&sandbox, &demitasse, &keep)?;
    let audit = run(&sandbox, &demitasse, &["audit", "--all"])?;
    let text = String::from_utf8_lossy(&audit.stdout).into_owned();
    let kept = |tag: &str| text.contains(&format!("fluentd/app:{tag} "));
    checks.claim(
        "protected are 11, 10, 9 and 7; not 8, 6 and 5",
        ["e1e1", "d1d0", "c9c9", "a7a7"].iter().all(|tag| kept(tag))
            && !["b8b8", "f6f6", "e5e5"].iter().any(|tag| kept(tag)),
    );
    checks.claim(
        "the rollback target is the first that would go: 3 promotions are left",
        text.contains("default/app  (3 promotions left)"),
    );
    say("");
    run(&sandbox, &demitasse, &["pin", "--all"])?;
    sandbox.with_state(|state| state.advance(std::time::Duration::from_secs(86_400)));
    let after = run(&sandbox, &demitasse, &["audit", "--all"])?;
    let text = String::from_utf8_lossy(&after.stdout).into_owned();
    checks.claim(
        "what is in use is pinned: no further promotion can push it out",
        after.status.success() && text.contains("4 protected images, 4 pinned."),
    );
    Ok(())
}

/// Runs a command and shows it with what it printed.
pub(super) fn run(
    sandbox: &Sandbox,
    demitasse: &Path,
    arguments: &[&str],
) -> Result<Output, Error> {
    let command = format!("$ demitasse {}", arguments.join(" "));
    say(&paint(&command, Colour::Bold));
    let output = product::against(sandbox, demitasse)
        .env("NO_COLOR", "1")
        .args(arguments)
        .output();
    let output = output.map_err(|error| Error::new(format!("demitasse does not run: {error}")))?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        say(&format!("  {line}"));
    }
    say("");
    Ok(output)
}
