//! Whether a Conditional Access policy applies: every condition that it sets must match (semantics §5, "Which policies
//! apply").
//!
//! A fact that is missing from the request matches on the include side and not on the exclude side.

use std::str::FromStr;

use crosstrust::request::{Device, DeviceProperty, PropertyValue, Request};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{AuthenticationFlow, ClientAppType, InsiderRiskLevel, RiskLevel};
use serde_json::Value;

use super::documents::{comma_separated, has_word, is_word, list, member, text, texts};
use super::{Fact, TenantDocuments, World, filter, locations, user_types};

pub fn apply(
    world: &World,
    tenant: &TenantDocuments,
    policy: &Value,
    request: &Request,
    now: Timestamp,
) -> bool {
    let conditions = member(policy, "conditions").expect("a policy has conditions");
    !is_for_workloads(conditions)
        && user_types::matches(
            world,
            member(conditions, "users").expect("users"),
            request,
            now,
        )
        && applications(
            world,
            tenant,
            member(conditions, "applications").expect("applications"),
            request,
        )
        && client_app_types(conditions, request)
        && platforms(conditions, request)
        && locations::matches(tenant, conditions, request)
        && risk::<RiskLevel>(
            texts(conditions, "signInRiskLevels"),
            request.context.sign_in_risk,
        )
        && risk::<RiskLevel>(
            texts(conditions, "userRiskLevels"),
            request.context.user_risk,
        )
        && risk::<InsiderRiskLevel>(
            comma_separated(conditions, "insiderRiskLevels"),
            request.context.insider_risk,
        )
        && authentication_flows(conditions, request)
        && device_filter(conditions, request)
        && device_states(conditions, request)
}

/// Whether it is a policy for workload identities or agents, which applies to no user.
fn is_for_workloads(conditions: &Value) -> bool {
    [
        "clientApplications",
        "servicePrincipalRiskLevels",
        "agentIdRiskLevels",
        "agents",
        "agentContext",
    ]
    .into_iter()
    .filter_map(|name| member(conditions, name))
    .any(is_set)
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_set),
        Value::Object(members) => members.values().any(is_set),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn applications(
    world: &World,
    tenant: &TenantDocuments,
    condition: &Value,
    request: &Request,
) -> bool {
    if is_action_excluded(tenant, condition, request) {
        return false;
    }
    let mut included: Vec<Fact> = texts(condition, "includeApplications")
        .into_iter()
        .map(|word| named_application(world, word, request))
        .collect();
    let mut excluded: Vec<Fact> = texts(condition, "excludeApplications")
        .into_iter()
        .map(|word| named_application(world, word, request))
        .collect();
    for action in texts(condition, "includeUserActions") {
        let action = action.parse().expect("a user action");
        included.push(Fact::from_bool(request.context.user_action == Some(action)));
    }
    for context in texts(condition, "includeAuthenticationContextClassReferences") {
        let asked = request.context.authentication_context.as_deref();
        included.push(Fact::from_bool(
            asked.is_some_and(|asked| is_word(asked, context)),
        ));
    }
    if let Some(rule) = member(condition, "applicationFilter") {
        let holds = filter::evaluate(text(rule, "rule").expect("a rule"), &|property| {
            application_attribute(property, request)
        });
        match is_include(rule) {
            true => included.push(holds),
            false => excluded.push(holds),
        }
    }
    Fact::any(included) != Fact::No && Fact::any(excluded) != Fact::Yes
}

/// Whether the tenant's settings exclude the request's user action from policies for all resources. A policy that names
/// the action itself still applies.
fn is_action_excluded(tenant: &TenantDocuments, condition: &Value, request: &Request) -> bool {
    let Some(own) = request.context.user_action else {
        return false;
    };
    has_word(&texts(condition, "includeApplications"), "All")
        && !texts(condition, "includeUserActions")
            .into_iter()
            .any(|action| action.parse() == Ok(own))
        && excluded_actions(tenant).any(|action| action.parse() == Ok(own))
}

/// The actions of enabled exclusions, as written.
fn excluded_actions(tenant: &TenantDocuments) -> impl Iterator<Item = &str> {
    tenant
        .objects("conditional-access-settings")
        .into_iter()
        .filter_map(|settings| member(settings, "exclusions"))
        .filter_map(|exclusions| member(exclusions, "allResourcesExclusions"))
        .flat_map(|resources| list(resources, "userActionExclusions"))
        .filter(|entry| text(entry, "state").is_some_and(|state| is_word(state, "enabled")))
        .filter_map(|entry| text(entry, "userAction"))
}

fn named_application(world: &World, word: &str, request: &Request) -> Fact {
    if is_word(word, "All") {
        Fact::Yes
    } else if is_word(word, "None") {
        Fact::No
    } else if is_word(word, "Office365") {
        world.in_bundle(request.app, "Office365")
    } else if is_word(word, "MicrosoftAdminPortals") {
        world.in_bundle(request.app, "MicrosoftAdminPortals")
    } else if is_word(word, "AllAgentIdResources") {
        world.is_agent(request.app)
    } else {
        Fact::from_bool(word.parse() == Ok(request.app))
    }
}

/// `CustomSecurityAttribute.<Set>_<Name>`; unknown if the request does not contain it.
fn application_attribute(property: &str, request: &Request) -> Option<PropertyValue> {
    let (kind, name) = property.split_once('.').expect("a dotted property");
    assert!(is_word(kind, "CustomSecurityAttribute"));
    request
        .context
        .app_attributes
        .get(&name.to_lowercase())
        .cloned()
}

