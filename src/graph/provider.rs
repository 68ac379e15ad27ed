//! Identity providers for guests without an Entra tenant, including SAML and WS-Fed federations
//! (learn.microsoft.com/graph/api/resources/identityproviderbase,
//! …/samlorwsfedexternaldomainfederation; semantics §3, "Users without a home tenant").

use super::document::{Federation, ListedProvider, Located};
use super::finding::Code;
use super::node::Node;
use super::values::quoted;
use crate::vocabulary::IdentityProviderName;

/// Parses an identity provider. If no request can name it, `name` is `None`.
pub(super) fn parse_identity_provider(node: Node<'_>) -> Option<ListedProvider> {
    let mut members = node.object()?;
    let by_type = members.odata_type();
    let by_type = by_type.and_then(|by_type| {
        let mut types = PROVIDER_TYPES.iter();
        types.find(|(known, _)| known.eq_ignore_ascii_case(by_type))
    });
    let kind = match by_type {
        Some((_, kind)) => members.text("identityProviderType").or(Some(kind)),
        None => members.require("identityProviderType").and_then(Node::text),
    };
    let state = members.take_set("state");
    let is_enabled = state.is_none_or(|state| {
        let text = state.as_text().unwrap_or_default();
        let is_enabled = text.eq_ignore_ascii_case("enabled");
        if !is_enabled {
            let message = format!(
                "found the state {}, expected enabled: the provider counts as disabled",
                state.describe()
            );
            state.warning(Code::UnknownWord, message);
        }
        is_enabled
    });
    members.ignore(PROVIDER_MEMBERS);
    members.close_outer();
    let kind = kind?;
    let known = KNOWN_TYPES
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(kind));
    if known.is_none() {
        let message = format!(
            "found the unknown identity provider type {}: its accounts have no access",
            quoted(kind)
        );
        node.warning(Code::UnknownWord, message);
    }
    let name = known.and_then(|(_, name)| *name);
    Some(ListedProvider {
        place: node.place(),
        name: name.filter(|_| is_enabled),
        kind: kind.to_owned(),
    })
}

/// Parses a SAML or WS-Fed federation with an external domain.
pub(super) fn parse_federation(node: Node<'_>) -> Option<Federation> {
    let mut members = node.object()?;
    match members.odata_type() {
        None | Some("samlOrWsFedExternalDomainFederation") => {}
        Some(other) => {
            let message = format!(
                "found the type {}, expected samlOrWsFedExternalDomainFederation",
                quoted(other)
            );
            node.error(Code::UnknownWord, message);
        }
    }
    let issuer = members.require("issuerUri").and_then(issuer);
    members.ignore(FEDERATION_MEMBERS);
    members.close_outer();
    Some(Federation { issuer: issuer? })
}

fn issuer(node: Node<'_>) -> Option<Located<String>> {
    let text = node.text()?;
    if text.trim().is_empty() {
        return node.wrong_type("the issuer of a SAML or WS-Fed identity provider");
    }
    Some(Located {
        value: text.to_owned(),
        place: node.place(),
    })
}

/// `@odata.type`s that have no `identityProviderType`, and the type to use for them.
const PROVIDER_TYPES: &[(&str, &str)] = &[
    ("appleManagedIdentityProvider", "Apple"),
    ("oidcIdentityProvider", "OpenIDConnect"),
    ("openIdConnectIdentityProvider", "OpenIDConnect"),
];

/// The `identityProviderType`s of built-in and social providers. `None` = not used by B2B collaboration (self-service
/// sign-up with Entra accounts, and the providers of Azure AD B2C).
const KNOWN_TYPES: &[(&str, Option<IdentityProviderName>)] = &[
    ("Google", Some(IdentityProviderName::Google)),
    ("Facebook", Some(IdentityProviderName::Facebook)),
    ("Apple", Some(IdentityProviderName::Apple)),
    (
        "MicrosoftAccount",
        Some(IdentityProviderName::MicrosoftAccount),
    ),
    ("EmailOTP", Some(IdentityProviderName::EmailOneTimePasscode)),
    (
        "EmailOtpSignup",
        Some(IdentityProviderName::EmailOneTimePasscode),
    ),
    ("AADSignup", None),
    ("OpenIDConnect", None),
    ("Microsoft", None),
    ("Amazon", None),
    ("LinkedIn", None),
    ("GitHub", None),
    ("Twitter", None),
    ("Weibo", None),
    ("QQ", None),
    ("WeChat", None),
];

const PROVIDER_MEMBERS: &[&str] = &[
    "deletedDateTime",
    "id",
    "displayName",
    "clientId",
    "clientSecret",
    "developerId",
    "serviceId",
    "keyId",
    "certificateData",
    "issuer",
    "wellKnownEndpoint",
    "metadataUrl",
    "responseType",
    "responseMode",
    "scope",
    "domainHint",
    "clientAuthentication",
    "inboundClaimMapping",
    "claimsMapping",
];

const FEDERATION_MEMBERS: &[&str] = &[
    "deletedDateTime",
    "id",
    "displayName",
    "domains",
    "metadataExchangeUri",
    "passiveSignInUri",
    "preferredAuthenticationProtocol",
    "signingCertificate",
];
