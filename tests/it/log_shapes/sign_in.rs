//! A request and its decision → Graph's `signIn`.

use crosstrust::decision::{Denial, Reason};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::sign_in::{self, PartialSignInRequest, SignIn, SignInRequest};
use crosstrust::request::{AccessType, Api};
use crosstrust::vocabulary::UserType;
use serde_json::{Value, json};

use super::*;

#[test]
fn an_allow_is_recorded_in_graphs_terms() {
    let attempt = request();
    let answer = engine().authorize(&attempt);
    assert!(answer.decision.is_allow(), "{answer:?}");
    let event = read(&body_of(&attempt, &answer, &Pseudonyms::OFF));
    let id = answer.decision_id.to_string();
    let expected = json!({
        "id": id, "createdDateTime": NOW.to_string(), "correlationId": id,
        "userId": FELIX.to_string(), "userType": "guest",
        "homeTenantId": FABRIKAM.to_string(), "resourceTenantId": CONTOSO.to_string(),
        "crossTenantAccessType": "b2bDirectConnect",
        "resourceId": PAYROLL.to_string(), "appId": CLIENT.to_string(), "clientAppUsed": "Browser",
        "ipAddress": "203.0.113.7", "location": {"countryOrRegion": null},
        "deviceDetail": {"deviceId": null, "displayName": null, "operatingSystem": null, "isCompliant": null,
            "trustType": null},
        "riskLevelDuringSignIn": "low", "isInteractive": null, "isTenantRestricted": false,
        "sessionId": "session-1",
        "status": {"errorCode": 0, "failureReason": null, "additionalDetails": null},
        "conditionalAccessStatus": "success", "authenticationRequirement": "multiFactorAuthentication",
        "appliedConditionalAccessPolicies": [{
            "id": "c0000000-0000-4000-8000-000000000001", "displayName": HOSTILE, "result": "success",
            "enforcedGrantControls": ["mfa"], "enforcedSessionControls": ["signInFrequency"],
        }],
        "crosstrust": {
            "decision": "ALLOW", "reason": "ALLOWED", "stage": null, "stepUp": false,
            "snapshotId": answer.active.as_ref().unwrap().snapshot.id().to_string(), "snapshotVersion": 1,
            "expiresAt": answer.decision.expires_at.to_string(), "api": "Authorize", "requestId": "call-1",
            "channelId": null, "assumedOutbound": null, "resourceUserId": null, "identityProvider": null,
            "restrictingTenantId": null,
        },
    });
    assert_eq!(event, expected);
}

#[test]
fn a_denial_is_recorded_with_code_reason_and_step_up() {
    let mut attempt = request();
    attempt.claims.mfa = false;
    let event = event_of(&attempt);
    assert_eq!(event["status"]["errorCode"], 50076);
    let help = "Sign in again with multifactor authentication in the home tenant.";
    assert_eq!(event["status"]["additionalDetails"], help);
    assert_eq!(event["conditionalAccessStatus"], "failure");
    assert_eq!(
        event["appliedConditionalAccessPolicies"][0]["result"],
        "failure"
    );
    let extension = &event["crosstrust"];
    assert_eq!(extension["reason"], "MFA_REQUIRED");
    assert_eq!(extension["stage"], "CONDITIONAL_ACCESS");
    assert_eq!(extension["stepUp"], true);
}

#[test]
fn a_denial_before_conditional_access_has_conditional_access_not_applied() {
    let mut attempt = request();
    attempt.access = AccessType::Collaboration;
    attempt.resource = crosstrust::id::TenantId(77);
    let event = event_of(&attempt);
    assert_eq!(event["crosstrust"]["reason"], "RESOURCE_TENANT_UNKNOWN");
    // Microsoft defines no code for it, and zero would mean success.
    assert_eq!(event["status"]["errorCode"], Value::Null);
    assert_eq!(event["conditionalAccessStatus"], "notApplied");
    assert_eq!(event["authenticationRequirement"], Value::Null);
}

