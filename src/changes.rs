//! Compares two states of the policies folder, object by object, for the audit log.
//!
//! An object is identified by its tenant and id, so moving or reordering documents is not a change. Makes no
//! decision and reads no file: the caller passes the bytes of both states.

mod channel;
mod difference;
mod object;
mod value;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::graph::SourceFile;
use crate::id::TenantId;
use difference::ObjectKey;

/// The objects that differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// One for each object that differs, sorted by tenant and kind; at most [`MAX_CHANGES`].
    pub list: Vec<Change>,
    /// Changes beyond [`MAX_CHANGES`], which are only counted.
    pub omitted: usize,
}

/// An object that was created, deleted or updated.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The tenant whose policies contain the object; for channels, members and teams, the hosting tenant.
    pub tenant: TenantId,
    /// The kind of object.
    pub object: ChangedObject,
    /// The object's id; the tenant's id for an object that exists once per tenant.
    pub id: String,
    /// The display name, if there is one.
    pub display_name: Option<String>,
    /// The operation.
    pub operation: Operation,
    /// The JSON members that differ, sorted by name.
    pub properties: Vec<Property>,
}

/// The kind of a changed object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangedObject {
    /// `organization.json`.
    Organization,
    /// `cross-tenant-access.json`.
    CrossTenantAccessPolicy,
    /// The default cross-tenant access setting.
    DefaultSetting,
    /// A partner's cross-tenant access setting.
    Partner,
    /// `identitySynchronization` of a partner, in the partner entry or in a separate document.
    IdentitySync,
    /// A Conditional Access policy.
    ConditionalAccessPolicy,
    /// Tenant-wide settings of Conditional Access.
    ConditionalAccessSettings,
    /// A named location.
    NamedLocation,
    /// An authentication strength.
    AuthenticationStrength,
    /// An identity provider that is not an Entra tenant.
    IdentityProvider,
    /// A SAML or WS-Fed federation.
    Federation,
    /// Assumed outbound settings of a partner whose policies are not loaded.
    AssumedOutbound,
    /// A shared channel, without its members and teams.
    Channel,
    /// A direct member of a shared channel.
    ChannelMember {
        /// The channel.
        channel: ChannelName,
        /// The member's home tenant.
        home: TenantId,
    },
    /// A team that a shared channel is shared with.
    ChannelTeam {
        /// The channel.
        channel: ChannelName,
        /// The team's tenant.
        home: TenantId,
    },
}

impl ChangedObject {
    /// The channel and the home tenant of a channel member or team.
    pub fn within(&self) -> Option<(&ChannelName, TenantId)> {
        match self {
            ChangedObject::ChannelMember { channel, home }
            | ChangedObject::ChannelTeam { channel, home } => Some((channel, *home)),
            ChangedObject::Organization
            | ChangedObject::CrossTenantAccessPolicy
            | ChangedObject::DefaultSetting
            | ChangedObject::Partner
            | ChangedObject::IdentitySync
            | ChangedObject::ConditionalAccessPolicy
            | ChangedObject::ConditionalAccessSettings
            | ChangedObject::NamedLocation
            | ChangedObject::AuthenticationStrength
            | ChangedObject::IdentityProvider
            | ChangedObject::Federation
            | ChangedObject::AssumedOutbound
            | ChangedObject::Channel => None,
        }
    }
}

/// A channel's id and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelName {
    /// The channel's id.
    pub id: String,
    /// The display name, if there is one.
    pub display_name: Option<String>,
}

/// The operation on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// The object is new.
    Created,
    /// The object differs.
    Updated,
    /// The object is gone.
    Deleted,
    /// A channel member or team is new.
    Added,
    /// A channel member or team is gone.
    Removed,
    /// A channel member became an owner.
    Promoted,
    /// A channel member is no longer an owner.
    Demoted,
}

/// A JSON member that differs; `None` = absent or null.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The name in Graph's spelling.
    pub name: String,
    /// The value before.
    pub old: Option<Value>,
    /// The value after.
    pub new: Option<Value>,
}

/// Compares two states of a policies folder, both of which were read without errors.
pub fn compare(old: &[SourceFile], new: &[SourceFile]) -> Changes {
    let mut changes = Changes::default();
    let (old, new) = difference::between(old, new);
    let keys: BTreeSet<&ObjectKey> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let versions = ObjectVersions {
            old: old.get(key),
            new: new.get(key),
        };
        object::compare(key, versions, &mut changes);
    }
    changes
}

/// One object in both states.
#[derive(Debug, Clone, Copy)]
struct ObjectVersions<'a> {
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.omitted == 0
    }

    /// How many objects differ.
    pub fn len(&self) -> usize {
        self.list.len().saturating_add(self.omitted)
    }

    fn extend(&mut self, change: Option<Change>) {
        match change {
            Some(change) if self.list.len() < MAX_CHANGES => self.list.push(change),
            Some(_) => self.omitted = self.omitted.saturating_add(1),
            None => {}
        }
    }
}

/// Bounds the size of the audit record; further changes are only counted.
pub const MAX_CHANGES: usize = 10_000;
