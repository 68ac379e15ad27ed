//! `deploy/envoy/bearer.yaml`: requests with a bearer token, and what the client and the application receive.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;
use crate::waiting::until;

const LAUNCHER_HOST: &str = "launcher.contoso.example";
const DOCUMENTS: &str = "documents.contoso.example";
const ADMINISTRATION_HOST: &str = "administration.contoso.example";
const TEAMS_HOST: &str = "teams.contoso.example";

fn gateway() -> Gateway {
    let gateway = Gateway::start(Deployment::Bearer);
    let bearer = token(FATIMA, LAUNCHER).bearer();
    until("an allow", || {
        (gateway.request(LAUNCHER_HOST, &bearer).status == 200).then_some(())
    });
    gateway
}

/// The values of this header in the request that the application received.
fn received_headers(answer: &Answer, name: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let echo = answer.json();
    let headers = echo["headers"].as_array().unwrap().iter();
    let found = headers.filter(|header| header[0] == name);
    found
        .map(|header| header[1].as_str().unwrap().to_owned())
        .collect()
}

/// Asserts a 403 that discloses no more than Entra does: code and decision id, no reason.
fn assert_denied(answer: &Answer, code: Option<&str>) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["status"], 403);
    assert_eq!(problem["code"].as_str(), code);
    assert!(problem["decision_id"].is_string(), "{answer:?}");
    for member in ["reason", "detail"] {
        assert_eq!(problem[member], Value::Null, "{answer:?}");
    }
}

#[test]
fn the_application_receives_the_token_and_the_identity_headers() {
    let gateway = gateway();
    let bearer = token(FATIMA, SHAREPOINT).mfa().bearer();
    let answer = gateway.get(DOCUMENTS, "/a?b=c", &[("authorization", &bearer)]);
    assert_eq!(received_headers(&answer, "authorization"), [bearer]);
    assert_eq!(
        received_headers(&answer, "x-crosstrust-home-tenant"),
        [FATIMA.0]
    );
    assert_eq!(received_headers(&answer, "x-crosstrust-user"), [FATIMA.1]);
    assert_eq!(
        received_headers(&answer, "x-crosstrust-decision-id").len(),
        1
    );
    assert_eq!(
        received_headers(&answer, "x-crosstrust-expires-at").len(),
        1
    );
    assert_eq!(answer.json()["path"], "/a?b=c");
    // Envoy's access log contains the same decision id.
    let id = &received_headers(&answer, "x-crosstrust-decision-id")[0];
    until("the access log", || {
        gateway.envoy.log().contains(id.as_str()).then_some(())
    });
}

#[test]
fn crosstrust_headers_from_a_client_are_removed() {
    let gateway = gateway();
    let bearer = token(FATIMA, LAUNCHER).bearer();
    let answer = gateway.get(
        LAUNCHER_HOST,
        "/",
        &[
            ("authorization", &bearer),
            ("X-Crosstrust-User", FELIX.1),
            ("x-crosstrust-home-tenant", CONTOSO),
            ("x-crosstrust-admin", "true"),
        ],
    );
    assert_eq!(received_headers(&answer, "x-crosstrust-user"), [FATIMA.1]);
    assert_eq!(
        received_headers(&answer, "x-crosstrust-home-tenant"),
        [FATIMA.0]
    );
    assert_eq!(received_headers(&answer, "x-crosstrust-admin"), [""; 0]);
}

#[test]
fn a_denial_discloses_the_reason_only_if_the_route_allows_detail() {
    let gateway = gateway();
    // Contoso does not allow Tailspin's users by direct connect.
    let tom = gateway.request(LAUNCHER_HOST, &token(TOM, LAUNCHER).bearer());
    assert_denied(&tom, Some("AADSTS500213"));
    let fatima = token(FATIMA, ADMINISTRATION).mfa().bearer();
    let answer = gateway.request(ADMINISTRATION_HOST, &fatima);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.json()["reason"], "CA_BLOCKED");
    assert_eq!(answer.json()["code"], "AADSTS53003");
}

#[test]
fn a_missing_or_invalid_token_is_a_401_with_a_challenge() {
    let gateway = gateway();
    let valid = || token(FATIMA, LAUNCHER);
    let passed = gateway.upstream.request_count();
    let none = gateway.get(LAUNCHER_HOST, "/", &[]);
    assert_eq!(none.status, 401, "{none:?}");
    let challenge = none.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer realm=\"contoso.example\""),
        "{challenge}"
    );
    assert!(!challenge.contains("error="), "{challenge}");

    for (name, bearer) in [
        ("expired", valid().expired().bearer()),
        ("forged", valid().forged()),
        (
            "for another audience",
            token(FATIMA, SUPPLIER_PORTAL).bearer(),
        ),
        (
            "of a tenant that is not listed",
            token(("5000c366-d690-438b-bd66-7eb0f8ad2411", FATIMA.1), LAUNCHER).bearer(),
        ),
        (
            "of another issuer",
            valid()
                .with("iss", json!("https://evil.example/v2.0"))
                .bearer(),
        ),
        (
            "of another tenant than its issuer",
            valid().with("tid", json!(CONTOSO)).bearer(),
        ),
        ("no token", "Bearer nonsense".to_owned()),
    ] {
        let answer = gateway.request(LAUNCHER_HOST, &bearer);
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{name}: {challenge}"
        );
    }
    assert_eq!(gateway.upstream.request_count(), passed);
}

