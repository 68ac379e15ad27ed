//! What issuers of four kinds say by themselves.
//!
//! `resource_mfa` is in no preset: no issuer tells in which of two tenants MFA was done, and taking one for the
//! other would let a guest in whose home tenant is not trusted. Nor is any device claim: Entra's access tokens
//! have none that says compliant. An operator who knows better maps a claim of the own tenant.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::mapping::{Field, Read, Rule, Scalar};

/// A kind of issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// Entra, tokens of version 1.0: `appid`; `amr` tells of MFA, and only there
    /// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
    EntraV1,
    /// Entra, tokens of version 2.0: `azp`. They do not tell of MFA; where a policy asks for it through an
    /// authentication context, map `mfa` to that context in `acrs`.
    EntraV2,
    /// Okta: the user's GUID comes in a custom claim `oid`, groups in a custom claim `groups` (with a table where
    /// they are names). MFA is `mfa` in `amr`.
    Okta,
    /// Keycloak: `sub` is a GUID and is the user; groups come from a group mapper into `groups` (with a table, for
    /// they are names). MFA is `mfa` in `amr`, which needs Keycloak's AMR mapper.
    Keycloak,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 4] = [
        Preset::EntraV1,
        Preset::EntraV2,
        Preset::Okta,
        Preset::Keycloak,
    ];

    /// The name that the configuration knows it by.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::EntraV1 => "entra-v1",
            Preset::EntraV2 => "entra-v2",
            Preset::Okta => "okta",
            Preset::Keycloak => "keycloak",
        }
    }

    /// Whether a token whose subject is its object is an application's: Entra's user tokens have a `sub` of their
    /// own for each application. Keycloak's `sub` is the user.
    pub(super) const fn tells_applications_by_subject(self) -> bool {
        match self {
            Preset::EntraV1 | Preset::EntraV2 => true,
            Preset::Okta | Preset::Keycloak => false,
        }
    }
}

/// What an issuer's access tokens have and its ID tokens have not. Both may have one audience: an ID token's is the
/// client's id, and Entra's access tokens for a client's own API have the same
/// (learn.microsoft.com/entra/identity-platform/access-tokens and id-token-claims-reference, read 2026-11-30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessTokenMark {
    /// One of these claims is there, as a text that is not empty.
    OneOf(&'static [&'static str]),
    /// This claim is this text.
    Equals(&'static str, &'static str),
}

impl Preset {
    /// The mark of this issuer's access tokens.
    pub(super) const fn access_token_mark(self) -> AccessTokenMark {
        match self {
            // The client that the token was issued to: `appid` in version 1.0, `azp` in version 2.0.
            Preset::EntraV1 | Preset::EntraV2 => AccessTokenMark::OneOf(&["azp", "appid"]),
            // The client's id (developer.okta.com/docs/api/openapi/okta-oauth/guides/overview, access token).
            Preset::Okta => AccessTokenMark::OneOf(&["cid"]),
            // `ID`, `Refresh`, `Logout` in its other tokens.
            Preset::Keycloak => AccessTokenMark::Equals("typ", "Bearer"),
        }
    }
}

impl AccessTokenMark {
    /// Whether a token with these claims has it.
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

    /// For messages.
    pub(super) fn shown(self) -> String {
        match self {
            AccessTokenMark::OneOf(names) => format!("`{}`", names.join("` or `")),
            AccessTokenMark::Equals(name, text) => format!("`{name}` = `{text}`"),
        }
    }
}

/// A text that names no preset.
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

/// The rules that a preset begins with.
pub(super) fn rules(preset: Preset) -> impl Iterator<Item = (Field, Rule)> {
    let (taken, tells_mfa): (&[&[(Field, &str)]], bool) = match preset {
        Preset::EntraV1 => (&[EVERYWHERE, ENTRA, &[(Field::ClientApp, "appid")]], true),
        Preset::EntraV2 => (&[EVERYWHERE, ENTRA, &[(Field::ClientApp, "azp")]], false),
        Preset::Okta => (&[EVERYWHERE, &[(Field::User, "oid")]], true),
        Preset::Keycloak => {
            const OWN: &[(Field, &str)] = &[(Field::User, "sub"), (Field::ClientApp, "azp")];
            (&[EVERYWHERE, OWN], true)
        }
    };
    let guests = preset.tells_applications_by_subject().then(|| {
        let read = Read::Equals(Scalar::Integer(1));
        let claim = "acct".to_owned();
        (Field::Guest, Rule { claim, read })
    });
    let mfa = tells_mfa.then(|| {
        let read = Read::Contains(Scalar::from("mfa"));
        let claim = "amr".to_owned();
        (Field::Mfa, Rule { claim, read })
    });
    taken
        .iter()
        .flat_map(|list| list.iter())
        .map(|(field, claim)| (*field, Rule::take(claim)))
        .chain(guests)
        .chain(mfa)
}

const EVERYWHERE: &[(Field, &str)] = &[
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
