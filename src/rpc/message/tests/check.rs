//! The used fields of Envoy's CheckRequest are decoded as prost decodes them.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::service::auth::v3 as envoy;
use proptest::prelude::*;
use prost::Message as _;

use super::super::check::{
    AttributeRequest, Attributes, CheckRequest, EnvoyAddress, HeaderMap, HeaderValue, HttpRequest,
    Peer, SocketAddress, StringMap,
};
use super::super::decode;
use super::{Choices, FieldKind, INSTANT, Message, STRUCT, Text, Varint, message};

const ENTRY: &[FieldKind] = &[Text, Text];
const PEER: &[FieldKind] = &[
    Message(&[
        Message(&[Varint, Text, Varint, Text, Text, Varint, Text]),
        Message(&[Text, Varint]),
        Message(&[Text, Text]),
    ]),
    Text,
    Message(ENTRY),
    Text,
    Text,
];
const HTTP: &[FieldKind] = &[
    Text,
    Text,
    Message(ENTRY),
    Text,
    Text,
    Text,
    Text,
    Text,
    Varint,
    Text,
    Text,
    Text,
    Message(&[Message(&[Text, Text, Text])]),
];
const METADATA: &[FieldKind] = &[
    Message(&[Text, Message(STRUCT)]),
    Message(&[Text, Message(&[Text, Text])]),
];
const ATTRIBUTES: &[FieldKind] = &[
    Message(PEER),
    Message(PEER),
    Text,
    Message(&[Message(INSTANT), Message(HTTP)]),
    Text,
    Text,
    Text,
    Text,
    Text,
    Message(ENTRY),
    Message(METADATA),
    Message(&[Text]),
    Message(METADATA),
];

/// Converts prost's message to the borrowed one.
fn borrowed(read: &envoy::CheckRequest) -> CheckRequest<'_> {
    let attributes = read.attributes.as_ref();
    let http = attributes
        .and_then(|attributes| attributes.request.as_ref())
        .and_then(|request| request.http.as_ref());
    CheckRequest {
        attributes: Attributes {
            source: peer(attributes.and_then(|a| a.source.as_ref())),
            destination: peer(attributes.and_then(|a| a.destination.as_ref())),
            request: AttributeRequest {
                http: http.map(|http| HttpRequest {
                    headers: texts(&http.headers),
                    path: &http.path,
                    host: &http.host,
                    header_map: HeaderMap {
                        headers: http.header_map.iter().flat_map(values).collect(),
                    },
                }),
            },
            context_extensions: attributes
                .map_or_else(StringMap::new, |a| texts(&a.context_extensions)),
            metadata_context: attributes.and_then(|a| a.metadata_context.clone()),
        },
    }
}

fn peer(peer: Option<&envoy::attribute_context::Peer>) -> Peer<'_> {
    let address = peer.and_then(|peer| peer.address.as_ref());
    let socket = match address.and_then(|address| address.address.as_ref()) {
        Some(core::address::Address::SocketAddress(socket)) => Some(socket),
        _ => None,
    };
    Peer {
        address: EnvoyAddress {
            socket_address: socket.map(|socket| SocketAddress {
                address: &socket.address,
            }),
        },
        principal: peer.map_or("", |peer| &peer.principal),
    }
}

fn values(map: &core::HeaderMap) -> impl Iterator<Item = HeaderValue<'_>> {
    map.headers.iter().map(|value| HeaderValue {
        key: &value.key,
        value: &value.value,
        raw_value: &value.raw_value,
    })
}

fn texts(map: &std::collections::HashMap<String, String>) -> StringMap<'_> {
    let mut texts: StringMap<'_> = map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    texts.sort_unstable();
    texts
}

/// Keeps the last value of a duplicate key, as prost does, and sorts by key.
fn as_map(texts: &mut StringMap<'_>) {
    let map: std::collections::BTreeMap<_, _> = texts.iter().copied().collect();
    *texts = map.into_iter().collect();
}

/// Asserts that everything that prost accepts is decoded to the same fields.
fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = decode::<CheckRequest<'_>>(bytes).map(|mut request| {
        as_map(&mut request.attributes.context_extensions);
        let http = request.attributes.request.http.as_mut();
        http.into_iter().for_each(|http| as_map(&mut http.headers));
        request
    });
    let Ok(theirs) = envoy::CheckRequest::decode(bytes) else {
        return Ok(());
    };
    let mut theirs = borrowed(&theirs);
    prop_assert!(ours.is_ok());
    let mut ours = ours.unwrap_or_default();
    // Both decode metadata with prost. Compare its length, because NaN is not equal to itself.
    let length = |request: &mut CheckRequest<'_>| {
        let metadata = request.attributes.metadata_context.take();
        metadata.map(|metadata| metadata.encoded_len())
    };
    prop_assert_eq!(length(&mut ours), length(&mut theirs));
    prop_assert_eq!(ours, theirs);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn everything_that_prost_accepts_is_decoded_to_the_same_fields(
        choices in prop::collection::vec(any::<u16>(), 0..300),
        care in prop::sample::select(&[1000_u16, u16::MAX]),
    ) {
        agrees(&message(&[Message(ATTRIBUTES)], &mut Choices(&choices), care))?;
    }

    #[test]
    fn damaged_bytes_that_prost_accepts_are_decoded_to_the_same_fields(
        choices in prop::collection::vec(any::<u16>(), 0..300),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = message(&[Message(ATTRIBUTES)], &mut Choices(&choices), u16::MAX);
        prop_assume!(!bytes.is_empty());
        for (place, value) in damages {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        agrees(&bytes)?;
    }
}

/// Encodes a nested field: `path` has the field numbers from the outermost message inwards.
fn within(path: &[u64], content: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(content.to_vec(), |inner, number| {
        let mut out = Vec::new();
        super::varint(number << 3 | 2, &mut out);
        super::varint(inner.len() as u64, &mut out);
        out.extend(inner);
        out
    })
}

#[test]
fn used_strings_must_be_utf8_and_complete() {
    let texts: [&[u64]; 11] = [
        &[1, 1, 1, 1, 2],
        &[1, 2, 4],
        &[1, 4, 2, 3, 1],
        &[1, 4, 2, 3, 2],
        &[1, 4, 2, 4],
        &[1, 4, 2, 5],
        &[1, 4, 2, 13, 1, 1],
        &[1, 4, 2, 13, 1, 2],
        &[1, 10, 1],
        &[1, 10, 2],
        &[1, 11, 1, 1],
    ];
    for path in texts {
        let read = |content: &[u8]| decode::<CheckRequest<'_>>(&within(path, content)).is_ok();
        assert!(read(b"text"), "{path:?}");
        assert!(!read(b"\xff"), "{path:?}");
        let mut cut = within(path, b"text");
        cut.pop();
        assert!(decode::<CheckRequest<'_>>(&cut).is_err(), "{path:?}");
    }
}
