//! crosstrust's own program, over the world's folder, asked by Authorize.

use anyhow::Result;
use crosstrust::request::Request;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse, Claims, Decision};
use prost::Message;
use prost_types::Timestamp;

use crate::server::{Server, free_address};
use crate::service::{Encoding, Service};
use crate::tools::Tool;
use crate::world::World;

/// Without a record of each decision, as the others; with or without its cache.
pub fn start(crosstrust: &Tool, world: &World, cache: bool) -> Result<Service> {
    let folder = tempfile::tempdir()?;
    let policies = folder.path().join("policies");
    world.write_to(&policies)?;
    let address = free_address()?;
    let cache_is = if cache { "on" } else { "off" };
    let arguments = [
        "serve".to_owned(),
        format!("--policies={}", policies.display()),
        format!("--listen={address}"),
        "--admin=off".to_owned(),
        "--log-mode=off".to_owned(),
        "--threads=1".to_owned(),
        format!("--cache={cache_is}"),
    ];
    let log = folder.path().join("log");
    Ok(Service {
        name: format!("crosstrust, cache {cache_is}"),
        version: crosstrust.version.clone(),
        server: Server::start(&crosstrust.program, arguments, address, &log)?,
        path: "/crosstrust.v1.AuthorizationService/Authorize",
        encoding: Encoding::Grpc,
        questions: world.requests.iter().map(question).collect(),
        allows,
        folder,
    })
}

fn question(request: &Request) -> bytes::Bytes {
    let claims = Claims {
        expires_at: Some(Timestamp {
            seconds: request.claims.expires_at.as_parts().0,
            nanos: 0,
        }),
        mfa: request.claims.mfa,
        compliant_device: request.claims.compliant_device,
        hybrid_joined_device: request.claims.hybrid_joined_device,
        ..Claims::default()
    };
    let message = AuthorizeRequest {
        home_tenant: request.home.to_string(),
        resource_tenant: request.resource.to_string(),
        user: request
            .user
            .map(|user| user.to_string())
            .unwrap_or_default(),
        groups: request.groups.iter().map(ToString::to_string).collect(),
        app: request.app.to_string(),
        claims: Some(claims),
        ..AuthorizeRequest::default()
    };
    message.encode_to_vec().into()
}

fn allows(message: &[u8]) -> Result<bool> {
    Ok(AuthorizeResponse::decode(message)?.decision() == Decision::Allow)
}
