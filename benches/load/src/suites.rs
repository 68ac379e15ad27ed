//! The suites, one file each. A suite starts its servers, defines requests and goals, and calls `measure`. Suites share no
//! server.
//!
//! To add another system, add a [`Server`](crate::server::Server) to a list of candidates.

mod authorize;
mod batch;
mod check;
mod envoy;
mod ghz;
mod in_process;
mod latency;
mod log;
mod overload;
mod peers;
mod reload;
mod shapes;
mod transport;
mod unpinned;

use std::rc::Rc;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::ValueEnum;

use crate::generator::{self, Shape, Until};
use crate::measure::{Candidate, Plan};
use crate::options::{Name, Options};
use crate::questions::Questions;
use crate::questions::authorize::{self as asked, AUTHORIZE, Expected, Groups, SEEN};
use crate::report::Report;
use crate::server::{Protocol, Server, Verify};
use crate::systems::{Log, Running, Systems, Transport};

/// The default number of groups.
const FIFTY: Groups = Groups(50);

/// Runs the selected suites, one after the other.
pub async fn run(options: &Options, systems: &Systems) -> Result<Report> {
    let mut report = Report::default();
    for suite in Name::value_variants() {
        if options.wants(*suite) {
            eprintln!("measuring {suite:?}");
            let measured = one(*suite, options, systems, &mut report).await;
            measured.with_context(|| format!("suite {suite:?}"))?;
        }
    }
    Ok(report)
}

async fn one(suite: Name, options: &Options, systems: &Systems, report: &mut Report) -> Result<()> {
    let plan = Plan {
        rounds: options.rounds,
        time: options.time(),
    };
    match suite {
        Name::Authorize => authorize::run(systems, plan, report).await,
        Name::Log => log::run(systems, plan, report).await,
        Name::Check => check::run(systems, plan, report).await,
        Name::Envoy => envoy::run(systems, plan, report).await,
        Name::Batch => batch::run(systems, plan, report).await,
        Name::Reload => reload::run(systems, plan, report).await,
        Name::Transport => transport::run(systems, plan, report).await,
        Name::Shapes => shapes::run(systems, plan, report).await,
        Name::Latency => latency::run(systems, plan, report).await,
        Name::Overload => overload::run(systems, plan, report).await,
        Name::Unpinned => unpinned::run(systems, plan, report).await,
        Name::Peers => peers::run(systems, options.seed, plan, report).await,
        Name::InProcess => in_process::run(options.seed, plan, report).await,
        Name::Ghz => ghz::run(systems, plan, report),
    }
}

/// A running server with requests for `Authorize`.
fn authorize(name: &str, running: &Running, questions: Questions, expected: Expected) -> Server {
    Server {
        name: name.to_owned(),
        processes: vec![Rc::clone(&running.process)],
        address: running.address.clone(),
        method: AUTHORIZE,
        protocol: Protocol::Grpc,
        questions: Rc::new(questions),
        verify: Rc::new(move |answer| asked::verify(answer, expected)),
        quick_check: Rc::new(move |answer| asked::quick_check(answer, expected)),
        decisions: 1,
        keep: Rc::clone(&running.folder) as Rc<dyn std::any::Any>,
    }
}

/// Starts crosstrust, and returns its cached answer.
async fn with_its_answer(systems: &Systems) -> Result<(Running, Bytes)> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let any = Expected {
        cached: None,
        ..SEEN
    };
    let server = authorize("crosstrust", &running, asked::hits(Groups(5)), any);
    // The second answer comes from the cache.
    let users = asked::SEEN_USERS;
    generator::closed(&server, Shape::DEFAULT, Until::Calls(users), || Ok(())).await?;
    let answer = generator::one_answer(&server).await?;
    asked::verify(&answer, SEEN)?;
    Ok((running, answer))
}

/// A constant server with requests for `Authorize`, which must return the given answer.
fn constant(name: &str, running: &Running, questions: Questions, answer: &Bytes) -> Server {
    let expected = answer.clone();
    Server {
        verify: same(answer),
        quick_check: Rc::new(move |found| found == &expected[..]),
        ..authorize(name, running, questions, SEEN)
    }
}

fn same(answer: &Bytes) -> Verify {
    let expected = answer.clone();
    Rc::new(move |found| {
        anyhow::ensure!(found == &expected[..], "the answer is not the given one");
        Ok(())
    })
}

async fn all(servers: Vec<Server>, shape: Shape) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::with_capacity(servers.len());
    for server in servers {
        candidates.push(Candidate::prepare(server, shape).await?);
    }
    Ok(candidates)
}
