//! Filter rules for devices and applications, three-valued (semantics §5).
//!
//! *Unknown* is not *null*: an unregistered device has null properties, on which positive operators never
//! hold and negative ones always do; what the request does not carry is unknown, and stays so through
//! and, or and not.

use super::matching::Match;
use crate::request::{Context, Device, DeviceProperty, PropertyValue};
use crate::snapshot::{Attribute, Comparison, Filter};

/// What is known of an attribute.
#[derive(Clone, Copy)]
enum Fact<'a> {
    Unknown,
    Known(&'a PropertyValue),
}

/// Whether the rule holds.
pub(super) fn holds(rule: &Filter, context: &Context) -> Match {
    match rule {
        Filter::Compare {
            attribute,
            comparison,
            negated,
        } => {
            let positive = compare(fact(attribute, context), comparison);
            if *negated { !positive } else { positive }
        }
        Filter::Not(inner) => !holds(inner, context),
        Filter::And(parts) => Match::all(parts.iter().map(|part| holds(part, context))),
        Filter::Or(parts) => Match::any(parts.iter().map(|part| holds(part, context))),
    }
}

/// The attributes that the rule compares and that are not known, each once.
pub(super) fn unknown<'a>(rule: &'a Filter, context: &Context) -> Vec<&'a Attribute> {
    match rule {
        Filter::Compare { attribute, .. } => match fact(attribute, context) {
            Fact::Unknown => vec![attribute],
            Fact::Known(_) => Vec::new(),
        },
        Filter::Not(inner) => unknown(inner, context),
        Filter::And(parts) | Filter::Or(parts) => {
            let mut found = Vec::new();
            for attribute in parts.iter().flat_map(|part| unknown(part, context)) {
                if !found.contains(&attribute) {
                    found.push(attribute);
                }
            }
            found
        }
    }
}

/// Whether a device property has this value, given in lower case.
pub(super) fn device_is(context: &Context, property: DeviceProperty, value: &str) -> Match {
    match device_fact(context, property) {
        Fact::Unknown => Match::Unknown,
        Fact::Known(known) => Match::known(texts(known).any(|text| text.to_lowercase() == value)),
    }
}

fn fact<'a>(attribute: &Attribute, context: &'a Context) -> Fact<'a> {
    match attribute {
        Attribute::Device(property) => device_fact(context, *property),
        Attribute::Application(name) => context
            .app_attributes
            .get(name)
            .map_or(Fact::Unknown, Fact::Known),
    }
}

fn device_fact(context: &Context, property: DeviceProperty) -> Fact<'_> {
    match &context.device {
        None => Fact::Unknown,
        Some(Device::Unregistered) => Fact::Known(&PropertyValue::Null),
        Some(Device::Registered(properties)) => {
            properties.get(&property).map_or(Fact::Unknown, Fact::Known)
        }
    }
}

/// The positive form of the operator. The right side is in lower case: values compare without case.
fn compare(fact: Fact<'_>, comparison: &Comparison) -> Match {
    let Fact::Known(value) = fact else {
        return Match::Unknown;
    };
    let any = |test: &dyn Fn(&str) -> bool| {
        Match::known(texts(value).any(|text| test(&text.to_lowercase())))
    };
    match comparison {
        Comparison::IsNull => Match::known(*value == PropertyValue::Null),
        Comparison::Equals(wanted) => any(&|text| text == wanted),
        Comparison::StartsWith(wanted) => any(&|text| text.starts_with(wanted.as_str())),
        Comparison::EndsWith(wanted) => any(&|text| text.ends_with(wanted.as_str())),
        // A part of a text, but a whole member of a collection.
        Comparison::Contains(wanted) => match value {
            PropertyValue::List(_) => any(&|text| text == wanted),
            PropertyValue::Text(_) | PropertyValue::Null => {
                any(&|text| text.contains(wanted.as_str()))
            }
        },
        Comparison::In(wanted) => any(&|text| wanted.iter().any(|wanted| text == wanted)),
    }
}

/// The texts of a value: none of null, one of a text, each of a collection.
fn texts(value: &PropertyValue) -> impl Iterator<Item = &str> {
    let texts = match value {
        PropertyValue::Null => &[][..],
        PropertyValue::Text(text) => std::slice::from_ref(text),
        PropertyValue::List(texts) => texts,
    };
    texts.iter().map(String::as_str)
}
