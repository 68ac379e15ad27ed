//! Verifies a log: reports each record that was changed, removed, added or moved.
//!
//! The hash chain detects changed, missing, added and moved records. Signed checkpoints detect a rewritten chain.
//! `head.json`, and checkpoints stored elsewhere, detect a truncated log. Torn writes and removals by retention are
//! reported by the log itself and are not faults.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files::{self, Segment};
use super::gap::{Gap, GapReason};
use super::line::{Head, RecordKind, RecordLine};
use super::read::SegmentLines;
use super::tail::Tail;

/// Values stored outside of the log, to verify it against.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The public key in base64; if `None`, the key in the log's first header is trusted.
    pub key: Option<String>,
    /// Sequence numbers and hashes of records that were in the log.
    pub heads: Vec<Head>,
}

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// The faults, in the order of the records.
    pub faults: Vec<VerifyFault>,
    /// Observations that are not faults.
    pub notes: Vec<String>,
    /// The number of verified records.
    pub records: u64,
    /// The sequence numbers of the first and the last record.
    pub range: Option<(u64, u64)>,
    /// The last record that a checkpoint or `head.json` signs.
    pub signed: u64,
    /// The record that `head.json` signs, if the signature is valid and the record exists.
    pub head: Option<Head>,
    /// The last record that a checkpoint in the log signs.
    pub checkpoint: u64,
    /// The public key of the signatures.
    pub key: Option<String>,
    /// The log's id.
    pub log: Option<String>,
}

/// A fault in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyFault {
    /// The file.
    pub file: String,
    /// The record's sequence number, if it is known.
    pub seq: Option<u64>,
    /// The description, after the record.
    pub what: String,
}

impl fmt::Display for VerifyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(out, "{}: record {seq}: {}", self.file, self.what),
            None => write!(out, "{}: {}", self.file, self.what),
        }
    }
}

/// Verifies every record. Fails only if files cannot be read.
pub fn verify(disk: &Arc<dyn Disk>, options: &VerifyOptions) -> io::Result<VerifyReport> {
    // Read before the records, so that it is not newer than they are while the log is written.
    let signed = files::read_head(disk.as_ref())?;
    let has_head = disk.list()?.iter().any(|(name, _)| name == files::HEAD);
    let segments = files::segments(disk.as_ref())?;
    let chain = Tail::all_valid_bytes(disk, &files::chain(&segments), signed.as_ref())?;
    let mut verifier = Verifier::new(options, signed.as_ref().and_then(Checkpoint::head));
    verifier.present = segments.iter().map(|segment| segment.number).collect();
    verifier.log = which_log(&chain, signed.as_ref());
    for (segment, valid_bytes) in &chain {
        verifier.check_segment(disk, segment, *valid_bytes)?;
    }
    verifier.check_abandoned(disk, &segments, &chain)?;
    verifier.check_head(signed.as_ref());
    verifier.check_jumps();
    if signed.is_none() && (has_head || !segments.is_empty()) {
        verifier.fault(files::HEAD, None, "is missing or is not a checkpoint");
    }
    verifier.check_end(signed.as_ref());
    Ok(verifier.report)
}

/// The log named by `head.json`, if a segment belongs to it; else the log of the last segment.
fn which_log(chain: &[(&Segment, u64)], signed: Option<&Checkpoint>) -> Option<uuid::Uuid> {
    let headers = chain.iter().filter_map(|(one, _)| one.header.as_ref());
    let mut logs = headers.map(|header| header.body.log);
    let last = logs.clone().next_back();
    let signed = signed.and_then(|signed| logs.find(|log| *log == signed.log));
    signed.or(last)
}

/// The state of a verification between two records.
struct Verifier {
    report: VerifyReport,
    file: String,
    /// The numbers of all segments on disk.
    present: BTreeSet<u64>,
    /// The segment before the next record is missing, so the chain cannot be verified at that record.
    is_previous_missing: bool,
    /// The previous record; `None` at the start.
    last: Option<Head>,
    log: Option<uuid::Uuid>,
    /// Missing sequence numbers: first and last, and the file with the record after them.
    jumps: Vec<(u64, u64, String)>,
    gaps: Vec<ReportedGap>,
    /// The log has sign-in events or audit records.
    has_events: bool,
    /// Heads from `head.json` and from the caller that were not found yet.
    expected: Vec<ExpectedHead>,
    /// The head in `head.json`, once its record was found.
    found: Option<Head>,
    /// The head in `head.json`.
    signed: Option<Head>,
    /// The number of checkpoints after that head.
    newer: u32,
}

