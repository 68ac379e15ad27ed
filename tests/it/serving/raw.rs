//! A client that sends HTTP/2 frames byte by byte, so that it can violate the protocol.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use super::echo::TEST_TIMEOUT;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// SETTINGS_INITIAL_WINDOW_SIZE = 0: the server may send no byte of a response.
const NO_WINDOW: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
pub const REFUSED_STREAM: u32 = 7;

pub struct Raw<T>(pub T);

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Raw<TcpStream> {
    pub fn tcp(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // Otherwise a frame waits until the previous one is acknowledged, which may take 40 ms.
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        Raw(stream)
    }

    /// Connects and sends the preface and SETTINGS.
    pub fn open(address: SocketAddr) -> Self {
        let mut raw = Raw::tcp(address);
        raw.send(PREFACE);
        raw.send(SETTINGS);
        raw
    }
}

impl Raw<TcpStream> {
    /// Connects with an initial window of 0, so that the server cannot send response bodies.
    pub fn open_without_window(address: SocketAddr) -> Self {
        let mut raw = Raw::tcp(address);
        raw.send(PREFACE);
        raw.send(NO_WINDOW);
        raw
    }
}

impl Raw<UnixStream> {
    pub fn unix(path: &std::path::Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        Raw(stream)
    }
}

impl<T: Read + Write> Raw<T> {
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends HEADERS of a call without a body.
    pub fn begin(&mut self, stream: u8, path: &str) {
        self.begin_at_once(&[stream], path);
    }

    /// Sends HEADERS of several calls in one write, so that they are read at once.
    pub fn begin_at_once(&mut self, streams: &[u8], path: &str) {
        let frames = streams
            .iter()
            .map(|stream| headers(*stream, path, END_HEADERS | END_STREAM));
        let bytes: Vec<u8> = frames.flatten().collect();
        self.send(&bytes);
    }

    /// Sends HEADERS of a call whose body follows.
    pub fn begin_with_body(&mut self, stream: u8, path: &str) {
        self.send(&headers(stream, path, END_HEADERS));
    }

    /// Sends the body of a call: an empty message.
    pub fn end(&mut self, stream: u8) {
        self.send(&[0, 0, 5, 0, END_STREAM, 0, 0, 0, stream, 0, 0, 0, 0, 0]);
    }

    /// Sends WINDOW_UPDATE of 1 MiB; stream 0 is the connection.
    pub fn widen(&mut self, stream: u8) {
        self.send(&[0, 0, 4, 8, 0, 0, 0, 0, stream, 0, 16, 0, 0]);
    }

    /// Waits until the server has read everything that was sent before.
    pub fn ping(&mut self) {
        self.send(&[0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        self.until(PING);
    }

    /// The next frame, or `None` at the end of the connection.
    pub fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        match self.0.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if is_connection_end(&error) => return None,
            Err(error) => panic!("{error}"),
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length.try_into().unwrap()];
        self.0.read_exact(&mut payload).unwrap();
        Some(Frame {
            kind: head[3],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// The next frame of this kind; others are skipped.
    pub fn until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().expect("the connection ends");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    pub fn wait_until_closed(&mut self) {
        while self.frame().is_some() {}
    }
}

/// RFC 7541: indexed fields, then literals without indexing.
fn headers(stream: u8, path: &str, flags: u8) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'x']);
    let length = u8::try_from(block.len()).unwrap();
    [vec![0, 0, length, 1, flags, 0, 0, 0, stream], block].concat()
}

fn is_connection_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
