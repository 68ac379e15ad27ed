//! Who is home: where a token's account lives, and how its user crosses to the application.
//!
//! A token's tenant is the one that was signed in to. Where that is another than the application's, the user comes by
//! direct connect; where it is the application's own and the account is another tenant's, by collaboration, as a
//! guest object; else the user is internal (learn.microsoft.com/entra/identity-platform/
//! access-token-claims-reference, `tid`, `oid`, `idp`). What fits none of the three is nobody.

use serde_json::Value;

use super::claims::Reading;
use super::mapping::{Field, Read};
use super::verified::{Asked, Home, Unidentified, Verified, Who};
use super::{Issuer, Tenants};
use crate::id::{TenantId, UserId, parse_guid};
use crate::request::{self, AccessType, IdentityProvider, MICROSOFT_ACCOUNTS, Request, UserClass};
use crate::vocabulary::IdentityProviderName as Name;

/// Whose a token is.
pub(super) fn who(
    reading: Reading<'_>,
    issuer: &Issuer,
    tenant: Option<TenantId>,
) -> Result<Who, Unidentified> {
    let tenant = tenant.ok_or(Unidentified::NoTenant)?;
    let user: Option<UserId> = reading.id(Field::User).ok().flatten();
    let user = user.ok_or(Unidentified::NoUser)?;
    if is_an_application(reading, user) {
        return Err(Unidentified::NoUser);
    }
    let home = match issuer.tenants {
        Tenants::Fixed(_) => Home::Fixed,
        Tenants::Listed(_) | Tenants::Any => home(reading, tenant)?,
    };
    Ok(Who { tenant, user, home })
}

/// `idtyp` is `user` in a user's token, where it is there at all; Entra's tokens for applications have their object
/// for a subject, also where the application did not opt in to `idtyp`
/// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
fn is_an_application(reading: Reading<'_>, user: UserId) -> bool {
    let claims = reading.claims;
    let is_no_user = claims.get("idtyp").is_some_and(|idtyp| idtyp != "user");
    let subject = claims.get("sub").and_then(Value::as_str);
    let is_its_object = subject.and_then(|sub| sub.parse().ok()) == Some(user);
    is_no_user || is_its_object && reading.map.began_as().tells_applications_by_subject()
}

fn home(reading: Reading<'_>, tenant: TenantId) -> Result<Home, Unidentified> {
    let Some((rule, value)) = reading.said(Field::HomeTenant) else {
        // A guest, or perhaps one, of a tenant that is not told.
        return if reading.denies(Field::Guest) {
            Ok(Home::Here)
        } else {
            Err(Unidentified::UnknownHome)
        };
    };
    let text = value.as_str().ok_or(Unidentified::UnknownHome)?;
    let text = match &rule.read {
        Read::Values(table) => table.get(text).map_or(text, String::as_str),
        Read::Take | Read::Contains(_) | Read::Equals(_) => text,
    };
    let told = match account_of(text).ok_or(Unidentified::UnknownHome)? {
        Account::Tenant(told) => told,
        Account::Provider(provider) => return Ok(Home::Provider(provider)),
    };
    if told == tenant {
        // A guest of the own tenant is none that the rules know.
        return if reading.denies(Field::Guest) {
            Ok(Home::Here)
        } else {
            Err(Unidentified::UnknownHome)
        };
    }
    let user = reading.id(Field::HomeUser);
    Ok(Home::Elsewhere {
        tenant: told,
        user: user.map_err(|_| Unidentified::UnknownHome)?,
    })
}

/// What an identity provider's name names.
enum Account {
    Tenant(TenantId),
    Provider(IdentityProvider),
}

/// Whether a text can be the target of a table for `home_tenant`: a tenant, a known provider, or a URI.
pub(super) fn is_home(text: &str) -> bool {
    tenant_of(text).is_some() || NAMED.iter().any(|(name, _)| *name == text) || text.contains(':')
}

