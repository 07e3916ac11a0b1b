//! Who owns a repository, as far as its resource tags tell. What somebody declares elsewhere is not ours to change: it
//! would be undone by the next apply, after a gap without any policy.

use std::collections::BTreeMap;
use std::fmt;

/// A tool that declares the repository, and the tag that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Which.
    pub tool: Tool,
    /// The tag, `key=value`.
    pub tag: String,
}

/// A tool that declares resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// CloudFormation (also through CDK), which tags every resource of a stack itself.
    CloudFormation {
        /// The stack.
        stack: String,
    },
    /// Terraform or OpenTofu. There is no reserved tag: what is read is the convention of `ManagedBy`.
    Terraform,
}

/// The owner that these tags name.
pub fn owner(tags: &BTreeMap<String, String>) -> Option<Owner> {
    let found = |tool: Tool, key: &str, value: &str| Owner {
        tool,
        tag: format!("{key}={value}"),
    };
    // A reserved key: nobody but CloudFormation can set it.
    let key = "aws:cloudformation:stack-name";
    if let Some(stack) = tags.get(key) {
        let stack = stack.clone();
        return Some(found(
            Tool::CloudFormation {
                stack: stack.clone(),
            },
            key,
            &stack,
        ));
    }
    tags.iter().find_map(|(key, value)| {
        let plain = |c: &char| c.is_ascii_alphanumeric();
        let word: String = key
            .chars()
            .filter(plain)
            .collect::<String>()
            .to_ascii_lowercase();
        let said = value.to_ascii_lowercase();
        let is_terraform = match word.as_str() {
            "managedby" | "provisionedby" | "createdby" => ["terraform", "opentofu"]
                .iter()
                .any(|tool| said.contains(tool)),
            "terraform" => !["false", "no", "0", ""].contains(&said.as_str()),
            _ => false,
        };
        is_terraform.then(|| found(Tool::Terraform, key, value))
    })
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tool {
            Tool::CloudFormation { stack } => write!(f, "the CloudFormation stack {stack}"),
            Tool::Terraform => write!(f, "Terraform (tag {})", self.tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tags: &[(&str, &str)], expected: Option<&str>) {
        let map = tags
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let found = owner(&map).map(|owner| owner.to_string());
        assert_eq!(found.as_deref(), expected, "{tags:?}");
    }

    #[test]
    fn owners_are_told_by_their_tags() {
        check(&[], None);
        check(&[("team", "sre")], None);
        check(&[("ManagedBy", "demitasse")], None);
        check(
            &[("ManagedBy", "terraform")],
            Some("Terraform (tag ManagedBy=terraform)"),
        );
        check(
            &[("managed-by", "Terraform")],
            Some("Terraform (tag managed-by=Terraform)"),
        );
        check(
            &[("managed_by", "OpenTofu")],
            Some("Terraform (tag managed_by=OpenTofu)"),
        );
        check(
            &[("Terraform", "true")],
            Some("Terraform (tag Terraform=true)"),
        );
        check(&[("terraform", "false")], None);
        check(&[("terraform-version", "1.9")], None);
        let stack = [
            ("aws:cloudformation:stack-name", "repos"),
            ("ManagedBy", "terraform"),
        ];
        check(&stack, Some("the CloudFormation stack repos"));
    }
}
