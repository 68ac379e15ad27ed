//! A client of the gateway that controls each byte of its requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

/// A call that takes longer fails the test instead of blocking it.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case. For gRPC, the trailers are included.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of the header, which may occur at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(found, _)| found == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "header {name} occurs twice");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

/// A persistent HTTP/1.1 connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        Connection {
            stream: BufReader::new(stream),
        }
    }

    pub fn get(&mut self, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let lines: String = lines.collect();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n");
        self.try_send(&request).expect("an answer")
    }

    /// `None` if the peer closes the connection.
    pub fn try_send(&mut self, request: &str) -> Option<Answer> {
        self.stream.get_mut().write_all(request.as_bytes()).ok()?;
        let first = self.read_line()?;
        let status = first.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer {
            status,
            ..Answer::default()
        };
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            let entry = (name.to_ascii_lowercase(), value.trim().to_owned());
            answer.headers.push(entry);
        }
        answer.body = self.body(&answer)?;
        Some(answer)
    }

    fn body(&mut self, answer: &Answer) -> Option<String> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.read_line()?, 16).ok()?;
                self.read_exactly(size, &mut body)?;
                self.read_line()?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = answer.header("content-length") {
            self.read_exactly(length.parse().ok()?, &mut body)?;
        }
        String::from_utf8(body).ok()
    }

    fn read_exactly(&mut self, size: usize, body: &mut Vec<u8>) -> Option<()> {
        let mut part = vec![0; size];
        self.stream.read_exact(&mut part).ok()?;
        body.extend(part);
        Some(())
    }

    fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        Some(line.strip_suffix("\r\n")?.to_owned())
    }
}

/// One gRPC call over HTTP/2 without TLS, with an empty message.
pub fn grpc(address: SocketAddr, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let call = tokio::time::timeout(TIMEOUT, grpc_call(address, host, path, headers));
        call.await.expect("an answer in time")
    })
}

async fn grpc_call(
    address: SocketAddr,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://{host}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let response = sender
        .send_request(request.body(message).unwrap())
        .await
        .unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let entries = |map: &http::HeaderMap| -> Vec<_> {
        let entries = map.iter();
        entries
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    };
    let mut all_headers = entries(&head.headers);
    all_headers.extend(body.trailers().map(entries).unwrap_or_default());
    Answer {
        status: head.status.as_u16(),
        headers: all_headers,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    }
}
