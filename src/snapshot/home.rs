//! A resource tenant's entries for homes without policies: identity providers, and home tenants that are not
//! in the snapshot (semantics §3).

use super::PolicyOrigin;
use crate::id::TenantId;
use crate::request::{AccessType, IdentityProvider};
use crate::time::Day;
use crate::vocabulary::{AssumedBasis, IdentityProviderName};

/// The identity providers that may sign in guests without a home tenant.
#[derive(Debug, Clone)]
pub struct IdentityProviders {
    /// Sorted, without duplicates.
    pub(crate) named: Box<[(IdentityProviderName, PolicyOrigin)]>,
    /// `issuerUri` of SAML and WS-Fed federations; sorted, without duplicates.
    pub(crate) issuers: Box<[(String, PolicyOrigin)]>,
}

impl IdentityProviders {
    /// Where the provider is listed; `None` = its guests are denied.
    pub(crate) fn listed(&self, provider: &IdentityProvider) -> Option<&PolicyOrigin> {
        match provider {
            IdentityProvider::Named(name) => find(&self.named, |(listed, _)| listed.cmp(name)),
            IdentityProvider::SamlWsFed { issuer } => {
                find(&self.issuers, |(listed, _)| listed.cmp(issuer))
            }
        }
    }
}

fn find<T>(
    list: &[(T, PolicyOrigin)],
    order: impl FnMut(&(T, PolicyOrigin)) -> std::cmp::Ordering,
) -> Option<&PolicyOrigin> {
    let at = list.binary_search_by(order).ok()?;
    list.get(at).map(|(_, origin)| origin)
}

/// The assumed outbound settings of a home tenant whose policies are not loaded (an entry of
/// `assumed-outbound.json`).
#[derive(Debug, Clone)]
pub struct AssumedOutboundSettings {
    pub(crate) tenant: TenantId,
    pub(crate) basis: AssumedBasis,
    /// Sorted, without duplicates.
    pub(crate) access_types: Box<[AccessType]>,
    pub(crate) comment: Option<String>,
    /// The last day on which the entry is in effect.
    pub(crate) review_by: Day,
    pub(crate) origin: PolicyOrigin,
}
