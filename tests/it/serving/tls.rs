//! TLS: which clients are accepted, how others are refused, and certificate reloads.

mod authority;
mod files;
mod logged;
mod revocation;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::rpc::client::{self, ServerTarget};
use crosstrust::rpc::{HealthState, Rights, router};
use crosstrust::serve::{
    ListenAddress, ListenError, Listener, ListenerTls, Peers, ServeError, ServeOptions, Server,
    TlsReloadHandle,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::echo::{
    Client, Echo, NEVER, Running, echo, listener, options, wait_for_count, wait_until, with_timeout,
};
use super::raw::{PREFACE, Raw, SETTINGS};
use authority::{Authority, HOST, Leaf};

const ENVOY: &str = "spiffe://contoso.example/envoy";
const ANY_VERSION: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A server on several ports with certificates of one authority, which also signs client certificates.
struct TlsServer {
    folder: tempfile::TempDir,
    authority: Authority,
    running: Running,
    reload: TlsReloadHandle,
}

impl TlsServer {
    fn new(peers: Peers) -> TlsServer {
        TlsServer::with(peers, options(), 1)
    }

    fn with(peers: Peers, options: ServeOptions, ports: usize) -> TlsServer {
        TlsServer::of(Authority::new(), options, ports, |files| {
            tls(files, peers.clone())
        })
    }

    fn of(
        authority: Authority,
        options: ServeOptions,
        ports: usize,
        tls: impl Fn(PathBuf) -> ListenerTls,
    ) -> TlsServer {
        let folder = tempfile::tempdir().unwrap();
        let (echo, unspin) = echo();
        let listeners = (0..ports).map(|port| {
            let files = folder.path().join(port.to_string());
            std::fs::create_dir(&files).unwrap();
            authority.server().write(&files);
            std::fs::write(files.join("ca.pem"), &authority.pem).unwrap();
            over_tls(echo.clone(), tls(files))
        });
        let server = Server::bind(listeners.collect(), options).unwrap();
        let reload = server.tls_reload_handle();
        TlsServer {
            folder,
            authority,
            running: Running::run(server, echo, unspin),
            reload,
        }
    }

    fn for_envoy() -> TlsServer {
        TlsServer::new(Peers::Spiffe(vec![ENVOY.to_owned()]))
    }

    fn files(&self, port: usize) -> PathBuf {
        self.folder.path().join(port.to_string())
    }

    fn address(&self, port: usize) -> SocketAddr {
        match &self.running.addresses[port] {
            ListenAddress::Tcp(address) => *address,
            ListenAddress::Unix(path) => panic!("{}", path.display()),
        }
    }

    fn client_with(&self, leaf: &Leaf) -> ClientConfig {
        authority::client(&self.authority, Some(leaf), ANY_VERSION)
    }

    fn client_without_certificate(&self) -> ClientConfig {
        authority::client(&self.authority, None, ANY_VERSION)
    }

    fn envoy(&self) -> ClientConfig {
        self.client_with(&self.authority.client(&[ENVOY]))
    }

    /// Waits until the server presents this certificate to new connections.
    async fn wait_for_certificate(&self, port: usize, config: &ClientConfig, certificate: &Leaf) {
        self.reload.check_now();
        while presented_certificate(self.address(port), config).await != certificate.der() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.reload.check_now();
        }
    }

    fn failed(&self) -> u64 {
        self.running.closed("handshake", "")
    }

    fn refused(&self) -> u64 {
        self.running.listeners[0].closed_by("peer")
    }

    fn silent(&self) -> u64 {
        self.running.closed("silent", "")
    }
}

fn tls(files: PathBuf, peers: Peers) -> ListenerTls {
    ListenerTls {
        certificate: files.join("server.pem"),
        key: files.join("server.key"),
        client_ca: (peers != Peers::Unauthenticated).then(|| files.join("ca.pem")),
        client_crl: None,
        peers,
    }
}

fn over_tls(echo: Echo, tls: ListenerTls) -> Listener<Echo> {
    let mut listener = listener("127.0.0.1:0".parse().unwrap(), echo);
    listener.tls = Some(tls);
    listener
}

async fn connect(at: SocketAddr, config: &ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from(HOST).unwrap();
    let connector = TlsConnector::from(Arc::new(config.clone()));
    connector.connect(name, stream).await
}

