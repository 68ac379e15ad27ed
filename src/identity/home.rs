//! Determines the home of a token's account, and whether its user is internal, a direct connect user or a guest.
//!
//! A token's tenant is the tenant that the user signed in to. If it is not the application's tenant, the access type is
//! direct connect. If it is the application's tenant and the account belongs to another one, the access type is
//! collaboration and the user is a guest object. Otherwise the user is internal (learn.microsoft.com/entra/
//! identity-platform/access-token-claims-reference, `tid`, `oid`, `idp`). Every other combination identifies no user.

use serde_json::Value;

use super::claims::ClaimReader;
use super::mapping::{Field, ValueMapping};
use super::verified::{AccountHome, RequestedAccess, SubjectError, TokenSubject, VerifiedToken};
use super::{Issuer, Tenants};
use crate::id::{TenantId, UserId, parse_guid};
use crate::request::{self, AccessType, IdentityProvider, MICROSOFT_ACCOUNTS, Request, UserClass};
use crate::vocabulary::IdentityProviderName as Name;

/// The user that the claims identify.
pub(super) fn subject(
    reading: ClaimReader<'_>,
    issuer: &Issuer,
    tenant: Option<TenantId>,
) -> Result<TokenSubject, SubjectError> {
    let tenant = tenant.ok_or(SubjectError::NoTenant)?;
    let user: Option<UserId> = reading.id(Field::User).ok().flatten();
    let user = user.ok_or(SubjectError::NoUser)?;
    if is_application(reading, user) {
        return Err(SubjectError::NoUser);
    }
    let home = match issuer.tenants {
        Tenants::Fixed(_) => AccountHome::Fixed,
        Tenants::Listed(_) | Tenants::Any => home(reading, tenant)?,
    };
    Ok(TokenSubject { tenant, user, home })
}

/// Whether the token identifies an application. If present, `idtyp` is `user` in a user's token. In Entra's tokens for
/// applications `sub` is the application's object id, even if the application did not opt in to `idtyp`
/// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
fn is_application(reading: ClaimReader<'_>, user: UserId) -> bool {
    let claims = reading.claims;
    let is_other_type = claims.get("idtyp").is_some_and(|idtyp| idtyp != "user");
    let subject = claims.get("sub").and_then(Value::as_str);
    let is_object_id = subject.and_then(|sub| sub.parse().ok()) == Some(user);
    is_other_type || is_object_id && reading.map.preset().identifies_applications_by_subject()
}

fn home(reading: ClaimReader<'_>, tenant: TenantId) -> Result<AccountHome, SubjectError> {
    let Some((rule, value)) = reading.claim_of(Field::HomeTenant) else {
        // A guest, or possibly one, of an unknown tenant.
        return if reading.is_false_or_missing(Field::Guest) {
            Ok(AccountHome::SignInTenant)
        } else {
            Err(SubjectError::UnknownHome)
        };
    };
    let text = value.as_str().ok_or(SubjectError::UnknownHome)?;
    let text = match &rule.mapping {
        ValueMapping::Values(table) => table.get(text).map_or(text, String::as_str),
        ValueMapping::AsIs | ValueMapping::Contains(_) | ValueMapping::Equals(_) => text,
    };
    let home = match account_of(text).ok_or(SubjectError::UnknownHome)? {
        IdpAccount::Tenant(home) => home,
        IdpAccount::Provider(provider) => return Ok(AccountHome::Provider(provider)),
    };
    if home == tenant {
        // A guest whose home is the same tenant is ambiguous.
        return if reading.is_false_or_missing(Field::Guest) {
            Ok(AccountHome::SignInTenant)
        } else {
            Err(SubjectError::UnknownHome)
        };
    }
    let user = reading.id(Field::HomeUser);
    Ok(AccountHome::OtherTenant {
        tenant: home,
        user: user.map_err(|_| SubjectError::UnknownHome)?,
    })
}

/// The account that the value of `idp` identifies.
enum IdpAccount {
    Tenant(TenantId),
    Provider(IdentityProvider),
}

