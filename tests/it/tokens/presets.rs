//! The claims of each preset: a token of each kind of issuer, claim rules, and malformed claims.

use std::collections::BTreeMap;

use crosstrust::id::{GroupId, RoleId};
use crosstrust::identity::{
    Algorithm, ClaimRule, ClaimRuleError, ClaimValue, Emitted, Excerpt, Field, Issuer,
    MarkRequirement, Preset, SubjectError, Tenants, TokenError, TokenVerifier, ValueMapping,
    VerifiedToken,
};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{AuthenticationMethod, UserType, WordSet};
use serde_json::{Value, json};

use crate::support::tokens::{NOW, Signer, TENANT, USER, claims, issuer, tenant, with, with_keys};

const ISS: &str = "https://idp.example";
const GROUP: &str = "66666666-6666-4666-8666-666666666661";
const OTHER_GROUP: &str = "66666666-6666-4666-8666-666666666662";
const ROLE: &str = "62e90394-69f5-4237-9190-012177145e10";
const CLIENT: &str = "77777777-7777-4777-8777-777777777777";

struct IssuerFixture {
    signer: Signer,
    identity: std::sync::Arc<TokenVerifier>,
}

fn fixture(preset: Preset, change: impl FnOnce(&mut Issuer)) -> IssuerFixture {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let mut issuer = issuer(ISS, preset);
    change(&mut issuer);
    let (identity, _, _) = with_keys(vec![(issuer, &[&signer])]);
    IssuerFixture { signer, identity }
}

impl IssuerFixture {
    fn verify(&self, members: Value) -> Result<VerifiedToken, TokenError> {
        let token = self.signer.sign(&with(claims(ISS), members));
        self.identity
            .verify_now(&token)
            .map(|one| VerifiedToken::clone(&one))
    }
}

fn contains(claim: &str, text: &str) -> ClaimRule {
    ClaimRule {
        claim: claim.to_owned(),
        mapping: ValueMapping::Contains(ClaimValue::from(text)),
    }
}

fn values(claim: &str, table: &[(&str, &str)]) -> ClaimRule {
    let table = table
        .iter()
        .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    ClaimRule {
        claim: claim.to_owned(),
        mapping: ValueMapping::Values(table.collect::<BTreeMap<_, _>>()),
    }
}

#[test]
fn an_entra_v1_token_names_user_groups_roles_client_session_and_mfa() {
    let fixture = fixture(Preset::EntraV1, |_| {});
    let verified = fixture
        .verify(json!({
            "groups": [GROUP], "wids": [ROLE], "appid": CLIENT, "azp": TENANT, "amr": ["pwd", "mfa"],
            "auth_time": NOW - 100, "sid": "session", "deviceid": "device", "acrs": ["c1", "c2"],
            "xms_cc": ["cp1"], "idtyp": "user", "ver": "1.0",
        }))
        .unwrap();
    let subject = verified.subject.unwrap();
    assert_eq!(
        (subject.tenant, subject.user),
        (tenant(TENANT), USER.parse().unwrap())
    );
    assert_eq!(verified.groups, [GROUP.parse::<GroupId>().unwrap()]);
    assert_eq!(verified.roles, [ROLE.parse::<RoleId>().unwrap()]);
    assert_eq!(verified.client_app, Some(CLIENT.parse().unwrap()));
    assert_eq!(verified.client_capabilities, ["cp1"]);
    let claims = &verified.claims;
    assert!(claims.mfa && !claims.resource_mfa && !claims.compliant_device);
    assert!(!claims.groups_incomplete && !claims.roles_incomplete);
    assert_eq!(claims.expires_at, Timestamp::from_seconds(NOW + 3600));
    assert_eq!(claims.issued_at, Some(Timestamp::from_seconds(NOW - 60)));
    assert_eq!(claims.auth_time, Some(Timestamp::from_seconds(NOW - 100)));
    assert_eq!(claims.session_id.as_deref(), Some("session"));
    assert_eq!(claims.device_id.as_deref(), Some("device"));
    assert_eq!(claims.authentication_contexts, ["c1", "c2"]);
}

