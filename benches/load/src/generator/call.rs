//! One call: a complete request, the message of the answer, and its status.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::TIMEOUT;
use crate::server::{Protocol, QuickCheck, Server};

/// The method, path and headers of each call.
#[derive(Debug, Clone)]
pub struct Head {
    uri: Uri,
    headers: HeaderMap,
    protocol: Protocol,
}

impl Head {
    pub fn of(server: &Server) -> Result<Head> {
        let fields: &[(HeaderName, &'static str)] = match server.protocol {
            Protocol::Grpc => &[(TE, "trailers"), (CONTENT_TYPE, "application/grpc")],
            Protocol::Json => &[(CONTENT_TYPE, "application/json")],
            Protocol::Bearer => &[],
        };
        let fields = fields.iter().cloned();
        let headers = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let headers = headers.collect();
        Ok(Head {
            uri: format!("http://localhost{}", server.method).parse()?,
            headers,
            protocol: server.protocol,
        })
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = match self.protocol {
            Protocol::Grpc | Protocol::Json => Method::POST,
            Protocol::Bearer => Method::GET,
        };
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Sends a request.
pub fn send(sender: &mut SendRequest<Bytes>, head: &Head, payload: Bytes) -> Result<PendingAnswer> {
    let mut request = head.request();
    let answer = match head.protocol {
        Protocol::Grpc | Protocol::Json => {
            let (answer, mut body) = sender.send_request(request, false)?;
            body.send_data(payload, true)?;
            answer
        }
        Protocol::Bearer => {
            let value = HeaderValue::from_maybe_shared(payload)?;
            request.headers_mut().insert(AUTHORIZATION, value);
            sender.send_request(request, true)?.0
        }
    };
    Ok(PendingAnswer {
        answer,
        protocol: head.protocol,
    })
}

/// `grpc-status` of RESOURCE_EXHAUSTED and UNAVAILABLE: the call was not admitted, or not answered in time.
const REFUSALS: [&str; 2] = ["8", "14"];

/// The outcome of a call under overload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered {
        is_right: bool,
    },
    /// RESOURCE_EXHAUSTED or UNAVAILABLE, or a Check denied with OVERLOADED.
    Refused,
}

/// An answer that has not been received.
pub struct PendingAnswer {
    answer: ResponseFuture,
    protocol: Protocol,
}

impl PendingAnswer {
    /// Whether an OK answer passes the quick check.
    pub async fn passes_check(self, quick_check: &QuickCheck) -> Result<bool> {
        let mut is_right = None;
        let prefix = self.prefix_length();
        // The first piece has the complete message, unless it is long.
        let first = |piece: &Bytes| {
            is_right.get_or_insert_with(|| piece.get(prefix..).is_some_and(&**quick_check));
        };
        is_ok(self.read(first).await?.as_ref())?;
        is_right.context("status OK without a message")
    }

    /// Whether the call was answered, with the result of the quick check, or refused.
    pub async fn outcome(self, quick_check: &QuickCheck) -> Result<Outcome> {
        let mut first_check = None;
        let prefix = self.prefix_length();
        let first = |piece: &Bytes| {
            first_check.get_or_insert_with(|| {
                let is_right = piece.get(prefix..).is_some_and(&**quick_check);
                let mut parts = piece.windows(OVERLOADED.len());
                (is_right, !is_right && parts.any(|part| part == OVERLOADED))
            });
        };
        let status = self.read(first).await?;
        let status = status.as_ref();
        let code = status.and_then(|status| status.get("grpc-status"));
        if code.is_some_and(|code| REFUSALS.iter().any(|refusal| code == refusal)) {
            return Ok(Outcome::Refused);
        }
        is_ok(status)?;
        match first_check.context("status OK without a message")? {
            (_, true) => Ok(Outcome::Refused),
            (is_right, false) => Ok(Outcome::Answered { is_right }),
        }
    }

    /// The answer's message.
    pub async fn message(self) -> Result<Bytes> {
        let mut body = BytesMut::new();
        let prefix = self.prefix_length();
        let reading = self.read(|piece| body.extend_from_slice(piece));
        let status = tokio::time::timeout(TIMEOUT, reading)
            .await
            .context("no answer in time")??;
        is_ok(status.as_ref())?;
        ensure!(body.len() > prefix, "status OK without a message");
        Ok(body.split_off(prefix).freeze())
    }

    fn prefix_length(&self) -> usize {
        match self.protocol {
            // Whether it is compressed, and its length.
            Protocol::Grpc => 5,
            Protocol::Json | Protocol::Bearer => 0,
        }
    }

    /// Reads the answer and returns the headers with its gRPC status; `None` if it only has an HTTP status.
    async fn read(self, mut piece: impl FnMut(&Bytes)) -> Result<Option<HeaderMap>> {
        let answer = self.answer.await.context("the call has no answer")?;
        let (head, mut body) = answer.into_parts();
        ensure!(head.status == 200, "HTTP status {}", head.status);
        while let Some(bytes) = body.data().await {
            let bytes = bytes.context("the answer is incomplete")?;
            body.flow_control().release_capacity(bytes.len())?;
            piece(&bytes);
        }
        let trailers = body.trailers().await.context("no trailers")?;
        match self.protocol {
            // A trailers-only response has its status in the headers.
            Protocol::Grpc => Ok(Some(trailers.unwrap_or(head.headers))),
            Protocol::Json | Protocol::Bearer => Ok(None),
        }
    }
}

/// Part of the body of a refused Check.
const OVERLOADED: &[u8] = b"OVERLOADED";

fn is_ok(headers: Option<&HeaderMap>) -> Result<()> {
    let Some(headers) = headers else {
        return Ok(());
    };
    match headers.get("grpc-status").map(HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        found => {
            let status = found.map(String::from_utf8_lossy);
            let message = headers.get("grpc-message");
            bail!("a call failed: grpc-status {status:?}, {message:?}")
        }
    }
}
