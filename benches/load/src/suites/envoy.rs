//! The whole way through Envoy: a request with a bearer token that has been seen comes to a real Envoy, which asks
//! crosstrust, and beside it to an Envoy that asks a server that always says yes. Envoy and whom it asks share a core;
//! told is the CPU of both.

use std::fs;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::all;
use super::check::allow;
use crate::generator::{self, Shape};
use crate::measure::{self, Plan};
use crate::process::command;
use crate::questions::check::SEEN_TOKENS;
use crate::questions::{Frame, Questions};
use crate::report::{Goal, Report};
use crate::server::{Address, Manner, Server};
use crate::systems::foreign::{self, free_address};
use crate::systems::{Constant, Log, Running, Systems, Transport};
use crate::tools::Tool;

const CONFIGURATION: &str = include_str!("envoy.yaml");
/// What that Envoy answers where the decision was yes.
const BODY: &[u8] = b"ok";
/// Of what the slower one can do at most.
const PART: f64 = 0.5;

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let Some(envoy) = &systems.tools.envoy else {
        return Ok(());
    };
    let crosstrust = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let answer = allow(systems, &crosstrust).await?;
    let constant = systems.constant(Constant::Check, &answer)?;
    let constant = behind(systems, envoy, "Envoy and constant, check", &constant)?;
    let crosstrust = behind(
        systems,
        envoy,
        "Envoy and crosstrust, seen token",
        &crosstrust,
    )?;
    refuses(&crosstrust).await?;
    let contestants = all(vec![constant, crosstrust], Shape::DEFAULT).await?;
    let closed = measure::in_turns(&contestants, plan).await?;
    let rate = PART * measure::slowest(&closed).context("nothing was measured")?;
    let open = measure::at_rate(&contestants, plan, rate).await?;
    let [constant, crosstrust] = &closed[..] else {
        bail!("rows are missing");
    };
    let what = "a request through Envoy, CPU of Envoy and crosstrust ÷ of Envoy and constant check";
    let goal = Goal::cpu(what, Some(1.05), crosstrust, constant);
    report.goals.push(goal);
    let note = "CPU of Envoy and its authorization server, together. They share core 0, so *waited* is mostly each waiting for the other.";
    let title = format!("Through {}, closed loop", envoy.version);
    report.noted(&title, note, &closed);
    let title = format!(
        "Through {}, open loop at {rate:.0} requests/s",
        envoy.version
    );
    report.noted(&title, note, &open);
    Ok(())
}

/// An Envoy of its own in front of this one.
fn behind(systems: &Systems, envoy: &Tool, name: &str, decides: &Running) -> Result<Server> {
    let Address::Tcp(decides_at) = decides.address else {
        bail!("Envoy asks over TCP");
    };
    let folder = systems.folder()?;
    let address = free_address()?;
    let configuration = CONFIGURATION
        .replace(
            "port_value: LISTENER",
            &format!("port_value: {}", address.port()),
        )
        .replace(
            "port_value: DECIDES",
            &format!("port_value: {}", decides_at.port()),
        );
    let file = folder.path().join("envoy.yaml");
    fs::write(&file, configuration)?;
    let mut command = command(&envoy.program);
    command
        .args(["--disable-hot-restart", "--concurrency", "1"])
        .args(["--log-level", "warning", "--config-path"])
        .arg(file);
    let envoy = foreign::start(&mut command, address, folder)?;
    let tokens = (0..SEEN_TOKENS).map(|user| {
        let token = systems.issuer.token(user)?;
        Ok(Frame::plain(format!("Bearer {token}").into()))
    });
    let tokens: Result<Vec<Frame>> = tokens.collect();
    Ok(Server {
        name: name.to_owned(),
        processes: vec![Rc::clone(&envoy.process), Rc::clone(&decides.process)],
        address: envoy.address,
        method: "/sites/launch/plan.docx",
        manner: Manner::Bearer,
        questions: Rc::new(Questions::of(tokens?)),
        verify: Rc::new(|body| {
            ensure!(body == BODY, "not the answer behind Envoy");
            Ok(())
        }),
        glance: Rc::new(|body| body == BODY),
        decisions: 1,
        keep: Rc::new((envoy.folder, Rc::clone(&decides.folder))),
    })
}

/// Envoy asks, and does what it is told: who has no token that counts does not get in.
async fn refuses(server: &Server) -> Result<()> {
    let nobody = Frame::plain(Bytes::from_static(b"Bearer nobody"));
    let nobody = server.asked(
        "nobody",
        Rc::new(Questions::of(vec![nobody])),
        Rc::clone(&server.verify),
    );
    match generator::one_answer(&nobody).await {
        Ok(_) => bail!("Envoy lets in who has no token"),
        Err(error) if error.to_string() == "HTTP status 401 Unauthorized" => Ok(()),
        Err(error) => Err(error).context("expected a 401"),
    }
}