#[test]
fn an_entra_v2_token_names_the_client_in_azp_and_mfa_only_by_a_claim_rule() {
    let plain = fixture(Preset::EntraV2, |_| {});
    let payload = json!({ "azp": CLIENT, "appid": TENANT, "amr": ["mfa"], "acrs": ["c1"] });
    let verified = plain.verify(payload.clone()).unwrap();
    assert_eq!(verified.client_app, Some(CLIENT.parse().unwrap()));
    assert!(!verified.claims.mfa);
    let mapped = fixture(Preset::EntraV2, |issuer| {
        issuer
            .claims
            .set(Field::Mfa, contains("acrs", "c1"))
            .unwrap();
    });
    assert!(mapped.verify(payload).unwrap().claims.mfa);
    assert!(
        !mapped
            .verify(json!({ "acrs": ["c10", "C1"] }))
            .unwrap()
            .claims
            .mfa
    );
}

#[test]
fn an_okta_token_names_the_user_in_a_custom_claim() {
    let fixture = fixture(Preset::Okta, |issuer| {
        issuer.tenants = Tenants::Fixed(tenant(TENANT));
        issuer.groups = Emitted::Always;
        let table = values("groups", &[("Everyone", GROUP)]);
        issuer.claims.set(Field::Groups, table).unwrap();
    });
    let payload = json!({ "tid": null, "azp": null, "cid": "0oa1", "sub": "a@okta.example", "amr": ["mfa", "otp"], "groups": ["Everyone"] });
    let verified = fixture.verify(payload.clone()).unwrap();
    let subject = verified.subject.unwrap();
    assert_eq!(
        (subject.tenant, subject.user),
        (tenant(TENANT), USER.parse().unwrap())
    );
    assert!(verified.claims.mfa && !verified.claims.groups_incomplete);
    assert_eq!(verified.groups, [GROUP.parse::<GroupId>().unwrap()]);
    let nameless = with(payload, json!({ "oid": null }));
    let verified = fixture
        .verify(with(json!({ "oid": "00u1" }), nameless))
        .unwrap();
    assert_eq!(verified.subject, Err(SubjectError::NoUser));
}

#[test]
fn a_keycloak_token_names_the_user_in_sub() {
    let fixture = fixture(Preset::Keycloak, |issuer| {
        issuer.tenants = Tenants::Fixed(tenant(TENANT));
    });
    let payload = json!({
        "typ": "Bearer", "tid": null, "oid": null, "sub": USER, "sid": "s", "azp": "wiki-frontend", "groups": [GROUP, "/staff"],
    });
    let verified = fixture.verify(payload).unwrap();
    assert_eq!(verified.subject.unwrap().user, USER.parse().unwrap());
    assert_eq!(verified.client_app, None);
    assert!(!verified.claims.mfa);
    // A group that is neither a GUID nor in a table makes the groups incomplete.
    assert_eq!(verified.groups, [GROUP.parse::<GroupId>().unwrap()]);
    assert!(verified.claims.groups_incomplete);
}

#[test]
fn an_applications_token_identifies_no_user() {
    let entra = fixture(Preset::EntraV2, |_| {});
    for payload in [
        json!({ "idtyp": "app" }),
        json!({ "idtyp": "device" }),
        json!({ "idtyp": 1 }),
        json!({ "sub": USER }),
        json!({ "sub": USER.to_uppercase() }),
        json!({ "oid": null }),
        json!({ "oid": "no guid" }),
        json!({ "oid": [USER] }),
    ] {
        let subject = entra.verify(payload.clone()).unwrap().subject;
        assert_eq!(subject, Err(SubjectError::NoUser), "{payload}");
    }
    assert!(
        entra
            .verify(json!({ "idtyp": "user" }))
            .unwrap()
            .subject
            .is_ok()
    );
}

