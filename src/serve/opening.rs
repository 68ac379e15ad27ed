//! How a connection begins: the bytes up to the end of the HTTP/2 preface and its first frame, or which other protocol
//! they are of.
//!
//! RFC 9113 §3.4: a client begins with a preface of 24 bytes and a SETTINGS frame, whose header of 9 bytes begins with
//! the length of the rest. Whether the frame is right is h2's business.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::oneshot;

use super::WrongProtocol;
use super::tls::Refusal;

/// What bytes from the beginning of a connection are.
#[derive(Debug, PartialEq, Eq)]
enum Beginning {
    /// The preface and the first frame, and perhaps more.
    Opened,
    /// So far they could become that.
    Incomplete,
    Other(WrongProtocol),
}

/// What is read from a connection until it has opened; handed on when the connection has a place.
///
/// HTTP/2 runs meanwhile, without a byte to read: the server's SETTINGS go out at once, for a client may send nothing
/// before them (Envoy, on a connection that it opens ahead of need).
#[derive(Debug)]
pub(super) struct Opening {
    bytes: Vec<u8>,
    handed_on: usize,
    /// `None` once it is known.
    opened: Option<oneshot::Sender<Result<(), WrongProtocol>>>,
    /// `None` once the connection has its place.
    admitted: Option<oneshot::Receiver<()>>,
}

/// The other side of an [`Opening`], for the connection's task.
#[derive(Debug)]
pub(super) struct Admission {
    opened: oneshot::Receiver<Result<(), WrongProtocol>>,
    admitted: oneshot::Sender<()>,
}

impl Opening {
    pub(super) fn new() -> (Opening, Admission) {
        let (seen, opened) = oneshot::channel();
        let (admit, admitted) = oneshot::channel();
        let opening = Opening {
            bytes: Vec::new(),
            handed_on: 0,
            opened: Some(seen),
            admitted: Some(admitted),
        };
        let admission = Admission {
            opened,
            admitted: admit,
        };
        (opening, admission)
    }

