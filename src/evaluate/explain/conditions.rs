//! Every condition that a policy sets: what it says, what the request says, and whether they match.
//!
//! The outcome is that of the function that decides (`conditions::CONDITIONS`); this file adds the words and, where
//! the request lacks a fact, which one.

use super::facts::Fact;
use super::words;
use crate::evaluate::conditional_access::Subject;
use crate::evaluate::conditions::{CONDITIONS, in_named_location};
use crate::evaluate::matching::Match;
use crate::evaluate::users::{self, Side};
use crate::evaluate::{applications, crossing, filter};
use crate::request::{Context, Device, DeviceProperty, UserClass};
use crate::snapshot::bundles::Membership;
use crate::snapshot::{AppsCondition, Attribute, Location, LocationTest, Policy, UsersClause};
use crate::vocabulary::{ClientAppType, DeviceState, IncludeExclude, UserType, Word, WordSet};

/// What one condition of a policy says about the request.
#[derive(Debug)]
pub struct ConditionFinding {
    /// Its name in Graph.
    pub name: &'static str,
    /// Whether it matches.
    pub outcome: ConditionOutcome,
    /// What the policy says.
    pub policy: String,
    /// What the request says.
    pub request: String,
    /// The facts that the request lacks and the outcome depends on; empty unless the outcome is `NotProvided`.
    pub missing: Vec<Fact>,
}

/// Whether a condition matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionOutcome {
    /// It matches.
    Matched,
    /// It does not.
    NotMatched,
    /// The request lacks a fact, so the condition is treated as matching (semantics §5).
    NotProvided,
}

