//! Questions that no Envoy writes: fields twice, headers in both forms, bytes that are damaged or lie where nobody
//! looks.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use prost::Message as _;
use tonic::Code;

use super::asking::{
    FABRIKAM, FATIMA, LAUNCHER, Setup, World, assert_denied, attributes, get, http,
};
use crate::support::random::Rng;

/// The second message in the bytes is merged into the first: its map entries come on top.
fn both(first: &CheckRequest, second: &CheckRequest) -> bytes::Bytes {
    [first.encode_to_vec(), second.encode_to_vec()]
        .concat()
        .into()
}

/// A field within fields: the numbers on the way to it, and what it holds.
fn within(path: &[u64], content: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(content.to_vec(), |inner, number| {
        let mut out = Vec::new();
        prost::encoding::encode_varint(number << 3 | 2, &mut out);
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        out.extend(inner);
        out
    })
}

#[tokio::test]
async fn an_authorization_twice_is_ambiguous_wherever_it_stands() {
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
        both(&good, &another),
        both(&another, &good),
        in_both_forms.encode_to_vec().into(),
    ] {
        let answer = world.send(bytes).await.unwrap();
        assert_denied(&answer, 403, Code::PermissionDenied);
    }
}

#[tokio::test]
async fn a_fact_of_the_route_twice_is_our_fault() {
    let world = World::new(Setup::default()).await;
    let good = get(LAUNCHER, Some(&world.good_token()));
    let mut same_route = good.clone();
    attributes(&mut same_route).request = None;
    let answer = world.send(both(&good, &same_route)).await.unwrap();
    assert_denied(&answer, 503, Code::Unavailable);
    assert_eq!(answer.problem()["reason"], "ROUTE_MALFORMED");
}

/// Decided all the same: method, body, query, certificates and the like change nothing, whatever they hold.
#[tokio::test]
async fn what_nobody_looks_at_is_passed_over() {
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
        let bytes = [&good[..], &within(path, b"\xff")].concat();
        let answer = world.send(bytes.into()).await.unwrap();
        assert!(answer.is_allow(), "{path:?}: {answer:?}");
    }
}

/// Whatever is damaged on the way: every answer has a status, and who is let in is who the token is of.
#[tokio::test]
async fn damaged_bytes_let_nobody_else_in() {
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
