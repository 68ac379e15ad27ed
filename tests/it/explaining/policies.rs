//! Every condition of every policy, why stages pass, and the facts that a denial lists first: cases written by hand.

use std::sync::Arc;

use crosstrust::decision::{Reason, Stage};
use crosstrust::evaluate::{ConditionOutcome, Evaluation, Explanation, RequestFact};
use crosstrust::request::{Device, DeviceProperty, PropertyValue, Request};
use crosstrust::revocation::{Revocation, Revocations};
use crosstrust::rpc::proto;
use crosstrust::rpc::{AssumedFacts, RequestLimits, client};
use crosstrust::vocabulary::{ClientAppType, CountrySource, Platform, RiskLevel};
use serde_json::{Value, json};

use crate::reference::World;
use crate::support::build::*;
use crate::support::product;
use crate::support::universe::*;
use crate::wire::world as wire;

fn explain(world: &World, request: &Request) -> Explanation {
    explain_revoked(world, &[], request)
}

fn explain_revoked(world: &World, revocations: &[Revocation], request: &Request) -> Explanation {
    let snapshot = product::snapshot(world);
    let revocations: Revocations = revocations.iter().cloned().collect();
    Evaluation::new(&snapshot, request).explain(&revocations, NOW)
}

fn missing(explanation: &Explanation) -> Vec<RequestFact> {
    let facts = explanation.missing.iter().map(|one| one.fact.clone());
    facts.collect()
}

/// The outcome of each condition of the only policy.
fn outcomes(explanation: &Explanation) -> Vec<(&'static str, ConditionOutcome)> {
    let conditions = explanation.policies[0].conditions.iter();
    conditions.map(|one| (one.name, one.outcome)).collect()
}

/// A policy that sets every condition.
fn everything() -> Value {
    let mut policy = require(&["mfa"]);
    let conditions = policy["conditions"].as_object_mut().unwrap();
    conditions.extend(
        [
            ("clientAppTypes", json!(["browser"])),
            ("signInRiskLevels", json!(["high"])),
            ("userRiskLevels", json!(["high"])),
            ("insiderRiskLevels", json!("elevated")),
            ("authenticationFlows", json!({"transferMethods": "deviceCodeFlow"})),
            ("platforms", json!({"includePlatforms": ["iOS"]})),
            ("locations", json!({"includeLocations": [HEADQUARTERS.to_string()]})),
            (
                "devices",
                json!({"deviceFilter": {"mode": "include", "rule": "device.trustType -eq \"AzureAD\""},
                    "includeDeviceStates": ["Compliant"]}),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    policy
}

fn world_of(policy: Value) -> World {
    let contoso = trusting_contoso(trust(true, true, true))
        .location(json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation", "id": HEADQUARTERS.to_string(),
            "displayName": "Headquarters", "isTrusted": true,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}],
        }))
        .policy(1, policy);
    world([contoso, open_fabrikam()])
}

const NAMES: [&str; 11] = [
    "users",
    "applications",
    "clientAppTypes",
    "signInRiskLevels",
    "userRiskLevels",
    "insiderRiskLevels",
    "authenticationFlows",
    "platforms",
    "locations",
    "devices.deviceFilter",
    "devices.deviceStates",
];

#[test]
fn a_request_without_facts_lists_every_condition_as_not_provided_with_its_missing_fact() {
    let explanation = explain(&world_of(everything()), &direct());
    let policy = &explanation.policies[0];
    let names: Vec<_> = policy.conditions.iter().map(|one| one.name).collect();
    assert_eq!(names, NAMES);
    let (stated, rest) = policy.conditions.split_at(2);
    assert!(
        stated
            .iter()
            .all(|one| one.outcome == ConditionOutcome::Matched)
    );
    for condition in rest {
        assert_eq!(
            condition.outcome,
            ConditionOutcome::NotProvided,
            "{condition:?}"
        );
        assert_eq!(condition.missing.len(), 1, "{condition:?}");
        assert!(condition.request.contains("not provided"), "{condition:?}");
    }
    assert_eq!(policy.conditions[3].policy, "high");
    assert_eq!(
        explanation.decision.denial().unwrap().reason,
        Reason::MfaRequired
    );
    let expected = [
        RequestFact::ClientAppType,
        RequestFact::SignInRisk,
        RequestFact::UserRisk,
        RequestFact::InsiderRisk,
        RequestFact::AuthenticationFlow,
        RequestFact::Platform,
        RequestFact::IpAddress,
        RequestFact::Device,
    ];
    assert_eq!(missing(&explanation), expected);
    assert!(
        explanation
            .missing
            .iter()
            .all(|one| one.policies.len() == 1)
    );
}

