//! Whose credentials a request carries: those of the run, or those of the role for sources in other accounts.

use std::collections::BTreeSet;

use aws_config::SdkConfig;

use crate::clients::ecr::Ecr;
use crate::model::failure::{Caller, Failure, FailureKind};
use crate::model::reference::Registry;

/// A role for the registries of accounts in which the run has no target.
pub struct SourceRole {
    /// Its ARN.
    pub arn: String,
    /// The configuration with its credentials.
    pub config: SdkConfig,
}

/// Whether the source role is used, and a Region: one client each, and one registry token.
pub(crate) type Identity = (bool, String);

impl Ecr {
    /// The same with a role for sources in other accounts than the targets'.
    #[must_use]
    pub fn with_source_role(self, source_role: Option<SourceRole>) -> Self {
        Self {
            source_role,
            ..self
        }
    }

    /// Says in which accounts the targets are. Their registries are always asked with the run's own credentials, also as
    /// sources: mounting takes one principal that may do both.
    pub fn settle_in(&self, accounts: BTreeSet<String>) {
        self.home.replace(accounts);
    }

    /// Whose credentials a request to this registry carries.
    pub(crate) fn caller(&self, registry: &Registry) -> Caller {
        let home = self.home.borrow();
        if home.is_empty() || home.contains(registry.account()) {
            return Caller::Own;
        }
        match &self.source_role {
            Some(role) => Caller::SourceRole(role.arn.clone()),
            None => Caller::Abroad(registry.account().to_owned()),
        }
    }

    /// What a client, or a token, for this registry is kept under.
    pub(crate) fn identity(&self, registry: &Registry) -> Identity {
        let by_role = matches!(self.caller(registry), Caller::SourceRole(_));
        (by_role, registry.region().to_owned())
    }

    /// The account of our own credentials, once a token was asked for with them.
    pub(crate) fn account(&self) -> Option<String> {
        self.account.borrow().clone()
    }

    /// That this account's settings can only be read by itself: `GetAccountSetting` takes no registry.
    pub(crate) fn setting_of_another(&self, registry: &Registry) -> Failure {
        let subject = self.on_registry("GetAccountSetting", registry);
        let message = format!(
            "the credentials are of another account than {}, and BLOB_MOUNTING can only be read from inside",
            registry.account()
        );
        subject.failure(FailureKind::Unsupported, message)
    }
}
