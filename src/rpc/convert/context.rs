//! What the gateway knows about the sign-in. Absent stays unknown, null is known (semantics §5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use prost_types::value::Kind;

use super::super::proto;
use super::violations::{At, Reader, found};
use crate::request::{Context, Device, DeviceProperty, LocatedCountry, PropertyValue};
use crate::rpc::message;
use crate::vocabulary::CountrySource;

pub fn read(
    message: Option<&mut message::Context<'_>>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
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

/// A source without a country says nothing, but is read all the same: another word is refused.
fn country(
    message: &message::Context<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> Option<LocatedCountry> {
    let source = reader.optional(&at.name("country_source"), message.country_source);
    let country = reader.optional(&at.name("country"), message.country)?;
    Some(LocatedCountry {
        country,
        source: source.unwrap_or(CountrySource::ClientIpAddress),
    })
}

/// Policies name `c1` to `c99` only; a misspelt one would match no policy and so switch one off.
fn authentication_context(text: &str, at: &At<'_>, reader: &mut Reader<'_>) -> Option<String> {
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

fn device(message: Option<proto::Device>, at: &At<'_>, reader: &mut Reader<'_>) -> Option<Device> {
    let proto::Device {
        registered,
        properties,
    } = message?;
    let at_properties = at.name("properties");
    let given = properties.unwrap_or_default().fields;
    match registered {
        Some(false) if given.is_empty() => Some(Device::Unregistered),
        Some(false) => {
            reader.refuse(
                &at_properties,
                "found properties of a device that is not registered, expected none",
            );
            None
        }
        // An empty message says nothing.
        None if given.is_empty() => None,
        Some(true) | None => Some(Device::Registered(device_properties(
            given,
            &at_properties,
            reader,
        ))),
    }
}

fn device_properties(
    given: BTreeMap<String, prost_types::Value>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> BTreeMap<DeviceProperty, PropertyValue> {
    let mut properties = BTreeMap::new();
    if !is_small_enough(given.len(), at, reader) {
        return properties;
    }
    for (name, given) in given {
        let at = at.name(&name);
        let property: Option<DeviceProperty> = reader.required(&at, &name);
        let Some((property, value)) = property.zip(value(given, &at, reader)) else {
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
            reader.refuse(&at, TWICE);
        }
    }
    properties
}

fn app_attributes(
    message: Option<prost_types::Struct>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> BTreeMap<String, PropertyValue> {
    let mut attributes = BTreeMap::new();
    let given = message.unwrap_or_default().fields;
    if !is_small_enough(given.len(), at, reader) {
        return attributes;
    }
    for (name, given) in given {
        let at = at.name(&name);
        if name.is_empty() || name.len() > reader.limits.text_bytes {
            reader.refuse(&at, "expected a name in the form Set_Name");
        }
        let Some(value) = value(given, &at, reader) else {
            continue;
        };
        if attributes.insert(name.to_lowercase(), value).is_some() {
            reader.refuse(&at, TWICE);
        }
    }
    attributes
}

fn is_small_enough(count: usize, at: &At<'_>, reader: &mut Reader<'_>) -> bool {
    let most = reader.limits.properties;
    if count > most {
        reader.refuse(at, format!("found {count}, expected at most {most}"));
    }
    count <= most
}

/// `None` only where a violation has been noted.
fn value(given: prost_types::Value, at: &At<'_>, reader: &mut Reader<'_>) -> Option<PropertyValue> {
    match given.kind {
        Some(Kind::NullValue(_)) => Some(PropertyValue::Null),
        Some(Kind::ListValue(list)) => {
            let most = reader.limits.list_items;
            reader.at_most(at, &list.values, most);
            let texts = list.values.into_iter().take(most).enumerate();
            let texts = texts.filter_map(|(index, one)| single(one.kind, &at.item(index), reader));
            Some(PropertyValue::List(texts.collect()))
        }
        other => single(other, at, reader).map(PropertyValue::Text),
    }
}

/// A string, and what a boolean or a number is compared as.
fn single(kind: Option<Kind>, at: &At<'_>, reader: &mut Reader<'_>) -> Option<String> {
    match kind {
        Some(Kind::StringValue(text)) => reader.short_enough(at, &text).map(str::to_owned),
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

const TWICE: &str = "is here twice: names are read in any case";
