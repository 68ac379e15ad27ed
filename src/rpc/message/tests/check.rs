//! What counts of an Envoy's question is read as prost reads it.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::service::auth::v3 as envoy;
use proptest::prelude::*;
use prost::Message as _;

use super::super::check::{
    Address, Attributes, CheckRequest, HeaderMap, HeaderValue, HttpRequest, Peer, Request,
    SocketAddress, Texts,
};
use super::super::decode;
use super::{Choices, INSTANT, Kind, Message, STRUCT, Text, Varint, message};

const ENTRY: &[Kind] = &[Text, Text];
const PEER: &[Kind] = &[
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
const HTTP: &[Kind] = &[
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
const METADATA: &[Kind] = &[
    Message(&[Text, Message(STRUCT)]),
    Message(&[Text, Message(&[Text, Text])]),
];
const ATTRIBUTES: &[Kind] = &[
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

/// What prost has read, in our form.
fn borrowed(read: &envoy::CheckRequest) -> CheckRequest<'_> {
    let attributes = read.attributes.as_ref();
    let http = attributes
        .and_then(|attributes| attributes.request.as_ref())
        .and_then(|request| request.http.as_ref());
    CheckRequest {
        attributes: Attributes {
            source: peer(attributes.and_then(|a| a.source.as_ref())),
            destination: peer(attributes.and_then(|a| a.destination.as_ref())),
            request: Request {
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
                .map_or_else(Texts::new, |a| texts(&a.context_extensions)),
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
        address: Address {
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

fn texts(map: &std::collections::HashMap<String, String>) -> Texts<'_> {
    let mut texts: Texts<'_> = map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    texts.sort_unstable();
    texts
}

/// Of a key that comes twice the last, as prost has it, and all in one order.
fn as_map(texts: &mut Texts<'_>) {
    let map: std::collections::BTreeMap<_, _> = texts.iter().copied().collect();
    *texts = map.into_iter().collect();
}

/// What prost reads we read, and what we do not read prost does not.
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
    // Read by prost in both, with numbers that may be none and so are not equal to themselves.
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
    fn whatever_prost_reads_is_read_likewise(
        choices in prop::collection::vec(any::<u16>(), 0..300),
        care in prop::sample::select(&[1000_u16, u16::MAX]),
    ) {
        agrees(&message(&[Message(ATTRIBUTES)], &mut Choices(&choices), care))?;
    }

    #[test]
    fn also_when_it_is_damaged(
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

/// A field within fields: the numbers on the way to it, and what it holds.
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
fn what_counts_has_to_be_text_and_whole() {
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
