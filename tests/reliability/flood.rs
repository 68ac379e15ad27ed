//! Floods of HTTP/2 frames on some connections while a normal client calls on another one: the client gets correct
//! answers, and the memory of the process stays bounded.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::Decision;

use crate::figure::{percentile, row, size};
use crate::support::sidecar::{Sidecar, ask, is_refusal, opens_sharepoint};

/// Concurrent flooding connections. Half of them read what the server sends, half never read.
const FLOODERS: usize = 4;
/// Bound of the growth of resident memory in all floods together, in bytes. The windows and buffers of a connection are
/// bounded by 1 MiB, and closed connections leave free pages with the allocator.
const MEMORY_GROWTH: u64 = 32 << 20;

/// What a flooding connection sends after its preface, in rounds.
struct Flood {
    name: &'static str,
    tried: &'static str,
    round: fn(u32) -> Vec<u8>,
    /// Frames in a round.
    frames: u64,
    /// Whether the server closes the connection even at a low rate.
    is_closed: bool,
}

const FLOODS: &[Flood] = &[
    Flood {
        name: "reset",
        tried: "calls that are reset at once (HEADERS, RST_STREAM; CVE-2023-44487)",
        round: |round| {
            streams(round, 32, |stream| {
                [headers(stream, &call(), END_HEADERS), reset(stream)].concat()
            })
        },
        frames: 64,
        is_closed: false,
    },
    Flood {
        name: "malformed",
        tried: "calls that the server has to reset (a stream that depends on itself; RUSTSEC-2024-0003)",
        round: |round| streams(round, 32, depends_on_itself),
        frames: 32,
        is_closed: true,
    },
    Flood {
        name: "ping",
        tried: "PING",
        round: |_| frame(6, 0, 0, &[0; 8]).repeat(64),
        frames: 64,
        is_closed: false,
    },
    Flood {
        name: "settings",
        tried: "SETTINGS",
        round: |_| frame(4, 0, 0, &[]).repeat(64),
        frames: 64,
        is_closed: false,
    },
    Flood {
        name: "continuation",
        tried: "one endless header block (CONTINUATION)",
        round: |round| match round {
            0 => headers(1, &call(), 0),
            _ => frame(9, 0, 1, &long_header(12_000)),
        },
        frames: 1,
        is_closed: true,
    },
    Flood {
        name: "headers",
        tried: "calls with 12 KiB of headers and an empty body",
        round: |round| {
            streams(round, 8, |stream| {
                headers(stream, &[call(), long_header(12_000)].concat(), ENDED)
            })
        },
        frames: 8,
        is_closed: false,
    },
    Flood {
        name: "compressed",
        tried: "calls whose headers expand to 16 MB (4,000 references to one HPACK entry)",
        round: |round| streams(round, 4, expanding),
        frames: 4,
        is_closed: false,
    },
    Flood {
        name: "empty-data",
        tried: "empty DATA frames in a call",
        round: |round| match round {
            0 => headers(1, &call(), END_HEADERS),
            _ => frame(0, 0, 1, &[]).repeat(64),
        },
        frames: 64,
        is_closed: false,
    },
    Flood {
        name: "tiny-data",
        tried: "calls that send their bodies a byte at a time",
        round: |round| {
            streams(round, 1, |stream| {
                let byte = frame(0, 0, stream, &[0]);
                let last = frame(0, END_STREAM, stream, &[0]);
                [headers(stream, &call(), END_HEADERS), byte.repeat(63), last].concat()
            })
        },
        frames: 65,
        is_closed: false,
    },
    Flood {
        name: "window",
        tried: "WINDOW_UPDATE by one",
        round: |_| frame(8, 0, 0, &1_u32.to_be_bytes()).repeat(64),
        frames: 64,
        is_closed: false,
    },
    Flood {
        name: "priority",
        tried: "PRIORITY of streams that do not exist",
        round: |round| streams(round, 64, |stream| frame(2, 0, stream, &[0, 0, 0, 0, 1])),
        frames: 64,
        is_closed: false,
    },
];

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// HEADERS that are the complete call.
const ENDED: u8 = END_HEADERS | END_STREAM;
const PRIORITY: u8 = 32;

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn headers(stream: u32, block: &[u8], flags: u8) -> Vec<u8> {
    frame(1, flags, stream, block)
}

