//! Contoso allows Fabrikam inbound, trusts its MFA and requires MFA of all users.

use std::sync::Arc;

use crosstrust::engine::Engine;
use crosstrust::graph::document::{InboundTrust, TenantDocuments};
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeRequest, Claims};
use prost_types::value::Kind;
use prost_types::{Struct, Timestamp, Value};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::compiling::documents::*;
use crate::server::{self, TestServer};

pub const USER: &str = "00000000-0000-0000-0000-0000000000a1";
pub const APP: &str = "00000000-0000-0000-0000-0000000000b1";
pub const EXPIRES_AT: Timestamp = Timestamp {
    seconds: 1_800_001_800,
    nanos: 5,
};

pub fn tenants() -> Vec<TenantDocuments> {
    let contoso = contoso_with(|documents| {
        documents.partners = vec![partner_with(FABRIKAM, |fabrikam| {
            fabrikam.direct_connect_inbound = Some(allow_all());
            fabrikam.inbound_trust = Some(InboundTrust {
                place: place("contoso/partners.json", "$[0].inboundTrust"),
                mfa: Some(true),
                compliant_device: None,
                hybrid_joined_device: None,
            });
        })];
        documents.policies = vec![policy(1)];
    });
    let mut fabrikam = tenant(FABRIKAM, "fabrikam");
    fabrikam.partners = vec![partner_with(CONTOSO, |contoso| {
        contoso.direct_connect_outbound = Some(allow_all());
    })];
    vec![contoso, fabrikam]
}

pub fn engine() -> Arc<Engine> {
    server::engine(&tenants())
}

/// A user of Fabrikam who has not done MFA.
pub fn request() -> AuthorizeRequest {
    AuthorizeRequest {
        home_tenant: FABRIKAM.to_string(),
        resource_tenant: CONTOSO.to_string(),
        user: String::from(USER),
        app: String::from(APP),
        claims: Some(Claims {
            expires_at: Some(EXPIRES_AT),
            ..Claims::default()
        }),
        ..AuthorizeRequest::default()
    }
}

pub fn request_with_mfa() -> AuthorizeRequest {
    request_with(|request| claims(request).mfa = true)
}

pub fn request_with(change: impl FnOnce(&mut AuthorizeRequest)) -> AuthorizeRequest {
    let mut request = request();
    change(&mut request);
    request
}

pub fn claims(request: &mut AuthorizeRequest) -> &mut Claims {
    request.claims.as_mut().unwrap()
}

pub fn text(text: &str) -> Value {
    kind(Kind::StringValue(text.to_owned()))
}

pub fn kind(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

pub fn members<const N: usize>(members: [(&str, Value); N]) -> Option<Struct> {
    Some(Struct {
        fields: members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    })
}

pub async fn client(server: &TestServer) -> AuthorizationServiceClient<Channel> {
    AuthorizationServiceClient::new(server.channel().await)
}

/// The fields of the violations in a status.
pub fn fields(status: &Status) -> Vec<String> {
    violations(status)
        .into_iter()
        .map(|(field, _)| field)
        .collect()
}

/// The fields and descriptions of the violations in a status.
pub fn violations(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request().unwrap().field_violations;
    details
        .into_iter()
        .map(|one| (one.field, one.description))
        .collect()
}
