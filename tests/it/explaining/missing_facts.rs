//! The missing facts that a denial names. Properties over generated cases: a listed fact is absent from the request,
//! and a fact that alone turns a denial into an allow is listed.

use std::collections::BTreeMap;

use crosstrust::evaluate::{Evaluation, Explanation, RequestFact};
use crosstrust::request::{AccessType, Claims, Device, LocatedCountry, Request, UserClass};
use crosstrust::revocation::Revocations;
use crosstrust::snapshot::Snapshot;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{
    AuthenticationFlow, AuthenticationMethod, ClientAppType, Country, CountrySource,
    InsiderRiskLevel, Platform, RiskLevel, UserType, Word, WordSet,
};

use crate::support::random::Rng;
use crate::support::universe::*;
use crate::support::{filters, generate, product};

const CASES: usize = 20_000;
const CASES_A_WORLD: usize = 50;

fn explain(
    snapshot: &Snapshot,
    revocations: &Revocations,
    request: &Request,
    now: Timestamp,
) -> Explanation {
    Evaluation::new(snapshot, request).explain(revocations, now)
}

fn for_each_case(
    mut check: impl FnMut(&Snapshot, &Revocations, &Request, Timestamp, &Explanation, &mut Rng),
) {
    let configured = std::env::var("CROSSTRUST_CASES").ok();
    let cases = configured.map_or(CASES, |text| text.parse().expect("a number"));
    for seed in 0..cases.div_ceil(CASES_A_WORLD) as u64 {
        let mut rng = Rng::new(seed ^ 0xfac7);
        let mut world = generate::world(seed);
        world.bundles = product::bundles();
        let revocations: Revocations = generate::revocations(&world, &mut rng)
            .into_iter()
            .collect();
        let snapshot = product::snapshot(&world);
        for _ in 0..CASES_A_WORLD {
            let (request, now) = generate::request(&world, &mut rng);
            let explanation = explain(&snapshot, &revocations, &request, now);
            check(
                &snapshot,
                &revocations,
                &request,
                now,
                &explanation,
                &mut rng,
            );
        }
    }
}

/// Whether the request lacks the fact.
fn is_absent(fact: &RequestFact, request: &Request) -> bool {
    let Request {
        context, claims, ..
    } = request;
    match fact {
        RequestFact::User => request.user.is_none(),
        RequestFact::Groups | RequestFact::ResourceGroups => claims.groups_incomplete,
        RequestFact::Roles => claims.roles_incomplete,
        RequestFact::ResourceUser => request.resource_user.is_none(),
        RequestFact::ExternalUserType => request.external_user_type.is_none(),
        RequestFact::ClientApp => request.client_app.is_none(),
        RequestFact::IssuedAt => claims.issued_at.is_none(),
        RequestFact::AuthTime => claims.auth_time.is_none(),
        RequestFact::SessionId => claims.session_id.is_none(),
        RequestFact::AuthenticationMethods => claims.authentication_methods.is_empty(),
        RequestFact::ResourceAuthenticationMethods => {
            claims.resource_authentication_methods.is_empty()
        }
        RequestFact::AuthenticatorAaguid => claims.authenticator_aaguid.is_none(),
        RequestFact::CertificateIssuerSkis => claims.certificate_issuer_skis.is_empty(),
        RequestFact::CertificatePolicyOids => claims.certificate_policy_oids.is_empty(),
        RequestFact::IpAddress => context.ip_address.is_none(),
        RequestFact::Country(_) => context.country.is_none(),
        RequestFact::CountryOfOtherMethod(lookup) => {
            context.country.is_some_and(|own| own.source != *lookup)
        }
        RequestFact::EasSupported => {
            context.client_app_type == Some(ClientAppType::ExchangeActiveSync)
        }
        RequestFact::Platform => context.platform.is_none(),
        RequestFact::ClientAppType => context.client_app_type.is_none(),
        RequestFact::SignInRisk => context.sign_in_risk.is_none(),
        RequestFact::UserRisk => context.user_risk.is_none(),
        RequestFact::InsiderRisk => context.insider_risk.is_none(),
        RequestFact::AuthenticationFlow => context.authentication_flow.is_none(),
        RequestFact::Device => context.device.is_none(),
        RequestFact::DeviceProperty(property) => match &context.device {
            Some(Device::Registered(known)) => !known.contains_key(property),
            Some(Device::Unregistered) | None => false,
        },
        RequestFact::AppAttribute(name) => !context.app_attributes.contains_key(name),
        RequestFact::ApprovedApplication => context.approved_application.is_none(),
        RequestFact::AppProtection => context.app_protection.is_none(),
        RequestFact::PasswordChanged => context.password_changed.is_none(),
        RequestFact::RiskRemediated => context.risk_remediated.is_none(),
        RequestFact::CompliantNetwork
        | RequestFact::MfaTrustedIps
        | RequestFact::Bundles(_)
        | RequestFact::AgentResource => true,
    }
}