fn reset(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 8;
    frame(3, 0, stream, &CANCEL.to_be_bytes())
}

fn depends_on_itself(stream: u32) -> Vec<u8> {
    let priority = [&stream.to_be_bytes()[..], &[1], &call()].concat();
    headers(stream, &priority, END_HEADERS | PRIORITY)
}

/// The streams of this round, `count` in each.
fn streams(round: u32, count: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let numbers = round * count..(round + 1) * count;
    numbers.flat_map(|number| one(2 * number + 1)).collect()
}

/// The header block of an Authorize call (RFC 7541): indexed fields, and literals that are not added to the table.
fn call() -> Vec<u8> {
    const PATH: &[u8] = b"/crosstrust.v1.AuthorizationService/Authorize";
    let mut block = vec![0x83, 0x86, 0x04, PATH.len() as u8];
    block.extend(PATH);
    block.extend([0x01, 1, b'x', 0x0f, 0x10]);
    block.push(b"application/grpc".len() as u8);
    block.extend(b"application/grpc");
    block
}

/// A header with a value of this length.
fn long_header(length: usize) -> Vec<u8> {
    let mut header = vec![0x00, 1, b'a'];
    header.extend(hpack_length(length));
    header.extend(vec![b'a'; length]);
    header
}

/// An entry of 4,000 bytes in the dynamic table, and 4,000 references to it of one byte.
fn expanding(stream: u32) -> Vec<u8> {
    let mut block = call();
    block.extend([0x40, 1, b'a']);
    block.extend(hpack_length(4000));
    block.extend(vec![b'a'; 4000]);
    block.extend(vec![0xbe; 4000]);
    headers(stream, &block, ENDED)
}

