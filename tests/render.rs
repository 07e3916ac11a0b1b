//! `render` with the real binary: what is printed, what is looked up, and ecspresso as the renderer.

mod support;

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use support::{Case, HOST, Ran, ran};

fn case(definition: &str) -> Case {
    let case = Case::common(&["aaaa"]);
    case.write(
        "ecspresso.yml",
        "region: ap-northeast-1\nservice: app\ntask_definition: ecs-task-def.json\n",
    );
    case.write("ecs-task-def.json", definition);
    case
}

#[test]
fn a_task_definition_is_printed_as_ecspresso_prints_it() {
    let case = case(
        r#"{"Family": "app", "tags": [], "containerDefinitions": [
            {"name": "app", "image": "{{ must_env `IMAGE` }}", "memory": null, "command": ["a < b && c"]}]}"#,
    );
    let mut command = case.command(&["render"]);
    command.env("IMAGE", "fluentd/app:aaaa");
    let rendered = ran(command);
    rendered.expect(0, &[]);
    assert_eq!(
        rendered.out,
        r#"{
  "containerDefinitions": [
    {
      "command": [
        "a \u003c b \u0026\u0026 c"
      ],
      "cpu": 0,
      "image": "fluentd/app:aaaa",
      "name": "app",
      "versionConsistency": ""
    }
  ],
  "family": "app",
  "ipcMode": "",
  "networkMode": "",
  "pidMode": ""
}
"#
    );
    case.run(&["render"]).expect(
        3,
        &[
            "environment variable IMAGE is not set (must_env), ecs-task-def.json:2:42",
            "hint: set IMAGE, or pass --envfile FILE",
        ],
    );
    assert_eq!(case.sandbox.log().len(), 0);
}

#[test]
fn images_are_listed() {
    let case = Case::common(&["aaaa"]);
    let image = format!("{HOST}/fluentd/app:aaaa");
    let app = case.project("app", &[&image, "public.ecr.aws/x/y:1"]);
    let web = case.project_with("web", "# a comment\n", &["a:{{ env `TAG` `b` }}"]);
    let arguments = ["render", "--images", "-c", &app, "-c", &web];
    let rendered = case.run(&arguments);
    rendered.expect(0, &[]);
    let lines: Vec<Vec<&str>> = rendered
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines,
        [
            vec!["CONFIG", "FAMILY", "CONTAINER", "IMAGE"],
            vec!["app/ecspresso.yml", "app", "app", &image],
            vec![
                "app/ecspresso.yml",
                "app",
                "sidecar-1",
                "public.ecr.aws/x/y:1"
            ],
            vec!["web/ecspresso.yml", "web", "app", "a:b"],
        ]
    );
    let rendered = case.run(&["render", "--images", "-c", &web, "--output", "json"]);
    assert_eq!(
        rendered.report(),
        json!({"schema": "demitasse.images/v1", "projects": [{
            "config": "web/ecspresso.yml", "region": "ap-northeast-1", "cluster": "default",
            "service": "web", "family": "web",
            "images": [{"container": "app", "image": "a:b", "file": "web/ecs-task-def.json", "line": 4}],
        }]})
    );
}

#[test]
fn commands_are_run_as_ecspresso_runs_them() {
    let case = case(
        r#"{"family": "app", "containerDefinitions": [
            {"name": "app", "image": "{{ image `app` }}", "user": "{{ count `x` }}"}]}"#,
    );
    case.write(
        "ecspresso.yml",
        "service: app\ntask_definition: ecs-task-def.json\nplugins:\n\
         - {name: external, config: {name: image, command: [sh, -c, 'printf \"{\\\"%s\\\": 1\" >&2; echo \"\\\"$REPO/$0:$1\\\"\"', web]}}\n\
         - {name: external, config: {name: count, command: [sh, -c, 'echo x >>calls; printf y'], parser: string}}\n",
    );
    case.write("deploy.env", "REPO=ext\n");
    let run = |arguments: &[&str]| {
        let mut command = case.command(&[arguments, &["--envfile", "deploy.env"]].concat());
        command.env("PATH", "/usr/bin:/bin");
        ran(command)
    };
    let images = run(&["render", "--images"]);
    images.expect(0, &[]);
    assert!(images.out.contains("ext/web:app"), "{}", images.out);
    assert!(!case.path("calls").exists(), "a command ran for nothing");
    let whole = run(&["render"]);
    whole.expect(0, &[]);
    assert!(whole.out.contains("\"user\": \"y\""), "{}", whole.out);
    assert_eq!(case.read("calls"), "x\n");
    run(&["render", "--images", "--no-external"]).expect(
        3,
        &[
            "image runs a command, and --no-external forbids it",
            "ecs-task-def.json:2:42",
        ],
    );
}

