//! Decodes request messages without copying strings. Accepts the same bytes as prost.
//!
//! Encoding: <https://protobuf.dev/programming-guides/encoding/>, read 2026-11-27. A property in `tests` compares it with
//! prost. Only the maximum nesting of unknown groups, and of metadata in a Check, differs by one or two levels.

use prost::DecodeError;
use prost::encoding::{self, DecodeContext, WireType};
use prost_types::{Struct, Timestamp};

use super::{
    AuthorizeBatchRequest, AuthorizeRequest, ClaimsMessage, ContextMessage, ExplainRequest,
    GroupList,
};
use crate::id::{GroupId, parse_guid_bytes};

/// The bytes cannot be decoded. Decode them with prost for an error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedMessage;

/// A message that borrows its strings from the bytes.
pub trait BorrowedMessage<'a>: Default {
    /// Decodes one field; `bytes` begins after the field's key.
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage>;
}

/// Decodes a message from all of the bytes.
pub fn decode<'a, M: BorrowedMessage<'a>>(bytes: &'a [u8]) -> Result<M, MalformedMessage> {
    let mut message = M::default();
    merge(&mut message, bytes)?;
    Ok(message)
}

/// Counts the requests of a batch without decoding them: a message within the size limit can contain half a million empty
/// ones. Uses prost's functions and returns prost's errors.
pub fn count_requests(mut batch: &[u8]) -> Result<usize, DecodeError> {
    let mut count: usize = 0;
    while !batch.is_empty() {
        let (tag, wire) = encoding::decode_key(&mut batch)?;
        encoding::skip_field(wire, tag, &mut batch, DecodeContext::default())?;
        count = count.saturating_add(usize::from(tag == 1));
    }
    Ok(count)
}

pub(super) fn merge<'a, M: BorrowedMessage<'a>>(
    message: &mut M,
    mut bytes: &'a [u8],
) -> Result<(), MalformedMessage> {
    while !bytes.is_empty() {
        let (tag, wire) = encoding::decode_key(&mut bytes)?;
        message.merge(tag, wire, &mut bytes)?;
    }
    Ok(())
}

impl<'a> BorrowedMessage<'a> for AuthorizeBatchRequest<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => {
                self.requests.push(decode(delimited(wire, bytes)?)?);
                Ok(())
            }
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for ExplainRequest<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => message(&mut self.request, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for AuthorizeRequest<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => text(&mut self.home_tenant, wire, bytes),
            2 => text(&mut self.resource_tenant, wire, bytes),
            3 => text(&mut self.user, wire, bytes),
            4 => groups(&mut self.groups, GROUPS_KEY, wire, bytes),
            5 => text(&mut self.app, wire, bytes),
            6 => message(&mut self.claims, wire, bytes),
            7 => number(&mut self.access_type, wire, bytes),
            8 => text(&mut self.channel, wire, bytes),
            9 => message(&mut self.context, wire, bytes),
            10 => texts(&mut self.roles, wire, bytes),
            11 => text(&mut self.client_app, wire, bytes),
            12 => text(&mut self.external_user_type, wire, bytes),
            13 => text(&mut self.resource_user, wire, bytes),
            14 => groups(&mut self.resource_groups, RESOURCE_GROUPS_KEY, wire, bytes),
            15 => text(&mut self.home_cloud, wire, bytes),
            16 => text(&mut self.restricting_tenant, wire, bytes),
            17 => text(&mut self.request_id, wire, bytes),
            18 => text(&mut self.token, wire, bytes),
            19 => text(&mut self.identity_provider, wire, bytes),
            20 => text(&mut self.identity_provider_issuer, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for ClaimsMessage<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => instant(&mut self.expires_at, wire, bytes),
            2 => instant(&mut self.issued_at, wire, bytes),
            3 => instant(&mut self.auth_time, wire, bytes),
            4 => flag(&mut self.mfa, wire, bytes),
            5 => flag(&mut self.resource_mfa, wire, bytes),
            6 => flag(&mut self.compliant_device, wire, bytes),
            7 => flag(&mut self.hybrid_joined_device, wire, bytes),
            8 => texts(&mut self.authentication_methods, wire, bytes),
            9 => texts(&mut self.resource_authentication_methods, wire, bytes),
            10 => texts(&mut self.authentication_contexts, wire, bytes),
            11 => text(&mut self.device_id, wire, bytes),
            12 => text(&mut self.session_id, wire, bytes),
            13 => flag(&mut self.groups_incomplete, wire, bytes),
            14 => flag(&mut self.roles_incomplete, wire, bytes),
            15 => texts(&mut self.accepted_terms_of_use, wire, bytes),
            16 => texts(&mut self.accepted_custom_controls, wire, bytes),
            17 => text(&mut self.authenticator_aaguid, wire, bytes),
            18 => texts(&mut self.certificate_issuer_skis, wire, bytes),
            19 => texts(&mut self.certificate_policy_oids, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

impl<'a> BorrowedMessage<'a> for ContextMessage<'a> {
    fn merge(
        &mut self,
        tag: u32,
        wire: WireType,
        bytes: &mut &'a [u8],
    ) -> Result<(), MalformedMessage> {
        match tag {
            1 => text(&mut self.ip_address, wire, bytes),
            2 => text(&mut self.country, wire, bytes),
            3 => text(&mut self.platform, wire, bytes),
            4 => text(&mut self.client_app_type, wire, bytes),
            5 => text(&mut self.sign_in_risk, wire, bytes),
            6 => text(&mut self.user_risk, wire, bytes),
            7 => text(&mut self.insider_risk, wire, bytes),
            8 => owned(self.device.get_or_insert_default(), wire, bytes),
            9 => owned::<Struct>(self.app_attributes.get_or_insert_default(), wire, bytes),
            10 => flag(
                self.approved_application.get_or_insert_default(),
                wire,
                bytes,
            ),
            11 => flag(self.app_protection.get_or_insert_default(), wire, bytes),
            12 => flag(self.password_changed.get_or_insert_default(), wire, bytes),
            13 => flag(self.risk_remediated.get_or_insert_default(), wire, bytes),
            14 => text(&mut self.user_action, wire, bytes),
            15 => text(&mut self.authentication_context, wire, bytes),
            16 => text(&mut self.authentication_flow, wire, bytes),
            17 => texts(&mut self.client_capabilities, wire, bytes),
            18 => text(&mut self.country_source, wire, bytes),
            _ => skip(tag, wire, bytes),
        }
    }
}

pub(super) fn text<'a>(
    field: &mut &'a str,
    wire: WireType,
    bytes: &mut &'a [u8],
) -> Result<(), MalformedMessage> {
    let text = delimited(wire, bytes)?;
    *field = std::str::from_utf8(text).map_err(|_| MalformedMessage)?;
    Ok(())
}

fn texts<'a>(
    field: &mut Vec<&'a str>,
    wire: WireType,
    bytes: &mut &'a [u8],
) -> Result<(), MalformedMessage> {
    let mut one = "";
    text(&mut one, wire, bytes)?;
    field.push(one);
    Ok(())
}

