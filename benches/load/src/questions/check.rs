//! Questions for Envoy's ext_authz `Check`, as Envoy sends them with `deploy/envoy/bearer.yaml`, and what their
//! answers have to say.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use envoy_types::pb::envoy::config::core::v3::address::Address as Kind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address, SocketAddress};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use prost::Message;

use super::authorize::{CONTOSO, SHAREPOINT};
use super::tokens::Issuer;
use super::{Frame, Questions};

pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Users whose tokens take turns; each is signed before the load.
pub const SEEN_TOKENS: u64 = 200;

/// The tokens of seen users in turn.
pub fn seen_tokens(issuer: &Issuer) -> Result<Questions> {
    let frame = |user| Ok(Frame::fixed(&question(&issuer.token(user)?)));
    let frames: Result<Vec<Frame>> = (0..SEEN_TOKENS).map(frame).collect();
    Ok(Questions::of(frames?))
}

fn question(token: &str) -> CheckRequest {
    let headers = [
        (":authority", "documents.contoso.example"),
        (":method", "GET"),
        (":path", "/sites/launch/plan.docx"),
        (":scheme", "https"),
        ("authorization", &format!("Bearer {token}")),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "6f3c0f39-02b5-4b5f-a7a5-1f1f4e3f0001"),
    ];
    let http = HttpRequest {
        id: "1234567890123456789".to_owned(),
        method: "GET".to_owned(),
        headers: map(&headers),
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

/// Whether it begins with a status whose code is 0, which is an empty message.
pub fn glance(answer: &[u8]) -> bool {
    answer.starts_with(&[0x0a, 0x00])
}

/// The answer has to be an OK with the headers of an allow.
pub fn verify(answer: &[u8]) -> Result<()> {
    let answer = CheckResponse::decode(answer)?;
    let code = answer.status.as_ref().map(|status| status.code);
    ensure!(code == Some(0), "expected an allow, found {answer:?}");
    let Some(HttpResponse::OkResponse(ok)) = answer.http_response else {
        anyhow::bail!("an allow without an ok_response");
    };
    let names = ok
        .headers
        .iter()
        .filter_map(|header| header.header.as_ref());
    let has_user = names
        .into_iter()
        .any(|header| header.key == "x-crosstrust-user");
    ensure!(has_user, "an allow without x-crosstrust-user");
    Ok(())
}
