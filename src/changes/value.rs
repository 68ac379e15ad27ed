//! JSON values as policies mean them: names and ids in one spelling, null is nothing, lists are sets.
//!
//! Only for comparing. What is told of a change is the value as it was written.

use serde_json::{Map, Value};

use super::Property;
use crate::id::parse_guid;

/// A member of an object, whatever the case of its name (PowerShell writes `DisplayName`).
pub(super) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let members = object.as_object()?;
    let found = members.get(name).or_else(|| {
        let mut others = members.iter();
        let same = others.find(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

/// A member that is text.
pub(super) fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    member(object, name)?.as_str()
}

/// A member that is a GUID, in its one spelling.
pub(super) fn guid(object: &Value, name: &str) -> Option<String> {
    let id = parse_guid(text(object, name)?).ok()?;
    Some(spelled(id))
}

/// The members of a list.
pub(super) fn list<'v>(object: Option<&'v Value>, name: &str) -> &'v [Value] {
    let list = object.and_then(|object| member(object, name));
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The members that differ, by name, but for those that are told in another way.
pub(super) fn properties(
    old: Option<&Value>,
    new: Option<&Value>,
    told_elsewhere: &[&str],
) -> Vec<Property> {
    let (old, new) = (members(old), members(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| {
        let is_elsewhere = told_elsewhere
            .iter()
            .any(|elsewhere| elsewhere.eq_ignore_ascii_case(name));
        !is_elsewhere && old.get(*name).map(|v| meant(v)) != new.get(*name).map(|v| meant(v))
    });
    let properties = differing.map(|name| Property {
        name: name.clone(),
        old: old.get(name).map(|value| (*value).clone()),
        new: new.get(name).map(|value| (*value).clone()),
    });
    properties.collect()
}

/// The members that say something, by their name in Graph's spelling.
fn members(object: Option<&Value>) -> std::collections::BTreeMap<String, &Value> {
    let members = object.and_then(Value::as_object).into_iter().flatten();
    let saying = members.filter(|(name, value)| !value.is_null() && !is_annotation(name));
    saying
        .map(|(name, value)| (camel_case(name), value))
        .collect()
}

/// The value in the one spelling that stands for all that mean the same.
fn meant(value: &Value) -> Value {
    match value {
        Value::String(text) => match parse_guid(text) {
            Ok(id) => Value::String(spelled(id)),
            Err(_) => value.clone(),
        },
        Value::Array(items) => {
            let mut items: Vec<(String, Value)> = items
                .iter()
                .map(meant)
                .map(|item| (item.to_string(), item))
                .collect();
            items.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            Value::Array(items.into_iter().map(|(_, item)| item).collect())
        }
        Value::Object(_) => {
            let members = members(Some(value)).into_iter();
            let meant: Map<String, Value> =
                members.map(|(name, value)| (name, meant(value))).collect();
            Value::Object(meant)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What OData adds. The type of a named location is told by one.
fn is_annotation(name: &str) -> bool {
    name.contains('@') && name != "@odata.type"
}

fn camel_case(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn spelled(id: u128) -> String {
    crate::id::TenantId(id).to_string()
}
