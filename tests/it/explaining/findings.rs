//! Findings that Explain lists and omits when several entries or tenants apply: cases written by hand.

use crosstrust::decision::Reason;
use crosstrust::evaluate::{
    ConditionFinding, ConditionOutcome, Evaluation, Explanation, RequestFact,
};
use crosstrust::id::TenantId;
use crosstrust::request::{LocatedCountry, Request};
use crosstrust::revocation::Revocations;
use crosstrust::vocabulary::{CountrySource, UserAction, UserType};
use serde_json::{Value, json};

use crate::reference::World;
use crate::support::build::*;
use crate::support::product;
use crate::support::universe::*;

fn explain(world: &World, request: &Request) -> Explanation {
    let snapshot = product::snapshot(world);
    Evaluation::new(&snapshot, request).explain(&Revocations::default(), NOW)
}

fn denied(explanation: &Explanation) -> (Reason, Vec<RequestFact>) {
    let missing = explanation.missing.iter().map(|one| one.fact.clone());
    let denial = explanation.decision.denial().expect("a denial");
    (denial.reason, missing.collect())
}

/// The condition of this name of the only policy.
fn condition<'a>(explanation: &'a Explanation, name: &str) -> &'a ConditionFinding {
    let mut conditions = explanation.policies[0].conditions.iter();
    conditions.find(|one| one.name == name).unwrap()
}

fn inbound(setting: &Value) -> World {
    let contoso = tenant(CONTOSO).partner(FABRIKAM, json!({"b2bDirectConnectInbound": setting}));
    world([contoso, open_fabrikam()])
}

fn outbound(setting: &Value) -> World {
    let fabrikam = tenant(FABRIKAM).partner(CONTOSO, json!({"b2bDirectConnectOutbound": setting}));
    world([open_contoso(), fabrikam])
}

/// Woodgrove's restrictions for the users of these tenants.
fn restricted(settings: &[(TenantId, &Value)]) -> World {
    let partners = settings.iter();
    let woodgrove = partners.fold(tenant(WOODGROVE), |woodgrove, (other, setting)| {
        woodgrove.partner(*other, json!({"tenantRestrictions": setting}))
    });
    world([open_contoso(), open_fabrikam(), woodgrove])
}

fn reaching(app: crosstrust::id::AppId) -> Request {
    with(direct(), |request| {
        request.app = app;
        request.client_app = Some(PAYROLL);
    })
}

#[test]
fn a_setting_that_depends_on_an_unknown_bundle_lists_the_application() {
    use Reason::{InboundApplication, OutboundApplication, TenantRestricted};
    let office = setting("allowed", &[all_users()], "allowed", &[app("Office365")]);
    let blocked = setting("allowed", &[all_users()], "blocked", &[app("Office365")]);
    let restricting = |request: Request| {
        with(request, |request| {
            request.restricting_tenant = Some(WOODGROVE)
        })
    };
    let client = with(reaching(PAYROLL), |request| {
        request.client_app = Some(PURVIEW)
    });
    let purview = reaching(PURVIEW);
    let cases = [
        (
            inbound(&office),
            purview.clone(),
            InboundApplication,
            PURVIEW,
        ),
        (
            inbound(&blocked),
            purview.clone(),
            InboundApplication,
            PURVIEW,
        ),
        (inbound(&office), client, InboundApplication, PURVIEW),
        (
            outbound(&office),
            purview.clone(),
            OutboundApplication,
            PURVIEW,
        ),
        (
            outbound(&office),
            reaching(GRAPH),
            OutboundApplication,
            GRAPH,
        ),
        (
            restricted(&[(FABRIKAM, &office), (CONTOSO, &open())]),
            restricting(purview.clone()),
            TenantRestricted,
            PURVIEW,
        ),
        (
            restricted(&[(FABRIKAM, &office), (CONTOSO, &blocked)]),
            restricting(purview.clone()),
            TenantRestricted,
            PURVIEW,
        ),
    ];
    for (number, (world, request, reason, app)) in cases.into_iter().enumerate() {
        let explanation = explain(&world, &request);
        assert_eq!(
            denied(&explanation),
            (reason, vec![RequestFact::Bundles(app)]),
            "{number}"
        );
        let sentence = explanation.missing[0].fact.sentence();
        assert!(sentence.contains(&app.to_string()), "{sentence}");
        assert!(sentence.contains("[[application]]"), "{sentence}");
    }
    // Denied whatever the bundle contains.
    let only_bob = setting("allowed", &[user(BOB)], "allowed", &[app("Office365")]);
    let cases = [
        (inbound(&only_bob), purview.clone()),
        (inbound(&office), reaching(PAYROLL)),
        (
            restricted(&[(FABRIKAM, &office), (CONTOSO, &closed())]),
            restricting(purview),
        ),
    ];
    for (number, (world, request)) in cases.into_iter().enumerate() {
        let (reason, facts) = denied(&explain(&world, &request));
        assert_eq!(facts, [], "{number} {reason:?}");
    }
}

