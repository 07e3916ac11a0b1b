//! Tells a GitHub Actions step what happened, when this is one.

use std::path::Path;

use crate::commands::surroundings::Surroundings;
use crate::report::{Report, github};

/// Writes annotations, step outputs and the job summary. What cannot be written is said and changes nothing: the images
/// are where they are.
pub(super) fn tell(report: &Report, surroundings: &mut Surroundings<'_>) {
    if surroundings.variable("GITHUB_ACTIONS") != Some("true") {
        return;
    }
    surroundings.tell(github::annotations(report));
    let files = [
        ("GITHUB_OUTPUT", github::render_outputs(report)),
        ("GITHUB_STEP_SUMMARY", github::summary(report)),
    ];
    for (variable, text) in files {
        let path = surroundings.variable(variable).map(str::to_owned);
        let written = path.map(|path| surroundings.append(Path::new(&path), &text));
        if let Some(Err(error)) = written {
            surroundings.tell(format!("warning: {variable} {error}\n"));
        }
    }
}
