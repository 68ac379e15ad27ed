//! Envoy's `Check` with a bearer token that has been seen, against a server that decodes `CheckRequest` with prost and
//! always answers with the same allow.

use std::rc::Rc;

use anyhow::{Context, Result};
use bytes::Bytes;

use super::all;
use crate::generator::{self, Shape, Until};
use crate::measure::{Plan, in_turns};
use crate::questions::check::{self as asked, CHECK};
use crate::report::{Goal, Report};
use crate::server::{Manner, Server};
use crate::systems::{Constant, Log, Running, Systems, Transport};

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let answer = allow(systems, &running).await?;
    let seen = check(systems, "crosstrust, seen token", &running)?;
    let constant = systems.constant(Constant::Check, &answer)?;
    let constant = check(systems, "constant, check", &constant)?;
    let contestants = all(vec![constant, seen], Shape::DEFAULT).await?;
    let measured = in_turns(&contestants, plan).await?;
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

/// What crosstrust says to a token that it has seen.
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
        manner: Manner::Grpc,
        questions: Rc::new(asked::seen_tokens(&systems.issuer)?),
        // The bytes differ from call to call: the metadata of an allow is a map.
        verify: Rc::new(asked::verify),
        glance: Rc::new(asked::glance),
        decisions: 1,
        keep: Rc::clone(&running.folder) as Rc<dyn std::any::Any>,
    })
}
