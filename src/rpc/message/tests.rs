//! Any bytes are decoded as prost decodes them: to the same fields, or rejected by both.

mod check;

use proptest::prelude::*;
use prost::Message as _;

use super::super::proto;
use super::*;

/// Numbers that select what is generated. When they run out, the simplest choice is made.
struct Choices<'a>(&'a [u16]);

impl Choices<'_> {
    fn below(&mut self, end: u16) -> u16 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first % end
    }
}

/// How a field is encoded.
#[derive(Clone, Copy)]
enum FieldKind {
    Text,
    Varint,
    Message(&'static [FieldKind]),
}

use FieldKind::{Message, Text, Varint};

const INSTANT: &[FieldKind] = &[Varint, Varint];
const VALUE: &[FieldKind] = &[Varint, Text, Text, Varint, Message(&[]), Message(&[Text])];
const STRUCT: &[FieldKind] = &[Message(&[Text, Message(VALUE)])];
const DEVICE: &[FieldKind] = &[Varint, Message(STRUCT)];
const CLAIMS: &[FieldKind] = &[
    Message(INSTANT),
    Message(INSTANT),
    Message(INSTANT),
    Varint,
    Varint,
    Varint,
    Varint,
    Text,
    Text,
    Text,
    Text,
    Text,
    Varint,
    Varint,
    Text,
    Text,
    Text,
    Text,
    Text,
];
const CONTEXT: &[FieldKind] = &[
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Message(DEVICE),
    Message(STRUCT),
    Varint,
    Varint,
    Varint,
    Varint,
    Text,
    Text,
    Text,
    Text,
    Text,
];
const REQUEST: &[FieldKind] = &[
    Text,
    Text,
    Text,
    Text,
    Text,
    Message(CLAIMS),
    Varint,
    Text,
    Message(CONTEXT),
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
];

/// A message of these fields in any order, some of them repeated and some unknown. One field in `care` is encoded
/// incorrectly.
fn message(kinds: &[FieldKind], choices: &mut Choices<'_>, care: u16) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..choices.below(12) {
        let number = choices.below(u16::try_from(kinds.len()).unwrap() + 2);
        let kind = kinds.get(usize::from(number)).copied();
        let kind = kind.unwrap_or([Text, Varint][usize::from(choices.below(2))]);
        field(u64::from(number) + 1, kind, choices, care, &mut out);
    }
    out
}

fn field(number: u64, kind: FieldKind, choices: &mut Choices<'_>, care: u16, out: &mut Vec<u8>) {
    let is_odd = choices.below(care) == care - 1;
    let wire = match kind {
        Varint => 0,
        Text | Message(_) => 2,
    };
    let wire = if is_odd {
        u64::from(choices.below(8))
    } else {
        wire
    };
    varint(number << 3 | wire, out);
    match (wire, kind) {
        (0, _) => match choices.below(6) {
            0..=2 => varint(choices.below(3).into(), out),
            3 => varint(u64::MAX, out),
            4 => out.extend([0x81, 0x80, 0x00]),
            _ => varint(u64::from(choices.below(u16::MAX)) << 40, out),
        },
        (2, Message(kinds)) => {
            let inner = message(kinds, choices, care);
            varint(inner.len() as u64, out);
            out.extend(inner);
        }
        (2, _) => {
            let text = TEXTS[usize::from(choices.below(9))];
            varint(text.len() as u64, out);
            out.extend(text);
        }
        (1, _) => out.extend([7; 8]),
        (3, _) => varint(number << 3 | 4, out),
        (5, _) => out.extend([7; 4]),
        _ => {}
    }
}

fn varint(number: u64, out: &mut Vec<u8>) {
    prost::encoding::encode_varint(number, out);
}

const TEXTS: [&[u8]; 9] = [
    b"1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11",
    b"00000000-0000-0000-0000-00000000000A",
    b"{1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11}",
    b"1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a1g",
    b"1f3c9a5207d44c1e9b6b2f0f5d0c7a111234",
    "thirty-six bytes, not all of them A\u{e4}".as_bytes(),
    b"",
    b"c1",
    b"\xff\xfe",
];

/// Decodes with this crate and with prost. Returns the `Debug` text, because NaN is not equal to itself, or `None`.
fn both<'a, M, P>(bytes: &'a [u8], owned: &'a mut P) -> (Option<String>, Option<String>)
where
    M: BorrowedMessage<'a> + From<&'a P> + std::fmt::Debug,
    P: prost::Message + Default,
{
    let ours = decode::<M>(bytes)
        .ok()
        .map(|message| format!("{message:?}"));
    let theirs = P::decode(bytes).ok();
    let is_read = theirs.is_some();
    *owned = theirs.unwrap_or_default();
    (ours, is_read.then(|| format!("{:?}", M::from(owned))))
}

fn request(bytes: &[u8]) -> (Option<String>, Option<String>) {
    both::<AuthorizeRequest<'_>, _>(bytes, &mut proto::AuthorizeRequest::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn messages_of_any_fields_are_decoded_as_prost_decodes_them(
        choices in prop::collection::vec(any::<u16>(), 0..300),
        care in prop::sample::select(&[50_u16, 1000, u16::MAX]),
    ) {
        let bytes = message(REQUEST, &mut Choices(&choices), care);
        let (ours, theirs) = request(&bytes);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn batches_are_decoded_as_prost_decodes_them(choices in prop::collection::vec(any::<u16>(), 0..300)) {
        let bytes = message(&[Message(REQUEST)], &mut Choices(&choices), 1000);
        let mut owned = proto::AuthorizeBatchRequest::default();
        let (ours, theirs) = both::<AuthorizeBatchRequest<'_>, _>(&bytes, &mut owned);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn damaged_bytes_are_decoded_as_prost_decodes_them(
        choices in prop::collection::vec(any::<u16>(), 0..300),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = message(REQUEST, &mut Choices(&choices), u16::MAX);
        prop_assume!(!bytes.is_empty());
        for (place, value) in damages {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (ours, theirs) = request(&bytes);
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn groups_keep_their_order_and_invalid_ones_their_index() {
    let groups: Vec<String> = (0..300_u128)
        .map(|number| match number % 100 {
            7 => format!("{{{}}}", uuid::Uuid::from_u128(number)),
            42 => "no guid".to_owned(),
            _ => uuid::Uuid::from_u128(number).to_string(),
        })
        .collect();
    let message = proto::AuthorizeRequest {
        groups,
        ..proto::AuthorizeRequest::default()
    };
    let bytes = message.encode_to_vec();
    let read: AuthorizeRequest<'_> = decode(&bytes).unwrap();
    let invalid = [42, 142, 242].map(|place| (place, "no guid"));
    assert_eq!(read.groups.invalid, invalid);
    let expected = (0..300).filter(|number| number % 100 != 42).map(GroupId);
    assert!(read.groups.valid.iter().copied().eq(expected));
    assert_eq!(read, AuthorizeRequest::from(&message));
}
