//! Revocations: tokens that are invalid before they expire (semantics §4, stage 1).
//!
//! Revocations are not policy: they are set at run time and stored beside the snapshot. To change them, build a new
//! value and pass it to the engine.

use std::collections::{HashMap, HashSet};

use crate::id::{TenantId, UserId};
use crate::time::Timestamp;

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// Every token of this session.
    Session(String),
    /// Every token of this user that was issued before the instant.
    User {
        /// The tenant of the user id.
        tenant: TenantId,
        /// The user, as `user` or as `resource_user`.
        user: UserId,
        /// Tokens issued before this are revoked.
        before: Timestamp,
    },
    /// Every token of users of this home tenant that was issued before the instant.
    Tenant {
        /// The home tenant.
        tenant: TenantId,
        /// Tokens issued before this are revoked.
        before: Timestamp,
    },
}

/// All revocations in force, indexed for lookup.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    pub(crate) sessions: HashSet<String>,
    pub(crate) users: HashMap<(TenantId, UserId), Timestamp>,
    pub(crate) tenants: HashMap<TenantId, Timestamp>,
}

/// If a user or a tenant is revoked several times, the latest instant applies.
impl FromIterator<Revocation> for Revocations {
    fn from_iter<I: IntoIterator<Item = Revocation>>(entries: I) -> Self {
        let mut all = Revocations::default();
        for entry in entries {
            match entry {
                Revocation::Session(session) => {
                    all.sessions.insert(session);
                }
                Revocation::User {
                    tenant,
                    user,
                    before,
                } => {
                    let known = all.users.entry((tenant, user)).or_insert(before);
                    *known = before.max(*known);
                }
                Revocation::Tenant { tenant, before } => {
                    let known = all.tenants.entry(tenant).or_insert(before);
                    *known = before.max(*known);
                }
            }
        }
        all
    }
}
