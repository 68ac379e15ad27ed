//! The files of a log: what they are called, how their first record ties them together, and how far each counts.
//!
//! A file is never written to again once a write or a sync has failed, nor after a restart: the next one says how much
//! of it counts. So nothing is ever cut off, and what a crash has torn stays where it is and does not count.

use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::disk::{Disk, replace};
use super::line::{Head, Line, MOST, RecordKind};

/// The body of a file's first record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Of the records' form: 1.
    pub format: u32,
    /// Which log.
    pub log: Uuid,
    /// The file's number.
    pub segment: u64,
    /// The key that signs checkpoints, base64.
    pub key: String,
    /// What the file follows; nothing, in the first.
    pub previous: Option<Previous>,
}

/// How far the file before counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its number.
    pub segment: u64,
    /// Its last record.
    pub seq: u64,
    /// That record's hash.
    pub hash: String,
    /// How many of its bytes count.
    pub bytes: u64,
}

/// A file of the log.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its number.
    pub number: u64,
    /// How long it is.
    pub length: u64,
    /// Its first record; none where that is no record that opens a file of this number.
    pub opening: Option<Opened>,
}

/// The first record of a file, which may be wrongly chained all the same.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What it says.
    pub body: Opening,
    /// Its number and hash.
    pub head: Head,
    /// When it was written, in RFC 3339.
    pub time: String,
}

/// The name of a file.
pub fn name(number: u64) -> String {
    format!("segment-{number:010}.jsonl")
}

/// The number in the name of a file; `None` where it is another one.
pub fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok().filter(|number| *number <= MOST)?;
    (self::name(number) == name).then_some(number)
}

/// Every file of the log, by number.
pub fn segments(disk: &dyn Disk) -> io::Result<Vec<Segment>> {
    segments_from(disk, 0)
}

/// Those from this number on: no other is opened.
pub fn segments_from(disk: &dyn Disk, first: u64) -> io::Result<Vec<Segment>> {
    let files = disk.list()?.into_iter();
    let mut found: Vec<(u64, u64)> = files
        .filter_map(|(file, length)| Some((number(&file)?, length)))
        .filter(|(number, _)| *number >= first)
        .collect();
    found.sort_unstable();
    let segments = found.into_iter().map(|(number, length)| {
        let opening = match opening(disk, number) {
            // Retention came by after the listing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opening => opening?,
        };
        Ok(Some(Segment {
            number,
            length,
            opening,
        }))
    });
    segments.filter_map(Result::transpose).collect()
}

/// A file that counts, and how many of its bytes do; `None` where no file tells that follows it.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The file.
    pub segment: &'a Segment,
    /// What its follower says.
    pub counts: Option<u64>,
}

/// The files that count, in their order: back from the last one whose first record holds, by what each says of the
/// one before. Between them there may be files that were given up, and files may be gone.
pub fn chain(segments: &[Segment]) -> Vec<Link<'_>> {
    let holds = |segment: &&Segment| segment.opening.is_some();
    let untold = |segment| Link {
        segment,
        counts: None,
    };
    let mut chain = Vec::new();
    let mut next = segments.iter().rfind(holds).map(untold);
    while let Some(link) = next {
        chain.push(link);
        let before = |number| segments.iter().filter(move |one| one.number < number);
        next = match &link.segment.opening {
            // It does not say what it follows, so whatever is there is looked at.
            None => before(link.segment.number).next_back().map(untold),
            Some(opened) => opened.body.previous.as_ref().and_then(|previous| {
                let mut earlier = before(link.segment.number);
                match earlier.find(|one| one.number == previous.segment) {
                    Some(segment) => Some(Link {
                        segment,
                        counts: Some(previous.bytes),
                    }),
                    None => before(previous.segment).rfind(holds).map(untold),
                }
            }),
        };
    }
    chain.reverse();
    chain
}

fn opening(disk: &dyn Disk, number: u64) -> io::Result<Option<Opened>> {
    let start = disk.read(&name(number), 0, LONGEST_OPENING)?;
    let line = start.split_inclusive(|byte| *byte == b'\n').next();
    let line = line.and_then(|line| Line::read(line.strip_suffix(b"\n")?));
    Ok(line.and_then(|line| read_opening(&line, number)))
}

/// What a file's first record says, if it is one.
pub fn read_opening(line: &Line<'_>, number: u64) -> Option<Opened> {
    let body: Opening = serde_json::from_slice(line.body).ok()?;
    let previous_is_low = |previous: &Previous| {
        previous.seq < line.seq && previous.segment < number && previous.bytes <= MOST
    };
    let is_ours = body.previous.as_ref().is_none_or(previous_is_low)
        && line.kind == RecordKind::Segment
        && body.segment == number
        && body.format == FORMAT;
    let previous = match &body.previous {
        Some(previous) => super::line::Hash::read(previous.hash.as_bytes())?,
        None => super::line::Hash::NONE,
    };
    (is_ours && line.is_chained_to(previous)).then(|| Opened {
        body,
        head: line.head(),
        time: line.time.to_owned(),
    })
}

/// The last checkpoint, as `head.json` has it; none where that is not there or is no checkpoint.
pub fn read_head(disk: &dyn Disk) -> io::Result<Option<Checkpoint>> {
    match disk.read(HEAD, 0, LONGEST_OPENING) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes).ok();
            Ok(read.filter(|signed: &Checkpoint| signed.seq <= MOST))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces `head.json`, whole.
pub fn write_head(disk: &dyn Disk, checkpoint: &Checkpoint) -> io::Result<()> {
    replace(disk, HEAD, &serde_json::to_vec(checkpoint)?)
}

/// The form of the records.
pub const FORMAT: u32 = 1;
/// The file with the last checkpoint.
pub const HEAD: &str = "head.json";
/// The space that is given up when the disk is full.
pub const RESERVE: &str = "reserve";
/// A first record has some 500 bytes.
const LONGEST_OPENING: usize = 4096;
