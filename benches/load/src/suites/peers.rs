//! OPA and Cerbos, and crosstrust asked as they are, on the same 10,000 questions: closed loop for what a call costs,
//! open loop at one rate for all for how long it takes. Nobody is timed before all have given the same answers.

use anyhow::{Context, Result, ensure};

use crate::measure::{self, Contestant, Measured, Plan, Round};
use crate::peers::crosstrust::{self, Way};
use crate::peers::opa::{self, Plugin};
use crate::peers::{Case, Interface, Peer, cerbos};
use crate::report::{Goal, Report};
use crate::systems::Systems;

/// Of the slowest one's maximum: what everybody can stand.
const PART: f64 = 0.6;
/// No more than this: where no peer is there, a short stop of the machine would fill crosstrust's own limits.
const MOST_CALLS_A_SECOND: f64 = 4000.0;
/// crosstrust ÷ a peer.
const GOAL: f64 = 0.10;

/// Where crosstrust stands among the rows: each way to ask it.
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
    let kept = kept(peers.get(CACHED).context("no cached row")?).await?;
    report.goals.push(Goal::told(
        "the 10,000 requests, repeated to crosstrust with its cache",
        format!("{kept} answers came from the cache"),
    ));
    let interfaces: Vec<Interface> = peers.iter().map(|peer| peer.interface).collect();
    let contestants: Vec<Contestant> = peers.into_iter().map(Peer::contestant).collect();
    let closed = measure::in_turns(&contestants, plan).await?;
    let slowest = measure::slowest(&closed).context("nothing was measured")?;
    let rate = (PART * slowest).round().min(MOST_CALLS_A_SECOND);
    let open = measure::at_rate(&contestants, plan, rate).await?;
    tell(report, &interfaces, &closed, &open, rate);
    let note = format!(
        "{}. Before the measurement, every server gave the same 10,000 answers. Each peer is compared with crosstrust without \
         its cache, called through the same kind of API: Envoy's Check or its own.",
        case.answers.mix()
    );
    report.noted("Peers, closed loop", &note, &closed);
    report.table(&format!("Peers, open loop at {rate:.0} calls/s"), &open);
    Ok(())
}

/// crosstrust in each way, and every peer that can be had here.
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

/// How many answers the cached server has kept of those that it has just given. All but the few that are never kept:
/// of tokens that have ended.
async fn kept(peer: &Peer) -> Result<usize> {
    let answers = peer.answers().await?;
    let mut kept = 0;
    for answer in &answers {
        kept += usize::from(crosstrust::is_cached(answer)?);
    }
    ensure!(
        kept * 100 >= answers.len() * 95,
        "crosstrust has kept {kept} of its {} answers",
        answers.len()
    );
    Ok(kept)
}

fn tell(
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
