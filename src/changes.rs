//! What differs between two readings of the policies, object by object, in the words of the files.
//!
//! An object is known by its tenant and id, so a document that is moved to another file or folder, or re-ordered,
//! is the same. Decides nothing and reads no file: it is handed the bytes of both readings.

mod channel;
mod difference;
mod object;
mod value;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::graph::SourceFile;
use crate::id::TenantId;
use difference::Key;

/// What differs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// One for each object that differs, by tenant and kind; at most [`MOST_CHANGES`].
    pub list: Vec<Change>,
    /// How many more there are.
    pub untold: usize,
}

/// One object that is there, gone or different.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose policies it belongs to; of a channel, its members and teams: the tenant that hosts it.
    pub tenant: TenantId,
    /// What it is.
    pub object: Object,
    /// Its id. The tenant's own for what there is only one of.
    pub id: String,
    /// Its name, where it has one.
    pub display_name: Option<String>,
    /// What became of it.
    pub operation: Operation,
    /// The members that differ, by name.
    pub properties: Vec<Property>,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// `organization.json`.
    Organization,
    /// `cross-tenant-access.json`.
    CrossTenantAccessPolicy,
    /// The default cross-tenant access setting.
    DefaultSetting,
    /// A partner's cross-tenant access setting.
    Partner,
    /// `identitySynchronization` of a partner, expanded in it or a document of its own.
    IdentitySync,
    /// A Conditional Access policy.
    ConditionalAccessPolicy,
    /// Tenant-wide settings of Conditional Access.
    ConditionalAccessSettings,
    /// A named location.
    NamedLocation,
    /// An authentication strength.
    AuthenticationStrength,
    /// An identity provider that is no Entra tenant.
    IdentityProvider,
    /// A SAML or WS-Fed federation.
    Federation,
    /// What the outbound settings of a partner without policies are taken to say.
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

impl Object {
    /// Of a member or a team: the channel, and its own tenant.
    pub fn within(&self) -> Option<(&ChannelName, TenantId)> {
        match self {
            Object::ChannelMember { channel, home } | Object::ChannelTeam { channel, home } => {
                Some((channel, *home))
            }
            Object::Organization
            | Object::CrossTenantAccessPolicy
            | Object::DefaultSetting
            | Object::Partner
            | Object::IdentitySync
            | Object::ConditionalAccessPolicy
            | Object::ConditionalAccessSettings
            | Object::NamedLocation
            | Object::AuthenticationStrength
            | Object::IdentityProvider
            | Object::Federation
            | Object::AssumedOutbound
            | Object::Channel => None,
        }
    }
}

/// Which channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelName {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    pub display_name: Option<String>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It is new.
    Created,
    /// It is different.
    Updated,
    /// It is gone.
    Deleted,
    /// A member or team is new.
    Added,
    /// A member or team is gone.
    Removed,
    /// A member has become an owner.
    Promoted,
    /// A member is no longer an owner.
    Demoted,
}

/// A member of an object that differs; `None` = it is not there, or null.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name, as Graph writes it.
    pub name: String,
    /// As it was.
    pub old: Option<Value>,
    /// As it is.
    pub new: Option<Value>,
}

/// Compares two readings of a policies folder, each of which was read without errors.
pub fn compare(old: &[SourceFile], new: &[SourceFile]) -> Changes {
    let mut changes = Changes::default();
    let (old, new) = difference::between(old, new);
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let sides = Sides {
            old: old.get(key),
            new: new.get(key),
        };
        object::compare(key, sides, &mut changes);
    }
    changes
}

/// One object in both readings.
#[derive(Debug, Clone, Copy)]
struct Sides<'a> {
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.untold == 0
    }

    /// How many objects differ.
    pub fn len(&self) -> usize {
        self.list.len().saturating_add(self.untold)
    }

    fn extend(&mut self, change: Option<Change>) {
        match change {
            Some(change) if self.list.len() < MOST_CHANGES => self.list.push(change),
            Some(_) => self.untold = self.untold.saturating_add(1),
            None => {}
        }
    }
}

/// More are only counted: whoever reads them needs the number, not the ten thousandth.
pub const MOST_CHANGES: usize = 10_000;
