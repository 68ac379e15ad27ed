//! OPA's server, called by its REST API and by Envoy's ext_authz.

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::peer::{Interface, Peer, Wire};
use super::{Case, check, rego};
use crate::process::command;
use crate::questions::Frame;
use crate::server::Protocol;
use crate::systems::foreign::{self, free_address};
use crate::systems::{Running, Systems};
use crate::tools::Tool;

/// `POST /v1/data/crosstenant/allow` with JSON, over HTTP/2.
pub fn start_rest(systems: &Systems, opa: &Tool, case: &Case) -> Result<Peer> {
    let folder = folder(systems, case, rego::PLAIN)?;
    let address = free_address()?;
    let running = run(opa, folder, address, address, &[])?;
    let question = |request| serde_json::json!({ "input": rego::input(request) }).to_string();
    let requests = case.world.requests.iter();
    let wire = Wire {
        interface: Interface::Own,
        method: "/v1/data/crosstenant/allow",
        protocol: Protocol::Json,
        questions: requests
            .map(|request| Frame::plain(question(request).into()))
            .collect(),
        allows,
        quick_check: Rc::new(|answer| allows(answer).is_ok()),
    };
    Ok(Peer::of(&format!("{}, REST", opa.version), &running, wire))
}

fn allows(answer: &[u8]) -> Result<bool> {
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    answer["result"].as_bool().context("no result")
}

/// The plugin that answers Envoy's Check in OPA.
#[derive(Clone, Copy)]
pub enum Plugin {
    /// The plugin in opa/main.go.
    Floor,
    /// opa-envoy-plugin, in its own program.
    OpaEnvoy,
}

impl Plugin {
    fn name(self, version: &str) -> String {
        match self {
            Plugin::Floor => format!("{version}, ext_authz (floor)"),
            Plugin::OpaEnvoy => format!("OPA-Envoy, {version}"),
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
pub fn start_ext_authz(systems: &Systems, plugin: Plugin, opa: &Tool, case: &Case) -> Result<Peer> {
    let folder = folder(systems, case, rego::ENVOY)?;
    let address = free_address()?;
    let settings = plugin.settings(address);
    let running = run(opa, folder, free_address()?, address, &settings)?;
    let wire = check::wire(&case.world.requests);
    Ok(Peer::of(&plugin.name(&opa.version), &running, wire))
}

fn folder(systems: &Systems, case: &Case, question: &str) -> Result<TempDir> {
    let folder = systems.folder()?;
    rego::write_bundle(&folder.path().join("bundle"), &case.facts, question)?;
    Ok(folder)
}

/// Starts OPA without decision log, request log and telemetry, with data in the form that is fastest to read. `rest` is
/// the address of its REST API, `checked` the address that must listen before it is ready.
fn run(
    opa: &Tool,
    folder: TempDir,
    rest: SocketAddr,
    checked: SocketAddr,
    settings: &[String],
) -> Result<Running> {
    let mut command = command(&opa.program);
    command
        .env("GOMAXPROCS", "1")
        .args(["run", "--server", "--h2c", "--log-level=error"])
        .args(["--skip-version-check", "--disable-telemetry"])
        .arg("--optimize-store-for-read-speed")
        .arg(format!("--addr={rest}"))
        .args(settings.iter().map(|setting| format!("--set={setting}")))
        .arg(folder.path().join("bundle"));
    foreign::start(&mut command, checked, folder)
}