#[test]
fn omitted_groups_and_roles_are_unknown_and_not_empty() {
    let sometimes = fixture(Preset::EntraV2, |_| {});
    let always = fixture(Preset::EntraV2, |issuer| {
        issuer.groups = Emitted::Always;
        issuer.roles = Emitted::Always;
    });
    // (claims, incomplete if emitted sometimes, incomplete if emitted always)
    let cases = [
        (json!({}), true, false),
        (json!({ "G": [GROUP] }), false, false),
        (json!({ "G": GROUP }), false, false),
        (json!({ "G": [] }), false, false),
        (
            json!({ "G": [GROUP], "_claim_names": { "G": "src1" } }),
            true,
            true,
        ),
        (
            json!({ "_claim_names": { "G": "src1" }, "_claim_sources": { "src1": {} } }),
            true,
            true,
        ),
        (
            json!({ "G": [GROUP], "_claim_names": { "other": "src1" } }),
            false,
            false,
        ),
        (json!({ "G": [GROUP], "_claim_names": "G" }), true, true),
        (json!({ "hasG": true }), true, true),
        (json!({ "G": [GROUP], "hasG": "true" }), true, true),
        (json!({ "G": [GROUP], "hasG": false }), false, false),
        (
            json!({ "G": [GROUP], "G:src1": "https://graph.example" }),
            true,
            true,
        ),
        (json!({ "G": [GROUP, "staff"] }), true, true),
        (json!({ "G": [GROUP, 7] }), true, true),
        (json!({ "G": 7 }), true, true),
        (json!({ "G": { "a": GROUP } }), true, true),
    ];
    for (payload, sometimes_incomplete, always_incomplete) in cases {
        for claim in ["groups", "wids"] {
            let payload: Value =
                serde_json::from_str(&payload.to_string().replace('G', claim)).unwrap();
            for (fixture, expected) in [
                (&sometimes, sometimes_incomplete),
                (&always, always_incomplete),
            ] {
                let claims = fixture.verify(payload.clone()).unwrap().claims;
                let found = match claim {
                    "groups" => claims.groups_incomplete,
                    _ => claims.roles_incomplete,
                };
                assert_eq!(found, expected, "{payload}");
            }
        }
    }
}

#[test]
fn a_token_with_a_list_over_the_request_limit_is_refused() {
    // Claims in gateway metadata may exceed the size limit of a token.
    let fixture = fixture(Preset::EntraV2, |_| {});
    let check = |claim: &str, count: usize| {
        let list = vec![GROUP; count];
        let Value::Object(payload) = with(claims(ISS), json!({ claim: list })) else {
            panic!()
        };
        fixture.identity.check_claims(payload).map(|_| ())
    };
    for (claim, most) in [
        ("groups", 1024),
        ("wids", 256),
        ("acrs", 256),
        ("xms_cc", 256),
    ] {
        assert_eq!(check(claim, most), Ok(()));
        let found = most + 1;
        let claim = Excerpt::of(claim);
        let expected = TokenError::TooMany {
            claim: claim.clone(),
            found,
            most,
        };
        let name = claim.to_string();
        assert_eq!(check(name.trim_matches('`'), found), Err(expected));
    }
}

#[test]
fn a_malformed_claim_grants_nothing() {
    let fixture = fixture(Preset::EntraV1, |issuer| {
        let claims = &mut issuer.claims;
        claims
            .set(Field::CompliantDevice, ClaimRule::as_is("compliant"))
            .unwrap();
        let equals = ClaimRule {
            claim: "level".to_owned(),
            mapping: ValueMapping::Equals(ClaimValue::Integer(2)),
        };
        claims.set(Field::ResourceMfa, equals).unwrap();
        claims
            .set(Field::AuthenticatorAaguid, ClaimRule::as_is("aaguid"))
            .unwrap();
    });
    let claims = |payload: Value| fixture.verify(payload).unwrap().claims;
    for (payload, expected) in [
        (json!({}), false),
        (json!({ "amr": ["mfa"] }), true),
        (json!({ "amr": "mfa" }), true),
        (json!({ "amr": "pwd mfa" }), false),
        (json!({ "amr": ["MFA"] }), false),
        (json!({ "amr": [["mfa"]] }), false),
        (json!({ "amr": { "mfa": true } }), false),
        (json!({ "amr": true }), false),
    ] {
        assert_eq!(claims(payload.clone()).mfa, expected, "{payload}");
    }
    for (payload, expected) in [
        (json!({ "compliant": true }), true),
        (json!({ "compliant": "true" }), false),
        (json!({ "compliant": 1 }), false),
        (json!({ "compliant": [true] }), false),
    ] {
        assert_eq!(
            claims(payload.clone()).compliant_device,
            expected,
            "{payload}"
        );
    }
    for (payload, expected) in [
        (json!({ "level": 2 }), true),
        (json!({ "level": "2" }), false),
        (json!({ "level": 2.5 }), false),
        (json!({ "level": [2] }), false),
    ] {
        assert_eq!(claims(payload.clone()).resource_mfa, expected, "{payload}");
    }
    let odd = claims(json!({
        "auth_time": "yesterday", "sid": 7, "deviceid": ["a"], "acrs": [1, "", "c1"], "aaguid": "x", "appid": 7,
    }));
    assert_eq!(odd.auth_time, None);
    assert_eq!(odd.session_id, None);
    assert_eq!(odd.device_id, None);
    assert_eq!(odd.authentication_contexts, ["c1"]);
    assert_eq!(odd.authenticator_aaguid, None);
}

