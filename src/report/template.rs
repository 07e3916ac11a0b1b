//! A template for the repositories that ECR creates itself, in the forms in which it can be handed to AWS
//! (Amazon ECR User Guide, "Templates to control repositories created during a pull through cache, create on push, or
//! replication action").

use serde_json::{Map, Value, json};

use crate::model::lifecycle::Policy;
use crate::plan::provision::Creation;
use crate::report::json::text;

/// What the repositories below a prefix are created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The names it is for begin with this and a `/`; `ROOT` is all that no other template is for.
    pub prefix: String,
    /// When it is used, in AWS's words: `REPLICATION`, `CREATE_ON_PUSH`.
    pub applied_for: Vec<&'static str>,
    /// What they are created with. Scanning is no part of a template.
    pub creation: Creation,
    /// Their lifecycle policy.
    pub policy: Policy,
    /// The role that ECR assumes.
    pub role: Option<String>,
}

impl Template {
    /// What ECR would need a role for, if none is given: otherwise it fails to create the repository.
    pub fn missing_role(&self) -> Option<&'static str> {
        let encryption = self.creation.encryption.as_ref();
        match &self.role {
            Some(_) => None,
            None if !self.creation.tags.is_empty() => Some("resource tags"),
            None if encryption.is_some_and(|one| one.kind != "AES256") => Some("a KMS encryption"),
            None => None,
        }
    }

    /// The sentence that says where it comes from.
    pub(super) fn description(&self) -> String {
        let keep = self.policy.rules().iter().filter_map(|rule| rule.keep());
        let keep = keep.min().unwrap_or_default();
        format!("demitasse: the newest {keep} images and the pinned ones stay")
    }
}

/// The input of `CreateRepositoryCreationTemplate`.
pub fn json(template: &Template) -> String {
    let creation = &template.creation;
    let mutability = &creation.mutability;
    let mut input = Map::new();
    let mut set = |key: &str, value: Value| input.insert(key.to_owned(), value);
    set("prefix", json!(template.prefix));
    set("description", json!(template.description()));
    set("appliedFor", json!(template.applied_for));
    set("imageTagMutability", json!(mutability.word()));
    if !mutability.exclusions.is_empty() {
        let filter = |filter: &String| json!({"filterType": "WILDCARD", "filter": filter});
        let filters = mutability.exclusions.iter().map(filter).collect();
        set("imageTagMutabilityExclusionFilters", Value::Array(filters));
    }
    if let Some(encryption) = &creation.encryption {
        let mut configuration = json!({"encryptionType": encryption.kind});
        if let Some(key) = &encryption.key {
            configuration["kmsKey"] = json!(key);
        }
        set("encryptionConfiguration", configuration);
    }
    if !creation.tags.is_empty() {
        let tag = |(key, value): (&String, &String)| json!({"Key": key, "Value": value});
        let tags = creation.tags.iter().map(tag).collect();
        set("resourceTags", Value::Array(tags));
    }
    if let Some(access) = &creation.access {
        set("repositoryPolicy", json!(access));
    }
    set("lifecyclePolicy", json!(template.policy.to_json()));
    if let Some(role) = &template.role {
        set("customRoleArn", json!(role));
    }
    text(&input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Encryption;
    use crate::plan::provision::Provision;

    #[test]
    fn a_role_is_missing_where_ecr_needs_one() {
        let provision = Provision {
            keep: 30,
            ..Provision::default()
        };
        let (creation, policy) = provision.below("fluentd");
        let plain = Template {
            prefix: "fluentd".to_owned(),
            applied_for: vec!["REPLICATION"],
            creation,
            policy,
            role: None,
        };
        assert_eq!(plain.missing_role(), None);
        let mut tagged = plain.clone();
        tagged.creation.tags.insert("team".into(), "sre".into());
        assert_eq!(tagged.missing_role(), Some("resource tags"));
        tagged.role = Some("arn".to_owned());
        assert_eq!(tagged.missing_role(), None);
        for (kind, missing) in [("AES256", None), ("KMS", Some("a KMS encryption"))] {
            let mut encrypted = plain.clone();
            encrypted.creation.encryption = Some(Encryption {
                kind: kind.to_owned(),
                key: None,
            });
            assert_eq!(encrypted.missing_role(), missing, "{kind}");
        }
    }
}