/// With TLS 1.3 a client learns only from the first bytes after the handshake whether it is accepted.
async fn is_accepted(at: SocketAddr, config: &ClientConfig) -> bool {
    let Ok(mut stream) = connect(at, config).await else {
        return false;
    };
    // Fails if the server has already closed the connection.
    let _ = stream.write_all(PREFACE).await;
    let _ = stream.write_all(SETTINGS).await;
    matches!(stream.read(&mut [0]).await, Ok(1))
}

async fn client_of(at: SocketAddr, config: &ClientConfig) -> Client {
    Client::over(connect(at, config).await.unwrap()).await
}

/// The certificate that the server presents.
async fn presented_certificate(at: SocketAddr, config: &ClientConfig) -> CertificateDer<'static> {
    let stream = connect(at, config).await.unwrap();
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].clone().into_owned()
}

/// The ClientHello of a client.
fn client_hello(config: ClientConfig) -> Vec<u8> {
    let name = ServerName::try_from(HOST).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// Sends these bytes and reads until the end of the connection.
fn exchange(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut raw = Raw::tcp(at);
    raw.0.write_all(bytes).unwrap();
    let mut received = Vec::new();
    match raw.0.read_to_end(&mut received) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => received,
    }
}

#[test]
fn a_listed_peer_is_accepted_over_tls_1_2_and_1_3() {
    with_timeout(async {
        let server = TlsServer::for_envoy();
        let leaf = server.authority.client(&[ENVOY]);
        for version in [&TLS12, &TLS13] {
            let config = authority::client(&server.authority, Some(&leaf), &[version]);
            let client = client_of(server.address(0), &config).await;
            assert_eq!(client.status("Ok").await, "0", "{version:?}");
        }
        assert_eq!((server.failed(), server.refused()), (0, 0));
    });
}

#[test]
fn an_unlisted_peer_is_refused_over_tls_1_2_and_1_3() {
    with_timeout(async {
        let server = TlsServer::for_envoy();
        let (own, other) = (&server.authority, Authority::new());
        let peers = [
            ("no certificate", "noCertificate", None),
            (
                "another id",
                "notListed",
                Some(own.client(&["spiffe://contoso.example/envoy2"])),
            ),
            (
                "a longer id",
                "notListed",
                Some(own.client(&["spiffe://contoso.example/envoy/x"])),
            ),
            (
                "a NUL",
                "notListed",
                Some(own.client(&["spiffe://contoso.example/envoy\0"])),
            ),
            (
                "two ids",
                "notListed",
                Some(own.client(&[ENVOY, "spiffe://contoso.example/b"])),
            ),
            (
                "the id twice",
                "notListed",
                Some(own.client(&[ENVOY, ENVOY])),
            ),
            ("no id", "notListed", Some(own.client(&[]))),
            ("expired", "expired", Some(own.expired_client(ENVOY))),
            (
                "another authority",
                "unknownIssuer",
                Some(other.client(&[ENVOY])),
            ),
        ];
        let mut refused = 0;
        for (case, reason, leaf) in &peers {
            let before = server.running.closed("peer", reason);
            for version in [&TLS12, &TLS13] {
                let config = authority::client(own, leaf.as_ref(), &[version]);
                assert!(!is_accepted(server.address(0), &config).await, "{case}");
                refused += 1;
                wait_until(|| server.refused() == refused);
            }
            assert_eq!(server.running.closed("peer", reason), before + 2, "{case}");
        }
        assert!(is_accepted(server.address(0), &server.envoy()).await);
        assert_eq!((server.failed(), server.refused()), (0, refused));
    });
}

#[test]
fn peers_any_accepts_every_certificate_of_the_ca_and_no_other() {
    with_timeout(async {
        let server = TlsServer::new(Peers::AnyOfCa);
        let at = server.address(0);
        let own = server.client_with(&server.authority.client(&[]));
        assert!(is_accepted(at, &own).await);
        assert!(!is_accepted(at, &server.client_without_certificate()).await);
        let other = server.client_with(&Authority::new().client(&[ENVOY]));
        assert!(!is_accepted(at, &other).await);
    });
}

#[test]
fn without_a_client_ca_no_client_certificate_is_requested() {
    with_timeout(async {
        let server = TlsServer::new(Peers::Unauthenticated);
        let client = client_of(server.address(0), &server.client_without_certificate()).await;
        assert_eq!(client.status("Ok").await, "0");
    });
}

