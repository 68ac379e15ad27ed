//! `conditionalAccessConditionSet` (learn.microsoft.com/graph/api/resources/conditionalaccessconditionset).

use super::super::document::{
    ClientAppTypes, Conditions, FilterCondition, Located, LocationEntry, UsersCondition,
};
use super::super::finding::Code;
use super::super::members::Members;
use super::super::node::Node;
use super::super::values::{
    parse_word, parse_word_list, parse_word_or, parse_word_set, report_unknown_word, warn_if_empty,
};
use super::applications::parse_applications;
use super::users::parse_users;
use super::{WordOrId, parse_filter, parse_word_or_id};
use crate::id::LocationId;
use crate::vocabulary::{
    AuthenticationFlow, ClientAppType, DeviceState, IncludeExclude, InsiderRiskLevel, Platform,
    RiskLevel, WordSet,
};

/// Parses the conditions of a policy.
pub(super) fn parse_conditions(node: Node<'_>) -> Option<Conditions> {
    let mut members = node.object()?;
    let for_workloads = take_workload_conditions(&mut members);
    let users = members.take("users").and_then(parse_users);
    let applications = members.take("applications").and_then(parse_applications);
    let client_app_types = client_app_types(&mut members);
    let platforms = members.take_set("platforms").and_then(platforms);
    let locations = members.take_set("locations").and_then(locations);
    let (device_filter, device_states) = devices(&mut members);
    let conditions = Conditions {
        place: node.place(),
        users,
        applications,
        client_app_types,
        platforms,
        locations,
        sign_in_risk: parse_word_list::<RiskLevel>(&mut members, "signInRiskLevels"),
        user_risk: parse_word_list::<RiskLevel>(&mut members, "userRiskLevels"),
        insider_risk: insider_risk(&mut members),
        authentication_flows: authentication_flows(&mut members),
        device_filter,
        device_states,
        for_workloads,
    };
    members.close();
    if for_workloads && conditions.users.as_ref().is_some_and(includes_users) {
        let message = "found included users and a condition for workload identities or agents: the policy \
                       never applies to users";
        node.warning(Code::NoEffect, message);
    }
    Some(conditions)
}

/// The conditions that only workload identities and agents can satisfy (semantics §5).
const WORKLOAD_MEMBERS: [&str; 5] = [
    "clientApplications",
    "servicePrincipalRiskLevels",
    "agentIdRiskLevels",
    "agents",
    "agentContext",
];

/// Whether a policy is for workload identities or agents, according to its conditions.
pub(super) fn is_for_workloads(policy: Node<'_>) -> bool {
    policy
        .peek("conditions")
        .is_some_and(|conditions| WORKLOAD_MEMBERS.iter().any(|name| conditions.has(name)))
}

fn take_workload_conditions(members: &mut Members<'_>) -> bool {
    let is_set = WORKLOAD_MEMBERS.map(|name| members.take_set(name).is_some());
    is_set.contains(&true)
}

fn includes_users(users: &UsersCondition) -> bool {
    let list = &users.include;
    list.all
        || list.guests_or_external_users
        || list.guests.is_some()
        || !list.users.is_empty()
        || !list.groups.is_empty()
        || !list.roles.is_empty()
}

fn client_app_types(members: &mut Members<'_>) -> ClientAppTypes {
    let mut types = WordSet::EMPTY;
    let mut all = false;
    for node in members.list("clientAppTypes") {
        match node.as_text() {
            Some(text) if text.eq_ignore_ascii_case("all") => all = true,
            Some(_) if warn_if_empty(node) => {}
            Some(_) | None => {
                if let Some(word) = parse_word_or::<ClientAppType>(node, "all") {
                    types = types.with(word);
                }
            }
        }
    }
    match all || types.is_empty() {
        true => ClientAppTypes::All,
        false => ClientAppTypes::These(types),
    }
}

fn platforms(node: Node<'_>) -> Option<IncludeExclude<Option<Platform>>> {
    let mut members = node.object()?;
    let mut list = |name| {
        let entries = members.list(name).filter(|node| !warn_if_empty(*node));
        entries.filter_map(platform).collect()
    };
    let platforms = IncludeExclude {
        include: list("includePlatforms"),
        exclude: list("excludePlatforms"),
    };
    members.close();
    non_empty(platforms)
}

/// Parses a platform; `all` is `None`.
fn platform(node: Node<'_>) -> Option<Option<Platform>> {
    let text = node.as_text();
    match text.is_some_and(|text| text.eq_ignore_ascii_case("all")) {
        true => Some(None),
        false => parse_word_or(node, "all").map(Some),
    }
}

