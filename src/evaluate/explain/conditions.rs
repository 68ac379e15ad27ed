//! Every condition that a policy sets: the policy's value, the request's value, and whether they match.
//!
//! The outcome comes from the function that decides (`conditions::CONDITIONS`). This module adds the texts and the
//! facts that the request lacks.

use super::facts::RequestFact;
use super::words;
use crate::evaluate::conditional_access::PolicyInput;
use crate::evaluate::conditions::{CONDITIONS, in_named_location};
use crate::evaluate::matching::Match;
use crate::evaluate::users::{self, ListSide};
use crate::evaluate::{applications, cross_tenant, filter};
use crate::request::{Context, Device, DeviceProperty, UserClass};
use crate::snapshot::bundles::Membership;
use crate::snapshot::{AppsCondition, Attribute, Location, LocationTest, Policy, UsersClause};
use crate::vocabulary::{ClientAppType, DeviceState, IncludeExclude, UserType, Word, WordSet};

/// The result of one condition of a policy.
#[derive(Debug)]
pub struct ConditionFinding {
    /// Its name in Graph.
    pub name: &'static str,
    /// Whether it matches.
    pub outcome: ConditionOutcome,
    /// The policy's value.
    pub policy: String,
    /// The request's value.
    pub request: String,
    /// The facts that the request lacks and that the outcome depends on; empty unless the outcome is `NotProvided`.
    pub missing: Vec<RequestFact>,
}

/// Whether a condition matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionOutcome {
    /// It matches.
    Matched,
    /// It does not match.
    NotMatched,
    /// The request lacks a fact, so the condition is treated as matching (semantics §5).
    NotProvided,
}

