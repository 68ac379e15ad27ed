//! Which claims mean what: a token of each kind of issuer, and what becomes of claims that are malformed.

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

struct Issuing {
    signer: Signer,
    identity: std::sync::Arc<TokenVerifier>,
}

fn issuing(preset: Preset, change: impl FnOnce(&mut Issuer)) -> Issuing {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let mut issuer = issuer(ISS, preset);
    change(&mut issuer);
    let (identity, _, _) = with_keys(vec![(issuer, &[&signer])]);
    Issuing { signer, identity }
}

impl Issuing {
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
fn a_token_of_entra_version_1_tells_user_groups_roles_client_session_and_mfa() {
    let issuing = issuing(Preset::EntraV1, |_| {});
    let verified = issuing
        .verify(json!({
            "groups": [GROUP], "wids": [ROLE], "appid": CLIENT, "azp": TENANT, "amr": ["pwd", "mfa"],
            "auth_time": NOW - 100, "sid": "session", "deviceid": "device", "acrs": ["c1", "c2"],
            "xms_cc": ["cp1"], "idtyp": "user", "ver": "1.0",
        }))
        .unwrap();
    let who = verified.subject.unwrap();
    assert_eq!(
        (who.tenant, who.user),
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
fn a_token_of_entra_version_2_tells_the_client_in_azp_and_never_mfa_by_itself() {
    let plain = issuing(Preset::EntraV2, |_| {});
    let said = json!({ "azp": CLIENT, "appid": TENANT, "amr": ["mfa"], "acrs": ["c1"] });
    let verified = plain.verify(said.clone()).unwrap();
    assert_eq!(verified.client_app, Some(CLIENT.parse().unwrap()));
    assert!(!verified.claims.mfa);
    let mapped = issuing(Preset::EntraV2, |issuer| {
        issuer
            .claims
            .set(Field::Mfa, contains("acrs", "c1"))
            .unwrap();
    });
    assert!(mapped.verify(said).unwrap().claims.mfa);
    assert!(
        !mapped
            .verify(json!({ "acrs": ["c10", "C1"] }))
            .unwrap()
            .claims
            .mfa
    );
}

#[test]
fn a_token_of_okta_tells_the_user_in_a_claim_of_its_own() {
    let issuing = issuing(Preset::Okta, |issuer| {
        issuer.tenants = Tenants::Fixed(tenant(TENANT));
        issuer.groups = Emitted::Always;
        let table = values("groups", &[("Everyone", GROUP)]);
        issuer.claims.set(Field::Groups, table).unwrap();
    });
    let said = json!({ "tid": null, "azp": null, "cid": "0oa1", "sub": "a@okta.example", "amr": ["mfa", "otp"], "groups": ["Everyone"] });
    let verified = issuing.verify(said.clone()).unwrap();
    let who = verified.subject.unwrap();
    assert_eq!(
        (who.tenant, who.user),
        (tenant(TENANT), USER.parse().unwrap())
    );
    assert!(verified.claims.mfa && !verified.claims.groups_incomplete);
    assert_eq!(verified.groups, [GROUP.parse::<GroupId>().unwrap()]);
    let nameless = with(said, json!({ "oid": null }));
    let verified = issuing
        .verify(with(json!({ "oid": "00u1" }), nameless))
        .unwrap();
    assert_eq!(verified.subject, Err(SubjectError::NoUser));
}

#[test]
fn a_token_of_keycloak_tells_the_user_in_sub() {
    let issuing = issuing(Preset::Keycloak, |issuer| {
        issuer.tenants = Tenants::Fixed(tenant(TENANT));
    });
    let said = json!({
        "typ": "Bearer", "tid": null, "oid": null, "sub": USER, "sid": "s", "azp": "wiki-frontend", "groups": [GROUP, "/staff"],
    });
    let verified = issuing.verify(said).unwrap();
    assert_eq!(verified.subject.unwrap().user, USER.parse().unwrap());
    assert_eq!(verified.client_app, None);
    assert!(!verified.claims.mfa);
    // A group that is no GUID and in no table is one that we do not know of.
    assert_eq!(verified.groups, [GROUP.parse::<GroupId>().unwrap()]);
    assert!(verified.claims.groups_incomplete);
}

#[test]
fn an_applications_token_identifies_no_user() {
    let entra = issuing(Preset::EntraV2, |_| {});
    for said in [
        json!({ "idtyp": "app" }),
        json!({ "idtyp": "device" }),
        json!({ "idtyp": 1 }),
        json!({ "sub": USER }),
        json!({ "sub": USER.to_uppercase() }),
        json!({ "oid": null }),
        json!({ "oid": "no guid" }),
        json!({ "oid": [USER] }),
    ] {
        let who = entra.verify(said.clone()).unwrap().subject;
        assert_eq!(who, Err(SubjectError::NoUser), "{said}");
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
fn groups_and_roles_that_are_left_out_are_unknown_and_not_none() {
    let sometimes = issuing(Preset::EntraV2, |_| {});
    let always = issuing(Preset::EntraV2, |issuer| {
        issuer.groups = Emitted::Always;
        issuer.roles = Emitted::Always;
    });
    // (claims, incomplete where they are emitted sometimes, and where always)
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
    for (said, sometimes_incomplete, always_incomplete) in cases {
        for claim in ["groups", "wids"] {
            let said: Value = serde_json::from_str(&said.to_string().replace('G', claim)).unwrap();
            for (issuing, expected) in [
                (&sometimes, sometimes_incomplete),
                (&always, always_incomplete),
            ] {
                let claims = issuing.verify(said.clone()).unwrap().claims;
                let found = match claim {
                    "groups" => claims.groups_incomplete,
                    _ => claims.roles_incomplete,
                };
                assert_eq!(found, expected, "{said}");
            }
        }
    }
}

#[test]
fn lists_that_are_longer_than_a_request_may_have_refuse_the_token() {
    // Larger tokens come in the metadata of a gateway.
    let issuing = issuing(Preset::EntraV2, |_| {});
    let believe = |claim: &str, count: usize| {
        let list = vec![GROUP; count];
        let Value::Object(payload) = with(claims(ISS), json!({ claim: list })) else {
            panic!()
        };
        issuing.identity.check_claims(payload).map(|_| ())
    };
    for (claim, most) in [
        ("groups", 1024),
        ("wids", 256),
        ("acrs", 256),
        ("xms_cc", 256),
    ] {
        assert_eq!(believe(claim, most), Ok(()));
        let found = most + 1;
        let claim = Excerpt::of(claim);
        let expected = TokenError::TooMany {
            claim: claim.clone(),
            found,
            most,
        };
        let name = claim.to_string();
        assert_eq!(believe(name.trim_matches('`'), found), Err(expected));
    }
}

#[test]
fn a_malformed_claim_grants_nothing() {
    let issuing = issuing(Preset::EntraV1, |issuer| {
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
    let claims = |said: Value| issuing.verify(said).unwrap().claims;
    for (said, expected) in [
        (json!({}), false),
        (json!({ "amr": ["mfa"] }), true),
        (json!({ "amr": "mfa" }), true),
        (json!({ "amr": "pwd mfa" }), false),
        (json!({ "amr": ["MFA"] }), false),
        (json!({ "amr": [["mfa"]] }), false),
        (json!({ "amr": { "mfa": true } }), false),
        (json!({ "amr": true }), false),
    ] {
        assert_eq!(claims(said.clone()).mfa, expected, "{said}");
    }
    for (said, expected) in [
        (json!({ "compliant": true }), true),
        (json!({ "compliant": "true" }), false),
        (json!({ "compliant": 1 }), false),
        (json!({ "compliant": [true] }), false),
    ] {
        assert_eq!(claims(said.clone()).compliant_device, expected, "{said}");
    }
    for (said, expected) in [
        (json!({ "level": 2 }), true),
        (json!({ "level": "2" }), false),
        (json!({ "level": 2.5 }), false),
        (json!({ "level": [2] }), false),
    ] {
        assert_eq!(claims(said.clone()).resource_mfa, expected, "{said}");
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
fn words_are_translated_by_the_operators_table_and_what_is_not_in_it_says_nothing() {
    let issuing = issuing(Preset::EntraV2, |issuer| {
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
    let said = json!({ "amr": ["hwk", "odd", "sms"], "methods": ["sms", "x", 1], "kind": "Guest" });
    let verified = issuing.verify(said).unwrap();
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
    let kind = issuing.verify(json!({ "kind": "Member" })).unwrap();
    assert_eq!(kind.external_user_type, None);
}

#[test]
fn a_table_turns_names_of_groups_into_guids() {
    let issuing = issuing(Preset::Keycloak, |issuer| {
        let table = values("roles", &[("/staff", GROUP)]);
        issuer.claims.set(Field::Groups, table).unwrap();
    });
    let ids = |verified: VerifiedToken| {
        let ids: Vec<String> = verified.groups.iter().map(GroupId::to_string).collect();
        (ids, verified.claims.groups_incomplete)
    };
    let found = ids(issuing
        .verify(json!({ "typ": "Bearer", "roles": ["/staff", OTHER_GROUP] }))
        .unwrap());
    assert_eq!(
        found,
        (vec![GROUP.to_owned(), OTHER_GROUP.to_owned()], false)
    );
    let found = ids(issuing
        .verify(json!({ "typ": "Bearer", "roles": ["/staff", "/bad"], "groups": [] }))
        .unwrap());
    assert_eq!(found, (vec![GROUP.to_owned()], true));
}

#[test]
fn a_rule_that_does_not_go_with_its_field_is_refused() {
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
fn no_preset_tells_where_mfa_was_done_and_every_name_is_read_back() {
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

/// An access token of each provider as its documentation shows it, and the ID token of the same sign-in and audience.
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
        // A provider that took `typ` away from ID tokens would not make access tokens of them.
        (
            Preset::Keycloak,
            &keycloak,
            &none,
            unmarked("`typ` = `Bearer`"),
        ),
    ] {
        let issuing = issuing(preset, |issuer| {
            if matches!(preset, Preset::Okta | Preset::Keycloak) {
                issuer.tenants = Tenants::Fixed(tenant(TENANT));
            }
        });
        let unmarked = with(claims(ISS), none.clone());
        let verify = |members: &Value| {
            let said = with(unmarked.clone(), members.clone());
            let token = issuing.identity.verify_now(&issuing.signer.sign(&said));
            let believed = issuing
                .identity
                .check_claims(said.as_object().unwrap().clone());
            assert_eq!(token.as_ref().err(), believed.as_ref().err());
            token.map(|_| ())
        };
        assert_eq!(verify(access), Ok(()), "{preset:?}");
        assert_eq!(verify(id), Err(refused), "{preset:?}");
    }
}

#[test]
fn an_issuer_whose_access_tokens_have_no_mark_can_be_taken_without_it() {
    let unmarked = json!({ "azp": null });
    let required = issuing(Preset::EntraV2, |_| {});
    assert!(required.verify(unmarked.clone()).is_err());
    let ignored = issuing(Preset::EntraV2, |issuer| {
        issuer.access_token_mark = MarkRequirement::Ignored;
    });
    assert!(ignored.verify(unmarked.clone()).is_ok());
    // What says that it is another kind of token is refused all the same.
    for members in [json!({ "at_hash": "x" }), json!({ "typ": "ID" })] {
        assert!(ignored.verify(with(unmarked.clone(), members)).is_err());
    }
}
