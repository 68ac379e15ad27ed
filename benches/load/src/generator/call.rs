//! One unary call: a request with its body at once, the answer's message, and the status in the trailers.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::{PATIENCE, connect};
use crate::server::{Glance, Server};

/// What each call sends before its body.
#[derive(Debug, Clone)]
pub struct Head {
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    pub fn of(method: &str) -> Result<Head> {
        let mut headers = HeaderMap::new();
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        Ok(Head {
            uri: format!("http://localhost{method}").parse()?,
            headers,
        })
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Sends it; the answer comes by the future.
pub fn send(sender: &mut SendRequest<Bytes>, head: &Head, body: Bytes) -> Result<ResponseFuture> {
    let (answer, mut stream) = sender.send_request(head.request(), false)?;
    stream.send_data(body, true)?;
    Ok(answer)
}

/// Whether the answer looks right, once its status has said that there is one.
pub async fn received(answer: ResponseFuture, glance: &Glance) -> Result<bool> {
    let mut is_right = None;
    // The first piece has the whole message, unless that is long.
    let first = |piece: &Bytes| *is_right.get_or_insert(piece.get(5..).is_some_and(&**glance));
    read(answer, first).await?;
    is_right.context("an OK without a message")
}

async fn read<T>(answer: ResponseFuture, mut piece: impl FnMut(&Bytes) -> T) -> Result<()> {
    let (head, mut body) = answer
        .await
        .context("a call without an answer")?
        .into_parts();
    ensure!(head.status == 200, "HTTP status {}", head.status);
    while let Some(bytes) = body.data().await {
        let bytes = bytes.context("an answer that breaks off")?;
        body.flow_control().release_capacity(bytes.len())?;
        piece(&bytes);
    }
    let trailers = body.trailers().await.context("no trailers")?;
    // A call that fails at once has its status in the only head.
    let told = trailers.as_ref().unwrap_or(&head.headers);
    match told.get("grpc-status").map(HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        found => {
            let status = found.map(String::from_utf8_lossy);
            let message = told.get("grpc-message");
            bail!("a call failed: grpc-status {status:?}, {message:?}")
        }
    }
}

/// Asks the server's next question once, on a connection of its own: the answer's message.
pub async fn one_answer(server: &Server) -> Result<Bytes> {
    let head = Head::of(server.method)?;
    let mut connections = connect::all(&server.address, 1).await?;
    let connection = connections.first_mut().context("no connection")?;
    let answer = send(&mut connection.sender, &head, server.questions.next())?;
    let mut body = BytesMut::new();
    let reading = read(answer, |piece| body.extend_from_slice(piece));
    tokio::time::timeout(PATIENCE, reading)
        .await
        .context("no answer in time")??;
    ensure!(body.len() > 5, "an OK without a message");
    Ok(body.split_off(5).freeze())
}
