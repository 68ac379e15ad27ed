//! Converts the facts about a sign-in. A fact that is not set is unknown; null is a known value (semantics §5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use prost_types::value::Kind;

use super::super::proto;
use super::violations::{FieldPath, RequestReader, found, too_many};
use crate::request::{Context, Device, DeviceProperty, LocatedCountry, PropertyValue};
use crate::rpc::message;
use crate::vocabulary::CountrySource;

pub fn read(
    message: Option<&mut message::ContextMessage<'_>>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Context {
    let Some(message) = message else {
        return Context::default();
    };
    Context {
        ip_address: reader
            .optional(&at.name("ip_address"), message.ip_address)
            .map(|address: IpAddr| address.to_canonical()),
        country: country(message, at, reader),
        platform: reader.optional(&at.name("platform"), message.platform),
        client_app_type: reader.optional(&at.name("client_app_type"), message.client_app_type),
        sign_in_risk: reader.optional(&at.name("sign_in_risk"), message.sign_in_risk),
        user_risk: reader.optional(&at.name("user_risk"), message.user_risk),
        insider_risk: reader.optional(&at.name("insider_risk"), message.insider_risk),
        device: device(message.device.take(), &at.name("device"), reader),
        app_attributes: app_attributes(
            message.app_attributes.take(),
            &at.name("app_attributes"),
            reader,
        ),
        approved_application: message.approved_application,
        app_protection: message.app_protection,
        password_changed: message.password_changed,
        risk_remediated: message.risk_remediated,
        user_action: reader.optional(&at.name("user_action"), message.user_action),
        authentication_context: authentication_context(
            message.authentication_context,
            &at.name("authentication_context"),
            reader,
        ),
        authentication_flow: reader
            .optional(&at.name("authentication_flow"), message.authentication_flow),
        client_capabilities: reader.texts(
            &at.name("client_capabilities"),
            &message.client_capabilities,
        ),
    }
}

/// A source without a country has no effect, but an unknown value is still a violation.
fn country(
    message: &message::ContextMessage<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<LocatedCountry> {
    let source = reader.optional(&at.name("country_source"), message.country_source);
    let country = reader.optional(&at.name("country"), message.country)?;
    Some(LocatedCountry {
        country,
        source: source.unwrap_or(CountrySource::ClientIpAddress),
    })
}

/// Policies contain only `c1` to `c99`. A misspelt context would match no policy and so disable one.
fn authentication_context(
    text: &str,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let number = lower.strip_prefix('c').filter(|digits| {
        matches!(
            digits.as_bytes(),
            [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']
        )
    });
    if number.is_none() {
        reader.refuse(at, found(text, "expected c1 to c99"));
        return None;
    }
    Some(lower)
}

fn device(
    message: Option<proto::Device>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<Device> {
    let proto::Device {
        registered,
        properties,
    } = message?;
    let at_properties = at.name("properties");
    let properties = properties.unwrap_or_default().fields;
    match registered {
        Some(false) if properties.is_empty() => Some(Device::Unregistered),
        Some(false) => {
            reader.refuse(
                &at_properties,
                "found properties of a device that is not registered, expected none",
            );
            None
        }
        // An empty message means that nothing is known.
        None if properties.is_empty() => None,
        Some(true) | None => Some(Device::Registered(device_properties(
            properties,
            &at_properties,
            reader,
        ))),
    }
}

fn device_properties(
    fields: BTreeMap<String, prost_types::Value>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> BTreeMap<DeviceProperty, PropertyValue> {
    let mut properties = BTreeMap::new();
    if !check_count(fields.len(), at, reader) {
        return properties;
    }
    for (name, field) in fields {
        let at = at.name(&name);
        let property: Option<DeviceProperty> = reader.required(&at, &name);
        let Some((property, value)) = property.zip(value(field, &at, reader)) else {
            continue;
        };
        let is_collection = matches!(
            property,
            DeviceProperty::PhysicalIds | DeviceProperty::SystemLabels
        );
        let fits = match value {
            PropertyValue::Null => true,
            PropertyValue::Text(_) => !is_collection,
            PropertyValue::List(_) => is_collection,
        };
        if !fits {
            let expected = if is_collection {
                "found a single value, expected a list of strings"
            } else {
                "found a list, expected a single value"
            };
            reader.refuse(&at, expected);
        }
        if properties.insert(property, value).is_some() {
            reader.refuse(&at, DUPLICATE);
        }
    }
    properties
}

fn app_attributes(
    message: Option<prost_types::Struct>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> BTreeMap<String, PropertyValue> {
    let mut attributes = BTreeMap::new();
    let fields = message.unwrap_or_default().fields;
    if !check_count(fields.len(), at, reader) {
        return attributes;
    }
    for (name, field) in fields {
        let at = at.name(&name);
        if name.is_empty() || name.len() > reader.limits.text_bytes {
            reader.refuse(&at, "expected a name of the form Set_Name");
        }
        let Some(value) = value(field, &at, reader) else {
            continue;
        };
        if attributes.insert(name.to_lowercase(), value).is_some() {
            reader.refuse(&at, DUPLICATE);
        }
    }
    attributes
}

fn check_count(count: usize, at: &FieldPath<'_>, reader: &mut RequestReader<'_>) -> bool {
    let max = reader.limits.properties;
    if count > max {
        reader.refuse(at, too_many(count, max));
    }
    count <= max
}

/// `None` only if a violation has been recorded.
fn value(
    value: prost_types::Value,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<PropertyValue> {
    match value.kind {
        Some(Kind::NullValue(_)) => Some(PropertyValue::Null),
        Some(Kind::ListValue(list)) => {
            let max = reader.limits.list_items;
            reader.at_most(at, &list.values, max);
            let texts = list.values.into_iter().take(max).enumerate();
            let texts = texts.filter_map(|(index, one)| single(one.kind, &at.item(index), reader));
            Some(PropertyValue::List(texts.collect()))
        }
        other => single(other, at, reader).map(PropertyValue::Text),
    }
}

/// A string, or the text form that a boolean or a number is compared by.
fn single(
    kind: Option<Kind>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<String> {
    match kind {
        Some(Kind::StringValue(text)) => reader.within_limit(at, &text).map(str::to_owned),
        Some(Kind::BoolValue(true)) => Some(String::from("True")),
        Some(Kind::BoolValue(false)) => Some(String::from("False")),
        Some(Kind::NumberValue(number)) if number.is_finite() => Some(number.to_string()),
        None
        | Some(
            Kind::NumberValue(_) | Kind::NullValue(_) | Kind::ListValue(_) | Kind::StructValue(_),
        ) => {
            reader.refuse(at, "expected a string, a boolean or a number");
            None
        }
    }
}

const DUPLICATE: &str = "found twice, expected once: names are not case-sensitive";
