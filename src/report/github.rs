//! What a GitHub Actions step wants to hear: annotations at file and line, step outputs, a job summary
//! (docs.github.com, "Workflow commands for GitHub Actions").

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::model::reference::Registry;
use crate::report::{Finding, Image, Report, markdown};

/// GitHub shows at most 10 annotations of a kind for a step.
const ANNOTATIONS: usize = 9;
/// GitHub refuses a longer summary (1 MiB).
const SUMMARY_BYTES: usize = 1_000_000;

/// Workflow commands, a line each. `below` is where relative paths start, seen from the workspace.
pub fn annotations(findings: &[Finding], below: &Path) -> String {
    let mut text = String::new();
    for (severity, command) in [
        ("error", "error"),
        ("warning", "warning"),
        ("note", "notice"),
    ] {
        let findings = findings
            .iter()
            .filter(|finding| finding.severity == severity);
        let findings: Vec<&Finding> = findings.collect();
        for finding in findings.iter().take(ANNOTATIONS) {
            text.push_str(&annotation(command, finding, below));
        }
        if let Some(more) = findings
            .len()
            .checked_sub(ANNOTATIONS)
            .filter(|&more| more > 0)
        {
            text.push_str(&format!("::{command}::and {more} more\n"));
        }
    }
    text
}

fn annotation(command: &str, finding: &Finding, below: &Path) -> String {
    let mut properties = vec![format!("title=demitasse {}", property(finding.code))];
    if let Some(file) = &finding.file {
        let file = below.join(file);
        properties.push(format!("file={}", property(&file.to_string_lossy())));
    }
    if let Some(line) = finding.line {
        properties.push(format!("line={line}"));
    }
    let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}"));
    let message = format!("{}{}", finding.message, hint.unwrap_or_default());
    format!("::{command} {}::{}\n", properties.join(","), data(&message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Step outputs, in the order `action.yml` names them. Values are one line of JSON, or a word.
pub fn outputs(report: &Report) -> Vec<(&'static str, String)> {
    let reference = |image: &Image| Some(image.reference.clone());
    let relative = |image: &Image| {
        let digest = image.reference.split_once('@').map(|(_, digest)| digest);
        match (&image.target, digest) {
            (Some(target), Some(digest)) => Some(format!("{target}@{digest}")),
            (Some(target), None) => Some(target.clone()),
            (None, _) => Some(without_host(&image.image).to_owned()),
        }
    };
    let digest = |image: &Image| image.digest.as_ref().map(ToString::to_string);
    vec![
        ("images", by_container(report, reference)),
        ("images-relative", by_container(report, relative)),
        ("digests", by_container(report, digest)),
        ("changed", report.changed.to_string()),
    ]
}

/// An image without the host of a private ECR registry: a masked account id would empty the whole output.
fn without_host(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, rest)) if Registry::from_host(host).is_some() => rest,
        _ => image,
    }
}

/// `{config: {container: value}}`.
fn by_container(report: &Report, value: impl Fn(&Image) -> Option<String>) -> String {
    let mut configs = Map::new();
    for config in &report.configs {
        let mut containers = Map::new();
        for image in &config.images {
            if let Some(value) = value(image) {
                containers.insert(image.container.clone(), json!(value));
            }
        }
        configs.insert(config.config.clone(), Value::Object(containers));
    }
    Value::Object(configs).to_string()
}

/// The text for `GITHUB_OUTPUT`. No value holds a newline: JSON escapes them.
pub fn render_outputs(report: &Report) -> String {
    let lines = outputs(report).into_iter();
    lines
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

/// The same for a run without a report.
pub fn no_outputs() -> String {
    "images={}\nimages-relative={}\ndigests={}\nchanged=false\n".to_owned()
}

/// The text for `GITHUB_STEP_SUMMARY`.
pub fn summary(report: &Report) -> String {
    let mut text = markdown::render(report);
    if text.len() > SUMMARY_BYTES {
        let end = (0..=SUMMARY_BYTES)
            .rev()
            .find(|&at| text.is_char_boundary(at));
        text.truncate(end.unwrap_or(0));
        text.push_str("\n\n(cut)\n");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_a_command() {
        let finding = Finding {
            severity: "error",
            code: "MISSING",
            message: "50% of\nit".into(),
            hint: None,
            concerns: Vec::new(),
            file: Some("a,b:c".into()),
            line: Some(3),
        };
        assert_eq!(
            annotation("error", &finding, Path::new("svc")),
            "::error title=demitasse MISSING,file=svc/a%2Cb%3Ac,line=3::50%25 of%0Ait\n"
        );
    }
}
