//! A shared channel: itself, its direct members, and the teams that it is shared with.
//!
//! A member is known by user and home tenant, a team by its id and tenant. Whoever owns a channel is a member
//! whose roles name `owner`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::difference::Key;
use super::value::{guid, list, text};
use super::{Change, Changes, ChannelName, Object, Operation, Sides};
use crate::id::TenantId;

/// Tells what became of a channel, of each member and of each team.
pub(super) fn compare(key: &Key, sides: Sides<'_>, changes: &mut Changes) {
    changes.extend(sides.change(key, Object::Channel, sides.operation(), TOLD_ELSEWHERE));
    let channel = ChannelName {
        id: key.id.clone(),
        display_name: sides.display_name(),
    };
    for ((id, home), sides) in sides.entries("members", "userId") {
        let channel = channel.clone();
        let object = Object::ChannelMember { channel, home };
        changes.extend(sides.entry(key, id, object, became(sides)));
    }
    for ((id, home), sides) in sides.entries("sharedWithTeams", "id") {
        let channel = channel.clone();
        let object = Object::ChannelTeam { channel, home };
        changes.extend(sides.entry(key, id, object, came_or_went(sides)));
    }
}

impl<'a> Sides<'a> {
    /// The entries of a list in both readings, by id and tenant.
    fn entries(self, name: &str, id: &str) -> Vec<((String, TenantId), Sides<'a>)> {
        let old = by_id(list(self.old, name), id);
        let new = by_id(list(self.new, name), id);
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        let entries = keys.into_iter().map(|key| {
            let sides = Sides {
                old: old.get(&key).copied(),
                new: new.get(&key).copied(),
            };
            (key, sides)
        });
        entries.collect()
    }

    fn entry(self, key: &Key, id: String, object: Object, operation: Operation) -> Option<Change> {
        let change = self.change(key, object, operation, &[])?;
        Some(Change { id, ..change })
    }
}

/// Of two entries of one user, an owner's counts.
fn by_id<'v>(entries: &'v [Value], id: &str) -> BTreeMap<(String, TenantId), &'v Value> {
    let mut all = BTreeMap::new();
    for entry in entries {
        let home = text(entry, "tenantId").and_then(|tenant| tenant.parse().ok());
        let Some(key) = guid(entry, id).zip(home) else {
            continue;
        };
        let known = all.entry(key).or_insert(entry);
        if is_owner(entry) && !is_owner(known) {
            *known = entry;
        }
    }
    all
}

fn became(sides: Sides<'_>) -> Operation {
    match (sides.old.map(is_owner), sides.new.map(is_owner)) {
        (Some(false), Some(true)) => Operation::Promoted,
        (Some(true), Some(false)) => Operation::Demoted,
        (None | Some(_), None | Some(_)) => came_or_went(sides),
    }
}

fn came_or_went(sides: Sides<'_>) -> Operation {
    match (sides.old, sides.new) {
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

/// `allMembers` follows from the two others.
const TOLD_ELSEWHERE: &[&str] = &["members", "sharedWithTeams", "allMembers"];