/// A tenant, a provider by its name, else the issuer of a SAML or WS-Fed provider. A text with one of Entra's own
/// hosts that is no issuer of Entra's is none of them.
fn account_of(idp: &str) -> Option<Account> {
    if let Some(tenant) = tenant_of(idp) {
        return Some(match tenant == MICROSOFT_ACCOUNTS {
            true => Account::Provider(IdentityProvider::Named(Name::MicrosoftAccount)),
            false => Account::Tenant(tenant),
        });
    }
    let named = NAMED.iter().find(|(name, _)| *name == idp);
    if let Some((_, name)) = named {
        return Some(Account::Provider(IdentityProvider::Named(*name)));
    }
    let has_host_of_entra = |(before, _): &(&str, &str)| {
        let host = before.trim_start_matches("https://");
        let rest = idp.strip_prefix("https://").or(idp.strip_prefix("http://"));
        rest.unwrap_or(idp).starts_with(host)
    };
    let is_plain = idp.len() <= MOST_ISSUER_BYTES && !idp.chars().any(char::is_control);
    let is_issuer = is_plain && !idp.is_empty() && !PROVIDERS.iter().any(has_host_of_entra);
    is_issuer.then(|| {
        Account::Provider(IdentityProvider::SamlWsFed {
            issuer: idp.to_owned(),
        })
    })
}

/// The tenant in the name of an identity provider that is one.
fn tenant_of(idp: &str) -> Option<TenantId> {
    if let Ok(tenant) = parse_guid(idp) {
        return Some(TenantId(tenant));
    }
    let tenant = PROVIDERS.into_iter().find_map(|(before, after)| {
        let rest = idp.strip_prefix(before)?;
        rest.strip_suffix(after)
    })?;
    tenant.parse().ok()
}

/// `idp` of guests without an Entra account
/// (learn.microsoft.com/entra/external-id/claims-mapping, …/user-properties).
const NAMED: &[(&str, Name)] = &[
    ("live.com", Name::MicrosoftAccount),
    ("mail", Name::EmailOneTimePasscode),
    ("google.com", Name::Google),
    ("facebook.com", Name::Facebook),
];

/// What a stated issuer may have at most, too (`rpc::Limits::text_bytes`).
const MOST_ISSUER_BYTES: usize = 1024;

/// The issuers of Entra's clouds, before and after the tenant
/// (learn.microsoft.com/entra/identity-platform/authentication-national-cloud).
const PROVIDERS: [(&str, &str); 6] = [
    ("https://sts.windows.net/", "/"),
    ("https://sts.chinacloudapi.cn/", "/"),
    ("https://login.microsoftonline.com/", "/v2.0"),
    ("https://login.microsoftonline.us/", "/v2.0"),
    ("https://login.partner.microsoftonline.cn/", "/v2.0"),
    ("https://login.chinacloudapi.cn/", "/v2.0"),
];

impl Verified {
    /// The question that this identity asks. An error denies: what the token says and what the route says do not
    /// make one of the three kinds of user.
    pub fn request(&self, asked: Asked) -> Result<Request, Unidentified> {
        let who = self.who.as_ref().map_err(|unidentified| *unidentified)?;
        let way = way(who, asked.resource, asked.access)?;
        let mut request = Request::new(
            way.home(who),
            asked.resource,
            who.user,
            asked.app,
            self.claims.expires_at,
        );
        request.access = way.access();
        request.claims = self.claims.clone();
        request.client_app = self.client_app;
        request.channel = asked.channel;
        request.restricting_tenant = asked.restricting_tenant;
        // An account without a home tenant is in no cloud.
        request.home_cloud = asked.home_cloud.filter(|_| request.home.tenant().is_some());
        request.issuing_tenant = self.issuing_tenant;
        request.request_id = asked.request_id;
        request.context = asked.context;
        join(
            &mut request.context.client_capabilities,
            &self.client_capabilities,
        );
        self.describe(&mut request, way, who);
        request.external_user_type = self.external_user_type;
        if request.contradiction().is_some() {
            if request.user_class() == UserClass::Internal {
                // An external user after all, of a tenant that is not told.
                return Err(Unidentified::UnknownHome);
            }
            // The way in tells: a type that is not said is every one that it could be.
            request.external_user_type = None;
        }
        Ok(request)
    }

