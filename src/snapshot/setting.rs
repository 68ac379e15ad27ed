//! A compiled access setting: the users and applications that its rules target (semantics §3).

use super::PolicyOrigin;
use super::groups::GroupSet;
use super::policy::AppSet;
use crate::id::UserId;
use crate::vocabulary::Access;

/// A cross-tenant access setting: a `usersAndGroups` rule and an `applications` rule.
#[derive(Debug, Clone)]
pub struct AccessSetting {
    pub(crate) users: UserRule,
    pub(crate) apps: AppRule,
    pub(crate) origin: PolicyOrigin,
}

/// Compiled `usersAndGroups`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRule {
    pub(crate) access: Access,
    pub(crate) all: bool,
    /// Sorted.
    pub(crate) users: Box<[UserId]>,
    pub(crate) groups: GroupSet,
}

/// Compiled `applications`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRule {
    pub(crate) access: Access,
    pub(crate) apps: AppSet,
}
