//! Look-ups with the real binary against the sandbox: what is asked, with which credentials, and what is not asked.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use demitasse_sandbox::{Denied, Options};
use serde_json::{Value, json};
use support::{Case, HOST, Ran, common, ran};

const PLUGINS: &str = "plugins:\n  - {name: cloudformation}\n  - {name: tfstate, config: {url: 's3://states/prod/app.tfstate'}}\n";

fn world() -> Value {
    let mut world = common(&["aaaa", "bbbb"]);
    let more = json!({
        "parameters": {
            "/app/tag": "aaaa",
            "/app/tags": {"type": "StringList", "value": "zzzz,bbbb"},
            "/app/secret": {"type": "SecureString", "value": "hunter2hunter2"},
        },
        "secrets": ["app/password"],
        "stacks": {"base": {"Repository": format!("{HOST}/fluentd/app"), "Role": "arn:role & co"}},
        "exports": {"tag": "aaaa"},
        "objects": {"states/prod/app.tfstate": {"version": 4, "resources": [
            {"mode": "managed", "type": "aws_ecr_repository", "name": "app",
             "instances": [{"attributes": {"repository_url": format!("{HOST}/fluentd/app")}}]},
        ]}},
    });
    for (key, value) in more.as_object().expect("an object") {
        world[key] = value.clone();
    }
    world
}

fn case() -> Case {
    Case::new(&world(), Options::default())
}

fn project(case: &Case, image: &str, rest: &Value) -> String {
    let config = case.project_with("app", PLUGINS, &[]);
    let mut definition =
        json!({"family": "app", "containerDefinitions": [{"name": "app", "image": image}]});
    for (key, value) in rest.as_object().expect("an object") {
        definition["containerDefinitions"][0][key] = value.clone();
    }
    case.write("app/ecs-task-def.json", &definition.to_string());
    config
}

/// The look-ups that reached AWS: IAM action and what it was about.
fn asked(case: &Case) -> Vec<String> {
    let lookups = ["ssm:", "secretsmanager:", "cloudformation:"];
    let log = case.sandbox.log();
    let mut asked: Vec<String> = log
        .iter()
        .filter(|request| {
            let action = request.action.as_deref().unwrap_or_default();
            lookups.iter().any(|prefix| action.starts_with(prefix))
                || request.path.starts_with("/states/")
        })
        .map(|request| {
            let action = request.action.clone().unwrap_or_default();
            format!("{action} {}", request.repository.as_deref().unwrap_or("*"))
        })
        .collect();
    asked.sort();
    asked
}

fn images(case: &Case, config: &str) -> Ran {
    case.run(&["render", "--images", "-c", config])
}

#[test]
fn each_kind_finds_its_image() {
    let state = "{{ tfstate `aws_ecr_repository.app.repository_url` }}";
    for (image, expected, lookups) in [
        (
            "app:{{ ssm `/app/tag` }}".to_owned(),
            "app:aaaa",
            vec!["ssm:GetParameter /app/tag"],
        ),
        (
            "app:{{ ssm `/app/tags` 1 }}".to_owned(),
            "app:bbbb",
            vec!["ssm:GetParameter /app/tags"],
        ),
        (
            "{{ cfn_output `base` `Repository` }}:{{ cfn_export `tag` }}".to_owned(),
            "/fluentd/app:aaaa",
            vec![
                "cloudformation:DescribeStacks base",
                "cloudformation:ListExports *",
            ],
        ),
        (
            format!("{state}:{{{{ ssm `/app/tag` }}}}"),
            "/fluentd/app:aaaa",
            vec![
                "s3:GetObject states/prod/app.tfstate",
                "ssm:GetParameter /app/tag",
            ],
        ),
        (
            "{{ secretsmanager_arn `app/password` }}".to_owned(),
            "secret:app/password-",
            vec!["secretsmanager:DescribeSecret app/password"],
        ),
    ] {
        let case = case();
        let config = project(&case, &image, &json!({}));
        let ran = images(&case, &config);
        ran.expect(0, &[]);
        assert!(ran.out.contains(expected), "{image}: {}", ran.out);
        assert_eq!(asked(&case), lookups, "{image}");
    }
}

