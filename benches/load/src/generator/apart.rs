//! Complete answers, read without load.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::task::LocalSet;

use super::call::{self, Head};
use super::connect;
use crate::server::Server;

/// Concurrent calls.
const STREAMS: usize = 10;

/// Sends the server's next request on a new connection and returns the message of the answer.
pub async fn one_answer(server: &Server) -> Result<Bytes> {
    let head = Head::of(server)?;
    let mut connections = connect::all(&server.address, 1).await?;
    let connection = connections.first_mut().context("no connection")?;
    let answer = call::send(&mut connection.sender, &head, server.questions.next())?;
    answer.message().await
}

/// Sends every request once and returns the messages of the answers, in the order of the requests.
pub async fn all_answers(server: &Server) -> Result<Vec<Bytes>> {
    let head = Head::of(server)?;
    let connections = connect::all(&server.address, 1).await?;
    let connection = connections.first().context("no connection")?;
    let answers = Rc::new(RefCell::new(vec![Bytes::new(); server.questions.len()]));
    let next = Rc::new(Cell::new(0));
    let tasks = LocalSet::new();
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let (mut sender, head) = (connection.sender.clone(), head.clone());
            let questions = Rc::clone(&server.questions);
            let (answers, next) = (Rc::clone(&answers), Rc::clone(&next));
            tasks.spawn_local(async move {
                loop {
                    let at = next.get();
                    if at == questions.len() {
                        return anyhow::Ok(());
                    }
                    next.set(at + 1);
                    sender = sender.ready().await.context("the connection is broken")?;
                    let answer = call::send(&mut sender, &head, questions.body(at))?;
                    let message = answer.message().await?;
                    answers.borrow_mut()[at] = message;
                }
            })
        })
        .collect();
    tasks
        .run_until(async {
            for stream in streams {
                stream.await.context("a stream panicked")??;
            }
            anyhow::Ok(())
        })
        .await?;
    Ok(answers.take())
}