    /// Ids, groups and roles, each as of the directory that they are from. What the other directory would say is
    /// unknown, and never nothing.
    fn describe(&self, request: &mut Request, way: Way<'_>, who: &Who) {
        match way {
            Way::Internal => {
                request.groups = self.groups.clone();
                request.roles = self.roles.clone();
            }
            // Roles of the home tenant mean nothing in the resource tenant.
            Way::DirectConnect => request.groups = self.groups.clone(),
            Way::Guest { user, .. } => {
                request.user = user;
                request.resource_user = Some(who.user);
                request.resource_groups = self.groups.clone();
                request.roles = self.roles.clone();
                // Without a home user, home groups are unknown anyway; with one they would count as none.
                request.claims.groups_incomplete |= user.is_some();
            }
            Way::ProviderGuest(_) => {
                request.user = None;
                request.resource_user = Some(who.user);
                request.resource_groups = self.groups.clone();
                request.roles = self.roles.clone();
            }
            Way::Collaboration => {
                request.groups = self.groups.clone();
                request.claims.groups_incomplete = true;
                request.claims.roles_incomplete = true;
            }
        }
    }
}

/// How a user comes to the application.
#[derive(Clone, Copy)]
enum Way<'a> {
    Internal,
    DirectConnect,
    /// Collaboration, known by the guest object.
    Guest {
        home: TenantId,
        user: Option<UserId>,
    },
    /// Collaboration without a home tenant, known by the guest object.
    ProviderGuest(&'a IdentityProvider),
    /// Collaboration, known by the account at home.
    Collaboration,
}

impl Way<'_> {
    fn home(self, who: &Who) -> request::Home {
        match self {
            Way::Guest { home, .. } => home.into(),
            Way::ProviderGuest(provider) => request::Home::Provider(provider.clone()),
            Way::Internal | Way::DirectConnect | Way::Collaboration => who.tenant.into(),
        }
    }

    /// Plays no part for an internal user.
    fn access(self) -> AccessType {
        match self {
            Way::Internal | Way::DirectConnect => AccessType::DirectConnect,
            Way::Guest { .. } | Way::ProviderGuest(_) | Way::Collaboration => {
                AccessType::Collaboration
            }
        }
    }
}

/// The issue's table, and what a route may say to it.
fn way(who: &Who, resource: TenantId, asked: Option<AccessType>) -> Result<Way<'_>, Unidentified> {
    let is_here = who.tenant == resource;
    match (&who.home, is_here, asked) {
        (Home::Here | Home::Fixed, true, _) => Ok(Way::Internal),
        (Home::Elsewhere { tenant, user }, true, None | Some(AccessType::Collaboration)) => {
            Ok(Way::Guest {
                home: *tenant,
                user: *user,
            })
        }
        (Home::Provider(provider), true, None | Some(AccessType::Collaboration)) => {
            Ok(Way::ProviderGuest(provider))
        }
        (Home::Here | Home::Fixed, false, None | Some(AccessType::DirectConnect)) => {
            Ok(Way::DirectConnect)
        }
        (Home::Fixed, false, Some(AccessType::Collaboration)) => Ok(Way::Collaboration),
        (Home::Here, false, Some(AccessType::Collaboration))
        | (
            Home::Elsewhere { .. } | Home::Provider(_),
            true,
            Some(AccessType::DirectConnect),
        )
        // A guest of one tenant at the door of another: no policy speaks of two crossings at once.
        | (Home::Elsewhere { .. } | Home::Provider(_), false, _) => Err(Unidentified::OtherAccess),
    }
}

fn join(known: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !known.contains(one) {
            known.push(one.clone());
        }
    }
}
