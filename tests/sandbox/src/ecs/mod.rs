//! The ECS JSON API: one function per operation, by its name.

use serde_json::Value;

use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::repository::matches_wildcard;

pub(crate) mod build;
mod clusters;
mod daemons;
mod deployments;
mod history;
mod images;
mod records;
pub mod running;
mod service_rows;
mod services;
pub mod state;
mod task_definitions;
mod tasks;

/// Answers an operation.
pub(crate) fn answer(state: &mut State, operation: &str, input: &Input) -> Result<Value, Refusal> {
    let action = format!("ecs:{operation}");
    let unsupported = &state.ecs.unsupported;
    if unsupported
        .iter()
        .any(|pattern| matches_wildcard(pattern, &action))
    {
        return Err(Refusal::new(
            "UnsupportedFeatureException",
            "The specified feature is not supported in this Region.",
        ));
    }
    match operation {
        "ListClusters" => clusters::list(state, input),
        "DescribeClusters" => clusters::describe(state, input),
        "ListServices" => services::list(state, input),
        "DescribeServices" => services::describe(state, input),
        "CreateService" => services::create(state, input),
        "UpdateService" => services::update(state, input),
        "DeleteService" => services::delete(state, input),
        "DescribeTaskSets" => services::task_sets(state, input),
        "ListServiceDeployments" => deployments::list(state, input),
        "DescribeServiceDeployments" => deployments::describe(state, input),
        "DescribeServiceRevisions" => deployments::revisions(state, input),
        "ListDaemons" => daemons::list(state, input),
        "DescribeDaemon" => daemons::describe(state, input),
        "DescribeDaemonRevisions" => daemons::revisions(state, input),
        "ListDaemonTaskDefinitions" => daemons::definitions(state, input),
        "DescribeDaemonTaskDefinition" => daemons::definition(state, input),
        "ListTasks" => tasks::list(state, input),
        "DescribeTasks" => tasks::describe(state, input),
        "ListTaskDefinitionFamilies" => task_definitions::families(state, input),
        "ListTaskDefinitions" => task_definitions::list(state, input),
        "DescribeTaskDefinition" => task_definitions::describe(state, input),
        "RegisterTaskDefinition" => task_definitions::register(state, input),
        "DeregisterTaskDefinition" => task_definitions::deregister(state, input),
        _ => Err(Refusal::new(
            "UnknownOperationException",
            format!("the sandbox does not know ECS's {operation}"),
        )),
    }
}

impl State {
    /// An ECS ARN.
    pub(crate) fn ecs_arn(&self, rest: &str) -> String {
        let (partition, region) = (self.partition(), &self.region);
        format!("arn:{partition}:ecs:{region}:{}:{rest}", self.account)
    }

    /// The name of the cluster an input names by name or ARN; `default` where it names none.
    pub(crate) fn cluster(&self, input: &Input) -> Result<String, Refusal> {
        let name = input.text("cluster").unwrap_or("default");
        let name = name.rsplit('/').next().unwrap_or(name);
        if self.ecs.clusters.iter().any(|cluster| cluster == name) {
            return Ok(name.to_owned());
        }
        Err(Refusal::new(
            "ClusterNotFoundException",
            "Cluster not found.",
        ))
    }
}

/// The page of ECS's list operations, whose errors differ from ECR's.
pub(crate) fn page<T>(
    input: &Input,
    all: Vec<T>,
    default: usize,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    input
        .page(all, default, 100)
        .map_err(|refusal| Refusal::new("InvalidParameterException", refusal.message))
}

/// The last part of an ARN, or the name itself.
pub(crate) fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
