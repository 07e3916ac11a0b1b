//! Reads a request far enough to say what it is about, before anything is done: its operation, the IAM action it needs,
//! the repository, and whether it writes.

use serde_json::Value;

use crate::input::Input;
use crate::registry::route::Route;
use crate::registry::storage;
use crate::schedules::scheduler;

/// Which part of the sandbox a request is for.
#[derive(Debug, Clone)]
pub(crate) enum Service {
    Ecr(Input),
    Ecs(Input),
    Sts(std::collections::BTreeMap<String, String>),
    Parameters(Input),
    Secrets(Input),
    Events(Input),
    Scheduler(scheduler::Asked),
    Stacks(std::collections::BTreeMap<String, String>),
    /// An object of S3, by its path.
    Object(String),
    Registry(Route),
    Storage {
        name: String,
        digest: String,
    },
    Other,
}

/// What a request is about.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: Service,
    /// The operation of a JSON or query API, or the method of `/v2/`.
    pub(crate) operation: String,
    /// The IAM action, `service:Action`.
    pub(crate) action: Option<String>,
    /// The repository; of a look-up, the parameter, secret, stack or object; of EventBridge and Scheduler, the rule, bus
    /// or schedule.
    pub(crate) repository: Option<String>,
    /// The Region it was signed for.
    pub(crate) region: String,
    pub(crate) reference: Option<String>,
    pub(crate) write: bool,
}

const SSM: &str = "AmazonSSM.";
const SECRETS: &str = "secretsmanager.";
const EVENTS: &str = "AWSEvents.";

/// The API version of CloudFormation, which a request of the query protocol carries.
const CLOUDFORMATION: &str = "2010-05-15";

const ECR: &str = "AmazonEC2ContainerRegistry_V20150921.";
const ECS: &str = "AmazonEC2ContainerServiceV20141113.";

/// Operations that change nothing although their name does not begin with Get, List, Describe or Batch…Get.
const READS: [&str; 3] = [
    "BatchGetImage",
    "BatchCheckLayerAvailability",
    "StartLifecyclePolicyPreview",
];

