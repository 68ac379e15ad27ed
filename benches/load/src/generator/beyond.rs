//! Overload in closed and in open loop: answers and refusals are counted separately. A refusal must be explicit; any other
//! failure ends the run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use tokio::task::LocalSet;

use super::call::{self, Head, Outcome, PendingAnswer};
use super::{Shape, TIMEOUT, connect};
use crate::server::Server;

/// The outcomes of the calls that began in the counted time.
#[derive(Debug, Clone)]
pub struct OverloadOutcomes {
    pub counted: Duration,
    /// Latencies of answered calls in nanoseconds, from the start of the call or from the instant at which it was due.
    pub answered: Histogram<u64>,
    pub refused: u64,
    /// Answers that failed the quick check.
    pub wrong: u64,
}

impl OverloadOutcomes {
    pub fn answered_per_second(&self) -> f64 {
        self.answered.len() as f64 / self.counted.as_secs_f64()
    }

    pub fn refused_per_second(&self) -> f64 {
        self.refused as f64 / self.counted.as_secs_f64()
    }

    pub fn offered_per_second(&self) -> f64 {
        self.answered_per_second() + self.refused_per_second()
    }

    pub fn percentile_ms(&self, percent: f64) -> f64 {
        self.answered.value_at_percentile(percent) as f64 / 1e6
    }
}

/// Calls that begin earlier are not counted: a server needs a moment to detect the overload, and meanwhile calls wait.
const ONSET: Duration = Duration::from_millis(500);

struct Shared {
    begun: Instant,
    end: Instant,
    outcomes: RefCell<OverloadOutcomes>,
    in_flight: Cell<usize>,
    failed: RefCell<Option<anyhow::Error>>,
}

impl Shared {
    fn new(time: Duration) -> Result<Rc<Shared>> {
        let begun = Instant::now();
        let answered = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Rc::new(Shared {
            begun,
            end: begun + ONSET + time,
            outcomes: RefCell::new(OverloadOutcomes {
                counted: time,
                answered: answered.map_err(|error| anyhow!("no histogram: {error}"))?,
                refused: 0,
                wrong: 0,
            }),
            in_flight: Cell::new(0),
            failed: RefCell::new(None),
        }))
    }

    /// Records the outcome of a call that began or was due at `begun`.
    fn record(&self, begun: Instant, outcome: Outcome) {
        if begun < self.begun + ONSET || begun >= self.end {
            return;
        }
        let mut outcomes = self.outcomes.borrow_mut();
        match outcome {
            Outcome::Answered { is_right } => {
                let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                outcomes.answered.saturating_record(took.max(1));
                outcomes.wrong += u64::from(!is_right);
            }
            Outcome::Refused => outcomes.refused += 1,
        }
    }
}

/// Closed loop: each stream calls again at once after an answer or a refusal.
pub async fn closed_overload(
    server: &Server,
    shape: Shape,
    time: Duration,
) -> Result<OverloadOutcomes> {
    let connections = connect::all(&server.address, shape.connections).await?;
    let head = Head::of(server)?;
    let shared = Shared::new(time)?;
    let tasks = LocalSet::new();
    let streams = connections.iter().flat_map(|connection| {
        let sender = || connection.sender.clone();
        (0..shape.streams).map(move |_| sender())
    });
    let streams: Vec<_> = streams
        .map(|sender| tasks.spawn_local(stream(server, sender, head.clone(), Rc::clone(&shared))))
        .collect();
    let all = tasks.run_until(async {
        for stream in streams {
            stream.await.context("a stream panicked")??;
        }
        anyhow::Ok(())
    });
    tokio::time::timeout(ONSET + time + TIMEOUT, all)
        .await
        .with_context(|| format!("{} does not answer in time", server.name))?
        .with_context(|| format!("under overload, {}", server.name))?;
    Ok(shared.outcomes.borrow().clone())
}

fn stream(
    server: &Server,
    mut sender: SendRequest<Bytes>,
    head: Head,
    shared: Rc<Shared>,
) -> impl Future<Output = Result<()>> + 'static {
    let (questions, quick_check) = (Rc::clone(&server.questions), Rc::clone(&server.quick_check));
    async move {
        loop {
            let begun = Instant::now();
            if begun >= shared.end {
                return Ok(());
            }
            sender = sender.ready().await.context("the connection is broken")?;
            let answer = call::send(&mut sender, &head, questions.next())?;
            shared.record(begun, answer.outcome(&quick_check).await?);
        }
    }
}

/// Open loop at an even rate. The shape must have more streams than calls are ever in flight, so that no call waits in the
/// client.
pub async fn open_overload(
    server: &Server,
    shape: Shape,
    per_second: f64,
    time: Duration,
) -> Result<OverloadOutcomes> {
    let connections = connect::all(&server.address, shape.connections).await?;
    let head = Head::of(server)?;
    let shared = Shared::new(time)?;
    let capacity = shape.connections * shape.streams;
    let every = Duration::from_secs_f64(1.0 / per_second);
    let tasks = LocalSet::new();
    let work = tasks.run_until(async {
        let mut sent = 0_u32;
        loop {
            if let Some(error) = shared.failed.take() {
                return Err(error);
            }
            let now = Instant::now();
            let mut due = shared.begun + every.mul_f64(f64::from(sent));
            while due <= now && due < shared.end {
                ensure!(
                    shared.in_flight.get() < capacity,
                    "more than {capacity} calls in flight: the generator offered only {:.0} calls per second",
                    f64::from(sent) / shared.begun.elapsed().as_secs_f64()
                );
                let turn = sent as usize % connections.len();
                let connection = connections.get(turn).context("index of a connection out of range")?;
                let mut sender = connection.sender.clone();
                let answer = call::send(&mut sender, &head, server.questions.next())?;
                await_outcome(&shared, server, answer, due);
                sent += 1;
                due = shared.begun + every.mul_f64(f64::from(sent));
            }
            if due >= shared.end && shared.in_flight.get() == 0 {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    });
    tokio::time::timeout(ONSET + 2 * time + TIMEOUT, work)
        .await
        .with_context(|| format!("{} does not answer in time", server.name))?
        .with_context(|| format!("under overload, {}", server.name))?;
    Ok(shared.outcomes.borrow().clone())
}

fn await_outcome(shared: &Rc<Shared>, server: &Server, answer: PendingAnswer, due: Instant) {
    let (shared, quick_check) = (Rc::clone(shared), Rc::clone(&server.quick_check));
    shared.in_flight.set(shared.in_flight.get() + 1);
    tokio::task::spawn_local(async move {
        let outcome = answer.outcome(&quick_check).await;
        shared.in_flight.set(shared.in_flight.get() - 1);
        match outcome {
            Ok(outcome) => shared.record(due, outcome),
            Err(error) => *shared.failed.borrow_mut() = Some(error),
        }
    });
}