#[test]
fn connections_other_than_http2_over_tls_1_2_or_1_3_are_closed() {
    with_timeout(async {
        let server = TlsServer::new(Peers::Unauthenticated);
        let at = server.address(0);
        let mut other = server.client_without_certificate();
        other.alpn_protocols = vec![b"http/1.1".to_vec()];
        assert!(connect(at, &other).await.is_err());
        other.alpn_protocols = Vec::new();
        assert!(!is_accepted(at, &other).await);
        wait_until(|| server.failed() == 2);

        // RFC 4346: a ClientHello of TLS 1.1 with one cipher suite and no extensions.
        let mut old = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
        old.extend([7; 32]);
        old.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        const ALERT: u8 = 0x15;
        assert_eq!(exchange(at, &old).first(), Some(&ALERT));
        wait_until(|| server.failed() == 3);
        assert!(is_accepted(at, &server.client_without_certificate()).await);
    });
}

#[test]
fn no_session_is_resumed() {
    with_timeout(async {
        let server = TlsServer::for_envoy();
        let leaf = server.authority.client(&[ENVOY]);
        for version in [&TLS12, &TLS13] {
            let config = authority::client(&server.authority, Some(&leaf), &[version]);
            for _ in 0..3 {
                let mut stream = connect(server.address(0), &config).await.unwrap();
                let kind = stream.get_ref().1.handshake_kind();
                assert_eq!(kind, Some(HandshakeKind::Full));
                // Tickets would arrive with the first bytes.
                stream.write_all(PREFACE).await.unwrap();
                stream.write_all(SETTINGS).await.unwrap();
                assert_ne!(stream.read(&mut [0]).await.unwrap(), 0);
                assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
            }
        }
    });
}

#[test]
fn a_new_certificate_is_used_for_new_connections_while_old_ones_continue() {
    with_timeout(async {
        let server = TlsServer::for_envoy();
        let envoy = server.envoy();
        let old = client_of(server.address(0), &envoy).await;
        assert_eq!(old.status("Ok").await, "0");
        let new = server.authority.server();
        new.write(&server.files(0));
        server.wait_for_certificate(0, &envoy, &new).await;
        assert_eq!(old.status("Ok").await, "0");
        let client = client_of(server.address(0), &envoy).await;
        assert_eq!(client.status("Ok").await, "0");
    });
}

