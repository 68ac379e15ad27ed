//! OPA, Cerbos and crosstrust with the same 10,000 requests: closed loop for CPU per call, open loop at one rate for all
//! for latency. Nothing is timed before all have given the same answers.

use anyhow::{Context, Result, ensure};

use crate::measure::{self, Candidate, Measured, Plan, Round};
use crate::peers::crosstrust::{self, Way};
use crate::peers::opa::{self, Plugin};
use crate::peers::{Case, Interface, Peer, cerbos};
use crate::report::{Goal, Report};
use crate::systems::Systems;

/// Fraction of the slowest one's maximum, which all can serve.
const FRACTION: f64 = 0.6;
/// Upper bound of the rate: without peers, a short stop of the machine would exhaust crosstrust's limits.
const MAX_CALLS_PER_SECOND: f64 = 4000.0;
/// crosstrust ÷ a peer.
const GOAL: f64 = 0.10;

/// The rows of crosstrust, one for each API.
const OURS: [Way; 3] = [Way::AuthorizeCached, Way::Authorize, Way::Check];
const CACHED: usize = 0;
const AUTHORIZE: usize = 1;
const CHECK: usize = 2;

pub async fn run(systems: &Systems, seed: u64, plan: Plan, report: &mut Report) -> Result<()> {
    let case = Case::of(seed)?;
    let peers = start(systems, &case)?;
    for peer in &peers {
        peer.agrees(&case).await?;
        eprintln!("{}: the same answers", peer.server.name);
    }
    let cached = cached(peers.get(CACHED).context("no cached row")?).await?;
    report.goals.push(Goal::informational(
        "the 10,000 requests, repeated to crosstrust with its cache",
        format!("{cached} answers came from the cache"),
    ));
    let interfaces: Vec<Interface> = peers.iter().map(|peer| peer.interface).collect();
    let candidates: Vec<Candidate> = peers.into_iter().map(Peer::candidate).collect();
    let closed = measure::interleaved(&candidates, plan).await?;
    let slowest = measure::slowest(&closed).context("nothing was measured")?;
    let rate = (FRACTION * slowest).round().min(MAX_CALLS_PER_SECOND);
    let open = measure::at_rate(&candidates, plan, rate).await?;
    report_results(report, &interfaces, &closed, &open, rate);
    let note = format!(
        "{}. Before the measurement, every server gave the same 10,000 answers. Each peer is compared with crosstrust without \
         its cache, called through the same kind of API: Envoy's Check or its own.",
        case.answers.mix()
    );
    report.noted("Peers, closed loop", &note, &closed);
    report.table(&format!("Peers, open loop at {rate:.0} calls/s"), &open);
    Ok(())
}

/// crosstrust with each API, and every available peer.
fn start(systems: &Systems, case: &Case) -> Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for way in OURS {
        peers.push(crosstrust::start(systems, &case.world, way)?);
    }
    let tools = &systems.tools;
    if let Some(opa) = &tools.opa_envoy {
        let peer = opa::start_ext_authz(systems, Plugin::OpaEnvoy, opa, case);
        peers.push(peer.context("OPA-Envoy")?);
    }
    if let Some(opa) = &tools.opa {
        let peer = opa::start_ext_authz(systems, Plugin::Floor, opa, case);
        peers.push(peer.context("OPA, ext_authz")?);
        peers.push(opa::start_rest(systems, opa, case).context("OPA, REST")?);
    }
    if let Some(cerbos) = &tools.cerbos {
        peers.push(cerbos::start(systems, cerbos, case).context("Cerbos")?);
    }
    Ok(peers)
}

/// The number of answers from the cache after all requests were sent before. All but those of expired tokens are cached.
async fn cached(peer: &Peer) -> Result<usize> {
    let answers = peer.answers().await?;
    let mut cached = 0;
    for answer in &answers {
        cached += usize::from(crosstrust::is_cached(answer)?);
    }
    ensure!(
        cached * 100 >= answers.len() * 95,
        "crosstrust cached {cached} of its {} answers",
        answers.len()
    );
    Ok(cached)
}

fn report_results(
    report: &mut Report,
    interfaces: &[Interface],
    closed: &[Measured],
    open: &[Measured],
    rate: f64,
) {
    let peers = (OURS.len()..).zip(interfaces.iter().skip(OURS.len()));
    let ours = |interface: &Interface| match interface {
        Interface::Own => AUTHORIZE,
        Interface::Check => CHECK,
    };
    for (at, interface) in peers.clone() {
        let (one, other) = (&closed[ours(interface)], &closed[at]);
        let what = format!("{} ÷ {}, CPU per call", one.name, other.name);
        report.goals.push(Goal::cpu(&what, Some(GOAL), one, other));
    }
    let p99 = |round: &Round| round.load.percentile_us(99.0);
    for (at, interface) in peers {
        let (one, other) = (&open[ours(interface)], &open[at]);
        let what = format!("{} ÷ {}, p99 at {rate:.0} calls/s", one.name, other.name);
        let goal = Goal::ratio(&what, Some(GOAL), (one, p99), (other, p99));
        report.goals.push(goal.where_quiet(one));
    }
}
