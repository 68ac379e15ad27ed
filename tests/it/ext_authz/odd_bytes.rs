//! Requests that Envoy never sends: duplicate fields, headers in both forms, damaged bytes, and content in fields that
//! are not read.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use prost::Message as _;
use tonic::Code;

use super::asking::{
    FABRIKAM, FATIMA, LAUNCHER, Setup, World, assert_denied, attributes, get, http,
};
use crate::support::random::Rng;

/// Concatenates two messages; protobuf merges the second into the first and adds its map entries.
fn concatenate(first: &CheckRequest, second: &CheckRequest) -> bytes::Bytes {
    [first.encode_to_vec(), second.encode_to_vec()]
        .concat()
        .into()
}

/// Encodes a nested field from its path of field numbers and its content.
fn nested_field(path: &[u64], content: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(content.to_vec(), |inner, number| {
        let mut out = Vec::new();
        prost::encoding::encode_varint(number << 3 | 2, &mut out);
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        out.extend(inner);
        out
    })
}

#[tokio::test]
async fn a_duplicate_authorization_is_ambiguous_in_any_position() {
    let world = World::new(Setup::default()).await;
    let good = get(LAUNCHER, Some(&world.good_token()));
    assert!(world.check(&good).await.is_allow());

    let mut another = get(LAUNCHER, Some("another"));
    attributes(&mut another).context_extensions.clear();
    let mut in_both_forms = good.clone();
    http(&mut in_both_forms).header_map = Some(HeaderMap {
        headers: vec![HeaderValue {
            key: "Authorization".into(),
            raw_value: b"Bearer another".into(),
            ..HeaderValue::default()
        }],
    });
    for bytes in [
        concatenate(&good, &another),
        concatenate(&another, &good),
        in_both_forms.encode_to_vec().into(),
    ] {
        let answer = world.send(bytes).await.unwrap();
        assert_denied(&answer, 403, Code::PermissionDenied);
    }
}

#[tokio::test]
async fn a_duplicate_route_fact_is_a_service_fault() {
    let world = World::new(Setup::default()).await;
    let good = get(LAUNCHER, Some(&world.good_token()));
    let mut same_route = good.clone();
    attributes(&mut same_route).request = None;
    let answer = world.send(concatenate(&good, &same_route)).await.unwrap();
    assert_denied(&answer, 503, Code::Unavailable);
    assert_eq!(answer.problem()["reason"], "ROUTE_MALFORMED");
}

/// Method, body, query, certificates and similar fields do not change the decision.
#[tokio::test]
async fn unread_fields_are_ignored() {
    let world = World::new(Setup::default()).await;
    let good = get(LAUNCHER, Some(&world.good_token())).encode_to_vec();
    let unread: [&[u64]; 7] = [
        &[1, 4, 2, 2],
        &[1, 4, 2, 7],
        &[1, 4, 2, 11],
        &[1, 4, 1],
        &[1, 1, 3],
        &[1, 12, 1],
        &[1, 13],
    ];
    for path in unread {
        let bytes = [&good[..], &nested_field(path, b"\xff")].concat();
        let answer = world.send(bytes.into()).await.unwrap();
        assert!(answer.is_allow(), "{path:?}: {answer:?}");
    }
}

/// After any damage every answer has a status, and an allow is for the user of the token.
#[tokio::test]
async fn damaged_bytes_allow_no_other_user() {
    let world = World::new(Setup::default()).await;
    let good = get(LAUNCHER, Some(&world.good_token())).encode_to_vec();
    let mut allowed = 0;
    for seed in 0..3000 {
        let mut rng = Rng::new(seed);
        let mut bytes = good.clone();
        let at = rng.below(bytes.len());
        bytes[at] = u8::try_from(rng.below(256)).unwrap();
        let answer = world.send(bytes.into()).await.unwrap();
        assert!(answer.has_status, "seed {seed}: {answer:?}");
        if answer.is_allow() {
            allowed += 1;
            assert_eq!(
                answer.header("x-crosstrust-user"),
                Some(FATIMA),
                "seed {seed}"
            );
            assert_eq!(
                answer.header("x-crosstrust-home-tenant"),
                Some(FABRIKAM),
                "seed {seed}"
            );
        } else {
            assert!(answer.denied.is_some(), "seed {seed}: {answer:?}");
        }
    }
    assert!((30..2000).contains(&allowed), "{allowed}");
}