fn locations(node: Node<'_>) -> Option<IncludeExclude<Located<LocationEntry>>> {
    let mut members = node.object()?;
    let mut list = |name| members.list(name).filter_map(location).collect();
    let locations = IncludeExclude {
        include: list("includeLocations"),
        exclude: list("excludeLocations"),
    };
    members.close();
    non_empty(locations)
}

fn location(node: Node<'_>) -> Option<Located<LocationEntry>> {
    let words = ["All", "AllTrusted"];
    let value = match parse_word_or_id::<LocationId>(node, &words, "the id of a named location")? {
        WordOrId::Word("All") => LocationEntry::All,
        WordOrId::Word(_) => LocationEntry::AllTrusted,
        WordOrId::Id(id) => LocationEntry::Location(id),
    };
    let place = node.place();
    Some(Located { value, place })
}

/// Returns `None` for a condition with two empty lists.
fn non_empty<T>(condition: IncludeExclude<T>) -> Option<IncludeExclude<T>> {
    (!condition.include.is_empty() || !condition.exclude.is_empty()).then_some(condition)
}

/// Parses a comma-separated string. `none` is a value for requests only.
fn insider_risk(members: &mut Members<'_>) -> WordSet<InsiderRiskLevel> {
    let Some(node) = members.take_set("insiderRiskLevels") else {
        return WordSet::EMPTY;
    };
    let levels: WordSet<InsiderRiskLevel> = parse_word_set(node, None);
    if levels.contains(InsiderRiskLevel::None) {
        report_unknown_word(node, "none", "expected one of minor, moderate, elevated");
    }
    levels
}

fn authentication_flows(members: &mut Members<'_>) -> WordSet<AuthenticationFlow> {
    let flows = members.take_set("authenticationFlows");
    let Some(mut members) = flows.and_then(Node::object) else {
        return WordSet::EMPTY;
    };
    let methods = members.take_set("transferMethods");
    members.close();
    methods.map_or(WordSet::EMPTY, |node| parse_word_set(node, Some("none")))
}

/// Parses the device filter, and the deprecated device states from both of their locations.
fn devices(
    members: &mut Members<'_>,
) -> (Option<FilterCondition>, Option<IncludeExclude<DeviceState>>) {
    let mut states = IncludeExclude {
        include: Vec::new(),
        exclude: Vec::new(),
    };
    let mut device_filter = None;
    if let Some(mut devices) = members.take_set("devices").and_then(Node::object) {
        device_filter = devices.take_set("deviceFilter").and_then(parse_filter);
        for (include, exclude) in [
            ("includeDevices", "excludeDevices"),
            ("includeDeviceStates", "excludeDeviceStates"),
        ] {
            add_states(&mut states, &mut devices, include, exclude);
        }
        devices.close();
    }
    if let Some(mut device_states) = members.take_set("deviceStates").and_then(Node::object) {
        add_states(
            &mut states,
            &mut device_states,
            "includeStates",
            "excludeStates",
        );
        device_states.close();
    }
    (device_filter, non_empty(states))
}

fn add_states(
    states: &mut IncludeExclude<DeviceState>,
    members: &mut Members<'_>,
    include: &'static str,
    exclude: &'static str,
) {
    let mut list = |name| {
        let entries = members.list(name).filter(|node| !warn_if_empty(*node));
        entries
            .filter_map(parse_word::<DeviceState>)
            .collect::<Vec<_>>()
    };
    states.include.extend(list(include));
    states.exclude.extend(list(exclude));
}

/// Members that tools with a flat format write at the top level of a policy.
pub(in crate::graph) const FLAT_MEMBERS: &[&str] = &[
    "users",
    "applications",
    "includeUsers",
    "excludeUsers",
    "includeGroups",
    "excludeGroups",
    "includeRoles",
    "excludeRoles",
    "includeGuestsOrExternalUsers",
    "excludeGuestsOrExternalUsers",
    "includeApplications",
    "excludeApplications",
    "includeUserActions",
    "includeAuthenticationContextClassReferences",
    "clientAppTypes",
    "platforms",
    "includePlatforms",
    "excludePlatforms",
    "locations",
    "includeLocations",
    "excludeLocations",
    "signInRiskLevels",
    "userRiskLevels",
    "insiderRiskLevels",
    "deviceFilter",
    "builtInControls",
    "termsOfUse",
    "authenticationStrength",
];