#[test]
fn values_are_mapped_by_the_configured_table_and_other_values_are_ignored() {
    let fixture = fixture(Preset::EntraV2, |issuer| {
        let claims = &mut issuer.claims;
        let table = values("amr", &[("hwk", "fido2")]);
        claims.set(Field::AuthenticationMethods, table).unwrap();
        claims
            .set(
                Field::ResourceAuthenticationMethods,
                ClaimRule::as_is("methods"),
            )
            .unwrap();
        let table = values("kind", &[("Guest", "b2bCollaborationGuest")]);
        claims.set(Field::ExternalUserType, table).unwrap();
    });
    let payload =
        json!({ "amr": ["hwk", "odd", "sms"], "methods": ["sms", "x", 1], "kind": "Guest" });
    let verified = fixture.verify(payload).unwrap();
    let claims = &verified.claims;
    let set = |one| WordSet::EMPTY.with(one);
    assert_eq!(
        claims.authentication_methods,
        set(AuthenticationMethod::Fido2)
    );
    assert_eq!(
        claims.resource_authentication_methods,
        set(AuthenticationMethod::Sms)
    );
    assert_eq!(
        verified.external_user_type,
        Some(UserType::CollaborationGuest)
    );
    let kind = fixture.verify(json!({ "kind": "Member" })).unwrap();
    assert_eq!(kind.external_user_type, None);
}

#[test]
fn a_table_maps_group_names_to_guids() {
    let fixture = fixture(Preset::Keycloak, |issuer| {
        let table = values("roles", &[("/staff", GROUP)]);
        issuer.claims.set(Field::Groups, table).unwrap();
    });
    let ids = |verified: VerifiedToken| {
        let ids: Vec<String> = verified.groups.iter().map(GroupId::to_string).collect();
        (ids, verified.claims.groups_incomplete)
    };
    let found = ids(fixture
        .verify(json!({ "typ": "Bearer", "roles": ["/staff", OTHER_GROUP] }))
        .unwrap());
    assert_eq!(
        found,
        (vec![GROUP.to_owned(), OTHER_GROUP.to_owned()], false)
    );
    let found = ids(fixture
        .verify(json!({ "typ": "Bearer", "roles": ["/staff", "/bad"], "groups": [] }))
        .unwrap());
    assert_eq!(found, (vec![GROUP.to_owned()], true));
}

#[test]
fn a_rule_that_does_not_fit_its_field_is_refused() {
    let mut map = crosstrust::identity::ClaimMap::from_preset(Preset::EntraV2);
    let found = map.set(Field::Groups, contains("groups", "x"));
    assert_eq!(found, Err(ClaimRuleError::NotAFlag(Field::Groups)));
    let found = map.set(Field::Mfa, values("amr", &[("a", "b")]));
    assert_eq!(found, Err(ClaimRuleError::NoTable(Field::Mfa)));
    let found = map.set(Field::AuthTime, values("t", &[("a", "b")]));
    assert_eq!(found, Err(ClaimRuleError::NoTable(Field::AuthTime)));
    for (field, to) in [
        (Field::Groups, "/staff"),
        (Field::User, "me"),
        (Field::AuthenticationMethods, "no such method"),
        (Field::ExternalUserType, "guest"),
    ] {
        let found = map.set(field, values("c", &[("a", to)]));
        assert!(
            matches!(found, Err(ClaimRuleError::BadTarget { .. })),
            "{to}"
        );
    }
    let host = map.set(Field::HomeTenant, values("idp", &[("a", "live.com")]));
    assert_eq!(host, Ok(()));
}

