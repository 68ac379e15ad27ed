//! Claims that a gateway has verified: every check except the signature is repeated.

use crosstrust::identity::{
    Algorithm, Excerpt, IssuerIndex, Preset, Tenants, TokenError, TokenVerifier, VerifiedToken,
};
use crosstrust::time::Timestamp;
use serde_json::{Value, json};

use crate::support::tokens::{
    NOW, OTHER_TENANT, Signer, claims, identity, issuer, tenant, with, with_keys,
};

const ISS: &str = "https://idp.example";

fn check(identity: &TokenVerifier, payload: Value) -> Result<VerifiedToken, TokenError> {
    let Value::Object(payload) = payload else {
        panic!("{payload}")
    };
    identity.check_claims(payload)
}

/// Converts numbers to doubles, the only numbers of a protobuf `Struct`.
fn in_doubles(mut payload: Value) -> Value {
    for value in payload.as_object_mut().unwrap().values_mut() {
        if let Some(number) = value.as_f64() {
            *value = json!(number);
        }
    }
    payload
}

#[test]
fn claims_with_doubles_give_the_same_result_as_the_token() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    let payload = with(
        claims(ISS),
        json!({ "acct": 0, "auth_time": NOW - 9, "groups": [] }),
    );
    let token = identity.verify_now(&signer.sign(&payload)).unwrap();
    let from_claims = check(&identity, in_doubles(payload)).unwrap();
    // Except the issuing tenant, because no signature was verified here.
    assert!(token.issuing_tenant.is_some() && from_claims.issuing_tenant.is_none());
    let verified = VerifiedToken {
        issuing_tenant: None,
        ..VerifiedToken::clone(&token)
    };
    assert_eq!(verified, from_claims);
}

#[test]
fn all_checks_except_the_signature_are_made() {
    // No keys are needed.
    let (identity, _, _) = identity(vec![issuer(ISS, Preset::EntraV2)]);
    assert_eq!(
        check(&identity, claims(ISS)).map(|verified| verified.issuer),
        Ok(IssuerIndex(0))
    );
    let expired = Timestamp::from_seconds(NOW - 1);
    for (members, expected) in [
        (json!({ "iss": null }), TokenError::NoIssuer),
        (json!({ "iss": [ISS] }), TokenError::NoIssuer),
        (
            json!({ "iss": "x" }),
            TokenError::UnknownIssuer(Excerpt::of("x")),
        ),
        (json!({ "aud": "x" }), TokenError::OtherAudience),
        (json!({ "aud": null }), TokenError::Missing("aud")),
        (
            json!({ "tid": OTHER_TENANT }),
            TokenError::OtherTenant(tenant(OTHER_TENANT)),
        ),
        (json!({ "exp": null }), TokenError::Missing("exp")),
        (
            json!({ "exp": NOW as f64 - 0.5 }),
            TokenError::Expired(expired),
        ),
        (
            json!({ "exp": NOW as f64 - 1.0 }),
            TokenError::Expired(expired),
        ),
        (json!({ "exp": 1e300 }), TokenError::TimeOutOfRange("exp")),
        (json!({ "exp": 1e15 }), TokenError::TimeOutOfRange("exp")),
        (json!({ "iat": null }), TokenError::Missing("iat")),
        (
            json!({ "nbf": NOW + 301 }),
            TokenError::NotYetValid(Timestamp::from_seconds(NOW + 301)),
        ),
        (
            json!({ "iat": NOW - 100_000 }),
            TokenError::LivesTooLong {
                seconds: 103_600,
                most: 100_800,
            },
        ),
    ] {
        let found = check(&identity, with(claims(ISS), members.clone()));
        assert_eq!(found.err(), Some(expected), "{members}");
    }
}

#[test]
fn a_tenant_other_than_the_issuers_is_refused_in_claims_too() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let mut issuer = issuer(template, Preset::EntraV2);
    issuer.tenants = Tenants::Any;
    let (identity, _, _) = identity(vec![issuer]);
    let payload = claims(&template.replace("{tenantid}", OTHER_TENANT));
    let found = check(&identity, payload.clone());
    assert_eq!(found.err(), Some(TokenError::TenantNotOfIssuer));
    assert!(check(&identity, with(payload, json!({ "tid": OTHER_TENANT }))).is_ok());
}
