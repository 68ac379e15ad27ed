//! Where the account lives: a home tenant, or an identity provider that is none (semantics §3, "Users
//! without a home tenant").

use super::super::proto;
use super::violations::{At, REQUIRED, Reader, found};
use crate::request::{Home, IdentityProvider, MICROSOFT_ACCOUNTS, SAML_WS_FED};
use crate::rpc::message::AuthorizeRequest;
use crate::vocabulary::IdentityProviderName;

/// `None` only where a violation has been noted.
pub fn read(message: &AuthorizeRequest<'_>, at: &At<'_>, reader: &mut Reader<'_>) -> Option<Home> {
    if message.identity_provider.is_empty() {
        in_a_tenant(message, at, reader)
    } else {
        at_a_provider(message, at, reader)
    }
}

fn in_a_tenant(
    message: &AuthorizeRequest<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> Option<Home> {
    let is_guest = message.access_type == proto::AccessType::Collaboration as i32
        && !message.resource_user.is_empty();
    if message.user.is_empty() && !is_guest {
        reader.refuse(&at.name("user"), REQUIRED);
    }
    if !message.identity_provider_issuer.is_empty() {
        let expected = "found it without identity_provider samlWsFed, expected none";
        reader.refuse(&at.name("identity_provider_issuer"), expected);
    }
    let at_home = at.name("home_tenant");
    let home = reader.required(&at_home, message.home_tenant);
    if home == Some(MICROSOFT_ACCOUNTS) {
        let message = "found the tenant of Microsoft accounts, expected identity_provider \
                       microsoftAccount in its place";
        reader.refuse(&at_home, message);
    }
    home.map(Home::Tenant)
}

fn at_a_provider(
    message: &AuthorizeRequest<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> Option<Home> {
    let of_a_tenant = [
        ("home_tenant", !message.home_tenant.is_empty()),
        ("user", !message.user.is_empty()),
        ("groups", !message.groups.is_empty()),
        ("home_cloud", !message.home_cloud.is_empty()),
    ];
    for (name, is_given) in of_a_tenant {
        if is_given {
            let message = "found beside identity_provider, whose accounts live in no tenant";
            reader.refuse(&at.name(name), message);
        }
    }
    if message.access_type != proto::AccessType::Collaboration as i32 {
        let message = "expected ACCESS_TYPE_COLLABORATION beside identity_provider";
        reader.refuse(&at.name("access_type"), message);
    }
    if message.resource_user.is_empty() {
        reader.refuse(&at.name("resource_user"), REQUIRED);
    }
    provider(message, at, reader).map(Home::Provider)
}

fn provider(
    message: &AuthorizeRequest<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
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
        let message = "found beside another identity_provider than samlWsFed, expected none";
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

/// What is said of a field that contradicts an account without a home tenant.
pub const NOT_OF_A_PROVIDER: &str = "cannot be said of an account without a home tenant";