/// The request with one absent fact filled in, in every way that matters, and the facts at least one of which must be
/// listed if the fill turns the denial into an allow.
fn fills(request: &Request, now: Timestamp, rng: &mut Rng) -> Vec<(Vec<RequestFact>, Request)> {
    let mut filled = Vec::new();
    context_fills(request, rng, &mut filled);
    claims_fills(request, now, &mut filled);
    user_fills(request, &mut filled);
    filled.retain(|(_, request)| request.contradiction().is_none());
    filled
}

type Filled = Vec<(Vec<RequestFact>, Request)>;

fn with(request: &Request, change: impl FnOnce(&mut Request)) -> Request {
    let mut other = request.clone();
    change(&mut other);
    other
}

fn context_fills(request: &Request, rng: &mut Rng, filled: &mut Filled) {
    macro_rules! fill {
        ($field:ident, $fact:expr, $values:expr) => {
            if request.context.$field.is_none() {
                for value in $values {
                    let change = |other: &mut Request| other.context.$field = Some(value.clone());
                    filled.push((vec![$fact], with(request, change)));
                }
            }
        };
    }
    let addresses = ["198.51.100.7", "203.0.113.7", "192.0.2.1", "2001:db8:2::1"];
    let addresses: [std::net::IpAddr; 4] = addresses.map(|text| text.parse().unwrap());
    let countries: [Country; 4] = ["DE", "US", "FR", "ZZ"].map(|text| text.parse().unwrap());
    fill!(ip_address, RequestFact::IpAddress, addresses);
    for source in CountrySource::ALL {
        let located = countries.map(|country| LocatedCountry {
            country,
            source: *source,
        });
        fill!(country, RequestFact::Country(*source), located);
    }
    fill!(platform, RequestFact::Platform, Platform::ALL);
    fill!(
        client_app_type,
        RequestFact::ClientAppType,
        ClientAppType::ALL
    );
    fill!(sign_in_risk, RequestFact::SignInRisk, RiskLevel::ALL);
    fill!(user_risk, RequestFact::UserRisk, RiskLevel::ALL);
    fill!(
        insider_risk,
        RequestFact::InsiderRisk,
        InsiderRiskLevel::ALL
    );
    fill!(
        authentication_flow,
        RequestFact::AuthenticationFlow,
        AuthenticationFlow::ALL
    );
    fill!(
        approved_application,
        RequestFact::ApprovedApplication,
        [true, false]
    );
    fill!(app_protection, RequestFact::AppProtection, [true, false]);
    fill!(
        password_changed,
        RequestFact::PasswordChanged,
        [true, false]
    );
    fill!(risk_remediated, RequestFact::RiskRemediated, [true, false]);
    let mut devices: Vec<Device> = (0..6).filter_map(|_| filters::device(rng)).collect();
    devices.push(Device::Unregistered);
    fill!(device, RequestFact::Device, &devices);
    if let Some(Device::Registered(known)) = &request.context.device {
        for device in &devices {
            let Device::Registered(other) = device else {
                continue;
            };
            for (property, value) in other.iter().filter(|(one, _)| !known.contains_key(one)) {
                let mut properties = known.clone();
                properties.insert(*property, value.clone());
                let change = |other: &mut Request| {
                    other.context.device = Some(Device::Registered(properties));
                };
                filled.push((
                    vec![RequestFact::DeviceProperty(*property)],
                    with(request, change),
                ));
            }
        }
    }
    for (name, value) in filters::attributes(rng) {
        if !request.context.app_attributes.contains_key(&name) {
            let fact = RequestFact::AppAttribute(name.clone());
            let change = |other: &mut Request| {
                other.context.app_attributes.insert(name, value);
            };
            filled.push((vec![fact], with(request, change)));
        }
    }
}

