//! The context facts that a snapshot reads: exactly those that a policy names.

use crosstrust::graph::document::*;
use crosstrust::id::*;
use crosstrust::snapshot::ContextReads;
use crosstrust::vocabulary::*;

use super::documents::*;

type Change = fn(&mut ConditionalAccessPolicy);
type Fact = fn(&mut ContextReads) -> &mut bool;

fn apps(policy: &mut ConditionalAccessPolicy) -> &mut ApplicationsCondition {
    policy.conditions.applications.as_mut().unwrap()
}

fn filter(rule: &str) -> Option<FilterCondition> {
    Some(FilterCondition {
        place: place("contoso/conditional-access.json", "$.rule"),
        mode: FilterMode::Exclude,
        rule: String::from(rule),
    })
}

fn locations(policy: &mut ConditionalAccessPolicy, exclude: LocationEntry) {
    let place = place("contoso/conditional-access.json", "$.location");
    policy.conditions.locations = Some(IncludeExclude {
        include: Vec::new(),
        exclude: vec![Located {
            value: exclude,
            place,
        }],
    });
}

const FACTS: &[(Change, Fact)] = &[
    (
        |policy| locations(policy, LocationEntry::AllTrusted),
        |reads| &mut reads.ip_address,
    ),
    (
        |policy| locations(policy, LocationEntry::Location(LocationId(1))),
        |reads| &mut reads.ip_address,
    ),
    (
        |policy| locations(policy, LocationEntry::Location(LocationId(2))),
        |reads| &mut reads.country,
    ),
    (
        |policy| {
            policy.conditions.platforms = Some(IncludeExclude {
                include: vec![Some(Platform::Ios)],
                exclude: Vec::new(),
            });
        },
        |reads| &mut reads.platform,
    ),
    (
        |policy| {
            let types = [ClientAppType::Browser].into_iter().collect();
            policy.conditions.client_app_types = ClientAppTypes::These(types);
        },
        |reads| &mut reads.client_app_type,
    ),
    (
        |policy| policy.conditions.sign_in_risk = [RiskLevel::High].into_iter().collect(),
        |reads| &mut reads.sign_in_risk,
    ),
    (
        |policy| policy.conditions.user_risk = [RiskLevel::High].into_iter().collect(),
        |reads| &mut reads.user_risk,
    ),
    (
        |policy| {
            policy.conditions.insider_risk = [InsiderRiskLevel::Minor].into_iter().collect();
        },
        |reads| &mut reads.insider_risk,
    ),
    (
        |policy| policy.conditions.device_filter = filter("device.model -eq \"x\""),
        |reads| &mut reads.device,
    ),
    (
        |policy| {
            policy.conditions.device_states = Some(IncludeExclude {
                include: Vec::new(),
                exclude: vec![DeviceState::Compliant],
            });
        },
        |reads| &mut reads.device,
    ),
    (
        |policy| apps(policy).filter = filter("CustomSecurityAttribute.A_B -eq \"x\""),
        |reads| &mut reads.app_attributes,
    ),
    (
        |policy| {
            let flows = [AuthenticationFlow::DeviceCodeFlow].into_iter().collect();
            policy.conditions.authentication_flows = flows;
        },
        |reads| &mut reads.authentication_flow,
    ),
    (
        |policy| apps(policy).user_actions = [UserAction::RegisterDevice].into_iter().collect(),
        |reads| &mut reads.user_action,
    ),
    (
        |policy| apps(policy).authentication_contexts = vec![String::from("c1")],
        |reads| &mut reads.authentication_context,
    ),
    (
        |policy| policy.grant = Some(grant(&[BuiltInControl::ApprovedApplication])),
        |reads| &mut reads.approved_application,
    ),
    (
        |policy| policy.grant = Some(grant(&[BuiltInControl::CompliantApplication])),
        |reads| &mut reads.app_protection,
    ),
    (
        |policy| policy.grant = Some(grant(&[BuiltInControl::PasswordChange])),
        |reads| &mut reads.password_changed,
    ),
    (
        |policy| policy.grant = Some(grant(&[BuiltInControl::RiskRemediation])),
        |reads| &mut reads.risk_remediated,
    ),
];

fn reads_of(state: PolicyState, change: Change) -> ContextReads {
    let contoso = contoso_with(|contoso| {
        let location = |id, kind| NamedLocation {
            place: place("contoso/named-locations.json", "$"),
            id: LocationId(id),
            display_name: None,
            kind,
        };
        let ip = LocationKind::Ip {
            ranges: Vec::new(),
            trusted: false,
        };
        let country = LocationKind::Country {
            countries: Vec::new(),
            include_unknown: true,
            lookup: CountrySource::ClientIpAddress,
        };
        contoso.locations = vec![location(1, ip), location(2, country)];
        contoso.policies = vec![policy_with(1, |policy| {
            policy.state = state;
            change(policy);
        })];
    });
    compiled(&[contoso]).snapshot.reads()
}

#[test]
fn a_fact_is_read_if_an_enforced_or_report_only_policy_names_it() {
    for (number, (change, fact)) in FACTS.iter().enumerate() {
        let mut expected = ContextReads::default();
        *fact(&mut expected) = true;
        for state in [PolicyState::Enabled, PolicyState::ReportOnly] {
            assert_eq!(reads_of(state, *change), expected, "{number}");
        }
        assert_eq!(
            reads_of(PolicyState::Disabled, *change),
            ContextReads::default()
        );
    }
}

#[test]
fn an_excluded_action_reads_the_user_action() {
    let contoso = contoso_with(|contoso| {
        contoso.policies = vec![policy(1)];
        contoso.conditional_access_settings = Some(ConditionalAccessSettings {
            place: place("contoso/conditional-access-settings.json", "$"),
            excluded_actions: [UserAction::AccountRecovery].into_iter().collect(),
        });
    });
    let expected = ContextReads {
        user_action: true,
        ..ContextReads::default()
    };
    assert_eq!(compiled(&[contoso]).snapshot.reads(), expected);
}

#[test]
fn a_policy_without_conditions_reads_nothing() {
    assert_eq!(
        reads_of(PolicyState::Enabled, |_| {}),
        ContextReads::default()
    );
}
