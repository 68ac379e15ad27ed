//! TLS: who is let in, what becomes of those who are not, and certificates that change.

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

use super::echo::{Client, Echo, NEVER, Running, bounded, echo, listener, options, reaches, until};
use super::raw::{PREFACE, Raw, SETTINGS};
use authority::{Authority, HOST, Leaf};

const ENVOY: &str = "spiffe://contoso.example/envoy";
const ANY_VERSION: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A server on several ports with certificates of one authority, which also signs those of clients.
struct House {
    folder: tempfile::TempDir,
    authority: Authority,
    running: Running,
    hint: TlsReloadHandle,
}

impl House {
    fn new(peers: Peers) -> House {
        House::with(peers, options(), 1)
    }

    fn with(peers: Peers, options: ServeOptions, ports: usize) -> House {
        House::of(Authority::new(), options, ports, |files| {
            tls(files, peers.clone())
        })
    }

    fn of(
        authority: Authority,
        options: ServeOptions,
        ports: usize,
        tls: impl Fn(PathBuf) -> ListenerTls,
    ) -> House {
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
        let hint = server.tls_reload_handle();
        House {
            folder,
            authority,
            running: Running::run(server, echo, unspin),
            hint,
        }
    }

    fn for_envoy() -> House {
        House::new(Peers::Spiffe(vec![ENVOY.to_owned()]))
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

    fn shows(&self, leaf: &Leaf) -> ClientConfig {
        authority::client(&self.authority, Some(leaf), ANY_VERSION)
    }

    fn shows_nothing(&self) -> ClientConfig {
        authority::client(&self.authority, None, ANY_VERSION)
    }

    fn envoy(&self) -> ClientConfig {
        self.shows(&self.authority.client(&[ENVOY]))
    }

    /// Waits until new connections see this certificate.
    async fn sees(&self, port: usize, config: &ClientConfig, certificate: &Leaf) {
        self.hint.check_now();
        while shown(self.address(port), config).await != certificate.der() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.hint.check_now();
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

/// With TLS 1.3 a client learns only from what follows whether it may connect.
async fn is_let_in(at: SocketAddr, config: &ClientConfig) -> bool {
    let Ok(mut stream) = connect(at, config).await else {
        return false;
    };
    // It fails where the server has closed already.
    let _ = stream.write_all(PREFACE).await;
    let _ = stream.write_all(SETTINGS).await;
    matches!(stream.read(&mut [0]).await, Ok(1))
}

async fn client_of(at: SocketAddr, config: &ClientConfig) -> Client {
    Client::over(connect(at, config).await.unwrap()).await
}

/// The certificate that the server shows.
async fn shown(at: SocketAddr, config: &ClientConfig) -> CertificateDer<'static> {
    let stream = connect(at, config).await.unwrap();
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].clone().into_owned()
}

/// What a client says first.
fn hello(config: ClientConfig) -> Vec<u8> {
    let name = ServerName::try_from(HOST).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// Says something and hears all until the end.
fn say(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut raw = Raw::tcp(at);
    raw.0.write_all(bytes).unwrap();
    let mut heard = Vec::new();
    match raw.0.read_to_end(&mut heard) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => heard,
    }
}

#[test]
fn a_listed_peer_is_accepted_over_tls_1_2_and_1_3() {
    bounded(async {
        let house = House::for_envoy();
        let leaf = house.authority.client(&[ENVOY]);
        for version in [&TLS12, &TLS13] {
            let config = authority::client(&house.authority, Some(&leaf), &[version]);
            let client = client_of(house.address(0), &config).await;
            assert_eq!(client.status("Ok").await, "0", "{version:?}");
        }
        assert_eq!((house.failed(), house.refused()), (0, 0));
    });
}

#[test]
fn an_unlisted_peer_is_refused_over_tls_1_2_and_1_3() {
    bounded(async {
        let house = House::for_envoy();
        let (own, other) = (&house.authority, Authority::new());
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
            let before = house.running.closed("peer", reason);
            for version in [&TLS12, &TLS13] {
                let config = authority::client(own, leaf.as_ref(), &[version]);
                assert!(!is_let_in(house.address(0), &config).await, "{case}");
                refused += 1;
                until(|| house.refused() == refused);
            }
            assert_eq!(house.running.closed("peer", reason), before + 2, "{case}");
        }
        assert!(is_let_in(house.address(0), &house.envoy()).await);
        assert_eq!((house.failed(), house.refused()), (0, refused));
    });
}

