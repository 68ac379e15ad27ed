//! Malformed requests: the path of every wrong field in one error.

use crosstrust::rpc::proto::*;
use crosstrust::rpc::{HealthState, Rights, router};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp};
use tower_service::Service as _;

use super::world::*;
use crate::server::{self, TestServer, serve_engine};

type Change = fn(&mut AuthorizeRequest);

fn context(request: &mut AuthorizeRequest) -> &mut Context {
    request.context.get_or_insert_default()
}

fn device(request: &mut AuthorizeRequest, registered: Option<bool>, properties: Option<Struct>) {
    context(request).device = Some(Device {
        registered,
        properties,
    });
}

fn one(word: &str) -> Vec<String> {
    vec![String::from(word)]
}

async fn refused(server: &TestServer, change: Change) -> tonic::Status {
    let mut client = client(server).await;
    client.authorize(request_with(change)).await.unwrap_err()
}

/// The request of a guest with a Google account.
fn provider(request: &mut AuthorizeRequest) {
    request.home_tenant.clear();
    request.user.clear();
    request.access_type = AccessType::Collaboration.into();
    request.resource_user = String::from(USER);
    request.identity_provider = String::from("Google");
}

/// The wrong field, a part of its description, and the change.
#[rustfmt::skip]
const MALFORMED: &[(&str, &str, Change)] = &[
    ("home_tenant", "is required", |r| r.home_tenant.clear()),
    ("home_tenant", "microsoftAccount", |r| r.home_tenant = String::from("9188040D-6c67-4c5b-b112-36a304b66dad")),
    ("home_tenant", "expected a GUID", |r| r.home_tenant = String::from("contoso.com")),
    ("resource_tenant", "is required", |r| r.resource_tenant.clear()),
    ("resource_tenant", "expected a GUID", |r| r.resource_tenant = String::from("all")),
    ("user", "is required", |r| r.user.clear()),
    ("user", "expected a GUID", |r| r.user = String::from("alice@fabrikam.com")),
    ("app", "is required", |r| r.app.clear()),
    ("app", "expected a GUID", |r| r.app = String::from("Office365")),
    ("groups[1]", "expected a GUID", |r| r.groups = vec![String::from(USER), String::from("x")]),
    ("groups[0]", "found \"\"", |r| r.groups = vec![String::new()]),
    ("roles[0]", "expected a GUID", |r| r.roles = one("Global Administrator")),
    ("client_app", "expected a GUID", |r| r.client_app = String::from("x")),
    ("resource_user", "expected a GUID", |r| r.resource_user = String::from("x")),
    ("resource_groups[0]", "expected a GUID", |r| r.resource_groups = one("x")),
    ("restricting_tenant", "expected a GUID", |r| r.restricting_tenant = String::from("x")),
    ("home_cloud", "microsoftonline.us", |r| r.home_cloud = String::from("azure")),
    ("external_user_type", "expected one of", |r| r.external_user_type = String::from("guest")),
    ("external_user_type", "expected a user type of a direct connect user without resource_user", |r|
        r.external_user_type = String::from("b2bCollaborationGuest")),
    ("access_type", "found 9", |r| r.access_type = 9),
    ("access_type", "found -1", |r| r.access_type = -1),
    ("claims.expires_at", "is required", |r| r.claims = None),
    ("claims.expires_at", "is required", |r| claims(r).expires_at = None),
    ("claims.expires_at.nanos", "found 1000000000", |r|
        claims(r).expires_at = Some(Timestamp { seconds: 1, nanos: 1_000_000_000 })),
    ("claims.issued_at.nanos", "found -1", |r|
        claims(r).issued_at = Some(Timestamp { seconds: 1, nanos: -1 })),
    ("claims.auth_time.seconds", "years 1 to 9999", |r|
        claims(r).auth_time = Some(Timestamp { seconds: 253_402_300_800, nanos: 0 })),
    ("claims.issued_at.seconds", "years 1 to 9999", |r|
        claims(r).issued_at = Some(Timestamp { seconds: -62_135_596_801, nanos: 0 })),
    ("claims.authentication_methods[0]", "windowsHelloForBusiness", |r|
        claims(r).authentication_methods = one("magic")),
    ("claims.resource_authentication_methods[0]", "expected one of", |r|
        claims(r).resource_authentication_methods = one("magic")),
    ("claims.authentication_contexts[0]", "empty", |r| claims(r).authentication_contexts = one("")),
    ("request_id", "control character", |r| r.request_id = String::from("1\n2026-01-01 INFO allowed")),
    ("channel", "control character", |r| r.channel = String::from("19:x\0")),
    ("claims.session_id", "control character", |r| claims(r).session_id = String::from("s\u{1b}[2J")),
    ("claims.device_id", "control character", |r| claims(r).device_id = String::from("d\r")),
    ("claims.authentication_contexts[0]", "control character", |r| claims(r).authentication_contexts = one("c1\n")),
    ("claims.accepted_terms_of_use[0]", "expected a GUID", |r| claims(r).accepted_terms_of_use = one("x")),
    ("claims.accepted_custom_controls[0]", "expected a GUID", |r| claims(r).accepted_custom_controls = one("x")),
    ("claims.authenticator_aaguid", "expected a GUID", |r| claims(r).authenticator_aaguid = String::from("x")),
    ("claims.certificate_issuer_skis[0]", "empty", |r| claims(r).certificate_issuer_skis = one("")),
    ("claims.certificate_policy_oids[0]", "empty", |r| claims(r).certificate_policy_oids = one("")),
    ("context.ip_address", "invalid IP address", |r| context(r).ip_address = String::from("198.51.100.0/24")),
    ("context.country", "two letters", |r| context(r).country = String::from("DEU")),
    ("context.country_source", "authenticatorAppGps", |r| context(r).country_source = String::from("gps")),
    ("context.country_source", "authenticatorAppGps", |r| {
        context(r).country = String::from("DE");
        context(r).country_source = String::from("starlight");
    }),
    ("context.platform", "macOS", |r| context(r).platform = String::from("all")),
    ("context.client_app_type", "browser", |r| context(r).client_app_type = String::from("all")),
    ("context.sign_in_risk", "hidden", |r| context(r).sign_in_risk = String::from("severe")),
    ("context.user_risk", "hidden", |r| context(r).user_risk = String::from("severe")),
    ("context.insider_risk", "elevated", |r| context(r).insider_risk = String::from("high")),
    ("context.user_action", "accountrecovery", |r| context(r).user_action = String::from("urn:user:dance")),
    ("context.user_action", "registerdevice", |r| context(r).user_action = String::from("register")),
    ("context.authentication_flow", "deviceCodeFlow", |r| context(r).authentication_flow = String::from("x")),
    ("context.authentication_context", "c1 to c99", |r| context(r).authentication_context = String::from("c0")),
    ("context.authentication_context", "c1 to c99", |r| context(r).authentication_context = String::from("c100")),
    ("context.client_capabilities[0]", "empty", |r| context(r).client_capabilities = one("")),
    ("context.device.properties", "not registered", |r|
        device(r, Some(false), members([("model", text("x"))]))),
    ("context.device.properties.colour", "trustType", |r|
        device(r, None, members([("colour", text("red"))]))),
    ("context.device.properties.extensionAttribute16", "extensionAttribute1", |r|
        device(r, Some(true), members([("extensionAttribute16", text("x"))]))),
    ("context.device.properties.trustType", "expected a string, a boolean or a number", |r|
        device(r, Some(true), members([("trustType", kind(Kind::StructValue(Struct::default())))]))),
    ("context.device.properties.trustType", "expected a string, a boolean or a number", |r|
        device(r, Some(true), members([("trustType", prost_types::Value { kind: None })]))),
    ("context.device.properties.model", "expected a string, a boolean or a number", |r|
        device(r, Some(true), members([("model", kind(Kind::NumberValue(f64::NAN)))]))),
    ("context.device.properties.trustType", "a single value", |r|
        device(r, Some(true), members([("trustType", kind(Kind::ListValue(ListValue::default())))]))),
    ("context.device.properties.physicalIds", "a list of strings", |r|
        device(r, Some(true), members([("physicalIds", text("x"))]))),
    ("context.device.properties.physicalIds[0]", "expected a string", |r| {
        let values = vec![kind(Kind::NullValue(0))];
        device(r, Some(true), members([("physicalIds", kind(Kind::ListValue(ListValue { values })))]));
    }),
    ("context.device.properties.trusttype", "twice", |r|
        device(r, Some(true), members([("trustType", text("x")), ("trusttype", text("y"))]))),
    ("context.app_attributes.set_name", "twice", |r|
        context(r).app_attributes = members([("Set_Name", text("x")), ("set_name", text("y"))])),
    ("identity_provider", "samlWsFed", |r| { provider(r); r.identity_provider = String::from("okta"); }),
    ("identity_provider_issuer", "is required", |r| { provider(r); r.identity_provider = String::from("samlWsFed"); }),
    ("identity_provider_issuer", "without identity_provider samlWsFed", |r| {
        provider(r);
        r.identity_provider_issuer = String::from("https://idp.example");
    }),
    ("identity_provider_issuer", "control character", |r| {
        provider(r);
        r.identity_provider = String::from("SAMLWSFED");
        r.identity_provider_issuer = String::from("a\n");
    }),
    ("identity_provider_issuer", "expected it to be empty", |r| r.identity_provider_issuer = String::from("x")),
    ("access_type", "ACCESS_TYPE_COLLABORATION", |r| { provider(r); r.access_type = 0; }),
    ("access_type", "ACCESS_TYPE_COLLABORATION", |r| { provider(r); r.access_type = 1; }),
    ("home_tenant", "beside identity_provider", |r| { provider(r); r.home_tenant = String::from(USER); }),
    ("user", "beside identity_provider", |r| { provider(r); r.user = String::from(USER); }),
    ("groups", "beside identity_provider", |r| { provider(r); r.groups = one(USER); }),
    ("home_cloud", "beside identity_provider", |r| { provider(r); r.home_cloud = String::from("microsoftonline.com"); }),
    ("resource_user", "is required", |r| { provider(r); r.resource_user.clear(); }),
    ("context.app_attributes.", "Set_Name", |r| context(r).app_attributes = members([("", text("x"))])),
];

