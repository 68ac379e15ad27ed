//! Open loop: calls begin when they are due, at an even rate. Latency counts from the instant at which a call is due, so
//! that a stalled server cannot hide waiting calls (no coordinated omission).
//!
//! The dispatcher never sleeps: the runtime's timer has a resolution of 1 ms, and its core has no other work.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::LocalSet;

use super::call::{self, Head};
use super::connect::{self, Connection};
use super::{Load, Shape, TIMEOUT, Tally};
use crate::server::Server;

/// Puts the server under this many calls per second for this long. If no stream is free, a call waits, and the wait
/// counts.
pub async fn open(server: &Server, shape: Shape, per_second: f64, time: Duration) -> Result<Load> {
    ensure!(per_second >= 1.0, "a rate of {per_second} calls per second");
    let connections = connect::all(&server.address, shape.connections).await?;
    let head = Head::of(server)?;
    let shared = Rc::new(RefCell::new(State {
        tally: Tally::new()?,
        in_flight: vec![0; connections.len()],
        failed: None,
    }));
    let plan = Plan {
        calls: (per_second * time.as_secs_f64()) as u64,
        every: Duration::from_secs_f64(1.0 / per_second),
        streams: shape.streams,
    };
    let tasks = LocalSet::new();
    let work = tasks.run_until(dispatch(server, &connections, &head, &shared, plan));
    // Twice the time: a server that falls behind this far got too high a rate.
    tokio::time::timeout(2 * time + TIMEOUT, work)
        .await
        .with_context(|| format!("{} cannot keep up with its rate", server.name))?
        .with_context(|| format!("under load, {}", server.name))?;
    drop(tasks);
    let state = Rc::into_inner(shared).context("a call has not ended")?;
    Ok(state.into_inner().tally.load())
}

#[derive(Clone, Copy)]
struct Plan {
    calls: u64,
    every: Duration,
    streams: usize,
}

struct State {
    tally: Tally,
    in_flight: Vec<usize>,
    failed: Option<anyhow::Error>,
}

async fn dispatch(
    server: &Server,
    connections: &[Connection],
    head: &Head,
    shared: &Rc<RefCell<State>>,
    plan: Plan,
) -> Result<()> {
    let begun = Instant::now();
    let mut sent = 0;
    let mut turn = 0;
    loop {
        if let Some(error) = shared.borrow_mut().failed.take() {
            return Err(error);
        }
        while sent < plan.calls {
            let due = begun + plan.every.mul_f64(sent as f64);
            if due > Instant::now() {
                break;
            }
            let Some(at) = free(&shared.borrow().in_flight, turn, plan.streams) else {
                break;
            };
            turn = at + 1;
            sent += 1;
            let connection = connections
                .get(at)
                .context("index of a connection out of range")?;
            begin(server, connection, head, shared, at, due)?;
        }
        if sent == plan.calls && shared.borrow().in_flight.iter().all(|count| *count == 0) {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// The next connection from this one on with a free stream.
fn free(in_flight: &[usize], from: usize, streams: usize) -> Option<usize> {
    let count = in_flight.len();
    let turns = (from..from + count).map(|at| at % count);
    turns
        .into_iter()
        .find(|at| in_flight.get(*at).is_some_and(|busy| *busy < streams))
}

fn begin(
    server: &Server,
    connection: &Connection,
    head: &Head,
    shared: &Rc<RefCell<State>>,
    at: usize,
    due: Instant,
) -> Result<()> {
    let mut sender = connection.sender.clone();
    let answer = call::send(&mut sender, head, server.questions.next())?;
    let (shared, quick_check) = (Rc::clone(shared), Rc::clone(&server.quick_check));
    change(&shared, at, 1);
    tokio::task::spawn_local(async move {
        let received = answer.passes_check(&quick_check).await;
        change(&shared, at, -1);
        let mut state = shared.borrow_mut();
        match received {
            Ok(is_right) => state.tally.answered(due, is_right),
            Err(error) => state.failed = Some(error),
        }
    });
    Ok(())
}

fn change(shared: &Rc<RefCell<State>>, at: usize, by: isize) {
    if let Some(count) = shared.borrow_mut().in_flight.get_mut(at) {
        *count = count.saturating_add_signed(by);
    }
}