/// How to describe a condition.
struct Description {
    name: &'static str,
    is_set: fn(&Policy) -> bool,
    policy: fn(&Policy, &PolicyInput<'_>) -> String,
    request: fn(&Policy, &PolicyInput<'_>) -> String,
    /// The facts that the condition reads and the request lacks.
    missing: fn(&Policy, &PolicyInput<'_>) -> Vec<RequestFact>,
}

/// The conditions that the policy sets, in the order of evaluation; `users` and `applications` always.
pub(super) fn findings(policy: &Policy, input: &PolicyInput<'_>) -> Vec<ConditionFinding> {
    let set = CONDITIONS
        .iter()
        .zip(&DESCRIPTIONS)
        .filter(|(_, description)| (description.is_set)(policy));
    set.map(|((_, condition), description)| {
        let missing = (description.missing)(policy, input);
        let (outcome, missing) = match condition(policy, input) {
            Match::No => (ConditionOutcome::NotMatched, Vec::new()),
            Match::Unknown => (ConditionOutcome::NotProvided, missing),
            // A user type that is only possible counts as a match.
            Match::Yes if description.name == USERS && !missing.is_empty() => {
                (ConditionOutcome::NotProvided, missing)
            }
            Match::Yes => (ConditionOutcome::Matched, Vec::new()),
        };
        ConditionFinding {
            name: description.name,
            outcome,
            policy: (description.policy)(policy, input),
            request: (description.request)(policy, input),
            missing,
        }
    })
    .collect()
}

const USERS: &str = "users";

/// In the order of `CONDITIONS`.
static DESCRIPTIONS: [Description; CONDITIONS.len()] = [
    Description {
        name: USERS,
        is_set: |_| true,
        policy: |policy, input| {
            let snapshot = input.evaluation.snapshot;
            words::lists(
                words::users(&policy.include_users, snapshot),
                words::users(&policy.exclude_users, snapshot),
            )
        },
        request: |_, input| words::user(input),
        missing: users_missing,
    },
    Description {
        name: "applications",
        is_set: |_| true,
        policy: |policy, input| {
            let mut text = words::applications(&policy.apps);
            if applications::is_excluded_by_tenant(&policy.apps, input) {
                text.push_str(
                    "; excluded by conditional-access-settings.json for this user action",
                );
            }
            text
        },
        request: |_, input| words::target(input.evaluation.request),
        missing: |policy, input| {
            let filter = policy.apps.filter.as_ref();
            let mut facts = filter.map_or_else(Vec::new, |filter| {
                attributes_missing(
                    filter::unknown_attributes(&filter.rule, input.context()),
                    input,
                )
            });
            facts.extend(memberships_missing(&policy.apps, input));
            facts
        },
    },
    Description {
        name: "clientAppTypes",
        is_set: |policy| policy.client_app_types.is_some(),
        policy: |policy, _| policy.client_app_types.map_or_else(String::new, words::set),
        request: |_, input| words::maybe(input.context().client_app_type),
        missing: |_, input| match input.context().client_app_type {
            None => vec![RequestFact::ClientAppType],
            Some(ClientAppType::ExchangeActiveSync) => vec![RequestFact::EasSupported],
            Some(_) => Vec::new(),
        },
    },
    Description {
        name: "signInRiskLevels",
        is_set: |policy| !policy.sign_in_risk.is_empty(),
        policy: |policy, _| words::set(policy.sign_in_risk),
        request: |_, input| words::maybe(input.context().sign_in_risk),
        missing: |_, input| {
            unless(
                input.context().sign_in_risk.is_some(),
                RequestFact::SignInRisk,
            )
        },
    },
    Description {
        name: "userRiskLevels",
        is_set: |policy| !policy.user_risk.is_empty(),
        policy: |policy, _| words::set(policy.user_risk),
        request: |_, input| words::maybe(input.context().user_risk),
        missing: |_, input| unless(input.context().user_risk.is_some(), RequestFact::UserRisk),
    },
    Description {
        name: "insiderRiskLevels",
        is_set: |policy| !policy.insider_risk.is_empty(),
        policy: |policy, _| words::set(policy.insider_risk),
        request: |_, input| words::maybe(input.context().insider_risk),
        missing: |_, input| {
            unless(
                input.context().insider_risk.is_some(),
                RequestFact::InsiderRisk,
            )
        },
    },
    Description {
        name: "authenticationFlows",
        is_set: |policy| !policy.authentication_flows.is_empty(),
        policy: |policy, _| words::set(policy.authentication_flows),
        request: |_, input| words::maybe(input.context().authentication_flow),
        missing: |_, input| {
            unless(
                input.context().authentication_flow.is_some(),
                RequestFact::AuthenticationFlow,
            )
        },
    },
    Description {
        name: "platforms",
        is_set: |policy| policy.platforms.is_some(),
        policy: |policy, _| {
            words::include_exclude(&policy.platforms, |platform| {
                platform.map_or_else(|| "all".to_owned(), |platform| platform.to_string())
            })
        },
        request: |_, input| words::maybe(input.context().platform),
        missing: |_, input| unless(input.context().platform.is_some(), RequestFact::Platform),
    },
    Description {
        name: "locations",
        is_set: |policy| policy.locations.is_some(),
        policy: |policy, input| {
            words::include_exclude(&policy.locations, |entry| words::location(*entry, input))
        },
        request: |_, input| words::place(input.context()),
        missing: locations_missing,
    },
    Description {
        name: "devices.deviceFilter",
        is_set: |policy| policy.device_filter.is_some(),
        policy: |policy, _| {
            policy
                .device_filter
                .as_ref()
                .map_or_else(String::new, words::filter)
        },
        request: |_, input| words::device(input.context()),
        missing: |policy, input| {
            let filter = policy.device_filter.as_ref();
            filter.map_or_else(Vec::new, |filter| {
                attributes_missing(
                    filter::unknown_attributes(&filter.rule, input.context()),
                    input,
                )
            })
        },
    },
    Description {
        name: "devices.deviceStates",
        is_set: |policy| policy.device_states.is_some(),
        policy: |policy, _| words::include_exclude(&policy.device_states, DeviceState::to_string),
        request: |_, input| words::device(input.context()),
        missing: |policy, input| {
            let states = entries(&policy.device_states);
            let properties = states.filter_map(|state| match state {
                DeviceState::All => None,
                DeviceState::Compliant => Some(DeviceProperty::IsCompliant),
                DeviceState::DomainJoined => Some(DeviceProperty::TrustType),
            });
            distinct(properties.filter_map(|property| device_missing(property, input.context())))
        },
    },
];

fn unless(is_present: bool, fact: RequestFact) -> Vec<RequestFact> {
    if is_present { Vec::new() } else { vec![fact] }
}

fn distinct(facts: impl Iterator<Item = RequestFact>) -> Vec<RequestFact> {
    let mut all: Vec<RequestFact> = facts.collect();
    all.sort();
    all.dedup();
    all
}

fn entries<T>(lists: &Option<IncludeExclude<T>>) -> impl Iterator<Item = &T> {
    let lists = lists.iter();
    lists.flat_map(|lists| lists.include.iter().chain(&lists.exclude))
}

/// The bundle memberships of the application that neither the built-in table nor the configuration states.
fn memberships_missing(condition: &AppsCondition, input: &PolicyInput<'_>) -> Vec<RequestFact> {
    let evaluation = input.evaluation;
    let (app, applications) = (evaluation.request.app, &evaluation.snapshot.applications);
    let sets = [&condition.include, &condition.exclude];
    let by_bundle = sets.into_iter().flat_map(|set| set.bundles.iter());
    let by_bundle = by_bundle
        .filter(|bundle| applications.membership(app, *bundle) == Membership::Unknown)
        .map(|_| RequestFact::Bundles(app));
    let by_agent = sets
        .into_iter()
        .filter(|set| set.agent_resources && applications.is_agent(app) == Membership::Unknown)
        .map(|_| RequestFact::AgentResource);
    distinct(by_bundle.chain(by_agent))
}

fn locations_missing(policy: &Policy, input: &PolicyInput<'_>) -> Vec<RequestFact> {
    let positions = entries(&policy.locations).flat_map(|entry| match entry {
        LocationTest::All | LocationTest::MfaTrustedIps => &[][..],
        LocationTest::AllTrusted => &input.resource.trusted_locations,
        LocationTest::Named(position) => std::slice::from_ref(position),
    });
    let unknown =
        positions.filter(|position| in_named_location(**position, input) == Match::Unknown);
    let trusted_ips = entries(&policy.locations)
        .filter(|entry| matches!(entry, LocationTest::MfaTrustedIps))
        .map(|_| RequestFact::MfaTrustedIps);
    distinct(trusted_ips.chain(unknown.filter_map(|position| {
        match input.evaluation.snapshot.location(*position)? {
            Location::Ip(_) => Some(RequestFact::IpAddress),
            Location::Country { lookup, .. } => Some(match input.context().country {
                None => RequestFact::Country(*lookup),
                Some(_) => RequestFact::CountryOfOtherMethod(*lookup),
            }),
            Location::CompliantNetwork => Some(RequestFact::CompliantNetwork),
        }
    })))
}

fn attributes_missing(unknown: Vec<&Attribute>, input: &PolicyInput<'_>) -> Vec<RequestFact> {
    distinct(unknown.into_iter().filter_map(|attribute| match attribute {
        Attribute::Device(property) => device_missing(*property, input.context()),
        Attribute::Application(name) => Some(RequestFact::AppAttribute(name.clone())),
    }))
}

fn device_missing(property: DeviceProperty, context: &Context) -> Option<RequestFact> {
    match &context.device {
        None => Some(RequestFact::Device),
        Some(Device::Unregistered) => None,
        Some(Device::Registered(known)) => {
            (!known.contains_key(&property)).then_some(RequestFact::DeviceProperty(property))
        }
    }
}

/// The missing facts that the id lists depend on, and the user type if another possible type would not match.
fn users_missing(policy: &Policy, input: &PolicyInput<'_>) -> Vec<RequestFact> {
    let evaluation = input.evaluation;
    let mut facts = Vec::new();
    for (clause, side) in clauses(policy) {
        // If another entry of the list matches for certain, missing facts do not matter.
        if users::list_matches(clause, side, input.types, evaluation) != Match::Unknown {
            continue;
        }
        if users::by_id(clause, evaluation) == Match::Unknown {
            facts.push(RequestFact::ResourceUser);
        }
        if users::by_group(clause, side, evaluation) == Match::Unknown {
            facts.push(match evaluation.class {
                UserClass::Internal => RequestFact::Groups,
                UserClass::Collaboration | UserClass::DirectConnect => RequestFact::ResourceGroups,
            });
        }
        if users::by_role(clause, side, evaluation) == Match::Unknown {
            facts.push(RequestFact::Roles);
        }
    }
    for (other, because) in other_types(input) {
        let [include, exclude] = clauses(policy)
            .map(|(clause, side)| users::list_matches(clause, side, other, evaluation));
        if Match::all([include, !exclude]) == Match::No {
            facts.extend(because);
        }
    }
    distinct(facts.into_iter())
}

fn clauses(policy: &Policy) -> [(&UsersClause, ListSide); 2] {
    [
        (&policy.include_users, ListSide::Include),
        (&policy.exclude_users, ListSide::Exclude),
    ]
}

/// The other user types that the user may have, each with the missing facts that decide it: the type itself, or the
/// facts that direct connect eligibility depends on.
fn other_types(input: &PolicyInput<'_>) -> Vec<(WordSet<UserType>, Vec<RequestFact>)> {
    let evaluation = input.evaluation;
    let request = evaluation.request;
    let direct = |types: WordSet<UserType>| {
        let both = types.intersection(WordSet::EMPTY.with(UserType::DirectConnectUser));
        !both.is_empty()
    };
    let named: &[UserType] = match (request.external_user_type, evaluation.class) {
        (None, UserClass::Collaboration) => &[
            UserType::CollaborationGuest,
            UserType::CollaborationMember,
            UserType::OtherExternalUser,
            UserType::ServiceProvider,
        ],
        (None, UserClass::DirectConnect) if request.resource_user.is_some() => {
            &[UserType::CollaborationGuest, UserType::CollaborationMember]
        }
        (Some(_), _) | (None, UserClass::DirectConnect | UserClass::Internal) => &[],
    };
    let with_direct = |types: WordSet<UserType>| {
        if direct(input.types) {
            types.with(UserType::DirectConnectUser)
        } else {
            types
        }
    };
    let mut other: Vec<(WordSet<UserType>, Vec<RequestFact>)> = named
        .iter()
        .map(|one| {
            let types = with_direct(WordSet::EMPTY.with(*one));
            (types, vec![RequestFact::ExternalUserType])
        })
        .collect();
    let depends_on_eligibility = evaluation.class == UserClass::Collaboration
        && direct(input.types)
        && request.home.tenant().is_some_and(|home| {
            let eligibility = cross_tenant::direct_connect_eligibility(
                evaluation,
                home,
                input.resource,
                input.now,
            );
            eligibility.answer == Match::Unknown
        });
    if depends_on_eligibility {
        let without = |types: WordSet<UserType>| -> WordSet<UserType> {
            let rest = types.iter();
            rest.filter(|one| *one != UserType::DirectConnectUser)
                .collect()
        };
        let mut narrowed: Vec<(WordSet<UserType>, Vec<RequestFact>)> = other
            .iter()
            .map(|(types, because)| (without(*types), because.clone()))
            .collect();
        narrowed.push((without(input.types), Vec::new()));
        for (_, because) in &mut narrowed {
            because.extend(super::missing::membership_facts(evaluation));
        }
        other.extend(narrowed);
    }
    other
}

/// The texts of a word set, for [`words`].
pub(super) fn texts<W: Word + std::fmt::Display>(set: WordSet<W>) -> Vec<String> {
    set.iter().map(|word| word.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_described_under_its_own_name() {
        for ((name, _), description) in CONDITIONS.iter().zip(&DESCRIPTIONS) {
            assert_eq!(*name, description.name);
        }
    }
}
