//! What a registry that is somebody else's may not do to us.

use crate::registry::{Door, Trouble, Upstream};
use crate::{agents, case, promote, status};

fn altered(path: &'static str, body: Vec<u8>) -> Trouble {
    Trouble {
        path,
        times: 99,
        status: None,
        headers: Vec::new(),
        body: Some(body),
    }
}

#[test]
fn other_bytes_than_the_digests_are_refused() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    upstream.trouble(altered(
        "/manifests/7.50",
        b"{\"schemaVersion\": 2}".to_vec(),
    ));
    promote(&case, "7.50", &[]).expect(
        1,
        &[
            "(source)",
            "unusable answer",
            "the manifest's bytes have the digest",
        ],
    );
    assert!(case.writes().is_empty());
    upstream.forget_troubles();

    // The config is the only blob without a redirect to follow: answered in its place, with as many bytes.
    let manifest = upstream.sandbox().with_state(|state| {
        let image = state.image("datadog/agent", "7.50").expect("an image");
        image.manifest.blobs[0].clone()
    });
    let path: &'static str = Box::leak(format!("/blobs/{}", manifest.digest).into_boxed_str());
    let size = usize::try_from(manifest.size).expect("a size");
    upstream.trouble(Trouble {
        status: Some(200),
        ..altered(path, vec![b'x'; size])
    });
    promote(&case, "7.50", &[]).expect(1, &["read blob", "(source)", "its bytes have the digest"]);
    assert!(case.tags("datadog/agent/app").is_empty());
    upstream.forget_troubles();
    upstream.trouble(Trouble {
        status: Some(200),
        ..altered(path, vec![b'x'; size + 1])
    });
    promote(&case, "7.50", &[]).expect(
        1,
        &[
            "read blob",
            "(source)",
            &format!("{} bytes, not {size}", size + 1),
        ],
    );
    upstream.forget_troubles();
    promote(&case, "7.50", &[]).expect(0, &[]);
    case.pull("datadog/agent/app", "7.50");
    assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);
}

#[test]
fn answers_without_end_and_without_sense_are_refused() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let case = case(&upstream);
    upstream.trouble(altered("/manifests/", vec![b' '; 5 * 1024 * 1024]));
    promote(&case, "7.50", &[]).expect(1, &["4 MiB"]);
    upstream.forget_troubles();
    upstream.trouble(altered("/manifests/", vec![0xff; 100]));
    promote(&case, "7.50", &[]).expect(1, &["UTF-8"]);
    upstream.forget_troubles();
    for token in ["", "{}", "{\"token\": \"a\\nb\"}", "[1]"] {
        upstream.trouble(altered("/token", token.as_bytes().to_vec()));
        promote(&case, "7.50", &[]).expect(1, &["unusable answer", "token"]);
        upstream.forget_troubles();
    }
    upstream.trouble(Trouble {
        headers: vec![("location", "/v2/datadog/agent/manifests/7.50")],
        ..status("/manifests/", 9999, 307)
    });
    promote(&case, "7.50", &[]).expect(1, &["redirect"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_place_for_tokens_in_the_clear_gets_nothing() {
    let upstream = Upstream::start(
        &agents(&["7.50"]),
        Door::TokenFrom("http://token.example/token"),
    );
    let case = case(&upstream);
    let config = format!(
        r#"{{"auths": {{"{}": {{"username": "ann", "password": "secret"}}}}}}"#,
        upstream.host()
    );
    case.write("docker/config.json", &config);
    let config = case.project("app", &["HOST/datadog/agent/app:7.50"]);
    let mut command = case.command(&["promote", "-c", &config]);
    command.env("DOCKER_CONFIG", case.path("docker"));
    crate::support::ran(command).expect(1, &["the place it names for tokens is not https"]);
}

#[test]
fn a_redirect_elsewhere_carries_no_authorization_and_asks_for_none() {
    // The sandbox's storage refuses a request with an Authorization; here it also asks who is there.
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let other = Upstream::start(&agents(&["7.50"]), Door::Password("ann", "secret"));
    let case = case(&upstream);
    let location: &'static str = Box::leak(
        format!("http://{}/v2/datadog/agent/manifests/7.50", other.host()).into_boxed_str(),
    );
    upstream.trouble(Trouble {
        headers: vec![("location", location)],
        ..status("/manifests/7.50", 99, 307)
    });
    let docker = format!(
        r#"{{"auths": {{"{}": {{"username": "ann", "password": "secret"}}}}}}"#,
        other.host()
    );
    case.write("docker/config.json", &docker);
    let config = case.project("app", &["HOST/datadog/agent/app:7.50"]);
    let mut command = case.command(&["promote", "-c", &config]);
    command.env("DOCKER_CONFIG", case.path("docker"));
    crate::support::ran(command).expect(1, &["(source)", "no valid credentials"]);
    let asked = other.take_asked();
    assert!(!asked.is_empty());
    assert!(
        asked.iter().all(|one| one.authorization.is_none()),
        "{asked:?}"
    );
}

#[test]
fn a_layer_that_ecr_would_not_take_is_refused_before_any_write() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    let [config, layer] = ["1", "2"].map(|digit| format!("sha256:{}", digit.repeat(64)));
    let manifest = |bytes: u64| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{layer}","size":{bytes}}}]}}"#
        )
    };
    upstream.trouble(Trouble {
        status: Some(200),
        headers: vec![("content-type", "application/vnd.oci.image.manifest.v1+json")],
        ..altered("/manifests/", manifest(55_000_000_000).into_bytes())
    });
    promote(&case, "7.50", &[]).expect(1, &[&layer, "55.0 GB", "at most 52,000 MiB"]);
    assert!(case.writes().is_empty());
}

#[test]
fn manifests_that_ecr_takes_no_more_are_refused_by_their_type() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    let unknown = "application/vnd.example.thing+json";
    let schema_1 = r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned();
    let thing = format!(r#"{{"schemaVersion":2,"mediaType":"{unknown}"}}"#);
    for (text, told) in [(schema_1, "manifest.v1+json"), (thing, unknown)] {
        upstream.trouble(Trouble {
            status: Some(200),
            ..altered("/manifests/", text.into_bytes())
        });
        promote(&case, "7.50", &[]).expect(1, &["datadog/agent:7.50 (source)", told]);
        assert!(case.writes().is_empty());
        upstream.forget_troubles();
    }
}
