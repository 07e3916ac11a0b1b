//! Usage made by hand, for tests.

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::usage::{ContainerImage, Revision, Role, Service, Task, Usage};

/// An ECR host.
pub(in crate::plan) const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

/// Adds a family with these ACTIVE revisions; each runs `fluentd/<family>:v<revision>`.
pub(in crate::plan) fn family(usage: &mut Usage, family: &str, active: &[u32]) {
    let numbers = usage.families.entry(family.to_owned()).or_default();
    numbers.extend(active);
    for &number in active {
        define(usage, family, number);
    }
}

/// Describes a revision that runs `fluentd/<family>:v<revision>`.
pub(in crate::plan) fn define(usage: &mut Usage, family: &str, number: u32) {
    let image = format!("{HOST}/fluentd/{family}:v{number}");
    let revision = Revision {
        family: family.to_owned(),
        number,
    };
    usage
        .definitions
        .insert(revision, Ok(vec![container(&image, None)]));
}

/// A container that runs an image.
pub(in crate::plan) fn container(image: &str, digest: Option<&Digest>) -> ContainerImage {
    ContainerImage {
        container: "fluentd".to_owned(),
        image: image.to_owned(),
        digest: digest.cloned(),
    }
}

/// Adds a service that uses revisions of the family `app`.
pub(in crate::plan) fn service(usage: &mut Usage, name: &str, uses: &[(u32, Role)]) {
    let mut service = Service {
        arn: format!("arn:aws:ecs:ap-northeast-1:123456789012:service/default/{name}"),
        cluster: "default".to_owned(),
        name: name.to_owned(),
        ..Service::default()
    };
    for &(number, role) in uses {
        let revision = Revision {
            family: "app".to_owned(),
            number,
        };
        let roles: &mut BTreeSet<Role> = service.uses.entry(revision).or_default();
        roles.insert(role);
    }
    usage.services.push(service);
}

/// Adds a task.
pub(in crate::plan) fn task(usage: &mut Usage, family: &str, number: u32, stopped: bool) {
    usage.tasks.push(Task {
        arn: format!("task/default/{}", usage.tasks.len()),
        revision: Revision {
            family: family.to_owned(),
            number,
        },
        images: Vec::new(),
        stopped,
    });
}
