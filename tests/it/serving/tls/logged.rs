//! Logs and metrics of the program for refused clients and for expired files.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::super::echo::TEST_TIMEOUT;
use super::*;
use crate::observed::page;

/// `crosstrust serve` with one TLS and one plaintext listener. Killed on drop.
struct Program {
    process: Child,
    folder: tempfile::TempDir,
    tls: SocketAddr,
    plain: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    fn start(authority: &Authority, server: &Leaf, list: &str) -> Program {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        server.write(at);
        fs::write(at.join("ca.pem"), &authority.pem).unwrap();
        fs::write(at.join("crl.pem"), list).unwrap();
        let config = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n\
             tls = {{ certificate = \"server.pem\", key = \"server.key\", client_ca = \"ca.pem\", client_crl = \"crl.pem\", peers = [\"{ENVOY}\"] }}\n\
             [[listener]]\naddress = \"127.0.0.1:0\"\n"
        );
        fs::write(at.join("c.toml"), config).unwrap();
        let log = File::create(at.join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["serve", "--config", "c.toml", "--admin", "127.0.0.1:0"])
            .args(["--log-mode", "off", "--policies"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
            .current_dir(at)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let placeholder: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let mut program = Program {
            process,
            folder,
            tls: placeholder,
            plain: placeholder,
            admin: placeholder,
        };
        let line = program.line(&[" serving"]);
        let quoted: Vec<&str> = line.split('"').collect();
        let (tls, plain) = quoted[1].split_once(", ").unwrap();
        program.tls = tls.parse().unwrap();
        program.plain = plain.parse().unwrap();
        program.admin = quoted[3].parse().unwrap();
        program
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits for a line that contains all of these parts.
    fn line(&self, parts: &[&str]) -> String {
        let end = Instant::now() + TEST_TIMEOUT;
        loop {
            let log = self.log();
            let mut lines = log.lines();
            if let Some(line) = lines.find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "{parts:?} is not in {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The number of connections that this listener has closed.
    fn closed(&self, listener: SocketAddr, cause: &str, reason: &str) -> String {
        let labels = format!("listener=\"{listener}\",cause=\"{cause}\",reason=\"{reason}\"");
        let name = format!("crosstrust_connections_closed_total{{{labels}}} ");
        let body = page(self.admin, "/metrics", "text/plain").body;
        let line = body.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name} is not in {body}"))
            .to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_refused_peer_is_logged_with_reason_address_uri_and_serial_and_counted() {
    with_timeout(async {
        let authority = Authority::new();
        let evil = authority.client(&["spiffe://contoso.example/other\n2026 ERROR faked"]);
        let revoked = authority.client(&[ENVOY]);
        let list = authority.revocation_list(&[&revoked], 4000);
        let program = Program::start(&authority, &authority.server(), &list);
        let listener = format!("listener={}", program.tls);
        for (leaf, reason) in [
            (Some(&evil), "notListed"),
            (Some(&revoked), "revoked"),
            (None, "noCertificate"),
        ] {
            let config = authority::client(&authority, leaf, ANY_VERSION);
            assert!(!is_accepted(program.tls, &config).await);
            let reason = format!("reason=\"{reason}\"");
            let line = program.line(&["may not connect", &listener, &reason, "peer=127.0.0.1:"]);
            if let Some(leaf) = leaf {
                let der = leaf.der();
                let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
                assert!(line.contains(&parsed.raw_serial_as_string()), "{line}");
                assert!(line.contains("spiffe://contoso.example/"), "{line}");
            }
        }
        assert!(
            !program
                .log()
                .lines()
                .any(|line| line.starts_with("2026 ERROR"))
        );
        assert_eq!(program.closed(program.tls, "peer", "notListed"), "1");
        assert_eq!(program.closed(program.tls, "peer", "revoked"), "1");
        assert_eq!(program.closed(program.plain, "peer", "notListed"), "0");
    });
}

#[test]
fn refused_peers_are_logged_at_a_bounded_rate() {
    with_timeout(async {
        let authority = Authority::new();
        let list = authority.revocation_list(&[], 4000);
        let program = Program::start(&authority, &authority.server(), &list);
        let nothing = authority::client(&authority, None, ANY_VERSION);
        for _ in 0..150 {
            assert!(!is_accepted(program.tls, &nothing).await);
        }
        wait_until(|| program.closed(program.tls, "peer", "noCertificate") == "150");
        let log = program.log();
        let lines = log.lines().filter(|line| line.contains("may not connect"));
        // A burst of ten and one a second: a machine that needs a minute for these handshakes may log seventy lines.
        let count = lines.count();
        assert!((10..=70).contains(&count), "{count}");
    });
}

#[test]
fn another_protocol_is_logged_by_name_on_plaintext_and_tls_listeners() {
    let authority = Authority::new();
    let list = authority.revocation_list(&[], 4000);
    let program = Program::start(&authority, &authority.server(), &list);
    let tls_hello = client_hello(authority::client(&authority, None, ANY_VERSION));
    for (at, bytes, found) in [
        (program.plain, &tls_hello[..], "tls"),
        (program.plain, b"GET / HTTP/1.1\r\n\r\n", "http1"),
        (program.tls, b"GET / HTTP/1.1\r\n\r\n", "http1"),
        (program.tls, PREFACE, "plaintextHttp2"),
    ] {
        exchange(at, bytes);
        let (listener, named) = (format!("listener={at}"), format!("found=\"{found}\""));
        program.line(&["another protocol", &listener, &named, "peer=127.0.0.1:"]);
        assert_eq!(program.closed(at, "protocol", found), "1");
    }
}

#[test]
fn expired_files_are_logged_as_warnings_at_startup() {
    let authority = Authority::expired();
    let server = authority.server_with(authority::expire);
    let list = Authority::named("others").revocation_list(&[], 2021);
    let program = Program::start(&authority, &server, &list);
    program.line(&["WARN", "server.pem", "expired at 2001-01-01"]);
    program.line(&["WARN", "ca.pem", "expired at 2001-01-01", "still accepted"]);
    program.line(&["WARN", "crl.pem", "expired at its nextUpdate 2021-01-01"]);
    program.line(&["WARN", "crl.pem", "no revocation list of certificate 1"]);
    let body = page(program.admin, "/metrics", "text/plain").body;
    for key in ["certificate", "client_ca", "client_crl"] {
        let name = "crosstrust_tls_not_after_timestamp_seconds{";
        let file = format!("file=\"{key}\"");
        let is_there = |line: &str| line.starts_with(name) && line.contains(&file);
        assert!(body.lines().any(is_there), "{key}");
    }
}
