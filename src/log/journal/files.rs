//! The files of a log: the segments' names, the segment headers that link them, and how many bytes of each are valid.
//!
//! A segment is never written to again after a failed write or sync, or after a restart: the header of the next segment
//! states how many of its bytes are valid. So no segment is ever truncated, and a torn write stays in place and is
//! ignored.

use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::disk::{Disk, replace};
use super::line::{Head, MAX_SEQ, RecordKind, RecordLine};

/// The body of a segment's first record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentHeader {
    /// The version of the record format: 1.
    pub format: u32,
    /// The log's id.
    pub log: Uuid,
    /// The segment's number.
    pub segment: u64,
    /// The key that signs checkpoints, base64.
    pub key: String,
    /// The previous segment; `None` in the first one.
    pub previous: Option<PreviousSegment>,
}

/// The valid part of the previous segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousSegment {
    /// Its number.
    pub segment: u64,
    /// Its last record.
    pub seq: u64,
    /// That record's hash.
    pub hash: String,
    /// The number of valid bytes.
    pub bytes: u64,
}

/// A segment: one file of the log.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its number.
    pub number: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Its first record; `None` if that is not a valid header of this segment.
    pub header: Option<HeaderRecord>,
}

/// The first record of a segment. Its place in the chain is not verified.
#[derive(Debug, Clone)]
pub struct HeaderRecord {
    /// The header.
    pub body: SegmentHeader,
    /// Its sequence number and hash.
    pub head: Head,
    /// When it was written, in RFC 3339.
    pub time: String,
}

/// The file name of a segment.
pub fn name(number: u64) -> String {
    format!("segment-{number:010}.jsonl")
}

/// The segment number in a file name; `None` for other files.
pub fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok().filter(|number| *number <= MAX_SEQ)?;
    (self::name(number) == name).then_some(number)
}

/// All segments, by number.
pub fn segments(disk: &dyn Disk) -> io::Result<Vec<Segment>> {
    segments_from(disk, 0)
}

/// The segments from this number on. No other file is opened.
pub fn segments_from(disk: &dyn Disk, first: u64) -> io::Result<Vec<Segment>> {
    let files = disk.list()?.into_iter();
    let mut found: Vec<(u64, u64)> = files
        .filter_map(|(file, length)| Some((number(&file)?, length)))
        .filter(|(number, _)| *number >= first)
        .collect();
    found.sort_unstable();
    let segments = found.into_iter().map(|(number, length)| {
        let header = match read_header(disk, number) {
            // Retention removed the file after the listing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            header => header?,
        };
        Ok(Some(Segment {
            number,
            length,
            header,
        }))
    });
    segments.filter_map(Result::transpose).collect()
}

/// A valid segment, and the number of its valid bytes.
#[derive(Debug, Clone, Copy)]
pub struct ChainLink<'a> {
    /// The segment.
    pub segment: &'a Segment,
    /// The number of valid bytes in the header of the next segment; `None` if no segment refers to this one.
    pub valid_bytes: Option<u64>,
}

/// The valid segments in order. Walks back from the last segment with a valid header, by the `previous` of each header.
/// Abandoned segments in between are skipped, and segments may be missing.
pub fn chain(segments: &[Segment]) -> Vec<ChainLink<'_>> {
    let has_header = |segment: &&Segment| segment.header.is_some();
    let unknown = |segment| ChainLink {
        segment,
        valid_bytes: None,
    };
    let mut chain = Vec::new();
    let mut next = segments.iter().rfind(has_header).map(unknown);
    while let Some(link) = next {
        chain.push(link);
        let before = |number| segments.iter().filter(move |one| one.number < number);
        next = match &link.segment.header {
            // Without a header the previous segment is unknown, so take the one with the next lower number.
            None => before(link.segment.number).next_back().map(unknown),
            Some(header) => header.body.previous.as_ref().and_then(|previous| {
                let mut earlier = before(link.segment.number);
                match earlier.find(|one| one.number == previous.segment) {
                    Some(segment) => Some(ChainLink {
                        segment,
                        valid_bytes: Some(previous.bytes),
                    }),
                    None => before(previous.segment).rfind(has_header).map(unknown),
                }
            }),
        };
    }
    chain.reverse();
    chain
}

fn read_header(disk: &dyn Disk, number: u64) -> io::Result<Option<HeaderRecord>> {
    let start = disk.read(&name(number), 0, MAX_HEADER_BYTES)?;
    let line = start.split_inclusive(|byte| *byte == b'\n').next();
    let line = line.and_then(|line| RecordLine::parse(line.strip_suffix(b"\n")?));
    Ok(line.and_then(|line| parse_header(&line, number)))
}

/// The header in a segment's first record; `None` if it is not a valid header of this segment.
pub fn parse_header(line: &RecordLine<'_>, number: u64) -> Option<HeaderRecord> {
    let body: SegmentHeader = serde_json::from_slice(line.body).ok()?;
    let previous_is_low = |previous: &PreviousSegment| {
        previous.seq < line.seq && previous.segment < number && previous.bytes <= MAX_SEQ
    };
    let is_valid = body.previous.as_ref().is_none_or(previous_is_low)
        && line.kind == RecordKind::Segment
        && body.segment == number
        && body.format == FORMAT;
    let previous = match &body.previous {
        Some(previous) => super::line::RecordHash::parse(previous.hash.as_bytes())?,
        None => super::line::RecordHash::NONE,
    };
    (is_valid && line.is_chained_to(previous)).then(|| HeaderRecord {
        body,
        head: line.head(),
        time: line.time.to_owned(),
    })
}

/// The checkpoint in `head.json`; `None` if the file is missing or malformed.
pub fn read_head(disk: &dyn Disk) -> io::Result<Option<Checkpoint>> {
    match disk.read(HEAD, 0, MAX_HEADER_BYTES) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes).ok();
            Ok(read.filter(|signed: &Checkpoint| signed.seq <= MAX_SEQ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces `head.json` atomically.
pub fn write_head(disk: &dyn Disk, checkpoint: &Checkpoint) -> io::Result<()> {
    replace(disk, HEAD, &serde_json::to_vec(checkpoint)?)
}

/// The version of the record format.
pub const FORMAT: u32 = 1;
/// The name of the file with the last checkpoint.
pub const HEAD: &str = "head.json";
/// The name of the file that reserves space, released when the disk is full.
pub const RESERVE: &str = "reserve";
/// A header record has about 500 bytes.
const MAX_HEADER_BYTES: usize = 4096;
