//! Key, issuer, tenant and audience belong together: a token that matches three of the four is refused.

use crosstrust::identity::{Algorithm, Issuer, IssuerIndex, KeySet, Preset, Tenants, TokenError};
use serde_json::json;

use crate::support::tokens::{
    OTHER_TENANT, Signer, TENANT, claims, identity, issuer, tenant, with, with_keys,
};

const TENANTS: [&str; 3] = [TENANT, OTHER_TENANT, "44444444-4444-4444-8444-444444444444"];
const AUDIENCES: [&str; 3] = ["api://one", "api://two", "api://three"];
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

fn issuer_of(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

#[test]
fn only_a_token_whose_issuer_tenant_key_and_audience_all_match_is_accepted() {
    // All keys have the same id: the issuer selects the key.
    let signers = [(); 3].map(|()| Signer::new(Algorithm::Es256, "key"));
    let issuers = [
        "https://a.example",
        "https://b.example",
        "https://c.example",
    ];
    let configured: Vec<(Issuer, Vec<&Signer>)> = (0..3)
        .map(|i| {
            let mut issuer = issuer(issuers[i], Preset::EntraV2);
            issuer.audiences = vec![AUDIENCES[i].to_owned()];
            issuer.tenants = Tenants::Listed(vec![tenant(TENANTS[i])]);
            (issuer, vec![&signers[i]])
        })
        .collect();
    let configured = configured
        .iter()
        .map(|(issuer, keys)| (issuer.clone(), &**keys));
    let (identity, _, _) = with_keys(configured.collect());
    let mut passed = 0;
    for (i, iss) in issuers.iter().enumerate() {
        for (t, tid) in TENANTS.iter().enumerate() {
            for (k, signer) in signers.iter().enumerate() {
                for (a, aud) in AUDIENCES.iter().enumerate() {
                    let token = signer.sign(&with(claims(iss), json!({ "tid": tid, "aud": aud })));
                    let found = identity.verify_now(&token).map(|verified| verified.issuer);
                    let expected = if k != i {
                        Err(TokenError::BadSignature {
                            issuer: IssuerIndex(i),
                        })
                    } else if a != i {
                        Err(TokenError::OtherAudience)
                    } else if t != i {
                        Err(TokenError::OtherTenant(tenant(tid)))
                    } else {
                        passed += 1;
                        Ok(IssuerIndex(i))
                    };
                    assert_eq!(found, expected, "{iss} {tid} key {k} {aud}");
                }
            }
        }
    }
    assert_eq!(passed, 3);
}

#[test]
fn a_key_id_that_only_another_issuer_has_is_unknown() {
    let (one, two) = (
        Signer::new(Algorithm::Es256, "one"),
        Signer::new(Algorithm::Es256, "two"),
    );
    let a = issuer("https://a.example", Preset::EntraV2);
    let b = issuer("https://b.example", Preset::EntraV2);
    let (identity, _, _) = with_keys(vec![(a, &[&one]), (b, &[&two])]);
    let found = identity.verify_now(&two.sign(&claims("https://a.example")));
    let unknown = found.err().and_then(|error| error.issuer_to_refresh());
    assert_eq!(unknown, Some(IssuerIndex(0)));
}

#[test]
fn in_the_multi_tenant_form_of_entra_issuer_and_tid_must_name_the_same_tenant() {
    let signer = Signer::new(Algorithm::Es256, "key");
    let mut issuer = issuer(TEMPLATE, Preset::EntraV2);
    issuer.tenants = Tenants::Any;
    let (identity, _, _) = with_keys(vec![(issuer, &[&signer])]);
    let found = |iss: &str, tid| {
        let claims = with(claims(iss), json!({ "tid": tid }));
        identity.verify_now(&signer.sign(&claims)).map(|_| ())
    };
    assert_eq!(found(&issuer_of(TENANT), json!(TENANT)), Ok(()));
    assert_eq!(found(&issuer_of(OTHER_TENANT), json!(OTHER_TENANT)), Ok(()));
    let mismatch = Err(TokenError::TenantNotOfIssuer);
    assert_eq!(found(&issuer_of(TENANT), json!(OTHER_TENANT)), mismatch);
    assert_eq!(found(&issuer_of(TENANT), json!(null)), mismatch);
    assert_eq!(found(&issuer_of(TENANT), json!([TENANT])), mismatch);
    for iss in [
        "",
        "{tenantid}",
        "common",
        &format!("{TENANT}/x/{TENANT}"),
        "{11111111-1111-4111-8111-111111111111}",
    ] {
        let found = found(&issuer_of(iss), json!(TENANT));
        assert!(
            matches!(found, Err(TokenError::UnknownIssuer(_))),
            "{iss}: {found:?}"
        );
    }
    // Entra writes tenants in lower case; an issuer in upper case is another issuer.
    let tenant = "abababab-abab-4bab-8bab-abababababab";
    assert_eq!(
        found(&issuer_of(tenant), json!(tenant.to_uppercase())),
        Ok(())
    );
    let upper = found(&issuer_of(&tenant.to_uppercase()), json!(tenant));
    assert!(matches!(upper, Err(TokenError::UnknownIssuer(_))));
}

#[test]
fn an_unlisted_tenant_is_refused_and_a_missing_tenant_identifies_no_user() {
    let signer = Signer::new(Algorithm::Es256, "key");
    let iss = "https://a.example";
    let (identity, _, _) = with_keys(vec![(issuer(iss, Preset::EntraV2), &[&signer])]);
    let other = signer.sign(&with(claims(iss), json!({ "tid": OTHER_TENANT })));
    assert_eq!(
        identity.verify_now(&other).err(),
        Some(TokenError::OtherTenant(tenant(OTHER_TENANT)))
    );
    for tid in [json!(null), json!(7), json!("contoso.example")] {
        let token = signer.sign(&with(claims(iss), json!({ "tid": tid })));
        let subject = identity.verify_now(&token).unwrap().subject.clone();
        assert_eq!(subject, Err(crosstrust::identity::SubjectError::NoTenant));
    }
}

#[test]
fn an_issuer_with_a_fixed_tenant_refuses_a_token_that_names_another() {
    let signer = Signer::new(Algorithm::Es256, "key");
    let iss = "https://okta.example";
    let mut issuer = issuer(iss, Preset::Okta);
    issuer.tenants = Tenants::Fixed(tenant(TENANT));
    let (identity, _, _) = with_keys(vec![(issuer, &[&signer])]);
    let found = |tid| {
        let token = signer.sign(&with(claims(iss), json!({ "tid": tid, "cid": "0oa1" })));
        let verified = identity.verify_now(&token)?;
        Ok(verified.subject.as_ref().unwrap().tenant)
    };
    assert_eq!(found(json!(null)), Ok(tenant(TENANT)));
    assert_eq!(found(json!(TENANT)), Ok(tenant(TENANT)));
    for tid in [json!(OTHER_TENANT), json!("x"), json!(7)] {
        assert_eq!(found(tid), Err(TokenError::NotTheFixedTenant));
    }
}

#[test]
fn a_key_bound_to_an_issuer_verifies_no_token_of_another() {
    let signer = Signer::new(Algorithm::Es256, "key");
    let keys_of = |bound_to: &str| {
        let jwk = with(signer.jwk(), json!({ "issuer": bound_to }));
        KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap()
    };
    let mut issuer = issuer(TEMPLATE, Preset::EntraV2);
    issuer.tenants = Tenants::Any;
    let (identity, _, _) = identity(vec![issuer]);
    let token = signer.sign(&claims(&issuer_of(TENANT)));
    let consumers = issuer_of("9188040d-6c67-4c5b-b112-36a304b66dad");
    for (bound_to, expected) in [
        (TEMPLATE, Ok(())),
        (&issuer_of(TENANT), Ok(())),
        (&issuer_of(OTHER_TENANT), Err(TokenError::KeyOfOtherIssuer)),
        (&consumers, Err(TokenError::KeyOfOtherIssuer)),
        (
            "https://sts.windows.net/{tenantid}/",
            Err(TokenError::KeyOfOtherIssuer),
        ),
        ("", Err(TokenError::KeyOfOtherIssuer)),
    ] {
        identity.publish(IssuerIndex(0), Some(keys_of(bound_to)), None);
        assert_eq!(
            identity.verify_now(&token).map(|_| ()),
            expected,
            "{bound_to}"
        );
    }
}
