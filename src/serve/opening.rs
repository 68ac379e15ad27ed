//! How a connection begins: the bytes up to the end of the HTTP/2 preface and its first frame, or which other protocol
//! they are of.
//!
//! RFC 9113 §3.4: a client begins with a preface of 24 bytes and a SETTINGS frame, whose header of 9 bytes begins with
//! the length of the rest. Whether the frame is right is h2's business.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

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

/// Reads until the connection has opened, and returns all that was read.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    loop {
        match look(&bytes) {
            Beginning::Opened => return Ok(bytes),
            Beginning::Other(protocol) => return Err(Refusal::Protocol(protocol)),
            Beginning::Incomplete => {}
        }
        if bytes.len() == bytes.capacity() {
            bytes.reserve(USUAL_BYTES);
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Err(Refusal::Gone),
            Ok(_) => {}
        }
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
