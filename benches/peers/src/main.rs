//! `cargo run --release --manifest-path benches/peers/Cargo.toml`: first that everybody gives the same answers, then
//! what a decision costs in process, and what a call costs over the network.

#![forbid(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Parser;
use crosstrust::time::Timestamp;
use crosstrust_peers::agreement::Answers;
use crosstrust_peers::engine::Engine;
use crosstrust_peers::facts::Facts;
use crosstrust_peers::in_process::{self, Engines, Peer};
use crosstrust_peers::network::Choice;
use crosstrust_peers::report::{self, Series};
use crosstrust_peers::service::Service;
use crosstrust_peers::world::World;
use crosstrust_peers::write::write;
use crosstrust_peers::{crosstrust_server, generator, network};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compares crosstrust with OPA, Cerbos, Cedar and regorus on the same 10,000 questions.
#[derive(Parser)]
struct Options {
    /// Rounds, of which the first is thrown away
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(2..=100))]
    rounds: u16,
    /// Length of one run over the network
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Calls a second in the open loop, in place of 60 % of what the slowest server takes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Only what is in this process
    #[arg(long, conflicts_with = "network")]
    in_process: bool,
    /// Only what goes over the network
    #[arg(long)]
    network: bool,
    #[command(flatten)]
    choice: Choice,
    /// Writes what each peer is given into this folder, and asks nobody
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// The world and its requests follow from it
    #[arg(long, default_value_t = 4)]
    seed: u64,
}

/// What one peer gets in one round in process.
const SPAN: Duration = Duration::from_millis(400);

fn main() -> Result<()> {
    let options = Options::parse();
    without_backtraces()?;
    let world = World::of(options.seed);
    let facts = Facts::of(&world)?;
    if let Some(folder) = options.write {
        return write(&folder, &world, &facts);
    }
    let engine = Engine::of(&world)?;
    let now = now()?;
    let answers = Answers::of(&engine, &world, now);
    println!("{}", report::machine());
    println!("{}", answers.mix());
    answers.check_mix()?;
    let rounds = usize::from(options.rounds);
    if !options.network {
        let mut engines = Engines::of(&engine, &facts, &world.requests, now)?;
        in_process(
            engines.peers(&options.choice.only),
            &world,
            &answers,
            rounds,
        )?;
    }
    if !options.in_process {
        let services = network::start(&world, &facts, options.choice)?;
        for service in &services {
            agree(service, &world, &answers)?;
        }
        remembers(&services[network::CACHED])?;
        generator::pin()?;
        network::measure(
            &services,
            rounds,
            Duration::from_secs(options.seconds),
            options.rate.map(f64::from),
        )?;
    }
    Ok(())
}

/// Peers that make errors on their way would else look at the stack for each, which is no fault of theirs.
fn without_backtraces() -> Result<()> {
    const NAME: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(NAME).is_some_and(|value| value == "0") {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    let again = again.args(std::env::args_os().skip(1)).env(NAME, "0");
    Err(again.exec().into())
}

fn now() -> Result<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::from_seconds(i64::try_from(since.as_secs())?))
}

fn in_process(
    mut peers: Vec<Peer<'_>>,
    world: &World,
    answers: &Answers,
    rounds: usize,
) -> Result<()> {
    for peer in &mut peers {
        let said = (0..world.requests.len()).map(&mut peer.ask);
        let said: Vec<bool> = said
            .collect::<Result<_>>()
            .with_context(|| peer.name.clone())?;
        answers.compare(world, &peer.name, &said)?;
        println!("{}: the same answers", peer.name);
    }
    let mut times: Vec<Series> = peers.iter().map(|_| Series::default()).collect();
    for _ in 0..rounds {
        for (peer, times) in peers.iter_mut().zip(&mut times) {
            times.push(in_process::time(peer, world.requests.len(), SPAN)?);
        }
    }
    println!("\nIn process, one thread: ns a decision, median (range) of the rounds.");
    report::head(&["engine", "ns a decision", "× crosstrust"]);
    for (peer, series) in peers.iter().zip(&times) {
        let ratio = series.median() / times[0].median();
        report::row(&[peer.name.clone(), series.show(), report::number(ratio)]);
    }
    Ok(())
}

fn agree(service: &Service, world: &World, answers: &Answers) -> Result<()> {
    let said = generator::ask_all(service, service.allows).with_context(|| service.name.clone())?;
    answers.compare(world, &service.name, &said)?;
    println!("{} ({}): the same answers", service.name, service.version);
    Ok(())
}

/// The cached server has kept the answers that it has just given.
fn remembers(service: &Service) -> Result<()> {
    let cached = generator::ask_all(service, crosstrust_server::is_cached)?;
    let share = cached.iter().filter(|cached| **cached).count();
    println!(
        "{}: {share} of {} answers are remembered",
        service.name,
        cached.len()
    );
    Ok(())
}