#[test]
fn no_preset_maps_resource_mfa_or_device_compliance_and_every_name_is_parsed_back() {
    for preset in Preset::ALL {
        let map = crosstrust::identity::ClaimMap::from_preset(preset);
        assert_eq!(map.rule(Field::ResourceMfa), None);
        assert_eq!(map.rule(Field::CompliantDevice), None);
        assert_eq!(preset.name().parse(), Ok(preset));
    }
    for field in Field::ALL {
        assert_eq!(field.name().parse(), Ok(*field));
    }
}

/// An access token of each provider as in its documentation, and the ID token of the same sign-in and audience.
/// ID tokens of the code flow have neither `at_hash` nor `c_hash`.
#[test]
fn an_access_token_of_each_preset_has_its_mark_and_an_id_token_of_the_same_audience_is_refused() {
    let none = json!({ "azp": null });
    let entra_v1 = json!({ "appid": CLIENT, "appidacr": "0", "scp": "access", "ver": "1.0" });
    let entra_v2 = json!({ "azp": CLIENT, "azpacr": "0", "scp": "access", "ver": "2.0" });
    let entra_id = json!({ "nonce": "n", "name": "A", "preferred_username": "a@b", "ver": "2.0" });
    let okta = json!({ "cid": "0oa1", "uid": "00u1", "scp": ["openid"], "ver": 1, "jti": "AT.1" });
    let okta_id = json!({ "idp": "00o1", "amr": ["pwd"], "nonce": "n", "ver": 1, "jti": "ID.1" });
    let keycloak = json!({ "typ": "Bearer", "azp": "web", "scope": "openid", "tid": null });
    let keycloak_id = json!({ "typ": "ID", "azp": "web", "nonce": "n", "tid": null });
    let unmarked = |name: &str| TokenError::NoAccessTokenMark(name.to_owned());
    let entra = unmarked("`azp` or `appid`");
    for (preset, access, id, refused) in [
        (Preset::EntraV1, &entra_v1, &entra_id, entra.clone()),
        (Preset::EntraV2, &entra_v2, &entra_id, entra.clone()),
        // An API may have been registered for the other version.
        (Preset::EntraV2, &entra_v1, &none, entra.clone()),
        (
            Preset::EntraV1,
            &entra_v2,
            &json!({ "azp": "" }),
            entra.clone(),
        ),
        (
            Preset::EntraV2,
            &entra_v2,
            &json!({ "azp": 7, "appid": [CLIENT] }),
            entra,
        ),
        (Preset::Okta, &okta, &okta_id, unmarked("`cid`")),
        (
            Preset::Keycloak,
            &keycloak,
            &keycloak_id,
            TokenError::NotAnAccessToken("typ"),
        ),
        // An ID token without `typ` is not an access token either.
        (
            Preset::Keycloak,
            &keycloak,
            &none,
            unmarked("`typ` = `Bearer`"),
        ),
    ] {
        let fixture = fixture(preset, |issuer| {
            if matches!(preset, Preset::Okta | Preset::Keycloak) {
                issuer.tenants = Tenants::Fixed(tenant(TENANT));
            }
        });
        let unmarked = with(claims(ISS), none.clone());
        let verify = |members: &Value| {
            let payload = with(unmarked.clone(), members.clone());
            let token = fixture.identity.verify_now(&fixture.signer.sign(&payload));
            let from_claims = fixture
                .identity
                .check_claims(payload.as_object().unwrap().clone());
            assert_eq!(token.as_ref().err(), from_claims.as_ref().err());
            token.map(|_| ())
        };
        assert_eq!(verify(access), Ok(()), "{preset:?}");
        assert_eq!(verify(id), Err(refused), "{preset:?}");
    }
}

#[test]
fn the_access_token_mark_of_an_issuer_can_be_ignored_by_configuration() {
    let unmarked = json!({ "azp": null });
    let required = fixture(Preset::EntraV2, |_| {});
    assert!(required.verify(unmarked.clone()).is_err());
    let ignored = fixture(Preset::EntraV2, |issuer| {
        issuer.access_token_mark = MarkRequirement::Ignored;
    });
    assert!(ignored.verify(unmarked.clone()).is_ok());
    // A token that is marked as another kind is still refused.
    for members in [json!({ "at_hash": "x" }), json!({ "typ": "ID" })] {
        assert!(ignored.verify(with(unmarked.clone(), members)).is_err());
    }
}
