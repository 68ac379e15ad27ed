//! A server with its questions: what a load generator has to know.

use anyhow::Result;
use bytes::{BufMut, Bytes, BytesMut};
use tempfile::TempDir;

use crate::server::Server;

pub struct Service {
    pub name: String,
    pub version: String,
    pub server: Server,
    /// The `:path` of each call.
    pub path: &'static str,
    pub encoding: Encoding,
    /// In the order of the world's requests: the message alone, without gRPC's five bytes before it.
    pub questions: Vec<Bytes>,
    /// Reads an answer's message.
    pub allows: fn(&[u8]) -> Result<bool>,
    /// Policies and configuration, for as long as the server runs.
    pub folder: TempDir,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Grpc,
    Json,
}

impl Encoding {
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Grpc => "application/grpc",
            Encoding::Json => "application/json",
        }
    }

    /// The body of a call.
    pub fn body(self, message: &Bytes) -> Bytes {
        if self == Encoding::Json {
            return message.clone();
        }
        let mut body = BytesMut::with_capacity(5 + message.len());
        body.put_u8(0);
        body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        body.extend_from_slice(message);
        body.freeze()
    }

    /// The message in an answer's body.
    pub fn message(self, body: &[u8]) -> &[u8] {
        match self {
            Encoding::Json => body,
            Encoding::Grpc => body.get(5..).unwrap_or_default(),
        }
    }
}
