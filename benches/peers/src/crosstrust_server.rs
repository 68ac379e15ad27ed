//! crosstrust's own program, over the world's folder, asked by Authorize and by Envoy's Check.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

use anyhow::Result;
use crosstrust::request::Request;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse, Claims, Decision};
use prost::Message;
use prost_types::Timestamp;

use crate::check;
use crate::server::{Server, free_address};
use crate::service::{Encoding, Service};
use crate::tools::Tool;
use crate::world::World;

const AUTHORIZE: &str = "/crosstrust.v1.AuthorizationService/Authorize";
/// The public key of RFC 7515 A.3. An issuer has to have one; no signature is verified here.
const KEYS: &str = r#"{"keys": [{
    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "rfc7515-a3",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}]}"#;

/// How crosstrust is asked.
#[derive(Clone, Copy)]
pub enum Way {
    Authorize,
    AuthorizeCached,
    Check,
}

/// Without a record of each decision, as the others.
pub fn start(crosstrust: &Tool, world: &World, way: Way) -> Result<Service> {
    let folder = tempfile::tempdir()?;
    let policies = folder.path().join("policies");
    world.write_to(&policies)?;
    fs::write(folder.path().join("keys.json"), KEYS)?;
    let address = free_address()?;
    let file = folder.path().join("crosstrust.toml");
    fs::write(&file, configuration(address, world))?;
    let (name, cache) = match way {
        Way::Authorize => ("crosstrust, Authorize", "off"),
        Way::AuthorizeCached => ("crosstrust, Authorize, cached", "on"),
        Way::Check => ("crosstrust, ext_authz", "off"),
    };
    let arguments = [
        "serve".to_owned(),
        format!("--config={}", file.display()),
        format!("--policies={}", policies.display()),
        "--admin=off".to_owned(),
        "--log-mode=off".to_owned(),
        "--threads=1".to_owned(),
        format!("--cache={cache}"),
        // The world's tokens are good for longer than any real one.
        "--limits-token-lifetime=3000000000".to_owned(),
    ];
    let log = folder.path().join("log");
    let requests = world.requests.iter();
    Ok(Service {
        name: name.into(),
        version: crosstrust.version.clone(),
        server: Server::start(&crosstrust.program, arguments, address, &log)?,
        path: match way {
            Way::Check => check::PATH,
            Way::Authorize | Way::AuthorizeCached => AUTHORIZE,
        },
        encoding: Encoding::Grpc,
        questions: match way {
            Way::Check => requests.map(check::question).collect(),
            Way::Authorize | Way::AuthorizeCached => requests.map(question).collect(),
        },
        allows: match way {
            Way::Check => check::allows,
            Way::Authorize | Way::AuthorizeCached => allows,
        },
        folder,
    })
}

/// Envoy has verified the tokens; issuer, audience, tenant and expiry are checked here all the same.
fn configuration(address: SocketAddr, world: &World) -> String {
    let apps: BTreeSet<String> = world
        .requests
        .iter()
        .map(|request| request.app.to_string())
        .collect();
    let apps: Vec<String> = apps.into_iter().collect();
    format!(
        r#"
[[listener]]
address = "{address}"
identity = ["jwt_authn"]
jwt_authn = {{ namespace = "{namespace}", payload = "{payload}" }}

[[issuer]]
preset = "entra-v2"
issuer = "{issuer}"
keys = "keys.json"
algorithms = ["ES256"]
tenants = "any"
groups = "always"
audiences = {apps:?}

[issuer.claims]
mfa = {{ claim = "mfa", equals = true }}
compliant_device = {{ claim = "compliantDevice", equals = true }}
hybrid_joined_device = {{ claim = "domainJoinedDevice", equals = true }}
"#,
        namespace = check::NAMESPACE,
        payload = check::PAYLOAD,
        issuer = check::issuer("{tenantid}"),
    )
}

/// Whether an answer of Authorize was remembered.
pub fn is_cached(message: &[u8]) -> Result<bool> {
    Ok(AuthorizeResponse::decode(message)?.cached)
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
