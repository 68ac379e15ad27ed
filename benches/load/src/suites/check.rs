//! Envoy's `Check` with a cached bearer token, compared with a server that decodes `CheckRequest` with prost and always
//! returns the same allow.

use std::rc::Rc;

use anyhow::{Context, Result};
use bytes::Bytes;

use super::all;
use crate::generator::{self, Shape, Until};
use crate::measure::{Plan, interleaved};
use crate::questions::check::{self as asked, CHECK};
use crate::report::{Goal, Report};
use crate::server::{Protocol, Server};
use crate::systems::{Constant, Log, Running, Systems, Transport};

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let answer = allow(systems, &running).await?;
    let seen = check(systems, "crosstrust, seen token", &running)?;
    let constant = systems.constant(Constant::Check, &answer)?;
    let constant = check(systems, "constant, check", &constant)?;
    let candidates = all(vec![constant, seen], Shape::DEFAULT).await?;
    let measured = interleaved(&candidates, plan).await?;
    let [constant, seen] = &measured[..] else {
        anyhow::bail!("rows are missing");
    };
    let what = "ext_authz Check, seen token ÷ constant check";
    report
        .goals
        .push(Goal::cpu(what, Some(1.05), seen, constant));
    report.table("ext_authz Check", &measured);
    Ok(())
}

/// The answer of crosstrust to a cached token.
pub async fn allow(systems: &Systems, running: &Running) -> Result<Bytes> {
    let seen = check(systems, "crosstrust", running)?;
    let calls = Until::Calls(asked::SEEN_TOKENS);
    generator::closed(&seen, Shape::DEFAULT, calls, || Ok(())).await?;
    let answer = generator::one_answer(&seen).await?;
    asked::verify(&answer).context("crosstrust's Check")?;
    Ok(answer)
}

fn check(systems: &Systems, name: &str, running: &Running) -> Result<Server> {
    Ok(Server {
        name: name.to_owned(),
        processes: vec![Rc::clone(&running.process)],
        address: running.address.clone(),
        method: CHECK,
        protocol: Protocol::Grpc,
        questions: Rc::new(asked::seen_tokens(&systems.issuer)?),
        // The bytes differ from call to call: the metadata of an allow is a map.
        verify: Rc::new(asked::verify),
        quick_check: Rc::new(asked::quick_check),
        decisions: 1,
        keep: Rc::clone(&running.folder) as Rc<dyn std::any::Any>,
    })
}