/// Whether a text is a valid target of a table for `home_tenant`: a tenant, a known provider, or a URI.
pub(super) fn is_valid_home(text: &str) -> bool {
    tenant_of(text).is_some() || NAMED.iter().any(|(name, _)| *name == text) || text.contains(':')
}

/// Parses `idp`: a tenant, the name of a provider, or the issuer of a SAML or WS-Fed provider. `None` for a text with one of
/// Entra's hosts that is not an issuer of Entra.
fn account_of(idp: &str) -> Option<IdpAccount> {
    if let Some(tenant) = tenant_of(idp) {
        return Some(match tenant == MICROSOFT_ACCOUNTS {
            true => IdpAccount::Provider(IdentityProvider::Named(Name::MicrosoftAccount)),
            false => IdpAccount::Tenant(tenant),
        });
    }
    let named = NAMED.iter().find(|(name, _)| *name == idp);
    if let Some((_, name)) = named {
        return Some(IdpAccount::Provider(IdentityProvider::Named(*name)));
    }
    let has_host_of_entra = |(before, _): &(&str, &str)| {
        let host = before.trim_start_matches("https://");
        let rest = idp.strip_prefix("https://").or(idp.strip_prefix("http://"));
        rest.unwrap_or(idp).starts_with(host)
    };
    let is_plain = idp.len() <= MAX_ISSUER_BYTES && !idp.chars().any(char::is_control);
    let is_issuer = is_plain && !idp.is_empty() && !PROVIDERS.iter().any(has_host_of_entra);
    is_issuer.then(|| {
        IdpAccount::Provider(IdentityProvider::SamlWsFed {
            issuer: idp.to_owned(),
        })
    })
}

/// The tenant, if `idp` is a tenant id or an issuer of Entra.
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

/// The `idp` values of guests without an Entra account
/// (learn.microsoft.com/entra/external-id/claims-mapping, …/user-properties).
const NAMED: &[(&str, Name)] = &[
    ("live.com", Name::MicrosoftAccount),
    ("mail", Name::EmailOneTimePasscode),
    ("google.com", Name::Google),
    ("facebook.com", Name::Facebook),
];

/// The limit of an issuer that a request states (`rpc::RequestLimits::text_bytes`).
const MAX_ISSUER_BYTES: usize = 1024;

/// The issuers of Entra's clouds: the text before and after the tenant
/// (learn.microsoft.com/entra/identity-platform/authentication-national-cloud).
const PROVIDERS: [(&str, &str); 6] = [
    ("https://sts.windows.net/", "/"),
    ("https://sts.chinacloudapi.cn/", "/"),
    ("https://login.microsoftonline.com/", "/v2.0"),
    ("https://login.microsoftonline.us/", "/v2.0"),
    ("https://login.partner.microsoftonline.cn/", "/v2.0"),
    ("https://login.chinacloudapi.cn/", "/v2.0"),
];

impl VerifiedToken {
    /// Builds the request for this user. The caller must deny on an error: token and route together identify no user.
    pub fn to_request(&self, access: RequestedAccess) -> Result<Request, SubjectError> {
        let subject = self.subject.as_ref().map_err(|error| *error)?;
        let path = access_path(subject, access.resource, access.access)?;
        let mut request = Request::new(
            path.home(subject),
            access.resource,
            subject.user,
            access.app,
            self.claims.expires_at,
        );
        request.access = path.access();
        request.claims = self.claims.clone();
        request.client_app = self.client_app;
        request.channel = access.channel;
        request.restricting_tenant = access.restricting_tenant;
        // An account without a home tenant has no cloud.
        request.home_cloud = access
            .home_cloud
            .filter(|_| request.home.tenant().is_some());
        request.issuing_tenant = self.issuing_tenant;
        request.request_id = access.request_id;
        request.context = access.context;
        add_missing(
            &mut request.context.client_capabilities,
            &self.client_capabilities,
        );
        self.set_user(&mut request, path, subject);
        request.external_user_type = self.external_user_type;
        if request.contradiction().is_some() {
            if request.user_class() == UserClass::Internal {
                // The claims state an external user, of an unknown tenant.
                return Err(SubjectError::UnknownHome);
            }
            // The access type takes precedence; without a type, every possible one is considered.
            request.external_user_type = None;
        }
        Ok(request)
    }

