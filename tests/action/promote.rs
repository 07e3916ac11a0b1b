//! The action with the real binary, against the sandbox.

use std::path::Path;

use demitasse_sandbox::{Options, Sandbox, World};
use serde_json::{Value, json};

use crate::runner::{Ended, ROOT, Runner};

const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

fn sandbox() -> Sandbox {
    let world = Path::new(ROOT).join("fixtures/worlds/fluentd.json");
    let world = World::read(&world).expect("a world");
    Sandbox::start(world, Options::default()).expect("a sandbox")
}

/// A runner with a checked-out ecspresso project, whose job may use the sandbox.
fn runner(sandbox: &Sandbox) -> Runner {
    let mut runner = Runner::new();
    runner.environment.extend(sandbox.environment());
    runner.write(
        "workspace/services/app/ecspresso.yml",
        "region: ap-northeast-1\ncluster: default\nservice: app\ntask_definition: td.jsonnet\n",
    );
    runner.write(
        "workspace/services/app/td.jsonnet",
        &format!(
            "{{\n\
               family: std.extVar('FAMILY'),\n\
               containerDefinitions: [\n\
                 {{ name: 'log-router', image: '{HOST}/fluentd/app:{{{{ must_env `TAG` }}}}' }},\n\
                 {{ name: 'web', image: 'public.ecr.aws/nginx/nginx:1' }},\n\
               ],\n\
             }}\n"
        ),
    );
    runner.write("workspace/tags.env", "TAG=eeee\n");
    runner
}

fn promote(runner: &Runner, args: &str) -> Ended {
    runner.uses(&[
        ("path", env!("CARGO_BIN_EXE_demitasse")),
        ("config", "services/*/ecspresso.yml"),
        ("envfile", "tags.env"),
        ("ext-str", "FAMILY=app"),
        ("args", args),
    ])
}

fn output(ended: &Ended, name: &str) -> Value {
    let text = &ended.outputs[name];
    serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("{name} {text:?}: {error}\n{}", ended.log))
}

#[test]
fn a_promotion_fills_the_outputs() {
    let sandbox = sandbox();
    let runner = runner(&sandbox);
    let config = "services/app/ecspresso.yml";

    let planned = promote(&runner, "--dry-run");
    assert_eq!(planned.code, 0, "{}", planned.log);
    assert_eq!(output(&planned, "changed"), json!(true));
    assert!(
        sandbox.pull("fluentd/app", "eeee").is_err(),
        "a plan writes nothing"
    );

    let ended = promote(&runner, "");
    assert_eq!(ended.code, 0, "{}", ended.log);
    let pulled = sandbox.pull("fluentd/app", "eeee").expect("promoted");
    assert_eq!(output(&ended, "changed"), json!(true));
    assert_eq!(
        output(&ended, "images")[config]["log-router"],
        format!("{HOST}/fluentd/app:eeee")
    );
    assert_eq!(
        output(&ended, "images-relative")[config]["log-router"],
        "fluentd/app:eeee"
    );
    assert_eq!(
        output(&ended, "digests")[config]["log-router"],
        pulled.digest
    );
    assert_eq!(
        output(&ended, "images")[config]["web"],
        "public.ecr.aws/nginx/nginx:1"
    );
    assert!(ended.summary.contains("fluentd/app"), "{}", ended.summary);
    assert!(
        !ended.outputs["images-relative"].contains(HOST),
        "a masked account id would empty it"
    );

    let again = promote(&runner, "");
    assert_eq!(again.code, 0, "{}", again.log);
    assert_eq!(output(&again, "changed"), json!(false));
    assert_eq!(again.outputs["images"], ended.outputs["images"]);
}

#[test]
fn a_refusal_fails_the_step_with_its_exit_code_and_an_annotation() {
    let sandbox = sandbox();
    let runner = runner(&sandbox);
    runner.write("workspace/tags.env", "TAG=ffff\n");
    let ended = promote(&runner, "");
    assert_eq!(ended.code, 4, "{}", ended.log);
    let error = ended.log.lines().find(|line| line.starts_with("::error "));
    let error = error.expect(&ended.log);
    assert!(
        error.contains("file=services/app/td.jsonnet,line=4::"),
        "{error}"
    );
    assert!(sandbox.pull("fluentd/app", "ffff").is_err());
}

#[test]
fn wrong_arguments_are_wrong_input() {
    let sandbox = sandbox();
    let ended = promote(&runner(&sandbox), "--no-such-flag");
    assert_eq!(ended.code, 3, "{}", ended.log);
    assert!(ended.log.contains("--no-such-flag"), "{}", ended.log);
}
