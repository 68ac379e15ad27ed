//! The complete path through Envoy: a request with a cached bearer token to an Envoy that calls crosstrust, compared with
//! an Envoy that calls a constant server. Envoy and its authorization server share a core; the CPU of both is measured.

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
use crate::server::{Address, Protocol, Server};
use crate::systems::foreign::{self, free_address};
use crate::systems::{Constant, Log, Running, Systems, Transport};
use crate::tools::Tool;

const CONFIGURATION: &str = include_str!("envoy.yaml");
/// The body of Envoy's direct response after an allow.
const BODY: &[u8] = b"ok";
/// Fraction of the slower one's maximum.
const FRACTION: f64 = 0.5;

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let Some(envoy) = &systems.tools.envoy else {
        return Ok(());
    };
    let crosstrust = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let answer = allow(systems, &crosstrust).await?;
    let constant = systems.constant(Constant::Check, &answer)?;
    let constant = envoy_in_front_of(systems, envoy, "Envoy and constant, check", &constant)?;
    let crosstrust = envoy_in_front_of(
        systems,
        envoy,
        "Envoy and crosstrust, seen token",
        &crosstrust,
    )?;
    refuses(&crosstrust).await?;
    let candidates = all(vec![constant, crosstrust], Shape::DEFAULT).await?;
    let closed = measure::interleaved(&candidates, plan).await?;
    let rate = FRACTION * measure::slowest(&closed).context("nothing was measured")?;
    let open = measure::at_rate(&candidates, plan, rate).await?;
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

/// Starts an Envoy in front of this server.
fn envoy_in_front_of(
    systems: &Systems,
    envoy: &Tool,
    name: &str,
    authorizer: &Running,
) -> Result<Server> {
    let Address::Tcp(authorizer_address) = authorizer.address else {
        bail!("Envoy calls over TCP");
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
            &format!("port_value: {}", authorizer_address.port()),
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
        processes: vec![Rc::clone(&envoy.process), Rc::clone(&authorizer.process)],
        address: envoy.address,
        method: "/sites/launch/plan.docx",
        protocol: Protocol::Bearer,
        questions: Rc::new(Questions::of(tokens?)),
        verify: Rc::new(|body| {
            ensure!(body == BODY, "unexpected body from Envoy");
            Ok(())
        }),
        quick_check: Rc::new(|body| body == BODY),
        decisions: 1,
        keep: Rc::new((envoy.folder, Rc::clone(&authorizer.folder))),
    })
}

/// Checks that Envoy enforces the decision: a request without a valid token is denied.
async fn refuses(server: &Server) -> Result<()> {
    let without_token = Frame::plain(Bytes::from_static(b"Bearer nobody"));
    let without_token = server.with_requests(
        "without a token",
        Rc::new(Questions::of(vec![without_token])),
        Rc::clone(&server.verify),
    );
    match generator::one_answer(&without_token).await {
        Ok(_) => bail!("Envoy allows a request without a valid token"),
        Err(error) if error.to_string() == "HTTP status 401 Unauthorized" => Ok(()),
        Err(error) => Err(error).context("expected a 401"),
    }
}