    /// Sets ids, groups and roles for the directory that issued them. Those of the other directory are unknown, not empty.
    fn set_user(&self, request: &mut Request, path: AccessPath<'_>, subject: &TokenSubject) {
        match path {
            AccessPath::Internal => {
                request.groups = self.groups.clone();
                request.roles = self.roles.clone();
            }
            // Roles of the home tenant do not apply in the resource tenant.
            AccessPath::DirectConnect => request.groups = self.groups.clone(),
            AccessPath::Guest { user, .. } => {
                request.user = user;
                request.resource_user = Some(subject.user);
                request.resource_groups = self.groups.clone();
                request.roles = self.roles.clone();
                // Without a home user, home groups are unknown anyway; with one, an empty list would mean none.
                request.claims.groups_incomplete |= user.is_some();
            }
            AccessPath::ProviderGuest(_) => {
                request.user = None;
                request.resource_user = Some(subject.user);
                request.resource_groups = self.groups.clone();
                request.roles = self.roles.clone();
            }
            AccessPath::Collaboration => {
                request.groups = self.groups.clone();
                request.claims.groups_incomplete = true;
                request.claims.roles_incomplete = true;
            }
        }
    }
}

/// How a user reaches the application.
#[derive(Clone, Copy)]
enum AccessPath<'a> {
    Internal,
    DirectConnect,
    /// Collaboration, identified by the guest object.
    Guest {
        home: TenantId,
        user: Option<UserId>,
    },
    /// Collaboration without a home tenant, identified by the guest object.
    ProviderGuest(&'a IdentityProvider),
    /// Collaboration, identified by the home account.
    Collaboration,
}

impl AccessPath<'_> {
    fn home(self, subject: &TokenSubject) -> request::Home {
        match self {
            AccessPath::Guest { home, .. } => home.into(),
            AccessPath::ProviderGuest(provider) => request::Home::Provider(provider.clone()),
            AccessPath::Internal | AccessPath::DirectConnect | AccessPath::Collaboration => {
                subject.tenant.into()
            }
        }
    }

    /// The value is ignored for an internal user.
    fn access(self) -> AccessType {
        match self {
            AccessPath::Internal | AccessPath::DirectConnect => AccessType::DirectConnect,
            AccessPath::Guest { .. } | AccessPath::ProviderGuest(_) | AccessPath::Collaboration => {
                AccessType::Collaboration
            }
        }
    }
}

/// The access path that follows from the account's home; `required` is the access type of the route (semantics §9, "Who is
/// home, by token").
fn access_path(
    subject: &TokenSubject,
    resource: TenantId,
    required: Option<AccessType>,
) -> Result<AccessPath<'_>, SubjectError> {
    let is_resource_tenant = subject.tenant == resource;
    match (&subject.home, is_resource_tenant, required) {
        (AccountHome::SignInTenant | AccountHome::Fixed, true, _) => Ok(AccessPath::Internal),
        (AccountHome::OtherTenant { tenant, user }, true, None | Some(AccessType::Collaboration)) => {
            Ok(AccessPath::Guest {
                home: *tenant,
                user: *user,
            })
        }
        (AccountHome::Provider(provider), true, None | Some(AccessType::Collaboration)) => {
            Ok(AccessPath::ProviderGuest(provider))
        }
        (AccountHome::SignInTenant | AccountHome::Fixed, false, None | Some(AccessType::DirectConnect)) => {
            Ok(AccessPath::DirectConnect)
        }
        (AccountHome::Fixed, false, Some(AccessType::Collaboration)) => Ok(AccessPath::Collaboration),
        (AccountHome::SignInTenant, false, Some(AccessType::Collaboration))
        | (
            AccountHome::OtherTenant { .. } | AccountHome::Provider(_),
            true,
            Some(AccessType::DirectConnect),
        )
        // A guest of one tenant who reaches another one: no policy covers two crossings at once.
        | (AccountHome::OtherTenant { .. } | AccountHome::Provider(_), false, _) => Err(SubjectError::AccessTypeMismatch),
    }
}

fn add_missing(list: &mut Vec<String>, more: &[String]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}
