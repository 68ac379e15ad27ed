//! Revocations: which tokens are no longer good although they have not expired (semantics §4, stage 1).
//!
//! Not policy: they are fed at run time and live beside the snapshot. A plain value; whoever feeds it
//! builds a new one and hands it to the engine.

use std::collections::{HashMap, HashSet};

use crate::id::{TenantId, UserId};
use crate::time::Timestamp;

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// Every token of this session.
    Session(String),
    /// Every token of this user of this tenant that was issued before the instant.
    User {
        /// The directory that the user's id is of.
        tenant: TenantId,
        /// The user, as `user` or as `resource_user`.
        user: UserId,
        /// Tokens issued before this are revoked.
        before: Timestamp,
    },
    /// Every token of this home tenant's users that was issued before the instant.
    Tenant {
        /// The home tenant.
        tenant: TenantId,
        /// Tokens issued before this are revoked.
        before: Timestamp,
    },
}

/// All revocations in force, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    pub(crate) sessions: HashSet<String>,
    pub(crate) users: HashMap<(TenantId, UserId), Timestamp>,
    pub(crate) tenants: HashMap<TenantId, Timestamp>,
}

/// Of several revocations of one user or tenant, the latest instant counts.
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