    /// Reads until the connection has opened, waits until it has a place, and then gives what was read. True with the
    /// last of it.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut impl AsyncRead>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        while self.opened.is_some() {
            let seen = match look(&self.bytes) {
                Beginning::Opened => Ok(()),
                Beginning::Other(protocol) => Err(protocol),
                Beginning::Incomplete => {
                    ready!(self.poll_more(cx, stream.as_mut()))?;
                    continue;
                }
            };
            if let Some(opened) = self.opened.take() {
                let _ = opened.send(seen);
            }
            if seen.is_err() {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
        if let Some(admitted) = &mut self.admitted {
            let admitted = ready!(Pin::new(admitted).poll(cx));
            admitted.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
            self.admitted = None;
        }
        let ahead = self.bytes.get(self.handed_on..).unwrap_or_default();
        let now = ahead.get(..buffer.remaining()).unwrap_or(ahead);
        buffer.put_slice(now);
        self.handed_on += now.len();
        Poll::Ready(Ok(self.handed_on == self.bytes.len()))
    }

    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        stream: Pin<&mut impl AsyncRead>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; USUAL_BYTES];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(stream.poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.bytes.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Admission {
    /// Runs HTTP/2 until the connection has opened.
    pub(super) async fn opened(&mut self, http2: impl Future) -> Result<(), Refusal> {
        let opened = tokio::select! {
            biased;
            opened = &mut self.opened => opened.ok(),
            // The client went away, or speaks another protocol.
            _ended = http2 => self.opened.try_recv().ok(),
        };
        let opened = opened.ok_or(Refusal::Gone)?;
        opened.map_err(Refusal::Protocol)
    }

    /// The connection has its place.
    pub(super) fn admit(self) {
        // The stream is gone only with the connection.
        let _ = self.admitted.send(());
    }
}

/// Which protocol without TLS is spoken to a listener with TLS. Reads on, since the connection is refused in any case.
pub(super) async fn without_tls(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<WrongProtocol, io::Error> {
    let mut bytes = Vec::with_capacity(PREFACE.len());
    loop {
        // `P` alone begins the preface and POST.
        let undecided = bytes.len() < 3 && PREFACE.starts_with(&bytes);
        if !undecided {
            return Ok(match bytes.starts_with(b"PRI") {
                true => WrongProtocol::PlaintextHttp2,
                false => other(&bytes),
            });
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(other(&bytes));
        }
    }
}

/// Whether a byte can be the first of something that [`without_tls`] recognises.
pub(super) fn may_be_http(first: u8) -> bool {
    METHODS.iter().any(|method| method.first() == Some(&first)) || PREFACE.first() == Some(&first)
}

fn look(bytes: &[u8]) -> Beginning {
    let is_preface = bytes
        .iter()
        .zip(PREFACE)
        .all(|(found, expected)| found == expected);
    if !is_preface {
        return Beginning::Other(other(bytes));
    }
    let Some([high, middle, low]) = bytes.get(PREFACE.len()..PREFACE.len() + 3) else {
        return Beginning::Incomplete;
    };
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // A longer frame than any that is accepted: h2 says so.
    let end = HEADER_END.saturating_add(length);
    match length > MOST_FIRST_FRAME || bytes.len() >= end {
        true => Beginning::Opened,
        false => Beginning::Incomplete,
    }
}

fn other(bytes: &[u8]) -> WrongProtocol {
    // RFC 8446 §5.1: the record of a handshake, then the legacy version, which begins with 3.
    if let [TLS_HANDSHAKE] | [TLS_HANDSHAKE, 3, ..] = bytes {
        return WrongProtocol::Tls;
    }
    let is_method = |method: &&[u8]| match bytes.len() < method.len() {
        true => method.starts_with(bytes),
        false => bytes.starts_with(method),
    };
    match !bytes.is_empty() && METHODS.iter().any(is_method) {
        true => WrongProtocol::Http1,
        false => WrongProtocol::Unknown,
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_END: usize = PREFACE.len() + 9;

/// RFC 9113 §4.2: the least maximum of a frame, and ours.
const MOST_FIRST_FRAME: usize = 16_384;

/// A preface, SETTINGS and the first call of most clients.
const USUAL_BYTES: usize = 512;

/// RFC 8446 §5.1.
pub(super) const TLS_HANDSHAKE: u8 = 22;

/// RFC 9110 §9.1 and RFC 5789.
const METHODS: &[&[u8]] = &[
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_opens_with_the_last_byte_of_its_first_frame() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0]);
        bytes.extend([0, 3, 0, 0, 0, 100]);
        for cut in 0..bytes.len() {
            assert_eq!(look(&bytes[..cut]), Beginning::Incomplete, "{cut}");
        }
        assert_eq!(look(&bytes), Beginning::Opened);
        bytes.extend([0; 100]);
        assert_eq!(look(&bytes), Beginning::Opened);
    }

    #[test]
    fn an_empty_first_frame_opens_and_one_that_is_too_long_is_left_to_h2() {
        let begun = |header: &[u8]| look(&[PREFACE, header].concat());
        assert_eq!(begun(&[0; 8]), Beginning::Incomplete);
        assert_eq!(begun(&[0; 9]), Beginning::Opened);
        assert_eq!(
            begun(&[0, 0x40, 0, 4, 0, 0, 0, 0, 0]),
            Beginning::Incomplete
        );
        assert_eq!(begun(&[0, 0x40, 1]), Beginning::Opened);
    }

    #[test]
    fn other_protocols_are_known_by_their_first_bytes() {
        for (bytes, protocol) in [
            (&[22, 3, 1, 2, 0][..], WrongProtocol::Tls),
            (&[22], WrongProtocol::Tls),
            (&[22, 4], WrongProtocol::Unknown),
            (b"GET / HTTP/1.1\r\n", WrongProtocol::Http1),
            (b"PO", WrongProtocol::Http1),
            (b"PRO", WrongProtocol::Unknown),
            (b"GETS", WrongProtocol::Unknown),
            (b"\0", WrongProtocol::Unknown),
        ] {
            assert_eq!(look(bytes), Beginning::Other(protocol), "{bytes:?}");
        }
        assert_eq!(look(b"P"), Beginning::Incomplete);
    }
}
