//! OPA's program, asked over its own REST interface and over Envoy's ext_authz.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use crosstrust::request::Request;
use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Request as AttributeRequest,
};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value, value::Kind};
use prost::Message;
use tempfile::TempDir;

use crate::facts::Facts;
use crate::rego;
use crate::server::{Server, free_address};
use crate::service::{Encoding, Service};
use crate::tools::Tool;
use crate::world::World;

const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";

/// `POST /v1/data/crosstenant/allow` with JSON, over HTTP/2.
pub fn start_rest(opa: &Tool, facts: &Facts, world: &World) -> Result<Service> {
    let folder = folder(facts, rego::PLAIN)?;
    let address = free_address()?;
    let server = run(&opa.program, &folder, address, &[])?;
    let question = |request| serde_json::json!({ "input": rego::input(request) }).to_string();
    Ok(Service {
        name: "OPA, REST".into(),
        version: opa.version.clone(),
        server,
        path: "/v1/data/crosstenant/allow",
        encoding: Encoding::Json,
        questions: world
            .requests
            .iter()
            .map(|request| question(request).into())
            .collect(),
        allows: |body| {
            let answer: serde_json::Value = serde_json::from_slice(body)?;
            answer["result"].as_bool().context("no result")
        },
        folder,
    })
}

/// Who answers Envoy's Check in OPA's program.
#[derive(Clone, Copy)]
pub enum Plugin {
    /// The one of opa/main.go.
    Floor,
    /// opa-envoy-plugin, in its own program.
    OpaEnvoy,
}

impl Plugin {
    fn name(self) -> &'static str {
        match self {
            Plugin::Floor => "OPA, ext_authz (floor)",
            Plugin::OpaEnvoy => "OPA-Envoy",
        }
    }

    fn settings(self, address: SocketAddr) -> [String; 2] {
        match self {
            Plugin::Floor => [
                format!("plugins.ext_authz.addr={address}"),
                "plugins.ext_authz.query=data.crosstenant.allow".to_owned(),
            ],
            Plugin::OpaEnvoy => [
                format!("plugins.envoy_ext_authz_grpc.addr={address}"),
                "plugins.envoy_ext_authz_grpc.path=crosstenant/allow".to_owned(),
            ],
        }
    }
}

/// Envoy's Check, over gRPC.
pub fn start_ext_authz(
    plugin: Plugin,
    opa: &Tool,
    facts: &Facts,
    world: &World,
) -> Result<Service> {
    let folder = folder(facts, rego::ENVOY)?;
    let address = free_address()?;
    let mut server = run(
        &opa.program,
        &folder,
        free_address()?,
        &plugin.settings(address),
    )?;
    server.address = address;
    Ok(Service {
        name: plugin.name().into(),
        version: opa.version.clone(),
        server,
        path: "/envoy.service.auth.v3.Authorization/Check",
        encoding: Encoding::Grpc,
        questions: world.requests.iter().map(check).collect(),
        allows: |message| {
            let status = CheckResponse::decode(message)?
                .status
                .context("no status")?;
            Ok(status.code == 0)
        },
        folder,
    })
}

fn folder(facts: &Facts, question: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    rego::write_bundle(&folder.path().join("bundle"), facts, question)?;
    Ok(folder)
}

/// No decision log, no log of requests, no telemetry; data kept in the form in which it is read fastest.
fn run(
    program: &Path,
    folder: &TempDir,
    address: SocketAddr,
    settings: &[String],
) -> Result<Server> {
    let mut arguments = vec![
        "run".to_owned(),
        "--server".to_owned(),
        format!("--addr={address}"),
        "--h2c".to_owned(),
        "--log-level=error".to_owned(),
        "--skip-version-check".to_owned(),
        "--disable-telemetry".to_owned(),
        "--optimize-store-for-read-speed".to_owned(),
    ];
    arguments.extend(settings.iter().map(|setting| format!("--set={setting}")));
    arguments.push(folder.path().join("bundle").display().to_string());
    Server::start(program, arguments, address, &folder.path().join("log"))
}

/// What Envoy sends where its jwt_authn filter has verified the token and the route says what it is for.
fn check(request: &Request) -> Bytes {
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
            JWT_AUTHN.to_owned(),
            record([("token", token(request))]),
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
    let check = CheckRequest {
        attributes: Some(attributes),
    };
    check.encode_to_vec().into()
}

fn token(request: &Request) -> Kind {
    let user = request
        .user
        .map(|user| user.to_string())
        .unwrap_or_default();
    let groups = request.groups.iter();
    let groups = groups.map(|group| value(Kind::StringValue(group.to_string())));
    let claims = record([
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
    let token = record([
        ("tid", Kind::StringValue(request.home.to_string())),
        ("oid", Kind::StringValue(user)),
        (
            "groups",
            Kind::ListValue(ListValue {
                values: groups.collect(),
            }),
        ),
        ("claims", Kind::StructValue(claims)),
        (
            "exp",
            Kind::NumberValue(request.claims.expires_at.as_parts().0 as f64),
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
