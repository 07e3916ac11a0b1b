//! Reads a request far enough to say what it is about, before anything is done: its operation, the IAM action it needs,
//! the repository, and whether it writes.

use serde_json::Value;

use crate::input::Input;
use crate::registry::route::Route;
use crate::registry::storage;

/// Which part of the sandbox a request is for.
#[derive(Debug, Clone)]
pub(crate) enum Service {
    Ecr(Input),
    Ecs(Input),
    Sts(std::collections::BTreeMap<String, String>),
    Registry(Route),
    Storage { name: String, digest: String },
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
    pub(crate) repository: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) write: bool,
}

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
            };
        }
        let target = head
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok())
            .unwrap_or_default();
        let input = || Input(serde_json::from_slice(body).unwrap_or(Value::Null));
        if let Some(operation) = target.strip_prefix(ECR) {
            return Call::json(Service::Ecr(input()), "ecr", operation);
        }
        if let Some(operation) = target.strip_prefix(ECS) {
            return Call::json(Service::Ecs(input()), "ecs", operation);
        }
        let form =
            crate::registry::route::parse_query(std::str::from_utf8(body).unwrap_or_default());
        if let (true, Some(operation)) = (target.is_empty(), form.get("Action")) {
            let operation = operation.clone();
            let action = Some(format!("sts:{operation}"));
            return Call {
                service: Service::Sts(form),
                operation,
                action,
                repository: None,
                reference: None,
                write: false,
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
        }
    }

    fn json(service: Service, prefix: &str, operation: &str) -> Call {
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
        }
    }
}