/// Missing sequence numbers that a gap record reports.
struct ReportedGap {
    from: u64,
    to: u64,
    /// The gap record's sequence number: the record counts only if it is signed.
    by: u64,
}

/// A record that has to be in the log.
struct ExpectedHead {
    head: Head,
    /// Where the head is from, for messages.
    source: &'static str,
}

impl Verifier {
    fn new(options: &VerifyOptions, signed: Option<Head>) -> Self {
        let given = options.heads.iter().map(|head| ExpectedHead {
            head: *head,
            source: "the given checkpoint",
        });
        let head = signed.map(|head| ExpectedHead {
            head,
            source: files::HEAD,
        });
        let expected = given.chain(head).collect();
        Verifier {
            report: VerifyReport {
                key: options.key.clone(),
                ..VerifyReport::default()
            },
            file: String::new(),
            present: BTreeSet::new(),
            is_previous_missing: false,
            last: None,
            log: None,
            jumps: Vec::new(),
            gaps: Vec::new(),
            has_events: false,
            expected,
            found: None,
            signed,
            newer: 0,
        }
    }

    fn fault(&mut self, file: &str, seq: Option<u64>, what: impl Into<String>) {
        if self.report.faults.len() < MAX_FAULTS {
            self.report.faults.push(VerifyFault {
                file: file.to_owned(),
                seq,
                what: what.into(),
            });
        }
    }

    /// Reports a fault in the current file.
    fn fault_here(&mut self, seq: u64, what: impl Into<String>) {
        let file = self.file.clone();
        self.fault(&file, Some(seq), what);
    }

