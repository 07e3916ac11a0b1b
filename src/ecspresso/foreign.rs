//! What ecspresso itself rendered: its output is final, so it is only decoded.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::ecspresso::config::{self, Config};
use crate::ecspresso::definition::{self, Frame, Kind};
use crate::ecspresso::document::Document;
use crate::ecspresso::error::Error;
use crate::ecspresso::lookups::{Depth, Lookups};
use crate::ecspresso::source::Source;
use crate::ecspresso::{Project, Reader, files, yaml};

/// Whether a config, as `ecspresso render config` prints it, names an express definition. Fails if it is no config.
pub fn names_express(rendered_config: &str) -> Result<bool, Error> {
    Ok(!read(rendered_config)?.express_definition.is_empty())
}

impl Reader {
    /// The project of what `ecspresso render config` (YAML) and `ecspresso render taskdef` or `expressdef` (JSON) print.
    /// `config` is the config file. Fails if the texts are something else; errors quote nothing of them.
    pub fn foreign_project(
        &self,
        config: &Path,
        rendered_config: &str,
        rendered_definition: &str,
    ) -> Result<Project, Error> {
        let name = files::name(&self.directory, config);
        let settings = read(rendered_config)?;
        let kind = match settings.express_definition.is_empty() {
            true => Kind::Task,
            false => Kind::Express {
                service: settings.service.clone(),
                cluster: settings.cluster.clone(),
            },
        };
        let document = Document::plain(Source {
            name: format!("the output of ecspresso for {}", name.display()).into(),
            text: rendered_definition.to_owned(),
            quotable: false,
        });
        let frame = Frame {
            kind,
            ignored_tags: Vec::new(),
            is_final: true,
        };
        let nothing = Lookups::new(Depth::Images, Arc::default(), BTreeSet::new());
        let mut decoded = definition::decode(&document, &frame, &nothing)?;
        for container in &mut decoded.definition.containers {
            // There is no file to point at.
            container.location = None;
        }
        Ok(Project {
            config: name,
            region: self.region(&settings),
            cluster: settings.cluster,
            service: Some(settings.service).filter(|service| !service.is_empty()),
            task_definition: decoded.definition,
            warnings: Vec::new(),
        })
    }
}

fn read(text: &str) -> Result<Config, Error> {
    let wrong =
        |message: String| Error::new(format!("the output of ecspresso render config: {message}"));
    let yaml = yaml::decode(text).map_err(|(message, _)| wrong(message))?;
    config::read(&yaml.value).map_err(|mismatch| wrong(mismatch.message))
}
