//! Compares a shared channel, its direct members, and the teams that it is shared with.
//!
//! A member is identified by user and home tenant, a team by its id and tenant. An owner is a member with the
//! role `owner`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::difference::ObjectKey;
use super::value::{guid, list, text};
use super::{Change, ChangedObject, Changes, ChannelName, ObjectVersions, Operation};
use crate::id::TenantId;

/// Reports the changes of a channel, its members and its teams.
pub(super) fn compare(key: &ObjectKey, versions: ObjectVersions<'_>, changes: &mut Changes) {
    changes.extend(versions.change(
        key,
        ChangedObject::Channel,
        versions.operation(),
        COMPARED_SEPARATELY,
    ));
    let channel = ChannelName {
        id: key.id.clone(),
        display_name: versions.display_name(),
    };
    for ((id, home), versions) in versions.entries("members", "userId") {
        let channel = channel.clone();
        let object = ChangedObject::ChannelMember { channel, home };
        changes.extend(versions.entry(key, id, object, member_operation(versions)));
    }
    for ((id, home), versions) in versions.entries("sharedWithTeams", "id") {
        let channel = channel.clone();
        let object = ChangedObject::ChannelTeam { channel, home };
        changes.extend(versions.entry(key, id, object, entry_operation(versions)));
    }
}

impl<'a> ObjectVersions<'a> {
    /// The entries of a list in both states, by id and tenant.
    fn entries(self, name: &str, id: &str) -> Vec<((String, TenantId), ObjectVersions<'a>)> {
        let old = by_id(list(self.old, name), id);
        let new = by_id(list(self.new, name), id);
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        let entries = keys.into_iter().map(|key| {
            let versions = ObjectVersions {
                old: old.get(&key).copied(),
                new: new.get(&key).copied(),
            };
            (key, versions)
        });
        entries.collect()
    }

    fn entry(
        self,
        key: &ObjectKey,
        id: String,
        object: ChangedObject,
        operation: Operation,
    ) -> Option<Change> {
        let change = self.change(key, object, operation, &[])?;
        Some(Change { id, ..change })
    }
}

/// If a user has several entries, an owner's entry has precedence.
fn by_id<'v>(entries: &'v [Value], id: &str) -> BTreeMap<(String, TenantId), &'v Value> {
    let mut all = BTreeMap::new();
    for entry in entries {
        let home = text(entry, "tenantId").and_then(|tenant| tenant.parse().ok());
        let Some(key) = guid(entry, id).zip(home) else {
            continue;
        };
        let found = all.entry(key).or_insert(entry);
        if is_owner(entry) && !is_owner(found) {
            *found = entry;
        }
    }
    all
}

fn member_operation(versions: ObjectVersions<'_>) -> Operation {
    match (versions.old.map(is_owner), versions.new.map(is_owner)) {
        (Some(false), Some(true)) => Operation::Promoted,
        (Some(true), Some(false)) => Operation::Demoted,
        (None | Some(_), None | Some(_)) => entry_operation(versions),
    }
}

fn entry_operation(versions: ObjectVersions<'_>) -> Operation {
    match (versions.old, versions.new) {
        (None, _) => Operation::Added,
        (Some(_), None) => Operation::Removed,
        (Some(_), Some(_)) => Operation::Updated,
    }
}

fn is_owner(member: &Value) -> bool {
    let mut roles = list(Some(member), "roles").iter();
    roles.any(|role| {
        role.as_str()
            .is_some_and(|role| role.eq_ignore_ascii_case("owner"))
    })
}

/// `allMembers` is derived from the other two.
const COMPARED_SEPARATELY: &[&str] = &["members", "sharedWithTeams", "allMembers"];
