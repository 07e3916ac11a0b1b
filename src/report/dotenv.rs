//! The new references as a dotenv file for `ecspresso --envfile`: `IMAGE_<CONTAINER>=<reference>`.

use std::collections::BTreeMap;

use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::{Action, Plan};

/// The variables and their values, and what speaks against writing them: two containers of one name whose images differ.
pub fn variables(plan: &Plan) -> (BTreeMap<String, String>, Vec<Problem>) {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for promotion in plan
        .promotions
        .iter()
        .filter(|one| one.action != Action::Refuse)
    {
        let reference = promotion.wanted.promoted();
        for usage in &promotion.wanted.uses {
            let variable = variable(&usage.container);
            match variables.get(&variable) {
                Some(known) if *known != reference => {
                    let kind = Kind::VariableClash { variable };
                    problems.push(Problem::error(kind, &promotion.wanted.uses));
                }
                Some(_) => {}
                None => {
                    variables.insert(variable, reference.clone());
                }
            }
        }
    }
    (variables, problems)
}

/// The file's text. References contain nothing that the envfile grammar would change.
pub fn render(variables: &BTreeMap<String, String>) -> String {
    let line = |(name, value): (&String, &String)| format!("{name}={value}\n");
    variables.iter().map(line).collect()
}

fn variable(container: &str) -> String {
    let upper = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    };
    format!("IMAGE_{}", container.chars().map(upper).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn container_names_become_variables() {
        assert_eq!(variable("log-router"), "IMAGE_LOG_ROUTER");
        assert_eq!(variable("app"), "IMAGE_APP");
    }
}