impl Call {
    pub(crate) fn parse(head: &hyper::http::request::Parts, body: &[u8]) -> Call {
        let path = head.uri.path();
        let query = head.uri.query();
        let (region, service) = signed_for(head);
        let (region, service) = (region.to_owned(), service.to_owned());
        if let Some((name, digest)) = storage::parse(path) {
            let (repository, reference) = (Some(name.to_owned()), Some(digest.to_owned()));
            let service = Service::Storage {
                name: name.to_owned(),
                digest: digest.to_owned(),
            };
            let action = Some("s3:GetObject".to_owned());
            return Call {
                service,
                operation: "GetObject".to_owned(),
                action,
                repository,
                reference,
                write: false,
                region,
            };
        }
        let method = head.method.as_str();
        if let Some(route) = Route::parse(path, query) {
            return Call {
                operation: method.to_owned(),
                action: route.action(method).map(str::to_owned),
                repository: route.name().map(str::to_owned),
                reference: route.reference().map(str::to_owned),
                write: !matches!(method, "GET" | "HEAD"),
                service: Service::Registry(route),
                region,
            };
        }
        let target = head
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok())
            .unwrap_or_default();
        let input = || Input(serde_json::from_slice(body).unwrap_or(Value::Null));
        if let Some(operation) = target.strip_prefix(ECR) {
            return Call::json(Service::Ecr(input()), "ecr", operation, region);
        }
        if let Some(operation) = target.strip_prefix(ECS) {
            return Call::json(Service::Ecs(input()), "ecs", operation, region);
        }
        let lookup = |service, operation: &str, prefix: &str, name: Option<&str>, region| Call {
            service,
            operation: operation.to_owned(),
            action: Some(format!("{prefix}:{operation}")),
            repository: name.map(str::to_owned),
            reference: None,
            write: false,
            region,
        };
        if let Some(operation) = target.strip_prefix(SSM) {
            let input = input();
            let name = input.text("Name").map(str::to_owned);
            let service = Service::Parameters(input);
            return lookup(service, operation, "ssm", name.as_deref(), region);
        }
        if let Some(operation) = target.strip_prefix(SECRETS) {
            let input = input();
            let name = input.text("SecretId").map(str::to_owned);
            let service = Service::Secrets(input);
            return lookup(
                service,
                operation,
                "secretsmanager",
                name.as_deref(),
                region,
            );
        }
        if let Some(operation) = target.strip_prefix(EVENTS) {
            let input = input();
            let name = input.text("Rule").or(input.text("EventBusName"));
            let name = name.map(str::to_owned);
            let service = Service::Events(input);
            return lookup(service, operation, "events", name.as_deref(), region);
        }
        if let ("scheduler", Some(asked)) | ("", Some(asked)) = (
            service.as_str(),
            scheduler::Asked::parse(method, path, query),
        ) {
            let name = asked.name.clone();
            let operation = asked.operation;
            let service = Service::Scheduler(asked);
            return lookup(service, operation, "scheduler", name.as_deref(), region);
        }
        if service == "s3" && method == "GET" {
            let object = crate::registry::route::decode(path.trim_start_matches('/'));
            let service = Service::Object(path.to_owned());
            return lookup(service, "GetObject", "s3", Some(&object), region);
        }
        let form =
            crate::registry::route::parse_query(std::str::from_utf8(body).unwrap_or_default());
        if let (true, Some(operation)) = (target.is_empty(), form.get("Action")) {
            let operation = operation.clone();
            if form.get("Version").map(String::as_str) == Some(CLOUDFORMATION) {
                let name = form.get("StackName").cloned();
                let service = Service::Stacks(form);
                return lookup(
                    service,
                    &operation,
                    "cloudformation",
                    name.as_deref(),
                    region,
                );
            }
            let action = Some(format!("sts:{operation}"));
            return Call {
                service: Service::Sts(form),
                operation,
                action,
                repository: None,
                reference: None,
                write: false,
                region,
            };
        }
        let operation = if target.is_empty() {
            format!("{method} {path}")
        } else {
            target.to_owned()
        };
        Call {
            service: Service::Other,
            operation,
            action: None,
            repository: None,
            reference: None,
            write: false,
            region,
        }
    }

    fn json(service: Service, prefix: &str, operation: &str, region: String) -> Call {
        let input = match &service {
            Service::Ecr(input) | Service::Ecs(input) => input.clone(),
            _ => Input::default(),
        };
        let is_read = ["Get", "List", "Describe"]
            .iter()
            .any(|start| operation.starts_with(start))
            || READS.contains(&operation);
        let arn = input
            .text("resourceArn")
            .and_then(|arn| Some(arn.split_once(":repository/")?.1));
        let named = input.texts("repositoryNames");
        let only = if let [only] = named.as_slice() {
            Some(*only)
        } else {
            None
        };
        let repository = input
            .text("repositoryName")
            .or(arn)
            .or(only)
            .map(str::to_owned);
        let first = input.list("imageIds").first();
        let id = |key: &str| first.and_then(|id| id.get(key)).and_then(Value::as_str);
        let reference = id("imageTag")
            .or_else(|| id("imageDigest"))
            .or_else(|| input.text("imageTag"))
            .or_else(|| input.text("imageDigest"))
            .or_else(|| input.text("layerDigest"))
            .or_else(|| input.nested("subjectId", "imageDigest"))
            .map(str::to_owned);
        Call {
            action: Some(format!("{prefix}:{operation}")),
            operation: operation.to_owned(),
            repository,
            reference,
            write: !is_read,
            service,
            region,
        }
    }
}

/// Region and service of a signature (AWS Signature Version 4, "Credential=KEY/DATE/REGION/SERVICE/aws4_request").
fn signed_for(head: &hyper::http::request::Parts) -> (&str, &str) {
    let authorization = head.headers.get("authorization");
    let text = authorization.and_then(|value| value.to_str().ok());
    let scope = text.and_then(|text| text.split("Credential=").nth(1));
    let mut parts = scope.unwrap_or_default().split('/').skip(2);
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}
