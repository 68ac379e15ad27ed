//! The `Check` that Envoy sends with `deploy/envoy/bearer.yaml` when a user opens Contoso's SharePoint with a token. For
//! the packages below `benches`.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::address::Address as Kind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address, SocketAddress};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};

pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The resource tenant of the sample policies.
const CONTOSO: &str = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f";
/// SharePoint Online; Contoso requires MFA for it.
pub const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";

pub fn with_token(token: &str) -> CheckRequest {
    let http = HttpRequest {
        id: "1234567890123456789".to_owned(),
        method: "GET".to_owned(),
        headers: map(&[
            (":authority", "documents.contoso.example"),
            (":method", "GET"),
            (":path", "/sites/launch/plan.docx"),
            (":scheme", "https"),
            ("authorization", &format!("Bearer {token}")),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "6f3c0f39-02b5-4b5f-a7a5-1f1f4e3f0001"),
        ]),
        path: "/sites/launch/plan.docx".to_owned(),
        host: "documents.contoso.example".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        ..HttpRequest::default()
    };
    let extensions = [("resource_tenant", CONTOSO), ("app", SHAREPOINT)];
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(peer("198.51.100.7", 51344)),
            destination: Some(peer("192.0.2.10", 443)),
            request: Some(Request {
                http: Some(http),
                ..Request::default()
            }),
            context_extensions: map(&extensions),
            ..AttributeContext::default()
        }),
    }
}

fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn peer(address: &str, port: u32) -> Peer {
    let socket = SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    Peer {
        address: Some(Address {
            address: Some(Kind::SocketAddress(socket)),
        }),
        ..Peer::default()
    }
}