/// How a condition is described.
struct Description {
    name: &'static str,
    is_set: fn(&Policy) -> bool,
    policy: fn(&Policy, &Subject<'_>) -> String,
    request: fn(&Policy, &Subject<'_>) -> String,
    /// The facts that it reads and that the request lacks.
    missing: fn(&Policy, &Subject<'_>) -> Vec<Fact>,
}

/// The conditions that the policy sets, in the order in which they are tested; `users` and `applications` always.
pub(super) fn findings(policy: &Policy, subject: &Subject<'_>) -> Vec<ConditionFinding> {
    let set = CONDITIONS
        .iter()
        .zip(&DESCRIPTIONS)
        .filter(|(_, description)| (description.is_set)(policy));
    set.map(|((_, condition), description)| {
        let missing = (description.missing)(policy, subject);
        let (outcome, missing) = match condition(policy, subject) {
            Match::No => (ConditionOutcome::NotMatched, Vec::new()),
            Match::Unknown => (ConditionOutcome::NotProvided, missing),
            // A user's type that is only possible counts as one that the user has.
            Match::Yes if description.name == USERS && !missing.is_empty() => {
                (ConditionOutcome::NotProvided, missing)
            }
            Match::Yes => (ConditionOutcome::Matched, Vec::new()),
        };
        ConditionFinding {
            name: description.name,
            outcome,
            policy: (description.policy)(policy, subject),
            request: (description.request)(policy, subject),
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
        policy: |policy, subject| {
            let snapshot = subject.question.snapshot;
            words::lists(
                words::users(&policy.include_users, snapshot),
                words::users(&policy.exclude_users, snapshot),
            )
        },
        request: |_, subject| words::user(subject),
        missing: users_missing,
    },
    Description {
        name: "applications",
        is_set: |_| true,
        policy: |policy, subject| {
            let mut text = words::applications(&policy.apps);
            if applications::is_taken_off(&policy.apps, subject) {
                text.push_str(
                    "; taken off by conditional-access-settings.json for this user action",
                );
            }
            text
        },
        request: |_, subject| words::target(subject.question.request),
        missing: |policy, subject| {
            let filter = policy.apps.filter.as_ref();
            let mut facts = filter.map_or_else(Vec::new, |filter| {
                attributes_missing(filter::unknown(&filter.rule, subject.context()), subject)
            });
            facts.extend(memberships_missing(&policy.apps, subject));
            facts
        },
    },
    Description {
        name: "clientAppTypes",
        is_set: |policy| policy.client_app_types.is_some(),
        policy: |policy, _| policy.client_app_types.map_or_else(String::new, words::set),
        request: |_, subject| words::maybe(subject.context().client_app_type),
        missing: |_, subject| match subject.context().client_app_type {
            None => vec![Fact::ClientAppType],
            Some(ClientAppType::ExchangeActiveSync) => vec![Fact::EasSupported],
            Some(_) => Vec::new(),
        },
    },
    Description {
        name: "signInRiskLevels",
        is_set: |policy| !policy.sign_in_risk.is_empty(),
        policy: |policy, _| words::set(policy.sign_in_risk),
        request: |_, subject| words::maybe(subject.context().sign_in_risk),
        missing: |_, subject| unless(subject.context().sign_in_risk.is_some(), Fact::SignInRisk),
    },
    Description {
        name: "userRiskLevels",
        is_set: |policy| !policy.user_risk.is_empty(),
        policy: |policy, _| words::set(policy.user_risk),
        request: |_, subject| words::maybe(subject.context().user_risk),
        missing: |_, subject| unless(subject.context().user_risk.is_some(), Fact::UserRisk),
    },
    Description {
        name: "insiderRiskLevels",
        is_set: |policy| !policy.insider_risk.is_empty(),
        policy: |policy, _| words::set(policy.insider_risk),
        request: |_, subject| words::maybe(subject.context().insider_risk),
        missing: |_, subject| unless(subject.context().insider_risk.is_some(), Fact::InsiderRisk),
    },
    Description {
        name: "authenticationFlows",
        is_set: |policy| !policy.authentication_flows.is_empty(),
        policy: |policy, _| words::set(policy.authentication_flows),
        request: |_, subject| words::maybe(subject.context().authentication_flow),
        missing: |_, subject| {
            unless(
                subject.context().authentication_flow.is_some(),
                Fact::AuthenticationFlow,
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
        request: |_, subject| words::maybe(subject.context().platform),
        missing: |_, subject| unless(subject.context().platform.is_some(), Fact::Platform),
    },
    Description {
        name: "locations",
        is_set: |policy| policy.locations.is_some(),
        policy: |policy, subject| {
            words::include_exclude(&policy.locations, |entry| words::location(*entry, subject))
        },
        request: |_, subject| words::place(subject.context()),
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
        request: |_, subject| words::device(subject.context()),
        missing: |policy, subject| {
            let filter = policy.device_filter.as_ref();
            filter.map_or_else(Vec::new, |filter| {
                attributes_missing(filter::unknown(&filter.rule, subject.context()), subject)
            })
        },
    },
    Description {
        name: "devices.deviceStates",
        is_set: |policy| policy.device_states.is_some(),
        policy: |policy, _| words::include_exclude(&policy.device_states, DeviceState::to_string),
        request: |_, subject| words::device(subject.context()),
        missing: |policy, subject| {
            let states = entries(&policy.device_states);
            let properties = states.filter_map(|state| match state {
                DeviceState::All => None,
                DeviceState::Compliant => Some(DeviceProperty::IsCompliant),
                DeviceState::DomainJoined => Some(DeviceProperty::TrustType),
            });
            distinct(properties.filter_map(|property| device_missing(property, subject.context())))
        },
    },
];

fn unless(is_there: bool, fact: Fact) -> Vec<Fact> {
    if is_there { Vec::new() } else { vec![fact] }
}

fn distinct(facts: impl Iterator<Item = Fact>) -> Vec<Fact> {
    let mut all: Vec<Fact> = facts.collect();
    all.sort();
    all.dedup();
    all
}

fn entries<T>(lists: &Option<IncludeExclude<T>>) -> impl Iterator<Item = &T> {
    let lists = lists.iter();
    lists.flat_map(|lists| lists.include.iter().chain(&lists.exclude))
}

/// The memberships of the application that neither the table nor the configuration states.
fn memberships_missing(condition: &AppsCondition, subject: &Subject<'_>) -> Vec<Fact> {
    let question = subject.question;
    let (app, applications) = (question.request.app, &question.snapshot.applications);
    let sets = [&condition.include, &condition.exclude];
    let by_bundle = sets.into_iter().flat_map(|set| set.bundles.iter());
    let by_bundle = by_bundle
        .filter(|bundle| applications.membership(app, *bundle) == Membership::Unknown)
        .map(|_| Fact::Bundles(app));
    let by_agent = sets
        .into_iter()
        .filter(|set| set.agent_resources && applications.is_agent(app) == Membership::Unknown)
        .map(|_| Fact::AgentResource);
    distinct(by_bundle.chain(by_agent))
}

fn locations_missing(policy: &Policy, subject: &Subject<'_>) -> Vec<Fact> {
    let positions = entries(&policy.locations).flat_map(|entry| match entry {
        LocationTest::All | LocationTest::MfaTrustedIps => &[][..],
        LocationTest::AllTrusted => &subject.resource.trusted_locations,
        LocationTest::Named(position) => std::slice::from_ref(position),
    });
    let unknown =
        positions.filter(|position| in_named_location(**position, subject) == Match::Unknown);
    let trusted_ips = entries(&policy.locations)
        .filter(|entry| matches!(entry, LocationTest::MfaTrustedIps))
        .map(|_| Fact::MfaTrustedIps);
    distinct(trusted_ips.chain(unknown.filter_map(|position| {
        match subject.question.snapshot.location(*position)? {
            Location::Ip(_) => Some(Fact::IpAddress),
            Location::Country { lookup, .. } => Some(match subject.context().country {
                None => Fact::Country(*lookup),
                Some(_) => Fact::CountryOfOtherMethod(*lookup),
            }),
            Location::CompliantNetwork => Some(Fact::CompliantNetwork),
        }
    })))
}

fn attributes_missing(unknown: Vec<&Attribute>, subject: &Subject<'_>) -> Vec<Fact> {
    distinct(unknown.into_iter().filter_map(|attribute| match attribute {
        Attribute::Device(property) => device_missing(*property, subject.context()),
        Attribute::Application(name) => Some(Fact::AppAttribute(name.clone())),
    }))
}

fn device_missing(property: DeviceProperty, context: &Context) -> Option<Fact> {
    match &context.device {
        None => Some(Fact::Device),
        Some(Device::Unregistered) => None,
        Some(Device::Registered(known)) => {
            (!known.contains_key(&property)).then_some(Fact::DeviceProperty(property))
        }
    }
}

/// The missing facts that the lists of ids depend on, and the user's type where another possible one would not match.
fn users_missing(policy: &Policy, subject: &Subject<'_>) -> Vec<Fact> {
    let question = subject.question;
    let mut facts = Vec::new();
    for (clause, side) in clauses(policy) {
        // Where another entry of the list matches for certain, the rest does not matter.
        if users::named(clause, side, subject.types, question) != Match::Unknown {
            continue;
        }
        if users::by_id(clause, question) == Match::Unknown {
            facts.push(Fact::ResourceUser);
        }
        if users::by_group(clause, side, question) == Match::Unknown {
            facts.push(match question.class {
                UserClass::Internal => Fact::Groups,
                UserClass::Collaboration | UserClass::DirectConnect => Fact::ResourceGroups,
            });
        }
        if users::by_role(clause, side, question) == Match::Unknown {
            facts.push(Fact::Roles);
        }
    }
    for (other, because) in other_types(subject) {
        let [include, exclude] =
            clauses(policy).map(|(clause, side)| users::named(clause, side, other, question));
        if Match::all([include, !exclude]) == Match::No {
            facts.extend(because);
        }
    }
    distinct(facts.into_iter())
}

fn clauses(policy: &Policy) -> [(&UsersClause, Side); 2] {
    [
        (&policy.include_users, Side::Include),
        (&policy.exclude_users, Side::Exclude),
    ]
}

/// The user types that the request could have if it named its type, or the facts that direct connect
/// eligibility depends on; each with those facts.
fn other_types(subject: &Subject<'_>) -> Vec<(WordSet<UserType>, Vec<Fact>)> {
    let question = subject.question;
    let request = question.request;
    let direct = |types: WordSet<UserType>| {
        let both = types.intersection(WordSet::EMPTY.with(UserType::DirectConnectUser));
        !both.is_empty()
    };
    let named: &[UserType] = match (request.external_user_type, question.class) {
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
        if direct(subject.types) {
            types.with(UserType::DirectConnectUser)
        } else {
            types
        }
    };
    let mut other: Vec<(WordSet<UserType>, Vec<Fact>)> = named
        .iter()
        .map(|one| {
            let types = with_direct(WordSet::EMPTY.with(*one));
            (types, vec![Fact::ExternalUserType])
        })
        .collect();
    let depends_on_eligibility = question.class == UserClass::Collaboration
        && direct(subject.types)
        && request.home.tenant().is_some_and(|home| {
            let asked = crossing::eligible_for_direct_connect(
                question,
                home,
                subject.resource,
                subject.now,
            );
            asked.answer == Match::Unknown
        });
    if depends_on_eligibility {
        let without = |types: WordSet<UserType>| -> WordSet<UserType> {
            let rest = types.iter();
            rest.filter(|one| *one != UserType::DirectConnectUser)
                .collect()
        };
        let mut narrowed: Vec<(WordSet<UserType>, Vec<Fact>)> = other
            .iter()
            .map(|(types, because)| (without(*types), because.clone()))
            .collect();
        narrowed.push((without(subject.types), Vec::new()));
        for (_, because) in &mut narrowed {
            because.extend(super::missing::membership(question));
        }
        other.extend(narrowed);
    }
    other
}

/// The words of a set, for [`words`].
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
