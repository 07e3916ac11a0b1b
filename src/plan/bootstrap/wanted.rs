//! Which repositories should exist.

use std::collections::BTreeMap;

use crate::model::project::Use;
use crate::model::reference::Repository;
use crate::plan::mapping::Mapping;

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
        /// Whether a task definition pulls from it directly.
        pulled_from: bool,
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
        if common {
            let pulled_from = wanted.from_common;
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

/// Repositories that were named.
pub fn listed(repositories: impl IntoIterator<Item = Repository>) -> Vec<Wanted> {
    let named = repositories.into_iter().map(|repository| Wanted {
        repository,
        role: Role::Listed,
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
    if let (Role::Common { pulled_from }, Role::Common { pulled_from: again }) =
        (&mut known.role, &role)
    {
        *pulled_from |= again;
    }
}
