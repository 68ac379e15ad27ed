//! `deploy/envoy/jwt-authn.yaml`: Envoy verifies the signature, and crosstrust receives only claims.

use serde_json::json;

use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;

const LAUNCHER_HOST: &str = "launcher.contoso.example";
const DOCUMENTS: &str = "documents.contoso.example";

#[test]
fn claims_that_envoy_verified_identify_the_user() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    let bearer = token(FATIMA, SHAREPOINT).mfa().bearer();
    let answer = gateway.request(DOCUMENTS, &bearer);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(FATIMA.1) && answer.body.contains(&bearer));
}

#[test]
fn envoy_rejects_a_forged_or_missing_token_without_calling_crosstrust() {
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
    assert_eq!(gateway.upstream.request_count(), 0);
}

#[test]
fn crosstrust_checks_what_envoy_does_not() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    // Signed by the right issuer, but for another tenant.
    let crossed = token(FATIMA, LAUNCHER).with("tid", json!(CONTOSO)).bearer();
    let answer = gateway.request(LAUNCHER_HOST, &crossed);
    assert_eq!(answer.status, 401, "{answer:?}");
    // Envoy accepts a token for a minute after its expiry.
    let expired = token(FATIMA, LAUNCHER).expired().bearer();
    let answer = gateway.request(LAUNCHER_HOST, &expired);
    assert_eq!(answer.status, 401, "{answer:?}");
    // Issued for another application.
    let other = token(FATIMA, SHAREPOINT).mfa().bearer();
    let answer = gateway.request(LAUNCHER_HOST, &other);
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    assert_eq!(gateway.upstream.request_count(), 0);
}

#[test]
fn a_request_without_mfa_gets_a_claims_challenge() {
    let gateway = Gateway::start(Deployment::JwtAuthn);
    let answer = gateway.request(DOCUMENTS, &token(FATIMA, SHAREPOINT).cp1().bearer());
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_claims"), "{challenge}");
}
