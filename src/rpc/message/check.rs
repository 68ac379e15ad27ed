//! `envoy.service.auth.v3.CheckRequest`: the fields that count, as prost reads them; the others are passed over whatever
//! they hold.
//!
//! Field numbers: <https://github.com/envoyproxy/envoy/blob/main/api/envoy/service/auth/v3/attribute_context.proto>, and
//! `address.proto` and `base.proto` of `envoy/config/core/v3`, read 2026-11-27. A key that a map has twice has both
//! values here, where prost has the last: Envoy writes no such map.

use envoy_types::pb::envoy::config::core::v3::Metadata;
use prost::encoding::WireType;

use super::Malformed;
use super::decode::{Borrowed, delimited, merge, message, owned, skip, text};

/// `envoy.service.auth.v3.CheckRequest`
#[derive(Debug, Default, PartialEq)]
pub struct CheckRequest<'a> {
    pub attributes: Attributes<'a>,
}

/// `envoy.service.auth.v3.AttributeContext`
#[derive(Debug, Default, PartialEq)]
pub struct Attributes<'a> {
    pub source: Peer<'a>,
    pub destination: Peer<'a>,
    pub request: Request<'a>,
    pub context_extensions: Texts<'a>,
    /// Rare, and nested: read by prost.
    pub metadata_context: Option<Metadata>,
}

/// `envoy.service.auth.v3.AttributeContext.Peer`
#[derive(Debug, Default, PartialEq)]
pub struct Peer<'a> {
    pub address: Address<'a>,
    pub principal: &'a str,
}

/// `envoy.config.core.v3.Address`
#[derive(Debug, Default, PartialEq)]
pub struct Address<'a> {
    /// None where it is a pipe, or an address within Envoy.
    pub socket_address: Option<SocketAddress<'a>>,
}

/// `envoy.config.core.v3.SocketAddress`
#[derive(Debug, Default, PartialEq)]
pub struct SocketAddress<'a> {
    pub address: &'a str,
}

/// `envoy.service.auth.v3.AttributeContext.Request`
#[derive(Debug, Default, PartialEq)]
pub struct Request<'a> {
    pub http: Option<HttpRequest<'a>>,
}

/// `envoy.service.auth.v3.AttributeContext.HttpRequest`
#[derive(Debug, Default, PartialEq)]
pub struct HttpRequest<'a> {
    pub headers: Texts<'a>,
    pub path: &'a str,
    pub host: &'a str,
    pub header_map: HeaderMap<'a>,
}

/// `envoy.config.core.v3.HeaderMap`
#[derive(Debug, Default, PartialEq)]
pub struct HeaderMap<'a> {
    pub headers: Vec<HeaderValue<'a>>,
}

/// `envoy.config.core.v3.HeaderValue`
#[derive(Debug, Default, PartialEq)]
pub struct HeaderValue<'a> {
    pub key: &'a str,
    pub value: &'a str,
    pub raw_value: &'a [u8],
}

/// A map from text to text, in the order that it came in.
pub type Texts<'a> = Vec<(&'a str, &'a str)>;

impl<'a> Borrowed<'a> for CheckRequest<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => merge(&mut self.attributes, delimited(wire, bytes)?),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for Attributes<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => merge(&mut self.source, delimited(wire, bytes)?),
            2 => merge(&mut self.destination, delimited(wire, bytes)?),
            4 => merge(&mut self.request, delimited(wire, bytes)?),
            10 => entry(&mut self.context_extensions, wire, bytes),
            11 => owned(self.metadata_context.get_or_insert_default(), wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for Peer<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => merge(&mut self.address, delimited(wire, bytes)?),
            4 => text(&mut self.principal, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for Address<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => message(&mut self.socket_address, wire, bytes),
            PIPE | ENVOY_INTERNAL_ADDRESS => {
                // Of what excludes each other, the last counts.
                self.socket_address = None;
                delimited(wire, bytes)?;
                Ok(())
            }
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for SocketAddress<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            2 => text(&mut self.address, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for Request<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            2 => message(&mut self.http, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for HttpRequest<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            3 => entry(&mut self.headers, wire, bytes),
            4 => text(&mut self.path, wire, bytes),
            5 => text(&mut self.host, wire, bytes),
            13 => merge(&mut self.header_map, delimited(wire, bytes)?),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for HeaderMap<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => {
                let mut value = HeaderValue::default();
                merge(&mut value, delimited(wire, bytes)?)?;
                self.headers.push(value);
                Ok(())
            }
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> Borrowed<'a> for HeaderValue<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => text(&mut self.key, wire, bytes),
            2 => text(&mut self.value, wire, bytes),
            3 => {
                self.raw_value = delimited(wire, bytes)?;
                Ok(())
            }
            _ => skip(tag, wire, bytes),
        }
    }
}

/// An entry of a map: a message of its own with key and value.
#[derive(Default)]
struct Entry<'a>(&'a str, &'a str);

impl<'a> Borrowed<'a> for Entry<'a> {
    fn merge(&mut self, tag: u32, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
        match tag {
            1 => text(&mut self.0, wire, bytes),
            2 => text(&mut self.1, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

fn entry<'a>(map: &mut Texts<'a>, wire: WireType, bytes: &mut &'a [u8]) -> Result<(), Malformed> {
    let mut entry = Entry::default();
    merge(&mut entry, delimited(wire, bytes)?)?;
    map.push((entry.0, entry.1));
    Ok(())
}

const PIPE: u32 = 2;
const ENVOY_INTERNAL_ADDRESS: u32 = 3;
