//! Which repositories should exist.

use std::collections::BTreeMap;

use crate::model::project::Use;
use crate::model::reference::Repository;
use crate::plan::mapping::Mapping;
use crate::plan::pattern::{Pattern, Values};

/// A repository that should exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub repository: Repository,
    /// Why.
    pub role: Role,
    /// Who uses it, as far as that is why it is wanted.
    pub uses: Vec<Use>,
}

/// Why a repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// ECS pulls from it.
    Target {
        /// The common repository behind it.
        source: Repository,
        /// The family it belongs to.
        family: String,
    },
    /// Builds are pushed to it.
    Common {
        /// Whether a task definition pulls from it directly; `None` where nobody looked.
        pulled_from: Option<bool>,
    },
    /// It was named on the command line.
    Listed,
}

/// The targets of every promotion that is wanted, and with `common` the repositories behind them; each once, by name.
pub fn from_mapping(mapping: &Mapping, common: bool) -> Vec<Wanted> {
    let mut found: BTreeMap<Repository, Wanted> = BTreeMap::new();
    for wanted in &mapping.wanted {
        let role = Role::Target {
            source: wanted.source.clone(),
            family: wanted.family.clone(),
        };
        add(&mut found, &wanted.target, role, &wanted.uses);
        if common && wanted.source.registry.is_ecr() {
            let pulled_from = Some(wanted.from_common);
            add(
                &mut found,
                &wanted.source,
                Role::Common { pulled_from },
                &wanted.uses,
            );
        }
    }
    found.into_values().collect()
}

/// Repositories that were named. One that the source pattern gives to builds is a common repository; who pulls from it is
/// not known here.
pub fn listed(repositories: impl IntoIterator<Item = Repository>, source: &Pattern) -> Vec<Wanted> {
    let named = repositories.into_iter().map(|repository| Wanted {
        role: match source.read(repository.name.as_str(), &Values::default()) {
            Some(_) => Role::Common { pulled_from: None },
            None => Role::Listed,
        },
        repository,
        uses: Vec::new(),
    });
    let mut named: Vec<Wanted> = named.collect();
    named.sort_by(|one, other| one.repository.cmp(&other.repository));
    named.dedup_by(|one, other| one.repository == other.repository);
    named
}

fn add(
    found: &mut BTreeMap<Repository, Wanted>,
    repository: &Repository,
    role: Role,
    uses: &[Use],
) {
    let known = found.entry(repository.clone()).or_insert_with(|| Wanted {
        repository: repository.clone(),
        role: role.clone(),
        uses: Vec::new(),
    });
    known.uses.extend(uses.iter().cloned());
    // A repository that anybody pulls from is in use, whatever else it is.
    if let Role::Common { pulled_from } = role {
        match &mut known.role {
            Role::Common {
                pulled_from: before,
            } => *before = (*before).max(pulled_from),
            other if pulled_from == Some(true) => *other = Role::Common { pulled_from },
            _ => {}
        }
    }
}
