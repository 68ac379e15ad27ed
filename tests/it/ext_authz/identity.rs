//! The identity of a request: tokens, claims that Envoy verified, and lookalikes that are not accepted.

use std::collections::HashMap;

use crosstrust::rpc::{
    AssumedFacts, EnvoyRouteTable, IdentitySources, JwtAuthn, Rights, Route, RouteFacts,
};
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue, Metadata};
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use serde_json::json;
use tonic::Code;

use super::asking::{
    CONTOSO, LAUNCHER, SHAREPOINT, Setup, World, assert_denied, attributes, extensions, get, http,
};
use crate::support::tokens::{self, NOW};

const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

fn with_jwt_authn(bearer: bool) -> Setup {
    Setup {
        rights: Rights {
            identity: IdentitySources {
                bearer,
                jwt_authn: Some(JwtAuthn {
                    namespace: NAMESPACE.to_owned(),
                    payload: "entra".to_owned(),
                }),
            },
            ..Rights::ALL
        },
        ..Setup::default()
    }
}

fn value(json: &serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(*flag),
        // Like Envoy, encode every number as a double.
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(value).collect(),
        }),
        serde_json::Value::Object(_) => Kind::StructValue(structure(json)),
    };
    Value { kind: Some(kind) }
}

fn structure(json: &serde_json::Value) -> Struct {
    let members = json.as_object().unwrap().iter();
    Struct {
        fields: members
            .map(|(name, one)| (name.clone(), value(one)))
            .collect(),
    }
}

fn metadata(namespace: &str, payload: &serde_json::Value) -> Option<Metadata> {
    Some(Metadata {
        filter_metadata: HashMap::from([(
            namespace.to_owned(),
            structure(&json!({ "entra": payload })),
        )]),
        ..Metadata::default()
    })
}

#[tokio::test]
async fn without_a_token_the_answer_is_a_401_challenge() {
    let world = World::new(Setup::default()).await;
    for authorization in [None, Some("Basic dXNlcjpwdw=="), Some("Bearer"), Some("")] {
        let mut request = get(LAUNCHER, None);
        let headers = &mut http(&mut request).headers;
        headers.extend(authorization.map(|it| ("authorization".to_owned(), it.to_owned())));
        let answer = world.check(&request).await;
        assert_denied(&answer, 401, Code::Unauthenticated);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        assert!(!challenge.contains("error="), "{challenge}");
    }
}

#[tokio::test]
async fn a_rejected_token_is_401_with_a_reason() {
    let world = World::new(Setup::default()).await;
    let forged = world.contoso.sign(&world.claims(LAUNCHER));
    let claims = world.claims(LAUNCHER);
    let expired = tokens::with(claims.clone(), json!({"exp": NOW}));
    let elsewhere = tokens::with(claims.clone(), json!({"aud": "api://else"}));
    let mut cut = world.good_token();
    cut.pop();
    for token in [
        forged,
        world.fabrikam.sign(&expired),
        world.fabrikam.sign(&elsewhere),
        cut,
        "x".to_owned(),
        "a.b.c".to_owned(),
    ] {
        let answer = world.check(&get(LAUNCHER, Some(&token))).await;
        assert_denied(&answer, 401, Code::Unauthenticated);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(token.len() < 10 || !answer.body.contains(&token), "{token}");
    }
}

#[tokio::test]
async fn an_audience_is_accepted_if_it_is_the_application_or_listed_for_it() {
    let world = World::new(Setup::default()).await;
    let ask = async |app, audience| {
        let token = world.fabrikam.sign(&world.claims(audience));
        world.check(&get(app, Some(&token))).await
    };
    assert!(ask(LAUNCHER, LAUNCHER).await.is_allow());
    assert!(ask(LAUNCHER, "api://launcher").await.is_allow());
    assert_denied(&ask(LAUNCHER, SHAREPOINT).await, 401, Code::Unauthenticated);
    assert_denied(
        &ask(SHAREPOINT, "api://launcher").await,
        401,
        Code::Unauthenticated,
    );
}

#[tokio::test]
async fn a_duplicate_authorization_header_is_ambiguous_in_every_form() {
    let world = World::new(Setup::default()).await;
    let good = world.good_token();
    let mut joined = get(LAUNCHER, None);
    http(&mut joined).headers.insert(
        "authorization".into(),
        format!("Bearer {good},Bearer {good}"),
    );
    let raw = |key: &str| HeaderValue {
        key: key.to_owned(),
        raw_value: format!("Bearer {good}").into_bytes(),
        ..HeaderValue::default()
    };
    let mut duplicated = get(LAUNCHER, None);
    http(&mut duplicated).header_map = Some(HeaderMap {
        headers: vec![raw("authorization"), raw("Authorization")],
    });
    for request in [joined, duplicated] {
        let answer = world.check(&request).await;
        assert_denied(&answer, 403, Code::PermissionDenied);
    }
    let mut single = get(LAUNCHER, None);
    http(&mut single).header_map = Some(HeaderMap {
        headers: vec![raw("authorization")],
    });
    assert!(world.check(&single).await.is_allow());
}

