//! One B2B setting, compiled: who and what its two rules target (semantics §3).

use super::Origin;
use super::groups::GroupSet;
use super::policy::AppSet;
use crate::id::UserId;
use crate::vocabulary::Access;

/// A `usersAndGroups` rule and an `applications` rule.
#[derive(Debug, Clone)]
pub struct Setting {
    pub(crate) users: UserRule,
    pub(crate) apps: AppRule,
    pub(crate) origin: Origin,
}

/// `usersAndGroups`, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRule {
    pub(crate) access: Access,
    pub(crate) all: bool,
    /// Sorted.
    pub(crate) users: Box<[UserId]>,
    pub(crate) groups: GroupSet,
}

/// `applications`, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRule {
    pub(crate) access: Access,
    pub(crate) apps: AppSet,
}
