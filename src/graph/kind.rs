//! The kinds of document, and the names that a policies folder calls them by (semantics §2).

use std::fmt;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The tenant itself.
    Organization,
    /// Cross-tenant access policy: the clouds.
    CrossTenantAccess,
    /// Default settings for all other tenants.
    Default,
    /// Settings for one other tenant each.
    Partners,
    /// Cross-tenant synchronisation with one other tenant each; decides nothing.
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
    /// Identity providers that are no Entra tenant.
    IdentityProviders,
    /// SAML and WS-Fed federations with external domains.
    FederationConfigurations,
    /// Ours: what the outbound settings of partners without policies are taken to say.
    AssumedOutbound,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Kind] = &[
        Kind::Organization,
        Kind::CrossTenantAccess,
        Kind::Default,
        Kind::Partners,
        Kind::IdentitySynchronization,
        Kind::ConditionalAccess,
        Kind::ConditionalAccessSettings,
        Kind::NamedLocations,
        Kind::AuthenticationStrengths,
        Kind::SharedChannels,
        Kind::IdentityProviders,
        Kind::FederationConfigurations,
        Kind::AssumedOutbound,
    ];

    /// The name of its file (without `.json`) or folder.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Organization => "organization",
            Kind::CrossTenantAccess => "cross-tenant-access",
            Kind::Default => "default",
            Kind::Partners => "partners",
            Kind::IdentitySynchronization => "identity-synchronization",
            Kind::ConditionalAccess => "conditional-access",
            Kind::ConditionalAccessSettings => "conditional-access-settings",
            Kind::NamedLocations => "named-locations",
            Kind::AuthenticationStrengths => "authentication-strengths",
            Kind::SharedChannels => "shared-channels",
            Kind::IdentityProviders => "identity-providers",
            Kind::FederationConfigurations => "federation-configurations",
            Kind::AssumedOutbound => "assumed-outbound",
        }
    }

    /// One object of it, for people.
    pub const fn object(self) -> &'static str {
        match self {
            Kind::Organization => "an organization",
            Kind::CrossTenantAccess => "a cross-tenant access policy",
            Kind::Default => "default cross-tenant access settings",
            Kind::Partners => "a partner's cross-tenant access settings",
            Kind::IdentitySynchronization => "a cross-tenant synchronisation policy",
            Kind::ConditionalAccess => "a Conditional Access policy",
            Kind::ConditionalAccessSettings => "settings of Conditional Access",
            Kind::NamedLocations => "a named location",
            Kind::AuthenticationStrengths => "an authentication strength",
            Kind::SharedChannels => "a shared channel",
            Kind::IdentityProviders => "an identity provider",
            Kind::FederationConfigurations => "a SAML or WS-Fed federation",
            Kind::AssumedOutbound => "an assumed-outbound entry",
        }
    }

    /// The kind that a file's stem or a folder calls by its name; names compare without case, as some
    /// file systems do.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The same of names that are written in another way: `namedLocations`, `Named Locations`, `default~`.
    pub(super) fn nearly_named(name: &str) -> Option<Kind> {
        let squash = |name: &str| -> String {
            let letters = name.chars().filter(|c| c.is_alphanumeric());
            letters.collect::<String>().to_ascii_lowercase()
        };
        let wanted = squash(name);
        let same = |kind: &Kind| squash(kind.name()) == wanted;
        Kind::ALL.iter().copied().find(same)
    }

    /// Every name, for messages.
    pub(super) fn names() -> String {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.join(", ")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