#[tokio::test]
async fn headers_that_a_client_can_set_are_not_an_identity() {
    let world = World::new(Setup::default()).await;
    let mut request = get(LAUNCHER, None);
    let headers = &mut http(&mut request).headers;
    for name in [
        "x-crosstrust-user",
        "x-forwarded-authorization",
        "x-forwarded-client-cert",
        "x-ms-token-aad-access-token",
    ] {
        headers.insert(name.into(), format!("Bearer {}", world.good_token()));
    }
    assert_denied(&world.check(&request).await, 401, Code::Unauthenticated);
}

#[tokio::test]
async fn claims_that_envoy_verified_are_accepted_if_the_listener_names_their_metadata() {
    let world = World::new(with_jwt_authn(false)).await;
    let ask = async |namespace, claims: &serde_json::Value| {
        let mut request = get(LAUNCHER, None);
        attributes(&mut request).metadata_context = metadata(namespace, claims);
        world.check(&request).await
    };
    let claims = world.claims(LAUNCHER);
    assert!(ask(NAMESPACE, &claims).await.is_allow());
    assert_denied(&ask("envoy.lua", &claims).await, 401, Code::Unauthenticated);
    for faulty in [
        json!({"iss": "https://evil.example/"}),
        json!({"aud": "api://else"}),
        json!({"aud": null}),
        json!({"tid": CONTOSO}),
        json!({"exp": NOW}),
        json!({"exp": null}),
        json!({"exp": f64::from(u32::MAX) + 0.5}),
    ] {
        let answer = ask(NAMESPACE, &tokens::with(claims.clone(), faulty.clone())).await;
        assert!(!answer.is_allow(), "{faulty}");
    }
    // A failed verification leaves a status and no payload.
    let failed = json!({"code": 16, "message": "Jwt verification fails"});
    assert_denied(&ask(NAMESPACE, &failed).await, 401, Code::Unauthenticated);

    let elsewhere = World::new(Setup::default()).await;
    let mut request = get(LAUNCHER, None);
    attributes(&mut request).metadata_context = metadata(NAMESPACE, &claims);
    assert_denied(&elsewhere.check(&request).await, 401, Code::Unauthenticated);
}

#[tokio::test]
async fn a_token_and_verified_claims_must_name_the_same_user() {
    let world = World::new(with_jwt_authn(true)).await;
    let claims = world.claims(LAUNCHER);
    let mut request = get(LAUNCHER, Some(&world.good_token()));
    attributes(&mut request).metadata_context = metadata(NAMESPACE, &claims);
    assert!(world.check(&request).await.is_allow());
    let other = json!({"oid": "21022c4a-1623-45c3-95c7-c24dc6732f65"});
    let other = tokens::with(claims, other);
    attributes(&mut request).metadata_context = metadata(NAMESPACE, &other);
    assert_denied(&world.check(&request).await, 403, Code::PermissionDenied);
    // Verified claims do not make a rejected token valid.
    let mut request = get(LAUNCHER, Some("a.b.c"));
    attributes(&mut request).metadata_context = metadata(NAMESPACE, &world.claims(LAUNCHER));
    assert_denied(&world.check(&request).await, 401, Code::Unauthenticated);
}

