//! The new references as a dotenv file for `ecspresso --envfile`: `IMAGE_<CONTAINER>=<reference>`.

use std::collections::BTreeMap;

use crate::plan::mapping::Wanted;
use crate::plan::outcome::{Outcome, State};
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::{Action, Plan, Promotion};

/// The variables of what is where ECS will pull it from. A name that two containers want for different images is left
/// out.
pub fn variables(plan: &Plan, outcome: &Outcome) -> BTreeMap<String, String> {
    let there = |state| matches!(state, State::Promoted | State::AlreadyThere | State::Pinned);
    let ended = plan.promotions.iter().zip(&outcome.promotions);
    let there = ended.filter(|(_, ended)| there(ended.state));
    let mut variables = BTreeMap::new();
    for (variable, references) in wanted(there.map(|(promotion, _)| promotion)) {
        if let [reference] = references.as_slice() {
            variables.insert(variable, reference.promoted());
        }
    }
    variables
}

/// Containers of one name whose images differ: they cannot both be handed over.
pub fn clashes(plan: &Plan) -> Vec<Problem> {
    let active = plan
        .promotions
        .iter()
        .filter(|one| one.action != Action::Refuse);
    let clashing = wanted(active)
        .into_iter()
        .filter(|(_, references)| references.len() > 1);
    let problem = |(variable, references): (String, Vec<&Wanted>)| {
        let uses = references.iter().flat_map(|wanted| wanted.uses.clone());
        let uses: Vec<_> = uses
            .filter(|usage| self::variable(&usage.container) == variable)
            .collect();
        Problem::error(Kind::VariableClash { variable }, &uses)
    };
    clashing.map(problem).collect()
}

/// For each variable the different images that it should be.
fn wanted<'p>(
    promotions: impl Iterator<Item = &'p Promotion>,
) -> BTreeMap<String, Vec<&'p Wanted>> {
    let mut wanted: BTreeMap<String, Vec<&Wanted>> = BTreeMap::new();
    for promotion in promotions {
        for usage in &promotion.wanted.uses {
            let references = wanted.entry(variable(&usage.container)).or_default();
            let reference = promotion.wanted.promoted();
            if references.iter().all(|known| known.promoted() != reference) {
                references.push(&promotion.wanted);
            }
        }
    }
    wanted
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
