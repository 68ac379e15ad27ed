//! One object in both readings → what became of it.

use serde_json::Value;

use super::difference::Key;
use super::value::{member, properties, text};
use super::{Change, Changes, Object, Operation, Sides, channel};
use crate::graph::Kind;

/// Tells what became of an object; nothing where it means the same.
pub(super) fn compare(key: &Key, sides: Sides<'_>, changes: &mut Changes) {
    match key.kind {
        Kind::Organization => plain(key, Object::Organization, sides, changes),
        Kind::CrossTenantAccess => settled(key, Object::CrossTenantAccessPolicy, sides, changes),
        Kind::Default => settled(key, Object::DefaultSetting, sides, changes),
        Kind::Partners => partner(key, sides, changes),
        Kind::IdentitySynchronization => plain(key, Object::IdentitySync, sides, changes),
        Kind::ConditionalAccess => plain(key, Object::ConditionalAccessPolicy, sides, changes),
        Kind::ConditionalAccessSettings => {
            settled(key, Object::ConditionalAccessSettings, sides, changes);
        }
        Kind::NamedLocations => plain(key, Object::NamedLocation, sides, changes),
        Kind::AuthenticationStrengths => {
            plain(key, Object::AuthenticationStrength, sides, changes);
        }
        Kind::SharedChannels => channel::compare(key, sides, changes),
        Kind::IdentityProviders => plain(key, Object::IdentityProvider, sides, changes),
        Kind::FederationConfigurations => plain(key, Object::Federation, sides, changes),
        Kind::AssumedOutbound => plain(key, Object::AssumedOutbound, sides, changes),
    }
}

fn plain(key: &Key, object: Object, sides: Sides<'_>, changes: &mut Changes) {
    changes.extend(sides.change(key, object, sides.operation(), &[]));
}

/// What is always there: without a file it is the service's own.
fn settled(key: &Key, object: Object, sides: Sides<'_>, changes: &mut Changes) {
    let operation = match sides.new {
        Some(_) => Operation::Updated,
        None => Operation::Deleted,
    };
    changes.extend(sides.change(key, object, operation, &[]));
}

/// Synchronisation has activities of its own.
fn partner(key: &Key, sides: Sides<'_>, changes: &mut Changes) {
    let operation = sides.operation();
    changes.extend(sides.change(key, Object::Partner, operation, &[SYNC]));
    let sync = Sides {
        old: sides.old.and_then(|partner| member(partner, SYNC)),
        new: sides.new.and_then(|partner| member(partner, SYNC)),
    };
    changes.extend(sync.change(key, Object::IdentitySync, sync.operation(), &[]));
}

impl Sides<'_> {
    /// New, gone, or different if anything is.
    pub(super) fn operation(self) -> Operation {
        match (self.old, self.new) {
            (None, _) => Operation::Created,
            (Some(_), None) => Operation::Deleted,
            (Some(_), Some(_)) => Operation::Updated,
        }
    }

    /// The name, the newer one where there are two.
    pub(super) fn display_name(self) -> Option<String> {
        let name = |object: Option<&Value>| text(object?, "displayName").map(str::to_owned);
        name(self.new).or_else(|| name(self.old))
    }

    /// The change of an object by its members; none where it means the same.
    pub(super) fn change(
        self,
        key: &Key,
        object: Object,
        operation: Operation,
        told_elsewhere: &[&str],
    ) -> Option<Change> {
        let properties = properties(self.old, self.new, told_elsewhere);
        let is_on_both_sides = self.old.is_some() == self.new.is_some();
        if properties.is_empty() && is_on_both_sides {
            return None;
        }
        Some(Change {
            tenant: key.tenant,
            object,
            id: key.id.clone(),
            display_name: self.display_name(),
            operation,
            properties,
        })
    }
}

const SYNC: &str = "identitySynchronization";