#[test]
fn conditions_after_the_first_that_does_not_match_are_listed_too() {
    let filled = with(direct(), |request| {
        let context = &mut request.context;
        context.client_app_type = Some(ClientAppType::Other);
        context.sign_in_risk = Some(RiskLevel::High);
        context.platform = Some(Platform::Linux);
        context.ip_address = Some("203.0.113.9".parse().unwrap());
        let compliant = (
            DeviceProperty::IsCompliant,
            PropertyValue::Text("False".into()),
        );
        context.device = Some(Device::Registered([compliant].into()));
    });
    let explanation = explain(&world_of(everything()), &filled);
    use ConditionOutcome::{Matched, NotMatched, NotProvided};
    let expected = [
        Matched,
        Matched,
        NotMatched,
        Matched,
        NotProvided,
        NotProvided,
        NotProvided,
        NotMatched,
        Matched,
        NotProvided,
        NotMatched,
    ];
    let found = outcomes(&explanation);
    assert_eq!(found, NAMES.into_iter().zip(expected).collect::<Vec<_>>());
    let filter = &explanation.policies[0].conditions[9];
    assert_eq!(
        filter.missing,
        [RequestFact::DeviceProperty(DeviceProperty::TrustType)]
    );
    // The policy does not apply, so nothing depends on the missing facts.
    assert!(explanation.decision.is_allow());
    assert_eq!(missing(&explanation), []);
}

#[test]
fn conditions_that_a_policy_does_not_set_are_not_listed() {
    let explanation = explain(&contoso_with(&[require(&["mfa"])]), &direct());
    let names: Vec<_> = outcomes(&explanation)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["users", "applications"]);
}

#[test]
fn a_possible_user_type_is_reported_as_not_provided() {
    let guests = json!({"includeGuestsOrExternalUsers":
        {"guestOrExternalUserTypes": "b2bCollaborationGuest", "externalTenants": null}});
    let world = contoso_with(&[when(block(), "users", guests)]);
    let unnamed = with(guest(), |request| request.external_user_type = None);
    let explanation = explain(&world, &unnamed);
    assert_eq!(
        outcomes(&explanation)[0],
        ("users", ConditionOutcome::NotProvided)
    );
    assert_eq!(missing(&explanation), [RequestFact::ExternalUserType]);
    // The request states the type that the policy names: nothing is missing.
    let explanation = explain(&world, &guest());
    assert_eq!(
        outcomes(&explanation)[0],
        ("users", ConditionOutcome::Matched)
    );
    assert_eq!(missing(&explanation), []);
}

#[test]
fn only_missing_facts_of_failing_policies_are_listed() {
    let frequency = json!({"signInFrequency": {"value": 1, "type": "hours", "isEnabled": true,
        "frequencyInterval": "timeBased", "authenticationType": "primaryAndSecondaryAuthentication"}});
    let cases: [(Value, Request, Vec<RequestFact>); 4] = [
        (
            having(require(&[]), "sessionControls", frequency),
            with(internal(), |request| request.claims.auth_time = None),
            vec![RequestFact::AuthTime],
        ),
        (
            require(&["approvedApplication", "compliantApplication"]),
            with(internal(), |request| {
                request.context.app_protection = Some(false)
            }),
            vec![RequestFact::ApprovedApplication],
        ),
        (
            require_one(&["passwordChange", "riskRemediation"]),
            internal(),
            vec![RequestFact::PasswordChanged, RequestFact::RiskRemediated],
        ),
        // Satisfied: its missing facts do not matter.
        (
            when(require(&["mfa"]), "signInRiskLevels", json!(["high"])),
            with(internal(), |request| request.claims.mfa = true),
            vec![],
        ),
    ];
    for (policy, request, expected) in cases {
        let explanation = explain(&contoso_with(std::slice::from_ref(&policy)), &request);
        assert_eq!(
            explanation.decision.is_allow(),
            expected.is_empty(),
            "{policy}"
        );
        assert_eq!(missing(&explanation), expected, "{policy}");
    }
}

#[test]
fn stages_before_conditional_access_list_their_missing_facts() {
    let revoked = with(internal(), |request| request.claims.session_id = None);
    let revocations = [Revocation::Session("another".into())];
    let explanation = explain_revoked(&contoso_with(&[]), &revocations, &revoked);
    assert_eq!(
        explanation.decision.denial().unwrap().reason,
        Reason::SessionRevoked
    );
    assert_eq!(missing(&explanation), [RequestFact::SessionId]);

    let marketing = setting("allowed", &[group(MARKETING)], "allowed", &[all_apps()]);
    let contoso = tenant(CONTOSO).partner(FABRIKAM, json!({"b2bDirectConnectInbound": marketing}));
    let world = world([contoso, open_fabrikam()]);
    let unsure = with(direct(), |request| request.claims.groups_incomplete = true);
    let explanation = explain(&world, &unsure);
    assert_eq!(
        explanation.decision.denial().unwrap().reason,
        Reason::GroupsUnknown
    );
    assert_eq!(missing(&explanation), [RequestFact::Groups]);
    // A denial that no missing fact could change lists nothing.
    let explanation = explain(&world, &direct());
    assert_eq!(
        explanation.decision.denial().unwrap().reason,
        Reason::InboundUser
    );
    assert_eq!(missing(&explanation), []);
}

