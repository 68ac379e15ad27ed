//! Cerbos's server with the generated policies, called by CheckResources.

mod policies;
mod wire;

use std::collections::HashMap;
use std::fs;
use std::rc::Rc;

use anyhow::{Context, Result};
use crosstrust::request::Request;
use prost::Message;
use prost_types::{ListValue, Value as Attribute, value::Kind};
use serde_json::json;

pub use policies::write_policies;

use self::policies::scope;
use self::wire::{
    CHECK_RESOURCES, CheckResourcesRequest, CheckResourcesResponse, EFFECT_ALLOW, Principal,
    Resource, ResourceEntry,
};
use super::Case;
use super::peer::{Interface, Peer, Wire};
use crate::process::command;
use crate::questions::Frame;
use crate::server::Protocol;
use crate::systems::Systems;
use crate::systems::foreign::{self, free_address};
use crate::tools::Tool;

const ACTION: &str = "reach";
const KIND: &str = "application";
const ROLE: &str = "user";

pub fn start(systems: &Systems, cerbos: &Tool, case: &Case) -> Result<Peer> {
    let folder = systems.folder()?;
    let policies = folder.path().join("policies");
    write_policies(&policies, &case.facts)?;
    let address = free_address()?;
    let configuration = json!({
        "server": {
            "grpcListenAddr": address.to_string(),
            "httpListenAddr": free_address()?.to_string(),
            "logRequestPayloads": false,
            "metricsEnabled": false,
        },
        "storage": {
            "driver": "disk",
            "disk": { "directory": policies, "watchForChanges": false },
        },
        "audit": { "enabled": false },
        "telemetry": { "disabled": true },
    });
    let file = folder.path().join("cerbos.yaml");
    fs::write(&file, configuration.to_string())?;
    let mut command = command(&cerbos.program);
    command
        .env("GOMAXPROCS", "1")
        .args(["server", "--log-level=error", "--config"])
        .arg(file);
    let running = foreign::start(&mut command, address, folder)?;
    let requests = case.world.requests.iter();
    let wire = Wire {
        interface: Interface::Own,
        method: CHECK_RESOURCES,
        protocol: Protocol::Grpc,
        questions: requests
            .map(|request| Frame::fixed(&question(request)))
            .collect(),
        allows,
        quick_check: Rc::new(|answer| allows(answer).is_ok()),
    };
    Ok(Peer::of(&cerbos.version, &running, wire))
}

fn question(request: &Request) -> CheckResourcesRequest {
    let text = |text: String| Attribute {
        kind: Some(Kind::StringValue(text)),
    };
    let fact = |is_so: bool| Attribute {
        kind: Some(Kind::BoolValue(is_so)),
    };
    let groups = request.groups.iter().map(|group| text(group.to_string()));
    let groups = Kind::ListValue(ListValue {
        values: groups.collect(),
    });
    let attributes = [
        ("groups", Attribute { kind: Some(groups) }),
        ("mfa", fact(request.claims.mfa)),
        ("compliantDevice", fact(request.claims.compliant_device)),
        (
            "domainJoinedDevice",
            fact(request.claims.hybrid_joined_device),
        ),
        (
            "expires_at",
            text(
                prost_types::Timestamp {
                    seconds: request.claims.expires_at.as_parts().0,
                    nanos: 0,
                }
                .to_string(),
            ),
        ),
    ];
    let principal = Principal {
        id: request
            .user
            .map(|user| user.to_string())
            .unwrap_or_default(),
        roles: vec![ROLE.into()],
        attr: HashMap::from(attributes.map(|(name, value)| (name.to_owned(), value))),
    };
    let resource = Resource {
        kind: KIND.into(),
        id: request.app.to_string(),
        attr: HashMap::new(),
        scope: scope(&request.home.to_string(), &request.resource.to_string()),
    };
    CheckResourcesRequest {
        request_id: String::new(),
        principal: Some(principal),
        resources: vec![ResourceEntry {
            actions: vec![ACTION.into()],
            resource: Some(resource),
        }],
    }
}

fn allows(message: &[u8]) -> Result<bool> {
    let answer = CheckResourcesResponse::decode(message)?;
    let result = answer.results.first().context("no result")?;
    let effect = result.actions.get(ACTION).context("no effect")?;
    Ok(*effect == EFFECT_ALLOW)
}
