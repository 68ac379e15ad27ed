//! Generated filter rules, devices and application attributes.

use std::collections::BTreeMap;

use crosstrust::request::{Device, DeviceProperty, PropertyValue};

use super::random::Rng;

/// The kind of a property, which determines its values and operators.
#[derive(Clone, Copy)]
enum Kind {
    Id,
    Text,
    Words(&'static [&'static str]),
    Collection,
}

const DEVICE: &[(&str, Kind)] = &[
    ("deviceId", Kind::Id),
    ("mdmAppId", Kind::Id),
    ("displayName", Kind::Text),
    ("enrollmentProfileName", Kind::Text),
    ("manufacturer", Kind::Text),
    ("model", Kind::Text),
    ("operatingSystem", Kind::Text),
    ("operatingSystemVersion", Kind::Text),
    ("extensionAttribute1", Kind::Text),
    ("extensionAttribute15", Kind::Text),
    ("deviceOwnership", Kind::Words(&["Personal", "Company"])),
    ("isCompliant", Kind::Words(&["True", "False"])),
    (
        "profileType",
        Kind::Words(&["RegisteredDevice", "SecureVM"]),
    ),
    (
        "trustType",
        Kind::Words(&["AzureAD", "ServerAD", "Workplace"]),
    ),
    ("physicalIds", Kind::Collection),
    ("systemLabels", Kind::Collection),
];

/// Set and name of the application attributes, as in a rule.
const ATTRIBUTES: &[(&str, Kind)] = &[
    ("Engineering_Project", Kind::Text),
    ("Engineering_Tier", Kind::Text),
    ("Sales_Labels", Kind::Collection),
];

const IDS: &[&str] = &[
    "0f5d0c7a-0000-4000-8000-000000000001",
    "0f5d0c7a-0000-4000-8000-000000000002",
];
const TEXTS: &[&str] = &[
    "SAW",
    "saw",
    "SAW-Laptop",
    "Laptop",
    "it's",
    "a \"b\"",
    "Größe",
];
const LABELS: &[&str] = &["[OrderId]:1", "AzureResource", "azureresource", "Azure"];

pub fn device_rule(rng: &mut Rng) -> String {
    expression(rng, "device.", DEVICE, 2)
}

pub fn application_rule(rng: &mut Rng) -> String {
    expression(rng, "CustomSecurityAttribute.", ATTRIBUTES, 1)
}

pub fn device(rng: &mut Rng) -> Option<Device> {
    match rng.weighted(&[20, 15, 65]) {
        0 => None,
        1 => Some(Device::Unregistered),
        _ => {
            let mut properties = BTreeMap::new();
            for (name, kind) in DEVICE {
                if rng.chance(70) {
                    let property: DeviceProperty = name.parse().expect("a device property");
                    properties.insert(property, value(rng, *kind));
                }
            }
            Some(Device::Registered(properties))
        }
    }
}

pub fn attributes(rng: &mut Rng) -> BTreeMap<String, PropertyValue> {
    let mut attributes = BTreeMap::new();
    for (name, kind) in ATTRIBUTES {
        if rng.chance(60) {
            attributes.insert(name.to_lowercase(), value(rng, *kind));
        }
    }
    attributes
}

fn value(rng: &mut Rng, kind: Kind) -> PropertyValue {
    if rng.chance(15) {
        return PropertyValue::Null;
    }
    match kind {
        Kind::Collection => {
            PropertyValue::List(rng.some(LABELS, 40).into_iter().map(String::from).collect())
        }
        Kind::Id | Kind::Text | Kind::Words(_) => {
            PropertyValue::Text(rng.one(candidates(kind)).to_owned())
        }
    }
}

fn candidates(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Id => IDS,
        Kind::Text => TEXTS,
        Kind::Words(words) => words,
        Kind::Collection => LABELS,
    }
}

fn expression(rng: &mut Rng, prefix: &str, table: &[(&str, Kind)], depth: usize) -> String {
    let inner = |rng: &mut Rng| expression(rng, prefix, table, depth.saturating_sub(1));
    match if depth == 0 {
        0
    } else {
        rng.weighted(&[5, 2, 2, 1, 1])
    } {
        0 => comparison(rng, prefix, table),
        1 => {
            let (left, right) = (inner(rng), inner(rng));
            format!("{left} {} {right}", word(rng, "and"))
        }
        2 => {
            let (left, right) = (inner(rng), inner(rng));
            format!("{left} {} {right}", word(rng, "or"))
        }
        3 => {
            let left = inner(rng);
            format!("{} ({left})", word(rng, "not"))
        }
        _ => {
            let (left, right) = (inner(rng), inner(rng));
            format!("({left} {} {right})", word(rng, "or"))
        }
    }
}

fn comparison(rng: &mut Rng, prefix: &str, table: &[(&str, Kind)]) -> String {
    let (name, kind) = rng.one(table);
    let operators: &[&str] = match kind {
        Kind::Id => &["eq", "ne", "in", "notIn"],
        Kind::Words(_) => &["eq", "ne"],
        Kind::Collection => &["contains", "notContains"],
        Kind::Text => &[
            "eq",
            "ne",
            "in",
            "notIn",
            "startsWith",
            "endsWith",
            "contains",
            "notStartsWith",
            "notEndsWith",
            "notContains",
        ],
    };
    let operator = rng.one(operators);
    let name = match rng.below(10) {
        0 => name.to_lowercase(),
        _ => name.to_owned(),
    };
    let operand = match operator {
        "in" | "notIn" => {
            let items = rng.at_least_one(candidates(kind), 30);
            let items: Vec<String> = items.into_iter().map(quote).collect();
            format!("[{}]", items.join(if rng.chance(50) { "," } else { ", " }))
        }
        "eq" | "ne" if rng.chance(15) => "null".to_owned(),
        "eq" | "ne" if name.eq_ignore_ascii_case("isCompliant") && rng.chance(50) => {
            rng.one(&["True", "False"]).to_owned()
        }
        _ => quote(rng.one(candidates(kind))),
    };
    format!("{prefix}{name} {} {operand}", word(rng, operator))
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "`\"").replace('\'', "''"))
}

/// Writes the operator with or without the optional hyphen.
fn word(rng: &mut Rng, word: &str) -> String {
    match rng.below(8) {
        0 => word.to_owned(),
        _ => format!("-{word}"),
    }
}
