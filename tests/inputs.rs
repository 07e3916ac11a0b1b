//! Bad input: a clear message with the next step, exit 3 (or as said), and nothing was written.

mod support;

use serde_json::json;
use support::{Case, Ran, ran};

#[track_caller]
fn refused(case: &Case, ran: &Ran, texts: &[&str]) {
    ran.expect(3, texts);
    assert!(ran.out.is_empty(), "stdout is data: {}", ran.out);
    assert!(case.sandbox.log().is_empty(), "no request was sent");
}

#[test]
fn a_missing_config() {
    let case = Case::common(&["aaaa"]);
    refused(
        &case,
        &case.run(&["promote"]),
        &["ecspresso.yml", "hint: name it with -c FILE"],
    );
    refused(
        &case,
        &case.run(&["promote", "-c", "nope.yml"]),
        &["nope.yml"],
    );
    refused(
        &case,
        &case.run(&["promote", "-c", "*/nope.yml"]),
        &["*/nope.yml"],
    );
}

#[test]
fn a_variable_that_is_not_set() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:{{ must_env `TAG` }}"]);
    refused(
        &case,
        &case.run(&["promote", "-c", &config]),
        &[
            "TAG is not set",
            "app/ecs-task-def.json:4:",
            "hint: set TAG",
        ],
    );
}

#[test]
fn all_errors_of_all_configs_at_once() {
    let case = Case::common(&["aaaa"]);
    case.project("app", &["HOST/fluentd/app:{{ must_env `ONE` }}"]);
    case.project("web", &["HOST/fluentd/web:{{ must_env `TWO` }}"]);
    refused(
        &case,
        &case.run(&["promote", "-c", "*/ecspresso.yml"]),
        &["ONE is not set", "TWO is not set"],
    );
}

#[test]
fn json_that_breaks_in_rendering_and_never_shows_a_value() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:{{ env `TAG` `` }}"]);
    let mut command = case.command(&["promote", "-c", &config]);
    command.env("TAG", "s3cret\"quote");
    let ran = ran(command);
    refused(&case, &ran, &["app/ecs-task-def.json", "JSON"]);
    assert!(!ran.err.contains("s3cret"), "{}", ran.err);
}

#[test]
fn no_images() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &[]);
    refused(
        &case,
        &case.run(&["promote", "-c", &config]),
        &["no containerDefinitions", "app/ecs-task-def.json"],
    );
    let config = case.project("web", &[""]);
    refused(
        &case,
        &case.run(&["promote", "-c", &config]),
        &["has no image", "web/ecs-task-def.json:"],
    );
}

#[test]
fn wrong_usage() {
    let case = Case::common(&["aaaa"]);
    refused(&case, &case.run(&["promote", "--nope"]), &["--nope"]);
    refused(&case, &case.run(&["prune"]), &["prune"]);
    refused(&case, &case.run(&[]), &["Usage"]);
    refused(&case, &case.run(&["promote", "--keep", "0"]), &["--keep"]);
    refused(
        &case,
        &case.run(&["promote", "--timeout", "soon"]),
        &["--timeout"],
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    refused(
        &case,
        &case.run(&["promote", "-c", &config, "--target", "{nmae}/x"]),
        &["--target", "nmae"],
    );
    case.run(&["--version"]).expect(0, &[]);
    case.run(&["promote", "--help"]).expect(0, &[]);
}

#[test]
fn a_registry_address_that_must_not_get_the_password() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let mut command = case.command(&["promote", "-c", &config]);
    command.env("DEMITASSE_REGISTRY_ENDPOINT", "http://registry.example.com");
    refused(
        &case,
        &ran(command),
        &["DEMITASSE_REGISTRY_ENDPOINT", "password"],
    );
}

#[test]
fn no_credentials() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let mut command = case.command(&["promote", "-c", &config]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", case.directory.path());
    let ran = ran(command);
    ran.expect(
        1,
        &["no valid credentials", "AWS_PROFILE", "nothing was written"],
    );
    assert_eq!(
        ran.err.matches("hint:").count(),
        1,
        "said once: {}",
        ran.err
    );
}

#[test]
fn an_endpoint_that_nobody_answers() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let mut command = case.command(&["promote", "-c", &config]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let ran = ran(command);
    ran.expect(
        1,
        &["unreachable", "AWS_ENDPOINT_URL", "nothing was written"],
    );
    assert_eq!(
        ran.err.matches("hint:").count(),
        1,
        "said once: {}",
        ran.err
    );
}

#[test]
fn a_manifest_that_ecr_would_not_take() {
    let padding = " ".repeat(4 * 1024 * 1024);
    let config = format!("{{\"digest\":\"sha256:{}\",\"size\":2}}", "a".repeat(64));
    let text = format!("{{\"schemaVersion\":2,{padding}\"config\":{config},\"layers\":[]}}");
    let world = json!({"repositories": [{"name": "fluentd/common", "images": [{
        "tags": ["aaaa"],
        "manifest": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "text": text},
    }]}]});
    let case = Case::new(&world, demitasse_sandbox::Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config])
        .expect(1, &["4 MiB", "fluentd/common:aaaa (source)"]);
    assert!(case.writes().is_empty());
}
