//! Who we are for an upstream: what Docker's configuration and its helpers say, for that registry alone.

use std::os::unix::fs::PermissionsExt as _;

use crate::registry::{Door, Upstream, base64, basic};
use crate::support::{Case, Ran, ran};
use crate::{agents, case};

const USER: &str = "ann";
const PASSWORD: &str = "s3cret:with,colon";

/// Promotes with this `config.json`; helpers are found in `bin`.
fn promote(case: &Case, docker: &str) -> Ran {
    case.write("docker/config.json", docker);
    let config = case.project("app", &["HOST/datadog/agent/app:7.50"]);
    let mut command = case.command(&["promote", "-c", &config]);
    let path = format!("{}:/usr/bin:/bin", case.path("bin").display());
    command
        .env("DOCKER_CONFIG", case.path("docker"))
        .env("PATH", path);
    let ran = ran(command);
    for secret in [
        PASSWORD,
        "a-token",
        "refresh-me",
        &base64(PASSWORD.as_bytes()),
        &basic(USER, PASSWORD)[6..],
    ] {
        assert!(!ran.out.contains(secret), "{}", ran.out);
        assert!(!ran.err.contains(secret), "{}", ran.err);
    }
    ran
}

/// A helper that writes down what it is asked, and answers so.
fn helper(case: &Case, name: &str, body: &str) {
    let path = format!("bin/docker-credential-{name}");
    let noted = case.path("helped").display().to_string();
    case.write(
        &path,
        &format!("#!/bin/sh\nread server\necho \"$1 $server\" >> {noted}\n{body}\n"),
    );
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(case.path(&path), mode).expect("a mode");
}

/// Every way to be known, for one way to be asked.
fn known(door: &Door) {
    let start = || Upstream::start(&agents(&["7.50"]), door.clone());
    let auth = base64(format!("{USER}:{PASSWORD}").as_bytes());
    let printed =
        format!(r#"echo '{{"ServerURL": "x", "Username": "{USER}", "Secret": "{PASSWORD}"}}'"#);

    let upstream = start();
    let case = case(&upstream);
    let host = upstream.host().to_owned();
    promote(
        &case,
        &format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#),
    )
    .expect(0, &[]);
    case.pull("datadog/agent/app", "7.50");

    let upstream = start();
    let case = crate::case(&upstream);
    let host = upstream.host().to_owned();
    helper(&case, "mine", &printed);
    helper(&case, "other", "exit 1");
    let helpers = format!(
        r#"{{"credHelpers": {{"{host}": "mine", "ghcr.io": "other"}}, "credsStore": "other"}}"#
    );
    promote(&case, &helpers).expect(0, &[]);
    assert_eq!(
        case.read("helped"),
        format!("get {host}\n"),
        "once, for this host alone"
    );

    let upstream = start();
    let case = crate::case(&upstream);
    let host = upstream.host().to_owned();
    helper(&case, "store", &printed);
    let store = format!(r#"{{"auths": {{"https://{host}": {{}}}}, "credsStore": "store"}}"#);
    promote(&case, &store).expect(0, &[]);
    assert_eq!(case.read("helped"), format!("get https://{host}\n"));
}

#[test]
fn a_token_registry_knows_us() {
    known(&Door::TokenFor(USER, PASSWORD));
}

#[test]
fn a_password_registry_knows_us() {
    known(&Door::Password(USER, PASSWORD));
}

#[test]
fn a_refresh_token_is_exchanged() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::TokenByIdentity("refresh-me"));
    let case = case(&upstream);
    let host = upstream.host();
    promote(
        &case,
        &format!(r#"{{"auths": {{"{host}": {{"identitytoken": "refresh-me"}}}}}}"#),
    )
    .expect(0, &[]);
    let asked = upstream.take_asked();
    assert!(
        asked.iter().all(|one| !one.path.contains("refresh-me")),
        "it stands in no URL"
    );
}

#[test]
fn who_is_not_known_is_told_what_to_do() {
    let hint = "docker login 127.0.0.1";
    for door in [
        Door::TokenFor(USER, PASSWORD),
        Door::Password(USER, PASSWORD),
    ] {
        let upstream = Upstream::start(&agents(&["7.50"]), door);
        let case = case(&upstream);
        let host = upstream.host();
        let texts = ["(source)", "no valid credentials", hint];
        promote(&case, "{}").expect(1, &texts);
        let wrong =
            format!(r#"{{"auths": {{"{host}": {{"username": "{USER}", "password": "x"}}}}}}"#);
        promote(&case, &wrong).expect(1, &texts);
        helper(
            &case,
            "store",
            "echo credentials not found in native keychain; exit 1",
        );
        promote(&case, r#"{"credsStore": "store"}"#).expect(1, &texts);
        helper(
            &case,
            "store",
            &format!("echo {PASSWORD}; echo {PASSWORD} >&2; exit 1"),
        );
        promote(&case, r#"{"credsStore": "store"}"#)
            .expect(1, &["docker-credential-store get: it failed", hint]);
        helper(&case, "store", &format!("echo {PASSWORD}"));
        promote(&case, r#"{"credsStore": "store"}"#)
            .expect(1, &["something else than credentials"]);
        promote(&case, r#"{"credsStore": "nowhere"}"#).expect(1, &["docker-credential-nowhere"]);
        assert!(case.writes().is_empty());
    }
}

#[test]
fn a_broken_configuration_is_wrong_input_only_where_it_is_needed() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    promote(&case, r#"{"auths": {"x": "s3cret:with,colon"}}"#)
        .expect(3, &["docker/config.json", "line 1"]);
    let mut command = case.command(&["promote", "-c", &case.project("web", &["HOST/nginx/web:1"])]);
    command.env("DOCKER_CONFIG", case.path("docker"));
    let ran = ran(command);
    assert!(!ran.err.contains("config.json"), "{}", ran.err);
}

#[test]
fn an_open_registry_has_no_helper_run() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    helper(&case, "store", "exit 1");
    promote(&case, r#"{"credsStore": "store"}"#).expect(0, &[]);
    assert!(!case.path("helped").exists());
}
