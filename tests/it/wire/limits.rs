//! Each limit, at it and one past it.

use bytes::Bytes;
use crosstrust::rpc::proto::*;
use crosstrust::rpc::{HealthState, RequestLimits, Rights, router};
use futures_util::FutureExt as _;
use http_body_util::Full;
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use tonic::Code;
use tower_service::Service as _;

use super::world::*;
use crate::server::{self, TestServer, serve_for_test};

const LIMITS: RequestLimits = RequestLimits {
    authorize_bytes: 4000,
    batch_bytes: 9000,
    check_bytes: 256 * 1024,
    batch_items: 4,
    groups: 5,
    roles: 3,
    list_items: 2,
    properties: 3,
    text_bytes: 10,
};

async fn server() -> TestServer {
    let mut backend = server::backend(engine());
    backend.limits = LIMITS;
    serve_for_test(router(&backend, &Rights::ALL, &HealthState::new())).await
}

type Fill = fn(&mut AuthorizeRequest, usize);

fn ids(count: usize) -> Vec<String> {
    vec![String::from(USER); count]
}

fn texts(count: usize) -> Vec<String> {
    vec![String::from("c1"); count]
}

fn context(request: &mut AuthorizeRequest) -> &mut Context {
    request.context.get_or_insert_default()
}

fn device(request: &mut AuthorizeRequest, properties: Option<Struct>) {
    context(request).device = Some(Device {
        registered: Some(true),
        properties,
    });
}

fn numbered(count: usize) -> Option<Struct> {
    let members = (1..=count).map(|number| (format!("extensionAttribute{number}"), text("x")));
    Some(Struct {
        fields: members.collect(),
    })
}

#[rustfmt::skip]
const COUNTED: &[(&str, usize, Fill)] = &[
    ("groups", LIMITS.groups, |r, n| r.groups = ids(n)),
    ("resource_groups", LIMITS.groups, |r, n| r.resource_groups = ids(n)),
    ("roles", LIMITS.roles, |r, n| r.roles = ids(n)),
    ("claims.authentication_methods", LIMITS.list_items, |r, n|
        claims(r).authentication_methods = vec![String::from("sms"); n]),
    ("claims.resource_authentication_methods", LIMITS.list_items, |r, n|
        claims(r).resource_authentication_methods = vec![String::from("sms"); n]),
    ("claims.authentication_contexts", LIMITS.list_items, |r, n| claims(r).authentication_contexts = texts(n)),
    ("claims.accepted_terms_of_use", LIMITS.list_items, |r, n| claims(r).accepted_terms_of_use = ids(n)),
    ("claims.accepted_custom_controls", LIMITS.list_items, |r, n| claims(r).accepted_custom_controls = ids(n)),
    ("claims.certificate_issuer_skis", LIMITS.list_items, |r, n| claims(r).certificate_issuer_skis = texts(n)),
    ("claims.certificate_policy_oids", LIMITS.list_items, |r, n| claims(r).certificate_policy_oids = texts(n)),
    ("context.client_capabilities", LIMITS.list_items, |r, n| context(r).client_capabilities = texts(n)),
    ("context.device.properties", LIMITS.properties, |r, n| device(r, numbered(n))),
    ("context.device.properties.physicalIds", LIMITS.list_items, |r, n| {
        let values = vec![text("x"); n];
        device(r, members([("physicalIds", kind(Kind::ListValue(ListValue { values })))]));
    }),
    ("context.app_attributes", LIMITS.properties, |r, n| context(r).app_attributes = numbered(n)
        .map(|all| Struct { fields: all.fields.into_iter().map(|(k, v)| (k.replace("extensionAttribute", "a_"), v)).collect() })),
    ("channel", LIMITS.text_bytes, |r, n| r.channel = "x".repeat(n)),
    ("request_id", LIMITS.text_bytes, |r, n| r.request_id = "x".repeat(n)),
    ("claims.session_id", LIMITS.text_bytes, |r, n| claims(r).session_id = "x".repeat(n)),
    ("claims.device_id", LIMITS.text_bytes, |r, n| claims(r).device_id = "x".repeat(n)),
    ("claims.authentication_contexts[0]", LIMITS.text_bytes, |r, n|
        claims(r).authentication_contexts = vec!["x".repeat(n)]),
    ("context.device.properties.model", LIMITS.text_bytes, |r, n| device(r, members([("model", text(&"x".repeat(n)))]))),
    ("context.app_attributes.xxxxxxxxxxx", LIMITS.text_bytes, |r, n|
        context(r).app_attributes = members([(&"x".repeat(n), text("x"))])),
];

