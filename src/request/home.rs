//! Where an account lives: in an Entra tenant, or at an identity provider that is none (semantics §3).

use std::fmt;

use crate::id::TenantId;
use crate::vocabulary::IdentityProviderName;

/// Where an account lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// An Entra tenant.
    Tenant(TenantId),
    /// An identity provider that is no Entra tenant (semantics §3, "Users without a home tenant").
    Provider(IdentityProvider),
}

/// An identity provider of B2B collaboration that is no Entra tenant
/// (learn.microsoft.com/entra/external-id/identity-providers).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityProvider {
    /// One of the tenant's social or built-in providers.
    Named(IdentityProviderName),
    /// A SAML or WS-Fed provider, by its issuer URI; compared with case.
    SamlWsFed {
        /// `issuerUri` of the federation.
        issuer: String,
    },
}

impl Home {
    /// The home tenant; `None` for an account that lives in none.
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Home::Tenant(tenant) => Some(*tenant),
            Home::Provider(_) => None,
        }
    }

    /// The identity provider of an account without a home tenant.
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

/// An account of an identity provider is in no tenant.
impl PartialEq<TenantId> for Home {
    fn eq(&self, tenant: &TenantId) -> bool {
        self.tenant() == Some(*tenant)
    }
}

/// The tenant in which all Microsoft accounts are: to policies they are an identity provider and no home tenant
/// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference, `tid`).
pub const MICROSOFT_ACCOUNTS: TenantId = TenantId(0x9188040d_6c67_4c5b_b112_36a304b66dad);

/// The tenant's id, or the provider's name.
impl fmt::Display for Home {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Home::Tenant(tenant) => fmt::Display::fmt(tenant, out),
            Home::Provider(provider) => fmt::Display::fmt(provider, out),
        }
    }
}

/// The name for messages and logs: `google`, or `samlWsFed <issuer>`.
impl fmt::Display for IdentityProvider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityProvider::Named(name) => fmt::Display::fmt(name, out),
            IdentityProvider::SamlWsFed { issuer } => write!(out, "{SAML_WS_FED} {issuer}"),
        }
    }
}

/// The word for a SAML or WS-Fed provider, beside those of [`IdentityProviderName`].
pub const SAML_WS_FED: &str = "samlWsFed";
