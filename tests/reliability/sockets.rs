//! Floods of connections that send nothing or no complete TLS handshake, at one listener and at the admin address: new
//! connections elsewhere still open.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::SockRef;

use crate::figure::{row, size};
use crate::support::sidecar::Sidecar;

const HOST: &str = "pdp.example";

/// RFC 9113 §3.4: the preface and an empty SETTINGS frame.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// RFC 9113 §6.5: a SETTINGS frame with ACK.
const ACKNOWLEDGED: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];

/// Longer than any answer takes on any machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server with one mutual TLS, one TLS and one plaintext listener.
struct Listeners {
    sidecar: Sidecar,
    /// Mutual TLS.
    flooded: SocketAddr,
    tls: SocketAddr,
    plain: SocketAddr,
    admin: SocketAddr,
    client: Arc<ClientConfig>,
}

impl Listeners {
    fn start(folder: &Path) -> Listeners {
        let client = certificates(folder);
        let tls = "certificate = \"server.pem\", key = \"server.key\"";
        let config = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n\
             tls = {{ {tls}, client_ca = \"ca.pem\", peers = [\"spiffe://contoso.example/envoy\"] }}\n\
             [[listener]]\naddress = \"127.0.0.1:0\"\ntls = {{ {tls} }}\n\
             [[listener]]\naddress = \"127.0.0.1:0\"\n"
        );
        std::fs::write(folder.join("c.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
        command
            .args(["serve", "--config", "c.toml", "--admin", "127.0.0.1:0"])
            .args(["--log-mode", "off", "--policies"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        let sidecar = Sidecar::spawn(command, folder);
        let addresses = sidecar.url.trim_start_matches("http://").split(", ");
        let addresses: Vec<SocketAddr> = addresses.map(|at| at.parse().unwrap()).collect();
        let output = sidecar.output();
        let (_, admin) = output.split_once("admin=\"").unwrap();
        Listeners {
            flooded: addresses[0],
            tls: addresses[1],
            plain: addresses[2],
            admin: admin.split('"').next().unwrap().parse().unwrap(),
            client,
            sidecar,
        }
    }

    /// Connects and waits until the server acknowledges our SETTINGS, which it does once it serves the connection. Returns
    /// the time taken.
    fn open(&self, at: SocketAddr) -> Option<Duration> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(at).ok()?;
        stream.set_read_timeout(Some(TIMEOUT)).ok()?;
        if at == self.plain {
            await_acknowledgement(&mut stream)?;
        } else {
            let name = ServerName::try_from(HOST).unwrap();
            let session = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
            await_acknowledgement(&mut StreamOwned::new(session, stream))?;
        }
        Some(started.elapsed())
    }

    /// A TLS ClientHello.
    fn hello(&self) -> Vec<u8> {
        let name = ServerName::try_from(HOST).unwrap();
        let mut session = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        let mut hello = Vec::new();
        session.write_tls(&mut hello).unwrap();
        hello
    }

    fn probe(&self) -> Option<Duration> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(self.admin).ok()?;
        stream.set_read_timeout(Some(TIMEOUT)).ok()?;
        let request = b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(request).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer
            .starts_with("HTTP/1.1 200")
            .then(|| started.elapsed())
    }
}

fn await_acknowledgement(stream: &mut (impl Read + Write)) -> Option<()> {
    stream.write_all(OPENING).ok()?;
    let mut head = [0; 9];
    while head != ACKNOWLEDGED {
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        stream.read_exact(&mut payload).ok()?;
    }
    Some(())
}

/// Writes a CA and a server certificate, and returns a client configuration that trusts them.
fn certificates(folder: &Path) -> Arc<ClientConfig> {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new([HOST.to_owned()]).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("ca.pem"), &ca_pem).unwrap();
    std::fs::write(folder.join("server.pem"), server.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(client)
}

/// Opens connections at a rate, sends only the same first bytes on each, and holds the newest `limit` of them open.
struct Flood {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Flood {
    fn start(at: SocketAddr, first: Vec<u8>, per_second: u32, limit: usize) -> Flood {
        let (stop, opened) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&opened));
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            let mut held = std::collections::VecDeque::new();
            for number in 1.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // If the thread is late, it catches up to hold the rate.
                let due = start + Duration::from_secs(1) * number / per_second;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let Ok(mut stream) = TcpStream::connect(at) else {
                    continue;
                };
                // The connection ends with a reset and leaves no port in TIME_WAIT.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                let _ = stream.write_all(&first);
                held.push_back(stream);
                if held.len() > limit {
                    held.pop_front();
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Flood {
            stop,
            opened,
            thread,
        }
    }

    /// Waits until this many connections have been opened.
    fn wait_for(&self, count: u64) {
        let end = Instant::now() + TIMEOUT;
        while self.opened.load(Ordering::Relaxed) < count {
            assert!(
                Instant::now() < end,
                "the flood did not reach {count} connections"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the flood and returns its number of connections.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.opened.load(Ordering::Relaxed)
    }
}

/// Calls `once` repeatedly for `span`, at least ten times, and returns the sorted times of the successes and the number
/// of failures.
fn sample(
    span: Duration,
    pause: Duration,
    mut once: impl FnMut(usize) -> Option<Duration>,
) -> (Vec<Duration>, usize) {
    let end = Instant::now() + span;
    let (mut times, mut failed) = (Vec::new(), 0);
    for number in 0.. {
        if number >= 10 && Instant::now() >= end {
            break;
        }
        match once(number) {
            Some(time) => times.push(time),
            None => failed += 1,
        }
        std::thread::sleep(pause);
    }
    times.sort_unstable();
    (times, failed)
}

fn percentile(sorted: &[Duration], hundredths: usize) -> f64 {
    let at = (sorted.len() * hundredths / 100).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1000.0
}

#[test]
fn connections_open_while_another_listener_is_flooded_with_unopened_ones() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let listeners = Listeners::start(folder.path());
    let span = size(Duration::from_secs(2), Duration::from_secs(30));
    let silent = Flood::start(listeners.flooded, Vec::new(), 1000, 1000);
    let half_open = Flood::start(listeners.flooded, listeners.hello(), 400, 1000);
    // More than the listener's limits of unopened connections.
    silent.wait_for(129);
    half_open.wait_for(65);
    let others = [listeners.plain, listeners.tls];
    let started = Instant::now();
    let (times, failed) = sample(span, Duration::from_millis(5), |number| {
        listeners.open(others[number % 2])
    });
    let seconds = started.elapsed().as_secs_f64();
    let (silent, half_open) = (silent.end(), half_open.end());
    assert_eq!(failed, 0, "{}", listeners.sidecar.output());
    let (p99, most) = (percentile(&times, 99), size(f64::INFINITY, 100.0));
    assert!(p99 <= most, "p99 {p99} ms");
    assert!(
        listeners
            .sidecar
            .output()
            .contains("too many unopened connections")
    );
    row(
        "2-unopened",
        "silent connections and unfinished TLS handshakes at one of three listeners, from one client each; new connections to the other two",
        &format!(
            "{:.0} silent and {:.0} half-open per second for {seconds:.0} s; {} new connections",
            silent as f64 / seconds,
            half_open as f64 / seconds,
            times.len(),
        ),
        &format!(
            "all opened; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            percentile(&times, 50),
            percentile(&times, 99),
            percentile(&times, 100),
        ),
    );
}

#[test]
fn probes_are_answered_while_the_admin_address_is_flooded_with_silent_connections() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let listeners = Listeners::start(folder.path());
    let span = size(Duration::from_secs(1), Duration::from_secs(10));
    let silent = Flood::start(listeners.admin, Vec::new(), 500, 1000);
    silent.wait_for(33);
    let started = Instant::now();
    let (times, failed) = sample(span, Duration::from_millis(10), |_| listeners.probe());
    let seconds = started.elapsed().as_secs_f64();
    let silent = silent.end();
    assert_eq!(failed, 0);
    row(
        "2-admin",
        "silent connections to the admin address; `GET /readyz`, each on a new connection",
        &format!(
            "{:.0} silent per second for {seconds:.0} s; {} probes",
            silent as f64 / seconds,
            times.len(),
        ),
        &format!(
            "all 200; p50 {:.1} ms, p99 {:.1} ms",
            percentile(&times, 50),
            percentile(&times, 99),
        ),
    );
}
