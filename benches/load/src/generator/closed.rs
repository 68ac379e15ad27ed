//! Closed loop: each stream asks again as soon as it has its answer. Tells what a server can do at most; its latencies
//! are those of a server that is always full.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::task::LocalSet;

use super::call::{self, Head};
use super::{Load, PATIENCE, Shape, Tally, connect};
use crate::server::Server;

/// When it ends. Calls that are under way then are answered and counted.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    Time(Duration),
    Calls(u64),
}

/// Puts the server under load. `standing` is called when the connections stand, right before the first call.
pub async fn closed<T>(
    server: &Server,
    shape: Shape,
    until: Until,
    standing: impl FnOnce() -> Result<T>,
) -> Result<(Load, T)> {
    let connections = connect::all(&server.address, shape.connections).await?;
    let head = Head::of(server)?;
    let before = standing()?;
    let shared = Rc::new(Shared {
        tally: RefCell::new(Tally::new()?),
        left: Cell::new(match until {
            Until::Time(_) => u64::MAX,
            Until::Calls(calls) => calls,
        }),
    });
    let (end, limit) = match until {
        Until::Time(time) => (Instant::now() + time, time + PATIENCE),
        Until::Calls(_) => (Instant::now() + 6 * PATIENCE, 7 * PATIENCE),
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
    left: Cell<u64>,
}

/// What one stream does until it ends.
fn stream(
    server: &Server,
    mut sender: SendRequest<Bytes>,
    head: Head,
    shared: Rc<Shared>,
    end: Instant,
) -> impl Future<Output = Result<()>> + 'static {
    let (questions, glance) = (Rc::clone(&server.questions), Rc::clone(&server.glance));
    async move {
        loop {
            let begun = Instant::now();
            let left = shared.left.get();
            if left == 0 || begun >= end {
                return Ok(());
            }
            shared.left.set(left - 1);
            sender = sender.ready().await.context("a broken connection")?;
            let answer = call::send(&mut sender, &head, questions.next())?;
            let is_right = answer.looks_right(&glance).await?;
            shared.tally.borrow_mut().answered(begun, is_right);
        }
    }
}
