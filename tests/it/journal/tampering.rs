//! Whatever is changed in the files of a log, `verify` names it and the record.

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

/// A log that was opened and closed: several files, checkpoints, gaps.
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

/// One of the faults is told of this record.
#[track_caller]
fn names(files: &Files, seq: u64, what: &str) {
    let faults = faults(files);
    let named = faults.iter().any(|fault| fault.seq == Some(seq));
    assert!(
        named,
        "{what}: expected record {seq} to be named: {faults:#?}"
    );
}

/// A record: its file, where it begins and ends (with its line end), its number.
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

/// The records from a place on, chained anew by somebody who has not got the key, with one more or one less.
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
fn the_log_itself_is_whole() {
    let files = log();
    assert_eq!(faults(&files), []);
    let all = places(&files);
    let kinds = |kind: &str| all.iter().filter(|place| place.kind == kind).count();
    assert!(kinds("segment") >= 5 && kinds("checkpoint") >= 7 && kinds("gap") >= 3);
}

#[test]
fn what_head_json_signs_is_known() {
    let files = log();
    let report = |files: &Files| {
        let disk: Arc<dyn Disk> = Arc::new(FaultDisk::of(files));
        verify(&disk, &VerifyOptions::default()).unwrap()
    };
    let head: Value = serde_json::from_slice(&files["head.json"]).unwrap();
    let whole = report(&files);
    let signs = whole.head.unwrap();
    assert_eq!(signs.seq, head["seq"].as_u64().unwrap());
    assert_eq!(signs.hash.to_string(), head["hash"]);
    assert_eq!((whole.signed, whole.checkpoint), (signs.seq, signs.seq));
    // The record that it signs is there, and the checkpoint that was written before it is not.
    let last = places(&files).pop().unwrap();
    let cut = report(&last.replace(&files, &[]));
    assert_eq!(cut.signed, signs.seq);
    assert_eq!(cut.faults.len(), 1, "{:#?}", cut.faults);
    assert_eq!(cut.faults[0].seq, Some(signs.seq + 1));
    // It is missing, or was changed.
    let mut without = files.clone();
    without.remove("head.json");
    assert_eq!(report(&without).head, None);
    let mut changed = files.clone();
    let body = String::from_utf8(files["head.json"].clone()).unwrap();
    let seq = format!("\"seq\":{}", signs.seq);
    let body = body.replace(&seq, &format!("\"seq\":{}", signs.seq - 1));
    changed.insert(String::from("head.json"), body.into_bytes());
    let changed = report(&changed);
    assert_eq!(changed.head, None);
    assert!(!changed.faults.is_empty());
}

#[test]
fn a_byte_that_is_flipped_anywhere_is_named() {
    let files = log();
    for place in places(&files) {
        let length = place.to - place.from;
        // Number, time, kind, body, hash, the end of the line and of the one before.
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
                names(&place.replace(&files, &line), place.seq, &what);
            }
        }
    }
}

#[test]
fn a_record_that_is_deleted_repeated_or_swapped_is_named() {
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
            // It is behind what counts, as after a failed write.
            let told = notes(&repeated).join("\n");
            assert!(
                told.contains(&format!("{}: its last {}", place.file, line.len())),
                "{told}"
            );
        } else {
            names(&repeated, place.seq, &format!("repeated {what}"));
        }
        names(
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
            names(
                &both.replace(&files, &swapped),
                place.seq,
                &format!("swapped {what}"),
            );
        }
    }
}

#[test]
fn a_chain_that_is_made_anew_without_the_key_is_named_where_it_is_signed() {
    let files = log();
    let all = places(&files);
    for at in 1..all.len() - 1 {
        if all[at].kind == "segment" {
            continue;
        }
        let file = &all[at].file;
        // The next signature: in this file, or that of the next one's end.
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
                names(
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
fn an_end_that_is_cut_off_is_named() {
    let files = log();
    let all = places(&files);
    for place in &all {
        for into in [0, 1, 30, place.to - place.from - 1] {
            let mut cut = files.clone();
            cut.retain(|name, _| !name.starts_with("segment") || *name <= place.file);
            cut.get_mut(&place.file)
                .unwrap()
                .truncate(place.from + into);
            names(&cut, place.seq, &format!("cut {into} bytes into {place:?}"));
        }
    }
}

#[test]
fn a_file_that_is_deleted_renamed_swapped_or_cut_is_named() {
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
        names(&deleted, first_of(file), &format!("deleted {file}"));

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
            names(&cut, first_of(file), &format!("emptied {file}"));
        }
    }
}

#[test]
fn another_key_and_another_log_are_named() {
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

    // The same key, another log: its head, or one of its files.
    let elsewhere = log();
    let mut mixed = files.clone();
    mixed.insert(String::from("head.json"), elsewhere["head.json"].clone());
    assert_ne!(faults(&mixed), []);
    for name in files.keys().filter(|name| name.starts_with("segment")) {
        let mut mixed = files.clone();
        mixed.insert(name.clone(), elsewhere[name].clone());
        names(
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
fn an_older_head_with_the_end_cut_off_is_told_by_a_checkpoint_that_was_kept() {
    let files = log();
    let all = places(&files);
    let checkpoints = all
        .iter()
        .enumerate()
        .filter(|(_, place)| place.kind == "checkpoint");
    let (at, checkpoint) = checkpoints.rev().nth(3).unwrap();
    let record: Value = serde_json::from_slice(checkpoint.line(&files)).unwrap();
    let kept: Value = serde_json::from_slice(&files["head.json"]).unwrap();
    let mut cut = files.clone();
    cut.insert(
        String::from("head.json"),
        serde_json::to_vec(&record["body"]).unwrap(),
    );
    // Nobody cut anything: the log is whole, and verify says that its head is old.
    let told = notes(&cut);
    assert!(
        told.iter()
            .any(|note| note.starts_with("head.json: signs record")
                && note.contains("3 checkpoints are later")),
        "{told:#?}"
    );
    cut.retain(|name, _| !name.starts_with("segment") || *name <= checkpoint.file);
    cut.get_mut(&checkpoint.file)
        .unwrap()
        .truncate(checkpoint.to);
    let known = VerifyOptions {
        key: None,
        heads: vec![Head {
            seq: kept["seq"].as_u64().unwrap(),
            hash: RecordHash::parse(kept["hash"].as_str().unwrap().as_bytes()).unwrap(),
        }],
    };
    let faults = faults_of(&cut, &known);
    assert_eq!(
        faults.iter().map(|fault| fault.seq).collect::<Vec<_>>(),
        [Some(all[at].seq + 1)]
    );
}

#[test]
fn the_end_that_a_crash_leaves_is_no_fault() {
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
        // And a page that never got to the disk.
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