#[test]
fn a_token_for_one_application_is_denied_at_another() {
    let gateway = gateway();
    let answer = gateway.request(LAUNCHER_HOST, &token(FATIMA, SHAREPOINT).mfa().bearer());
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
}

#[test]
fn a_cp1_client_gets_a_claims_challenge_and_others_get_rfc_9470() {
    let gateway = gateway();
    let with_cp1 = gateway.request(DOCUMENTS, &token(FATIMA, SHAREPOINT).cp1().bearer());
    assert_eq!(with_cp1.status, 401, "{with_cp1:?}");
    let challenge = with_cp1.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_claims\""),
        "{challenge}"
    );
    let (_, claims) = challenge.split_once("claims=\"").unwrap();
    let claims = STANDARD.decode(claims.split('"').next().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let expected = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    assert_eq!(claims, expected);

    let other = gateway.request(DOCUMENTS, &token(FATIMA, SHAREPOINT).bearer());
    assert_eq!(other.status, 401, "{other:?}");
    let challenge = other.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\""),
        "{challenge}"
    );
    assert!(challenge.contains("acr_values=\"c1\""), "{challenge}");
}

#[test]
fn a_channel_allows_its_members_and_a_route_without_a_channel_denies_them() {
    let gateway = gateway();
    let bearer = token(FATIMA, TEAMS).bearer();
    let status = |path| {
        gateway
            .get(TEAMS_HOST, path, &[("authorization", &bearer)])
            .status
    };
    assert_eq!(status("/product-launch/files"), 200);
    assert_eq!(status("/supply-chain"), 403);
    assert_eq!(status("/"), 403);
    assert_eq!(status("/product-launches"), 403);
}

#[test]
fn a_host_without_a_route_is_not_found() {
    let gateway = gateway();
    let answer = gateway.request("payroll.contoso.example", &token(FATIMA, LAUNCHER).bearer());
    assert_eq!(answer.status, 404);
}

#[test]
fn two_tokens_are_denied() {
    let gateway = gateway();
    let passed = gateway.upstream.request_count();
    let valid = token(FATIMA, LAUNCHER).bearer();
    let other = token(FELIX, LAUNCHER).bearer();
    for second in [&valid, &other] {
        let headers = [("authorization", valid.as_str()), ("authorization", second)];
        let answer = gateway.get(LAUNCHER_HOST, "/", &headers);
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert_eq!(gateway.upstream.request_count(), passed);
}

#[test]
fn an_ambiguous_path_does_not_reach_the_application() {
    let gateway = gateway();
    let passed = gateway.upstream.request_count();
    let bearer = token(FATIMA, TEAMS).bearer();
    for path in [
        "/product-launch/..;/supply-chain",
        "/product-launch/%2e%2e%2fsupply-chain",
        "/product-launch%2fx",
        "/product-launch%5cx",
        "/product-launch/%252e%252e/x",
        "/product-launch;x=y",
        "/product-launch/%00",
        "/product-launch/%zz",
        "/product-launch/%ff",
    ] {
        let answer = gateway.get(TEAMS_HOST, path, &[("authorization", &bearer)]);
        assert!(matches!(answer.status, 400 | 403), "{path}: {answer:?}");
    }
    assert_eq!(gateway.upstream.request_count(), passed);
    // These are unambiguous: Envoy normalizes them before the decision.
    for (path, normalized) in [
        ("/supply-chain/../product-launch/x", "/product-launch/x"),
        ("/product-launch//x/./y", "/product-launch/x/y"),
        ("/product-launch\\x", "/product-launch/x"),
    ] {
        let answer = gateway.get(TEAMS_HOST, path, &[("authorization", &bearer)]);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.json()["path"], normalized);
    }
    let out = "/product-launch/../supply-chain";
    let answer = gateway.get(TEAMS_HOST, out, &[("authorization", &bearer)]);
    assert_eq!(answer.status, 403, "{answer:?}");
}

#[test]
fn a_grpc_client_gets_a_grpc_status() {
    let gateway = gateway();
    let tom = token(TOM, LAUNCHER).bearer();
    let answer = gateway.grpc(LAUNCHER_HOST, &[("authorization", &tom)]);
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("7")),
        "{answer:?}"
    );
    let message = answer.header("grpc-message").unwrap();
    assert!(!message.contains('{'), "{message}");
    let details = answer.header("grpc-status-details-bin").unwrap();
    let details = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(details.trim_end_matches('='))
        .unwrap();
    let details = String::from_utf8_lossy(&details).into_owned();
    assert!(details.contains("google.rpc.ErrorInfo"), "{details}");
    assert!(details.contains("AADSTS500213"), "{details}");
    assert!(!details.contains("INBOUND_USER"), "{details}");

    let answer = gateway.grpc(LAUNCHER_HOST, &[]);
    assert_eq!(answer.header("grpc-status"), Some("16"), "{answer:?}");
}
