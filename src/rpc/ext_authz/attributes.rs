//! What Envoy says of a request, and how much of it counts.
//!
//! Of the client's headers only two count: `authorization`, and, where peers stamp it, the header of tenant
//! restrictions. Never an `x-` header, a forwarded address or a certificate header: a client can write them all.
//! (`traceparent` and `tracestate` are read for traces, which decide nothing.)

use std::net::IpAddr;

use smallvec::SmallVec;

use super::route::Destination;
use crate::id::TenantId;
use crate::rpc::message::check::{Attributes, HttpRequest};

/// All values of a header, from both forms in which Envoy sends headers.
pub fn header<'a>(http: &HttpRequest<'a>, name: &str) -> SmallVec<[&'a str; 2]> {
    let raw = http.header_map.headers.iter();
    let raw = raw.filter(|header| header.key.eq_ignore_ascii_case(name));
    let raw = raw.map(|header| match header.value {
        // Bytes that are no text: they match nothing, and still count as a value.
        "" => std::str::from_utf8(header.raw_value).unwrap_or(NOT_TEXT),
        text => text,
    });
    let plain = http.headers.iter();
    let plain = plain.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    raw.chain(plain.map(|(_, value)| *value)).collect()
}

/// What a request's `authorization` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// Nothing, or a scheme that is not ours.
    None,
    /// A token.
    Bearer(&'a str),
    /// More than one: Envoy joins doubled headers with a comma, which no token has.
    Several,
}

/// Reads `authorization` (RFC 6750 §2.1).
pub fn credentials<'a>(http: &HttpRequest<'a>) -> Credentials<'a> {
    let values = header(http, "authorization");
    let value = match values.as_slice() {
        [] => return Credentials::None,
        [value] => value,
        _ => return Credentials::Several,
    };
    if value.contains(',') {
        return Credentials::Several;
    }
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Credentials::Bearer(token.trim())
        }
        _ => Credentials::None,
    }
}

/// The address of Envoy's peer: never one that a header gives.
pub fn client_address(attributes: &Attributes<'_>) -> Option<IpAddr> {
    let socket = attributes.source.address.socket_address.as_ref()?;
    let ip: IpAddr = socket.address.parse().ok()?;
    Some(ip.to_canonical())
}

/// Where the request goes; `path` has been found unambiguous.
pub fn destination<'a>(
    attributes: &Attributes<'a>,
    http: &HttpRequest<'a>,
    path: &'a str,
) -> Destination<'a> {
    Destination {
        host: http.host,
        path,
        principal: attributes.destination.principal,
    }
}

/// Whether the request is a gRPC call: it is then answered in gRPC's words.
pub fn is_grpc(http: &HttpRequest<'_>) -> bool {
    let types = header(http, "content-type");
    types
        .iter()
        .any(|value| value.starts_with("application/grpc"))
}

/// The tenant that `sec-Restrict-Tenant-Access-Policy: <tenant id>:<policy id>` names
/// (learn.microsoft.com/entra/external-id/tenant-restrictions-v2); `None` where it is missing, doubled or
/// malformed.
pub fn stamped_restriction(http: &HttpRequest<'_>) -> Option<TenantId> {
    let values = header(http, "sec-restrict-tenant-access-policy");
    let [value] = values.as_slice() else {
        return None;
    };
    let (tenant, policy) = value.trim().split_once(':')?;
    crate::id::parse_guid(policy).ok()?;
    tenant.parse().ok()
}

/// A header value that equals no value that is looked for.
const NOT_TEXT: &str = "\u{fffd}";
