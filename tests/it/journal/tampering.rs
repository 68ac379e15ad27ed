//! Changed files of a log: `verify` reports the fault and the affected record.

use std::collections::BTreeMap;
use std::sync::Arc;

use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::Disk;
use crosstrust::log::journal::verify::{VerifyFault, VerifyOptions, verify};
use crosstrust::log::journal::{EventKind, GapReason, Head, RecordHash, RecordKind};
use crosstrust::time::Timestamp;
use serde_json::Value;

use super::fault_disk::FaultDisk;
use super::world::{NOON, entry, open, options, write};
use crate::support::random::Rng;

type Files = BTreeMap<String, Vec<u8>>;

/// A log of three processes with several files, checkpoints and gaps.
fn log() -> Files {
    let disk = FaultDisk::new(Rng::new(1));
    for run in 0..3 {
        let as_disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let (journal, _) = open(&as_disk, options(1500)).unwrap();
        write(&journal, (0..6).map(|number| format!("{run}-{number}")));
        journal.count_lost(EventKind::SignIn, GapReason::Limited);
        journal.close();
    }
    disk.files()
}

fn faults_of(files: &Files, known: &VerifyOptions) -> Vec<VerifyFault> {
    let disk: Arc<dyn Disk> = Arc::new(FaultDisk::of(files));
    verify(&disk, known).unwrap().faults
}

fn faults(files: &Files) -> Vec<VerifyFault> {
    faults_of(files, &VerifyOptions::default())
}

fn notes(files: &Files) -> Vec<String> {
    let disk: Arc<dyn Disk> = Arc::new(FaultDisk::of(files));
    verify(&disk, &VerifyOptions::default()).unwrap().notes
}

/// Asserts that one of the faults names this record.
#[track_caller]
fn assert_fault_at(files: &Files, seq: u64, what: &str) {
    let faults = faults(files);
    let is_reported = faults.iter().any(|fault| fault.seq == Some(seq));
    assert!(
        is_reported,
        "{what}: expected a fault at record {seq}: {faults:#?}"
    );
}

/// A record: its file, its byte range including the line end, and its number.
#[derive(Debug, Clone)]
struct Place {
    file: String,
    from: usize,
    to: usize,
    seq: u64,
    kind: String,
}

fn places(files: &Files) -> Vec<Place> {
    let mut places = Vec::new();
    for (file, bytes) in files.iter().filter(|(name, _)| name.starts_with("segment")) {
        let mut from = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let record: Value = serde_json::from_slice(line).unwrap();
            places.push(Place {
                file: file.clone(),
                from,
                to: from + line.len(),
                seq: record["seq"].as_u64().unwrap(),
                kind: record["kind"].as_str().unwrap().to_owned(),
            });
            from += line.len();
        }
    }
    places
}

impl Place {
    fn line<'f>(&self, files: &'f Files) -> &'f [u8] {
        &files[&self.file][self.from..self.to]
    }

    fn replace(&self, files: &Files, with: &[u8]) -> Files {
        let mut files = files.clone();
        let bytes = files.get_mut(&self.file).unwrap();
        bytes.splice(self.from..self.to, with.iter().copied());
        files
    }
}

fn last_seq(files: &Files) -> u64 {
    places(files).last().unwrap().seq
}

