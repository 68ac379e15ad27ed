//! Short texts for administrators: the values of policies and requests.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::conditions::texts;
use crate::evaluate::conditional_access::PolicyInput;
use crate::evaluate::filter as rules;
use crate::id::{AppId, TenantId, UserId};
use crate::request::{Context, Device, PropertyValue, Request, UserClass};
use crate::snapshot::{
    AddressRanges, AppSet, AppsCondition, Attribute, Location, LocationTest, PolicyFilter,
    Snapshot, UsersClause, app_names,
};
use crate::vocabulary::{Country, IncludeExclude, Word, WordSet};

const NOT_PROVIDED: &str = "not provided";

/// Lists up to this length are written out, longer ones only as a number.
const MAX_LISTED: usize = 3;

pub(super) fn set<W: Word + Display>(words: WordSet<W>) -> String {
    texts(words).join(", ")
}

pub(super) fn maybe<T: Display>(fact: Option<T>) -> String {
    fact.map_or_else(|| NOT_PROVIDED.to_owned(), |fact| fact.to_string())
}

/// `include a, b; exclude c`
pub(super) fn lists(include: Vec<String>, exclude: Vec<String>) -> String {
    let lists = [("include", include), ("exclude", exclude)];
    let set = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let parts: Vec<String> = set
        .map(|(side, list)| format!("{side} {}", list.join(", ")))
        .collect();
    parts.join("; ")
}

pub(super) fn include_exclude<T>(
    condition: &Option<IncludeExclude<T>>,
    text: impl Fn(&T) -> String,
) -> String {
    condition.as_ref().map_or_else(String::new, |condition| {
        let include = condition.include.iter().map(&text).collect();
        let exclude = condition.exclude.iter().map(&text).collect();
        lists(include, exclude)
    })
}

fn counted(number: usize, what: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{number} {what}s")),
    }
}

/// The names of up to [`MAX_LISTED`] ids, else their number.
fn ids<I>(ids: &[I], what: &str, name: impl Fn(&I) -> String) -> Vec<String> {
    if ids.len() <= MAX_LISTED {
        ids.iter().map(name).collect()
    } else {
        counted(ids.len(), what).into_iter().collect()
    }
}

/// Display name and id.
pub(super) fn tenant(id: TenantId, snapshot: &Snapshot) -> String {
    match snapshot.tenant_name(id) {
        Some(name) => format!("{name} ({id})"),
        None => id.to_string(),
    }
}

/// Name, for a Microsoft application, and id.
pub(super) fn app(id: AppId) -> String {
    match app_names::name_of(id) {
        Some(name) => format!("{name} ({id})"),
        None => id.to_string(),
    }
}

pub(super) fn users(clause: &UsersClause, snapshot: &Snapshot) -> Vec<String> {
    let mut parts = Vec::new();
    if clause.all {
        parts.push("All".to_owned());
    }
    parts.extend(ids(&clause.users, "user", UserId::to_string));
    parts.extend(counted(clause.groups.positions().len(), "group"));
    parts.extend(counted(clause.roles.len(), "role"));
    parts.extend(clause.guests.iter().map(|guests| {
        let types = texts(guests.types).join(" or ");
        match guests.tenants.as_deref() {
            None => types,
            Some(tenants) => {
                let tenants = ids(tenants, "tenant", |id| tenant(*id, snapshot));
                format!("{types} of {}", tenants.join(", "))
            }
        }
    }));
    parts
}

pub(super) fn user(input: &PolicyInput<'_>) -> String {
    let request = input.evaluation.request;
    let kind = match input.evaluation.class {
        UserClass::Internal => format!("internal user {}", maybe(request.user)),
        UserClass::DirectConnect => format!("direct connect user {}", maybe(request.user)),
        UserClass::Collaboration => {
            format!(
                "collaboration user, resource_user {}",
                maybe(request.resource_user)
            )
        }
    };
    let types = texts(input.types).join(", ");
    match input.types.iter().count() {
        0 => kind,
        1 => format!("{kind}, {types}"),
        _ => format!("{kind}, counts as {types}"),
    }
}

pub(super) fn app_set(apps: &AppSet) -> Vec<String> {
    let AppSet {
        all,
        bundles,
        agent_resources,
        ids: listed,
    } = apps;
    let mut parts: Vec<String> = all.then(|| "All".to_owned()).into_iter().collect();
    parts.extend(texts(*bundles));
    parts.extend(agent_resources.then(|| "AllAgentIdResources".to_owned()));
    parts.extend(ids(listed, "application", |id| app(*id)));
    parts
}

