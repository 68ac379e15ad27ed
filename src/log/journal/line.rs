//! The line format: each record is one line of JSON, chained to the previous record by its hash.
//!
//! `{"seq":7,"time":"…","kind":"signIn","body":{…},"hash":"…"}`. The hash is SHA-256 over a constant, the hash of the
//! previous record (zeros before the first) and this line's bytes up to `,"hash":`. The hash covers bytes, so no
//! canonical form of JSON is needed.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::time::Timestamp;

/// The kind of a record on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// The header: the first record of a segment.
    Segment,
    /// A sign-in event.
    SignIn,
    /// An audit record.
    Audit,
    /// A signature over all records before it.
    Checkpoint,
    /// A report of missing records.
    Gap,
}

impl RecordKind {
    const ALL: [RecordKind; 5] = [
        RecordKind::Segment,
        RecordKind::SignIn,
        RecordKind::Audit,
        RecordKind::Checkpoint,
        RecordKind::Gap,
    ];

    /// The word in the line.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecordKind::Segment => "segment",
            RecordKind::SignIn => "signIn",
            RecordKind::Audit => "audit",
            RecordKind::Checkpoint => "checkpoint",
            RecordKind::Gap => "gap",
        }
    }
}

/// A SHA-256 hash, displayed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// The value before the first record.
    pub const NONE: RecordHash = RecordHash([0; 32]);

    fn of(previous: RecordHash, line: &[u8]) -> RecordHash {
        let hash = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(previous.0)
            .chain_update(line);
        RecordHash(hash.finalize().into())
    }

    /// Parses 64 hexadecimal digits in lower case.
    pub fn parse(digits: &[u8]) -> Option<RecordHash> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = RecordHash::NONE;
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != hash.0.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in hash.0.iter_mut().zip(pairs) {
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(hash)
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The end of the chain: the next record has the next sequence number and is chained to this hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last record's sequence number, from 1; 0 before the first record.
    pub seq: u64,
    /// The last record's hash.
    pub hash: RecordHash,
}

impl Head {
    /// The head of an empty log.
    pub const START: Head = Head {
        seq: 0,
        hash: RecordHash::NONE,
    };

    /// Writes the next record, including the line end, and advances to it.
    pub fn write(&mut self, out: &mut Vec<u8>, time: Timestamp, kind: RecordKind, body: &[u8]) {
        let start = out.len();
        self.seq += 1;
        let (seq, kind) = (self.seq, kind.as_str());
        let before = format!(r#"{{"seq":{seq},"time":"{time}","kind":"{kind}","body":"#);
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(body);
        self.hash = RecordHash::of(self.hash, out.get(start..).unwrap_or_default());
        out.extend_from_slice(format!("{HASH}{}\"}}\n", self.hash).as_bytes());
    }
}

/// A parsed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLine<'a> {
    /// The sequence number.
    pub seq: u64,
    /// The time in RFC 3339.
    pub time: &'a str,
    /// The record's kind.
    pub kind: RecordKind,
    /// The body: JSON.
    pub body: &'a [u8],
    /// The hash in the line, not verified.
    pub hash: RecordHash,
    hashed: &'a [u8],
}

impl<'a> RecordLine<'a> {
    /// Parses a line without its line end; `None` if it is not a record.
    pub fn parse(line: &'a [u8]) -> Option<RecordLine<'a>> {
        let (hashed, tail) = line.split_at_checked(line.len().checked_sub(TAIL)?)?;
        let digits = tail.strip_prefix(HASH.as_bytes())?.strip_suffix(b"\"}")?;
        let rest = hashed.strip_prefix(br#"{"seq":"#)?;
        let (seq, rest) = split(rest, br#","time":""#)?;
        let (time, rest) = split(rest, br#"","kind":""#)?;
        let (kind, body) = split(rest, br#"","body":"#)?;
        let seq = std::str::from_utf8(seq).ok()?;
        let is_plain = !seq.starts_with(['0', '+']);
        Some(RecordLine {
            seq: seq.parse().ok().filter(|seq| is_plain && *seq <= MAX_SEQ)?,
            time: std::str::from_utf8(time).ok()?,
            kind: RecordKind::ALL
                .into_iter()
                .find(|known| known.as_str().as_bytes() == kind)?,
            body,
            hash: RecordHash::parse(digits)?,
            hashed,
        })
    }

    /// Whether the line's hash is valid after a record with this hash.
    pub fn is_chained_to(&self, previous: RecordHash) -> bool {
        RecordHash::of(previous, self.hashed) == self.hash
    }

    /// The head of the chain after this record.
    pub fn head(&self) -> Head {
        Head {
            seq: self.seq,
            hash: self.hash,
        }
    }
}

/// Splits at the first `mark` within the first [`NEAR`] bytes.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let near = bytes.len().min(NEAR);
    let at = bytes
        .get(..near)?
        .windows(mark.len())
        .position(|at| at == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

/// The maximum number of a record or a segment: at a million a second it is reached after 285 years.
pub const MAX_SEQ: u64 = 1 << 53;
const DOMAIN: &[u8] = b"crosstrust-log-v1\n";
const HASH: &str = r#","hash":""#;
/// `,"hash":"`, the digits, `"}`.
const TAIL: usize = HASH.len() + 64 + 2;
/// Sequence number, time and kind are each shorter than this.
const NEAR: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> (Vec<u8>, Head) {
        let (mut out, mut head) = (Vec::new(), Head::START);
        let time = Timestamp::from_seconds(1_800_000_000);
        head.write(&mut out, time, RecordKind::SignIn, br#"{"a":"b"}"#);
        assert_eq!(out.pop(), Some(b'\n'));
        (out, head)
    }

    #[test]
    fn a_written_line_is_parsed_to_the_same_values() {
        let (written, head) = line();
        let read = RecordLine::parse(&written).unwrap();
        assert_eq!(read.head(), head);
        assert_eq!((read.seq, read.kind), (1, RecordKind::SignIn));
        assert_eq!(read.time, "2027-01-15T08:00:00Z");
        assert_eq!(read.body, br#"{"a":"b"}"#);
        assert!(read.is_chained_to(RecordHash::NONE));
        assert!(!read.is_chained_to(RecordHash([1; 32])));
    }

    #[test]
    fn a_line_with_any_bit_flipped_is_rejected_or_not_chained() {
        let (written, _) = line();
        for place in 0..written.len() {
            for bit in 0..8 {
                let mut line = written.clone();
                line[place] ^= 1 << bit;
                let read = RecordLine::parse(&line);
                let is_valid = read.is_some_and(|read| read.is_chained_to(RecordHash::NONE));
                assert!(!is_valid, "byte {place} bit {bit}");
            }
        }
    }
}