fn client_app_types(conditions: &Value, request: &Request) -> bool {
    let types = texts(conditions, "clientAppTypes");
    types.is_empty()
        || has_word(&types, "all")
        || Fact::any(types.iter().map(|word| client_app_type(word, request))) != Fact::No
}

/// `exchangeActiveSync` is the wider word: it includes clients of `easSupported`. If a request states the wider word, the
/// narrower one is unknown.
fn client_app_type(word: &str, request: &Request) -> Fact {
    let Some(own) = request.context.client_app_type else {
        return Fact::Unknown;
    };
    let listed: ClientAppType = word.parse().expect("a client type");
    match (listed, own) {
        (ClientAppType::ExchangeActiveSync, ClientAppType::EasSupported) => Fact::Yes,
        (ClientAppType::EasSupported, ClientAppType::ExchangeActiveSync) => Fact::Unknown,
        (listed, own) => Fact::from_bool(listed == own),
    }
}

fn platforms(conditions: &Value, request: &Request) -> bool {
    let Some(condition) = member(conditions, "platforms") else {
        return true;
    };
    let include = texts(condition, "includePlatforms");
    let exclude = texts(condition, "excludePlatforms");
    let own = request.context.platform;
    let included = include.is_empty() || has_word(&include, "all") || is_or_unknown(&include, own);
    // A platform that is missing from the request is never excluded, not even by `all`.
    let excluded = own.is_some_and(|own| has_word(&exclude, "all") || is_one_of(&exclude, own));
    included && !excluded
}

/// A condition that is a list of words.
fn risk<W: FromStr<Err: std::fmt::Debug> + PartialEq + Copy>(
    levels: Vec<&str>,
    own: Option<W>,
) -> bool {
    levels.is_empty() || is_or_unknown(&levels, own)
}

fn authentication_flows(conditions: &Value, request: &Request) -> bool {
    let Some(condition) = member(conditions, "authenticationFlows") else {
        return true;
    };
    let methods: Vec<&str> = comma_separated(condition, "transferMethods")
        .into_iter()
        .filter(|word| !is_word(word, "none"))
        .collect();
    risk::<AuthenticationFlow>(methods, request.context.authentication_flow)
}

fn device_filter(conditions: &Value, request: &Request) -> bool {
    let rule = member(conditions, "devices").and_then(|devices| member(devices, "deviceFilter"));
    let Some(rule) = rule else {
        return true;
    };
    let holds = filter::evaluate(text(rule, "rule").expect("a rule"), &|property| {
        let (kind, name) = property.split_once('.').expect("a dotted property");
        assert!(is_word(kind, "device"));
        device_property(name.parse().expect("a device property"), request)
    });
    match is_include(rule) {
        true => holds != Fact::No,
        false => holds != Fact::Yes,
    }
}

fn device_property(property: DeviceProperty, request: &Request) -> Option<PropertyValue> {
    match &request.context.device {
        None => None,
        Some(Device::Unregistered) => Some(PropertyValue::Null),
        Some(Device::Registered(properties)) => properties.get(&property).cloned(),
    }
}

/// The deprecated members, in all their locations, are one condition.
fn device_states(conditions: &Value, request: &Request) -> bool {
    let mut include = Vec::new();
    let mut exclude = Vec::new();
    if let Some(devices) = member(conditions, "devices") {
        include.extend(texts(devices, "includeDevices"));
        include.extend(texts(devices, "includeDeviceStates"));
        exclude.extend(texts(devices, "excludeDevices"));
        exclude.extend(texts(devices, "excludeDeviceStates"));
    }
    if let Some(states) = member(conditions, "deviceStates") {
        include.extend(texts(states, "includeStates"));
        exclude.extend(texts(states, "excludeStates"));
    }
    let state = |word: &&str| device_state(word, request);
    let included = include.is_empty() || Fact::any(include.iter().map(state)) != Fact::No;
    included && Fact::any(exclude.iter().map(state)) != Fact::Yes
}

fn device_state(word: &str, request: &Request) -> Fact {
    let (property, wanted) = if is_word(word, "All") {
        return Fact::Yes;
    } else if is_word(word, "Compliant") {
        (DeviceProperty::IsCompliant, "True")
    } else if is_word(word, "DomainJoined") {
        (DeviceProperty::TrustType, "ServerAD")
    } else {
        panic!("unknown device state {word}");
    };
    match device_property(property, request) {
        None => Fact::Unknown,
        Some(PropertyValue::Text(own)) => Fact::from_bool(is_word(&own, wanted)),
        Some(PropertyValue::Null | PropertyValue::List(_)) => Fact::No,
    }
}

fn is_include(rule: &Value) -> bool {
    let mode = text(rule, "mode").expect("a filter has a mode");
    assert!(is_word(mode, "include") || is_word(mode, "exclude"));
    is_word(mode, "include")
}

fn is_or_unknown<W: FromStr<Err: std::fmt::Debug> + PartialEq + Copy>(
    words: &[&str],
    own: Option<W>,
) -> bool {
    own.is_none_or(|own| is_one_of(words, own))
}

fn is_one_of<W: FromStr<Err: std::fmt::Debug> + PartialEq>(words: &[&str], own: W) -> bool {
    words
        .iter()
        .filter(|word| !is_word(word, "all"))
        .any(|word| word.parse::<W>().expect("a word of its list") == own)
}
