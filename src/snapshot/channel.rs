//! Shared channels, compiled (semantics §4, stage 6).

use crate::id::{TenantId, UserId};
use crate::request::ChannelId;

/// A shared channel of one tenant.
#[derive(Debug, Clone)]
pub struct Channel {
    pub(crate) id: ChannelId,
    /// Direct members; sorted.
    pub(crate) members: Box<[(UserId, TenantId)]>,
    pub(crate) teams: Box<[Team]>,
}

/// A team that a channel is shared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Team {
    pub(crate) tenant: TenantId,
    /// The position of the group that has the team's id.
    pub(crate) group: u32,
    /// Sorted. `None` = no list: group membership counts.
    pub(crate) allowed_members: Option<Box<[UserId]>>,
}