#[test]
fn each_kind_of_access_has_its_access_type_and_user_type() {
    let types_of = |access, user_type, home: TenantId| {
        let mut attempt = request();
        attempt.access = access;
        attempt.external_user_type = user_type;
        attempt.home = home.into();
        let event = event_of(&attempt);
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        (text("crossTenantAccessType"), text("userType"))
    };
    use AccessType::{Collaboration, DirectConnect};
    let is = |access: &str, user: &str| (access.to_owned(), user.to_owned());
    assert_eq!(types_of(DirectConnect, None, CONTOSO), is("none", "member"));
    assert_eq!(
        types_of(DirectConnect, Some(UserType::InternalGuest), CONTOSO),
        is("none", "guest")
    );
    assert_eq!(
        types_of(DirectConnect, None, FABRIKAM),
        is("b2bDirectConnect", "guest")
    );
    assert_eq!(
        types_of(Collaboration, None, FABRIKAM),
        is("b2bCollaboration", "guest")
    );
    let member = Some(UserType::CollaborationMember);
    assert_eq!(
        types_of(Collaboration, member, FABRIKAM),
        is("b2bCollaboration", "member")
    );
    let provider = Some(UserType::ServiceProvider);
    assert_eq!(
        types_of(Collaboration, provider, FABRIKAM),
        is("serviceProvider", "guest")
    );
}

#[test]
fn a_request_id_that_is_a_guid_is_the_correlation_id() {
    let mut attempt = request();
    attempt.request_id = String::from("1F3C9A52-07D4-4C1E-9B6B-2F0F5D0C7A11");
    let event = event_of(&attempt);
    assert_eq!(
        event["correlationId"],
        "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11"
    );
}

#[test]
fn a_request_rejected_before_evaluation_is_recorded_with_the_known_facts() {
    let answer = engine()
        .view()
        .refuse(Denial::of(None, Reason::IdentityMissing));
    let event = SignIn {
        request: SignInRequest::Partial(PartialSignInRequest {
            resource: Some(CONTOSO),
            app: Some(PAYROLL),
            ip_address: Some("2001:db8::1".parse().unwrap()),
            ..PartialSignInRequest::default()
        }),
        answer: &answer,
        time: NOW,
        api: Api::Check,
    };
    let event = read(&sign_in::body(&event, &Pseudonyms::OFF));
    assert_eq!(event["userId"], Value::Null);
    assert_eq!(event["resourceTenantId"], CONTOSO.to_string());
    assert_eq!(event["ipAddress"], "2001:db8::1");
    assert_eq!(event["crosstrust"]["reason"], "IDENTITY_MISSING");
    assert_eq!(event["crosstrust"]["requestId"], Value::Null);
}

#[test]
fn with_a_key_only_users_sessions_and_devices_are_hashes() {
    let mut attempt = request();
    attempt.access = AccessType::Collaboration;
    attempt.resource_user = Some(GUEST);
    attempt.claims.device_id = Some(String::from("device-1"));
    let answer = engine().authorize(&attempt);
    let keyed = Pseudonyms::keyed(&[7; 32]).unwrap();
    let body = body_of(&attempt, &answer, &keyed);
    let (event, plain) = (
        read(&body),
        read(&body_of(&attempt, &answer, &Pseudonyms::OFF)),
    );
    let text = String::from_utf8(body).unwrap();
    for id in [
        FELIX.to_string(),
        GUEST.to_string(),
        "session-1".into(),
        "device-1".into(),
    ] {
        assert!(!text.contains(&id), "{id}");
    }
    assert_eq!(event["userId"], keyed.user(FELIX));
    assert_eq!(event["crosstrust"]["resourceUserId"], keyed.user(GUEST));
    assert_eq!(event["resourceId"], plain["resourceId"]);
    assert_eq!(event["status"], plain["status"]);
}

#[test]
fn a_pseudonym_depends_only_on_the_key_and_the_kind_and_value_of_the_id() {
    use crosstrust::log::pseudonym::IdKind::{Device, Session, User};
    let key = |byte| Pseudonyms::keyed(&[byte; 32]).unwrap();
    let (one, other) = (key(1), key(2));
    assert_eq!(one.text(User, "a"), key(1).text(User, "a"));
    let all = [
        one.text(User, "a"),
        one.text(User, "b"),
        one.text(Session, "a"),
        one.text(Device, "a"),
        other.text(User, "a"),
    ];
    let different: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert!(
        all.iter()
            .all(|text| text.starts_with("p:") && text.len() == 34)
    );
    // HMAC-SHA-256 of "user\0a", computed by another implementation.
    assert_eq!(key(1).text(User, "a"), USER_A_UNDER_ONES);
    assert!(Pseudonyms::keyed(&[1; 31]).is_err());
    assert!(!format!("{one:?}").contains('1'));
}

const USER_A_UNDER_ONES: &str = "p:d468fb24be7371ab69317752b8e49109";
