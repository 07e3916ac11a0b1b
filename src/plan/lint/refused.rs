//! What ECR refuses, by lint: L8, L9 and L10.

use crate::model::lifecycle::Fault;
use crate::model::lifecycle::InvalidPolicy;
use crate::model::lifecycle::Place;
use crate::model::lifecycle::Problem;
use crate::plan::lint::Code;
use crate::plan::lint::Finding;
use crate::plan::lint::Severity;

/// The findings of a text that is not a policy ECR takes: one for each constraint that it violates.
pub fn refused(invalid: &InvalidPolicy) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        let fault = &problem.fault;
        let message = match fault {
            Fault::Syntax { reason, .. } => reason.clone(),
            _ if problem.field.is_empty() => fault.to_string(),
            _ => format!("{} {fault}", problem.field),
        };
        Finding {
            code: code(fault),
            severity: Severity::Error,
            rule: problem.rule,
            field: problem.field.clone(),
            syntax: match *fault {
                Fault::Syntax { line, column, .. } => Some(Place { line, column }),
                _ => None,
            },
            message,
            hint: hint(fault),
        }
    };
    invalid.problems.iter().map(finding).collect()
}

fn code(fault: &Fault) -> Code {
    match fault {
        Fault::AnyNotLast { .. } => Code::AnyNotLast,
        Fault::TaggedWithoutList
        | Fault::ListWithoutTagged
        | Fault::TwoLists
        | Fault::EmptyList
        | Fault::TooManyWildcards { .. } => Code::TagList,
        _ => Code::Refused,
    }
}

fn hint(fault: &Fault) -> Option<String> {
    let hint = match fault {
        Fault::Syntax { .. } => "a policy is plain JSON: no comments, no trailing commas",
        Fault::UnknownKey => {
            "the keys are in \"Lifecycle policy properties\" of the Amazon ECR User Guide"
        }
        Fault::TwoLists => "write one rule for the patterns and one for the prefixes",
        Fault::SecondUntagged { .. } => "keep one of them",
        Fault::AnyNotLast { .. } => "give the rule for any the highest rulePriority",
        Fault::UnitWithCount => "remove it",
        Fault::TooManyRules { .. } => "join rules by a pattern with wildcards",
        _ => return None,
    };
    Some(hint.to_owned())
}
