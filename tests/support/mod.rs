//! Runs the real binary against the sandbox: a world, ecspresso projects in a directory, and what came of a run.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests write projects and read what the binary wrote"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use demitasse_sandbox::{ImageSpec, LayerSpec, Options, Request, Sandbox, World};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

/// A sandbox and a directory with ecspresso projects.
pub(crate) struct Case {
    pub(crate) sandbox: Sandbox,
    pub(crate) directory: TempDir,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The JSON report.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the exit code and that stderr holds each of the texts.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text), "`{text}` is not in:\n{}", self.err);
        }
        self
    }

    /// The same for texts on stdout.
    pub(crate) fn shows(&self, code: i32, texts: &[&str]) -> &Self {
        self.expect(code, &[]);
        for text in texts {
            assert!(self.out.contains(text), "`{text}` is not in:\n{}", self.out);
        }
        self
    }
}

impl Case {
    /// A world whose common repository holds single images with these tags, oldest first, and nothing else.
    pub(crate) fn common(tags: &[&str]) -> Self {
        Self::new(&common(tags), Options::default())
    }

    /// Any world.
    pub(crate) fn new(world: &Value, options: Options) -> Self {
        Self::of(world.to_string().parse().expect("a world"), options)
    }

    /// A world that was read.
    pub(crate) fn of(world: World, options: Options) -> Self {
        let sandbox = Sandbox::start(world, options).expect("a sandbox");
        let directory = TempDir::new().expect("a directory");
        Self { sandbox, directory }
    }

    /// Writes `<family>/ecspresso.yml` and its task definition; images are templates. Gives the config's path.
    pub(crate) fn project(&self, family: &str, images: &[&str]) -> String {
        self.project_with(family, "", images)
    }

    /// The same with further lines of `ecspresso.yml`.
    pub(crate) fn project_with(&self, family: &str, lines: &str, images: &[&str]) -> String {
        let config = format!(
            "region: ap-northeast-1\ncluster: default\nservice: {family}\n{lines}\
             service_definition: ecs-service-def.json\ntask_definition: ecs-task-def.json\n"
        );
        self.write(&format!("{family}/ecspresso.yml"), &config);
        let container = |(number, image): (usize, &&str)| {
            let name = if number == 0 {
                "app".to_owned()
            } else {
                format!("sidecar-{number}")
            };
            json!({"name": name, "image": image.replace("HOST", HOST)})
        };
        let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
        let definition = json!({"family": family, "containerDefinitions": containers});
        let text = serde_json::to_string_pretty(&definition).expect("JSON");
        self.write(&format!("{family}/ecs-task-def.json"), &text);
        format!("{family}/ecspresso.yml")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// The binary, ready to run here with the sandbox's environment and nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demitasse"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.sandbox.environment())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    /// Requests that change something.
    pub(crate) fn writes(&self) -> Vec<Request> {
        self.sandbox
            .log()
            .into_iter()
            .filter(|request| request.write)
            .collect()
    }

    /// `tag → digest` of a repository; empty where it does not exist.
    pub(crate) fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        self.sandbox.with_state(|state| {
            if state.repository(repository).is_some() {
                state.tags(repository)
            } else {
                BTreeMap::new()
            }
        })
    }

    pub(crate) fn exists(&self, repository: &str) -> bool {
        self.sandbox
            .with_state(|state| state.repository(repository).is_some())
    }

    /// Pulls an image with every blob and checks every digest.
    #[track_caller]
    pub(crate) fn pull(&self, repository: &str, reference: &str) {
        let pulled = self.sandbox.pull(repository, reference);
        pulled.unwrap_or_else(|error| panic!("{repository} {reference}: {error}"));
    }
}

pub(crate) fn ran(mut command: Command) -> Ran {
    let output = command.output().expect("the binary runs");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The text of a world as [`Case::common`] makes it, to be changed.
pub(crate) fn common(tags: &[&str]) -> Value {
    let count = tags.len();
    let image = |(number, tag): (usize, &&str)| {
        json!({
            "tags": [tag],
            "pushedDaysAgo": count - number,
            "layers": [{"size": 4096, "seed": "base"}, {"size": 1024, "seed": tag}],
        })
    };
    let images: Vec<Value> = tags.iter().enumerate().map(image).collect();
    json!({"repositories": [{"name": "fluentd/common", "images": images}]})
}

/// The lifecycle policy that demitasse installs, as docs/lifecycle-policy.md shows it: not made by the program under test.
pub(crate) fn our_policy(keep: u32) -> Value {
    json!({"rules": [
        {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["inuse-*"], "countType": "imageCountMoreThan", "countNumber": 9999}, "action": {"type": "expire"}},
        {"rulePriority": 2, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": keep}, "action": {"type": "expire"}},
        {"rulePriority": 3, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}},
    ]})
}

/// A single image of so many layers.
pub(crate) fn image(layers: usize, seed: &str) -> ImageSpec {
    let layer = |number: usize| LayerSpec {
        size: 512,
        seed: Some(format!("{seed}-{number}")),
    };
    ImageSpec {
        layers: (0..layers).map(layer).collect(),
        ..ImageSpec::default()
    }
}
