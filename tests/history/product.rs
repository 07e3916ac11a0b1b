//! The product in this process: the same entry as the binary's, at the time of the sandbox's clock.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use demitasse::model::time::Timestamp;
use demitasse_sandbox::Sandbox;
use serde_json::json;

use crate::support::HOST;

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) told: String,
}

/// The product, with the configs of the services in a directory.
pub(crate) struct Product<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) directory: &'a Path,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) runs: u64,
    /// What was run and what it said, for whoever has to find out why a history fails.
    pub(crate) transcript: String,
}

impl Product<'_> {
    /// Runs it.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> Ran {
        self.runs += 1;
        let now = self.sandbox.with_state(|state| state.clock.now().0);
        self.transcript
            .push_str(&format!("$ demitasse {}\n", arguments.join(" ")));
        let arguments = ["demitasse"].iter().chain(arguments).map(OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = demitasse::run_at(
            Timestamp(now),
            arguments.collect::<Vec<_>>(),
            self.environment.clone(),
            &mut out,
            &mut err,
        );
        let (out, err) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
        let told = format!("{out}{err}");
        self.transcript.push_str(&told);
        Ran {
            code: exit.code(),
            told,
        }
    }

    /// The path of a service's config.
    pub(crate) fn config(&self, service: &str) -> PathBuf {
        self.directory.join(service).join("ecspresso.yml")
    }

    /// Writes what the pipeline of a service deploys.
    pub(crate) fn write(&self, service: &str, family: &str, tag: &str) {
        let directory = self.directory.join(service);
        fs::create_dir_all(&directory).expect("a directory");
        let config = format!(
            "region: ap-northeast-1\ncluster: default\nservice: {service}\ntask_definition: task.json\n"
        );
        fs::write(directory.join("ecspresso.yml"), config).expect("a file");
        let definition = json!({"family": family, "containerDefinitions": [{"name": "fluentd", "image": image(family, tag)}]});
        fs::write(directory.join("task.json"), definition.to_string()).expect("a file");
    }
}

/// The image of a family's container.
pub(crate) fn image(family: &str, tag: &str) -> String {
    format!("{HOST}/{}:{tag}", repository(family))
}

/// The repository that a family pulls from.
pub(crate) fn repository(family: &str) -> String {
    format!("fluentd/{family}")
}
