//! `targetResources`: the objects of an activity, with old and new values as JSON text
//! (learn.microsoft.com/graph/api/resources/targetresource, …/modifiedproperty).

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{AuditEvent, users};
use crate::changes::{Change, ChangedObject as Changed, Property};
use crate::log::json::{JsonObject, text_of};
use crate::log::pseudonym::{IdKind, Pseudonyms};

/// A `targetResource`.
#[derive(Debug, Default)]
struct TargetResource<'a> {
    kind: &'static str,
    id: Option<String>,
    display_name: Option<Cow<'a, str>>,
    properties: Vec<ModifiedProperty<'a>>,
}

#[derive(Debug)]
struct ModifiedProperty<'a> {
    name: &'a str,
    old: Option<Cow<'a, Value>>,
    new: Option<Cow<'a, Value>>,
}

/// Writes `targetResources`. It is the last member because it may be long and be cut.
pub(super) fn write(object: &mut JsonObject<'_>, audit: &AuditEvent<'_>, pseudonyms: &Pseudonyms) {
    let targets = targets(audit, pseudonyms);
    object.objects("targetResources", targets, |object, target| {
        object.maybe_text("id", target.id.as_deref());
        object.maybe_text("displayName", target.display_name.as_deref());
        object.text("type", target.kind);
        let properties = target.properties;
        object.objects("modifiedProperties", properties, |object, property| {
            modified(object, property);
        });
    });
}

fn targets<'a>(audit: &AuditEvent<'a>, pseudonyms: &Pseudonyms) -> Vec<TargetResource<'a>> {
    let named = |kind, id: String| TargetResource {
        kind,
        id: Some(id),
        ..TargetResource::default()
    };
    match *audit {
        AuditEvent::Changed { change, .. } => changed(change, pseudonyms),
        AuditEvent::SnapshotActivated { id, .. } => vec![named("PolicySnapshot", id.to_string())],
        AuditEvent::Explained { user, app, .. } => {
            let user = user.map(|id| named("User", pseudonyms.user(id)));
            let app = app.map(|id| named("Application", id.to_string()));
            user.into_iter().chain(app).collect()
        }
        AuditEvent::KeysChanged {
            issuer,
            added,
            removed,
            ..
        } => {
            let list = |keys: &[String]| (!keys.is_empty()).then(|| Cow::Owned(json!(keys)));
            vec![TargetResource {
                properties: vec![ModifiedProperty {
                    name: "keyIds",
                    old: list(removed),
                    new: list(added),
                }],
                ..named("Issuer", issuer.to_owned())
            }]
        }
        AuditEvent::KeysWithdrawn { issuer, .. } => vec![named("Issuer", issuer.to_owned())],
        AuditEvent::Started { .. }
        | AuditEvent::Stopped { .. }
        | AuditEvent::SnapshotRejected { .. }
        | AuditEvent::Reloaded { .. } => Vec::new(),
    }
}

fn changed<'a>(change: &'a Change, pseudonyms: &Pseudonyms) -> Vec<TargetResource<'a>> {
    let is_user = matches!(change.object, Changed::ChannelMember { .. });
    let id = match is_user {
        true => pseudonyms.text(IdKind::User, &change.id),
        false => change.id.clone(),
    };
    let shows_name = !(is_user && pseudonyms.is_on());
    let name = change.display_name.as_deref().filter(|_| shows_name);
    let target = TargetResource {
        kind: kind(&change.object),
        id: Some(id),
        display_name: name.map(Cow::Borrowed),
        properties: properties(change, is_user, pseudonyms),
    };
    let Some((channel, _)) = change.object.within() else {
        return vec![target];
    };
    // The channel comes before the member: it is short, and a long list may be cut at its end.
    let channel = TargetResource {
        kind: "Channel",
        id: Some(channel.id.clone()),
        display_name: channel.display_name.as_deref().map(Cow::Borrowed),
        properties: Vec::new(),
    };
    vec![channel, target]
}

fn kind(object: &Changed) -> &'static str {
    match object {
        Changed::Organization => "Directory",
        Changed::CrossTenantAccessPolicy
        | Changed::DefaultSetting
        | Changed::Partner
        | Changed::IdentitySync
        | Changed::ConditionalAccessPolicy
        | Changed::ConditionalAccessSettings
        | Changed::NamedLocation
        | Changed::AuthenticationStrength
        | Changed::IdentityProvider
        | Changed::Federation
        | Changed::AssumedOutbound => "Policy",
        Changed::Channel => "Channel",
        Changed::ChannelMember { .. } => "User",
        Changed::ChannelTeam { .. } => "Team",
    }
}

fn properties<'a>(
    change: &'a Change,
    is_user: bool,
    pseudonyms: &Pseudonyms,
) -> Vec<ModifiedProperty<'a>> {
    let hides = |property: &&Property| {
        pseudonyms.is_on() && is_user && users::names_a_person(&property.name)
    };
    let shown = change.properties.iter().filter(|property| !hides(property));
    let value = |name: &str, value: &'a Option<Value>| {
        let value = value.as_ref()?;
        Some(users::hidden(name, value, pseudonyms))
    };
    let modified = shown.map(|property| ModifiedProperty {
        name: &property.name,
        old: value(&property.name, &property.old),
        new: value(&property.name, &property.new),
    });
    modified.collect()
}

/// Values that are too long are reduced to their difference: of two lists, the items that are in one list only.
fn modified(object: &mut JsonObject<'_>, property: ModifiedProperty<'_>) {
    let (old, new) = (property.old.as_deref(), property.new.as_deref());
    object.text("displayName", property.name);
    match (old, new) {
        (Some(old), Some(new)) if text_of(old).1 || text_of(new).1 => {
            let (old, new) = differing(old, new);
            object.json_text("oldValue", Some(&old));
            object.json_text("newValue", Some(&new));
            object.is_cut();
        }
        _ => {
            object.json_text("oldValue", old);
            object.json_text("newValue", new);
        }
    }
}

fn differing(old: &Value, new: &Value) -> (Value, Value) {
    match (old, new) {
        (Value::Array(before), Value::Array(after)) => {
            (without(before, after), without(after, before))
        }
        (Value::Object(before), Value::Object(after)) => {
            let mut both = (Map::new(), Map::new());
            for (name, old) in before {
                match after.get(name) {
                    Some(new) if new == old => {}
                    Some(new) => {
                        let (old, new) = differing(old, new);
                        both.0.insert(name.clone(), old);
                        both.1.insert(name.clone(), new);
                    }
                    None => {
                        both.0.insert(name.clone(), old.clone());
                    }
                }
            }
            let added = after.iter().filter(|(name, _)| !before.contains_key(*name));
            both.1
                .extend(added.map(|(name, value)| (name.clone(), value.clone())));
            (Value::Object(both.0), Value::Object(both.1))
        }
        _ => (old.clone(), new.clone()),
    }
}

/// The multiset difference: the items that are not in the other list. An item that occurs more often is left the
/// surplus number of times.
fn without(items: &[Value], others: &[Value]) -> Value {
    let mut times: HashMap<String, usize> = HashMap::new();
    for other in others {
        *times.entry(other.to_string()).or_default() += 1;
    }
    let own = items
        .iter()
        .filter(|item| match times.get_mut(&item.to_string()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) | None => true,
        });
    Value::Array(own.cloned().collect())
}
