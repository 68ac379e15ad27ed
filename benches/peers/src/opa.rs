//! OPA's program, asked over its own REST interface and over Envoy's ext_authz.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::check;
use crate::facts::Facts;
use crate::rego;
use crate::server::{Server, free_address};
use crate::service::{Encoding, Service};
use crate::tools::Tool;
use crate::world::World;

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
        path: check::PATH,
        encoding: Encoding::Grpc,
        questions: world.requests.iter().map(check::question).collect(),
        allows: check::allows,
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
