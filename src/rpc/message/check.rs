//! `envoy.service.auth.v3.CheckRequest`: the fields that crosstrust uses, decoded as prost decodes them. All other fields
//! are skipped, whatever their content.
//!
//! Field numbers: <https://github.com/envoyproxy/envoy/blob/main/api/envoy/service/auth/v3/attribute_context.proto>, and
//! `address.proto` and `base.proto` of `envoy/config/core/v3`, read 2026-11-27. A map keeps both values of a
//! duplicate key, while prost keeps the last. Envoy does not send duplicate keys.

use envoy_types::pb::envoy::config::core::v3::Metadata;
use prost::encoding::WireType;

use super::MalformedMessage;
use super::decode::{BorrowedMessage, delimited, merge, message, owned, skip, text};

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
    pub request: AttributeRequest<'a>,
    pub context_extensions: StringMap<'a>,
    /// Rare and nested: decoded by prost.
    pub metadata_context: Option<Metadata>,
}

/// `envoy.service.auth.v3.AttributeContext.Peer`
#[derive(Debug, Default, PartialEq)]
pub struct Peer<'a> {
    pub address: EnvoyAddress<'a>,
    pub principal: &'a str,
}

/// `envoy.config.core.v3.Address`
#[derive(Debug, Default, PartialEq)]
pub struct EnvoyAddress<'a> {
    /// `None` for a pipe or an Envoy-internal address.
    pub socket_address: Option<SocketAddress<'a>>,
}

/// `envoy.config.core.v3.SocketAddress`
#[derive(Debug, Default, PartialEq)]
pub struct SocketAddress<'a> {
    pub address: &'a str,
}

/// `envoy.service.auth.v3.AttributeContext.Request`
#[derive(Debug, Default, PartialEq)]
pub struct AttributeRequest<'a> {
    pub http: Option<HttpRequest<'a>>,
}

/// `envoy.service.auth.v3.AttributeContext.HttpRequest`
#[derive(Debug, Default, PartialEq)]
pub struct HttpRequest<'a> {
    pub headers: StringMap<'a>,
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

/// The entries of a map of strings, in the order of the message.
pub type StringMap<'a> = Vec<(&'a str, &'a str)>;

impl<'a> BorrowedMessage<'a> for CheckRequest<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => merge(&mut self.attributes, delimited(wire, bytes)?),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for Attributes<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
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

impl<'a> BorrowedMessage<'a> for Peer<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => merge(&mut self.address, delimited(wire, bytes)?),
            4 => text(&mut self.principal, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for EnvoyAddress<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => message(&mut self.socket_address, wire, bytes),
            PIPE | ENVOY_INTERNAL_ADDRESS => {
                // In a oneof, the last field wins.
                self.socket_address = None;
                delimited(wire, bytes)?;
                Ok(())
            }
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for SocketAddress<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            2 => text(&mut self.address, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for AttributeRequest<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            2 => message(&mut self.http, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for HttpRequest<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            3 => entry(&mut self.headers, wire, bytes),
            4 => text(&mut self.path, wire, bytes),
            5 => text(&mut self.host, wire, bytes),
            13 => merge(&mut self.header_map, delimited(wire, bytes)?),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for HeaderMap<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
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

impl<'a> BorrowedMessage<'a> for HeaderValue<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
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

/// An entry of a map: a message with key and value.
#[derive(Default)]
struct MapEntry<'a>(&'a str, &'a str);

impl<'a> BorrowedMessage<'a> for MapEntry<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => text(&mut self.0, wire, bytes),
            2 => text(&mut self.1, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

fn entry<'a>(
    map: &mut StringMap<'a>,
    wire: WireType,
    bytes: &mut &'a [u8],
) -> Result<(), MalformedMessage> {
    let mut entry = MapEntry::default();
    merge(&mut entry, delimited(wire, bytes)?)?;
    map.push((entry.0, entry.1));
    Ok(())
}

const PIPE: u32 = 2;
const ENVOY_INTERNAL_ADDRESS: u32 = 3;
