//! More load than a server takes, in closed and in open loop: answers and refusals are counted apart. A refusal has to
//! say that it is one; any other failure ends the run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use tokio::task::LocalSet;

use super::call::{self, Coming, Head, Outcome};
use super::{PATIENCE, Shape, connect};
use crate::server::Server;

/// What calls began in the counted time, and what became of them.
#[derive(Debug, Clone)]
pub struct Beyond {
    pub counted: Duration,
    /// Answered calls, in nanoseconds from their begin, or from the instant at which they were due.
    pub answered: Histogram<u64>,
    pub refused: u64,
    /// Answers that do not look right.
    pub wrong: u64,
}

impl Beyond {
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

/// Before this nothing is counted: a server takes a moment to see that it is overloaded, and meanwhile calls wait.
const ONSET: Duration = Duration::from_millis(500);

struct Shared {
    begun: Instant,
    end: Instant,
    seen: RefCell<Beyond>,
    under_way: Cell<usize>,
    failed: RefCell<Option<anyhow::Error>>,
}

impl Shared {
    fn new(time: Duration) -> Result<Rc<Shared>> {
        let begun = Instant::now();
        let answered = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Rc::new(Shared {
            begun,
            end: begun + ONSET + time,
            seen: RefCell::new(Beyond {
                counted: time,
                answered: answered.map_err(|error| anyhow!("no histogram: {error}"))?,
                refused: 0,
                wrong: 0,
            }),
            under_way: Cell::new(0),
            failed: RefCell::new(None),
        }))
    }

    /// A call that was to begin then has this outcome.
    fn over(&self, begun: Instant, outcome: Outcome) {
        if begun < self.begun + ONSET || begun >= self.end {
            return;
        }
        let mut seen = self.seen.borrow_mut();
        match outcome {
            Outcome::Answered { is_right } => {
                let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                seen.answered.saturating_record(took.max(1));
                seen.wrong += u64::from(!is_right);
            }
            Outcome::Refused => seen.refused += 1,
        }
    }
}

/// Closed loop: each stream asks again at once, whether it was answered or refused.
pub async fn closed_beyond(server: &Server, shape: Shape, time: Duration) -> Result<Beyond> {
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
    tokio::time::timeout(ONSET + time + PATIENCE, all)
        .await
        .with_context(|| format!("{} does not answer in time", server.name))?
        .with_context(|| format!("beyond what it takes, {}", server.name))?;
    Ok(shared.seen.borrow().clone())
}

fn stream(
    server: &Server,
    mut sender: SendRequest<Bytes>,
    head: Head,
    shared: Rc<Shared>,
) -> impl Future<Output = Result<()>> + 'static {
    let (questions, glance) = (Rc::clone(&server.questions), Rc::clone(&server.glance));
    async move {
        loop {
            let begun = Instant::now();
            if begun >= shared.end {
                return Ok(());
            }
            sender = sender.ready().await.context("a broken connection")?;
            let answer = call::send(&mut sender, &head, questions.next())?;
            shared.over(begun, answer.outcome(&glance).await?);
        }
    }
}

/// Open loop at an even rate. The shape has to have more streams than calls are ever under way, so that no call waits for
/// one on the client's side.
pub async fn open_beyond(
    server: &Server,
    shape: Shape,
    per_second: f64,
    time: Duration,
) -> Result<Beyond> {
    let connections = connect::all(&server.address, shape.connections).await?;
    let head = Head::of(server)?;
    let shared = Shared::new(time)?;
    let most = shape.connections * shape.streams;
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
                    shared.under_way.get() < most,
                    "more than {most} calls under way: the generator offers no more than {:.0} a second",
                    f64::from(sent) / shared.begun.elapsed().as_secs_f64()
                );
                let turn = sent as usize % connections.len();
                let connection = connections.get(turn).context("no such connection")?;
                let mut sender = connection.sender.clone();
                let answer = call::send(&mut sender, &head, server.questions.next())?;
                await_outcome(&shared, server, answer, due);
                sent += 1;
                due = shared.begun + every.mul_f64(f64::from(sent));
            }
            if due >= shared.end && shared.under_way.get() == 0 {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    });
    tokio::time::timeout(ONSET + 2 * time + PATIENCE, work)
        .await
        .with_context(|| format!("{} does not answer in time", server.name))?
        .with_context(|| format!("beyond what it takes, {}", server.name))?;
    Ok(shared.seen.borrow().clone())
}

fn await_outcome(shared: &Rc<Shared>, server: &Server, answer: Coming, due: Instant) {
    let (shared, glance) = (Rc::clone(shared), Rc::clone(&server.glance));
    shared.under_way.set(shared.under_way.get() + 1);
    tokio::task::spawn_local(async move {
        let outcome = answer.outcome(&glance).await;
        shared.under_way.set(shared.under_way.get() - 1);
        match outcome {
            Ok(outcome) => shared.over(due, outcome),
            Err(error) => *shared.failed.borrow_mut() = Some(error),
        }
    });
}
