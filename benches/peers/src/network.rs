//! Everybody over the network: each program on core 0, the generator on core 1, in rounds that take turns.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::check;
use crate::crosstrust_server::Way;
use crate::facts::Facts;
use crate::generator::{self, Run};
use crate::opa::Plugin;
use crate::report::{self, Series};
use crate::service::Service;
use crate::tools::{self, Tool};
use crate::world::World;
use crate::{cerbos, crosstrust_server, opa};

/// Of the slowest one's maximum: what everybody can stand.
const LOAD: f64 = 0.6;
/// No more than this by itself: where no peer is there, a short stop of the machine would fill crosstrust's own limits.
const MOST_CALLS_A_SECOND: f64 = 4000.0;

/// Programs that are there already, and whom to start besides crosstrust.
#[derive(clap::Args)]
pub struct Choice {
    /// Only peers whose names have this in them, besides crosstrust
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// A crosstrust program, in place of building one
    #[arg(long, value_name = "PATH")]
    crosstrust: Option<PathBuf>,
    /// A program of opa-envoy-plugin, which becomes a row of its own
    #[arg(long, value_name = "PATH")]
    opa_envoy: Option<PathBuf>,
}

/// Starts crosstrust, once for each way to ask it, and every peer that can be had here; one that cannot is a line on standard error.
pub fn start(world: &World, facts: &Facts, choice: Choice) -> Result<Vec<Service>> {
    let mut services = Vec::new();
    let crosstrust = choice
        .crosstrust
        .map_or_else(tools::crosstrust, tools::crosstrust_at)?;
    for way in [Way::AuthorizeCached, Way::Authorize, Way::Check] {
        let service = crosstrust_server::start(&crosstrust, world, way);
        services.push(service.context("crosstrust")?);
    }
    if let Some(program) = choice.opa_envoy {
        let service =
            opa::start_ext_authz(Plugin::OpaEnvoy, &tools::opa_at(program)?, facts, world);
        services.push(service.context("OPA-Envoy")?);
    }
    if "OPA".contains(&choice.only)
        && let Some(opa) = available("OPA", tools::opa())
    {
        let service = opa::start_ext_authz(Plugin::Floor, &opa, facts, world);
        services.push(service.context("OPA, ext_authz")?);
        services.push(opa::start_rest(&opa, facts, world).context("OPA, REST")?);
    }
    if "Cerbos".contains(&choice.only)
        && let Some(cerbos) = available("Cerbos", tools::cerbos())
    {
        services.push(cerbos::start(&cerbos, facts, world).context("Cerbos")?);
    }
    Ok(services)
}

fn available(name: &str, tool: Result<Tool>) -> Option<Tool> {
    match tool {
        Ok(tool) => Some(tool),
        Err(error) => {
            eprintln!("{name} is skipped: {error:#}");
            None
        }
    }
}

#[derive(Default)]
struct Seen {
    calls_a_second: Series,
    cpu: Series,
    closed_p50: Series,
    closed_p99: Series,
    open_p50: Series,
    open_p99: Series,
}

/// Runs and prints; `rate` is that of the open loop.
pub fn measure(
    services: &[Service],
    rounds: usize,
    length: Duration,
    rate: Option<f64>,
) -> Result<()> {
    let mut seen: Vec<Seen> = services.iter().map(|_| Seen::default()).collect();
    for round in 0..rounds {
        for (service, seen) in services.iter().zip(&mut seen) {
            let run = generator::closed_loop(service, length, round * 1237);
            seen.note_closed(&run.with_context(|| service.name.clone())?);
        }
    }
    let slowest = seen.iter().map(|seen| seen.calls_a_second.median());
    let slowest = slowest.fold(f64::INFINITY, f64::min);
    let rate = rate.unwrap_or_else(|| (slowest * LOAD).round().min(MOST_CALLS_A_SECOND));
    for round in 0..rounds {
        for (service, seen) in services.iter().zip(&mut seen) {
            let run = generator::open_loop(service, rate, length, round * 1237);
            seen.note_open(&run.with_context(|| service.name.clone())?);
        }
    }
    print(services, &seen, rate);
    Ok(())
}

impl Seen {
    fn note_closed(&mut self, run: &Run) {
        self.calls_a_second.push(run.calls_a_second());
        self.cpu.push_micros(run.cpu_a_call());
        self.closed_p50.push_micros(run.quantile(0.50));
        self.closed_p99.push_micros(run.quantile(0.99));
    }

    fn note_open(&mut self, run: &Run) {
        self.open_p50.push_micros(run.quantile(0.50));
        self.open_p99.push_micros(run.quantile(0.99));
    }
}

/// Where crosstrust stands among the services: each way to ask it.
pub const CACHED: usize = 0;
const AUTHORIZE: usize = 1;
const CHECK: usize = 2;

fn print(services: &[Service], seen: &[Seen], rate: f64) {
    let (connections, streams) = (generator::CONNECTIONS, generator::STREAMS);
    println!(
        "\nClosed loop, {connections} connections of {streams} streams; times in µs, median (range) of the rounds."
    );
    report::head(&[
        "server",
        "CPU a call",
        "× crosstrust",
        "calls/s",
        "p50",
        "p99",
    ]);
    for (service, here) in services.iter().zip(seen) {
        report::row(&[
            service.name.clone(),
            here.cpu.show(),
            times(service, here, seen, |seen| &seen.cpu),
            here.calls_a_second.show(),
            here.closed_p50.show(),
            here.closed_p99.show(),
        ]);
    }
    println!(
        "\nOpen loop, {rate} calls/s for everybody, in µs from the instant at which a call was due."
    );
    report::head(&["server", "p50", "p99", "p99 × crosstrust"]);
    for (service, here) in services.iter().zip(seen) {
        report::row(&[
            service.name.clone(),
            here.open_p50.show(),
            here.open_p99.show(),
            times(service, here, seen, |seen| &seen.open_p99),
        ]);
    }
    println!(
        "\n× crosstrust: of the row that decides every call anew and is asked the same way, Check or its own message."
    );
}

/// How many times as much as crosstrust.
fn times(service: &Service, here: &Seen, all: &[Seen], what: fn(&Seen) -> &Series) -> String {
    let of = if service.path == check::PATH {
        CHECK
    } else {
        AUTHORIZE
    };
    let base = all.get(of).map_or(f64::NAN, |seen| what(seen).median());
    report::number(what(here).median() / base)
}
