//! `conditionalAccessConditionSet` (learn.microsoft.com/graph/api/resources/conditionalaccessconditionset).

use super::super::document::{
    At, ClientAppTypes, Conditions, FilterCondition, LocationEntry, UsersCondition,
};
use super::super::finding::Code;
use super::super::members::Members;
use super::super::node::Node;
use super::super::values::{is_blank, unknown_word, word, word_beside, word_list, word_set};
use super::applications::applications;
use super::users::users;
use super::{Entry, filter, word_or_id};
use crate::id::LocationId;
use crate::vocabulary::{
    AuthenticationFlow, ClientAppType, DeviceState, IncludeExclude, InsiderRiskLevel, Platform,
    RiskLevel, WordSet,
};

/// The conditions of a policy.
pub(super) fn conditions(node: Node<'_>) -> Option<Conditions> {
    let mut members = node.object()?;
    let for_workloads = take_workload_conditions(&mut members);
    let users = members.take("users").and_then(users);
    let applications = members.take("applications").and_then(applications);
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
        sign_in_risk: word_list::<RiskLevel>(&mut members, "signInRiskLevels"),
        user_risk: word_list::<RiskLevel>(&mut members, "userRiskLevels"),
        insider_risk: insider_risk(&mut members),
        authentication_flows: authentication_flows(&mut members),
        device_filter,
        device_states,
        for_workloads,
    };
    members.close();
    if for_workloads && conditions.users.as_ref().is_some_and(includes_somebody) {
        let message = "found users included beside a condition for workload identities or agents: the \
                       policy applies to workloads only, never to users";
        node.warning(Code::NoEffect, message);
    }
    Some(conditions)
}

/// Conditions that only workload identities and agents can meet (semantics §5).
const WORKLOAD_MEMBERS: [&str; 5] = [
    "clientApplications",
    "servicePrincipalRiskLevels",
    "agentIdRiskLevels",
    "agents",
    "agentContext",
];

/// Whether a policy's conditions make it one for workload identities or agents.
pub(super) fn is_for_workloads(policy: Node<'_>) -> bool {
    policy
        .peek("conditions")
        .is_some_and(|conditions| WORKLOAD_MEMBERS.iter().any(|name| conditions.has(name)))
}

fn take_workload_conditions(members: &mut Members<'_>) -> bool {
    let is_set = WORKLOAD_MEMBERS.map(|name| members.take_set(name).is_some());
    is_set.contains(&true)
}

fn includes_somebody(users: &UsersCondition) -> bool {
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
            Some(_) if is_blank(node) => {}
            Some(_) | None => {
                if let Some(word) = word_beside::<ClientAppType>(node, "all") {
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
        let entries = members.list(name).filter(|node| !is_blank(*node));
        entries.filter_map(platform).collect()
    };
    let platforms = IncludeExclude {
        include: list("includePlatforms"),
        exclude: list("excludePlatforms"),
    };
    members.close();
    set(platforms)
}

/// `all` is no platform of its own.
fn platform(node: Node<'_>) -> Option<Option<Platform>> {
    let text = node.as_text();
    match text.is_some_and(|text| text.eq_ignore_ascii_case("all")) {
        true => Some(None),
        false => word_beside(node, "all").map(Some),
    }
}

fn locations(node: Node<'_>) -> Option<IncludeExclude<At<LocationEntry>>> {
    let mut members = node.object()?;
    let mut list = |name| members.list(name).filter_map(location).collect();
    let locations = IncludeExclude {
        include: list("includeLocations"),
        exclude: list("excludeLocations"),
    };
    members.close();
    set(locations)
}

fn location(node: Node<'_>) -> Option<At<LocationEntry>> {
    let words = ["All", "AllTrusted"];
    let value = match word_or_id::<LocationId>(node, &words, "the id of a named location")? {
        Entry::Word("All") => LocationEntry::All,
        Entry::Word(_) => LocationEntry::AllTrusted,
        Entry::Id(id) => LocationEntry::Location(id),
    };
    let place = node.place();
    Some(At { value, place })
}

/// A condition with two empty lists is not set.
fn set<T>(condition: IncludeExclude<T>) -> Option<IncludeExclude<T>> {
    (!condition.include.is_empty() || !condition.exclude.is_empty()).then_some(condition)
}

/// One comma-separated text; `none` is our word and not one of a policy.
fn insider_risk(members: &mut Members<'_>) -> WordSet<InsiderRiskLevel> {
    let Some(node) = members.take_set("insiderRiskLevels") else {
        return WordSet::EMPTY;
    };
    let levels: WordSet<InsiderRiskLevel> = word_set(node, None);
    if levels.contains(InsiderRiskLevel::None) {
        unknown_word(node, "none", "expected one of minor, moderate, elevated");
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
    methods.map_or(WordSet::EMPTY, |node| word_set(node, Some("none")))
}

/// The filter, and the deprecated states from the two places where they may stand.
fn devices(
    members: &mut Members<'_>,
) -> (Option<FilterCondition>, Option<IncludeExclude<DeviceState>>) {
    let mut states = IncludeExclude {
        include: Vec::new(),
        exclude: Vec::new(),
    };
    let mut device_filter = None;
    if let Some(mut devices) = members.take_set("devices").and_then(Node::object) {
        device_filter = devices.take_set("deviceFilter").and_then(filter);
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
    (device_filter, set(states))
}

fn add_states(
    states: &mut IncludeExclude<DeviceState>,
    members: &mut Members<'_>,
    include: &'static str,
    exclude: &'static str,
) {
    let mut list = |name| {
        let entries = members.list(name).filter(|node| !is_blank(*node));
        entries.filter_map(word::<DeviceState>).collect::<Vec<_>>()
    };
    states.include.extend(list(include));
    states.exclude.extend(list(exclude));
}

/// Members of conditions that tools with a flat form write at the top of a policy.
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
