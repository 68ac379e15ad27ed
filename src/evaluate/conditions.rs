//! Does a policy apply? Every condition that it sets has to match (semantics §5).
//!
//! A condition whose input the request does not carry is taken to match on the include side and not to
//! match on the exclude side: a missing fact never switches a protection off.

use super::conditional_access::Subject;
use super::matching::Match;
use super::users::{self, Side};
use super::{applications, filter};
use crate::request::{Context, DeviceProperty};
use crate::snapshot::{Location, LocationTest, Policy, PolicyFilter};
use crate::vocabulary::{
    ClientAppType, Country, DeviceState, FilterMode, IncludeExclude, Platform, Word, WordSet,
};

type Condition = fn(&Policy, &Subject<'_>) -> Match;

/// Every condition by its name in Graph, cheapest and most selective first. `Unknown`: the request lacks a
/// fact, and the condition is taken to match. A condition that is not set matches.
pub(super) const CONDITIONS: [(&str, Condition); 11] = [
    ("users", |policy, subject| {
        let named = |clause, side| users::named(clause, side, subject.types, subject.question);
        Match::all([
            named(&policy.include_users, Side::Include),
            !named(&policy.exclude_users, Side::Exclude),
        ])
    }),
    ("applications", |policy, subject| {
        applications::apply(&policy.apps, subject)
    }),
    ("clientAppTypes", |policy, subject| {
        let set = policy.client_app_types;
        set.map_or(Match::Yes, |set| {
            client_app_type(set, subject.context().client_app_type)
        })
    }),
    ("signInRiskLevels", |policy, subject| {
        unset_or_one_of(policy.sign_in_risk, subject.context().sign_in_risk)
    }),
    ("userRiskLevels", |policy, subject| {
        unset_or_one_of(policy.user_risk, subject.context().user_risk)
    }),
    ("insiderRiskLevels", |policy, subject| {
        unset_or_one_of(policy.insider_risk, subject.context().insider_risk)
    }),
    ("authenticationFlows", |policy, subject| {
        let flow = subject.context().authentication_flow;
        unset_or_one_of(policy.authentication_flows, flow)
    }),
    ("platforms", |policy, subject| {
        platforms(&policy.platforms, subject.context().platform)
    }),
    ("locations", |policy, subject| {
        listed(&policy.locations, |entry| in_location(*entry, subject))
    }),
    ("devices.deviceFilter", |policy, subject| {
        let filter = policy.device_filter.as_ref();
        filter.map_or(Match::Yes, |filter| {
            device_filter(filter, subject.context())
        })
    }),
    ("devices.deviceStates", |policy, subject| {
        listed(&policy.device_states, |state| {
            in_state(*state, subject.context())
        })
    }),
];

/// Whether every condition matches.
pub(super) fn all_match(policy: &Policy, subject: &Subject<'_>) -> bool {
    CONDITIONS
        .iter()
        .all(|(_, condition)| condition(policy, subject).includes())
}

fn unset_or_one_of<W: Word>(set: WordSet<W>, fact: Option<W>) -> Match {
    if set.is_empty() {
        Match::Yes
    } else {
        one_of(set, fact)
    }
}

fn one_of<W: Word>(set: WordSet<W>, fact: Option<W>) -> Match {
    fact.map_or(Match::Unknown, |fact| Match::known(set.contains(fact)))
}

/// `exchangeActiveSync` is the wider word and means the clients of `easSupported` too. Of the narrower word,
/// a request that names the wider one does not say enough (semantics §5).
fn client_app_type(set: WordSet<ClientAppType>, own: Option<ClientAppType>) -> Match {
    use ClientAppType::{EasSupported, ExchangeActiveSync};
    match one_of(set, own) {
        Match::No if own == Some(EasSupported) => Match::known(set.contains(ExchangeActiveSync)),
        Match::No if own == Some(ExchangeActiveSync) && set.contains(EasSupported) => {
            Match::Unknown
        }
        answer => answer,
    }
}

/// `all` includes every platform, named or not. A platform that the request does not name is never excluded,
/// not by `all` either (semantics §9).
fn platforms(
    lists: &Option<IncludeExclude<Option<Platform>>>,
    platform: Option<Platform>,
) -> Match {
    let is_listed = |entry: &Option<Platform>| match (entry, platform) {
        (_, None) => Match::Unknown,
        (None, Some(_)) => Match::Yes,
        (Some(entry), Some(platform)) => Match::known(*entry == platform),
    };
    let is_included = |entry: &Option<Platform>| match entry {
        None => Match::Yes,
        Some(_) => is_listed(entry),
    };
    listed_apart(lists, is_included, is_listed)
}

/// An include and an exclude list, each entry three-valued.
fn listed<T>(lists: &Option<IncludeExclude<T>>, test: impl Fn(&T) -> Match) -> Match {
    listed_apart(lists, &test, &test)
}

/// The same, with a test for each side. Only an exclude list: everything else is included.
fn listed_apart<T>(
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

fn in_location(entry: LocationTest, subject: &Subject<'_>) -> Match {
    match entry {
        LocationTest::All => Match::Yes,
        LocationTest::AllTrusted => {
            let trusted = subject.resource.trusted_locations.iter();
            Match::any(trusted.map(|position| in_named_location(*position, subject)))
        }
        LocationTest::Named(position) => in_named_location(position, subject),
        LocationTest::MfaTrustedIps => Match::Unknown,
    }
}

pub(super) fn in_named_location(position: u32, subject: &Subject<'_>) -> Match {
    let context = subject.context();
    match subject.question.snapshot.location(position) {
        Some(Location::Ip(ranges)) => context.ip_address.map_or(Match::Unknown, |address| {
            Match::known(ranges.contains(address))
        }),
        Some(Location::Country {
            countries,
            include_unknown,
            lookup,
        }) => match context.country.filter(|located| located.source == *lookup) {
            None => Match::Unknown,
            Some(located) if located.country == Country::UNKNOWN => Match::known(*include_unknown),
            Some(located) => Match::known(countries.binary_search(&located.country).is_ok()),
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

/// The deprecated device states, by the properties that took their place.
fn in_state(state: DeviceState, context: &Context) -> Match {
    match state {
        DeviceState::All => Match::Yes,
        DeviceState::Compliant => filter::device_is(context, DeviceProperty::IsCompliant, "true"),
        DeviceState::DomainJoined => {
            filter::device_is(context, DeviceProperty::TrustType, "serverad")
        }
    }
}