#[tokio::test]
async fn each_malformed_field_is_reported_with_its_path_and_the_expected_form() {
    let server = serve_engine(engine()).await;
    for (field, part, change) in MALFORMED {
        let status = refused(&server, *change).await;
        let found = violations(&status);
        let [(at, message)] = found.as_slice() else {
            panic!("{field} {part}: {found:?}");
        };
        assert_eq!(at, field);
        assert!(message.contains(part), "{field}: {message}");
        assert_eq!(status.message(), format!("{at}: {message}"));
    }
}

#[tokio::test]
async fn an_identity_provider_that_is_not_listed_is_named_in_the_denial() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    for (name, issuer, expected) in [
        ("GOOGLE", "", "the identity provider google ("),
        (
            "samlWsFed",
            "https://idp.example",
            "samlWsFed https://idp.example (",
        ),
    ] {
        let message = request_with(|request| {
            provider(request);
            request.identity_provider = name.to_owned();
            request.identity_provider_issuer = issuer.to_owned();
        });
        let answer = client.authorize(message).await.unwrap().into_inner();
        assert_eq!(answer.reason(), Reason::InboundUser);
        assert!(answer.message.contains(expected), "{}", answer.message);
    }
}

#[tokio::test]
async fn a_denial_names_the_home_tenant_whose_policies_are_not_loaded() {
    const NORTHWIND: &str = "00000000-0000-0000-0000-0000000000c9";
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let message = request_with(|request| request.home_tenant = NORTHWIND.to_owned());
    let explained = ExplainRequest {
        request: Some(message.clone()),
    };
    let answer = client.authorize(message).await.unwrap().into_inner();
    assert_eq!(answer.reason(), Reason::OutboundUser);
    for part in [NORTHWIND, "are loaded", "assumed-outbound.json"] {
        assert!(answer.message.contains(part), "{}", answer.message);
    }
    let explained = client.explain(explained).await.unwrap().into_inner();
    let outbound = &explained.stages[2];
    let subject = outbound
        .details
        .iter()
        .find(|one| one.name == "home tenant");
    assert!(subject.unwrap().value.contains(NORTHWIND));
}