#[test]
fn a_promotion_reads_no_secret_and_render_reads_all() {
    let case = case();
    let image = "{{ tfstate `aws_ecr_repository.app.repository_url` }}:{{ ssm `/app/tag` }}";
    let rest = json!({
        "environment": [{"name": "A", "value": "{{ ssm `/app/secret` | json_escape }}"}],
        "secrets": [{"name": "P", "valueFrom": "{{ secretsmanager_arn `app/password` }}"}],
        "user": "{{ cfn_output `base` `Role` }}",
    });
    let config = project(&case, image, &rest);
    let denied = ["/app/secret", "app/password", "base"].map(|name| Denied {
        action: "*".to_owned(),
        repository: Some(name.to_owned()),
    });
    case.sandbox.deny(denied.to_vec());
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    assert_eq!(
        asked(&case),
        [
            "s3:GetObject states/prod/app.tfstate",
            "ssm:GetParameter /app/tag"
        ]
    );
    case.pull("fluentd/app", "aaaa");
    let ran = case.run(&["render", "-c", &config]);
    ran.expect(
        1,
        &["access denied", "app/ecs-task-def.json:1:", "hint: allow "],
    );
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    case.sandbox.deny(Vec::new());
    let ran = case.run(&["render", "-c", &config]);
    ran.expect(0, &[]);
    let container = &ran.report()["containerDefinitions"][0];
    assert_eq!(container["environment"][0]["value"], "hunter2hunter2");
    assert_eq!(container["user"], "arn:role & co");
    let arn = container["secrets"][0]["valueFrom"]
        .as_str()
        .expect("an ARN");
    let start = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:app/password-";
    assert!(
        arn.starts_with(start) && arn.len() == start.len() + 6,
        "{arn}"
    );
}

#[test]
fn several_configs_look_up_once() {
    let case = case();
    let image = "{{ tfstate `aws_ecr_repository.app.repository_url` }}:{{ ssm `/app/tag` }}";
    let app = project(&case, image, &json!({}));
    case.write("second/ecspresso.yml", &case.read(&app));
    case.write(
        "second/ecs-task-def.json",
        &case.read("app/ecs-task-def.json"),
    );
    case.run(&["render", "--images", "-c", "*/ecspresso.yml"])
        .expect(0, &[]);
    assert_eq!(asked(&case).len(), 2);
}

#[test]
fn failures_say_what_where_and_how() {
    for (image, action, code, texts) in [
        (
            "a:{{ ssm `/app/tag` }}",
            "ssm:GetParameter",
            1,
            [
                "GetParameter /app/tag: access denied",
                "hint: allow ssm:GetParameter on arn:aws:ssm:ap-northeast-1:*:parameter/app/tag",
            ],
        ),
        (
            "a:{{ cfn_output `base` `Role` }}",
            "cloudformation:*",
            1,
            [
                "DescribeStacks base: access denied",
                "arn:aws:cloudformation:ap-northeast-1:*:stack/base/*",
            ],
        ),
        (
            "a:{{ secretsmanager_arn `app/password` }}",
            "secretsmanager:*",
            1,
            [
                "DescribeSecret app/password: access denied",
                "arn:aws:secretsmanager:ap-northeast-1:*:secret:app/password-*",
            ],
        ),
        (
            "{{ tfstate `output.x` }}",
            "s3:GetObject",
            1,
            [
                "GetObject s3://states/prod/app.tfstate: access denied",
                "arn:aws:s3:::states/prod/app.tfstate",
            ],
        ),
        (
            "{{ ssm `/nope` }}",
            "x:x",
            1,
            [
                "GetParameter /nope: failed: ParameterNotFound",
                "ecs-task-def.json:1:",
            ],
        ),
        (
            "{{ cfn_output `nope` `x` }}",
            "x:x",
            1,
            [
                "DescribeStacks nope: failed: Stack with id nope does not exist",
                "",
            ],
        ),
        (
            "{{ cfn_output `base` `x` }}",
            "x:x",
            3,
            ["stack base has no output x", ""],
        ),
        (
            "{{ secretsmanager_arn `nope` }}",
            "x:x",
            1,
            ["can't find the specified secret", ""],
        ),
        (
            "{{ tfstate `output.x` }}",
            "x:x",
            3,
            ["output.x is not found in tfstate", ""],
        ),
    ] {
        let case = case();
        let config = project(&case, image, &json!({}));
        case.sandbox.deny(vec![Denied {
            action: action.to_owned(),
            repository: None,
        }]);
        images(&case, &config).expect(code, &texts);
    }
}

