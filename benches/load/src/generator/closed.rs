//! Closed loop: each stream calls again as soon as it has its answer. It measures the maximum of a server; its latencies
//! are those of a server at full load.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::task::LocalSet;

use super::call::{self, Head};
use super::{Load, Shape, TIMEOUT, Tally, connect};
use crate::server::Server;

/// When the load ends. Calls in flight at the end are answered and counted.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    Time(Duration),
    Calls(u64),
}

/// Puts the server under load. `on_connected` is called when all connections are open, right before the first call.
pub async fn closed<T>(
    server: &Server,
    shape: Shape,
    until: Until,
    on_connected: impl FnOnce() -> Result<T>,
) -> Result<(Load, T)> {
    let connections = connect::all(&server.address, shape.connections).await?;
    let head = Head::of(server)?;
    let before = on_connected()?;
    let shared = Rc::new(Shared {
        tally: RefCell::new(Tally::new()?),
        remaining: Cell::new(match until {
            Until::Time(_) => u64::MAX,
            Until::Calls(calls) => calls,
        }),
    });
    let (end, limit) = match until {
        Until::Time(time) => (Instant::now() + time, time + TIMEOUT),
        Until::Calls(_) => (Instant::now() + 6 * TIMEOUT, 7 * TIMEOUT),
    };
    let tasks = LocalSet::new();
    let streams = connections.iter().flat_map(|connection| {
        let sender = || connection.sender.clone();
        (0..shape.streams).map(move |_| sender())
    });
    let streams: Vec<_> = streams
        .map(|sender| {
            let work = stream(server, sender, head.clone(), Rc::clone(&shared), end);
            tasks.spawn_local(work)
        })
        .collect();
    let all = tasks.run_until(async {
        for stream in streams {
            stream.await.context("a stream panicked")??;
        }
        anyhow::Ok(())
    });
    tokio::time::timeout(limit, all)
        .await
        .with_context(|| format!("{} does not answer in time", server.name))?
        .with_context(|| format!("under load, {}", server.name))?;
    drop(tasks);
    let shared = Rc::into_inner(shared).context("a stream has not ended")?;
    Ok((shared.tally.into_inner().load(), before))
}

struct Shared {
    tally: RefCell<Tally>,
    remaining: Cell<u64>,
}

/// Calls until the end of the load.
fn stream(
    server: &Server,
    mut sender: SendRequest<Bytes>,
    head: Head,
    shared: Rc<Shared>,
    end: Instant,
) -> impl Future<Output = Result<()>> + 'static {
    let (questions, quick_check) = (Rc::clone(&server.questions), Rc::clone(&server.quick_check));
    async move {
        loop {
            let begun = Instant::now();
            let remaining = shared.remaining.get();
            if remaining == 0 || begun >= end {
                return Ok(());
            }
            shared.remaining.set(remaining - 1);
            sender = sender.ready().await.context("the connection is broken")?;
            let answer = call::send(&mut sender, &head, questions.next())?;
            let is_right = answer.passes_check(&quick_check).await?;
            shared.tally.borrow_mut().answered(begun, is_right);
        }
    }
}
