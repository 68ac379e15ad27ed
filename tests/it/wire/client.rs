//! JSON requests and answers, from a server on each kind of address and from an in-process engine.

use crosstrust::rpc::client::{self, ClientError};
use crosstrust::rpc::{HealthState, RequestLimits, Rights, router};
use serde_json::json;

use super::world::*;
use crate::compiling::documents::{CONTOSO, FABRIKAM};
use crate::server::{self, serve_at, serve_engine};

fn json_request(names: [&str; 4]) -> String {
    let [home, resource, expires, device] = names;
    json!({
        home: FABRIKAM.to_string(),
        resource: CONTOSO.to_string(),
        "user": USER,
        "app": APP,
        "claims": {expires: "2027-01-15T08:30:00.000000005Z", "mfa": true},
        "context": {"device": {"properties": {"trustType": "AzureAD", "physicalIds": ["a"], "mdmAppId": null}},
            device: false},
    })
    .to_string()
}

#[test]
fn a_request_is_read_in_camel_case_and_as_the_contract_has_it() {
    let camel = client::parse_request(&json_request([
        "homeTenant",
        "resourceTenant",
        "expiresAt",
        "appProtection",
    ]));
    let snake = client::parse_request(&json_request([
        "home_tenant",
        "resource_tenant",
        "expires_at",
        "app_protection",
    ]));
    let request = snake.unwrap();
    assert_eq!(
        request.claims.as_ref().unwrap().expires_at,
        Some(EXPIRES_AT)
    );
    assert_eq!(
        request.context.as_ref().unwrap().app_protection,
        Some(false)
    );
    assert_eq!(camel.unwrap(), request);
}

#[test]
fn json_with_an_unknown_member_or_trailing_content_is_rejected() {
    let unknown = client::parse_request(r#"{"tenant": "x"}"#).unwrap_err();
    assert!(unknown.contains("tenant"), "{unknown}");
    assert!(client::parse_request("{} {}").is_err());
    assert!(client::parse_request("[]").is_err());
    assert!(client::parse_request(r#"{"user": 5}"#).is_err());
}

#[tokio::test]
async fn an_engine_in_process_and_a_server_give_the_same_answer() {
    let engine = engine();
    let here = client::authorize_in_process(&engine, &RequestLimits::default(), request()).unwrap();
    let answer = client::to_json(&here);
    assert_eq!(answer["decision"], "DECISION_DENY");
    assert_eq!(answer["errorCode"], "AADSTS50076");
    assert_eq!(answer["snapshot"]["version"], "1");
    assert_eq!(
        answer["challenge"]["stepUps"][0]["kind"],
        "STEP_UP_KIND_MFA"
    );
    let explained =
        client::explain_in_process(&engine, &RequestLimits::default(), request()).unwrap();
    let explained = client::explanation_to_json(&explained);
    assert_eq!(explained["stages"][4]["reason"], "REASON_MFA_REQUIRED");

    let server = serve_engine(engine).await;
    let there = client::authorize(&server.url(), request()).await.unwrap();
    assert!(there.cached);
    assert_eq!(there.decision_id, here.decision_id);
    let over_there = client::explain(&server.url(), request()).await.unwrap();
    assert_eq!(client::explanation_to_json(&over_there), explained);
}

#[tokio::test]
async fn a_server_on_a_unix_socket_is_addressed_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crosstrust.sock");
    let backend = server::backend(engine());
    serve_at(&path, router(&backend, &Rights::ALL, &HealthState::new()));
    let name = format!("unix:{}", path.display());
    let answer = client::authorize(&name, request_with_mfa()).await.unwrap();
    assert_eq!(client::to_json(&answer)["decision"], "DECISION_ALLOW");
    assert!(client::health(&name, "").await.unwrap());
}

#[tokio::test]
async fn client_errors_are_distinguished() {
    let server = serve_engine(engine()).await;
    let malformed = request_with(|request| request.app = String::from("x"));
    let here =
        client::authorize_in_process(&engine(), &RequestLimits::default(), malformed.clone());
    match client::authorize(&server.url(), malformed).await {
        Err(ClientError::Malformed(there)) => assert_eq!(there, here.unwrap_err()),
        other => panic!("{other:?}"),
    }
    let refused = client::health(&server.url(), "no.such.Service").await;
    assert!(matches!(refused, Err(ClientError::Refused { .. })));
    let unreachable = client::health("unix:/nowhere/at/all", "").await;
    assert!(matches!(unreachable, Err(ClientError::Unreachable { .. })));
    let no_address = client::health("not an address", "").await;
    assert!(matches!(no_address, Err(ClientError::Address { .. })));
}
