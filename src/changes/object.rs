//! Compares one object in both states.

use serde_json::Value;

use super::difference::ObjectKey;
use super::value::{member, properties, text};
use super::{Change, ChangedObject, Changes, ObjectVersions, Operation, channel};
use crate::graph::DocumentKind;

/// Reports the change of an object, unless both states mean the same.
pub(super) fn compare(key: &ObjectKey, versions: ObjectVersions<'_>, changes: &mut Changes) {
    match key.kind {
        DocumentKind::Organization => {
            compare_object(key, ChangedObject::Organization, versions, changes)
        }
        DocumentKind::CrossTenantAccess => compare_singleton(
            key,
            ChangedObject::CrossTenantAccessPolicy,
            versions,
            changes,
        ),
        DocumentKind::Default => {
            compare_singleton(key, ChangedObject::DefaultSetting, versions, changes)
        }
        DocumentKind::Partners => compare_partner(key, versions, changes),
        DocumentKind::IdentitySynchronization => {
            compare_object(key, ChangedObject::IdentitySync, versions, changes)
        }
        DocumentKind::ConditionalAccess => compare_object(
            key,
            ChangedObject::ConditionalAccessPolicy,
            versions,
            changes,
        ),
        DocumentKind::ConditionalAccessSettings => {
            compare_singleton(
                key,
                ChangedObject::ConditionalAccessSettings,
                versions,
                changes,
            );
        }
        DocumentKind::NamedLocations => {
            compare_object(key, ChangedObject::NamedLocation, versions, changes)
        }
        DocumentKind::AuthenticationStrengths => {
            compare_object(
                key,
                ChangedObject::AuthenticationStrength,
                versions,
                changes,
            );
        }
        DocumentKind::SharedChannels => channel::compare(key, versions, changes),
        DocumentKind::IdentityProviders => {
            compare_object(key, ChangedObject::IdentityProvider, versions, changes)
        }
        DocumentKind::FederationConfigurations => {
            compare_object(key, ChangedObject::Federation, versions, changes)
        }
        DocumentKind::AssumedOutbound => {
            compare_object(key, ChangedObject::AssumedOutbound, versions, changes)
        }
    }
}

fn compare_object(
    key: &ObjectKey,
    object: ChangedObject,
    versions: ObjectVersions<'_>,
    changes: &mut Changes,
) {
    changes.extend(versions.change(key, object, versions.operation(), &[]));
}

/// An object that always exists: without a file it has the service's defaults.
fn compare_singleton(
    key: &ObjectKey,
    object: ChangedObject,
    versions: ObjectVersions<'_>,
    changes: &mut Changes,
) {
    let operation = match versions.new {
        Some(_) => Operation::Updated,
        None => Operation::Deleted,
    };
    changes.extend(versions.change(key, object, operation, &[]));
}

/// Identity synchronisation is reported as a separate object.
fn compare_partner(key: &ObjectKey, versions: ObjectVersions<'_>, changes: &mut Changes) {
    let operation = versions.operation();
    changes.extend(versions.change(key, ChangedObject::Partner, operation, &[SYNC]));
    let sync = ObjectVersions {
        old: versions.old.and_then(|partner| member(partner, SYNC)),
        new: versions.new.and_then(|partner| member(partner, SYNC)),
    };
    changes.extend(sync.change(key, ChangedObject::IdentitySync, sync.operation(), &[]));
}

impl ObjectVersions<'_> {
    /// Created, deleted or updated.
    pub(super) fn operation(self) -> Operation {
        match (self.old, self.new) {
            (None, _) => Operation::Created,
            (Some(_), None) => Operation::Deleted,
            (Some(_), Some(_)) => Operation::Updated,
        }
    }

    /// The display name; the new one if both states have one.
    pub(super) fn display_name(self) -> Option<String> {
        let name = |object: Option<&Value>| text(object?, "displayName").map(str::to_owned);
        name(self.new).or_else(|| name(self.old))
    }

    /// The change of an object; `None` if both states mean the same. Members in `excluded` are not compared.
    pub(super) fn change(
        self,
        key: &ObjectKey,
        object: ChangedObject,
        operation: Operation,
        excluded: &[&str],
    ) -> Option<Change> {
        let properties = properties(self.old, self.new, excluded);
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
