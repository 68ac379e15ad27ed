//! Reads the attributes of a CheckRequest that crosstrust trusts.
//!
//! It uses only two of the client's headers: `authorization` and, if the peers set it, the tenant restrictions header.
//! It never uses an `x-` header, a forwarded address or a certificate header, because a client can set them all.
//! (`traceparent` and `tracestate` are read for traces, which do not affect decisions.)

use std::net::IpAddr;

use smallvec::SmallVec;

use super::route::Destination;
use crate::id::TenantId;
use crate::rpc::message::check::{Attributes, HttpRequest};

/// All values of a header, from both fields in which Envoy sends headers.
pub fn header<'a>(http: &HttpRequest<'a>, name: &str) -> SmallVec<[&'a str; 2]> {
    let raw = http.header_map.headers.iter();
    let raw = raw.filter(|header| header.key.eq_ignore_ascii_case(name));
    let raw = raw.map(|header| match header.value {
        // Bytes that are not UTF-8 match nothing, but are still a value.
        "" => std::str::from_utf8(header.raw_value).unwrap_or(NOT_TEXT),
        text => text,
    });
    let plain = http.headers.iter();
    let plain = plain.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    raw.chain(plain.map(|(_, value)| *value)).collect()
}

/// The content of the `authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationHeader<'a> {
    /// No header, or another scheme than Bearer.
    None,
    /// A bearer token.
    Bearer(&'a str),
    /// More than one value. Envoy joins repeated headers with a comma, which a token cannot contain.
    Multiple,
}

/// Parses the `authorization` header (RFC 6750 §2.1).
pub fn authorization<'a>(http: &HttpRequest<'a>) -> AuthorizationHeader<'a> {
    let values = header(http, "authorization");
    let value = match values.as_slice() {
        [] => return AuthorizationHeader::None,
        [value] => value,
        _ => return AuthorizationHeader::Multiple,
    };
    if value.contains(',') {
        return AuthorizationHeader::Multiple;
    }
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            AuthorizationHeader::Bearer(token.trim())
        }
        _ => AuthorizationHeader::None,
    }
}

/// The address of Envoy's peer, never one from a header.
pub fn client_address(attributes: &Attributes<'_>) -> Option<IpAddr> {
    let socket = attributes.source.address.socket_address.as_ref()?;
    let ip: IpAddr = socket.address.parse().ok()?;
    Some(ip.to_canonical())
}

/// The destination of the request. `path` must be unambiguous.
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

/// Whether the request is a gRPC call, which needs a gRPC error as its denial.
pub fn is_grpc(http: &HttpRequest<'_>) -> bool {
    let types = header(http, "content-type");
    types
        .iter()
        .any(|value| value.starts_with("application/grpc"))
}

/// The tenant in `sec-Restrict-Tenant-Access-Policy: <tenant id>:<policy id>`
/// (learn.microsoft.com/entra/external-id/tenant-restrictions-v2). `None` if the header is missing, repeated or
/// malformed.
pub fn restricting_tenant(http: &HttpRequest<'_>) -> Option<TenantId> {
    let values = header(http, "sec-restrict-tenant-access-policy");
    let [value] = values.as_slice() else {
        return None;
    };
    let (tenant, policy) = value.trim().split_once(':')?;
    crate::id::parse_guid(policy).ok()?;
    tenant.parse().ok()
}

/// A header value that differs from every expected value.
const NOT_TEXT: &str = "\u{fffd}";
