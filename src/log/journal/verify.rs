//! Is the log whole and as it was written? Names every record that is not.
//!
//! The chain tells a changed, missing, added or moved record; signed checkpoints tell a chain that was made anew;
//! `head.json`, and checkpoints that were kept elsewhere, tell an end that was cut off. What a crash has torn and what
//! retention has taken away is told by the log itself, and is no fault.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files::{self, Segment};
use super::gap::{Gap, Lost};
use super::line::{Head, Line, RecordKind};
use super::read::Lines;
use super::tail::Tail;

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
    /// The last one that a checkpoint or `head.json` signs.
    pub signed: u64,
    /// What `head.json` signs, where it is signed by the log's key and its record is there.
    pub head: Option<Head>,
    /// The last record that a checkpoint in the log signs.
    pub checkpoint: u64,
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
    let chain = Tail::counts(disk, &files::chain(&segments), signed.as_ref())?;
    let mut walk = Walk::new(known, signed.as_ref().and_then(Checkpoint::head));
    walk.present = segments.iter().map(|segment| segment.number).collect();
    walk.log = which_log(&chain, signed.as_ref());
    for (segment, counts) in &chain {
        walk.segment(disk, segment, *counts)?;
    }
    walk.given_up(disk, &segments, &chain)?;
    walk.head_signs(signed.as_ref());
    walk.jumps_are_told();
    if signed.is_none() && (has_head || !segments.is_empty()) {
        walk.fault(files::HEAD, None, "is missing or is no checkpoint");
    }
    walk.head_is_there(signed.as_ref());
    Ok(walk.report)
}

/// The log that `head.json` is of, if any file is of that one; else the last file's.
fn which_log(chain: &[(&Segment, u64)], signed: Option<&Checkpoint>) -> Option<uuid::Uuid> {
    let opened = chain.iter().filter_map(|(one, _)| one.opening.as_ref());
    let mut logs = opened.map(|opened| opened.body.log);
    let last = logs.clone().next_back();
    let signed = signed.and_then(|signed| logs.find(|log| *log == signed.log));
    signed.or(last)
}

/// What is known at one place between two records.
struct Walk {
    report: Report,
    file: String,
    /// The numbers of all files.
    present: BTreeSet<u64>,
    /// The file that the next record follows is gone: it cannot be chained to what was read.
    is_previous_gone: bool,
    /// The record before; none at the beginning.
    last: Option<Head>,
    log: Option<uuid::Uuid>,
    /// Numbers that are missing: first and last, and the file where that was seen.
    jumps: Vec<(u64, u64, String)>,
    told: Vec<Told>,
    /// There are records of what has happened.
    has_events: bool,
    /// What somebody vouches for, and has not been met yet.
    wanted: Vec<Wanted>,
    /// What `head.json` vouches for, once it was met.
    met: Option<Head>,
    /// What `head.json` vouches for …
    signed: Option<Head>,
    /// … and how many checkpoints are later.
    newer: u32,
}

