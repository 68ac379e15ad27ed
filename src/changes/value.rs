//! Normalizes JSON values for comparison: one spelling of names and ids, null as absent, lists as sets.
//!
//! Only for comparison: a reported change has the values as written.

use serde_json::{Map, Value};

use super::Property;
use crate::id::parse_guid;

/// A member of an object, ignoring the case of its name (PowerShell writes `DisplayName`).
pub(super) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let members = object.as_object()?;
    let found = members.get(name).or_else(|| {
        let mut others = members.iter();
        let same = others.find(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

/// A string member.
pub(super) fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    member(object, name)?.as_str()
}

/// A GUID member, in canonical spelling.
pub(super) fn guid(object: &Value, name: &str) -> Option<String> {
    let id = parse_guid(text(object, name)?).ok()?;
    Some(canonical_guid(id))
}

/// The items of a list member; empty if there is no such list.
pub(super) fn list<'v>(object: Option<&'v Value>, name: &str) -> &'v [Value] {
    let list = object.and_then(|object| member(object, name));
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The members that differ, sorted by name, without those in `excluded`.
pub(super) fn properties(
    old: Option<&Value>,
    new: Option<&Value>,
    excluded: &[&str],
) -> Vec<Property> {
    let (old, new) = (members(old), members(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| {
        let is_excluded = excluded
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name));
        !is_excluded
            && old.get(*name).map(|v| normalized(v)) != new.get(*name).map(|v| normalized(v))
    });
    let properties = differing.map(|name| Property {
        name: name.clone(),
        old: old.get(name).map(|value| (*value).clone()),
        new: new.get(name).map(|value| (*value).clone()),
    });
    properties.collect()
}

/// The members that are neither null nor annotations, by their name in Graph's spelling.
fn members(object: Option<&Value>) -> std::collections::BTreeMap<String, &Value> {
    let members = object.and_then(Value::as_object).into_iter().flatten();
    let relevant = members.filter(|(name, value)| !value.is_null() && !is_annotation(name));
    relevant
        .map(|(name, value)| (camel_case(name), value))
        .collect()
}

/// The normalized value, which is equal for values that mean the same.
fn normalized(value: &Value) -> Value {
    match value {
        Value::String(text) => match parse_guid(text) {
            Ok(id) => Value::String(canonical_guid(id)),
            Err(_) => value.clone(),
        },
        Value::Array(items) => {
            let mut items: Vec<(String, Value)> = items
                .iter()
                .map(normalized)
                .map(|item| (item.to_string(), item))
                .collect();
            items.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            Value::Array(items.into_iter().map(|(_, item)| item).collect())
        }
        Value::Object(_) => {
            let members = members(Some(value)).into_iter();
            let normalized: Map<String, Value> = members
                .map(|(name, value)| (name, normalized(value)))
                .collect();
            Value::Object(normalized)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Whether the member is an OData annotation. `@odata.type` is the type of a named location.
fn is_annotation(name: &str) -> bool {
    name.contains('@') && name != "@odata.type"
}

fn camel_case(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn canonical_guid(id: u128) -> String {
    crate::id::TenantId(id).to_string()
}