#[test]
fn unknown_groups_beside_an_unknown_bundle_are_both_listed() {
    let both = setting(
        "allowed",
        &[group(MARKETING)],
        "allowed",
        &[app("Office365")],
    );
    let unsure = with(reaching(PURVIEW), |request| {
        request.claims.groups_incomplete = true
    });
    let facts = vec![RequestFact::Groups, RequestFact::Bundles(PURVIEW)];
    let denial = denied(&explain(&inbound(&both), &unsure));
    assert_eq!(denial, (Reason::InboundApplication, facts));
}

#[test]
fn an_absent_client_application_is_listed_if_one_could_be_allowed() {
    use Reason::{InboundApplication, InboundUser, OutboundApplication};
    let without_client = with(reaching(PAYROLL), |request| request.client_app = None);
    let one = setting("allowed", &[all_users()], "allowed", &[app(SHAREPOINT)]);
    let blocked = setting("allowed", &[all_users()], "blocked", &[app(PAYROLL)]);
    let only_bob = setting("allowed", &[user(BOB)], "allowed", &[app(SHAREPOINT)]);
    let listed = vec![RequestFact::ClientApp];
    let cases = [
        (
            inbound(&one),
            &without_client,
            InboundApplication,
            listed.clone(),
        ),
        (outbound(&one), &without_client, OutboundApplication, listed),
        (
            inbound(&one),
            &reaching(PAYROLL),
            InboundApplication,
            vec![],
        ),
        (
            inbound(&blocked),
            &without_client,
            InboundApplication,
            vec![],
        ),
        (inbound(&only_bob), &without_client, InboundUser, vec![]),
    ];
    for (number, (world, request, reason, facts)) in cases.into_iter().enumerate() {
        assert_eq!(
            denied(&explain(&world, request)),
            (reason, facts),
            "{number}"
        );
    }
}

#[test]
fn missing_facts_of_a_user_list_are_listed_only_if_no_entry_matches() {
    let types = json!({"guestOrExternalUserTypes": "b2bCollaborationGuest,b2bCollaborationMember",
        "externalTenants": null});
    let list = |guests: bool, role: bool| {
        let mut users = json!({"includeGroups": [MARKETING.to_string()],
            "includeUsers": [BOB.to_string()], "includeRoles": [ROLES[0].to_string()]});
        if guests {
            users["includeGuestsOrExternalUsers"] = types.clone();
        }
        if role {
            users["includeRoles"] = json!([ROLES[1].to_string()]);
        }
        contoso_with(&[when(block(), "users", users)])
    };
    let unsure = with(guest(), |request| {
        request.resource_user = None;
        request.roles = vec![ROLES[1]];
        request.claims.groups_incomplete = true;
        request.claims.roles_incomplete = true;
    });
    let every = [
        RequestFact::ResourceGroups,
        RequestFact::Roles,
        RequestFact::ResourceUser,
    ];
    for (world, outcome, missing) in [
        (
            list(false, false),
            ConditionOutcome::NotProvided,
            &every[..],
        ),
        (list(true, false), ConditionOutcome::Matched, &[]),
        (list(false, true), ConditionOutcome::Matched, &[]),
    ] {
        let explanation = explain(&world, &unsure);
        let users = condition(&explanation, "users");
        assert_eq!((users.outcome, &*users.missing), (outcome, missing));
        assert_eq!(denied(&explanation).1, missing);
    }
}

fn located(lookup: &str) -> World {
    let europe = json!({
        "@odata.type": "#microsoft.graph.countryNamedLocation", "id": HEADQUARTERS.to_string(),
        "displayName": "Europe", "countriesAndRegions": ["DE"], "countryLookupMethod": lookup,
    });
    let locations = json!({"includeLocations": [HEADQUARTERS.to_string()]});
    let contoso = trusting_contoso(trust(true, true, true))
        .location(europe)
        .policy(1, when(block(), "locations", locations));
    world([contoso, open_fabrikam()])
}

