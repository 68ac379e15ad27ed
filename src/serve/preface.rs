//! Reads the HTTP/2 connection preface and the first frame, or detects another protocol.
//!
//! RFC 9113 §3.4: a client begins with a preface of 24 bytes and a SETTINGS frame, whose header of 9 bytes begins with
//! the length of its payload. h2 validates the frame.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::oneshot;

use super::WrongProtocol;
use super::tls::ConnectionRefusal;

/// How much of the preface and the first frame the bytes contain.
#[derive(Debug, PartialEq, Eq)]
enum PrefaceProgress {
    /// The preface and the first frame, and possibly more.
    Complete,
    /// A valid beginning.
    Incomplete,
    Other(WrongProtocol),
}

/// Buffers the bytes read until a connection has opened, and forwards them once it is admitted.
///
/// Meanwhile h2 runs without input, so that the server's SETTINGS are sent immediately: a client may send nothing before
/// it receives them (Envoy on a preconnected connection).
#[derive(Debug)]
pub(super) struct PrefaceReader {
    bytes: Vec<u8>,
    forwarded: usize,
    /// Reports whether the connection has opened. `None` once sent.
    opened: Option<oneshot::Sender<Result<(), WrongProtocol>>>,
    /// `None` once the connection is admitted.
    admitted: Option<oneshot::Receiver<()>>,
}

/// The handle of a [`PrefaceReader`], for the task of the connection.
#[derive(Debug)]
pub(super) struct PrefaceHandle {
    opened: oneshot::Receiver<Result<(), WrongProtocol>>,
    admitted: oneshot::Sender<()>,
}

impl PrefaceReader {
    pub(super) fn new() -> (PrefaceReader, PrefaceHandle) {
        let (result, opened) = oneshot::channel();
        let (admit, admitted) = oneshot::channel();
        let reader = PrefaceReader {
            bytes: Vec::new(),
            forwarded: 0,
            opened: Some(result),
            admitted: Some(admitted),
        };
        let handle = PrefaceHandle {
            opened,
            admitted: admit,
        };
        (reader, handle)
    }

    /// Reads until the connection has opened, waits until it is admitted, and then forwards the buffered bytes. Returns
    /// true with the last of them.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut impl AsyncRead>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        while self.opened.is_some() {
            let result = match inspect(&self.bytes) {
                PrefaceProgress::Complete => Ok(()),
                PrefaceProgress::Other(protocol) => Err(protocol),
                PrefaceProgress::Incomplete => {
                    ready!(self.poll_more(cx, stream.as_mut()))?;
                    continue;
                }
            };
            if let Some(opened) = self.opened.take() {
                let _ = opened.send(result);
            }
            if result.is_err() {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
        if let Some(admitted) = &mut self.admitted {
            let admitted = ready!(Pin::new(admitted).poll(cx));
            admitted.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
            self.admitted = None;
        }
        let buffered = self.bytes.get(self.forwarded..).unwrap_or_default();
        let chunk = buffered.get(..buffer.remaining()).unwrap_or(buffered);
        buffer.put_slice(chunk);
        self.forwarded += chunk.len();
        Poll::Ready(Ok(self.forwarded == self.bytes.len()))
    }

    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        stream: Pin<&mut impl AsyncRead>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; FIRST_READ_BYTES];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(stream.poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.bytes.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl PrefaceHandle {
    /// Runs HTTP/2 until the connection has opened.
    pub(super) async fn opened(&mut self, http2: impl Future) -> Result<(), ConnectionRefusal> {
        let opened = tokio::select! {
            biased;
            opened = &mut self.opened => opened.ok(),
            // The client disconnected or speaks another protocol.
            _ended = http2 => self.opened.try_recv().ok(),
        };
        let opened = opened.ok_or(ConnectionRefusal::Disconnected)?;
        opened.map_err(ConnectionRefusal::Protocol)
    }

    /// Admits the connection: h2 receives its bytes from now on.
    pub(super) fn admit(self) {
        // Fails only if the connection is closed.
        let _ = self.admitted.send(());
    }
}

/// Detects the plaintext protocol of a client of a TLS listener. May consume bytes, because the connection is refused.
pub(super) async fn detect_plaintext(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<WrongProtocol, io::Error> {
    let mut bytes = Vec::with_capacity(PREFACE.len());
    loop {
        // Both the preface and POST begin with `P`.
        let undecided = bytes.len() < 3 && PREFACE.starts_with(&bytes);
        if !undecided {
            return Ok(match bytes.starts_with(b"PRI") {
                true => WrongProtocol::PlaintextHttp2,
                false => detect_protocol(&bytes),
            });
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(detect_protocol(&bytes));
        }
    }
}

/// Whether a protocol that [`detect_plaintext`] recognises can begin with this byte.
pub(super) fn may_be_http(first: u8) -> bool {
    METHODS.iter().any(|method| method.first() == Some(&first)) || PREFACE.first() == Some(&first)
}

fn inspect(bytes: &[u8]) -> PrefaceProgress {
    let is_preface = bytes
        .iter()
        .zip(PREFACE)
        .all(|(found, expected)| found == expected);
    if !is_preface {
        return PrefaceProgress::Other(detect_protocol(bytes));
    }
    let Some([high, middle, low]) = bytes.get(PREFACE.len()..PREFACE.len() + 3) else {
        return PrefaceProgress::Incomplete;
    };
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // Longer than any accepted frame: h2 rejects it.
    let end = HEADER_END.saturating_add(length);
    match length > MAX_FIRST_FRAME || bytes.len() >= end {
        true => PrefaceProgress::Complete,
        false => PrefaceProgress::Incomplete,
    }
}

fn detect_protocol(bytes: &[u8]) -> WrongProtocol {
    // RFC 8446 §5.1: a handshake record, then the legacy version, which begins with 3.
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

/// RFC 9113 §4.2: the smallest permitted maximum frame size, which is also ours.
const MAX_FIRST_FRAME: usize = 16_384;

/// Enough for the preface, SETTINGS and the first call of most clients.
const FIRST_READ_BYTES: usize = 512;

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
            assert_eq!(inspect(&bytes[..cut]), PrefaceProgress::Incomplete, "{cut}");
        }
        assert_eq!(inspect(&bytes), PrefaceProgress::Complete);
        bytes.extend([0; 100]);
        assert_eq!(inspect(&bytes), PrefaceProgress::Complete);
    }

    #[test]
    fn an_empty_first_frame_opens_and_an_oversized_one_is_left_to_h2() {
        let preface_with = |header: &[u8]| inspect(&[PREFACE, header].concat());
        assert_eq!(preface_with(&[0; 8]), PrefaceProgress::Incomplete);
        assert_eq!(preface_with(&[0; 9]), PrefaceProgress::Complete);
        assert_eq!(
            preface_with(&[0, 0x40, 0, 4, 0, 0, 0, 0, 0]),
            PrefaceProgress::Incomplete
        );
        assert_eq!(preface_with(&[0, 0x40, 1]), PrefaceProgress::Complete);
    }

    #[test]
    fn other_protocols_are_detected_by_their_first_bytes() {
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
            assert_eq!(
                inspect(bytes),
                PrefaceProgress::Other(protocol),
                "{bytes:?}"
            );
        }
        assert_eq!(inspect(b"P"), PrefaceProgress::Incomplete);
    }
}