/// RFC 7541 §5.1, with a prefix of seven bits.
fn hpack_length(length: usize) -> Vec<u8> {
    let mut bytes = vec![0x7f];
    let mut rest = length - 127;
    while rest >= 128 {
        bytes.push(rest as u8 | 0x80);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

/// Counters of the flooding connections.
#[derive(Default)]
struct FloodCounters {
    frames: AtomicU64,
    connections: AtomicU64,
    /// Closed by the server.
    closed: AtomicU64,
    /// The server stopped reading until the client reads its answers.
    stalled: AtomicU64,
    stop: AtomicBool,
}

impl Flood {
    /// Floods until `sent.stop`, and opens a new connection after one is closed or stalls.
    fn send(&self, address: &str, reads: bool, sent: &FloodCounters) {
        while !sent.stop.load(Ordering::Relaxed) {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_write_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            sent.connections.fetch_add(1, Ordering::Relaxed);
            let reader = reads.then(|| {
                let mut stream = stream.try_clone().unwrap();
                thread::spawn(move || drain(&mut stream))
            });
            let result = self.send_on(&mut stream, sent);
            match result.map_err(|error| error.kind()) {
                Ok(()) => {}
                Err(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    sent.stalled.fetch_add(1, Ordering::Relaxed);
                }
                Err(io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                    sent.closed.fetch_add(1, Ordering::Relaxed);
                }
                Err(other) => panic!("{other}"),
            }
            let _ = stream.shutdown(std::net::Shutdown::Both);
            if let Some(reader) = reader {
                reader.join().unwrap();
            }
        }
    }

    fn send_on(&self, stream: &mut TcpStream, sent: &FloodCounters) -> io::Result<()> {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        stream.write_all(&frame(4, 0, 0, &[]))?;
        // Stream numbers have 31 bits.
        for round in 0..1 << 24 {
            if sent.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            stream.write_all(&(self.round)(round))?;
            sent.frames.fetch_add(self.frames, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn drain(stream: &mut TcpStream) {
    let mut bytes = [0; 1 << 14];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
}

/// The results of the normal client.
#[derive(Default)]
struct ClientResults {
    latencies: Vec<Duration>,
    unanswered: Vec<String>,
}

/// Sends cached, fresh and denied requests until it has this many answers and `is_over`.
async fn run_client(
    sidecar: &Sidecar,
    first_user: u64,
    answers: usize,
    is_over: impl Fn() -> bool,
) -> ClientResults {
    let mut client = sidecar.client().await;
    let mut results = ClientResults::default();
    let mut asked = 0;
    while results.latencies.len() < answers || !is_over() {
        let (user, mfa) = match asked % 10 {
            0 => (first_user + asked, true),
            1 => (0, false),
            _ => (asked % 8, true),
        };
        asked += 1;
        let started = Instant::now();
        match ask(&mut client, opens_sharepoint(user, mfa)).await {
            Ok(answer) => {
                let expected = if mfa { Decision::Allow } else { Decision::Deny };
                assert_eq!(answer.decision(), expected);
                results.latencies.push(started.elapsed());
            }
            Err(status) => {
                assert!(is_refusal(&status), "{status}");
                results.unanswered.push(status.message().to_owned());
            }
        }
    }
    results
}

/// Runs one flood and writes its row.
fn run_flood(flood: &'static Flood, sidecar: &Sidecar, first_user: u64) {
    let sent = Arc::new(FloodCounters::default());
    let address = sidecar.url.strip_prefix("http://").unwrap();
    let memory_before = sidecar.memory("VmRSS");
    let flooders: Vec<_> = (0..FLOODERS)
        .map(|number| {
            let (address, sent) = (address.to_owned(), Arc::clone(&sent));
            thread::spawn(move || flood.send(&address, number % 2 == 0, &sent))
        })
        .collect();
    let (answers, time) = size((10, Duration::ZERO), (1000, Duration::from_secs(6)));
    let started = Instant::now();
    let is_over = || {
        let frames = sent.frames.load(Ordering::Relaxed);
        let closed = sent.closed.load(Ordering::Relaxed);
        let has_effect = if flood.is_closed {
            closed > 0
        } else {
            frames >= 10 * flood.frames
        };
        has_effect && started.elapsed() >= time
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut results = runtime.block_on(run_client(sidecar, first_user, answers, is_over));
    sent.stop.store(true, Ordering::Relaxed);
    for flooder in flooders {
        flooder.join().unwrap();
    }
    let calls = results.latencies.len() + results.unanswered.len();
    // The short form runs on a debug build beside other tests and only requires the answers; the full form bounds the
    // number of unanswered calls.
    let most_unanswered = size(usize::MAX, calls / 100);
    assert!(
        results.unanswered.len() <= most_unanswered,
        "{}: {:?}",
        flood.name,
        results.unanswered
    );
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let growth = sidecar.memory("VmRSS").saturating_sub(memory_before);
    row(
        &format!("0-flood-{}", flood.name),
        &format!(
            "flood on {FLOODERS} connections beside a normal client: {}",
            flood.tried
        ),
        &format!(
            "{} frames, {} connections; {calls} calls",
            count(&sent.frames),
            count(&sent.connections)
        ),
        &format!(
            "all answers correct, {} calls unanswered, p99 {}; {} flooding connections closed, {} stalled; memory +{} MiB",
            results.unanswered.len(),
            percentile(&mut results.latencies, 99),
            count(&sent.closed),
            count(&sent.stalled),
            growth >> 20,
        ),
    );
}

#[test]
fn a_client_gets_correct_answers_during_floods_of_frames() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run_client(&sidecar, 1000, 100, || true));
    let memory_before = sidecar.memory("VmRSS");
    for (number, flood) in (1..).zip(FLOODS) {
        run_flood(flood, &sidecar, number * 1_000_000);
    }
    let lines = sidecar.output().lines().count();
    assert!(lines < 40, "{lines} log lines: {}", sidecar.output());
    let peak = sidecar.memory("VmHWM");
    println!("memory: {memory_before} bytes before, {peak} at the peak");
    assert!(
        peak < memory_before + MEMORY_GROWTH,
        "{memory_before} bytes before the floods, {peak} at their peak"
    );
}