/// Numbers that a gap record says are missing.
struct Told {
    from: u64,
    to: u64,
    /// The gap record's own number: it counts only if it is signed.
    by: u64,
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
        let head = signed.map(|head| Wanted {
            head,
            by: files::HEAD,
        });
        let wanted = given.chain(head).collect();
        Walk {
            report: Report {
                key: known.key.clone(),
                ..Report::default()
            },
            file: String::new(),
            present: BTreeSet::new(),
            is_previous_gone: false,
            last: None,
            log: None,
            jumps: Vec::new(),
            told: Vec::new(),
            has_events: false,
            wanted,
            met: None,
            signed,
            newer: 0,
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
    fn given_up(
        &mut self,
        disk: &Arc<dyn Disk>,
        segments: &[Segment],
        chain: &[(&Segment, u64)],
    ) -> io::Result<()> {
        let is_counted = |one: &Segment| {
            chain
                .iter()
                .any(|(counted, _)| counted.number == one.number)
        };
        for segment in segments.iter().filter(|one| !is_counted(one)) {
            let name = files::name(segment.number);
            if segment.opening.is_none() && !Tail::look(disk, segment, 0)?.is_torn() {
                let next = self.last.map_or(0, |last| last.seq) + 1;
                self.fault(
                    &name,
                    Some(next),
                    "is not the first record of this file: it was changed",
                );
                continue;
            }
            self.report.notes.push(format!(
                "{name}: was given up after a failed write; nothing in it counts"
            ));
        }
        Ok(())
    }

    fn segment(&mut self, disk: &Arc<dyn Disk>, segment: &Segment, counts: u64) -> io::Result<()> {
        self.file = files::name(segment.number);
        let mut lines = Lines::new(Arc::clone(disk), segment.number, 0, counts);
        let mut is_first = true;
        let mut end = 0;
        while let Some(raw) = lines.next()? {
            let line = Line::read(&raw.bytes).filter(|_| raw.is_whole);
            match line {
                Some(line) => self.record(&line, is_first, segment.number),
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
                "{}: its last {torn} bytes do not count: a write failed, a crash has torn them, or they are being written; nobody was told that they are on disk",
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
            RecordKind::SignIn | RecordKind::Audit => self.has_events = true,
            RecordKind::Segment => {}
        }
        self.vouched_for(line);
        let last = self.last.map_or(0, |last| last.seq);
        self.last = Some(Head {
            seq: line.seq.max(last),
            hash: line.hash,
        });
    }

    /// Its number and its hash follow from the record before.
    fn follows(&mut self, line: &Line<'_>) {
        let is_previous_gone = std::mem::take(&mut self.is_previous_gone);
        let Some(last) = self.last else {
            return;
        };
        if line.seq <= last.seq {
            let what = format!(
                "stands behind record {}: it was moved, repeated or put there",
                last.seq
            );
            self.here(line.seq, what);
            if line.hash != last.hash {
                let what = format!(
                    "has record {} in its place, if that is its number",
                    line.seq
                );
                self.here(last.seq + 1, what);
            }
        } else if line.seq > last.seq + 1 {
            self.jumps
                .push((last.seq + 1, line.seq - 1, self.file.clone()));
        }
        if !is_previous_gone && !line.is_chained_to(last.hash) {
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
            if line.kind == RecordKind::Segment {
                let what = "is not the first record of this file: it was changed";
                return self.here(line.seq, what);
            }
            let expected = self
                .last
                .map_or(line.seq.saturating_sub(1), |last| last.seq + 1);
            return self.here(expected, "is missing: this file has no first record");
        };
        let body = opened.body;
        if self.log != Some(body.log) {
            self.here(line.seq, format!("belongs to another log, {}", body.log));
        }
        self.report.log.get_or_insert(body.log.to_string());
        if self.report.key.get_or_insert_with(|| body.key.clone()) != &body.key {
            self.here(line.seq, format!("names another key, {}", body.key));
        }
        match (self.last, &body.previous) {
            (None, None) if line.seq == 1 => {}
            // The log does not begin here: retention, or somebody, has taken away what was before.
            (None, _) => self.jumps.push((1, line.seq - 1, self.file.clone())),
            (Some(last), previous) => {
                let told = previous.as_ref().map(|one| (one.seq, one.hash.clone()));
                let gone = previous
                    .as_ref()
                    .filter(|one| !self.present.contains(&one.segment));
                if let Some(gone) = gone {
                    let what = format!(
                        "follows record {} of {}, and that file is gone",
                        gone.seq,
                        files::name(gone.segment)
                    );
                    self.here(line.seq, what);
                    self.is_previous_gone = true;
                } else if told != Some((last.seq, last.hash.to_string())) {
                    self.here(
                        line.seq,
                        "names another record than the last of the file before",
                    );
                }
            }
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
            self.report.checkpoint = checkpoint.seq;
            self.newer += u32::from(
                self.signed
                    .is_some_and(|signed| signed.seq < checkpoint.seq),
            );
        }
    }

    fn gap(&mut self, line: &Line<'_>) {
        let Ok(gap) = serde_json::from_slice::<Gap>(line.body) else {
            return self.here(line.seq, "is no gap record: it was changed");
        };
        self.told
            .extend(gap.from.zip(gap.to).map(|(from, to)| Told {
                from,
                to,
                by: line.seq,
            }));
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

    /// What `head.json` signs counts as what a checkpoint in the log does, for it is written after that one.
    fn head_signs(&mut self, signed: Option<&Checkpoint>) {
        let key = self.report.key.clone().unwrap_or_default();
        let ours = signed.filter(|one| one.is_signed_by(&key) && Some(one.log) == self.log);
        let head = ours.and_then(Checkpoint::head);
        let is_met = |head: &Head| {
            let met = head.seq == 0 || self.met == Some(*head);
            met && !self.wanted.iter().any(|wanted| wanted.head == *head)
        };
        self.report.head = head.filter(is_met);
        let Some(head) = self.report.head else {
            return;
        };
        self.report.signed = self.report.signed.max(head.seq);
        if head.seq > self.report.checkpoint {
            // It is written once its checkpoint, the next record, is on disk.
            let what = format!(
                "is missing: the checkpoint of record {}, which {} has; the end was cut off",
                head.seq,
                files::HEAD
            );
            self.fault("the log", Some(head.seq + 1), what);
        }
    }

    /// A number that is missing and of which no signed gap record tells.
    fn jumps_are_told(&mut self) {
        let signed = self.report.signed;
        self.told.retain(|told| told.by <= signed);
        self.told.sort_unstable_by_key(|told| told.from);
        for (first, last, file) in std::mem::take(&mut self.jumps) {
            let mut next = first;
            for Told { from, to, .. } in &self.told {
                if *from <= next && next <= *to {
                    next = to.saturating_add(1);
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
            if head.hash == line.hash {
                self.met = self.signed.filter(|signed| *signed == head).or(self.met);
            } else {
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
                    "is missing, and all up to {}, for which {by} vouches: the end was cut off",
                    head.seq
                );
                self.fault("the log", Some(last + 1), what);
            } else if head.seq >= first {
                let what = format!("is not there, and {by} vouches for it");
                self.fault("the log", Some(head.seq), what);
            } else if head.seq > 0 {
                let note = format!(
                    "record {}, for which {by} vouches, is older than what is kept",
                    head.seq
                );
                self.report.notes.push(note);
            }
        }
        // A crash may leave the beginning of the first file's first group, which has no events; all others come with a
        // checkpoint.
        if self.report.checkpoint == 0 && self.has_events {
            self.fault("the log", None, "has no checkpoint that its key has signed");
        } else if last > self.report.signed.saturating_add(1) {
            // The checkpoint itself is the one record behind what it signs.
            let note = format!(
                "records {} to {last} are not signed yet, as of a process that runs or was killed",
                self.report.signed.saturating_add(2)
            );
            self.report.notes.push(note);
        }
        // A crash may leave it one behind.
        if self.newer > 1 {
            self.report.notes.push(format!(
                "{}: signs record {}, and {} checkpoints are later: it could not be replaced, or an older one was put there",
                files::HEAD,
                self.signed.map_or(0, |signed| signed.seq),
                self.newer
            ));
        }
        let key = self.report.key.clone().unwrap_or_default();
        if let (Some(signed), Some(log)) = (signed, self.log)
            && (!signed.is_signed_by(&key) || signed.log != log)
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
