//! What a resource tenant says of homes that have no policies here: identity providers, and home tenants
//! that are not in the snapshot (semantics §3).

use super::Origin;
use crate::id::TenantId;
use crate::request::{AccessType, IdentityProvider};
use crate::time::Day;
use crate::vocabulary::{AssumedBasis, IdentityProviderName};

/// The identity providers without a tenant that may sign guests in.
#[derive(Debug, Clone)]
pub struct IdentityProviders {
    /// Sorted, without repeats.
    pub(crate) named: Box<[(IdentityProviderName, Origin)]>,
    /// `issuerUri` of SAML and WS-Fed federations; sorted, without repeats.
    pub(crate) issuers: Box<[(String, Origin)]>,
}

impl IdentityProviders {
    /// Where the provider is listed; `None` = it lets no guest in.
    pub(crate) fn listed(&self, provider: &IdentityProvider) -> Option<&Origin> {
        match provider {
            IdentityProvider::Named(name) => find(&self.named, |(listed, _)| listed.cmp(name)),
            IdentityProvider::SamlWsFed { issuer } => {
                find(&self.issuers, |(listed, _)| listed.cmp(issuer))
            }
        }
    }
}

fn find<T>(
    list: &[(T, Origin)],
    order: impl FnMut(&(T, Origin)) -> std::cmp::Ordering,
) -> Option<&Origin> {
    let at = list.binary_search_by(order).ok()?;
    list.get(at).map(|(_, origin)| origin)
}

/// What the outbound settings of a home tenant whose policies are not loaded are taken to say.
#[derive(Debug, Clone)]
pub struct AssumedOutbound {
    pub(crate) tenant: TenantId,
    pub(crate) basis: AssumedBasis,
    /// Sorted, without repeats.
    pub(crate) access_types: Box<[AccessType]>,
    pub(crate) comment: Option<String>,
    /// The last day on which the entry counts.
    pub(crate) review_by: Day,
    pub(crate) origin: Origin,
}
