//! Is the log whole and as it was written? Names every record that is not.
//!
//! The chain tells a changed, missing, added or moved record; signed checkpoints tell a chain that was made anew;
//! `head.json`, and checkpoints that were kept elsewhere, tell an end that was cut off. What a crash has torn and what
//! retention has taken away is told by the log itself, and is no fault.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files::{self, Previous, Segment};
use super::gap::{Gap, Lost};
use super::line::{Head, Line, RecordKind};
use super::read::Lines;

/// What is known from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The public key, base64; else the log's own first one is believed.
    pub key: Option<String>,
    /// Records that were in the log once: number and hash.
    pub heads: Vec<Head>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, in the order of the records.
    pub faults: Vec<Fault>,
    /// What is worth knowing and is no fault.
    pub notes: Vec<String>,
    /// Records that were looked at.
    pub records: u64,
    /// The first of them and the last.
    pub range: Option<(u64, u64)>,
    /// The last one that a checkpoint vouches for.
    pub signed: u64,
    /// The public key that signed.
    pub key: Option<String>,
    /// The log's id.
    pub log: Option<String>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The record's number, where it can be told.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(out, "{}: record {seq}: {}", self.file, self.what),
            None => write!(out, "{}: {}", self.file, self.what),
        }
    }
}

/// Looks at every record. Fails only where files cannot be read.
pub fn verify(disk: &Arc<dyn Disk>, known: &Known) -> io::Result<Report> {
    // Before the records, so that it cannot be ahead of what is read of a log that is being written.
    let signed = files::read_head(disk.as_ref())?;
    let has_head = disk.list()?.iter().any(|(name, _)| name == files::HEAD);
    let segments = files::segments(disk.as_ref())?;
    let chain = files::chain(&segments);
    let mut walk = Walk::new(known, signed.as_ref().and_then(Checkpoint::head));
    walk.given_up(&segments, &chain);
    for (index, (segment, counts)) in chain.iter().enumerate() {
        let is_last = index + 1 == chain.len();
        walk.segment(disk, segment, *counts, is_last)?;
    }
    walk.jumps_are_told();
    if signed.is_none() && (has_head || !chain.is_empty()) {
        walk.fault(files::HEAD, None, "is missing or is no checkpoint");
    }
    walk.head_is_there(signed.as_ref());
    Ok(walk.report)
}

/// What is known at one place between two records.
struct Walk {
    report: Report,
    file: String,
    /// The record before; none at the beginning.
    last: Option<Head>,
    log: Option<uuid::Uuid>,
    /// Numbers that are missing: first and last, and the file where that was seen.
    jumps: Vec<(u64, u64, String)>,
    told: Vec<(u64, u64)>,
    /// What somebody vouches for, and has not been met yet.
    wanted: Vec<Wanted>,
}

struct Wanted {
    head: Head,
    by: &'static str,
}

impl Walk {
    fn new(known: &Known, signed: Option<Head>) -> Self {
        let given = known.heads.iter().map(|head| Wanted {
            head: *head,
            by: "a given checkpoint",
        });
        let signed = signed.map(|head| Wanted {
            head,
            by: files::HEAD,
        });
        let wanted = given.chain(signed).collect();
        Walk {
            report: Report {
                key: known.key.clone(),
                ..Report::default()
            },
            file: String::new(),
            last: None,
            log: None,
            jumps: Vec::new(),
            told: Vec::new(),
            wanted,
        }
    }

    fn fault(&mut self, file: &str, seq: Option<u64>, what: impl Into<String>) {
        if self.report.faults.len() < MOST_FAULTS {
            self.report.faults.push(Fault {
                file: file.to_owned(),
                seq,
                what: what.into(),
            });
        }
    }

    fn here(&mut self, seq: u64, what: impl Into<String>) {
        let file = self.file.clone();
        self.fault(&file, Some(seq), what);
    }

