//! The catalogue omits no policy that could apply, for every combination of small sets.

use super::*;
use crate::id::{PolicyId, RoleId, UserId};
use crate::snapshot::bundles::{self, Membership};
use crate::snapshot::{ConfiguredApp, FilterRule, Grant, GroupSet, GuestClause, PolicyFilter};
use crate::vocabulary::{Bundle, Operator, UserAction};

const CLASSES: [UserClass; 3] = [
    UserClass::Internal,
    UserClass::DirectConnect,
    UserClass::Collaboration,
];

fn apps(include: AppSet, exclude: AppSet) -> AppsCondition {
    AppsCondition {
        include,
        exclude,
        filter: None,
        user_actions: WordSet::EMPTY,
        authentication_contexts: Vec::new(),
    }
}

fn ids(ids: &[u128]) -> AppSet {
    AppSet {
        ids: ids.iter().map(|id| AppId(*id)).collect(),
        ..AppSet::default()
    }
}

fn all() -> AppSet {
    AppSet {
        all: true,
        ..AppSet::default()
    }
}

fn filtered(mode: FilterMode) -> Option<PolicyFilter> {
    let rule = FilterRule::And(Vec::new());
    Some(PolicyFilter { mode, rule })
}

fn policy(id: u128, apps: AppsCondition) -> Policy {
    Policy {
        id: PolicyId(id),
        display_name: String::new(),
        report_only: false,
        include_users: UsersClause {
            all: true,
            ..UsersClause::default()
        },
        exclude_users: UsersClause::default(),
        apps,
        client_app_types: None,
        platforms: None,
        locations: None,
        sign_in_risk: WordSet::EMPTY,
        user_risk: WordSet::EMPTY,
        insider_risk: WordSet::EMPTY,
        authentication_flows: WordSet::EMPTY,
        device_filter: None,
        device_states: None,
        grant: Grant {
            blocks: true,
            operator: Operator::Or,
            controls: Box::default(),
        },
        sign_in_frequency: None,
        obligations: Vec::new(),
        origin: "".into(),
    }
}

fn indexed(policies: &[Policy]) -> Vec<(PolicyIndex, &Policy)> {
    let indexes = (0..).map(PolicyIndex);
    indexes.zip(policies).collect()
}

fn found(policies: &[Policy], app: u128, with_actions: bool) -> Vec<u32> {
    found_with(&AppDirectory::default(), policies, app, with_actions)
}

fn found_with(
    applications: &AppDirectory,
    policies: &[Policy],
    app: u128,
    with_actions: bool,
) -> Vec<u32> {
    let candidates = candidates(indexed(policies), applications).unwrap();
    let found = candidates.for_app(AppId(app), with_actions, applications);
    found.map(|index| index.0).collect()
}

fn configured(app: u128, bundles: &[Bundle], agent: Option<bool>) -> AppDirectory {
    AppDirectory {
        configured: [ConfiguredApp {
            app: AppId(app),
            bundles: Some(bundles.iter().copied().collect()),
            agent,
        }]
        .into(),
    }
}

/// A tenant's own application.
const OWN: u128 = 7;
/// Microsoft Graph: a Microsoft application that is not known to be in Office365.
const GRAPH: u128 = 0x00000003_0000_0000_c000_000000000000;
/// Azure Purview: a Microsoft application that is not known to be in any bundle.
const PURVIEW: u128 = 0x73c2949e_da2d_457a_9607_fcc665198967;

#[test]
fn a_policy_is_found_for_the_applications_that_it_includes_and_does_not_exclude() {
    let policies = [
        policy(0, apps(all(), AppSet::default())),
        policy(1, apps(ids(&[7, 8]), AppSet::default())),
        policy(2, apps(all(), ids(&[7]))),
        policy(3, apps(ids(&[7]), ids(&[7]))),
        policy(4, apps(AppSet::default(), AppSet::default())),
        policy(5, apps(all(), all())),
    ];
    assert_eq!(found(&policies, 7, false), [0, 1]);
    assert_eq!(found(&policies, 8, false), [0, 1, 2]);
    assert_eq!(found(&policies, 9, false), [0, 2]);
}

