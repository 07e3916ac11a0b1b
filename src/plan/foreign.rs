//! Images in repositories that the target pattern gives to another family: a mistake where a common repository stands
//! behind them, ordinary repositories otherwise.

use crate::plan::look::{End, Look};
use crate::plan::mapping::Foreign;
use crate::plan::problem::{Kind, Problem, Severity};

/// What speaks against such images; `severity` is for those of another family. Whether a common repository stands behind
/// one is asked; where that may not be read, it is left alone with a warning, because roles are scoped to repositories.
pub fn judge(foreign: &[Foreign], severity: Severity, look: &mut Look<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for foreign in foreign {
        let uses = [foreign.usage.clone()];
        let severity = match foreign.kind {
            Kind::ForeignTarget { .. } => severity,
            _ => Severity::Error,
        };
        // The settings say that images of this name are promoted.
        if !foreign.source.registry.is_ecr() {
            problems.push(Problem::new(severity, foreign.kind.clone(), &uses));
            continue;
        }
        match look.settings(End::source(&foreign.source)) {
            Some(Ok(_)) => {
                problems.push(Problem::new(severity, foreign.kind.clone(), &uses));
            }
            Some(Err(failure)) if !look.is_missing(&foreign.source) => {
                let kind = Kind::Unknown(failure.clone());
                problems.push(Problem::warning(kind, &uses));
            }
            _ => {}
        }
    }
    problems
}
