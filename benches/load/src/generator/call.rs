//! One call: a request whole at once, the answer's message, and the status that says that there is one.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::PATIENCE;
use crate::server::{Glance, Manner, Server};

/// What each call sends before its body.
#[derive(Debug, Clone)]
pub struct Head {
    uri: Uri,
    headers: HeaderMap,
    manner: Manner,
}

impl Head {
    pub fn of(server: &Server) -> Result<Head> {
        let fields: &[(HeaderName, &'static str)] = match server.manner {
            Manner::Grpc => &[(TE, "trailers"), (CONTENT_TYPE, "application/grpc")],
            Manner::Json => &[(CONTENT_TYPE, "application/json")],
            Manner::Bearer => &[],
        };
        let fields = fields.iter().cloned();
        let headers = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let headers = headers.collect();
        Ok(Head {
            uri: format!("http://localhost{}", server.method).parse()?,
            headers,
            manner: server.manner,
        })
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = match self.manner {
            Manner::Grpc | Manner::Json => Method::POST,
            Manner::Bearer => Method::GET,
        };
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Sends it; the answer comes by the future.
pub fn send(sender: &mut SendRequest<Bytes>, head: &Head, question: Bytes) -> Result<Coming> {
    let mut request = head.request();
    let answer = match head.manner {
        Manner::Grpc | Manner::Json => {
            let (answer, mut body) = sender.send_request(request, false)?;
            body.send_data(question, true)?;
            answer
        }
        Manner::Bearer => {
            let value = HeaderValue::from_maybe_shared(question)?;
            request.headers_mut().insert(AUTHORIZATION, value);
            sender.send_request(request, true)?.0
        }
    };
    Ok(Coming {
        answer,
        manner: head.manner,
    })
}

/// RESOURCE_EXHAUSTED and UNAVAILABLE: more calls than are admitted, or no answer in time.
const REFUSALS: [&str; 2] = ["8", "14"];

/// What becomes of a call that may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered {
        is_right: bool,
    },
    /// RESOURCE_EXHAUSTED or UNAVAILABLE, or to Envoy a denial that says OVERLOADED.
    Refused,
}

/// An answer that is on its way.
pub struct Coming {
    answer: ResponseFuture,
    manner: Manner,
}

impl Coming {
    /// Whether the answer looks right, once its status has said that there is one.
    pub async fn looks_right(self, glance: &Glance) -> Result<bool> {
        let mut is_right = None;
        let before = self.before_the_message();
        // The first piece has the whole message, unless that is long.
        let first = |piece: &Bytes| {
            is_right.get_or_insert_with(|| piece.get(before..).is_some_and(&**glance));
        };
        is_ok(self.read(first).await?.as_ref())?;
        is_right.context("an OK without a message")
    }

    /// Whether the call is answered, which has to look right, or refused.
    pub async fn outcome(self, glance: &Glance) -> Result<Outcome> {
        let mut seen = None;
        let before = self.before_the_message();
        let first = |piece: &Bytes| {
            seen.get_or_insert_with(|| {
                let is_right = piece.get(before..).is_some_and(&**glance);
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
        match seen.context("an OK without a message")? {
            (_, true) => Ok(Outcome::Refused),
            (is_right, false) => Ok(Outcome::Answered { is_right }),
        }
    }

    /// The answer's message.
    pub async fn message(self) -> Result<Bytes> {
        let mut body = BytesMut::new();
        let before = self.before_the_message();
        let reading = self.read(|piece| body.extend_from_slice(piece));
        let status = tokio::time::timeout(PATIENCE, reading)
            .await
            .context("no answer in time")??;
        is_ok(status.as_ref())?;
        ensure!(body.len() > before, "an OK without a message");
        Ok(body.split_off(before).freeze())
    }

    fn before_the_message(&self) -> usize {
        match self.manner {
            // Whether it is compressed, and its length.
            Manner::Grpc => 5,
            Manner::Json | Manner::Bearer => 0,
        }
    }

    /// Reads the answer; gives where its gRPC status is, `None` where HTTP's is all there is.
    async fn read(self, mut piece: impl FnMut(&Bytes)) -> Result<Option<HeaderMap>> {
        let answer = self.answer.await.context("a call without an answer")?;
        let (head, mut body) = answer.into_parts();
        ensure!(head.status == 200, "HTTP status {}", head.status);
        while let Some(bytes) = body.data().await {
            let bytes = bytes.context("an answer that breaks off")?;
            body.flow_control().release_capacity(bytes.len())?;
            piece(&bytes);
        }
        let trailers = body.trailers().await.context("no trailers")?;
        match self.manner {
            // A call that fails at once has its status in the only head.
            Manner::Grpc => Ok(Some(trailers.unwrap_or(head.headers))),
            Manner::Json | Manner::Bearer => Ok(None),
        }
    }
}

/// In the body of a Check that is refused.
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
