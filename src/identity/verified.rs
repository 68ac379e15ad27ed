//! A verified token, and what a request adds to it.

use std::collections::BTreeSet;

use crate::cache::protocol::Epoch;
use crate::id::{AppId, GroupId, RoleId, TenantId, UserId};
use crate::identity::IssuerIndex;
use crate::request::{AccessType, ChannelId, Claims, Context, IdentityProvider};
use crate::vocabulary::{Cloud, UserType};

/// The facts that a token proves, independent of the request it is sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The issuer.
    pub issuer: IssuerIndex,
    /// The `aud` values that are configured for the issuer; at least one.
    pub audiences: Vec<String>,
    /// The user, or why the token identifies none.
    pub subject: Result<TokenSubject, SubjectError>,
    /// The tenant of an issuer that issues for one tenant only, or whose `iss` contains `{tenantid}`. `None` if the
    /// signature was not verified here.
    pub issuing_tenant: Option<TenantId>,
    /// Groups of the directory that issued the token.
    pub groups: Vec<GroupId>,
    /// Directory roles of that directory.
    pub roles: Vec<RoleId>,
    /// The client application (`azp`, `appid`).
    pub client_app: Option<AppId>,
    /// Claims about the sign-in.
    pub claims: Claims,
    /// Client capabilities (`xms_cc`).
    pub client_capabilities: Vec<String>,
    /// The type of external user, if a claim states it.
    pub external_user_type: Option<UserType>,
    /// The epoch of the key sets that verified the token.
    pub key_epoch: Epoch,
}

impl VerifiedToken {
    /// Whether both state the same in everything that a decision may read: issuer, audiences, user, memberships and
    /// claims. Lists are compared as sets.
    pub fn agrees_with(&self, other: &VerifiedToken) -> bool {
        let VerifiedToken {
            issuer,
            audiences,
            subject,
            groups,
            roles,
            client_app,
            claims,
            client_capabilities,
            external_user_type,
            // How they were verified, not what they state.
            issuing_tenant: _,
            key_epoch: _,
        } = self;
        *issuer == other.issuer
            && *subject == other.subject
            && *client_app == other.client_app
            && *external_user_type == other.external_user_type
            && are_one_set(audiences, &other.audiences)
            && are_one_set(groups, &other.groups)
            && are_one_set(roles, &other.roles)
            && are_one_set(client_capabilities, &other.client_capabilities)
            && claims_agree(claims, &other.claims)
    }
}

fn claims_agree(one: &Claims, other: &Claims) -> bool {
    let Claims {
        expires_at,
        issued_at,
        auth_time,
        mfa,
        resource_mfa,
        compliant_device,
        hybrid_joined_device,
        authentication_methods,
        resource_authentication_methods,
        authentication_contexts,
        device_id,
        session_id,
        groups_incomplete,
        roles_incomplete,
        accepted_terms_of_use,
        accepted_custom_controls,
        authenticator_aaguid,
        certificate_issuer_skis,
        certificate_policy_oids,
    } = one;
    *expires_at == other.expires_at
        && *issued_at == other.issued_at
        && *auth_time == other.auth_time
        && *mfa == other.mfa
        && *resource_mfa == other.resource_mfa
        && *compliant_device == other.compliant_device
        && *hybrid_joined_device == other.hybrid_joined_device
        && *authentication_methods == other.authentication_methods
        && *resource_authentication_methods == other.resource_authentication_methods
        && *device_id == other.device_id
        && *session_id == other.session_id
        && *groups_incomplete == other.groups_incomplete
        && *roles_incomplete == other.roles_incomplete
        && *authenticator_aaguid == other.authenticator_aaguid
        && are_one_set(authentication_contexts, &other.authentication_contexts)
        && are_one_set(accepted_terms_of_use, &other.accepted_terms_of_use)
        && are_one_set(accepted_custom_controls, &other.accepted_custom_controls)
        && are_one_set(certificate_issuer_skis, &other.certificate_issuer_skis)
        && are_one_set(certificate_policy_oids, &other.certificate_policy_oids)
}

fn are_one_set<T: Ord>(one: &[T], other: &[T]) -> bool {
    one == other || one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

/// The user that a token identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSubject {
    /// The tenant that the user signed in to. `user`, groups and roles belong to its directory.
    pub tenant: TenantId,
    /// The user's id in that directory (`oid`).
    pub user: UserId,
    /// The home of the account.
    pub home: AccountHome,
}

/// The home of an account (learn.microsoft.com/entra/identity-platform/access-token-claims-reference: `idp`, `acct`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountHome {
    /// The tenant that the user signed in to.
    SignInTenant,
    /// Another tenant: `user` is a guest object.
    OtherTenant {
        /// The home tenant.
        tenant: TenantId,
        /// The user's id there, if a claim states it.
        user: Option<UserId>,
    },
    /// An identity provider other than an Entra tenant: `user` is a guest object.
    Provider(IdentityProvider),
    /// The issuer has neither tenants nor guests; the route states the access type.
    Fixed,
}

/// Why a valid token does not identify a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectError {
    /// It states no tenant.
    NoTenant,
    /// It states no user, or identifies an application.
    NoUser,
    /// It identifies a guest, but does not state the home tenant in a recognised form.
    UnknownHome,
    /// The access type that follows from the token is not the one that the route states.
    AccessTypeMismatch,
}

/// What a request states beside its token: the application, and the context of the sign-in.
#[derive(Debug, Clone)]
pub struct RequestedAccess {
    /// The tenant of the application.
    pub resource: TenantId,
    /// The application.
    pub app: AppId,
    /// The required access type, if the request states one.
    pub access: Option<AccessType>,
    /// The shared channel.
    pub channel: Option<ChannelId>,
    /// The tenant that restricts access from its network or device (tenant restrictions).
    pub restricting_tenant: Option<TenantId>,
    /// The home tenant's cloud; used only if the snapshot does not contain the home tenant.
    pub home_cloud: Option<Cloud>,
    /// The gateway's facts about the sign-in.
    pub context: Context,
    /// The caller's id of this request.
    pub request_id: String,
}
