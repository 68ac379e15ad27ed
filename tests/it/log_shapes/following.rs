//! `crosstrust log show --follow` while another process writes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crosstrust::clock::Clock;
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::SystemDisk;
use crosstrust::log::journal::{
    EventKind, Journal, JournalEntry, JournalOptions, RecordSource, WaitBounds,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::*;
use crate::support::sidecar::{Sidecar, ask, opens_sharepoint, records};

/// A running `log show --operator --follow --format json`.
struct Follower {
    process: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(folder: &Path, arguments: &[&str]) -> Follower {
        let mut process = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["log", "show", "--operator", "--follow", "--format", "json"])
            .args(arguments)
            .arg("--log-directory")
            .arg(folder)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (lines, received) = channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                // If no further line is expected, this end closes the pipe.
                if lines.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Follower {
            process,
            lines: received,
        }
    }

    /// The next event; waits for it.
    fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(TIMEOUT).expect("an event");
        serde_json::from_str(&line).unwrap()
    }

    /// The ids that `write` assigned to the next records.
    fn next_requests(&mut self, number: usize) -> Vec<String> {
        let next = |_| {
            let event = self.next();
            event["crosstrust"]["requestId"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        (0..number).map(next).collect()
    }

    /// Stops it with this signal; returns the exit code and the remaining output.
    fn end(mut self, by: Signal) -> (Option<i32>, Vec<String>) {
        kill_process(Pid::from_child(&self.process), by).unwrap();
        let status = self.process.wait().unwrap();
        let rest = self.lines.iter().collect();
        (status.code(), rest)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A slower follower fails the test instead of blocking it.
const TIMEOUT: Duration = Duration::from_secs(60);

fn journal(folder: &Path, segment_bytes: u64) -> Journal {
    let disk = SystemDisk::lock(folder).unwrap();
    let options = JournalOptions {
        signer: Signer::load_or_create(&folder.join("signing.key")).unwrap(),
        queue: 100,
        wait: WaitBounds::within(Duration::from_millis(100)),
        linger: Duration::ZERO,
        segment_bytes,
        retention_bytes: 1 << 30,
        retention: Duration::from_secs(1 << 20),
        reserve_bytes: 0,
        is_exported: false,
    };
    let (journal, _) = Journal::open(options, Arc::new(disk), Clock::System).unwrap();
    journal
}

fn write(journal: &Journal, id: &str) {
    let mut attempt = request();
    attempt.request_id = id.to_owned();
    let body = body_of(&attempt, &engine().authorize(&attempt), &Pseudonyms::OFF);
    let entry = JournalEntry {
        kind: EventKind::SignIn,
        time: Clock::System.now().wall,
        body,
        is_awaited: true,
        source: RecordSource::PROCESS,
        when_durable: None,
    };
    journal.append(entry).unwrap().wait().unwrap();
}

/// A record has more than a kilobyte.
const SMALL: u64 = 4096;

fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("call-{number}")).collect()
}

#[test]
fn new_records_follow_the_old_ones_across_files_restarts_and_another_log() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("log");
    let writer = journal(&folder, SMALL);
    names(0..3).iter().for_each(|id| write(&writer, id));
    let mut follower = Follower::start(&folder, &["--last", "2"]);
    assert_eq!(follower.next_requests(2), names(1..3));
    // Across files.
    names(3..20).iter().for_each(|id| write(&writer, id));
    assert_eq!(follower.next_requests(17), names(3..20));
    let files = std::fs::read_dir(&folder).unwrap();
    let is_segment = |name: &str| name.starts_with("segment-");
    let segments =
        files.filter(|file| is_segment(file.as_ref().unwrap().file_name().to_str().unwrap()));
    assert!(segments.count() > 3);
    // After a restart.
    writer.close();
    drop(writer);
    let writer = journal(&folder, SMALL);
    names(20..23).iter().for_each(|id| write(&writer, id));
    assert_eq!(follower.next_requests(3), names(20..23));
    // The folder is moved away, and a new log starts in its place.
    writer.close();
    drop(writer);
    std::fs::rename(&folder, place.path().join("old")).unwrap();
    let writer = journal(&folder, SMALL);
    names(23..26).iter().for_each(|id| write(&writer, id));
    assert_eq!(follower.next_requests(3), names(23..26));
    assert_eq!(follower.end(Signal::INT), (Some(0), Vec::new()));
}