#[test]
fn peers_any_accepts_every_certificate_of_the_ca_and_no_other() {
    bounded(async {
        let house = House::new(Peers::AnyOfCa);
        let at = house.address(0);
        let own = house.shows(&house.authority.client(&[]));
        assert!(is_let_in(at, &own).await);
        assert!(!is_let_in(at, &house.shows_nothing()).await);
        let other = house.shows(&Authority::new().client(&[ENVOY]));
        assert!(!is_let_in(at, &other).await);
    });
}

#[test]
fn without_a_client_ca_no_client_certificate_is_requested() {
    bounded(async {
        let house = House::new(Peers::Unauthenticated);
        let client = client_of(house.address(0), &house.shows_nothing()).await;
        assert_eq!(client.status("Ok").await, "0");
    });
}

#[test]
fn what_is_not_http2_over_tls_1_2_or_1_3_is_closed() {
    bounded(async {
        let house = House::new(Peers::Unauthenticated);
        let at = house.address(0);
        let mut other = house.shows_nothing();
        other.alpn_protocols = vec![b"http/1.1".to_vec()];
        assert!(connect(at, &other).await.is_err());
        other.alpn_protocols = Vec::new();
        assert!(!is_let_in(at, &other).await);
        until(|| house.failed() == 2);

        // RFC 4346: a hello of TLS 1.1 with one cipher suite and no extensions.
        let mut old = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
        old.extend([7; 32]);
        old.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        const ALERT: u8 = 0x15;
        assert_eq!(say(at, &old).first(), Some(&ALERT));
        until(|| house.failed() == 3);
        assert!(is_let_in(at, &house.shows_nothing()).await);
    });
}