pub(super) fn applications(condition: &AppsCondition) -> String {
    let mut include = app_set(&condition.include);
    include.extend(texts(condition.user_actions));
    include.extend(condition.authentication_contexts.iter().cloned());
    let listed = lists(include, app_set(&condition.exclude));
    let filtered = condition.filter.as_ref().map(filter);
    let parts = [Some(listed).filter(|text| !text.is_empty()), filtered];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The application, user action and authentication context of the request.
pub(super) fn target(request: &Request) -> String {
    let context = &request.context;
    let mut parts = vec![app(request.app)];
    parts.extend(context.user_action.map(|action| action.to_string()));
    parts.extend(context.authentication_context.clone());
    parts.join(", ")
}

pub(super) fn filter(filter: &PolicyFilter) -> String {
    // Against an empty context every attribute is unknown, so this lists all attributes of the rule.
    let attributes = rules::unknown_attributes(&filter.rule, &Context::EMPTY);
    let attributes: Vec<String> = attributes
        .into_iter()
        .map(|attribute| match attribute {
            Attribute::Device(property) => format!("device.{}", property.name()),
            Attribute::Application(name) => format!("CustomSecurityAttribute.{name}"),
        })
        .collect();
    format!("{} by a rule over {}", filter.mode, attributes.join(", "))
}

pub(super) fn location(entry: LocationTest, input: &PolicyInput<'_>) -> String {
    let position = match entry {
        LocationTest::All => return "All".to_owned(),
        LocationTest::AllTrusted => return "AllTrusted".to_owned(),
        LocationTest::MfaTrustedIps => return "the MFA trusted IPs".to_owned(),
        LocationTest::Named(position) => position,
    };
    match input.evaluation.snapshot.location(position) {
        Some(Location::Ip(ranges)) => format!("an IP location of {}", addresses(ranges)),
        Some(Location::Country {
            countries,
            include_unknown,
            lookup,
        }) => {
            let mut parts = match countries.len() <= MAX_LISTED {
                true => countries.iter().map(Country::to_string).collect(),
                false => vec![format!("{} countries", countries.len())],
            };
            parts.extend(include_unknown.then(|| "unknown countries".to_owned()));
            format!("{} (determined by {lookup})", parts.join(", "))
        }
        Some(Location::CompliantNetwork) => "a compliant network".to_owned(),
        None => "an unknown location".to_owned(),
    }
}

/// Up to [`MAX_LISTED`] ranges, else their number.
fn addresses(ranges: &AddressRanges) -> String {
    let range = |first: IpAddr, last: IpAddr| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    };
    let v4 = ranges.v4().iter();
    let v4 =
        v4.map(|(first, last)| range(Ipv4Addr::from(*first).into(), Ipv4Addr::from(*last).into()));
    let v6 = ranges.v6().iter();
    let v6 =
        v6.map(|(first, last)| range(Ipv6Addr::from(*first).into(), Ipv6Addr::from(*last).into()));
    match ranges.v4().len() + ranges.v6().len() {
        0 => "no addresses".to_owned(),
        1..=MAX_LISTED => v4.chain(v6).collect::<Vec<_>>().join(", "),
        number => format!("{number} address ranges"),
    }
}

pub(super) fn place(context: &Context) -> String {
    let country = context.country.map_or_else(
        || NOT_PROVIDED.to_owned(),
        |located| format!("{} ({})", located.country, located.source),
    );
    format!(
        "ip_address {}, country {country}",
        maybe(context.ip_address)
    )
}

pub(super) fn device(context: &Context) -> String {
    match &context.device {
        None => NOT_PROVIDED.to_owned(),
        Some(Device::Unregistered) => "not registered".to_owned(),
        Some(Device::Registered(known)) if known.is_empty() => "registered".to_owned(),
        Some(Device::Registered(known)) => {
            let parts = known.iter().map(|(property, value)| {
                let value = match value {
                    PropertyValue::Null => "null".to_owned(),
                    PropertyValue::Text(text) => text.clone(),
                    PropertyValue::List(texts) => texts.join(" "),
                };
                format!("{} {value}", property.name())
            });
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}
