//! crosstrust's server with the generated policies, called by Authorize and by Envoy's Check.

use std::collections::BTreeSet;
use std::fs;
use std::rc::Rc;

use anyhow::Result;
use crosstrust::request::Request;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse, Claims, Decision};
use prost::Message;
use prost_types::Timestamp;

use super::check;
use super::peer::{Interface, Peer, Wire};
use super::world::World;
use crate::questions::Frame;
use crate::questions::authorize::{self as asked, AUTHORIZE};
use crate::server::Protocol;
use crate::systems::Systems;

/// The public key of RFC 7515 A.3. An issuer must have a key; no signature is verified here.
const KEYS: &str = r#"{"keys": [{
    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "rfc7515-a3",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}]}"#;

/// The API by which crosstrust is called.
#[derive(Clone, Copy)]
pub enum Way {
    Authorize,
    AuthorizeCached,
    Check,
}

/// Without records of decisions, like the peers.
pub fn start(systems: &Systems, world: &World, way: Way) -> Result<Peer> {
    let folder = systems.folder()?;
    world.write_to(&folder.path().join("policies"))?;
    fs::write(folder.path().join("keys.json"), KEYS)?;
    let running = systems.crosstrust_over(folder, &configuration(world, way))?;
    let requests = world.requests.iter();
    let name = match way {
        Way::Authorize => "crosstrust, Authorize",
        Way::AuthorizeCached => "crosstrust, Authorize, cached",
        Way::Check => "crosstrust, ext_authz",
    };
    let wire = match way {
        Way::Authorize | Way::AuthorizeCached => Wire {
            interface: Interface::Own,
            method: AUTHORIZE,
            protocol: Protocol::Grpc,
            questions: requests
                .map(|request| Frame::fixed(&question(request)))
                .collect(),
            allows,
            quick_check: Rc::new(asked::quick_check_mixed),
        },
        Way::Check => check::wire(&world.requests),
    };
    Ok(Peer::of(name, &running, wire))
}

/// Envoy has verified the signatures; issuer, audience, tenant and expiry are still checked here.
fn configuration(world: &World, way: Way) -> String {
    let apps: BTreeSet<String> = world
        .requests
        .iter()
        .map(|request| request.app.to_string())
        .collect();
    let apps: Vec<String> = apps.into_iter().collect();
    let cache = match way {
        Way::Authorize | Way::Check => "off",
        Way::AuthorizeCached => "on",
    };
    format!(
        r#"policies = "policies"
admin = "off"
threads = 1
cache = "{cache}"

[limits]
# A busy core shows as latency. With the default 100 ms it would show as shed calls.
handler_ms = 5000
queue_ms = 5000
# The tokens are valid for longer than real ones.
token_lifetime = 3000000000

[log]
mode = "off"

[[listener]]
address = "127.0.0.1:0"
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

/// Whether an answer of Authorize came from the cache.
pub fn is_cached(message: &[u8]) -> Result<bool> {
    Ok(AuthorizeResponse::decode(message)?.cached)
}

fn question(request: &Request) -> AuthorizeRequest {
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
    AuthorizeRequest {
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
    }
}

fn allows(message: &[u8]) -> Result<bool> {
    Ok(AuthorizeResponse::decode(message)?.decision() == Decision::Allow)
}
