//! Which image each container of each project runs, as a table or as JSON.

use serde_json::{Value, json};

use crate::model::project::Project;

/// Names the JSON; it only ever gains keys.
const SCHEMA: &str = "demitasse.images/v1";

/// One line for each container: config, family, container, image.
pub fn table(projects: &[Project]) -> String {
    let mut rows = vec![["CONFIG", "FAMILY", "CONTAINER", "IMAGE"].map(str::to_owned)];
    for project in projects {
        let definition = &project.task_definition;
        rows.extend(definition.containers.iter().map(|container| {
            [
                project.config.display().to_string(),
                definition.family.clone(),
                container.name.clone(),
                container.image.clone(),
            ]
        }));
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let line = |row: &[String; 4]| {
        let [config, family, container, image] = row;
        let [first, second, third] = widths;
        format!("{config:first$}  {family:second$}  {container:third$}  {image}\n")
    };
    rows.iter().map(line).collect()
}

/// The same as JSON, with the place of each image where it is known.
pub fn json(projects: &[Project]) -> String {
    let project = |project: &Project| {
        let definition = &project.task_definition;
        let container = |container: &crate::model::task_definition::Container| {
            let mut value = json!({"container": container.name, "image": container.image});
            if let (Some(location), Some(map)) = (&container.location, value.as_object_mut()) {
                map.insert(
                    "file".to_owned(),
                    Value::from(location.file.display().to_string()),
                );
                map.insert("line".to_owned(), Value::from(location.line));
            }
            value
        };
        json!({
            "config": project.config.display().to_string(),
            "region": project.region,
            "cluster": project.cluster,
            "service": project.service,
            "family": definition.family,
            "images": definition.containers.iter().map(container).collect::<Vec<_>>(),
        })
    };
    let projects: Vec<Value> = projects.iter().map(project).collect();
    format!("{:#}\n", json!({"schema": SCHEMA, "projects": projects}))
}
