//! `deploy/envoy/jwt-authn.yaml`: Envoy verifies the signature, crosstrust sees claims only.

use serde_json::json;

use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;

const LAUNCHER_HOST: &str = "launcher.contoso.example";
const DOCUMENTS: &str = "documents.contoso.example";

#[test]
fn claims_that_envoy_verified_are_whose_request_it_is() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    let bearer = token(FATIMA, SHAREPOINT).mfa().bearer();
    let answer = gateway.ask(DOCUMENTS, &bearer);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(FATIMA.1) && answer.body.contains(&bearer));
}

#[test]
fn a_forged_or_missing_token_is_not_even_asked_about() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    let forged = token(FATIMA, LAUNCHER).forged();
    let stranger = token(TOM, LAUNCHER).bearer();
    for headers in [
        vec![],
        vec![("authorization", forged.as_str())],
        vec![("authorization", stranger.as_str())],
    ] {
        let answer = gateway.get(LAUNCHER_HOST, "/", &headers);
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(
            gateway.envoy.counter("ext_authz.crosstrust.denied"),
            0,
            "{headers:?}"
        );
    }
    assert_eq!(gateway.upstream.reached(), 0);
}

#[test]
fn what_envoy_does_not_check_crosstrust_checks() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    // Signed and of the right issuer, but the tenant is another one.
    let crossed = token(FATIMA, LAUNCHER).with("tid", json!(CONTOSO)).bearer();
    let answer = gateway.ask(LAUNCHER_HOST, &crossed);
    assert_eq!(answer.status, 401, "{answer:?}");
    // Envoy lets a token live a minute longer.
    let expired = token(FATIMA, LAUNCHER).expired().bearer();
    let answer = gateway.ask(LAUNCHER_HOST, &expired);
    assert_eq!(answer.status, 401, "{answer:?}");
    // For one application, at the door of another.
    let other = token(FATIMA, SHAREPOINT).mfa().bearer();
    let answer = gateway.ask(LAUNCHER_HOST, &other);
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    assert_eq!(gateway.upstream.reached(), 0);
}

#[test]
fn without_mfa_the_documents_ask_for_it() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    let answer = gateway.ask(DOCUMENTS, &token(FATIMA, SHAREPOINT).cp1().bearer());
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_claims"), "{challenge}");
}