#[test]
fn a_country_from_the_other_method_is_not_reported_as_absent() {
    use CountrySource::{AuthenticatorAppGps, ClientIpAddress};
    let sent = |source: Option<CountrySource>| {
        with(direct(), |request| {
            let country = "FR".parse().unwrap();
            request.context.country = source.map(|source| LocatedCountry { country, source });
        })
    };
    let other = RequestFact::CountryOfOtherMethod;
    for (lookup, sent_by, fact) in [
        (ClientIpAddress, None, RequestFact::Country(ClientIpAddress)),
        (
            AuthenticatorAppGps,
            None,
            RequestFact::Country(AuthenticatorAppGps),
        ),
        (
            ClientIpAddress,
            Some(AuthenticatorAppGps),
            other(ClientIpAddress),
        ),
        (
            AuthenticatorAppGps,
            Some(ClientIpAddress),
            other(AuthenticatorAppGps),
        ),
    ] {
        let explanation = explain(&located(&lookup.to_string()), &sent(sent_by));
        assert_eq!(denied(&explanation).1, std::slice::from_ref(&fact));
        let locations = &condition(&explanation, "locations").policy;
        let expected = format!("include DE (determined by {lookup})");
        assert_eq!(locations, &expected);
        let sentence = fact.sentence();
        let other_was_sent = sent_by.is_some();
        assert_eq!(
            sentence.contains("the country was sent"),
            other_was_sent,
            "{sentence}"
        );
        assert_eq!(
            sentence.contains("not provided"),
            !other_was_sent,
            "{sentence}"
        );
        assert_eq!(fact.is_assumable(), !other_was_sent);
        assert_eq!(fact.field(), "context.country");
    }
}

#[test]
fn an_ip_location_shows_its_ranges() {
    let ranges = |addresses: &[&str]| {
        let range = |address: &&str| {
            let version = if address.contains(':') { "6" } else { "4" };
            json!({"@odata.type": format!("#microsoft.graph.iPv{version}CidrRange"), "cidrAddress": address})
        };
        let ranges: Vec<Value> = addresses.iter().map(range).collect();
        let contoso = trusting_contoso(trust(true, true, true))
            .location(json!({
                "@odata.type": "#microsoft.graph.ipNamedLocation", "id": HEADQUARTERS.to_string(),
                "displayName": "Headquarters", "isTrusted": true, "ipRanges": ranges,
            }))
            .policy(
                1,
                when(
                    block(),
                    "locations",
                    json!({"includeLocations": [HEADQUARTERS.to_string()]}),
                ),
            );
        let explanation = explain(&world([contoso, open_fabrikam()]), &direct());
        condition(&explanation, "locations").policy.clone()
    };
    assert_eq!(
        ranges(&["203.0.113.0/24", "2001:db8::1/128"]),
        "include an IP location of 203.0.113.0 to 203.0.113.255, 2001:db8::1"
    );
    assert_eq!(
        ranges(&["10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24", "10.0.6.0/24"]),
        "include an IP location of 4 address ranges"
    );
}

#[test]
fn a_policy_excluded_for_a_user_action_is_reported_as_excluded() {
    let action = |action: &str| json!([{"userAction": action, "state": "enabled"}]);
    let contoso = open_contoso()
        .excluding_actions(action("registerDevice"))
        .policy(1, block());
    let world = world([contoso, open_fabrikam()]);
    let registering = |action| {
        with(direct(), |request| {
            request.context.user_action = Some(action)
        })
    };
    let text = "excluded by conditional-access-settings.json for this user action";
    for (action, is_excluded) in [
        (UserAction::RegisterDevice, true),
        (UserAction::RegisterSecurityInfo, false),
    ] {
        let explanation = explain(&world, &registering(action));
        let applications = condition(&explanation, "applications");
        assert_eq!(applications.policy.contains(text), is_excluded);
        let is_matched = applications.outcome == ConditionOutcome::Matched;
        assert_eq!(is_matched, !is_excluded);
    }
}

#[test]
fn a_service_provider_blocked_outbound_is_shown_with_the_partner_entry() {
    let entry = json!({"b2bDirectConnectOutbound": open(), "b2bCollaborationOutbound": open(),
        "blockServiceProviderOutboundAccess": true});
    let world = world([open_contoso(), tenant(FABRIKAM).partner(CONTOSO, entry)]);
    let provider = with(guest(), |request| {
        request.external_user_type = Some(UserType::ServiceProvider);
    });
    let explanation = explain(&world, &provider);
    let details = &explanation.stages[2].details;
    let blocks = details
        .iter()
        .find(|one| one.what == "blockServiceProviderOutboundAccess");
    let origin = &blocks.unwrap().origin;
    assert!(origin.contains("partners.json:1 $[0]"), "{origin}");
}