fn claims_fills(request: &Request, now: Timestamp, filled: &mut Filled) {
    let claims = &request.claims;
    let mut fill = |facts: Vec<RequestFact>, change: &dyn Fn(&mut Claims)| {
        filled.push((facts, with(request, |other| change(&mut other.claims))));
    };
    if claims.auth_time.is_none() {
        fill(vec![RequestFact::AuthTime], &|claims| {
            claims.auth_time = Some(now)
        });
    }
    if claims.issued_at.is_none() {
        fill(vec![RequestFact::IssuedAt], &|claims| {
            claims.issued_at = Some(now)
        });
    }
    if claims.session_id.is_none() {
        fill(vec![RequestFact::SessionId], &|claims| {
            claims.session_id = Some("another".into())
        });
    }
    let every = || AuthenticationMethod::list().iter().copied().collect();
    // The methods of an internal user count together: if one list is given, none is missing.
    let both = claims
        .authentication_methods
        .union(claims.resource_authentication_methods);
    let is_internal = request.user_class() == UserClass::Internal;
    let is_missing = |list: WordSet<AuthenticationMethod>| match is_internal {
        true => both.is_empty(),
        false => list.is_empty(),
    };
    if is_missing(claims.authentication_methods) {
        fill(vec![RequestFact::AuthenticationMethods], &|claims| {
            claims.authentication_methods = every()
        });
    }
    if is_missing(claims.resource_authentication_methods) {
        let facts = vec![
            RequestFact::ResourceAuthenticationMethods,
            RequestFact::AuthenticationMethods,
        ];
        fill(facts, &|claims| {
            claims.resource_authentication_methods = every()
        });
    }
    if claims.authenticator_aaguid.is_none() {
        for model in AAGUIDS {
            fill(vec![RequestFact::AuthenticatorAaguid], &|claims| {
                claims.authenticator_aaguid = Some(model)
            });
        }
    }
    if claims.certificate_issuer_skis.is_empty() {
        fill(vec![RequestFact::CertificateIssuerSkis], &|claims| {
            claims.certificate_issuer_skis = ISSUER_SKIS.map(String::from).to_vec()
        });
    }
    if claims.certificate_policy_oids.is_empty() {
        fill(vec![RequestFact::CertificatePolicyOids], &|claims| {
            claims.certificate_policy_oids = POLICY_OIDS.map(String::from).to_vec()
        });
    }
}