#[test]
fn a_policy_is_found_for_the_members_of_the_bundles_that_it_names() {
    let office = || AppSet {
        bundles: WordSet::EMPTY.with(Bundle::Office365),
        ..AppSet::default()
    };
    let portals = AppSet {
        bundles: WordSet::EMPTY.with(Bundle::MicrosoftAdminPortals),
        ..AppSet::default()
    };
    let policies = [
        policy(0, apps(office(), AppSet::default())),
        policy(1, apps(all(), office())),
        policy(2, apps(portals, AppSet::default())),
    ];
    for app in bundles::OFFICE_365.apps() {
        let portal = bundles::MICROSOFT_ADMIN_PORTALS.contains(*app);
        let expected = if portal { vec![0, 2] } else { vec![0] };
        assert_eq!(found(&policies, app.0, false), expected, "{app}");
    }
    assert_eq!(found(&policies, 5, false), [1]);
}

#[test]
fn a_policy_that_includes_a_bundle_is_found_for_an_application_that_may_be_in_it() {
    let office = |exclude| {
        let include = AppSet {
            bundles: WordSet::EMPTY.with(Bundle::Office365),
            ..AppSet::default()
        };
        apps(include, exclude)
    };
    let policies = [
        policy(0, office(AppSet::default())),
        policy(1, apps(ids(&[GRAPH, OWN]), AppSet::default())),
        policy(2, office(ids(&[GRAPH]))),
        policy(3, apps(all(), office(AppSet::default()).include)),
    ];
    // Another Microsoft application may be in Office365; policies that name it by id are found too.
    assert_eq!(found(&policies, PURVIEW, false), [0, 2, 3]);
    for unknown in [GRAPH, 0x497effe9_df71_4043_a8bb_14cf78c4b63b] {
        let found = found(&policies, unknown, false);
        assert!(found.contains(&0) && found.contains(&3), "{found:?}");
    }
    assert_eq!(found(&policies, OWN, false), [1, 3]);

    let of_office = configured(OWN, &[Bundle::Office365], None);
    assert_eq!(found_with(&of_office, &policies, OWN, false), [0, 1, 2]);
    let of_none = configured(PURVIEW, &[], None);
    assert_eq!(found_with(&of_none, &policies, PURVIEW, false), [3]);
}

#[test]
fn a_policy_for_agents_is_found_for_every_application() {
    let agents = || AppSet {
        agent_resources: true,
        ..AppSet::default()
    };
    let policies = [
        policy(0, apps(agents(), AppSet::default())),
        policy(1, apps(agents(), ids(&[OWN]))),
        policy(2, apps(all(), agents())),
    ];
    assert_eq!(found(&policies, OWN, false), [0, 2]);
    assert_eq!(found(&policies, GRAPH, false), [0, 1, 2]);
    let an_agent = configured(GRAPH, &[], Some(true));
    assert_eq!(found_with(&an_agent, &policies, GRAPH, false), [0, 1, 2]);
}

#[test]
fn a_filter_that_includes_can_apply_to_any_application_and_one_that_excludes_adds_none() {
    let filter_of = |mode, exclude| AppsCondition {
        filter: filtered(mode),
        ..apps(AppSet::default(), exclude)
    };
    let policies = [
        policy(0, filter_of(FilterMode::Include, AppSet::default())),
        policy(1, filter_of(FilterMode::Include, ids(&[7]))),
        policy(2, filter_of(FilterMode::Exclude, AppSet::default())),
    ];
    assert_eq!(found(&policies, 7, false), [0]);
    assert_eq!(found(&policies, 8, false), [0, 1]);
}

#[test]
fn a_policy_for_actions_or_contexts_is_found_only_if_the_request_names_one() {
    let action = AppsCondition {
        user_actions: [UserAction::RegisterDevice].into_iter().collect(),
        ..apps(AppSet::default(), AppSet::default())
    };
    let context = AppsCondition {
        authentication_contexts: vec![String::from("c1")],
        ..apps(ids(&[7]), AppSet::default())
    };
    let everything = AppsCondition {
        authentication_contexts: vec![String::from("c1")],
        ..apps(all(), AppSet::default())
    };
    let policies = [policy(0, action), policy(1, context), policy(2, everything)];
    assert_eq!(found(&policies, 7, false), [1, 2]);
    assert_eq!(found(&policies, 8, false), [2]);
    assert_eq!(found(&policies, 7, true), [0, 1, 2]);
    assert_eq!(found(&policies, 8, true), [0, 1, 2]);
}

