//! Replaces user ids in old and new values by keyed hashes, if pseudonyms are on.
//!
//! Covers all places where policies contain user ids: targets of settings, the user lists of a policy, members of
//! channels. The name and the address of a person beside the id are left out.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::id::{UserId, parse_guid};
use crate::log::pseudonym::Pseudonyms;

/// The value of a member with this name, with user ids as configured: plain or hashed.
pub(super) fn hidden<'v>(name: &str, value: &'v Value, pseudonyms: &Pseudonyms) -> Cow<'v, Value> {
    match pseudonyms.is_on() {
        true => Cow::Owned(replaced(name, value, pseudonyms)),
        false => Cow::Borrowed(value),
    }
}

/// Whether a member of a user's entry identifies the person.
pub(super) fn names_a_person(name: &str) -> bool {
    // The `id` of a conversationMember is base64 of several ids, including the user's.
    is_one_of(name, &["id", "displayName", "email", "user"])
}

fn replaced(name: &str, value: &Value, pseudonyms: &Pseudonyms) -> Value {
    match value {
        Value::String(text) if is_one_of(name, USER_IDS) => match parse_guid(text) {
            Ok(id) => Value::String(pseudonyms.user(UserId(id))),
            // A reserved word such as `All`.
            Err(_) => value.clone(),
        },
        Value::Array(items) => {
            let items = items.iter();
            Value::Array(items.map(|item| replaced(name, item, pseudonyms)).collect())
        }
        Value::Object(members) => Value::Object(object(members, pseudonyms)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn object(members: &Map<String, Value>, pseudonyms: &Pseudonyms) -> Map<String, Value> {
    let is_person = members.keys().any(|name| is_one_of(name, &["userId"]));
    let is_user_target = members.iter().any(|(name, value)| {
        let is_user = value
            .as_str()
            .is_some_and(|word| word.eq_ignore_ascii_case("user"));
        is_one_of(name, &["targetType"]) && is_user
    });
    let shown = members
        .iter()
        .filter(|(name, _)| !(is_person && names_a_person(name)));
    let shown = shown.map(|(name, value)| {
        let as_name = match is_user_target && is_one_of(name, &["target"]) {
            true => "userId",
            false => name,
        };
        (name.clone(), replaced(as_name, value, pseudonyms))
    });
    shown.collect()
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Members whose value is a user id or a list of user ids.
const USER_IDS: &[&str] = &["userId", "includeUsers", "excludeUsers"];
