//! Presets: the claim rules of four kinds of issuers.
//!
//! No preset sets `resource_mfa`: no issuer states in which of two tenants MFA was done, and a wrong guess would admit
//! guests whose home tenant's MFA is not trusted. No preset sets device claims: Entra's access tokens have none that states
//! compliance. An operator who has such a claim maps it in the configuration.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::mapping::{ClaimRule, ClaimValue, Field, ValueMapping};

/// A kind of issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// Entra access tokens of version 1.0: the client is `appid`, and `amr` states MFA, which only this version has
    /// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
    EntraV1,
    /// Entra access tokens of version 2.0: the client is `azp`. They do not state MFA; if a policy requires it through an
    /// authentication context, map `mfa` to that context in `acrs`.
    EntraV2,
    /// Okta: the user's GUID is in a custom claim `oid`, groups are in a custom claim `groups` (map names to GUIDs with a
    /// table). MFA is `mfa` in `amr`.
    Okta,
    /// Keycloak: `sub` is the user's GUID; a group mapper writes names to `groups` (map them to GUIDs with a table). MFA is
    /// `mfa` in `amr`, which needs Keycloak's AMR mapper.
    Keycloak,
}

impl Preset {
    /// All presets.
    pub const ALL: [Preset; 4] = [
        Preset::EntraV1,
        Preset::EntraV2,
        Preset::Okta,
        Preset::Keycloak,
    ];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::EntraV1 => "entra-v1",
            Preset::EntraV2 => "entra-v2",
            Preset::Okta => "okta",
            Preset::Keycloak => "keycloak",
        }
    }

    /// Whether a token with `sub` equal to the object id belongs to an application. In Entra's user tokens `sub` is specific
    /// to the client application; Keycloak's `sub` is the user's id.
    pub(super) const fn identifies_applications_by_subject(self) -> bool {
        match self {
            Preset::EntraV1 | Preset::EntraV2 => true,
            Preset::Okta | Preset::Keycloak => false,
        }
    }
}

/// What distinguishes an issuer's access tokens from its ID tokens. Both may have the same audience: that of an ID token is
/// the client's id, as in Entra's access tokens for a client's own API
/// (learn.microsoft.com/entra/identity-platform/access-tokens and id-token-claims-reference, read 2026-11-30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessTokenMark {
    /// One of these claims is a text that is not empty.
    OneOf(&'static [&'static str]),
    /// The claim is this text.
    Equals(&'static str, &'static str),
}

impl Preset {
    /// The mark of this issuer's access tokens.
    pub(super) const fn access_token_mark(self) -> AccessTokenMark {
        match self {
            // The client: `appid` in version 1.0, `azp` in version 2.0.
            Preset::EntraV1 | Preset::EntraV2 => AccessTokenMark::OneOf(&["azp", "appid"]),
            // The client's id (developer.okta.com/docs/api/openapi/okta-oauth/guides/overview, access token).
            Preset::Okta => AccessTokenMark::OneOf(&["cid"]),
            // Other tokens have `ID`, `Refresh` or `Logout`.
            Preset::Keycloak => AccessTokenMark::Equals("typ", "Bearer"),
        }
    }
}

impl AccessTokenMark {
    /// Whether a token with these claims has the mark.
    pub(super) fn is_in(self, claims: &Map<String, Value>) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        match self {
            AccessTokenMark::OneOf(names) => {
                let mut texts = names.iter().filter_map(|name| text(name));
                texts.any(|text| !text.is_empty())
            }
            AccessTokenMark::Equals(name, expected) => text(name) == Some(expected),
        }
    }

    /// The mark as text, for messages.
    pub(super) fn describe(self) -> String {
        match self {
            AccessTokenMark::OneOf(names) => format!("`{}`", names.join("` or `")),
            AccessTokenMark::Equals(name, text) => format!("`{name}` = `{text}`"),
        }
    }
}

/// A text that is not the name of a preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected entra-v1, entra-v2, okta or keycloak")]
pub struct NotAPreset;

impl FromStr for Preset {
    type Err = NotAPreset;
    fn from_str(text: &str) -> Result<Self, NotAPreset> {
        let found = Preset::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or(NotAPreset)
    }
}

/// The claim rules of a preset.
pub(super) fn rules(preset: Preset) -> impl Iterator<Item = (Field, ClaimRule)> {
    let (claims, has_mfa): (&[&[(Field, &str)]], bool) = match preset {
        Preset::EntraV1 => (&[COMMON, ENTRA, &[(Field::ClientApp, "appid")]], true),
        Preset::EntraV2 => (&[COMMON, ENTRA, &[(Field::ClientApp, "azp")]], false),
        Preset::Okta => (&[COMMON, &[(Field::User, "oid")]], true),
        Preset::Keycloak => {
            const OWN: &[(Field, &str)] = &[(Field::User, "sub"), (Field::ClientApp, "azp")];
            (&[COMMON, OWN], true)
        }
    };
    let guests = preset.identifies_applications_by_subject().then(|| {
        let mapping = ValueMapping::Equals(ClaimValue::Integer(1));
        let claim = "acct".to_owned();
        (Field::Guest, ClaimRule { claim, mapping })
    });
    let mfa = has_mfa.then(|| {
        let mapping = ValueMapping::Contains(ClaimValue::from("mfa"));
        let claim = "amr".to_owned();
        (Field::Mfa, ClaimRule { claim, mapping })
    });
    claims
        .iter()
        .flat_map(|list| list.iter())
        .map(|(field, claim)| (*field, ClaimRule::as_is(claim)))
        .chain(guests)
        .chain(mfa)
}

const COMMON: &[(Field, &str)] = &[
    (Field::Tenant, "tid"),
    (Field::Groups, "groups"),
    (Field::AuthTime, "auth_time"),
    (Field::SessionId, "sid"),
];

const ENTRA: &[(Field, &str)] = &[
    (Field::User, "oid"),
    (Field::HomeTenant, "idp"),
    (Field::Roles, "wids"),
    (Field::DeviceId, "deviceid"),
    (Field::AuthenticationContexts, "acrs"),
    (Field::ClientCapabilities, "xms_cc"),
];
