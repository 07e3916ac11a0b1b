//! The clients of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::clients::aws::{self, Access};
use crate::clients::ecr::{Ecr, SourceRole};
use crate::clients::ecs::Ecs;
use crate::clients::pace::Pace;
use crate::clients::registry::{self, Endpoint};
use crate::clients::schedules::Schedules;
use crate::clients::upstream::{DockerConfig, Helpers, Upstreams};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::model::settings::Quota;

/// What a connection is made with.
#[derive(Clone, Default)]
pub(super) struct Wish {
    /// The Region for calls that belong to no registry.
    pub(super) region: Option<String>,
    /// The profile of the configuration files.
    pub(super) profile: Option<String>,
    /// The role to assume.
    pub(super) role: Option<String>,
    /// `--source-role-arn`: the role for sources in other accounts than the targets'.
    pub(super) source_role: Option<String>,
    /// Whether sources are read that are not in ECR.
    pub(super) upstreams: bool,
    /// The variables of the envfiles.
    pub(super) envfile: BTreeMap<String, String>,
    /// How long the run may take.
    pub(super) timeout: Duration,
    /// How many requests at once.
    pub(super) jobs: usize,
    /// ECR's quotas where they are not the default.
    pub(super) quotas: BTreeMap<Quota, u32>,
    /// How many reads of ECS, EventBridge and Scheduler a second; `None` for the default.
    pub(super) rate: Option<u32>,
}

/// The clients.
pub(super) struct Connection {
    pub(super) pace: Rc<Pace>,
    pub(super) ecr: Rc<Ecr>,
    pub(super) endpoint: Rc<Endpoint>,
    pub(super) ecs: Rc<Ecs>,
    pub(super) schedules: Schedules,
}

/// Connects. No request is sent yet, except to assume a role.
///
/// # Errors
/// An address that must not receive the registry password; TLS that cannot be set up.
pub(super) async fn connect(
    wish: Wish,
    surroundings: &Surroundings<'_>,
) -> Result<Connection, Wrong> {
    let address = surroundings.variable("DEMITASSE_REGISTRY_ENDPOINT");
    let address = address.map(registry::address).transpose();
    let address = address.map_err(|error| Wrong::from(error.to_string()))?;
    let pace = Pace::new(wish.timeout, wish.jobs).with_rate(wish.rate);
    let pace = Rc::new(pace.with_quotas(&wish.quotas));
    let access = Access {
        region: wish.region,
        profile: wish.profile,
        role: wish.role,
        envfile: wish.envfile,
    };
    let config = aws::load(&access).await;
    let ecs = Rc::new(Ecs::new(&config, Rc::clone(&pace)));
    let schedules = Schedules::new(&config, Rc::clone(&pace));
    let source_role = match wish.source_role {
        Some(arn) => {
            let config = aws::assume(&config, &arn).await;
            Some(SourceRole { arn, config })
        }
        None => None,
    };
    let ecr = Ecr::new(config, Rc::clone(&pace)).with_source_role(source_role);
    let ecr = Rc::new(ecr);
    let endpoint = Endpoint::new(Rc::clone(&ecr), Rc::clone(&pace), address);
    let upstreams = match wish.upstreams {
        true => Some(Rc::new(upstreams(&pace, surroundings)?)),
        false => None,
    };
    let endpoint = endpoint.with_upstreams(upstreams);
    Ok(Connection {
        pace,
        ecr,
        endpoint: Rc::new(endpoint),
        ecs,
        schedules,
    })
}

/// The client of upstreams, with what `docker login` wrote down. Without that file they are asked as nobody.
fn upstreams(pace: &Rc<Pace>, surroundings: &Surroundings<'_>) -> Result<Upstreams, Wrong> {
    let place = surroundings.variable("DOCKER_CONFIG").map(PathBuf::from);
    let home = surroundings.variable("HOME");
    let place = place.or_else(|| home.map(|home| PathBuf::from(home).join(".docker")));
    let config = match place.map(|place| place.join("config.json")) {
        Some(path) if path.exists() => {
            let text = surroundings.read(&path)?;
            let config = DockerConfig::read(&text);
            config.map_err(|error| Wrong::from(format!("{}: {error}", path.display())))?
        }
        _ => DockerConfig::default(),
    };
    let helpers = Helpers {
        environment: surroundings.environment.clone(),
        directory: surroundings.directory()?,
    };
    Upstreams::new(Rc::clone(pace), config, helpers)
        .map_err(|error| Wrong::from(format!("the HTTP client cannot be set up: {error}")))
}