    /// Files that no later one refers to.
    fn given_up(&mut self, segments: &[Segment], chain: &[(&Segment, u64)]) {
        for segment in segments {
            if chain
                .iter()
                .all(|(counted, _)| counted.number != segment.number)
            {
                let name = files::name(segment.number);
                self.report.notes.push(format!(
                    "{name}: was given up after a failed write; nothing in it counts"
                ));
            }
        }
    }

    fn segment(
        &mut self,
        disk: &Arc<dyn Disk>,
        segment: &Segment,
        counts: u64,
        is_last: bool,
    ) -> io::Result<()> {
        self.file = files::name(segment.number);
        let mut lines = Lines::new(Arc::clone(disk), segment.number, 0, counts);
        let mut is_first = true;
        let mut end = 0;
        while let Some(raw) = lines.next()? {
            let line = Line::read(&raw.bytes).filter(|_| raw.is_whole);
            match line {
                Some(line) => self.record(&line, is_first, segment.number),
                None if is_last && !raw.is_whole => self.report.notes.push(format!(
                    "{}: ends within a record, as after a crash or while it is written; nobody was told that it is on disk",
                    self.file
                )),
                None => self.no_record(end),
            }
            end = raw.end;
            is_first = false;
        }
        if end < counts {
            let file = self.file.clone();
            let what = format!("has {end} bytes, and {counts} of them were written");
            self.fault(&file, None, what);
        }
        if segment.length > counts {
            let torn = segment.length - counts;
            self.report.notes.push(format!(
                "{}: {torn} bytes after a failed write or a crash do not count",
                self.file
            ));
        }
        Ok(())
    }

    fn no_record(&mut self, offset: u64) {
        let file = self.file.clone();
        let after = self.last.map_or(0, |last| last.seq);
        self.fault(
            &file,
            Some(after + 1),
            format!("what begins at byte {offset} is no record: it was changed or put there"),
        );
    }

    fn record(&mut self, line: &Line<'_>, is_first: bool, number: u64) {
        self.report.records += 1;
        let first = self.report.range.map_or(line.seq, |(first, _)| first);
        self.report.range = Some((first, line.seq));
        if is_first {
            self.opening(line, number);
        } else if line.kind == RecordKind::Segment {
            self.here(line.seq, "is the first of a file and stands within one");
        }
        self.follows(line);
        match line.kind {
            RecordKind::Checkpoint => self.checkpoint(line),
            RecordKind::Gap => self.gap(line),
            RecordKind::Segment | RecordKind::SignIn | RecordKind::Audit => {}
        }
        self.vouched_for(line);
        self.last = Some(line.head());
    }

    /// Its number and its hash follow from the record before.
    fn follows(&mut self, line: &Line<'_>) {
        let Some(last) = self.last else {
            return;
        };
        if line.seq <= last.seq {
            self.here(
                line.seq,
                format!(
                    "stands behind record {}: it was moved, repeated or put there",
                    last.seq
                ),
            );
        } else if line.seq > last.seq + 1 {
            self.jumps
                .push((last.seq + 1, line.seq - 1, self.file.clone()));
        }
        if !line.is_chained_to(last.hash) {
            let what = if line.seq == last.seq + 1 {
                "does not follow from the one before: it was changed"
            } else {
                "does not follow from the one before"
            };
            self.here(line.seq, what);
        }
    }

    fn opening(&mut self, line: &Line<'_>, number: u64) {
        let Some(opened) = files::read_opening(line, number) else {
            return self.here(
                line.seq,
                "is not the first record of this file: it was changed",
            );
        };
        let body = opened.body;
        if *self.log.get_or_insert(body.log) != body.log {
            self.here(line.seq, format!("belongs to another log, {}", body.log));
        }
        self.report.log.get_or_insert(body.log.to_string());
        if self.report.key.get_or_insert_with(|| body.key.clone()) != &body.key {
            self.here(line.seq, format!("names another key, {}", body.key));
        }
        match (self.last, &body.previous) {
            (None, None) => {}
            (None, Some(previous)) => self.earlier(line, previous),
            (Some(last), previous) => {
                let told = previous.as_ref().map(|one| (one.seq, one.hash.clone()));
                if told != Some((last.seq, last.hash.to_string())) {
                    self.here(
                        line.seq,
                        "names another record than the last of the file before",
                    );
                }
            }
        }
    }