#[tokio::test]
async fn all_violations_are_reported_at_once() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let status = client
        .authorize(AuthorizeRequest {
            groups: vec![String::from("x"), String::from("y")],
            context: Some(Context {
                ip_address: String::from("here"),
                ..Context::default()
            }),
            ..AuthorizeRequest::default()
        })
        .await
        .unwrap_err();
    let mut found = fields(&status);
    found.sort();
    let expected = [
        "app",
        "claims.expires_at",
        "context.ip_address",
        "groups[0]",
        "groups[1]",
        "home_tenant",
        "resource_tenant",
        "user",
    ];
    assert_eq!(found, expected);
    assert!(status.message().ends_with("(and 7 more)"), "{status:?}");
}

#[tokio::test]
async fn undecodable_bytes_are_an_invalid_argument() {
    let mut router = router(
        &server::backend(engine()),
        &Rights::ALL,
        &HealthState::new(),
    );
    let user_that_is_not_utf_8: &[u8] = &[0x1a, 2, 0xff, 0xfe];
    let user_that_is_cut_off: &[u8] = &[0x1a, 36, b'0'];
    for message in [user_that_is_not_utf_8, user_that_is_cut_off] {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let framed = [&[0], &length[..], message].concat();
        let http_request = http::Request::post("/crosstrust.v1.AuthorizationService/Authorize")
            .header("content-type", "application/grpc")
            .body(http_body_util::Full::new(bytes::Bytes::from(framed)));
        let answer = router.call(http_request.unwrap()).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "3", "{answer:?}");
    }
}

