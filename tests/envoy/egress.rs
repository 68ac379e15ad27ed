//! `deploy/envoy/egress.yaml`: the egress proxy of Contoso's network.

use serde_json::Value;

use crate::client::Answer;
use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;

const HEADER: &str = "sec-restrict-tenant-access-policy";

fn received_headers(answer: &Answer, name: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let echo = answer.json();
    let headers = echo["headers"].as_array().unwrap().iter();
    let found = headers.filter(|header| header[0] == name);
    found.map(|header| header[1].clone()).collect()
}

#[test]
fn an_external_account_reaches_only_the_applications_that_the_restrictions_allow() {
    let gateway = Gateway::start(Deployment::Egress);
    let allowed = gateway.request(
        "supplier-portal.fabrikam.example",
        &token(FELIX, SUPPLIER_PORTAL).bearer(),
    );
    assert_eq!(received_headers(&allowed, "authorization").len(), 1);
    assert_eq!(
        received_headers(&allowed, "x-crosstrust-user"),
        [Value::Null; 0]
    );
    for (host, bearer) in [
        (
            "source-code.fabrikam.example",
            token(FELIX, SOURCE_CODE).bearer(),
        ),
        (
            "campaign-studio.tailspin.example",
            token(TOM, CAMPAIGN_STUDIO).bearer(),
        ),
    ] {
        let answer = gateway.request(host, &bearer);
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.json()["code"], "AADSTS5000211");
    }
    // Contoso's own applications are subject to its inbound settings, not to tenant restrictions.
    let own = gateway.request(
        "launcher.contoso.example",
        &token(FATIMA, LAUNCHER).bearer(),
    );
    assert_eq!(own.status, 200, "{own:?}");
    assert_eq!(gateway.upstream.request_count(), 2);
}

#[test]
fn a_client_cannot_choose_another_restricting_tenant() {
    let gateway = Gateway::start(Deployment::Egress);
    let policy = format!("{TAILSPIN}:{TAILSPIN}");
    let tom = token(TOM, CAMPAIGN_STUDIO).bearer();
    let headers = [("authorization", tom.as_str()), (HEADER, policy.as_str())];
    let answer = gateway.get("campaign-studio.tailspin.example", "/", &headers);
    assert_eq!(answer.status, 403, "{answer:?}");
    let felix = token(FELIX, SUPPLIER_PORTAL).bearer();
    let headers = [("authorization", felix.as_str()), (HEADER, policy.as_str())];
    let answer = gateway.get("supplier-portal.fabrikam.example", "/", &headers);
    assert_eq!(received_headers(&answer, HEADER), [Value::Null; 0]);
}

#[test]
fn sign_ins_carry_contosos_restriction_header_instead_of_the_clients() {
    // Envoy does not call crosstrust for sign-ins, so crosstrust need not run: Entra decides.
    let gateway = Gateway::start_without_sidecar(Deployment::Egress);
    let policy = format!("{TAILSPIN}:{TAILSPIN}");
    for host in [
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
    ] {
        for headers in [
            &[][..],
            &[(HEADER, &*policy)],
            &[(HEADER, &*policy), (HEADER, &*policy)],
        ] {
            let answer = gateway.get(host, "/common/oauth2/v2.0/authorize", headers);
            let values = received_headers(&answer, HEADER);
            assert_eq!(values.len(), 1, "{values:?}");
            assert!(
                values[0].as_str().unwrap().starts_with(CONTOSO),
                "{values:?}"
            );
        }
    }
}