/// Rebuilds the chain from record `at` without the signing key, after a change of the records.
fn forge(files: &Files, at: usize, change: impl FnOnce(&mut Vec<(RecordKind, Vec<u8>)>)) -> Files {
    let all = places(files);
    let before = &all[at - 1];
    let file = &before.file;
    let record: Value = serde_json::from_slice(before.line(files)).unwrap();
    let hash = RecordHash::parse(record["hash"].as_str().unwrap().as_bytes()).unwrap();
    let mut head = Head {
        seq: before.seq,
        hash,
    };
    let rest = all[at..].iter().filter(|place| place.file == *file);
    let mut rest: Vec<_> = rest
        .map(|place| {
            let line = place.line(files);
            let body = line.windows(8).position(|at| at == br#","body":"#).unwrap() + 8;
            let kind = match place.kind.as_str() {
                "signIn" => RecordKind::SignIn,
                "checkpoint" => RecordKind::Checkpoint,
                "gap" => RecordKind::Gap,
                _ => RecordKind::Audit,
            };
            (kind, line[body..line.len() - 76].to_vec())
        })
        .collect();
    change(&mut rest);
    let mut forged = files.clone();
    let bytes = forged.get_mut(file).unwrap();
    bytes.truncate(before.to);
    for (kind, body) in rest {
        head.write(bytes, NOON, kind, &body);
    }
    forged
}

#[test]
fn the_unchanged_log_has_no_fault() {
    let files = log();
    assert_eq!(faults(&files), []);
    let all = places(&files);
    let kinds = |kind: &str| all.iter().filter(|place| place.kind == kind).count();
    assert!(kinds("segment") >= 5 && kinds("checkpoint") >= 7 && kinds("gap") >= 3);
}

#[test]
fn verify_reports_the_record_that_head_json_signs() {
    let files = log();
    let report = |files: &Files| {
        let disk: Arc<dyn Disk> = Arc::new(FaultDisk::of(files));
        verify(&disk, &VerifyOptions::default()).unwrap()
    };
    let head: Value = serde_json::from_slice(&files["head.json"]).unwrap();
    let intact = report(&files);
    let signed = intact.head.unwrap();
    assert_eq!(signed.seq, head["seq"].as_u64().unwrap());
    assert_eq!(signed.hash.to_string(), head["hash"]);
    assert_eq!((intact.signed, intact.checkpoint), (signed.seq, signed.seq));
    // The signed record is present, and the checkpoint after it is removed.
    let last = places(&files).pop().unwrap();
    let cut = report(&last.replace(&files, &[]));
    assert_eq!(cut.signed, signed.seq);
    assert_eq!(cut.faults.len(), 1, "{:#?}", cut.faults);
    assert_eq!(cut.faults[0].seq, Some(signed.seq + 1));
    // head.json is missing, or changed.
    let mut without = files.clone();
    without.remove("head.json");
    assert_eq!(report(&without).head, None);
    let mut changed = files.clone();
    let body = String::from_utf8(files["head.json"].clone()).unwrap();
    let seq = format!("\"seq\":{}", signed.seq);
    let body = body.replace(&seq, &format!("\"seq\":{}", signed.seq - 1));
    changed.insert(String::from("head.json"), body.into_bytes());
    let changed = report(&changed);
    assert_eq!(changed.head, None);
    assert!(!changed.faults.is_empty());
}

#[test]
fn a_flipped_bit_in_any_record_is_reported_with_the_record() {
    let files = log();
    for place in places(&files) {
        let length = place.to - place.from;
        // Number, time, kind, body, hash, and line end.
        let spots = [
            0,
            7,
            20,
            40,
            52,
            length / 2,
            length - 70,
            length - 4,
            length - 2,
            length - 1,
        ];
        for spot in spots {
            for mask in [0x01, 0x20, 0x80] {
                let mut line = place.line(&files).to_vec();
                line[spot] ^= mask;
                let what = format!("byte {spot} of {place:?}, {mask:#x}");
                assert_fault_at(&place.replace(&files, &line), place.seq, &what);
            }
        }
    }
}

#[test]
fn a_deleted_repeated_or_swapped_record_is_reported() {
    let files = log();
    let all = places(&files);
    for (index, place) in all.iter().enumerate() {
        let line = place.line(&files);
        let what = format!("{place:?}");
        let repeated = place.replace(&files, &[line, line].concat());
        let ends_its_file = all
            .get(index + 1)
            .is_some_and(|next| next.file != place.file);
        if ends_its_file {
            // Bytes after the last valid record are a note, as after a failed write.
            let notes = notes(&repeated).join("\n");
            assert!(
                notes.contains(&format!("{}: its last {}", place.file, line.len())),
                "{notes}"
            );
        } else {
            assert_fault_at(&repeated, place.seq, &format!("repeated {what}"));
        }
        assert_fault_at(
            &place.replace(&files, &[]),
            place.seq,
            &format!("deleted {what}"),
        );
        let Some(next) = all.get(index + 1) else {
            continue;
        };
        if next.file == place.file {
            let swapped = [next.line(&files), line].concat();
            let both = Place {
                to: next.to,
                ..place.clone()
            };
            assert_fault_at(
                &both.replace(&files, &swapped),
                place.seq,
                &format!("swapped {what}"),
            );
        }
    }
}

#[test]
fn a_chain_rebuilt_without_the_key_is_reported_at_the_next_signature() {
    let files = log();
    let all = places(&files);
    for at in 1..all.len() - 1 {
        if all[at].kind == "segment" {
            continue;
        }
        let file = &all[at].file;
        // The next signature: in this file, or at the end of the next file.
        let signed = all[at..]
            .iter()
            .find(|one| one.kind == "checkpoint")
            .unwrap();
        let body = br#"{"id":"forged"}"#.to_vec();
        let inserted = forge(&files, at, |rest| {
            rest.insert(0, (RecordKind::SignIn, body.clone()))
        });
        let deleted = forge(&files, at, |rest| drop(rest.remove(0)));
        let changed = forge(&files, at, |rest| {
            rest[0] = (RecordKind::SignIn, body.clone())
        });
        for (what, forged, moved) in [
            ("inserted", inserted, 1),
            ("deleted", deleted, -1),
            ("changed", changed, 0),
        ] {
            let what = format!("{what} at {:?}", all[at]);
            if signed.file == *file && all[at].kind != "checkpoint" {
                assert_fault_at(
                    &forged,
                    signed.seq.checked_add_signed(moved).unwrap(),
                    &what,
                );
            } else {
                assert_ne!(faults(&forged), [], "{what}");
            }
        }
    }
}

#[test]
fn a_truncated_log_is_reported() {
    let files = log();
    let all = places(&files);
    for place in &all {
        for into in [0, 1, 30, place.to - place.from - 1] {
            let mut cut = files.clone();
            cut.retain(|name, _| !name.starts_with("segment") || *name <= place.file);
            cut.get_mut(&place.file)
                .unwrap()
                .truncate(place.from + into);
            assert_fault_at(&cut, place.seq, &format!("cut {into} bytes into {place:?}"));
        }
    }
}

#[test]
fn a_deleted_renamed_swapped_or_emptied_file_is_reported() {
    let files = log();
    let all = places(&files);
    let segments: Vec<&String> = files
        .keys()
        .filter(|name| name.starts_with("segment"))
        .collect();
    let first_of = |file: &String| all.iter().find(|place| place.file == *file).unwrap().seq;
    for (index, file) in segments.iter().enumerate() {
        let mut deleted = files.clone();
        deleted.remove(*file);
        assert_fault_at(&deleted, first_of(file), &format!("deleted {file}"));

        let mut renamed = files.clone();
        let bytes = renamed.remove(*file).unwrap();
        renamed.insert(String::from("segment-0000000099.jsonl"), bytes);
        assert_ne!(faults(&renamed), [], "renamed {file}");

        if let Some(next) = segments.get(index + 1) {
            let mut swapped = files.clone();
            swapped.insert((*file).clone(), files[*next].clone());
            swapped.insert((*next).clone(), files[*file].clone());
            assert_ne!(faults(&swapped), [], "swapped {file} and {next}");

            let mut cut = files.clone();
            cut.get_mut(*file).unwrap().clear();
            assert_fault_at(&cut, first_of(file), &format!("emptied {file}"));
        }
    }
}

#[test]
fn another_key_and_another_log_are_reported() {
    let files = log();
    let known = |key: String| VerifyOptions {
        key: Some(key),
        heads: Vec::new(),
    };
    let folder = tempfile::tempdir().unwrap();
    let other = Signer::load_or_create(&folder.path().join("other")).unwrap();
    assert_ne!(faults_of(&files, &known(other.public_key())), []);
    assert_eq!(
        faults_of(&files, &known(super::world::signer().public_key())),
        []
    );

    // The head or a file of another log with the same key.
    let other_log = log();
    let mut mixed = files.clone();
    mixed.insert(String::from("head.json"), other_log["head.json"].clone());
    assert_ne!(faults(&mixed), []);
    for name in files.keys().filter(|name| name.starts_with("segment")) {
        let mut mixed = files.clone();
        mixed.insert(name.clone(), other_log[name].clone());
        assert_fault_at(
            &mixed,
            places(&files)
                .iter()
                .find(|place| place.file == *name)
                .unwrap()
                .seq,
            name,
        );
    }
    let mut without = files.clone();
    without.remove("head.json");
    assert_ne!(faults(&without), []);
}

#[test]
fn a_truncated_log_with_an_older_head_is_reported_with_a_known_later_head() {
    let files = log();
    let all = places(&files);
    let checkpoints = all
        .iter()
        .enumerate()
        .filter(|(_, place)| place.kind == "checkpoint");
    let (at, checkpoint) = checkpoints.rev().nth(3).unwrap();
    let record: Value = serde_json::from_slice(checkpoint.line(&files)).unwrap();
    let later_head: Value = serde_json::from_slice(&files["head.json"]).unwrap();
    let mut cut = files.clone();
    cut.insert(
        String::from("head.json"),
        serde_json::to_vec(&record["body"]).unwrap(),
    );
    // The log is not truncated yet: verify reports only a note that its head is old.
    let notes = notes(&cut);
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("head.json: signs record")
                && note.contains("3 checkpoints are later")),
        "{notes:#?}"
    );
    cut.retain(|name, _| !name.starts_with("segment") || *name <= checkpoint.file);
    cut.get_mut(&checkpoint.file)
        .unwrap()
        .truncate(checkpoint.to);
    let known = VerifyOptions {
        key: None,
        heads: vec![Head {
            seq: later_head["seq"].as_u64().unwrap(),
            hash: RecordHash::parse(later_head["hash"].as_str().unwrap().as_bytes()).unwrap(),
        }],
    };
    let faults = faults_of(&cut, &known);
    assert_eq!(
        faults.iter().map(|fault| fault.seq).collect::<Vec<_>>(),
        [Some(all[at].seq + 1)]
    );
}

