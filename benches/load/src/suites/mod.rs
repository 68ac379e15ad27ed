//! What is measured, a file a suite. Each starts its servers, says what is asked of them and what the goals are, and
//! leaves the measuring to `measure`. Nothing of one suite lives on into the next.
//!
//! Another system comes in as a further [`Server`](crate::server::Server) in a list of contestants.

mod authorize;
mod batch;
mod check;
mod envoy;
mod ghz;
mod in_process;
mod latency;
mod log;
mod peers;
mod reload;
mod shapes;
mod transport;
mod unpinned;

use std::rc::Rc;

use anyhow::{Context, Result};
use bytes::Bytes;

use crate::generator::{self, Shape, Until};
use crate::measure::{Contestant, Plan};
use crate::options::{Name, Options};
use crate::questions::Questions;
use crate::questions::authorize::{self as asked, AUTHORIZE, Expected, Groups, SEEN};
use crate::report::Report;
use crate::server::{Manner, Server, Verify};
use crate::systems::{Log, Running, Systems, Transport};

/// The usual number of groups.
const FIFTY: Groups = Groups(50);

/// Every suite that is wanted, one after the other.
pub async fn run(options: &Options, systems: &Systems) -> Result<Report> {
    let mut report = Report::default();
    let plan = Plan {
        rounds: options.rounds,
        time: options.time(),
    };
    let wanted = |suite| {
        let is_wanted = options.wants(suite);
        if is_wanted {
            eprintln!("measuring {suite:?}");
        }
        is_wanted
    };
    if wanted(Name::Authorize) {
        let suite = authorize::run(systems, plan, &mut report).await;
        suite.context("suite authorize")?;
    }
    if wanted(Name::Log) {
        log::run(systems, plan, &mut report)
            .await
            .context("suite log")?;
    }
    if wanted(Name::Check) {
        let suite = check::run(systems, plan, &mut report).await;
        suite.context("suite check")?;
    }
    if wanted(Name::Envoy) {
        let suite = envoy::run(systems, plan, &mut report).await;
        suite.context("suite envoy")?;
    }
    if wanted(Name::Batch) {
        let suite = batch::run(systems, plan, &mut report).await;
        suite.context("suite batch")?;
    }
    if wanted(Name::Reload) {
        let suite = reload::run(systems, plan, &mut report).await;
        suite.context("suite reload")?;
    }
    if wanted(Name::Transport) {
        let suite = transport::run(systems, plan, &mut report).await;
        suite.context("suite transport")?;
    }
    if wanted(Name::Shapes) {
        let suite = shapes::run(systems, plan, &mut report).await;
        suite.context("suite shapes")?;
    }
    if wanted(Name::Latency) {
        let suite = latency::run(systems, plan, &mut report).await;
        suite.context("suite latency")?;
    }
    if wanted(Name::Unpinned) {
        let suite = unpinned::run(systems, plan, &mut report).await;
        suite.context("suite unpinned")?;
    }
    if wanted(Name::Peers) {
        let suite = peers::run(systems, options.seed, plan, &mut report).await;
        suite.context("suite peers")?;
    }
    if wanted(Name::InProcess) {
        let suite = in_process::run(options.seed, plan, &mut report).await;
        suite.context("suite in-process")?;
    }
    if wanted(Name::Ghz) {
        ghz::run(systems, plan, &mut report).context("suite ghz")?;
    }
    Ok(report)
}

/// This running server, asked `Authorize`.
fn authorize(name: &str, running: &Running, questions: Questions, expected: Expected) -> Server {
    Server {
        name: name.to_owned(),
        processes: vec![Rc::clone(&running.process)],
        address: running.address.clone(),
        method: AUTHORIZE,
        manner: Manner::Grpc,
        questions: Rc::new(questions),
        verify: Rc::new(move |answer| asked::verify(answer, expected)),
        glance: Rc::new(move |answer| asked::glance(answer, expected)),
        decisions: 1,
        keep: Rc::clone(&running.folder) as Rc<dyn std::any::Any>,
    }
}

/// crosstrust, and the answer that it gives to a user it has seen.
async fn with_its_answer(systems: &Systems) -> Result<(Running, Bytes)> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let any = Expected {
        cached: None,
        ..SEEN
    };
    let server = authorize("crosstrust", &running, asked::hits(Groups(5)), any);
    // The second time round it answers what it has kept.
    let users = asked::SEEN_USERS;
    generator::closed(&server, Shape::DEFAULT, Until::Calls(users), || Ok(())).await?;
    let answer = generator::one_answer(&server).await?;
    asked::verify(&answer, SEEN)?;
    Ok((running, answer))
}

/// A constant server that is asked `Authorize`, and has to give the answer that it was given.
fn constant(name: &str, running: &Running, questions: Questions, answer: &Bytes) -> Server {
    let expected = answer.clone();
    Server {
        verify: same(answer),
        glance: Rc::new(move |found| found == &expected[..]),
        ..authorize(name, running, questions, SEEN)
    }
}

fn same(answer: &Bytes) -> Verify {
    let expected = answer.clone();
    Rc::new(move |found| {
        anyhow::ensure!(found == &expected[..], "not the answer that it was given");
        Ok(())
    })
}

async fn all(servers: Vec<Server>, shape: Shape) -> Result<Vec<Contestant>> {
    let mut contestants = Vec::with_capacity(servers.len());
    for server in servers {
        contestants.push(Contestant::prepare(server, shape).await?);
    }
    Ok(contestants)
}