/// Decodes a group and all that directly follow it in the usual form: key, length 36, 36 characters.
fn groups<'a>(
    field: &mut GroupList<'a>,
    key: u8,
    wire: WireType,
    bytes: &mut &'a [u8],
) -> Result<(), MalformedMessage> {
    // The first group: reserve capacity for all that can follow.
    if field.valid.capacity() == 0 {
        field.valid.reserve(bytes.len() / USUAL_BYTES + 1);
    }
    let mut one = "";
    text(&mut one, wire, bytes)?;
    field.push(one);
    let (usual, _) = bytes.as_chunks::<USUAL_BYTES>();
    let mut read = 0;
    for [first, length, guid @ ..] in usual {
        if (*first, *length) != (key, GUID_BYTES) {
            break;
        }
        let Ok(id) = parse_guid_bytes(guid) else {
            break;
        };
        field.valid.push(GroupId(id));
        read += USUAL_BYTES;
    }
    *bytes = bytes.get(read..).ok_or(MalformedMessage)?;
    Ok(())
}

pub(super) fn message<'a, M: BorrowedMessage<'a>>(
    field: &mut Option<M>,
    wire: WireType,
    bytes: &mut &'a [u8],
) -> Result<(), MalformedMessage> {
    let inner = delimited(wire, bytes)?;
    merge(field.get_or_insert_default(), inner)
}

/// Decodes a message with prost, without borrowing.
pub(super) fn owned<M: prost::Message>(
    field: &mut M,
    wire: WireType,
    bytes: &mut &[u8],
) -> Result<(), MalformedMessage> {
    let inner = delimited(wire, bytes)?;
    Ok(field.merge(inner)?)
}

fn instant(
    field: &mut Option<Timestamp>,
    wire: WireType,
    bytes: &mut &[u8],
) -> Result<(), MalformedMessage> {
    owned(field.get_or_insert_default(), wire, bytes)
}

fn flag(field: &mut bool, wire: WireType, bytes: &mut &[u8]) -> Result<(), MalformedMessage> {
    Ok(encoding::bool::merge(
        wire,
        field,
        bytes,
        DecodeContext::default(),
    )?)
}

fn number(field: &mut i32, wire: WireType, bytes: &mut &[u8]) -> Result<(), MalformedMessage> {
    Ok(encoding::int32::merge(
        wire,
        field,
        bytes,
        DecodeContext::default(),
    )?)
}

pub(super) fn skip(tag: u32, wire: WireType, bytes: &mut &[u8]) -> Result<(), MalformedMessage> {
    Ok(encoding::skip_field(
        wire,
        tag,
        bytes,
        DecodeContext::default(),
    )?)
}

pub(super) fn delimited<'a>(
    wire: WireType,
    bytes: &mut &'a [u8],
) -> Result<&'a [u8], MalformedMessage> {
    encoding::check_wire_type(WireType::LengthDelimited, wire)?;
    let length = encoding::decode_varint(bytes)?;
    let length = usize::try_from(length).map_err(|_| MalformedMessage)?;
    let (inner, rest) = bytes.split_at_checked(length).ok_or(MalformedMessage)?;
    *bytes = rest;
    Ok(inner)
}

impl From<DecodeError> for MalformedMessage {
    fn from(_: DecodeError) -> Self {
        MalformedMessage
    }
}

/// Field 4, length-delimited.
const GROUPS_KEY: u8 = 4 << 3 | 2;
/// Field 14, length-delimited.
const RESOURCE_GROUPS_KEY: u8 = 14 << 3 | 2;
/// `8-4-4-4-12`
const GUID_BYTES: u8 = 36;
/// A group in the usual form, with its key and length.
const USUAL_BYTES: usize = 38;