    /// The log does not begin here: retention, or somebody, has taken away what was before.
    fn earlier(&mut self, line: &Line<'_>, previous: &Previous) {
        self.jumps.push((1, previous.seq, self.file.clone()));
        if previous.seq + 1 < line.seq {
            self.jumps
                .push((previous.seq + 1, line.seq - 1, self.file.clone()));
        }
    }

    fn checkpoint(&mut self, line: &Line<'_>) {
        let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(line.body) else {
            return self.here(line.seq, "is no checkpoint: it was changed");
        };
        let key = self.report.key.clone().unwrap_or_default();
        if !checkpoint.is_signed_by(&key) || Some(checkpoint.log) != self.log {
            self.here(
                line.seq,
                "is a checkpoint that the log's key has not signed",
            );
        } else if self.last.is_some() && checkpoint.head() != self.last {
            self.here(
                line.seq,
                "is a checkpoint of another record than the one before",
            );
        } else {
            self.report.signed = checkpoint.seq;
        }
    }

    fn gap(&mut self, line: &Line<'_>) {
        let Ok(gap) = serde_json::from_slice::<Gap>(line.body) else {
            return self.here(line.seq, "is no gap record: it was changed");
        };
        self.told.extend(gap.from.zip(gap.to));
        let body = String::from_utf8_lossy(line.body);
        match gap.reason {
            Lost::Damaged => self.here(
                line.seq,
                format!("tells that records were lost that were on disk: {body}"),
            ),
            Lost::QueueFull
            | Lost::DiskError
            | Lost::Limited
            | Lost::TornTail
            | Lost::Retention => {
                self.report
                    .notes
                    .push(format!("{}: record {}: gap {body}", self.file, line.seq));
            }
        }
    }

    /// A number that is missing and of which no gap record tells. What retention took away in several goes is told by
    /// several records.
    fn jumps_are_told(&mut self) {
        self.told.sort_unstable();
        for (first, last, file) in std::mem::take(&mut self.jumps) {
            let mut next = first;
            for (from, to) in &self.told {
                if *from <= next && next <= *to {
                    next = to + 1;
                }
            }
            if next <= last {
                let what = match last - next {
                    0 => "is missing".to_owned(),
                    _ => format!("and those up to {last} are missing"),
                };
                self.fault(&file, Some(next), what);
            }
        }
    }

    fn vouched_for(&mut self, line: &Line<'_>) {
        let (met, wanted) = std::mem::take(&mut self.wanted)
            .into_iter()
            .partition(|wanted: &Wanted| wanted.head.seq == line.seq);
        self.wanted = wanted;
        for Wanted { head, by } in met {
            if head.hash != line.hash {
                self.here(line.seq, format!("is not the one that {by} vouches for"));
            }
        }
    }

    /// Whatever was vouched for was met, unless retention has taken it away.
    fn head_is_there(&mut self, signed: Option<&Checkpoint>) {
        let (first, last) = self.report.range.unwrap_or_default();
        for Wanted { head, by } in std::mem::take(&mut self.wanted) {
            if head.seq > last {
                let what = format!(
                    "{by} vouches for it, and the log ends with record {last}: its end was cut off"
                );
                self.fault("the log", Some(head.seq), what);
            } else if head.seq < first {
                let note = format!(
                    "record {}, for which {by} vouches, is older than what is kept",
                    head.seq
                );
                self.report.notes.push(note);
            }
        }
        let key = self.report.key.clone().unwrap_or_default();
        if let Some(signed) = signed
            && (!signed.is_signed_by(&key) || Some(signed.log) != self.log)
        {
            self.fault(
                files::HEAD,
                None,
                "is not signed by the log's key, or is of another log",
            );
        }
    }
}

/// More would tell nothing new.
const MOST_FAULTS: usize = 1000;
