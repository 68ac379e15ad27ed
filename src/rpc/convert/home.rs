//! Converts the home of the account: a tenant, or an identity provider outside Entra (semantics §3, "Users without a home
//! tenant").

use super::super::proto;
use super::violations::{FieldPath, REQUIRED, RequestReader, found};
use crate::request::{Home, IdentityProvider, MICROSOFT_ACCOUNTS, SAML_WS_FED};
use crate::rpc::message::AuthorizeRequest;
use crate::vocabulary::IdentityProviderName;

/// `None` only if a violation has been recorded.
pub fn read(
    message: &AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<Home> {
    if message.identity_provider.is_empty() {
        home_tenant(message, at, reader)
    } else {
        identity_provider(message, at, reader)
    }
}

fn home_tenant(
    message: &AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<Home> {
    let is_guest = message.access_type == proto::AccessType::Collaboration as i32
        && !message.resource_user.is_empty();
    if message.user.is_empty() && !is_guest {
        reader.refuse(&at.name("user"), REQUIRED);
    }
    if !message.identity_provider_issuer.is_empty() {
        let expected = "found it without identity_provider samlWsFed, expected it to be empty";
        reader.refuse(&at.name("identity_provider_issuer"), expected);
    }
    let at_home = at.name("home_tenant");
    let home = reader.required(&at_home, message.home_tenant);
    if home == Some(MICROSOFT_ACCOUNTS) {
        let message = "found the tenant of Microsoft accounts, expected identity_provider \
                       microsoftAccount instead";
        reader.refuse(&at_home, message);
    }
    home.map(Home::Tenant)
}

fn identity_provider(
    message: &AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<Home> {
    let tenant_fields = [
        ("home_tenant", !message.home_tenant.is_empty()),
        ("user", !message.user.is_empty()),
        ("groups", !message.groups.is_empty()),
        ("home_cloud", !message.home_cloud.is_empty()),
    ];
    for (name, is_set) in tenant_fields {
        if is_set {
            let message = "found it beside identity_provider, expected it to be empty";
            reader.refuse(&at.name(name), message);
        }
    }
    if message.access_type != proto::AccessType::Collaboration as i32 {
        let message = "expected ACCESS_TYPE_COLLABORATION, which identity_provider requires";
        reader.refuse(&at.name("access_type"), message);
    }
    if message.resource_user.is_empty() {
        reader.refuse(&at.name("resource_user"), REQUIRED);
    }
    provider(message, at, reader).map(Home::Provider)
}

fn provider(
    message: &AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<IdentityProvider> {
    let text = message.identity_provider;
    let at_issuer = at.name("identity_provider_issuer");
    let issuer = message.identity_provider_issuer;
    if text.eq_ignore_ascii_case(SAML_WS_FED) {
        if issuer.is_empty() {
            reader.refuse(&at_issuer, REQUIRED);
            return None;
        }
        let issuer = reader.text(&at_issuer, issuer)?;
        return Some(IdentityProvider::SamlWsFed { issuer });
    }
    if !issuer.is_empty() {
        let message = "found it without identity_provider samlWsFed, expected it to be empty";
        reader.refuse(&at_issuer, message);
    }
    match text.parse() {
        Ok(name) => Some(IdentityProvider::Named(name)),
        Err(_) => {
            let words = IdentityProviderName::WORDS.join(", ");
            let expected = format!("expected one of {words}, {SAML_WS_FED}");
            reader.refuse(&at.name("identity_provider"), found(text, expected));
            None
        }
    }
}

/// The message for a field that an account without a home tenant cannot have.
pub const NOT_OF_A_PROVIDER: &str =
    "found it, expected it to be empty for an account without a home tenant";
