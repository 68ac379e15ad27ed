//! The conditions of a Conditional Access policy: it applies if every condition that it sets matches (semantics §5).
//!
//! If the request lacks an input of a condition, the include side matches and the exclude side does not: a
//! missing fact never disables a policy.

use super::conditional_access::PolicyInput;
use super::matching::Match;
use super::users::{self, ListSide};
use super::{applications, filter};
use crate::request::{Context, DeviceProperty};
use crate::snapshot::{Location, LocationTest, Policy, PolicyFilter};
use crate::vocabulary::{
    ClientAppType, Country, DeviceState, FilterMode, IncludeExclude, Platform, Word, WordSet,
};

type Condition = fn(&Policy, &PolicyInput<'_>) -> Match;

/// Every condition by its name in Graph, cheapest and most selective first. `Unknown`: the request lacks a
/// fact, and the condition counts as matching. A condition that is not set matches.
pub(super) const CONDITIONS: [(&str, Condition); 11] = [
    ("users", |policy, input| {
        let named = |clause, side| users::list_matches(clause, side, input.types, input.evaluation);
        Match::all([
            named(&policy.include_users, ListSide::Include),
            !named(&policy.exclude_users, ListSide::Exclude),
        ])
    }),
    ("applications", |policy, input| {
        applications::apply(&policy.apps, input)
    }),
    ("clientAppTypes", |policy, input| {
        let set = policy.client_app_types;
        set.map_or(Match::Yes, |set| {
            client_app_type(set, input.context().client_app_type)
        })
    }),
    ("signInRiskLevels", |policy, input| {
        unset_or_one_of(policy.sign_in_risk, input.context().sign_in_risk)
    }),
    ("userRiskLevels", |policy, input| {
        unset_or_one_of(policy.user_risk, input.context().user_risk)
    }),
    ("insiderRiskLevels", |policy, input| {
        unset_or_one_of(policy.insider_risk, input.context().insider_risk)
    }),
    ("authenticationFlows", |policy, input| {
        let flow = input.context().authentication_flow;
        unset_or_one_of(policy.authentication_flows, flow)
    }),
    ("platforms", |policy, input| {
        platforms(&policy.platforms, input.context().platform)
    }),
    ("locations", |policy, input| {
        match_entries(&policy.locations, |entry| in_location(*entry, input))
    }),
    ("devices.deviceFilter", |policy, input| {
        let filter = policy.device_filter.as_ref();
        filter.map_or(Match::Yes, |filter| device_filter(filter, input.context()))
    }),
    ("devices.deviceStates", |policy, input| {
        match_entries(&policy.device_states, |state| {
            in_state(*state, input.context())
        })
    }),
];

/// Whether every condition matches.
pub(super) fn all_match(policy: &Policy, input: &PolicyInput<'_>) -> bool {
    CONDITIONS
        .iter()
        .all(|(_, condition)| condition(policy, input).counts_as_match())
}

fn unset_or_one_of<W: Word>(set: WordSet<W>, fact: Option<W>) -> Match {
    if set.is_empty() {
        Match::Yes
    } else {
        one_of(set, fact)
    }
}

fn one_of<W: Word>(set: WordSet<W>, fact: Option<W>) -> Match {
    fact.map_or(Match::Unknown, |fact| Match::from_bool(set.contains(fact)))
}

/// `exchangeActiveSync` includes the clients of `easSupported`. A request with `exchangeActiveSync` leaves open
/// whether `easSupported` matches (semantics §5).
fn client_app_type(set: WordSet<ClientAppType>, actual: Option<ClientAppType>) -> Match {
    use ClientAppType::{EasSupported, ExchangeActiveSync};
    match one_of(set, actual) {
        Match::No if actual == Some(EasSupported) => {
            Match::from_bool(set.contains(ExchangeActiveSync))
        }
        Match::No if actual == Some(ExchangeActiveSync) && set.contains(EasSupported) => {
            Match::Unknown
        }
        answer => answer,
    }
}

/// `all` includes every platform, also an unknown one. An unknown platform is never excluded, not even by `all`
/// (semantics §9).
fn platforms(
    lists: &Option<IncludeExclude<Option<Platform>>>,
    platform: Option<Platform>,
) -> Match {
    let is_listed = |entry: &Option<Platform>| match (entry, platform) {
        (_, None) => Match::Unknown,
        (None, Some(_)) => Match::Yes,
        (Some(entry), Some(platform)) => Match::from_bool(*entry == platform),
    };
    let is_included = |entry: &Option<Platform>| match entry {
        None => Match::Yes,
        Some(_) => is_listed(entry),
    };
    match_lists(lists, is_included, is_listed)
}

/// Matches an include and an exclude list with one test.
fn match_entries<T>(lists: &Option<IncludeExclude<T>>, test: impl Fn(&T) -> Match) -> Match {
    match_lists(lists, &test, &test)
}

/// Matches with a separate test for each side. An empty include list includes everything.
fn match_lists<T>(
    lists: &Option<IncludeExclude<T>>,
    is_included: impl Fn(&T) -> Match,
    is_excluded: impl Fn(&T) -> Match,
) -> Match {
    let Some(IncludeExclude { include, exclude }) = lists else {
        return Match::Yes;
    };
    let included = if include.is_empty() {
        Match::Yes
    } else {
        Match::any(include.iter().map(is_included))
    };
    Match::all([included, !Match::any(exclude.iter().map(is_excluded))])
}

fn in_location(entry: LocationTest, input: &PolicyInput<'_>) -> Match {
    match entry {
        LocationTest::All => Match::Yes,
        LocationTest::AllTrusted => {
            let trusted = input.resource.trusted_locations.iter();
            Match::any(trusted.map(|position| in_named_location(*position, input)))
        }
        LocationTest::Named(position) => in_named_location(position, input),
        LocationTest::MfaTrustedIps => Match::Unknown,
    }
}

pub(super) fn in_named_location(position: u32, input: &PolicyInput<'_>) -> Match {
    let context = input.context();
    match input.evaluation.snapshot.location(position) {
        Some(Location::Ip(ranges)) => context.ip_address.map_or(Match::Unknown, |address| {
            Match::from_bool(ranges.contains(address))
        }),
        Some(Location::Country {
            countries,
            include_unknown,
            lookup,
        }) => match context.country.filter(|located| located.source == *lookup) {
            None => Match::Unknown,
            Some(located) if located.country == Country::UNKNOWN => {
                Match::from_bool(*include_unknown)
            }
            Some(located) => Match::from_bool(countries.binary_search(&located.country).is_ok()),
        },
        Some(Location::CompliantNetwork) | None => Match::Unknown,
    }
}

fn device_filter(filter: &PolicyFilter, context: &Context) -> Match {
    let holds = filter::holds(&filter.rule, context);
    match filter.mode {
        FilterMode::Include => holds,
        FilterMode::Exclude => !holds,
    }
}

/// The deprecated device states, by the device properties that replace them.
fn in_state(state: DeviceState, context: &Context) -> Match {
    match state {
        DeviceState::All => Match::Yes,
        DeviceState::Compliant => filter::device_is(context, DeviceProperty::IsCompliant, "true"),
        DeviceState::DomainJoined => {
            filter::device_is(context, DeviceProperty::TrustType, "serverad")
        }
    }
}