    /// Segments that no later segment refers to.
    fn check_abandoned(
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
            if segment.header.is_none() && !Tail::read(disk, segment, 0)?.is_torn() {
                let next = self.last.map_or(0, |last| last.seq) + 1;
                self.fault(
                    &name,
                    Some(next),
                    "is not the header of this file: it was changed",
                );
                continue;
            }
            self.report.notes.push(format!(
                "{name}: abandoned after a failed write; its records do not count"
            ));
        }
        Ok(())
    }

    fn check_segment(
        &mut self,
        disk: &Arc<dyn Disk>,
        segment: &Segment,
        valid_bytes: u64,
    ) -> io::Result<()> {
        self.file = files::name(segment.number);
        let mut lines = SegmentLines::new(Arc::clone(disk), segment.number, 0, valid_bytes);
        let mut is_first = true;
        let mut end = 0;
        while let Some(raw) = lines.next()? {
            let line = RecordLine::parse(&raw.bytes).filter(|_| raw.is_complete);
            match line {
                Some(line) => self.check_record(&line, is_first, segment.number),
                None => self.fault_at_offset(end),
            }
            end = raw.end;
            is_first = false;
        }
        if end < valid_bytes {
            let file = self.file.clone();
            let what = format!("has {end} bytes, expected {valid_bytes}: the end was cut off");
            self.fault(&file, None, what);
        }
        if segment.length > valid_bytes {
            let torn = segment.length - valid_bytes;
            self.report.notes.push(format!(
                "{}: its last {torn} bytes do not count: a failed, interrupted or running write that was never confirmed",
                self.file
            ));
        }
        Ok(())
    }

    fn fault_at_offset(&mut self, offset: u64) {
        let file = self.file.clone();
        let after = self.last.map_or(0, |last| last.seq);
        self.fault(
            &file,
            Some(after + 1),
            format!("the line at byte {offset} is not a record: it was changed or inserted"),
        );
    }

    fn check_record(&mut self, line: &RecordLine<'_>, is_first: bool, number: u64) {
        self.report.records += 1;
        let first = self.report.range.map_or(line.seq, |(first, _)| first);
        self.report.range = Some((first, line.seq));
        if is_first {
            self.check_header(line, number);
        } else if line.kind == RecordKind::Segment {
            self.fault_here(line.seq, "is the header of a file, found inside a file");
        }
        self.check_chain(line);
        match line.kind {
            RecordKind::Checkpoint => self.check_checkpoint(line),
            RecordKind::Gap => self.check_gap(line),
            RecordKind::SignIn | RecordKind::Audit => self.has_events = true,
            RecordKind::Segment => {}
        }
        self.check_expected(line);
        let last = self.last.map_or(0, |last| last.seq);
        self.last = Some(Head {
            seq: line.seq.max(last),
            hash: line.hash,
        });
    }

    /// Compares the sequence number and the hash with the previous record.
    fn check_chain(&mut self, line: &RecordLine<'_>) {
        let is_previous_missing = std::mem::take(&mut self.is_previous_missing);
        let Some(last) = self.last else {
            return;
        };
        if line.seq <= last.seq {
            let what = format!(
                "comes after record {}: it was moved, repeated or inserted",
                last.seq
            );
            self.fault_here(line.seq, what);
            if line.hash != last.hash {
                let what = format!("expected here, found a record with the number {}", line.seq);
                self.fault_here(last.seq + 1, what);
            }
        } else if line.seq > last.seq + 1 {
            self.jumps
                .push((last.seq + 1, line.seq - 1, self.file.clone()));
        }
        if !is_previous_missing && !line.is_chained_to(last.hash) {
            let what = if line.seq == last.seq + 1 {
                "its hash does not match: it was changed"
            } else {
                "its hash does not follow from the record before it"
            };
            self.fault_here(line.seq, what);
        }
    }

    fn check_header(&mut self, line: &RecordLine<'_>, number: u64) {
        let Some(header) = files::parse_header(line, number) else {
            if line.kind == RecordKind::Segment {
                let what = "is not the header of this file: it was changed";
                return self.fault_here(line.seq, what);
            }
            let expected = self
                .last
                .map_or(line.seq.saturating_sub(1), |last| last.seq + 1);
            return self.fault_here(expected, "is missing: this file has no header");
        };
        let body = header.body;
        if self.log != Some(body.log) {
            self.fault_here(line.seq, format!("belongs to another log, {}", body.log));
        }
        self.report.log.get_or_insert(body.log.to_string());
        if self.report.key.get_or_insert_with(|| body.key.clone()) != &body.key {
            self.fault_here(line.seq, format!("names another key, {}", body.key));
        }
        match (self.last, &body.previous) {
            (None, None) if line.seq == 1 => {}
            // The log does not start here: earlier records were removed, by retention or otherwise.
            (None, _) => self.jumps.push((1, line.seq - 1, self.file.clone())),
            (Some(last), previous) => {
                let named = previous.as_ref().map(|one| (one.seq, one.hash.clone()));
                let missing = previous
                    .as_ref()
                    .filter(|one| !self.present.contains(&one.segment));
                if let Some(missing) = missing {
                    let what = format!(
                        "follows record {} of {}, and that file is missing",
                        missing.seq,
                        files::name(missing.segment)
                    );
                    self.fault_here(line.seq, what);
                    self.is_previous_missing = true;
                } else if named != Some((last.seq, last.hash.to_string())) {
                    self.fault_here(
                        line.seq,
                        "does not name the last record of the previous file",
                    );
                }
            }
        }
    }

    fn check_checkpoint(&mut self, line: &RecordLine<'_>) {
        let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(line.body) else {
            return self.fault_here(line.seq, "is not a valid checkpoint: it was changed");
        };
        let key = self.report.key.clone().unwrap_or_default();
        if !checkpoint.is_signed_by(&key) || Some(checkpoint.log) != self.log {
            self.fault_here(
                line.seq,
                "is a checkpoint that is not signed by the log's key",
            );
        } else if self.last.is_some() && checkpoint.head() != self.last {
            self.fault_here(
                line.seq,
                "is a checkpoint that does not sign the record before it",
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

    fn check_gap(&mut self, line: &RecordLine<'_>) {
        let Ok(gap) = serde_json::from_slice::<Gap>(line.body) else {
            return self.fault_here(line.seq, "is not a valid gap record: it was changed");
        };
        self.gaps
            .extend(gap.from.zip(gap.to).map(|(from, to)| ReportedGap {
                from,
                to,
                by: line.seq,
            }));
        let body = String::from_utf8_lossy(line.body);
        match gap.reason {
            GapReason::Damaged => self.fault_here(
                line.seq,
                format!("reports that records on disk were lost: {body}"),
            ),
            GapReason::QueueFull
            | GapReason::DiskError
            | GapReason::Limited
            | GapReason::TornTail
            | GapReason::Retention => {
                self.report
                    .notes
                    .push(format!("{}: record {}: gap {body}", self.file, line.seq));
            }
        }
    }

    /// `head.json` counts like a checkpoint in the log, because it is written after the same checkpoint.
    fn check_head(&mut self, signed: Option<&Checkpoint>) {
        let key = self.report.key.clone().unwrap_or_default();
        let valid = signed.filter(|one| one.is_signed_by(&key) && Some(one.log) == self.log);
        let head = valid.and_then(Checkpoint::head);
        let is_found = |head: &Head| {
            let found = head.seq == 0 || self.found == Some(*head);
            found && !self.expected.iter().any(|one| one.head == *head)
        };
        self.report.head = head.filter(is_found);
        let Some(head) = self.report.head else {
            return;
        };
        self.report.signed = self.report.signed.max(head.seq);
        if head.seq > self.report.checkpoint {
            // `head.json` is written after its checkpoint, the next record, is on disk.
            let what = format!(
                "is missing: the checkpoint of record {}, which {} contains; the end was cut off",
                head.seq,
                files::HEAD
            );
            self.fault("the log", Some(head.seq + 1), what);
        }
    }

    /// Missing sequence numbers that no signed gap record reports.
    fn check_jumps(&mut self) {
        let signed = self.report.signed;
        self.gaps.retain(|gap| gap.by <= signed);
        self.gaps.sort_unstable_by_key(|gap| gap.from);
        for (first, last, file) in std::mem::take(&mut self.jumps) {
            let mut next = first;
            for ReportedGap { from, to, .. } in &self.gaps {
                if *from <= next && next <= *to {
                    next = to.saturating_add(1);
                }
            }
            if next <= last {
                let what = match last - next {
                    0 => "is missing".to_owned(),
                    _ => format!("is missing, and so are the records up to {last}"),
                };
                self.fault(&file, Some(next), what);
            }
        }
    }

    /// Compares the record with the expected heads of its number.
    fn check_expected(&mut self, line: &RecordLine<'_>) {
        let (found, expected) = std::mem::take(&mut self.expected)
            .into_iter()
            .partition(|one: &ExpectedHead| one.head.seq == line.seq);
        self.expected = expected;
        for ExpectedHead { head, source } in found {
            if head.hash == line.hash {
                self.found = self.signed.filter(|signed| *signed == head).or(self.found);
            } else {
                self.fault_here(line.seq, format!("is not the record in {source}"));
            }
        }
    }

    /// Expected heads that were not found, unless they are older than the log; missing signatures; the key of `head.json`.
    fn check_end(&mut self, signed: Option<&Checkpoint>) {
        let (first, last) = self.report.range.unwrap_or_default();
        for ExpectedHead { head, source } in std::mem::take(&mut self.expected) {
            if head.seq > last {
                let what = format!(
                    "is missing, and so are the records up to {}, which is in {source}: the end was cut off",
                    head.seq
                );
                self.fault("the log", Some(last + 1), what);
            } else if head.seq >= first {
                let what = format!("is missing, and is in {source}");
                self.fault("the log", Some(head.seq), what);
            } else if head.seq > 0 {
                let note = format!(
                    "record {} in {source} is older than the first record on disk",
                    head.seq
                );
                self.report.notes.push(note);
            }
        }
        // A crash may leave the start of the first group of the first segment, which has no events. Every other segment
        // starts with a checkpoint in its first group.
        if self.report.checkpoint == 0 && self.has_events {
            self.fault(
                "the log",
                None,
                "has no checkpoint that is signed by its key",
            );
        } else if last > self.report.signed.saturating_add(1) {
            // The checkpoint itself is the one record after the record that it signs.
            let note = format!(
                "records {} to {last} are not signed yet: the process is running or was killed",
                self.report.signed.saturating_add(2)
            );
            self.report.notes.push(note);
        }
        // A crash may leave `head.json` one checkpoint behind.
        if self.newer > 1 {
            self.report.notes.push(format!(
                "{}: signs record {}, and {} checkpoints are later: it could not be replaced, or was replaced by an older one",
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
                "is not signed by the log's key, or belongs to another log",
            );
        }
    }
}

/// Bounds the report.
const MAX_FAULTS: usize = 1000;