#[test]
fn no_session_is_resumed() {
    bounded(async {
        let house = House::for_envoy();
        let leaf = house.authority.client(&[ENVOY]);
        for version in [&TLS12, &TLS13] {
            let config = authority::client(&house.authority, Some(&leaf), &[version]);
            for _ in 0..3 {
                let mut stream = connect(house.address(0), &config).await.unwrap();
                let kind = stream.get_ref().1.handshake_kind();
                assert_eq!(kind, Some(HandshakeKind::Full));
                // Tickets would come with the first bytes.
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
    bounded(async {
        let house = House::for_envoy();
        let envoy = house.envoy();
        let old = client_of(house.address(0), &envoy).await;
        assert_eq!(old.status("Ok").await, "0");
        let new = house.authority.server();
        new.write(&house.files(0));
        house.sees(0, &envoy, &new).await;
        assert_eq!(old.status("Ok").await, "0");
        let client = client_of(house.address(0), &envoy).await;
        assert_eq!(client.status("Ok").await, "0");
    });
}

#[test]
fn a_new_certificate_is_loaded_without_a_trigger() {
    bounded(async {
        let soon = ServeOptions {
            tls_rescan: Duration::from_millis(5),
            ..options()
        };
        let house = House::with(Peers::Unauthenticated, soon, 1);
        let new = house.authority.server();
        new.write(&house.files(0));
        while shown(house.address(0), &house.shows_nothing()).await != new.der() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_new_client_ca_refuses_clients_of_the_old_one() {
    bounded(async {
        let house = House::for_envoy();
        let at = house.address(0);
        let (old, next) = (house.envoy(), Authority::new());
        let new = house.shows(&next.client(&[ENVOY]));
        let connected = client_of(at, &old).await;
        assert!(!is_let_in(at, &new).await);
        std::fs::write(house.files(0).join("ca.pem"), &next.pem).unwrap();
        house.hint.check_now();
        while !is_let_in(at, &new).await {
            house.hint.check_now();
        }
        assert!(!is_let_in(at, &old).await);
        // It goes by its age.
        assert_eq!(connected.status("Ok").await, "0");
    });
}

#[test]
fn a_client_that_does_not_finish_its_handshake_and_preface_is_closed() {
    bounded(async {
        let soon = ServeOptions {
            first_byte: Duration::from_millis(50),
            ..options()
        };
        let house = House::with(Peers::Unauthenticated, soon, 1);
        let at = house.address(0);
        let hello = hello(house.shows_nothing());
        for said in [0, 1, hello.len() - 1, hello.len()] {
            say(at, &hello[..said]);
        }
        until(|| house.silent() == 4);
        // A handshake and no preface: the deadline is one for both.
        if let Ok(mut stream) = connect(at, &house.shows_nothing()).await {
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard).await;
        }
        until(|| house.silent() == 5);
        assert_eq!(house.failed(), 0);
    });
}

#[test]
fn stalled_handshakes_do_not_block_clients_of_any_listener() {
    bounded(async {
        let patient = ServeOptions {
            first_byte: Duration::from_secs(3600),
            ..options()
        };
        let house = House::with(Peers::Unauthenticated, patient, 2);
        let hello = hello(house.shows_nothing());
        let begin = |bytes: &[u8]| {
            let mut raw = Raw::tcp(house.address(0));
            raw.send(bytes);
            raw
        };
        let _half: Vec<_> = (0..100).map(|_| begin(&hello[..hello.len() - 1])).collect();
        let _stalled: Vec<_> = (0..200).map(|_| begin(&hello)).collect();
        for port in [1, 0] {
            assert!(is_let_in(house.address(port), &house.shows_nothing()).await);
        }
        assert!(house.running.closed("unopened", "") > 0);
        assert_eq!(house.running.listeners[1].closed_by("unopened"), 0);
    });
}

#[test]
fn another_protocol_on_a_listener_with_tls_is_closed_and_counted_by_name() {
    bounded(async {
        let house = House::for_envoy();
        let at = house.address(0);
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
            assert!(say(at, bytes).is_empty());
            let count: &mut u64 = counts.entry(reason).or_default();
            *count += 1;
            until(|| house.running.closed("protocol", reason) == *count);
        }
        assert_eq!(house.failed(), 0);
        // HTTP/1 within TLS, from a client that agreed on h2.
        let mut stream = connect(at, &house.envoy()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        until(|| house.running.closed("protocol", "http1") == 4);
    });
}

#[test]
fn a_handshake_does_not_delay_the_drain() {
    bounded(async {
        let mut house = House::new(Peers::Unauthenticated);
        let mut silent = Raw::tcp(house.address(0));
        reaches(&house.running.counters.accepted, 1);
        house.running.stop();
        assert_eq!(house.running.drained().await.aborted, 0);
        silent.is_closed();
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
    bounded(async {
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
        let asked = |ca: &Authority, leaf: Option<&Leaf>| ServerTarget {
            name: name.clone(),
            tls: Some(client::ClientTls {
                ca: ca.pem.clone().into_bytes(),
                identity: leaf.map(|leaf| (leaf.pem.clone().into(), leaf.key.clone().into())),
                name: Some(HOST.to_owned()),
            }),
        };
        // Without policies it does not serve, but it says so.
        let told = client::health(asked(&authority, Some(&leaf)), "").await;
        assert!(told.is_ok(), "{told:?}");
        assert!(client::health(asked(&authority, None), "").await.is_err());
        let other = asked(&Authority::new(), Some(&leaf));
        assert!(client::health(other, "").await.is_err());
        drop(stop);
        tokio::task::spawn_blocking(|| serving.join())
            .await
            .unwrap()
            .unwrap();
    });
}