#[tokio::test]
async fn each_count_is_accepted_at_its_limit_and_rejected_one_past_it() {
    let server = server().await;
    let mut client = client(&server).await;
    for (field, most, fill) in COUNTED {
        let at = request_with(|request| fill(request, *most));
        let answer = client.authorize(at).await;
        assert!(answer.is_ok(), "{field}: {answer:?}");
        let past = request_with(|request| fill(request, most + 1));
        let status = client.authorize(past).await.unwrap_err();
        assert_eq!(fields(&status), [*field], "{status:?}");
    }
}

#[tokio::test]
async fn a_batch_is_accepted_at_its_limit_and_rejected_one_past_it() {
    let server = server().await;
    let mut client = client(&server).await;
    let batch = |count| AuthorizeBatchRequest {
        requests: vec![request(); count],
    };
    let answers = client.authorize_batch(batch(LIMITS.batch_items)).await;
    assert_eq!(answers.unwrap().into_inner().responses.len(), 4);
    let status = client.authorize_batch(batch(LIMITS.batch_items + 1)).await;
    let found = violations(&status.unwrap_err());
    let (field, message) = &found[0];
    assert_eq!(
        (field.as_str(), message.as_str()),
        ("requests", "found 5, expected at most 4")
    );
}

/// Decoded, they would take hundreds of times the memory of the message.
#[tokio::test]
async fn a_batch_of_empty_requests_is_rejected_by_their_number() {
    let server = server().await;
    let most = LIMITS.batch_bytes / 2;
    let batch = AuthorizeBatchRequest {
        requests: vec![AuthorizeRequest::default(); most],
    };
    assert_eq!(batch.encoded_len(), LIMITS.batch_bytes);
    let status = client(&server).await.authorize_batch(batch).await;
    let found = violations(&status.unwrap_err());
    let expected = format!("found {most}, expected at most {}", LIMITS.batch_items);
    assert_eq!(found, [(String::from("requests"), expected)]);
}

/// Also if the bytes turn out to be invalid only after the requests.
#[test]
fn a_message_full_of_empty_requests_takes_little_memory() {
    const EMPTY_REQUESTS: usize = 500_000;
    let mut router = router(
        &server::backend(engine()),
        &Rights::ALL,
        &HealthState::new(),
    );
    for end in [&[][..], &[0x0a], &[0x0a, 0xff, 0x01]] {
        let message = [&[0x0a, 0x00].repeat(EMPTY_REQUESTS), end].concat();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let call = Bytes::from([&[0][..], &length, &message].concat());
        let http_request =
            http::Request::post("/crosstrust.v1.AuthorizationService/AuthorizeBatch")
                .header("content-type", "application/grpc")
                .body(Full::new(call))
                .unwrap();
        let mut answer = None;
        let counted = allocation_counter::measure(|| {
            answer = router.call(http_request).now_or_never();
        });
        assert_eq!(answer.unwrap().unwrap().headers()["grpc-status"], "3");
        assert!(counted.bytes_max < 1 << 20, "{counted:?}");
    }
}

/// Pads a field that is rejected as a violation, so that only the size of the message matters.
fn of_size(bytes: usize, filled: &mut dyn FnMut(usize) -> usize) {
    let mut padding = bytes - filled(0) - 8;
    while filled(padding) < bytes {
        padding += 1;
    }
    assert_eq!(filled(padding), bytes);
}

#[tokio::test]
async fn a_message_is_decoded_at_its_limit_and_resource_exhausted_one_past_it() {
    let server = server().await;
    let mut client = client(&server).await;
    for (bytes, code) in [
        (LIMITS.authorize_bytes, Code::InvalidArgument),
        (LIMITS.authorize_bytes + 1, Code::ResourceExhausted),
    ] {
        let mut message = request();
        of_size(bytes, &mut |padding| {
            message.request_id = "x".repeat(padding);
            message.encoded_len()
        });
        let status = client.authorize(message).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");

        let mut message = ExplainRequest {
            request: Some(request()),
        };
        of_size(bytes, &mut |padding| {
            message.request.as_mut().unwrap().request_id = "x".repeat(padding);
            message.encoded_len()
        });
        let status = client.explain(message).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
    }
    for (bytes, code) in [
        (LIMITS.batch_bytes, Code::InvalidArgument),
        (LIMITS.batch_bytes + 1, Code::ResourceExhausted),
    ] {
        let mut message = AuthorizeBatchRequest {
            requests: vec![request()],
        };
        of_size(bytes, &mut |padding| {
            message.requests[0].request_id = "x".repeat(padding);
            message.encoded_len()
        });
        let status = client.authorize_batch(message).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
    }
}

#[tokio::test]
async fn a_thousand_groups_fit_into_a_message_of_the_default_size() {
    let limits = RequestLimits::default();
    let message = request_with(|request| {
        request.groups = ids(limits.groups);
        request.resource_groups = ids(limits.groups);
    });
    assert!(message.encoded_len() < limits.authorize_bytes);
    let server = server::serve_engine(engine()).await;
    client(&server).await.authorize(message).await.unwrap();
}