#[test]
fn look_ups_use_the_base_credentials_and_the_configs_region() {
    let case = case();
    let config = project(&case, "fluentd/app:{{ ssm `/app/tag` }}", &json!({}));
    case.run(&[
        "plan",
        "-c",
        &config,
        "--assume-role-arn",
        "arn:aws:iam::1:role/x",
    ]);
    let log = case.sandbox.log();
    let position = |operation: &str| {
        log.iter()
            .position(|request| request.operation == operation)
    };
    assert!(position("GetParameter").is_some());
    let roles = log
        .iter()
        .filter(|request| request.operation == "AssumeRole")
        .count();
    assert!(
        roles <= 1 && position("AssumeRole").is_none_or(|at| Some(at) > position("GetParameter"))
    );
    // Elsewhere the parameter does not exist.
    let text = case.read(&config).replace("ap-northeast-1", "eu-west-1");
    case.write(&config, &text);
    images(&case, &config).expect(1, &["GetParameter /app/tag: failed: ParameterNotFound"]);
}

#[test]
fn a_bucket_elsewhere_is_found() {
    let mut world = world();
    world["buckets"] = json!({"states": "eu-west-1"});
    let case = Case::new(&world, Options::default());
    let image = "{{ tfstate `aws_ecr_repository.app.repository_url` }}:1";
    let config = project(&case, image, &json!({}));
    let ran = images(&case, &config);
    ran.expect(0, &[]);
    assert!(ran.out.contains("/fluentd/app:1"), "{}", ran.out);
    assert_eq!(asked(&case).len(), 2);
}

#[test]
fn a_throttled_look_up_is_made_again() {
    let options = Options {
        faults: vec!["429@ssm:GetParameter#1".parse().expect("a fault")],
        ..Options::default()
    };
    let case = Case::new(&world(), options);
    let config = project(&case, "a:{{ ssm `/app/tag` }}", &json!({}));
    images(&case, &config).expect(0, &[]);
    assert_eq!(asked(&case).len(), 2);
}

/// Answers one request after the other with the next body; the requests it got come back when they are used up.
fn serve(bodies: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = std::thread::spawn(move || {
        let answer = |body: String| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                request.push(byte[0]);
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).expect("sent");
            String::from_utf8_lossy(&request).into_owned()
        };
        bodies.into_iter().map(answer).collect()
    });
    (url, serving)
}

#[test]
fn a_state_on_a_web_server_is_read() {
    let state = json!({"version": 4, "outputs": {"x": {"value": "web/x", "type": "string"}}});
    let (url, serving) = serve(vec![
        state.to_string(),
        "<html>not-a-state</html>".to_owned(),
    ]);
    let case = case();
    let config = project(&case, "{{ tfstate `output.x` }}:1", &json!({}));
    let text = case.read(&config).replace(
        "s3://states/prod/app.tfstate",
        &format!("{url}/a b?token=hunter2"),
    );
    case.write(&config, &text);
    let ran = images(&case, &config);
    ran.expect(0, &[]);
    assert!(ran.out.contains("web/x:1"), "{}", ran.out);
    let ran = images(&case, &config);
    ran.expect(
        3,
        &[
            "failed to read tfstate from http://127.0.0.1:",
            "/a b: invalid json at 1:1",
        ],
    );
    assert!(
        !ran.err.contains("hunter2") && !ran.err.contains("not-a-state"),
        "{}",
        ran.err
    );
    let requests = serving.join().expect("served");
    assert!(
        requests[0].starts_with("GET /a%20b?token=hunter2 HTTP/1.1"),
        "{}",
        requests[0]
    );
    let ran = images(&case, &config);
    ran.expect(1, &["GET http://127.0.0.1:", "unreachable"]);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

#[test]
fn no_look_up_needs_no_credentials() {
    let case = case();
    let config = project(&case, "a:1", &json!({"user": "{{ ssm `/app/secret` }}"}));
    let mut command = case.command(&["render", "--images", "-c", &config]);
    command.env_clear();
    ran(command).expect(0, &[]);
    assert_eq!(case.sandbox.log().len(), 0);
    let mut command = case.command(&["render", "-c", &config]);
    command.env_remove("AWS_ACCESS_KEY_ID");
    ran(command).expect(1, &["no valid credentials"]);
}