/// Both have the same user and issuer; any other difference could lead to different decisions.
#[tokio::test]
async fn a_token_and_verified_claims_must_agree_in_every_deciding_fact() {
    const GROUPS: [&str; 2] = [
        "66666666-6666-4666-8666-666666666661",
        "66666666-6666-4666-8666-666666666662",
    ];
    let world = World::new(with_jwt_authn(true)).await;
    let ask = async |token: &serde_json::Value, verified: &serde_json::Value| {
        let mut request = get(LAUNCHER, Some(&world.fabrikam.sign(token)));
        let route = &mut attributes(&mut request).context_extensions;
        route.insert("detail".to_owned(), "true".to_owned());
        attributes(&mut request).metadata_context = metadata(NAMESPACE, verified);
        world.check(&request).await
    };
    let both = tokens::with(
        world.claims(LAUNCHER),
        json!({"aud": [LAUNCHER, "api://launcher"], "groups": GROUPS, "auth_time": NOW - 100}),
    );
    assert!(ask(&both, &both).await.is_allow());
    for same in [
        json!({"aud": ["api://launcher", LAUNCHER]}),
        json!({"groups": [GROUPS[1], GROUPS[0], GROUPS[1]]}),
        json!({"unread": "claims decide nothing"}),
    ] {
        let verified = tokens::with(both.clone(), same);
        assert!(ask(&both, &verified).await.is_allow(), "{verified}");
    }
    for other in [
        json!({"aud": LAUNCHER}),
        json!({"aud": SHAREPOINT}),
        json!({"groups": [GROUPS[0]]}),
        json!({"groups": null}),
        json!({"hasgroups": true}),
        json!({"wids": ["62e90394-69f5-4237-9190-012177145e10"]}),
        json!({"amr": ["pwd", "mfa"]}),
        json!({"acrs": ["c1"]}),
        json!({"xms_cc": ["cp1"]}),
        json!({"appid": "77777777-7777-4777-8777-777777777777"}),
        json!({"deviceid": "device"}),
        json!({"sid": "session"}),
        json!({"auth_time": NOW - 99}),
        json!({"auth_time": null}),
        json!({"iat": NOW - 61}),
        json!({"exp": NOW + 3599}),
        json!({"acct": 1}),
    ] {
        let verified = tokens::with(both.clone(), other.clone());
        for answer in [ask(&both, &verified).await, ask(&verified, &both).await] {
            assert_denied(&answer, 403, Code::PermissionDenied);
            assert_eq!(answer.problem()["reason"], "IDENTITY_AMBIGUOUS", "{other}");
        }
    }
}

fn route(host: &str, assumed: &[(&str, &str)]) -> Route {
    let pairs = assumed
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Route {
        hosts: vec![host.to_owned()],
        path: Some("/app".to_owned()),
        case_insensitive: false,
        principal: None,
        facts: RouteFacts {
            resource: CONTOSO.parse().unwrap(),
            app: LAUNCHER.parse().unwrap(),
            access: None,
            channel: None,
            require_channel: false,
            restricting_tenant: None,
            detail: true,
        },
        assumed: AssumedFacts::read(&pairs.collect::<Vec<_>>()).unwrap(),
    }
}

#[tokio::test]
async fn the_route_table_replaces_missing_context_extensions() {
    let world = World::new(Setup {
        routes: EnvoyRouteTable::new(vec![route("wiki.contoso.example", &[])]),
        ..Setup::default()
    })
    .await;
    let ask = async |host: &str, path: &str| {
        let mut request = get(LAUNCHER, Some(&world.good_token()));
        attributes(&mut request).context_extensions = extensions(&[]);
        host.clone_into(&mut http(&mut request).host);
        path.clone_into(&mut http(&mut request).path);
        world.check(&request).await
    };
    assert!(
        ask("wiki.contoso.example:443", "/app/x?y=//")
            .await
            .is_allow()
    );
    for (host, path) in [
        ("wiki.contoso.example", "/apple"),
        ("wiki.contoso.example", "/"),
        ("other.contoso.example", "/app"),
        ("wiki.contoso.example", "/app/%2e%2e/admin"),
        ("wiki.contoso.example", "/app//x"),
    ] {
        assert_denied(&ask(host, path).await, 403, Code::PermissionDenied);
    }
}

#[tokio::test]
async fn the_tenant_restrictions_header_is_accepted_only_from_trusted_peers() {
    const HEADER: &str = "sec-restrict-tenant-access-policy";
    let with_trusted_peers = World::new(Setup {
        rights: Rights {
            restriction_header: true,
            ..Rights::ALL
        },
        ..Setup::default()
    })
    .await;
    let plain = World::new(Setup::default()).await;
    // Fabrikam's own network: restrictions do not apply to its own accounts.
    let own = format!(
        "{}:d0000000-0000-4000-8000-000000000000",
        super::asking::FABRIKAM
    );
    for (value, is_allowed) in [
        (None, false),
        (Some(own.clone()), true),
        (Some(format!("{own},{own}")), false),
        (Some(super::asking::FABRIKAM.to_owned()), false),
        (
            Some(
                "5000c366-d690-438b-bd66-7eb0f8ad2411:d0000000-0000-4000-8000-000000000000".into(),
            ),
            false,
        ),
    ] {
        let ask = |token: &str| {
            let mut request = get(LAUNCHER, Some(token));
            let headers = &mut http(&mut request).headers;
            headers.extend(value.clone().map(|value| (HEADER.to_owned(), value)));
            request
        };
        let answer = with_trusted_peers
            .check(&ask(&with_trusted_peers.good_token()))
            .await;
        assert_eq!(answer.is_allow(), is_allowed, "{value:?}");
        if !is_allowed {
            assert_eq!(answer.problem()["code"], "AADSTS5000211");
        }
        assert!(plain.check(&ask(&plain.good_token())).await.is_allow());
    }
}