#[tokio::test]
async fn violations_beyond_the_header_limit_are_counted() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let all_bad = request_with(|request| {
        request.groups = vec!["😀".repeat(10_000 / 40); 120];
    });
    let status = client.authorize(all_bad).await.unwrap_err();
    let found = fields(&status);
    assert!((2..120).contains(&found.len()), "{}", found.len());
    let ending = format!("(and 119 more, {} of them in the details)", found.len() - 1);
    assert!(status.message().ends_with(&ending), "{}", status.message());
}

#[tokio::test]
async fn a_batch_with_one_malformed_request_is_rejected_and_names_it() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let bad = request_with(|request| request.home_tenant.clear());
    let worse = request_with(|request| {
        request.groups = vec![String::from("x")];
        claims(request).expires_at = None;
    });
    let batch = AuthorizeBatchRequest {
        requests: vec![request(), request_with_mfa(), bad, worse],
    };
    let status = client.authorize_batch(batch).await.unwrap_err();
    let mut found = fields(&status);
    found.sort();
    let expected = [
        "requests[2].home_tenant",
        "requests[3].claims.expires_at",
        "requests[3].groups[0]",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_explain_request_is_validated_like_any_other_under_its_own_path() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let nothing = client.explain(ExplainRequest::default()).await;
    assert_eq!(fields(&nothing.unwrap_err()), ["request"]);
    let request = Some(request_with(|request| request.app.clear()));
    let status = client.explain(ExplainRequest { request }).await;
    assert_eq!(fields(&status.unwrap_err()), ["request.app"]);
}

#[tokio::test]
async fn only_a_collaboration_user_may_be_identified_by_the_guest_object_alone() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let by_guest_object = |access: AccessType| {
        request_with(|request| {
            request.user.clear();
            request.resource_user = String::from(USER);
            request.access_type = access.into();
        })
    };
    let collaboration = by_guest_object(AccessType::Collaboration);
    client.authorize(collaboration.clone()).await.unwrap();
    for access in [AccessType::Unspecified, AccessType::DirectConnect] {
        let status = client.authorize(by_guest_object(access)).await;
        assert_eq!(fields(&status.unwrap_err()), ["user"]);
    }
    let mut internal = collaboration;
    internal.home_tenant = internal.resource_tenant.clone();
    let status = client.authorize(internal).await.unwrap_err();
    assert_eq!(fields(&status), ["user"]);
}