#[test]
fn a_partially_written_line_is_shown_once_it_is_complete() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("log");
    let writer = journal(&folder, 1 << 20);
    names(0..2).iter().for_each(|id| write(&writer, id));
    writer.close();
    // The second half of the last sign-in and later records are written afterwards.
    let file = folder.join("segment-0000000001.jsonl");
    let content = std::fs::read(&file).unwrap();
    let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let last = lines
        .iter()
        .rposition(|line| line.windows(6).any(|at| at == b"signIn"))
        .unwrap();
    let before: usize = lines[..last].iter().map(|line| line.len()).sum();
    let half = before + lines[last].len() / 2;
    std::fs::write(&file, &content[..half]).unwrap();
    let mut follower = Follower::start(&folder, &[]);
    assert_eq!(follower.next_requests(1), names(0..1));
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap();
    file.write_all(&content[half..]).unwrap();
    assert_eq!(follower.next_requests(1), names(1..2));
    assert_eq!(follower.end(Signal::TERM), (Some(0), Vec::new()));
}

#[test]
fn a_record_changed_before_it_is_shown_is_marked_and_causes_an_error_at_the_end() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("log");
    let writer = journal(&folder, 1 << 20);
    names(0..3).iter().for_each(|id| write(&writer, id));
    writer.close();
    let file = folder.join("segment-0000000001.jsonl");
    let content = std::fs::read_to_string(&file).unwrap();
    let (shown, second) = content.split_at(content.find("call-0").unwrap());
    let (rest, second) = second.split_at(second.find('\n').unwrap() + 1);
    std::fs::write(&file, [shown, rest].concat()).unwrap();
    let mut follower = Follower::start(&folder, &[]);
    assert!(follower.next()["crosstrust"]["tampered"].is_null());
    let changed = second.replace("call-1", "call-x");
    std::fs::write(&file, [shown, rest, &changed].concat()).unwrap();
    let mut marked = || follower.next()["crosstrust"]["tampered"].clone();
    assert_eq!([marked(), marked()], [Value::from(true), Value::Null]);
    assert_eq!(follower.end(Signal::TERM), (Some(1), Vec::new()));
}

#[test]
fn records_repeated_in_a_new_file_are_shown_again_without_an_error() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("log");
    let writer = journal(&folder, 1 << 20);
    names(0..2).iter().for_each(|id| write(&writer, id));
    writer.close();
    drop(writer);
    let mut follower = Follower::start(&folder, &[]);
    assert_eq!(follower.next_requests(2), names(0..2));
    // The state after a failed second sync: the first file is valid up to the first record.
    let other = place.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(folder.join("signing.key"), other.join("signing.key")).unwrap();
    let content = std::fs::read_to_string(folder.join("segment-0000000001.jsonl")).unwrap();
    let end = content.find("call-0").unwrap();
    let end = end + content[end..].find('\n').unwrap() + 1;
    std::fs::write(other.join("segment-0000000001.jsonl"), &content[..end]).unwrap();
    let writer = journal(&other, 1 << 20);
    names(1..3).iter().for_each(|id| write(&writer, id));
    writer.close();
    let second = "segment-0000000002.jsonl";
    std::fs::copy(other.join(second), folder.join(second)).unwrap();
    assert_eq!(follower.next_requests(2), names(1..3));
    assert_eq!(follower.end(Signal::TERM), (Some(0), Vec::new()));
}

#[test]
fn it_ends_when_its_reader_closes_the_pipe_although_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("log");
    let writer = journal(&folder, SMALL);
    write(&writer, "call-0");
    // `head` closes the pipe after the first line.
    let command = format!(
        "{} log show --operator --follow --format json --log-directory {}",
        env!("CARGO_BIN_EXE_crosstrust"),
        folder.display()
    );
    let script = format!("{{ {command}; echo ended with $? >&2; }} | head -n 1");
    let output = Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .output();
    let output = output.unwrap();
    let first = String::from_utf8(output.stdout).unwrap();
    assert!(first.contains("call-0"), "{first}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "ended with 0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_ins_of_a_server_are_followed_across_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = None;
    for user in 0..3 {
        let sidecar = Sidecar::start(folder.path(), &[]);
        let log = records(folder.path());
        let follower = follower.get_or_insert_with(|| Follower::start(&log, &[]));
        let mut client = sidecar.client().await;
        let answer = ask(&mut client, opens_sharepoint(user, true))
            .await
            .unwrap();
        assert_eq!(follower.next()["id"], answer.decision_id.as_str());
        // Killed the first time, stopped cleanly the second time.
        match user {
            0 => sidecar.kill(),
            _ => tokio::task::spawn_blocking(|| sidecar.end()).await.unwrap(),
        }
    }
    assert_eq!(follower.unwrap().end(Signal::INT), (Some(0), Vec::new()));
}