#[test]
fn a_new_certificate_is_loaded_without_a_trigger() {
    with_timeout(async {
        let soon = ServeOptions {
            tls_rescan: Duration::from_millis(5),
            ..options()
        };
        let server = TlsServer::with(Peers::Unauthenticated, soon, 1);
        let new = server.authority.server();
        new.write(&server.files(0));
        while presented_certificate(server.address(0), &server.client_without_certificate()).await
            != new.der()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_new_client_ca_refuses_clients_of_the_old_one() {
    with_timeout(async {
        let server = TlsServer::for_envoy();
        let at = server.address(0);
        let (old, next) = (server.envoy(), Authority::new());
        let new = server.client_with(&next.client(&[ENVOY]));
        let connected = client_of(at, &old).await;
        assert!(!is_accepted(at, &new).await);
        std::fs::write(server.files(0).join("ca.pem"), &next.pem).unwrap();
        server.reload.check_now();
        while !is_accepted(at, &new).await {
            server.reload.check_now();
        }
        assert!(!is_accepted(at, &old).await);
        // An open connection is not affected; it ends at its maximum age.
        assert_eq!(connected.status("Ok").await, "0");
    });
}

#[test]
fn a_client_that_does_not_finish_its_handshake_and_preface_is_closed() {
    with_timeout(async {
        let soon = ServeOptions {
            first_byte: Duration::from_millis(50),
            ..options()
        };
        let server = TlsServer::with(Peers::Unauthenticated, soon, 1);
        let at = server.address(0);
        let hello = client_hello(server.client_without_certificate());
        for length in [0, 1, hello.len() - 1, hello.len()] {
            exchange(at, &hello[..length]);
        }
        wait_until(|| server.silent() == 4);
        // A handshake without a preface: one deadline covers both.
        if let Ok(mut stream) = connect(at, &server.client_without_certificate()).await {
            let mut received = Vec::new();
            let _ = stream.read_to_end(&mut received).await;
        }
        wait_until(|| server.silent() == 5);
        assert_eq!(server.failed(), 0);
    });
}

#[test]
fn stalled_handshakes_do_not_block_clients_of_any_listener() {
    with_timeout(async {
        let patient = ServeOptions {
            first_byte: Duration::from_secs(3600),
            ..options()
        };
        let server = TlsServer::with(Peers::Unauthenticated, patient, 2);
        let hello = client_hello(server.client_without_certificate());
        let begin = |bytes: &[u8]| {
            let mut raw = Raw::tcp(server.address(0));
            raw.send(bytes);
            raw
        };
        let _half: Vec<_> = (0..100).map(|_| begin(&hello[..hello.len() - 1])).collect();
        let _stalled: Vec<_> = (0..200).map(|_| begin(&hello)).collect();
        for port in [1, 0] {
            assert!(is_accepted(server.address(port), &server.client_without_certificate()).await);
        }
        assert!(server.running.closed("unopened", "") > 0);
        assert_eq!(server.running.listeners[1].closed_by("unopened"), 0);
    });
}

#[test]
fn another_protocol_on_a_listener_with_tls_is_closed_and_counted_by_name() {
    with_timeout(async {
        let server = TlsServer::for_envoy();
        let at = server.address(0);
        let h2 = [PREFACE, SETTINGS].concat();
        let cases: [(&[u8], &str); 5] = [
            (&h2, "plaintextHttp2"),
            (b"PRI", "plaintextHttp2"),
            (b"POST / HTTP/1.1\r\n\r\n", "http1"),
            (b"PUT / HTTP/1.1\r\n\r\n", "http1"),
            (b"GET / HTTP/1.1\r\n\r\n", "http1"),
        ];
        let mut counts = std::collections::BTreeMap::new();
        for (bytes, reason) in cases {
            assert!(exchange(at, bytes).is_empty());
            let count: &mut u64 = counts.entry(reason).or_default();
            *count += 1;
            wait_until(|| server.running.closed("protocol", reason) == *count);
        }
        assert_eq!(server.failed(), 0);
        // HTTP/1 within TLS, from a client that agreed on h2.
        let mut stream = connect(at, &server.envoy()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        wait_until(|| server.running.closed("protocol", "http1") == 4);
    });
}

#[test]
fn a_handshake_does_not_delay_the_drain() {
    with_timeout(async {
        let mut server = TlsServer::new(Peers::Unauthenticated);
        let mut silent = Raw::tcp(server.address(0));
        wait_for_count(&server.running.counters.accepted, 1);
        server.running.stop();
        assert_eq!(server.running.drained().await.aborted, 0);
        silent.wait_until_closed();
    });
}

#[test]
fn tls_beyond_loopback_must_authenticate_clients() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = folder.path();
    authority.server().write(files);
    std::fs::write(files.join("ca.pem"), &authority.pem).unwrap();
    let bind = |peers| {
        let mut listener = over_tls(echo().0, tls(files.to_owned(), peers));
        // RFC 5737 §3: an address that no machine has.
        listener.address = "192.0.2.1:0".parse().unwrap();
        match Server::bind(vec![listener], options()) {
            Err(ServeError::Listen(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(
        bind(Peers::Unauthenticated),
        ListenError::Unprotected { .. }
    ));
    assert!(matches!(bind(Peers::AnyOfCa), ListenError::Io { .. }));
}

#[test]
fn the_cli_client_uses_tls_and_trusts_only_its_ca() {
    with_timeout(async {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        authority.server().write(folder.path());
        std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        let health = HealthState::new();
        let backend = crate::server::backend(crate::server::empty_engine());
        let listener = Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            plaintext: false,
            uids: None,
            tls: Some(tls(
                folder.path().to_owned(),
                Peers::Spiffe(vec![ENVOY.to_owned()]),
            )),
            service: router(&backend, &Rights::ALL, &health),
        };
        let server = Server::bind(vec![listener], options()).unwrap();
        let name = format!("https://{}", server.addresses()[0]);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = std::thread::spawn(move || server.run(async { drop(stopped.await) }, || {}));

        let leaf = authority.client(&[ENVOY]);
        let target = |ca: &Authority, leaf: Option<&Leaf>| ServerTarget {
            name: name.clone(),
            tls: Some(client::ClientTls {
                ca: ca.pem.clone().into_bytes(),
                identity: leaf.map(|leaf| (leaf.pem.clone().into(), leaf.key.clone().into())),
                name: Some(HOST.to_owned()),
            }),
        };
        // Without policies it reports NOT_SERVING, which is a response.
        let response = client::health(target(&authority, Some(&leaf)), "").await;
        assert!(response.is_ok(), "{response:?}");
        assert!(client::health(target(&authority, None), "").await.is_err());
        let other = target(&Authority::new(), Some(&leaf));
        assert!(client::health(other, "").await.is_err());
        drop(stop);
        tokio::task::spawn_blocking(|| serving.join())
            .await
            .unwrap()
            .unwrap();
    });
}
