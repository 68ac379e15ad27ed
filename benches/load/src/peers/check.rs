//! A request as Envoy's Check (envoy.service.auth.v3): the token's claims in the metadata of its jwt_authn filter, the
//! route's tenant and application in the context extensions. crosstrust and OPA get the same bytes.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context, Result};
use crosstrust::request::Request;
use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Request as AttributeRequest,
};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value, value::Kind};
use prost::Message;

use super::peer::{Interface, Wire};
use crate::questions::Frame;
use crate::questions::check::CHECK;
use crate::server::Protocol;

/// The location of the claims in the metadata: the filter's name, and `payload_in_metadata`.
pub const NAMESPACE: &str = "envoy.filters.http.jwt_authn";
pub const PAYLOAD: &str = "entra";
/// Earlier than the expiry of any token.
const ISSUED_AT: i64 = 1_600_000_000;

/// The requests for a server of ext_authz.
pub fn wire(requests: &[Request]) -> Wire {
    Wire {
        interface: Interface::Check,
        method: CHECK,
        protocol: Protocol::Grpc,
        questions: requests
            .iter()
            .map(|request| Frame::fixed(&question(request)))
            .collect(),
        allows,
        quick_check: Rc::new(quick_check),
    }
}

/// Reads an answer.
fn allows(message: &[u8]) -> Result<bool> {
    let status = CheckResponse::decode(message)?.status;
    Ok(status.context("no status")?.code == 0)
}

/// Whether the answer begins with the status of a decision: OK, PERMISSION_DENIED or UNAUTHENTICATED. An overloaded server
/// returns another one.
fn quick_check(message: &[u8]) -> bool {
    let code = match message {
        [0x0a, 0, ..] => 0,
        [0x0a, 0x80..=0xff, _, 0x08, code, ..] | [0x0a, _, 0x08, code, ..] => *code,
        _ => return false,
    };
    matches!(code, 0 | 7 | 16)
}

/// The issuer of a tenant's tokens.
pub fn issuer(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn question(request: &Request) -> CheckRequest {
    let headers = [
        (":authority", "files.example.com"),
        (":method", "GET"),
        (":path", "/documents/1"),
        (":scheme", "https"),
        ("x-request-id", "a8d4b9f0-8a4e-4d3c-9d3a-0f4c1f0a8f11"),
    ];
    let http = HttpRequest {
        method: "GET".into(),
        path: "/documents/1".into(),
        host: "files.example.com".into(),
        scheme: "https".into(),
        protocol: "HTTP/2".into(),
        headers: HashMap::from(headers.map(|(name, value)| (name.into(), value.into()))),
        ..HttpRequest::default()
    };
    let extensions = [
        ("resource_tenant", request.resource.to_string()),
        ("app", request.app.to_string()),
    ];
    let metadata = Metadata {
        filter_metadata: HashMap::from([(
            NAMESPACE.to_owned(),
            record([(PAYLOAD, token(request))]),
        )]),
        ..Metadata::default()
    };
    let attributes = AttributeContext {
        request: Some(AttributeRequest {
            time: None,
            http: Some(http),
        }),
        context_extensions: HashMap::from(extensions.map(|(name, value)| (name.into(), value))),
        metadata_context: Some(metadata),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
}

fn token(request: &Request) -> Kind {
    let user = request
        .user
        .map(|user| user.to_string())
        .unwrap_or_default();
    let groups = request.groups.iter();
    let groups = groups.map(|group| value(Kind::StringValue(group.to_string())));
    let home = request.home.to_string();
    let number = |seconds: i64| Kind::NumberValue(seconds as f64);
    let token = record([
        ("iss", Kind::StringValue(issuer(&home))),
        ("aud", Kind::StringValue(request.app.to_string())),
        ("iat", number(ISSUED_AT)),
        ("exp", number(request.claims.expires_at.as_parts().0)),
        ("tid", Kind::StringValue(home)),
        ("oid", Kind::StringValue(user)),
        (
            "groups",
            Kind::ListValue(ListValue {
                values: groups.collect(),
            }),
        ),
        ("mfa", Kind::BoolValue(request.claims.mfa)),
        (
            "compliantDevice",
            Kind::BoolValue(request.claims.compliant_device),
        ),
        (
            "domainJoinedDevice",
            Kind::BoolValue(request.claims.hybrid_joined_device),
        ),
    ]);
    Kind::StructValue(token)
}

fn record<const N: usize>(fields: [(&str, Kind); N]) -> Struct {
    let fields = fields.map(|(name, kind)| (name.to_owned(), value(kind)));
    Struct {
        fields: HashMap::from(fields),
    }
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::google::rpc::Status;

    use super::*;

    #[test]
    fn a_glance_tells_a_decision_from_a_server_that_has_too_much_to_do() {
        for (code, is_decision) in [(0, true), (7, true), (16, true), (14, false), (13, false)] {
            // The status' length takes one byte, or two.
            for message in ["", "no", &"no ".repeat(60)] {
                let message = if code == 0 { "" } else { message };
                let status = Status {
                    code,
                    message: message.to_owned(),
                    ..Status::default()
                };
                let answer = CheckResponse {
                    status: Some(status),
                    ..CheckResponse::default()
                };
                assert_eq!(
                    quick_check(&answer.encode_to_vec()),
                    is_decision,
                    "{answer:?}"
                );
            }
        }
        assert!(!quick_check(&[]));
    }
}
