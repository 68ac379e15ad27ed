//! A server with the sample policies that trusts Fabrikam's and Contoso's tokens, and check requests as Envoy sends them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::identity::{
    Algorithm, Issuer, IssuerIndex, Preset, Tenants, TokenLimits, TokenVerifier, TrustedIssuers,
};
use crosstrust::reload::{ReloadOptions, ReloadOutcome, load_once};
use crosstrust::rpc::{
    ApplicationAudiences, Backend, ChallengeValues, EnvoyRouteTable, Gateway, HealthState,
    Recorder, Rights, router,
};
use crosstrust::time::Timestamp;
use envoy_types::pb::envoy::config::core::v3::address::Address as Kind;
use envoy_types::pb::envoy::config::core::v3::{Address, SocketAddress};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::read::{EnvoyResponse, decode_response};
use crate::server::{self, TestServer};
use crate::support::tokens::{self, NOW, Signer};

pub const CONTOSO: &str = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f";
pub const FABRIKAM: &str = "2000d417-3b6d-4dbf-977f-4b4cbba65319";
pub const FATIMA: &str = "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0";
pub const LAUNCHER: &str = "1a01899f-ffd3-4659-9c8b-641314fe61f2";
pub const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";
pub const FABRIKAM_ISS: &str = "https://sts.windows.net/2000d417-3b6d-4dbf-977f-4b4cbba65319/";
pub const CONTOSO_ISS: &str = "https://sts.windows.net/1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f/";

pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The server, the keys that it trusts, and a channel to it.
pub struct World {
    pub engine: Arc<Engine>,
    pub clock: Arc<ManualClock>,
    pub identity: Arc<TokenVerifier>,
    pub fabrikam: Signer,
    pub contoso: Signer,
    server: TestServer,
    channel: Channel,
}

/// Options of the test server.
pub struct Setup {
    pub rights: Rights,
    pub routes: EnvoyRouteTable,
    pub has_policies: bool,
    pub challenge: ChallengeValues,
    pub recorder: Recorder,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            rights: Rights::ALL,
            routes: EnvoyRouteTable::default(),
            has_policies: true,
            challenge: ChallengeValues {
                mfa: Some("c1".to_owned()),
                ..ChallengeValues::default()
            },
            recorder: Recorder::default(),
        }
    }
}

impl World {
    pub async fn new(setup: Setup) -> World {
        let clock = ManualClock::at(Timestamp::from_seconds(NOW));
        let engine = Arc::new(Engine::new(EngineOptions {
            cache: Some(CacheBytes::default()),
            clock: Clock::Manual(Arc::clone(&clock)),
        }));
        if setup.has_policies {
            let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
            assert!(matches!(
                load_once(&engine, ReloadOptions::of(policies)),
                ReloadOutcome::Activated(_)
            ));
        }
        let fabrikam = Signer::new(Algorithm::EdDsa, "fabrikam-key");
        let contoso = Signer::new(Algorithm::Es256, "contoso-key");
        let trust = TrustedIssuers {
            issuers: vec![issuer(FABRIKAM_ISS, FABRIKAM), issuer(CONTOSO_ISS, CONTOSO)],
        };
        let identity = TokenVerifier::new(trust, Arc::clone(&engine), TokenLimits::default());
        let identity = Arc::new(identity);
        for (index, signer) in [&fabrikam, &contoso].into_iter().enumerate() {
            identity.publish(IssuerIndex(index), Some(tokens::key_set(&[signer])), None);
        }
        let backend = Backend {
            gateway: Arc::new(Gateway {
                identity: Some(Arc::clone(&identity)),
                routes: setup.routes,
                applications: ApplicationAudiences::new([(
                    LAUNCHER.parse().unwrap(),
                    vec!["api://launcher".to_owned()],
                )]),
                challenge: setup.challenge,
            }),
            recorder: setup.recorder,
            ..server::backend(Arc::clone(&engine))
        };
        let router = router(&backend, &setup.rights, &HealthState::new());
        let server = server::serve_for_test(router).await;
        World {
            channel: server.channel().await,
            server,
            engine,
            clock,
            identity,
            fabrikam,
            contoso,
        }
    }

    /// Claims of a Fabrikam user for an application.
    pub fn claims(&self, audience: &str) -> Value {
        let usual = tokens::claims(FABRIKAM_ISS);
        let theirs = json!({"tid": FABRIKAM, "oid": FATIMA, "aud": audience, "groups": []});
        tokens::with(usual, theirs)
    }

    /// A token of Fatima for the Launcher, which she may access.
    pub fn good_token(&self) -> String {
        self.fabrikam.sign(&self.claims(LAUNCHER))
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub async fn check(&self, request: &CheckRequest) -> EnvoyResponse {
        self.send(request.encode_to_vec().into()).await.unwrap()
    }

    /// Sends these bytes.
    pub async fn send(&self, bytes: Bytes) -> Result<EnvoyResponse, Status> {
        send(self.channel.clone(), bytes).await
    }
}

/// Sends these bytes over this channel.
pub async fn send(channel: Channel, bytes: Bytes) -> Result<EnvoyResponse, Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(PATH);
    let answer = grpc.unary(tonic::Request::new(bytes), path, Raw).await?;
    Ok(decode_response(&answer.into_inner()))
}

fn issuer(iss: &str, tenant: &str) -> Issuer {
    Issuer {
        audiences: [LAUNCHER, SHAREPOINT, "api://launcher", "api://else"]
            .map(str::to_owned)
            .to_vec(),
        tenants: Tenants::Listed(vec![tenant.parse().unwrap()]),
        ..tokens::issuer(iss, Preset::EntraV1)
    }
}

/// The check request for a GET, with the context extensions of a route to this application.
pub fn get(app: &str, token: Option<&str>) -> CheckRequest {
    let mut headers = HashMap::from([(":path".to_owned(), "/".to_owned())]);
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let address = Address {
        address: Some(Kind::SocketAddress(SocketAddress {
            address: "192.0.2.7".to_owned(),
            ..SocketAddress::default()
        })),
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer {
                address: Some(address),
                ..Peer::default()
            }),
            request: Some(Request {
                http: Some(HttpRequest {
                    method: "GET".to_owned(),
                    host: "app.contoso.example".to_owned(),
                    path: "/".to_owned(),
                    headers,
                    ..HttpRequest::default()
                }),
                ..Request::default()
            }),
            context_extensions: extensions(&[("resource_tenant", CONTOSO), ("app", app)]),
            ..AttributeContext::default()
        }),
    }
}

pub fn extensions(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub fn attributes(request: &mut CheckRequest) -> &mut AttributeContext {
    request.attributes.as_mut().unwrap()
}

pub fn http(request: &mut CheckRequest) -> &mut HttpRequest {
    let request = attributes(request).request.as_mut().unwrap();
    request.http.as_mut().unwrap()
}

/// A codec that passes bytes through in both directions.
#[derive(Clone, Copy)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;
    fn encoder(&mut self) -> Raw {
        Raw
    }
    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, bytes: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use bytes::BufMut as _;
        out.put(bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining())))
    }
}

pub fn assert_denied(answer: &EnvoyResponse, http: u64, code: Code) {
    assert!(answer.has_status, "{answer:?}");
    assert_eq!(answer.code, i32::from(code) as u64, "{answer:?}");
    assert_eq!(answer.denied, Some(http), "{answer:?}");
}
