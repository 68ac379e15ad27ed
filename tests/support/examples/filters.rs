//! Device filters, application filters and the deprecated device states (semantics §5). The policy of
//! these examples blocks, so that a denial means that it applies.

use std::collections::BTreeMap;

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::{Device, PropertyValue, Request};
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;

pub fn all() -> Vec<Example> {
    [
        operators(),
        unknown_and_null(),
        grammar(),
        attributes(),
        states(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn filtering(mode: &str, rule: &str) -> World {
    let condition = json!({"deviceFilter": {"mode": mode, "rule": rule}});
    contoso_with(&[when(block(), "devices", condition)])
}

fn applies(name: &'static str, world: &World, request: Request) -> Example {
    denies(
        name,
        world,
        request,
        Stage::ConditionalAccess,
        Reason::CaBlocked,
    )
}

/// A registered device with only these known properties.
fn device(properties: &[(&str, PropertyValue)]) -> Request {
    let properties: BTreeMap<_, _> = properties
        .iter()
        .map(|(name, value)| (name.parse().expect("a property"), value.clone()))
        .collect();
    with(direct(), |request| {
        request.context.device = Some(Device::Registered(properties))
    })
}

fn unregistered() -> Request {
    with(direct(), |request| {
        request.context.device = Some(Device::Unregistered)
    })
}

fn text(value: &str) -> PropertyValue {
    PropertyValue::Text(value.to_owned())
}

fn list(values: &[&str]) -> PropertyValue {
    PropertyValue::List(values.iter().map(|value| (*value).to_owned()).collect())
}

fn operators() -> Vec<Example> {
    let laptop = || {
        device(&[
            ("displayName", text("SAW-Laptop-7")),
            ("deviceId", text("0f5d0c7a-0000-4000-8000-000000000001")),
            ("trustType", text("ServerAD")),
            ("isCompliant", text("True")),
            ("extensionAttribute3", text("SAW")),
            ("systemLabels", list(&["AzureResource", "M365Managed"])),
        ])
    };
    let on = |rule: &str| filtering("include", rule);
    let holds = |name, rule: &str| applies(name, &on(rule), laptop());
    let fails = |name, rule: &str| allows(name, &on(rule), laptop());
    vec![
        holds(
            "filter: -eq, without case",
            r#"device.displayName -eq "saw-laptop-7""#,
        ),
        fails("filter: -eq, another", r#"device.displayName -eq "SAW""#),
        holds("filter: -ne", r#"device.displayName -ne "SAW""#),
        holds(
            "filter: -startsWith",
            r#"device.displayName -startsWith "saw""#,
        ),
        fails(
            "filter: -notStartsWith",
            r#"device.displayName -notStartsWith "saw""#,
        ),
        holds("filter: -endsWith", r#"device.displayName -endsWith "-7""#),
        holds(
            "filter: -notEndsWith",
            r#"device.displayName -notEndsWith "-8""#,
        ),
        holds(
            "filter: -contains",
            r#"device.displayName -contains "laptop""#,
        ),
        holds(
            "filter: -notContains",
            r#"device.displayName -notContains "desktop""#,
        ),
        holds(
            "filter: -in",
            r#"device.deviceId -in ["x", "0F5D0C7A-0000-4000-8000-000000000001"]"#,
        ),
        fails(
            "filter: -notIn",
            r#"device.deviceId -notIn ["0f5d0c7a-0000-4000-8000-000000000001"]"#,
        ),
        holds(
            "filter: a collection contains a whole member",
            r#"device.systemLabels -contains "azureresource""#,
        ),
        fails(
            "filter: not a part of one",
            r#"device.systemLabels -contains "Azure""#,
        ),
        holds(
            "filter: a collection does not contain",
            r#"device.systemLabels -notContains "Azure""#,
        ),
        holds(
            "filter: a bare True is a string",
            "device.isCompliant -eq True",
        ),
        fails("filter: a bare False", "device.isCompliant -eq False"),
        holds(
            "filter: an extension attribute",
            r#"device.extensionAttribute3 -eq "saw""#,
        ),
        holds(
            "filter: property names in any case",
            r#"device.TRUSTTYPE -eq "ServerAD""#,
        ),
        allows(
            "filter: mode exclude",
            &filtering("exclude", r#"device.trustType -eq "ServerAD""#),
            laptop(),
        ),
        applies(
            "filter: mode exclude, another",
            &filtering("exclude", r#"device.trustType -eq "AzureAD""#),
            laptop(),
        ),
    ]
}

fn unknown_and_null() -> Vec<Example> {
    let is_saw = r#"device.extensionAttribute1 -eq "SAW""#;
    let not_saw = r#"device.extensionAttribute1 -ne "SAW""#;
    let include = |rule: &str| filtering("include", rule);
    let exclude = |rule: &str| filtering("exclude", rule);
    let null = || device(&[("extensionAttribute1", PropertyValue::Null)]);
    let other = || device(&[("model", text("X1"))]);
    vec![
        applies(
            "filter: an unknown device is included",
            &include(is_saw),
            direct(),
        ),
        applies("filter: and not excluded", &exclude(is_saw), direct()),
        applies(
            "filter: an unknown property is included",
            &include(is_saw),
            other(),
        ),
        applies(
            "filter: not included by it alone either, but it may be",
            &include(not_saw),
            other(),
        ),
        applies(
            "filter: an unknown property is not excluded",
            &exclude(not_saw),
            other(),
        ),
        allows(
            "filter: an unregistered device satisfies no positive operator",
            &include(is_saw),
            unregistered(),
        ),
        applies(
            "filter: and every negative one",
            &include(not_saw),
            unregistered(),
        ),
        allows(
            "filter: so it is excluded by one",
            &exclude(not_saw),
            unregistered(),
        ),
        allows(
            "filter: a known null is like a property of an unregistered device",
            &include(is_saw),
            null(),
        ),
        applies(
            "filter: -eq null matches null",
            &include("device.extensionAttribute1 -eq null"),
            null(),
        ),
        applies(
            "filter: -eq null of an unregistered device",
            &include("device.extensionAttribute1 -eq null"),
            unregistered(),
        ),
        allows(
            "filter: -ne null of one",
            &include("device.extensionAttribute1 -ne null"),
            unregistered(),
        ),
        applies(
            "filter: -ne null of a value",
            &include("device.model -ne null"),
            other(),
        ),
        applies(
            "filter: -notIn of a null",
            &include(r#"device.deviceId -notIn ["a"]"#),
            unregistered(),
        ),
        applies(
            "filter: a null collection contains nothing",
            &include(r#"device.physicalIds -notContains "a""#),
            unregistered(),
        ),
        allows(
            "filter: unknown and no is no",
            &include(r#"device.extensionAttribute1 -eq "SAW" -and device.model -eq "X2""#),
            other(),
        ),
        applies(
            "filter: unknown and yes is unknown",
            &exclude(r#"device.extensionAttribute1 -eq "SAW" -and device.model -eq "X1""#),
            other(),
        ),
        allows(
            "filter: unknown or yes is yes",
            &exclude(r#"device.extensionAttribute1 -eq "SAW" -or device.model -eq "X1""#),
            other(),
        ),
        applies(
            "filter: not unknown is unknown",
            &exclude(r#"-not (device.extensionAttribute1 -eq "SAW")"#),
            other(),
        ),
    ]
}

fn grammar() -> Vec<Example> {
    let x1 = || {
        device(&[
            ("model", text("X1")),
            ("manufacturer", text("it's \"big\"")),
        ])
    };
    let holds = |name, rule: &str| applies(name, &filtering("include", rule), x1());
    let fails = |name, rule: &str| allows(name, &filtering("include", rule), x1());
    vec![
        holds(
            "filter: and binds tighter than or",
            r#"device.model -eq "X1" -or device.model -eq "X2" -and device.model -eq "X3""#,
        ),
        fails(
            "filter: parentheses bind tightest",
            r#"(device.model -eq "X1" -or device.model -eq "X2") -and device.model -eq "X3""#,
        ),
        holds(
            "filter: not binds tighter than and",
            r#"-not device.model -eq "X2" -and device.model -eq "X1""#,
        ),
        fails(
            "filter: not of a parenthesis",
            r#"-not (device.model -eq "X2" -or device.model -eq "X1")"#,
        ),
        holds(
            "filter: the hyphen is optional",
            r#"device.model eq "X1" and not (device.model eq "X2")"#,
        ),
        holds(
            "filter: a quote in a string and a doubled apostrophe",
            r#"device.manufacturer -eq "it''s `"big`"""#,
        ),
    ]
}

fn attributes() -> Vec<Example> {
    let filter = |mode: &str, rule: &str, include: Value| {
        let condition = json!({"includeApplications": include, "applicationFilter": {"mode": mode, "rule": rule}});
        contoso_with(&[when(block(), "applications", condition)])
    };
    let rule = r#"CustomSecurityAttribute.Engineering_Project -eq "Baker""#;
    let include = || filter("include", rule, json!([]));
    let exclude = || filter("exclude", rule, json!(["All"]));
    let of = |value: PropertyValue| {
        with(direct(), |request| {
            request
                .context
                .app_attributes
                .insert("engineering_project".to_owned(), value);
        })
    };
    vec![
        applies(
            "application filter: that holds",
            &include(),
            of(text("baker")),
        ),
        allows(
            "application filter: that does not",
            &include(),
            of(text("Alpine")),
        ),
        allows(
            "application filter: of a known null",
            &include(),
            of(PropertyValue::Null),
        ),
        applies(
            "application filter: of an unknown attribute",
            &include(),
            direct(),
        ),
        allows(
            "application filter: that excludes",
            &exclude(),
            of(text("Baker")),
        ),
        applies(
            "application filter: an unknown attribute excludes nothing",
            &exclude(),
            direct(),
        ),
        applies(
            "application filter: is one more entry of the list",
            &filter("include", rule, json!(["All"])),
            of(text("Alpine")),
        ),
    ]
}

fn states() -> Vec<Example> {
    let devices = |include: &[&str], exclude: &[&str]| {
        contoso_with(&[when(
            block(),
            "devices",
            json!({"includeDevices": include, "excludeDevices": exclude}),
        )])
    };
    let old = |include: &[&str], exclude: &[&str]| {
        contoso_with(&[when(
            block(),
            "deviceStates",
            json!({"includeStates": include, "excludeStates": exclude}),
        )])
    };
    let compliant =
        |value: &str| device(&[("isCompliant", text(value)), ("trustType", text("AzureAD"))]);
    let joined = || {
        device(&[
            ("isCompliant", text("False")),
            ("trustType", text("ServerAD")),
        ])
    };
    vec![
        allows(
            "device state: compliant excluded",
            &devices(&["All"], &["Compliant"]),
            compliant("True"),
        ),
        applies(
            "device state: not compliant",
            &devices(&["All"], &["Compliant"]),
            compliant("False"),
        ),
        allows(
            "device state: domain joined excluded",
            &devices(&["All"], &["Compliant", "DomainJoined"]),
            joined(),
        ),
        applies(
            "device state: an unregistered device is neither",
            &devices(&["All"], &["Compliant", "DomainJoined"]),
            unregistered(),
        ),
        applies(
            "device state: an unknown device is not excluded",
            &devices(&["All"], &["Compliant"]),
            direct(),
        ),
        applies(
            "device state: an unknown device is included",
            &devices(&["Compliant"], &[]),
            direct(),
        ),
        allows(
            "device state: an unregistered device is not included",
            &devices(&["Compliant"], &[]),
            unregistered(),
        ),
        allows(
            "device state: in the oldest member",
            &old(&["All"], &["DomainJoined"]),
            joined(),
        ),
        allows(
            "device state: only exclusions include all others",
            &old(&[], &["DomainJoined"]),
            joined(),
        ),
        applies(
            "device state: and these are others",
            &old(&[], &["DomainJoined"]),
            compliant("True"),
        ),
    ]
}