#[test]
fn no_policy_that_could_apply_to_an_application_is_missed() {
    // Every combination of small include and exclude sets, with and without a filter and a context.
    let office = || AppSet {
        bundles: WordSet::EMPTY.with(Bundle::Office365),
        ..AppSet::default()
    };
    let agents = || AppSet {
        agent_resources: true,
        ..AppSet::default()
    };
    let sets = || {
        [
            AppSet::default(),
            all(),
            ids(&[1]),
            ids(&[1, 2]),
            office(),
            agents(),
        ]
    };
    let filters = || {
        [
            None,
            filtered(FilterMode::Include),
            filtered(FilterMode::Exclude),
        ]
    };
    let mut policies = Vec::new();
    for (include, exclude) in sets()
        .into_iter()
        .flat_map(|include| sets().map(|exclude| (include.clone(), exclude)))
    {
        for (filter, contexts) in filters()
            .into_iter()
            .flat_map(|filter| [(filter.clone(), 0), (filter, 1)])
        {
            let condition = AppsCondition {
                filter,
                authentication_contexts: vec![String::from("c1"); contexts],
                ..apps(include.clone(), exclude.clone())
            };
            policies.push(policy(0, condition));
        }
    }
    for (app, context) in [1, 2, 3, GRAPH, PURVIEW, bundles::OFFICE_365.apps()[0].0]
        .into_iter()
        .flat_map(|app| [(app, false), (app, true)])
    {
        let found = found(&policies, app, context);
        for (index, policy) in policies.iter().enumerate() {
            // semantics §5: on the include side an unknown filter matches.
            let condition = &policy.apps;
            let applications = AppDirectory::default();
            let holds = |set: &AppSet| set.membership(AppId(app), &applications);
            let included = holds(&condition.include) != Membership::NonMember
                || includes_by_filter(condition)
                || (context && !condition.authentication_contexts.is_empty());
            let can_apply = included && holds(&condition.exclude) != Membership::Member;
            let index = u32::try_from(index).unwrap();
            assert!(
                !can_apply || found.contains(&index),
                "{app} {context} {condition:?}"
            );
        }
    }
}

#[test]
fn too_many_entries_make_every_policy_a_candidate_for_every_application() {
    let count = 1100u32;
    let policies: Vec<Policy> = (0..count)
        .map(|id| policy(id.into(), apps(all(), ids(&[id.into()]))))
        .collect();
    let every: Vec<u32> = (0..count).collect();
    assert!(u64::from(count).pow(2) > MAX_ENTRIES as u64);
    assert_eq!(found(&policies, 5, false), every);
    assert_eq!(found(&policies, u128::MAX, true), every);
}

fn guests(types: &[UserType]) -> UsersClause {
    UsersClause {
        guests: vec![GuestClause {
            types: types.iter().copied().collect(),
            tenants: None,
        }],
        ..UsersClause::default()
    }
}

#[test]
fn a_policy_is_found_for_each_user_class_that_could_match() {
    let everyone = [
        UsersClause {
            all: true,
            ..Default::default()
        },
        UsersClause {
            users: [UserId(1)].into(),
            ..Default::default()
        },
        UsersClause {
            groups: GroupSet::of(vec![1]),
            ..Default::default()
        },
        UsersClause {
            roles: [RoleId(1)].into(),
            ..Default::default()
        },
        guests(UserType::ALL),
    ];
    for clause in &everyone {
        assert!(
            CLASSES.iter().all(|class| can_include(clause, *class)),
            "{clause:?}"
        );
    }
    let internal = guests(&[UserType::InternalGuest]);
    assert_eq!(
        CLASSES.map(|class| can_include(&internal, class)),
        [true, false, false]
    );
    for user_type in UserType::ALL
        .iter()
        .filter(|it| **it != UserType::InternalGuest)
    {
        let external = guests(&[*user_type]);
        // A direct connect user with a guest object counts as that type too.
        assert_eq!(
            CLASSES.map(|class| can_include(&external, class)),
            [false, true, true]
        );
    }
    let empty = UsersClause::default();
    assert_eq!(CLASSES.map(|class| can_include(&empty, class)), [false; 3]);
}
