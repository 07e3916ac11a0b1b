//! A GitHub Actions runner in a temporary directory: plays the steps of `action.yml` and evaluates the few expressions
//! it has.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

/// The root of the repository, where `action.yml` is.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `action.yml`.
#[derive(Deserialize)]
pub(crate) struct Action {
    pub(crate) inputs: BTreeMap<String, Input>,
    pub(crate) outputs: BTreeMap<String, Output>,
    pub(crate) runs: Runs,
}

#[derive(Deserialize)]
pub(crate) struct Input {
    pub(crate) default: String,
}

#[derive(Deserialize)]
pub(crate) struct Output {
    pub(crate) value: String,
}

#[derive(Deserialize)]
pub(crate) struct Runs {
    pub(crate) using: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) shell: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) run: String,
}

impl Action {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(format!("{ROOT}/action.yml")).expect("action.yml");
        serde_saphyr::from_str(&text).expect("action.yml")
    }
}

/// A runner with an empty workspace.
pub(crate) struct Runner {
    directory: TempDir,
    /// Variables of the job, over the runner's own.
    pub(crate) environment: BTreeMap<String, String>,
}

/// How a use of the action ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code of the last step that ran.
    pub(crate) code: i32,
    /// Both streams of all steps.
    pub(crate) log: String,
    /// The outputs of the action.
    pub(crate) outputs: BTreeMap<String, String>,
    /// What the steps added to PATH.
    pub(crate) paths: Vec<String>,
    /// The job summary.
    pub(crate) summary: String,
}

impl Runner {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let runner = Self {
            directory,
            environment: BTreeMap::new(),
        };
        for name in ["workspace", "temp", "tools", "bin", "home"] {
            fs::create_dir(runner.path(name)).expect(name);
        }
        runner
    }

    /// A path in the directory of the runner: `workspace`, `temp`, `tools` (the tool cache), `bin` (first in PATH).
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect(name);
        fs::write(&path, text).expect(name);
        path
    }

    /// Writes a program.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.write(name, script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect(name);
        path
    }

    /// Every file and directory of the runner, by its path in it.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut open = vec![self.directory.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let entry = entry.expect("an entry");
                let path = entry.path();
                let inside = path.strip_prefix(self.directory.path()).expect("inside");
                files.push(inside.to_string_lossy().into_owned());
                if entry.file_type().expect("a type").is_dir() {
                    open.push(path);
                }
            }
        }
        files.sort();
        files
    }

    /// Uses the action as `octo/demitasse@v1` with these inputs.
    pub(crate) fn uses(&self, inputs: &[(&str, &str)]) -> Ended {
        let unpacked = self.path("_actions/octo/demitasse/v1");
        if !unpacked.exists() {
            fs::create_dir_all(unpacked.parent().expect("a parent")).expect("_actions");
            symlink(ROOT, &unpacked).expect("the action");
        }
        self.plays(&unpacked, inputs)
    }

    /// Uses the action as it is unpacked at `path`.
    pub(crate) fn plays(&self, path: &Path, inputs: &[(&str, &str)]) -> Ended {
        let action = Action::read();
        assert_eq!(action.runs.using, "composite");
        let mut known = BTreeMap::from([(
            "github.action_repository".to_owned(),
            "octo/wrapper".to_owned(),
        )]);
        for (name, input) in &action.inputs {
            known.insert(format!("inputs.{name}"), input.default.clone());
        }
        for (name, value) in inputs {
            let old = known.insert(format!("inputs.{name}"), (*value).to_owned());
            assert!(old.is_some(), "no input {name}");
        }
        let mut ended = Ended {
            code: 0,
            log: String::new(),
            outputs: BTreeMap::new(),
            paths: Vec::new(),
            summary: String::new(),
        };
        for step in &action.runs.steps {
            self.play(step, path, &mut known, &mut ended);
            if ended.code != 0 {
                break;
            }
        }
        for (name, output) in &action.outputs {
            ended
                .outputs
                .insert(name.clone(), evaluate(&output.value, &known));
        }
        ended
    }

    fn play(
        &self,
        step: &Step,
        path: &Path,
        known: &mut BTreeMap<String, String>,
        ended: &mut Ended,
    ) {
        assert_eq!(step.shell, "bash");
        let script = self.write("temp/step.sh", &step.run);
        let files = [
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_PATH",
            "GITHUB_ENV",
        ];
        let files = files.map(|name| (name, self.write(&format!("temp/{name}"), "")));
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(&script)
            .current_dir(self.path("workspace"))
            .env_clear()
            .env("PATH", self.search_path())
            .env("HOME", self.path("home"))
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTION_PATH", path)
            .env("GITHUB_WORKSPACE", self.path("workspace"))
            .env("RUNNER_TEMP", self.path("temp"))
            .env("RUNNER_TOOL_CACHE", self.path("tools"))
            .env("RUNNER_OS", "Linux")
            .env("RUNNER_ARCH", "X64")
            .envs(files.iter().map(|(name, path)| (*name, path)))
            .envs(&self.environment)
            .envs(
                step.env
                    .iter()
                    .map(|(name, value)| (name, evaluate(value, known))),
            );
        let output = command.output().expect("bash");
        ended.code = output.status.code().expect("an exit code");
        ended.log += &String::from_utf8_lossy(&output.stdout);
        ended.log += &String::from_utf8_lossy(&output.stderr);
        let [outputs, summary, paths, environment] = files.map(|(name, path)| {
            let text = fs::read_to_string(&path).expect(name);
            fs::remove_file(path).expect(name);
            text
        });
        fs::remove_file(script).expect("step.sh");
        for line in outputs.lines() {
            let (name, value) = line.split_once('=').expect(line);
            known.insert(
                format!("steps.{}.outputs.{name}", step.id),
                value.to_owned(),
            );
        }
        ended.summary += &summary;
        ended.paths.extend(paths.lines().map(str::to_owned));
        assert_eq!(
            environment, "",
            "nothing is put into the environment of later steps"
        );
    }

    fn search_path(&self) -> String {
        format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").unwrap_or_default()
        )
    }
}

/// The value of a text that is one expression or holds none. What is not known is empty, as on a runner.
fn evaluate(text: &str, known: &BTreeMap<String, String>) -> String {
    let expression = text
        .strip_prefix("${{ ")
        .and_then(|text| text.strip_suffix(" }}"));
    match expression {
        Some(expression) => known.get(expression).cloned().unwrap_or_default(),
        None => text.to_owned(),
    }
}
