//! One record, one line of JSON, chained to the one before by its hash.
//!
//! `{"seq":7,"time":"…","kind":"signIn","body":{…},"hash":"…"}`, where the hash is SHA-256 over a constant, the hash
//! of the record before (zeros before the first) and this line's bytes up to `,"hash":`. Bytes are what is hashed, so
//! nobody has to agree on how JSON is written.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::time::Timestamp;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// The first of a file.
    Segment,
    /// A sign-in event.
    SignIn,
    /// An audit record.
    Audit,
    /// A signature over everything before it.
    Checkpoint,
    /// What is not on record.
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

/// SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Before the first record.
    pub const NONE: Hash = Hash([0; 32]);

    fn of(previous: Hash, line: &[u8]) -> Hash {
        let hash = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(previous.0)
            .chain_update(line);
        Hash(hash.finalize().into())
    }

    /// Reads 64 digits, in lower case.
    pub fn read(digits: &[u8]) -> Option<Hash> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = Hash::NONE;
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

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The last record: the next one has the number after it and is chained to its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number, from 1; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const START: Head = Head {
        seq: 0,
        hash: Hash::NONE,
    };

    /// Writes a record behind this one, line end included, and becomes it.
    pub fn write(&mut self, out: &mut Vec<u8>, time: Timestamp, kind: RecordKind, body: &[u8]) {
        let start = out.len();
        self.seq += 1;
        let (seq, kind) = (self.seq, kind.as_str());
        let before = format!(r#"{{"seq":{seq},"time":"{time}","kind":"{kind}","body":"#);
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(body);
        self.hash = Hash::of(self.hash, out.get(start..).unwrap_or_default());
        out.extend_from_slice(format!("{HASH}{}\"}}\n", self.hash).as_bytes());
    }
}

/// A line taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number.
    pub seq: u64,
    /// When it was written, in RFC 3339.
    pub time: &'a str,
    /// What it is.
    pub kind: RecordKind,
    /// Its JSON.
    pub body: &'a [u8],
    /// The hash that it says it has.
    pub hash: Hash,
    hashed: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line apart, given without its end; `None` where it is no record.
    pub fn read(line: &'a [u8]) -> Option<Line<'a>> {
        let (hashed, tail) = line.split_at_checked(line.len().checked_sub(TAIL)?)?;
        let digits = tail.strip_prefix(HASH.as_bytes())?.strip_suffix(b"\"}")?;
        let rest = hashed.strip_prefix(br#"{"seq":"#)?;
        let (seq, rest) = split(rest, br#","time":""#)?;
        let (time, rest) = split(rest, br#"","kind":""#)?;
        let (kind, body) = split(rest, br#"","body":"#)?;
        let seq = std::str::from_utf8(seq).ok()?;
        let is_plain = !seq.starts_with(['0', '+']);
        Some(Line {
            seq: seq.parse().ok().filter(|seq| is_plain && *seq <= MOST)?,
            time: std::str::from_utf8(time).ok()?,
            kind: RecordKind::ALL
                .into_iter()
                .find(|known| known.as_str().as_bytes() == kind)?,
            body,
            hash: Hash::read(digits)?,
            hashed,
        })
    }

    /// Whether its hash is right behind a record with this one.
    pub fn is_chained_to(&self, previous: Hash) -> bool {
        Hash::of(previous, self.hashed) == self.hash
    }

    /// What the next record follows.
    pub fn head(&self) -> Head {
        Head {
            seq: self.seq,
            hash: self.hash,
        }
    }
}

/// What stands before the first `mark`, which is near, and what behind it.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let near = bytes.len().min(NEAR);
    let at = bytes
        .get(..near)?
        .windows(mark.len())
        .position(|at| at == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

/// No number of a record or a file is larger: at a million a second it is reached after 285 years.
pub const MOST: u64 = 1 << 53;
const DOMAIN: &[u8] = b"crosstrust-log-v1\n";
const HASH: &str = r#","hash":""#;
/// `,"hash":"`, the digits, `"}`.
const TAIL: usize = HASH.len() + 64 + 2;
/// Number, time and kind are shorter than this.
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
    fn a_line_is_read_as_it_was_written() {
        let (written, head) = line();
        let read = Line::read(&written).unwrap();
        assert_eq!(read.head(), head);
        assert_eq!((read.seq, read.kind), (1, RecordKind::SignIn));
        assert_eq!(read.time, "2027-01-15T08:00:00Z");
        assert_eq!(read.body, br#"{"a":"b"}"#);
        assert!(read.is_chained_to(Hash::NONE));
        assert!(!read.is_chained_to(Hash([1; 32])));
    }

    #[test]
    fn a_line_with_any_bit_flipped_is_none_or_not_chained() {
        let (written, _) = line();
        for place in 0..written.len() {
            for bit in 0..8 {
                let mut line = written.clone();
                line[place] ^= 1 << bit;
                let read = Line::read(&line);
                let holds = read.is_some_and(|read| read.is_chained_to(Hash::NONE));
                assert!(!holds, "byte {place} bit {bit}");
            }
        }
    }
}