fn user_fills(request: &Request, filled: &mut Filled) {
    if request.claims.groups_incomplete {
        for groups in [&[][..], &GROUPS] {
            let change = |other: &mut Request| {
                other.claims.groups_incomplete = false;
                other.groups.extend(groups);
                other.resource_groups.extend(groups);
            };
            filled.push((
                vec![RequestFact::Groups, RequestFact::ResourceGroups],
                with(request, change),
            ));
        }
    }
    if request.claims.roles_incomplete {
        for roles in [&[][..], &ROLES] {
            let change = |other: &mut Request| {
                other.claims.roles_incomplete = false;
                other.roles.extend(roles);
            };
            filled.push((vec![RequestFact::Roles], with(request, change)));
        }
    }
    let is_guest = request.access == AccessType::Collaboration
        && request.user_class() == UserClass::Collaboration;
    for user in USERS {
        // A direct connect user without a guest object has none; the fact is not missing.
        if request.resource_user.is_none() && is_guest {
            let change = |other: &mut Request| other.resource_user = Some(user);
            filled.push((vec![RequestFact::ResourceUser], with(request, change)));
        }
        if request.user.is_none() {
            let change = |other: &mut Request| other.user = Some(user);
            filled.push((vec![RequestFact::User], with(request, change)));
        }
    }
    if request.client_app.is_none() {
        for app in APPS {
            let change = |other: &mut Request| other.client_app = Some(app);
            filled.push((vec![RequestFact::ClientApp], with(request, change)));
        }
    }
    // An internal user is an internal guest only if the request states it.
    if request.external_user_type.is_none() && request.user_class() != UserClass::Internal {
        for named in UserType::ALL {
            let other = with(request, |other| other.external_user_type = Some(*named));
            if other.contradiction().is_none() {
                filled.push((vec![RequestFact::ExternalUserType], other));
            }
        }
    }
}

#[test]
fn a_fact_that_alone_turns_a_denial_into_an_allow_is_listed() {
    let mut flips: BTreeMap<String, usize> = BTreeMap::new();
    for_each_case(|snapshot, revocations, request, now, explanation, rng| {
        if explanation.decision.is_allow() {
            assert!(explanation.missing.is_empty());
            return;
        }
        let listed: Vec<&RequestFact> = explanation.missing.iter().map(|one| &one.fact).collect();
        for (facts, filled) in fills(request, now, rng) {
            let decision = crosstrust::evaluate::decide(snapshot, revocations, &filled, now);
            if !decision.is_allow() {
                continue;
            }
            let is_listed = facts.iter().any(|fact| listed.contains(&fact));
            assert!(
                is_listed,
                "{facts:?} is not listed\n{:#?}\n{request:#?}\n{filled:#?}",
                explanation
            );
            let kind = format!("{:?}", facts[0]);
            let kind = kind.split('(').next().unwrap().to_owned();
            *flips.entry(kind).or_default() += 1;
        }
    });
    println!("{flips:#?}");
    if std::env::var_os("CROSSTRUST_CASES").is_none() {
        assert!(
            flips.len() >= 20,
            "too few facts change a decision: {flips:#?}"
        );
    }
}

#[test]
fn a_listed_fact_is_absent_and_some_failing_policy_or_setting_reads_it() {
    let mut lists = 0;
    for_each_case(|_, _, request, _, explanation, _| {
        for missing in &explanation.missing {
            lists += 1;
            assert!(
                is_absent(&missing.fact, request),
                "{missing:?} {request:#?}"
            );
            for policy in &missing.policies {
                let applied = &explanation.decision.applied;
                assert!(applied.iter().any(|one| one.policy == *policy));
            }
        }
        for policy in &explanation.policies {
            for condition in &policy.conditions {
                use crosstrust::evaluate::ConditionOutcome::NotProvided;
                let lacks = !condition.missing.is_empty();
                assert_eq!(condition.outcome == NotProvided, lacks, "{condition:?}");
                assert!(
                    condition
                        .missing
                        .iter()
                        .all(|fact| is_absent(fact, request))
                );
            }
        }
    });
    assert!(lists > 100, "{lists}");
}

#[test]
fn each_fact_names_its_field_and_how_to_provide_it() {
    let risk = RequestFact::SignInRisk;
    assert_eq!(risk.field(), "context.sign_in_risk");
    assert_eq!(
        risk.sentence(),
        "sign_in_risk was not provided: send it, or set it under `assume` for this listener"
    );
    assert!(risk.is_assumable());
    let time = RequestFact::AuthTime;
    assert_eq!(time.field(), "claims.auth_time");
    assert!(!time.is_assumable());
    assert!(
        !time.sentence().contains("under `assume`"),
        "{}",
        time.sentence()
    );
}
