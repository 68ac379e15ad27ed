//! A client that speaks HTTP/2 by the byte, so that it can also misbehave.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use super::echo::PATIENCE;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// SETTINGS_INITIAL_WINDOW_SIZE = 0: no byte of an answer may be sent.
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
        // Without it, a frame waits until the one before is acknowledged, which may take 40 ms.
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(stream)
    }

    /// One that has said its preface.
    pub fn open(address: SocketAddr) -> Self {
        let mut raw = Raw::tcp(address);
        raw.send(PREFACE);
        raw.send(SETTINGS);
        raw
    }
}

impl Raw<TcpStream> {
    /// One that asks and takes no answer.
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
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(stream)
    }
}

impl<T: Read + Write> Raw<T> {
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// HEADERS of a call without a body.
    pub fn begin(&mut self, stream: u8, path: &str) {
        self.begin_at_once(&[stream], path);
    }

    /// The same for several calls in one write, so that they are read at once.
    pub fn begin_at_once(&mut self, streams: &[u8], path: &str) {
        let frames = streams
            .iter()
            .map(|stream| headers(*stream, path, END_HEADERS | END_STREAM));
        let bytes: Vec<u8> = frames.flatten().collect();
        self.send(&bytes);
    }

    /// HEADERS of a call whose body is still to come.
    pub fn begin_with_body(&mut self, stream: u8, path: &str) {
        self.send(&headers(stream, path, END_HEADERS));
    }

    /// The body of a call: an empty message.
    pub fn end(&mut self, stream: u8) {
        self.send(&[0, 0, 5, 0, END_STREAM, 0, 0, 0, stream, 0, 0, 0, 0, 0]);
    }

    /// WINDOW_UPDATE by a mebibyte; stream 0 is the connection.
    pub fn widen(&mut self, stream: u8) {
        self.send(&[0, 0, 4, 8, 0, 0, 0, 0, stream, 0, 16, 0, 0]);
    }

    /// Until what was sent before has been read.
    pub fn ping(&mut self) {
        self.send(&[0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        self.until(PING);
    }

    /// `None` at the end of the connection.
    pub fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        match self.0.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if is_the_end(&error) => return None,
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

    /// The next frame of this kind; the others are not answered.
    pub fn until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().expect("the connection ends");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    pub fn is_closed(&mut self) {
        while self.frame().is_some() {}
    }
}

/// RFC 7541: indexed fields, then literals that are not.
fn headers(stream: u8, path: &str, flags: u8) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'x']);
    let length = u8::try_from(block.len()).unwrap();
    [vec![0, 0, length, 1, flags, 0, 0, 0, stream], block].concat()
}

fn is_the_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