#[test]
fn what_ecspresso_drops_or_skips_is_no_mistake() {
    let case = case(r#"{"family": [], "containerDefinitions": [{"name": "a", "image": []}]}"#);
    let rendered = case.run(&["render", "--envfile", "", "--envfile="]);
    rendered.expect(0, &[]);
    let printed: serde_json::Value = serde_json::from_str(&rendered.out).expect("JSON");
    assert_eq!(
        printed["containerDefinitions"],
        json!([{"cpu": 0, "name": "a", "versionConsistency": ""}])
    );
    assert_eq!(printed.get("family"), None);
}

#[test]
fn a_command_that_fails_is_the_worlds_fault() {
    let case =
        case(r#"{"family": "a", "containerDefinitions": [{"name": "a", "image": "{{ image }}"}]}"#);
    let config = "service: app\ntask_definition: ecs-task-def.json\nplugins:\n\
         - {name: external, config: {name: image, command: [sh, -c, 'echo gone >&2; exit 4']}}\n";
    case.write("ecspresso.yml", config);
    let mut command = case.command(&["plan"]);
    command.env("PATH", "/usr/bin:/bin");
    ran(command).expect(
        1,
        &["run sh: failed: exit status: 4: gone, ecs-task-def.json:1:69"],
    );
}

/// A stand-in for ecspresso that shows how it was called.
fn with_ecspresso(case: &Case, definition: &str, arguments: &[&str]) -> Ran {
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>calls\ncase \"$*\" in\n*config) printf 'region: eu-west-1\\ncluster: c\\nservice: s\\n{definition}: x\\n' ;;\n\
         *taskdef) printf '{{\"family\": \"app\", \"newKey\": 1, \"containerDefinitions\": [{{\"name\": \"a\", \"image\": \"x:1\"}}]}}' ;;\n\
         *expressdef) printf '{{\"primaryContainer\": {{\"image\": \"x:2\"}}}}' ;;\nesac\n"
    );
    case.write("bin/ecspresso", &script);
    let path = case.path("bin/ecspresso");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut command = case.command(arguments);
    let path = format!("{}:/usr/bin:/bin", case.path("bin").display());
    command.env("PATH", path);
    ran(command)
}

#[test]
fn ecspresso_may_render() {
    let case = Case::common(&["aaaa"]);
    let arguments = [
        "render",
        "--renderer",
        "ecspresso",
        "-c",
        "any.yml",
        "--envfile",
        "a,b",
        "--ext-str",
        "A=1",
        "--ext-code",
        "B=2",
        "--assume-role-arn",
        "arn:r",
    ];
    let rendered = with_ecspresso(&case, "task_definition", &arguments);
    rendered.expect(3, &["cannot read a: no such file"]);
    case.write("a", "");
    case.write("b", "");
    let rendered = with_ecspresso(&case, "task_definition", &arguments);
    rendered.expect(0, &[]);
    let printed: serde_json::Value = serde_json::from_str(&rendered.out).expect("JSON");
    assert_eq!(
        printed,
        json!({"family": "app", "newKey": 1, "containerDefinitions": [{"name": "a", "image": "x:1"}]})
    );
    let flags = "--config any.yml --envfile a --envfile b --ext-str A=1 --ext-code B=2 --assume-role-arn arn:r";
    assert_eq!(
        case.read("calls"),
        format!("{flags} render config\n{flags} render taskdef\n")
    );
    let images = with_ecspresso(
        &case,
        "express_definition",
        &[
            "render",
            "--images",
            "-o",
            "json",
            "--renderer",
            "ecspresso",
            "-c",
            "any.yml",
        ],
    );
    images.expect(0, &[]);
    let project = &images.report()["projects"][0];
    assert_eq!(project["region"], "eu-west-1");
    assert_eq!(
        project["images"][0],
        json!({"container": "Main", "image": "x:2"})
    );
}

#[test]
fn without_ecspresso_there_is_a_hint() {
    let case = Case::common(&["aaaa"]);
    let mut command = case.command(&["plan", "--renderer", "ecspresso", "-c", "any.yml"]);
    command.env("PATH", "/nowhere");
    ran(command).expect(
        3,
        &[
            "any.yml: run ecspresso: failed: No such file",
            "hint: ecspresso must be in PATH",
        ],
    );
}
