//! What a verified token proves, and the request that becomes of it.

use std::collections::BTreeSet;

use crate::cache::protocol::Epoch;
use crate::id::{AppId, GroupId, RoleId, TenantId, UserId};
use crate::identity::IssuerIndex;
use crate::request::{AccessType, ChannelId, Claims, Context, IdentityProvider};
use crate::vocabulary::{Cloud, UserType};

/// What a token proves, whatever it is then used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who issued it.
    pub issuer: IssuerIndex,
    /// Those of its `aud` values that are configured for the issuer; at least one.
    pub audiences: Vec<String>,
    /// Whose it is, or why that cannot be told.
    pub who: Result<Who, Unidentified>,
    /// The tenant whose own issuer issued it: one with `{tenantid}`, or one that speaks for one tenant only. None
    /// where no signature was verified here.
    pub issuing_tenant: Option<TenantId>,
    /// Groups of the directory that the token is from.
    pub groups: Vec<GroupId>,
    /// Directory roles of that directory.
    pub roles: Vec<RoleId>,
    /// The application that the user holds in hand (`azp`, `appid`).
    pub client_app: Option<AppId>,
    /// What the token says about the sign-in.
    pub claims: Claims,
    /// What the client can do (`xms_cc`).
    pub client_capabilities: Vec<String>,
    /// What kind of external user the directory takes this one for, where a claim says so.
    pub external_user_type: Option<UserType>,
    /// The epoch of the key sets that it was verified under.
    pub under: Epoch,
}

impl Verified {
    /// Whether both say the same of everything that a decision may read: issuer, audiences, user, memberships and
    /// claims. Lists are compared as sets.
    pub fn agrees_with(&self, other: &Verified) -> bool {
        let Verified {
            issuer,
            audiences,
            who,
            groups,
            roles,
            client_app,
            claims,
            client_capabilities,
            external_user_type,
            // How they were verified, and not what they say.
            issuing_tenant: _,
            under: _,
        } = self;
        *issuer == other.issuer
            && *who == other.who
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

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The tenant that the user signed in to: the directory that `user`, groups and roles are of.
    pub tenant: TenantId,
    /// The user's id in that directory (`oid`).
    pub user: UserId,
    /// Where the account lives.
    pub home: Home,
}

/// Where an account lives (learn.microsoft.com/entra/identity-platform/access-token-claims-reference: `idp`, `acct`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// In the tenant that was signed in to.
    Here,
    /// In another: `user` is a guest object.
    Elsewhere {
        /// The home tenant.
        tenant: TenantId,
        /// The user's id there, if a claim gives it.
        user: Option<UserId>,
    },
    /// At an identity provider that is no Entra tenant: `user` is a guest object.
    Provider(IdentityProvider),
    /// The issuer knows no tenants and no guests; the route says how the user crosses.
    Fixed,
}

/// Why it cannot be told whose a token is. The token itself is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unidentified {
    /// It names no tenant.
    NoTenant,
    /// It names no user, or an application and not a user.
    NoUser,
    /// It is a guest's, and does not name the home tenant in a form that is known.
    UnknownHome,
    /// What the token says of the user's way in and what the route says do not go together.
    OtherAccess,
}

/// What is asked for with a token, besides what the token itself says.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Where the application lives.
    pub resource: TenantId,
    /// The application.
    pub app: AppId,
    /// How the user has to cross, where that is said.
    pub access: Option<AccessType>,
    /// The shared channel that is reached.
    pub channel: Option<ChannelId>,
    /// The tenant whose network or device the request comes from.
    pub restricting_tenant: Option<TenantId>,
    /// The home tenant's cloud; read only where the home tenant is not in the snapshot.
    pub home_cloud: Option<Cloud>,
    /// What the gateway knows about the sign-in.
    pub context: Context,
    /// The caller's own name for this question.
    pub request_id: String,
}