#[test]
fn the_incomplete_end_after_a_crash_is_not_a_fault() {
    let files = log();
    let file = files
        .keys()
        .rfind(|name| name.starts_with("segment"))
        .unwrap();
    let mut head = Head {
        seq: last_seq(&files),
        hash: RecordHash::NONE,
    };
    let record: Value =
        serde_json::from_slice(places(&files).last().unwrap().line(&files)).unwrap();
    head.hash = RecordHash::parse(record["hash"].as_str().unwrap().as_bytes()).unwrap();
    let mut behind = Vec::new();
    for number in 0..20 {
        let body = entry(&format!("late-{number}"), 50).body;
        head.write(
            &mut behind,
            Timestamp::from_seconds(9),
            RecordKind::SignIn,
            &body,
        );
    }
    for cut in (0..behind.len()).step_by(7) {
        let mut torn = files.clone();
        torn.get_mut(file)
            .unwrap()
            .extend_from_slice(&behind[..cut]);
        assert_eq!(faults(&torn), [], "cut at {cut}");
        // A page that was never written to the disk.
        let bytes = torn.get_mut(file).unwrap();
        let page = (files[file].len() + cut / 2) / 512 * 512;
        let hole = page.max(files[file].len())
            ..(page + 512)
                .min(bytes.len())
                .max(page.max(files[file].len()));
        bytes[hole].fill(0);
        assert_eq!(faults(&torn), [], "cut at {cut} with a hole at {page}");
    }
}
