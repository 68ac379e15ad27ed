//! Decodes a response as Envoy does: a second protobuf decoder that shares no code with the product's.
//!
//! Field numbers are from envoy/service/auth/v3/external_auth.proto.

/// A field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a complete varint");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint longer than 10 bytes")
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (field, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Bytes(field)
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (field, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(field)
            }
            kind => panic!("wire type {kind}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

fn message(bytes: &[u8], number: u64) -> Option<&[u8]> {
    fields(bytes)
        .into_iter()
        .rev()
        .find_map(|(n, field)| match field {
            Field::Bytes(bytes) if n == number => Some(bytes),
            _ => None,
        })
}

fn number(bytes: &[u8], number: u64) -> u64 {
    let found = fields(bytes)
        .into_iter()
        .rev()
        .find_map(|(n, field)| match field {
            Field::Number(value) if n == number => Some(value),
            _ => None,
        });
    found.unwrap_or(0)
}

fn text(bytes: &[u8], number: u64) -> String {
    let bytes = message(bytes, number).unwrap_or_default();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A response as Envoy interprets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyResponse {
    /// The top-level status code; Envoy reads an unset status as 0.
    pub code: u64,
    /// Whether the status is set.
    pub has_status: bool,
    /// The response to the client, if the request is denied.
    pub denied: Option<u64>,
    pub headers: Vec<(String, String)>,
    pub removed: Vec<String>,
    pub body: String,
}

impl EnvoyResponse {
    /// The rule of Envoy's ext_authz filter: code 0 is an allow, regardless of the other fields.
    pub fn is_allow(&self) -> bool {
        self.code == 0
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn problem(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub fn decode_response(bytes: &[u8]) -> EnvoyResponse {
    let status = message(bytes, 1);
    let denied = message(bytes, 2);
    let ok = message(bytes, 3);
    assert!(denied.is_none() || ok.is_none());
    let (inner, header_field) = match (denied, ok) {
        (Some(denied), _) => (denied, 2),
        (_, Some(ok)) => (ok, 2),
        _ => (&[][..], 2),
    };
    let headers = fields(inner)
        .into_iter()
        .filter_map(|(n, field)| match field {
            Field::Bytes(option) if n == header_field => {
                let header = message(option, 1).unwrap();
                // OVERWRITE_IF_EXISTS_OR_ADD: replaces the client's header of that name.
                assert_eq!(number(option, 3), 2);
                Some((text(header, 1), text(header, 2)))
            }
            _ => None,
        });
    let removed = fields(inner)
        .into_iter()
        .filter_map(|(n, field)| match field {
            Field::Bytes(name) if ok.is_some() && n == 5 => {
                Some(String::from_utf8(name.to_vec()).unwrap())
            }
            _ => None,
        });
    EnvoyResponse {
        code: status.map_or(0, |status| number(status, 1)),
        has_status: status.is_some(),
        denied: denied.map(|denied| number(message(denied, 1).unwrap_or_default(), 1)),
        headers: headers.collect(),
        removed: removed.collect(),
        body: denied.map(|denied| text(denied, 3)).unwrap_or_default(),
    }
}
