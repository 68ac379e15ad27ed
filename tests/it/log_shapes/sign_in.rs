//! A question and its answer → Graph's `signIn`.

use crosstrust::decision::{Denial, Reason};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::sign_in::{self, PartialSignInRequest, SignIn, SignInRequest};
use crosstrust::request::{AccessType, Api};
use crosstrust::vocabulary::UserType;
use serde_json::{Value, json};

use super::*;

#[test]
fn an_allow_is_told_in_graphs_words() {
    let asked = request();
    let answer = engine().authorize(&asked);
    assert!(answer.decision.is_allow(), "{answer:?}");
    let event = read(&body_of(&asked, &answer, &Pseudonyms::OFF));
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
fn a_denial_has_its_code_its_reason_and_what_would_help() {
    let mut asked = request();
    asked.claims.mfa = false;
    let event = event_of(&asked);
    assert_eq!(event["status"]["errorCode"], 50076);
    let help = "Sign in again with multifactor authentication in the home tenant.";
    assert_eq!(event["status"]["additionalDetails"], help);
    assert_eq!(event["conditionalAccessStatus"], "failure");
    assert_eq!(
        event["appliedConditionalAccessPolicies"][0]["result"],
        "failure"
    );
    let ours = &event["crosstrust"];
    assert_eq!(ours["reason"], "MFA_REQUIRED");
    assert_eq!(ours["stage"], "CONDITIONAL_ACCESS");
    assert_eq!(ours["stepUp"], true);
}

#[test]
fn a_denial_before_conditional_access_says_that_none_applied() {
    let mut asked = request();
    asked.access = AccessType::Collaboration;
    asked.resource = crosstrust::id::TenantId(77);
    let event = event_of(&asked);
    assert_eq!(event["crosstrust"]["reason"], "RESOURCE_TENANT_UNKNOWN");
    // Microsoft has no number for it, and zero would be a success.
    assert_eq!(event["status"]["errorCode"], Value::Null);
    assert_eq!(event["conditionalAccessStatus"], "notApplied");
    assert_eq!(event["authenticationRequirement"], Value::Null);
}

#[test]
fn each_way_to_come_has_its_access_type_and_user_type() {
    let told = |access, user_type, home: TenantId| {
        let mut asked = request();
        asked.access = access;
        asked.external_user_type = user_type;
        asked.home = home.into();
        let event = event_of(&asked);
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        (text("crossTenantAccessType"), text("userType"))
    };
    use AccessType::{Collaboration, DirectConnect};
    let is = |access: &str, user: &str| (access.to_owned(), user.to_owned());
    assert_eq!(told(DirectConnect, None, CONTOSO), is("none", "member"));
    assert_eq!(
        told(DirectConnect, Some(UserType::InternalGuest), CONTOSO),
        is("none", "guest")
    );
    assert_eq!(
        told(DirectConnect, None, FABRIKAM),
        is("b2bDirectConnect", "guest")
    );
    assert_eq!(
        told(Collaboration, None, FABRIKAM),
        is("b2bCollaboration", "guest")
    );
    let member = Some(UserType::CollaborationMember);
    assert_eq!(
        told(Collaboration, member, FABRIKAM),
        is("b2bCollaboration", "member")
    );
    let provider = Some(UserType::ServiceProvider);
    assert_eq!(
        told(Collaboration, provider, FABRIKAM),
        is("serviceProvider", "guest")
    );
}

#[test]
fn a_request_id_that_is_a_guid_is_the_correlation_id() {
    let mut asked = request();
    asked.request_id = String::from("1F3C9A52-07D4-4C1E-9B6B-2F0F5D0C7A11");
    let event = event_of(&asked);
    assert_eq!(
        event["correlationId"],
        "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11"
    );
}

#[test]
fn what_is_refused_before_it_can_be_asked_tells_what_is_known() {
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
fn with_a_key_users_sessions_and_devices_are_hashes_and_nothing_else_is() {
    let mut asked = request();
    asked.access = AccessType::Collaboration;
    asked.resource_user = Some(GUEST);
    asked.claims.device_id = Some(String::from("device-1"));
    let answer = engine().authorize(&asked);
    let keyed = Pseudonyms::keyed(&[7; 32]).unwrap();
    let body = body_of(&asked, &answer, &keyed);
    let (event, plain) = (
        read(&body),
        read(&body_of(&asked, &answer, &Pseudonyms::OFF)),
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
fn a_pseudonym_depends_on_the_key_and_on_what_the_id_is_of_and_on_nothing_else() {
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
    // HMAC-SHA-256 of "user\0a" by another implementation.
    assert_eq!(key(1).text(User, "a"), USER_A_UNDER_ONES);
    assert!(Pseudonyms::keyed(&[1; 31]).is_err());
    assert!(!format!("{one:?}").contains('1'));
}

const USER_A_UNDER_ONES: &str = "p:d468fb24be7371ab69317752b8e49109";
