//! A closed loop over HTTP/2: each stream calls again as soon as it has its answer. Bodies are encoded in advance. A call
//! that fails ends the run.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::questions::Questions;

/// The number of connections, and of concurrent calls on each.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub connections: usize,
    pub streams: usize,
}

impl Shape {
    /// 8×10: several calls arrive in each packet.
    pub const CONCURRENT: Shape = Shape {
        connections: 8,
        streams: 10,
    };
    /// 1×1: each call waits for the previous one.
    pub const SEQUENTIAL: Shape = Shape {
        connections: 1,
        streams: 1,
    };
}

impl std::fmt::Display for Shape {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}×{}", self.connections, self.streams)
    }
}

/// A run that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Makes this many calls and returns when all are answered.
pub fn run(address: SocketAddr, shape: Shape, calls: u64, questions: &Rc<Questions>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = every_stream(address, shape, calls, questions);
    let work = async { tokio::time::timeout(TIMEOUT, work).await };
    let done = LocalSet::new().block_on(&runtime, work);
    done.context("no answer in time")?
}

async fn every_stream(
    address: SocketAddr,
    shape: Shape,
    calls: u64,
    questions: &Rc<Questions>,
) -> Result<()> {
    let remaining = Rc::new(Cell::new(calls));
    // The connections are closed when this is dropped.
    let mut connections = JoinSet::new();
    let mut streams = JoinSet::new();
    for _ in 0..shape.connections {
        let socket = TcpStream::connect(address).await.context("no connection")?;
        socket.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            // Windows larger than any answer, so that flow control does not limit the load.
            .initial_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake::<_, Bytes>(socket)
            .await?;
        connections.spawn_local(connection);
        for _ in 0..shape.streams {
            streams.spawn_local(stream(
                sender.clone(),
                Rc::clone(questions),
                Rc::clone(&remaining),
            ));
        }
    }
    while let Some(ended) = streams.join_next().await {
        ended??;
    }
    Ok(())
}

async fn stream(
    mut sender: SendRequest<Bytes>,
    questions: Rc<Questions>,
    remaining: Rc<Cell<u64>>,
) -> Result<()> {
    while let Some(rest) = remaining.get().checked_sub(1) {
        remaining.set(rest);
        sender = sender.ready().await.context("the connection is broken")?;
        call(&mut sender, &questions).await?;
    }
    Ok(())
}

async fn call(sender: &mut SendRequest<Bytes>, questions: &Questions) -> Result<()> {
    let request = Request::post(format!("http://localhost{}", questions.path))
        .version(http::Version::HTTP_2)
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())?;
    let (answer, mut body) = sender.send_request(request, false)?;
    body.send_data(questions.next(), true)?;
    let (head, mut body) = answer.await.context("no answer")?.into_parts();
    let mut first = None;
    while let Some(piece) = body.data().await {
        let piece = piece.context("the answer is incomplete")?;
        body.flow_control().release_capacity(piece.len())?;
        first.get_or_insert(piece);
    }
    let trailers = body.trailers().await?;
    // A trailers-only response has its status in the headers.
    let status_headers = trailers.as_ref().unwrap_or(&head.headers);
    let status = status_headers.get("grpc-status");
    ensure!(
        status.is_some_and(|status| status == "0"),
        "{}: grpc-status {status:?}, {:?}",
        questions.path,
        status_headers.get("grpc-message")
    );
    let message = first.as_ref().and_then(|piece| piece.get(5..));
    ensure!(
        message.is_some_and(|message| message.starts_with(questions.answer)),
        "{}: unexpected answer: {first:?}",
        questions.path
    );
    Ok(())
}
