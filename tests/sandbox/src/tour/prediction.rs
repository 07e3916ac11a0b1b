//! What demitasse says would happen, before the clock of the sandbox runs: `lifecycle simulate` over the images as the
//! sandbox describes them.

use std::path::Path;

use demitasse_sandbox::Error;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::files;
use demitasse_sandbox::http;
use serde_json::Value;

use crate::product;
use crate::text::Colour;
use crate::text::paint;
use crate::text::say;

/// Shows the prediction for a repository at a moment, RFC 3339; gives the digests that it expires.
pub(super) fn predict(
    sandbox: &Sandbox,
    demitasse: &Path,
    repository: &str,
    at: &str,
) -> Result<Vec<String>, Error> {
    let folder = demitasse.with_file_name("tour");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::new(format!("cannot make {}: {error}", folder.display())))?;
    let policy = sandbox.with_state(|state| state.repository(repository)?.lifecycle.clone());
    files::write(&folder.join("policy.json"), &policy.unwrap_or_default())?;
    files::write(&folder.join("images.json"), &describe(sandbox, repository)?)?;
    let arguments = [
        "lifecycle",
        "simulate",
        "--policy",
        "policy.json",
        "--images",
        "images.json",
    ];
    let run = |output: &str| {
        let mut command = product::against(sandbox, demitasse);
        command
            .current_dir(&folder)
            .env("NO_COLOR", "1")
            .args(arguments);
        command.args(["--at", at, "--output", output]);
        let output = command.output();
        let output =
            output.map_err(|error| Error::new(format!("demitasse does not run: {error}")))?;
        if !output.status.success() {
            return Err(Error::new(String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let command = format!("$ demitasse {} --at {at}", arguments.join(" "));
    say(&paint(&command, Colour::Bold));
    for line in run("table")?.lines() {
        say(&format!("  {line}"));
    }
    say("");
    let report: Value = serde_json::from_str(&run("json")?)
        .map_err(|error| Error::new(format!("the simulation is no JSON: {error}")))?;
    let images = report["images"].as_array().into_iter().flatten();
    let expired = images.filter(|image| image["action"] == "expire");
    let digests = expired.filter_map(|image| image["digest"].as_str().map(str::to_owned));
    Ok(digests.collect())
}

/// What `aws ecr describe-images --filter imageStatus=ANY` would print.
fn describe(sandbox: &Sandbox, repository: &str) -> Result<String, Error> {
    let headers = [
        ("authorization", "AWS4-HMAC-SHA256 none"),
        (
            "x-amz-target",
            "AmazonEC2ContainerRegistry_V20150921.DescribeImages",
        ),
    ];
    let input = serde_json::json!({"repositoryName": repository, "maxResults": 1000, "filter": {"imageStatus": "ANY"}});
    let answer = http::send(
        "POST",
        &format!("{}/", sandbox.url()),
        &headers,
        input.to_string(),
    )?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}
