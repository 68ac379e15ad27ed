//! A small web server on port 0 that serves key sets and configured faults.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The response of a path.
#[derive(Debug, Clone)]
pub enum Page {
    Json(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// An endless body.
    Endless,
    /// An endless body, one byte at a time.
    Drip,
}

/// Serves until the test ends.
pub struct KeyServer {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    pages: Mutex<HashMap<String, Page>>,
    requests: Mutex<Vec<(String, Instant)>>,
    sent: Mutex<usize>,
}

impl KeyServer {
    pub fn start() -> Self {
        KeyServer::serve("http", None)
    }

    pub fn start_tls(config: ServerConfig) -> Self {
        KeyServer::serve("https", Some(Arc::new(config)))
    }

    fn serve(scheme: &'static str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state, tls) = (stream.unwrap(), Arc::clone(&shared), tls.clone());
                thread::spawn(move || match tls {
                    None => state.answer(stream),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        state.answer(StreamOwned::new(connection, stream));
                    }
                });
            }
        });
        KeyServer {
            address,
            scheme,
            state,
        }
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn url(&self, path: &str) -> String {
        self.origin() + path
    }

    pub fn set(&self, path: &str, page: Page) {
        let mut pages = self.state.pages.lock().unwrap();
        pages.insert(path.to_owned(), page);
    }

    /// The times of the requests for this path.
    pub fn requests(&self, path: &str) -> Vec<Instant> {
        let requests = self.state.requests.lock().unwrap();
        let of_path = requests.iter().filter(|(of, _)| of == path);
        of_path.map(|(_, at)| *at).collect()
    }

    /// The number of bytes of endless bodies that were sent.
    pub fn sent(&self) -> usize {
        *self.state.sent.lock().unwrap()
    }
}

impl State {
    /// Answers a request. The client may close the connection at any time.
    fn answer(&self, stream: impl Read + Write) {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let page = self.pages.lock().unwrap().get(&path).cloned();
        self.requests.lock().unwrap().push((path, Instant::now()));
        let stream = reader.get_mut();
        let _ = match page.unwrap_or(Page::Status(404)) {
            Page::Json(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
                stream.write_all(&[head.as_bytes(), CLOSE, &body].concat())
            }
            Page::Status(code) => {
                let head = format!("HTTP/1.1 {code} No\r\ncontent-length: 0\r\n");
                stream.write_all(&[head.as_bytes(), CLOSE].concat())
            }
            Page::Redirect(to) => {
                let head = format!("HTTP/1.1 302 There\r\ncontent-length: 0\r\nlocation: {to}\r\n");
                stream.write_all(&[head.as_bytes(), CLOSE].concat())
            }
            Page::Endless => self.send_endless(stream, &[b' '; 4096], Duration::ZERO),
            Page::Drip => self.send_endless(stream, b" ", Duration::from_millis(5)),
        };
        let _ = stream.flush();
    }

    fn send_endless(
        &self,
        stream: &mut impl Write,
        piece: &[u8],
        pause: Duration,
    ) -> std::io::Result<()> {
        stream.write_all(&[b"HTTP/1.1 200 OK\r\n", CLOSE].concat())?;
        loop {
            stream.write_all(piece)?;
            stream.flush()?;
            *self.sent.lock().unwrap() += piece.len();
            thread::sleep(pause);
        }
    }
}

const CLOSE: &[u8] = b"connection: close\r\n\r\n";
