//! The kinds of document, and their names in a policies folder (semantics §2).

use std::fmt;

/// The kind of document in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// The tenant.
    Organization,
    /// The cross-tenant access policy: allowed clouds.
    CrossTenantAccess,
    /// The default cross-tenant access settings.
    Default,
    /// Cross-tenant access settings for a partner tenant each.
    Partners,
    /// Cross-tenant synchronisation with a partner tenant each. No effect on decisions.
    IdentitySynchronization,
    /// Conditional Access policies.
    ConditionalAccess,
    /// Tenant-wide settings of Conditional Access.
    ConditionalAccessSettings,
    /// Named locations.
    NamedLocations,
    /// Authentication strengths.
    AuthenticationStrengths,
    /// Shared channels.
    SharedChannels,
    /// Identity providers other than Entra tenants.
    IdentityProviders,
    /// SAML and WS-Fed federations with external domains.
    FederationConfigurations,
    /// Assumed outbound settings of partners whose policies are not loaded. Specific to crosstrust.
    AssumedOutbound,
}

impl DocumentKind {
    /// All kinds.
    pub const ALL: &'static [DocumentKind] = &[
        DocumentKind::Organization,
        DocumentKind::CrossTenantAccess,
        DocumentKind::Default,
        DocumentKind::Partners,
        DocumentKind::IdentitySynchronization,
        DocumentKind::ConditionalAccess,
        DocumentKind::ConditionalAccessSettings,
        DocumentKind::NamedLocations,
        DocumentKind::AuthenticationStrengths,
        DocumentKind::SharedChannels,
        DocumentKind::IdentityProviders,
        DocumentKind::FederationConfigurations,
        DocumentKind::AssumedOutbound,
    ];

    /// The name of the file (without `.json`) or folder.
    pub const fn name(self) -> &'static str {
        match self {
            DocumentKind::Organization => "organization",
            DocumentKind::CrossTenantAccess => "cross-tenant-access",
            DocumentKind::Default => "default",
            DocumentKind::Partners => "partners",
            DocumentKind::IdentitySynchronization => "identity-synchronization",
            DocumentKind::ConditionalAccess => "conditional-access",
            DocumentKind::ConditionalAccessSettings => "conditional-access-settings",
            DocumentKind::NamedLocations => "named-locations",
            DocumentKind::AuthenticationStrengths => "authentication-strengths",
            DocumentKind::SharedChannels => "shared-channels",
            DocumentKind::IdentityProviders => "identity-providers",
            DocumentKind::FederationConfigurations => "federation-configurations",
            DocumentKind::AssumedOutbound => "assumed-outbound",
        }
    }

    /// One object of this kind, for messages.
    pub const fn object(self) -> &'static str {
        match self {
            DocumentKind::Organization => "an organization",
            DocumentKind::CrossTenantAccess => "a cross-tenant access policy",
            DocumentKind::Default => "default cross-tenant access settings",
            DocumentKind::Partners => "a partner's cross-tenant access settings",
            DocumentKind::IdentitySynchronization => "a cross-tenant synchronisation policy",
            DocumentKind::ConditionalAccess => "a Conditional Access policy",
            DocumentKind::ConditionalAccessSettings => "settings of Conditional Access",
            DocumentKind::NamedLocations => "a named location",
            DocumentKind::AuthenticationStrengths => "an authentication strength",
            DocumentKind::SharedChannels => "a shared channel",
            DocumentKind::IdentityProviders => "an identity provider",
            DocumentKind::FederationConfigurations => "a SAML or WS-Fed federation",
            DocumentKind::AssumedOutbound => "an assumed-outbound entry",
        }
    }

    /// The kind with this file name (without `.json`) or folder name. Case is ignored, as on some file systems.
    pub fn named(name: &str) -> Option<DocumentKind> {
        DocumentKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Like [`DocumentKind::named`], also for spellings such as `namedLocations`, `Named Locations`, `default~`.
    pub(super) fn nearly_named(name: &str) -> Option<DocumentKind> {
        let squash = |name: &str| -> String {
            let letters = name.chars().filter(|c| c.is_alphanumeric());
            letters.collect::<String>().to_ascii_lowercase()
        };
        let squashed = squash(name);
        let same = |kind: &DocumentKind| squash(kind.name()) == squashed;
        DocumentKind::ALL.iter().copied().find(same)
    }

    /// All names, for messages.
    pub(super) fn names() -> String {
        let names: Vec<&str> = DocumentKind::ALL.iter().map(|kind| kind.name()).collect();
        names.join(", ")
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
