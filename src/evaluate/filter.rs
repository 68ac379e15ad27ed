//! Filter rules for devices and applications, in three-valued logic (semantics §5).
//!
//! *Unknown* is not *null*. An unregistered device has null properties: positive operators never hold on null,
//! negative ones always do. A property that the request does not carry is unknown, and propagates through and, or
//! and not.

use super::matching::Match;
use crate::request::{Context, Device, DeviceProperty, PropertyValue};
use crate::snapshot::{Attribute, Comparison, FilterRule};

/// The value of an attribute, if the request carries it.
#[derive(Clone, Copy)]
enum AttributeValue<'a> {
    Unknown,
    Known(&'a PropertyValue),
}

/// Whether the rule holds.
pub(super) fn holds(rule: &FilterRule, context: &Context) -> Match {
    match rule {
        FilterRule::Compare {
            attribute,
            comparison,
            negated,
        } => {
            let positive = compare(attribute_value(attribute, context), comparison);
            if *negated { !positive } else { positive }
        }
        FilterRule::Not(inner) => !holds(inner, context),
        FilterRule::And(parts) => Match::all(parts.iter().map(|part| holds(part, context))),
        FilterRule::Or(parts) => Match::any(parts.iter().map(|part| holds(part, context))),
    }
}

/// The unknown attributes that the rule compares, without duplicates.
pub(super) fn unknown_attributes<'a>(
    rule: &'a FilterRule,
    context: &Context,
) -> Vec<&'a Attribute> {
    match rule {
        FilterRule::Compare { attribute, .. } => match attribute_value(attribute, context) {
            AttributeValue::Unknown => vec![attribute],
            AttributeValue::Known(_) => Vec::new(),
        },
        FilterRule::Not(inner) => unknown_attributes(inner, context),
        FilterRule::And(parts) | FilterRule::Or(parts) => {
            let mut found = Vec::new();
            for attribute in parts
                .iter()
                .flat_map(|part| unknown_attributes(part, context))
            {
                if !found.contains(&attribute) {
                    found.push(attribute);
                }
            }
            found
        }
    }
}

/// Whether a device property has this lower-case value.
pub(super) fn device_is(context: &Context, property: DeviceProperty, value: &str) -> Match {
    match device_property(context, property) {
        AttributeValue::Unknown => Match::Unknown,
        AttributeValue::Known(known) => {
            Match::from_bool(texts(known).any(|text| text.to_lowercase() == value))
        }
    }
}

fn attribute_value<'a>(attribute: &Attribute, context: &'a Context) -> AttributeValue<'a> {
    match attribute {
        Attribute::Device(property) => device_property(context, *property),
        Attribute::Application(name) => context
            .app_attributes
            .get(name)
            .map_or(AttributeValue::Unknown, AttributeValue::Known),
    }
}

fn device_property(context: &Context, property: DeviceProperty) -> AttributeValue<'_> {
    match &context.device {
        None => AttributeValue::Unknown,
        Some(Device::Unregistered) => AttributeValue::Known(&PropertyValue::Null),
        Some(Device::Registered(properties)) => properties
            .get(&property)
            .map_or(AttributeValue::Unknown, AttributeValue::Known),
    }
}

/// The positive form of the operator. Values compare case-insensitively; the right side is in lower case.
fn compare(value: AttributeValue<'_>, comparison: &Comparison) -> Match {
    let AttributeValue::Known(value) = value else {
        return Match::Unknown;
    };
    let any = |test: &dyn Fn(&str) -> bool| {
        Match::from_bool(texts(value).any(|text| test(&text.to_lowercase())))
    };
    match comparison {
        Comparison::IsNull => Match::from_bool(*value == PropertyValue::Null),
        Comparison::Equals(expected) => any(&|text| text == expected),
        Comparison::StartsWith(expected) => any(&|text| text.starts_with(expected.as_str())),
        Comparison::EndsWith(expected) => any(&|text| text.ends_with(expected.as_str())),
        // A substring of a text, but an entire member of a collection.
        Comparison::Contains(expected) => match value {
            PropertyValue::List(_) => any(&|text| text == expected),
            PropertyValue::Text(_) | PropertyValue::Null => {
                any(&|text| text.contains(expected.as_str()))
            }
        },
        Comparison::In(expected) => any(&|text| expected.iter().any(|expected| text == expected)),
    }
}

/// The texts of a value: none for null, one for a text, every member of a collection.
fn texts(value: &PropertyValue) -> impl Iterator<Item = &str> {
    let texts = match value {
        PropertyValue::Null => &[][..],
        PropertyValue::Text(text) => std::slice::from_ref(text),
        PropertyValue::List(texts) => texts,
    };
    texts.iter().map(String::as_str)
}
