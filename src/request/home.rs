//! The home of an account: an Entra tenant, or another identity provider (semantics §3).

use std::fmt;

use crate::id::TenantId;
use crate::vocabulary::IdentityProviderName;

/// The home of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// An Entra tenant.
    Tenant(TenantId),
    /// An identity provider other than an Entra tenant (semantics §3, "Users without a home tenant").
    Provider(IdentityProvider),
}

/// An identity provider for B2B collaboration, other than an Entra tenant
/// (learn.microsoft.com/entra/external-id/identity-providers).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityProvider {
    /// A social or built-in provider.
    Named(IdentityProviderName),
    /// A SAML or WS-Fed provider, by its case-sensitive issuer URI.
    SamlWsFed {
        /// `issuerUri` of the federation.
        issuer: String,
    },
}

impl Home {
    /// The home tenant, if the account has one.
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Home::Tenant(tenant) => Some(*tenant),
            Home::Provider(_) => None,
        }
    }

    /// The identity provider, if the account has no home tenant.
    pub fn provider(&self) -> Option<&IdentityProvider> {
        match self {
            Home::Tenant(_) => None,
            Home::Provider(provider) => Some(provider),
        }
    }
}

impl From<TenantId> for Home {
    fn from(tenant: TenantId) -> Self {
        Home::Tenant(tenant)
    }
}

/// An account of an identity provider is not equal to any tenant.
impl PartialEq<TenantId> for Home {
    fn eq(&self, tenant: &TenantId) -> bool {
        self.tenant() == Some(*tenant)
    }
}

/// The tenant of all Microsoft accounts. Policies treat it as an identity provider, not as a home tenant
/// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference, `tid`).
pub const MICROSOFT_ACCOUNTS: TenantId = TenantId(0x9188040d_6c67_4c5b_b112_36a304b66dad);

/// Writes the tenant's id, or the provider's name.
impl fmt::Display for Home {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Home::Tenant(tenant) => fmt::Display::fmt(tenant, out),
            Home::Provider(provider) => fmt::Display::fmt(provider, out),
        }
    }
}

/// Writes the name for messages and logs: `google`, or `samlWsFed <issuer>`.
impl fmt::Display for IdentityProvider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityProvider::Named(name) => fmt::Display::fmt(name, out),
            IdentityProvider::SamlWsFed { issuer } => write!(out, "{SAML_WS_FED} {issuer}"),
        }
    }
}

/// The name of SAML and WS-Fed providers, in addition to those of [`IdentityProviderName`].
pub const SAML_WS_FED: &str = "samlWsFed";