#[test]
fn every_stage_reports_why_it_passes() {
    let world = contoso_with(&[require(&["mfa"])]);
    let done = with(direct(), |request| request.claims.mfa = true);
    let explanation = explain(&world, &done);
    assert!(explanation.decision.is_allow());
    let ends = format!(
        "The token expires at {} and is not revoked.",
        done.claims.expires_at
    );
    let expected = [
        (Stage::Token, ends.as_str()),
        (
            Stage::TenantRestriction,
            "The request names no restricting tenant.",
        ),
        (
            Stage::Outbound,
            "The home tenant's outbound setting allows this user to access this application.",
        ),
        (
            Stage::Inbound,
            "The resource tenant's inbound setting allows this user to access this application.",
        ),
        (
            Stage::ConditionalAccess,
            "1 enabled policy applies and is satisfied.",
        ),
        (Stage::SharedChannel, "The request names no channel."),
    ];
    let found: Vec<_> = explanation
        .stages
        .iter()
        .map(|stage| (stage.stage, stage.why.as_str()))
        .collect();
    assert_eq!(found, expected);
    let explanation = explain(&contoso_with(&[]), &internal());
    let why: Vec<_> = explanation
        .stages
        .iter()
        .map(|one| one.why.as_str())
        .collect();
    assert!(why[2].starts_with("An internal user:"), "{why:?}");
    assert_eq!(why[4], "No enabled policy applies.");
}

#[test]
fn the_wire_carries_conditions_missing_facts_and_names() {
    let engine = crate::server::empty_engine();
    let mut world = world_of(when(block(), "signInRiskLevels", json!(["high"])));
    world.tenants[0].documents.get_mut("organization").unwrap()["displayName"] = json!("Contoso");
    engine.activate(product::snapshot(&world), "a test");
    let request = proto::AuthorizeRequest {
        home_tenant: FABRIKAM.to_string(),
        resource_tenant: CONTOSO.to_string(),
        user: ALICE.to_string(),
        app: SHAREPOINT.to_string(),
        ..wire::request()
    };
    let engine = Arc::clone(&engine);
    let explanation =
        client::explain_in_process(&engine, &RequestLimits::default(), request).unwrap();
    let [missing] = explanation.missing_facts.as_slice() else {
        panic!("{:?}", explanation.missing_facts);
    };
    assert_eq!(missing.field, "context.sign_in_risk");
    assert_eq!(
        missing.message,
        "sign_in_risk was not provided: send it, or set it under `assume` for this listener"
    );
    assert!(missing.assumable);
    assert_eq!(missing.policy_ids, [policy_id(1).to_string()]);
    let risk = &explanation.policies[0].conditions[2];
    assert_eq!(risk.name, "signInRiskLevels");
    assert_eq!(
        risk.outcome(),
        proto::ConditionOutcome::NotProvidedTreatedAsMatching
    );
    assert_eq!(
        (&*risk.policy_value, &*risk.request_value),
        ("high", "not provided")
    );
    assert_eq!(risk.missing_fields, ["context.sign_in_risk"]);
    let names: Vec<_> = explanation
        .names
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["A tenant", "Contoso", "Office 365 SharePoint Online"]
    );
    let json = client::explanation_to_json(&explanation);
    assert_eq!(json["missingFacts"][0]["field"], "context.sign_in_risk");
    assert_eq!(
        json["policies"][0]["conditions"][2]["outcome"],
        "CONDITION_OUTCOME_NOT_PROVIDED_TREATED_AS_MATCHING"
    );
    assert!(
        json["stages"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("The token expires")
    );
}

#[test]
fn a_fact_is_assumable_if_and_only_if_the_configuration_accepts_it() {
    let device = RequestFact::DeviceProperty(DeviceProperty::TrustType);
    let cases = [
        (RequestFact::IpAddress, "192.0.2.1"),
        (RequestFact::Country(CountrySource::ClientIpAddress), "CH"),
        (RequestFact::Platform, "windows"),
        (RequestFact::ClientAppType, "browser"),
        (RequestFact::SignInRisk, "none"),
        (RequestFact::UserRisk, "none"),
        (RequestFact::InsiderRisk, "none"),
        (RequestFact::AuthenticationFlow, "none"),
        (RequestFact::Device, "unregistered"),
        (RequestFact::ApprovedApplication, "true"),
        (RequestFact::AppProtection, "true"),
        (RequestFact::PasswordChanged, "true"),
        (RequestFact::RiskRemediated, "true"),
        (device, "AzureAD"),
        (RequestFact::AppAttribute("set_name".into()), "x"),
        (RequestFact::AuthTime, "2027-01-15T08:30:00Z"),
        (RequestFact::Groups, "x"),
        (RequestFact::ExternalUserType, "serviceProvider"),
    ];
    for (fact, value) in cases {
        let field = fact.field();
        let name = field.strip_prefix("context.").unwrap_or(&field);
        let taken = AssumedFacts::read(&[(name.to_owned(), value.to_owned())]).is_ok();
        assert_eq!(fact.is_assumable(), taken, "{fact:?}");
        assert_eq!(
            fact.sentence().contains("under `assume`"),
            taken,
            "{fact:?}"
        );
    }
}
