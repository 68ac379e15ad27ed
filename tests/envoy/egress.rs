//! `deploy/envoy/egress.yaml`: the way out of Contoso's network.

use serde_json::Value;

use crate::client::Answer;
use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;

const HEADER: &str = "sec-restrict-tenant-access-policy";

fn seen(answer: &Answer, name: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    let headers = told["headers"].as_array().unwrap().iter();
    let found = headers.filter(|header| header[0] == name);
    found.map(|header| header[1].clone()).collect()
}

#[test]
fn a_foreign_account_reaches_what_the_restrictions_name_and_nothing_else() {
    let gateway = Gateway::start(Deployment::Egress);
    let allowed = gateway.ask(
        "supplier-portal.fabrikam.example",
        &token(FELIX, SUPPLIER_PORTAL).bearer(),
    );
    assert_eq!(seen(&allowed, "authorization").len(), 1);
    assert_eq!(seen(&allowed, "x-crosstrust-user"), [Value::Null; 0]);
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
        let answer = gateway.ask(host, &bearer);
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.json()["code"], "AADSTS5000211");
    }
    // On Contoso's network its own applications are a matter of its inbound settings.
    let own = gateway.ask(
        "launcher.contoso.example",
        &token(FATIMA, LAUNCHER).bearer(),
    );
    assert_eq!(own.status, 200, "{own:?}");
    assert_eq!(gateway.upstream.reached(), 2);
}

#[test]
fn a_client_that_names_another_restricting_tenant_is_restricted_all_the_same() {
    let gateway = Gateway::start(Deployment::Egress);
    let policy = format!("{TAILSPIN}:{TAILSPIN}");
    let tom = token(TOM, CAMPAIGN_STUDIO).bearer();
    let headers = [("authorization", tom.as_str()), (HEADER, policy.as_str())];
    let answer = gateway.get("campaign-studio.tailspin.example", "/", &headers);
    assert_eq!(answer.status, 403, "{answer:?}");
    let felix = token(FELIX, SUPPLIER_PORTAL).bearer();
    let headers = [("authorization", felix.as_str()), (HEADER, policy.as_str())];
    let answer = gateway.get("supplier-portal.fabrikam.example", "/", &headers);
    assert_eq!(seen(&answer, HEADER), [Value::Null; 0]);
}

#[test]
fn sign_ins_are_stamped_with_contoso_whatever_the_client_says() {
    // Nothing is asked about them, so it does not matter that crosstrust is not there: Entra decides.
    let gateway = Gateway::alone(Deployment::Egress);
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
            let stamped = seen(&answer, HEADER);
            assert_eq!(stamped.len(), 1, "{stamped:?}");
            assert!(
                stamped[0].as_str().unwrap().starts_with(CONTOSO),
                "{stamped:?}"
            );
        }
    }
}
