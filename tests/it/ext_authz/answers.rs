//! Allow, denial, challenge: the responses that Envoy and its client receive.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use crosstrust::revocation::Revocation;
use prost::Message as _;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::asking::{
    CONTOSO, FABRIKAM, FATIMA, LAUNCHER, SHAREPOINT, Setup, World, assert_denied, attributes, get,
    http,
};
use crate::support::tokens;

#[tokio::test]
async fn an_allow_names_the_user_and_removes_nothing_that_it_sets() {
    let world = World::new(Setup::default()).await;
    let answer = world.check(&get(LAUNCHER, Some(&world.good_token()))).await;
    assert!(answer.has_status && answer.is_allow(), "{answer:?}");
    assert_eq!(answer.denied, None);
    assert_eq!(answer.header("x-crosstrust-home-tenant"), Some(FABRIKAM));
    assert_eq!(answer.header("x-crosstrust-user"), Some(FATIMA));
    assert!(answer.header("x-crosstrust-decision-id").is_some());
    assert!(answer.header("x-crosstrust-expires-at").is_some());
    assert!(answer.removed.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_guest_whose_home_id_is_unknown_has_no_user_header_and_a_forged_one_is_removed() {
    let world = World::new(Setup::default()).await;
    let claims = tokens::with(
        world.claims(LAUNCHER),
        json!({
            "iss": super::asking::CONTOSO_ISS,
            "tid": CONTOSO,
            "oid": "1301dc4d-3b13-49a7-bfce-1b4ce7098785",
            "idp": format!("https://sts.windows.net/{FABRIKAM}/"),
        }),
    );
    let token = world.contoso.sign(&claims);
    let answer = world.check(&get(LAUNCHER, Some(&token))).await;
    if answer.is_allow() {
        assert_eq!(answer.header("x-crosstrust-user"), None);
        assert_eq!(answer.removed, ["x-crosstrust-user"]);
        assert_eq!(answer.header("x-crosstrust-home-tenant"), Some(FABRIKAM));
    } else {
        // Fabrikam allows named users outbound as guests; the home id of this user is unknown.
        assert_denied(&answer, 403, Code::PermissionDenied);
    }
}

#[tokio::test]
async fn a_denial_contains_code_and_reason_only_if_the_route_enables_them() {
    let world = World::new(Setup::default()).await;
    // No setting allows Fabrikam's users to reach this application.
    let app = "1a0370d1-fa4d-4669-ba0f-973108df6b7c";
    let claims = tokens::with(world.claims(LAUNCHER), json!({"aud": [LAUNCHER, app]}));
    let token = world.fabrikam.sign(&claims);
    let mut request = get(LAUNCHER, Some(&token));
    let extensions = &mut attributes(&mut request).context_extensions;
    extensions.insert(
        "restricting_tenant".into(),
        "5000c366-d690-438b-bd66-7eb0f8ad2411".into(),
    );

    let answer = world.check(&request).await;
    assert_denied(&answer, 403, Code::PermissionDenied);
    let problem = answer.problem();
    assert_eq!(problem["code"], "AADSTS5000211");
    assert_eq!(problem["status"], 403);
    assert!(problem["decision_id"].is_string());
    assert!(problem.get("reason").is_none() && problem.get("detail").is_none());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.header("www-authenticate"), None);

    let extensions = &mut attributes(&mut request).context_extensions;
    extensions.insert("detail".into(), "true".into());
    let problem = world.check(&request).await.problem();
    assert_eq!(problem["reason"], "TENANT_RESTRICTED");
    assert!(problem["detail"].is_string());
}

#[tokio::test]
async fn a_denial_with_a_step_up_is_a_claims_challenge_or_an_rfc_9470_challenge() {
    let world = World::new(Setup::default()).await;
    let ask = async |extra| {
        let claims = tokens::with(world.claims(SHAREPOINT), extra);
        let token = world.fabrikam.sign(&claims);
        world.check(&get(SHAREPOINT, Some(&token))).await
    };
    let answer = ask(json!({"xms_cc": ["CP1"]})).await;
    assert_denied(&answer, 401, Code::Unauthenticated);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_claims\""),
        "{challenge}"
    );
    let claims = challenge
        .split("claims=\"")
        .nth(1)
        .unwrap()
        .trim_end_matches('"');
    let claims = STANDARD.decode(claims).unwrap();
    assert_eq!(
        String::from_utf8(claims).unwrap(),
        r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#
    );

    let answer = ask(json!({})).await;
    assert_denied(&answer, 401, Code::Unauthenticated);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\""),
        "{challenge}"
    );
    assert!(challenge.contains("acr_values=\"c1\""), "{challenge}");

    let answer = ask(json!({"amr": ["pwd", "mfa"]})).await;
    assert!(answer.is_allow(), "{answer:?}");
}

#[tokio::test]
async fn a_revoked_session_is_401_and_a_cae_client_is_challenged_for_a_newer_token() {
    let world = World::new(Setup::default()).await;
    let revoked = Revocation::Session("s-1".to_owned());
    world
        .engine
        .set_revocations([revoked].into_iter().collect());
    for (capabilities, error) in [
        (json!([]), "error=\"invalid_token\""),
        (json!(["cp1"]), "error=\"insufficient_claims\""),
    ] {
        let more = json!({"sid": "s-1", "xms_cc": capabilities});
        let token = world
            .fabrikam
            .sign(&tokens::with(world.claims(LAUNCHER), more));
        let answer = world.check(&get(LAUNCHER, Some(&token))).await;
        assert_denied(&answer, 401, Code::Unauthenticated);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(error), "{challenge}");
        assert_eq!(answer.problem()["code"], "AADSTS50173");
    }
}

#[tokio::test]
async fn a_grpc_call_gets_a_grpc_status() {
    let world = World::new(Setup::default()).await;
    let mut request = get(SHAREPOINT, None);
    let headers = &mut http(&mut request).headers;
    headers.insert("content-type".into(), "application/grpc+proto".into());
    let answer = world.check(&request).await;
    assert_denied(&answer, 401, Code::Unauthenticated);
    assert_eq!(answer.header("grpc-status"), Some("16"));
    assert_eq!(answer.body, "A token is required.");
    let details = answer.header("grpc-status-details-bin").unwrap();
    let details = STANDARD_NO_PAD.decode(details).unwrap();
    assert!(tonic_types::pb::Status::decode(details.as_slice()).is_ok());
    let status = tonic::Status::with_details(Code::Unauthenticated, "", details.into());
    let error_info = status.get_details_error_info().unwrap();
    assert_eq!(error_info.domain, "crosstrust");
    assert!(error_info.metadata.contains_key("decision_id"));
}
