//! The accept loop and its limits: each is reached, and what happens then is what the options say.
//!
//! Against a tiny service, so that a call can be slow, stuck or panic at will. Deadlines are injected;
//! every wait is for an event, with a generous bound.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crosstrust::serve::{
    Address, Counters, Drained, ListenError, Listener, ServeError, ServeOptions, Server,
};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Semaphore, oneshot};
use tower_service::Service;

/// Far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers by the path: `/Ok` at once, `/Panic` never, `/Wait` when [`Calls::let_go`] lets it.
#[derive(Clone, Default)]
struct Calls {
    waiting: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Gate(Semaphore::new(0))
    }
}

impl Calls {
    fn let_go(&self) {
        self.gate.0.add_permits(1_000);
    }

    fn await_waiting(&self, calls: u64) {
        await_that(|| self.waiting.load(Ordering::SeqCst) >= calls);
    }
}

impl Service<http::Request<Incoming>> for Calls {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            match request.uri().path() {
                "/Panic" => panic!("as asked"),
                "/Wait" => {
                    calls.waiting.fetch_add(1, Ordering::SeqCst);
                    calls.gate.0.acquire().await.unwrap().forget();
                }
                _ => {}
            }
            Ok(tonic::Status::new(tonic::Code::Ok, "").into_http())
        })
    }
}

struct Running {
    address: Address,
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Drained>>,
}

impl Running {
    fn stop(&mut self) -> Drained {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }

    fn tcp(&self) -> TcpStream {
        let Address::Tcp(address) = &self.address else {
            panic!("not TCP")
        };
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

fn listener(address: &str, calls: &Calls) -> Listener<Calls> {
    Listener {
        address: address.parse().unwrap(),
        plaintext: false,
        uids: None,
        service: calls.clone(),
    }
}

fn options(change: impl FnOnce(&mut ServeOptions)) -> ServeOptions {
    let mut options = ServeOptions {
        drain: Duration::from_millis(200),
        // What is slow is slow by chance on a busy machine; where it matters it is set.
        handler_budget: PATIENCE,
        ..ServeOptions::default()
    };
    change(&mut options);
    options
}

fn run(listener: Listener<Calls>, options: ServeOptions) -> Running {
    let server = Server::bind(vec![listener], options).unwrap();
    let address = server.addresses()[0].clone();
    let counters = server.counters();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let shutdown = async {
            let _ = stopped.await;
        };
        server.run(shutdown, || {})
    });
    Running {
        address,
        counters,
        stop: Some(stop),
        thread: Some(thread),
    }
}

fn start(calls: &Calls, change: impl FnOnce(&mut ServeOptions)) -> Running {
    run(listener("127.0.0.1:0", calls), options(change))
}

fn await_that(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

type Sender = SendRequest<Empty<Bytes>>;

async fn connect(running: &Running) -> Sender {
    let Address::Tcp(address) = running.address.clone() else {
        panic!("not TCP")
    };
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender
}

/// The gRPC status of a call.
async fn call(sender: &mut Sender, path: &str) -> tonic::Code {
    let request = http::Request::post(format!("http://server{path}"))
        .body(Empty::new())
        .unwrap();
    let response = tokio::time::timeout(PATIENCE, sender.send_request(request))
        .await
        .unwrap()
        .unwrap();
    let status = tonic::Status::from_header_map(response.headers()).expect("a gRPC status");
    let _ = response.into_body().collect().await;
    status.code()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Whether the peer closes within our patience.
fn is_closed(mut stream: impl Read) -> bool {
    let mut rest = Vec::new();
    // A reset is an end too.
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_connection_that_says_nothing_or_half_of_the_preface_is_closed() {
    let calls = Calls::default();
    let running = start(&calls, |options| {
        options.first_byte = Duration::from_millis(100)
    });
    assert!(is_closed(running.tcp()));
    let mut half = running.tcp();
    half.write_all(b"PRI * HTTP/2.0\r\n").unwrap();
    assert!(is_closed(half));
    assert_eq!(running.counters.never_opened.load(Ordering::SeqCst), 2);
    // One that speaks stays.
    runtime().block_on(async {
        let mut sender = connect(&running).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(call(&mut sender, "/Ok").await, tonic::Code::Ok);
    });
}

#[test]
fn a_silent_connection_on_a_unix_socket_is_closed_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let calls = Calls::default();
    let running = run(
        listener(&format!("unix:{}", path.display()), &calls),
        options(|options| options.first_byte = Duration::from_millis(100)),
    );
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(is_closed(stream));
    drop(running);
    assert!(!path.exists(), "the socket goes with the server");
}

#[test]
fn a_connection_beyond_the_limit_waits_for_a_place_and_gets_one_that_is_freed() {
    let calls = Calls::default();
    let running = start(&calls, |options| {
        options.connections = 2;
        options.idle_when_full = PATIENCE;
    });
    runtime().block_on(async {
        let mut first = connect(&running).await;
        let mut second = connect(&running).await;
        assert_eq!(call(&mut first, "/Ok").await, tonic::Code::Ok);
        assert_eq!(call(&mut second, "/Ok").await, tonic::Code::Ok);
        let mut third = connect(&running).await;
        let mut asked = std::pin::pin!(call(&mut third, "/Ok"));
        let early = tokio::time::timeout(Duration::from_millis(200), &mut asked).await;
        assert!(early.is_err(), "there was no place");
        drop(first);
        assert_eq!(asked.await, tonic::Code::Ok);
        assert_eq!(call(&mut second, "/Ok").await, tonic::Code::Ok);
    });
    assert!(running.counters.waited_for_place.load(Ordering::SeqCst) >= 1);
}

#[test]
fn an_idle_connection_gives_way_when_another_waits() {
    let calls = Calls::default();
    let running = start(&calls, |options| {
        options.connections = 1;
        options.idle_when_full = Duration::from_millis(50);
    });
    runtime().block_on(async {
        let mut idle = connect(&running).await;
        assert_eq!(call(&mut idle, "/Ok").await, tonic::Code::Ok);
        let mut next = connect(&running).await;
        assert_eq!(call(&mut next, "/Ok").await, tonic::Code::Ok);
    });
    assert!(running.counters.gave_way.load(Ordering::SeqCst) >= 1);
}

#[test]
fn a_connection_has_as_many_calls_at_once_as_it_may_and_no_more() {
    let calls = Calls::default();
    let running = start(&calls, |options| options.streams = 4);
    runtime().block_on(async {
        let sender = connect(&running).await;
        // The client has to hear of the limit first.
        assert_eq!(call(&mut sender.clone(), "/Ok").await, tonic::Code::Ok);
        let spawn =
            |mut sender: Sender| tokio::spawn(async move { call(&mut sender, "/Wait").await });
        let asked: Vec<_> = (0..5).map(|_| spawn(sender.clone())).collect();
        calls.await_waiting(4);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(calls.waiting.load(Ordering::SeqCst), 4);
        calls.let_go();
        for one in asked {
            assert_eq!(one.await.unwrap(), tonic::Code::Ok);
        }
    });
}

#[test]
fn one_call_more_than_may_be_in_flight_is_resource_exhausted_at_once() {
    let calls = Calls::default();
    let running = start(&calls, |options| options.in_flight = 3);
    runtime().block_on(async {
        let mut sender = connect(&running).await;
        let spawn =
            |mut sender: Sender| tokio::spawn(async move { call(&mut sender, "/Wait").await });
        let asked: Vec<_> = (0..3).map(|_| spawn(sender.clone())).collect();
        calls.await_waiting(3);
        assert_eq!(
            call(&mut sender, "/Ok").await,
            tonic::Code::ResourceExhausted
        );
        calls.let_go();
        for one in asked {
            assert_eq!(one.await.unwrap(), tonic::Code::Ok);
        }
        assert_eq!(call(&mut sender, "/Ok").await, tonic::Code::Ok);
    });
    assert_eq!(running.counters.overloaded.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_over_its_budget_is_unavailable_and_so_is_one_that_panics_and_the_server_goes_on() {
    let calls = Calls::default();
    let running = start(&calls, |options| {
        options.handler_budget = Duration::from_millis(50)
    });
    runtime().block_on(async {
        let mut sender = connect(&running).await;
        assert_eq!(call(&mut sender, "/Wait").await, tonic::Code::Unavailable);
        assert_eq!(call(&mut sender, "/Panic").await, tonic::Code::Unavailable);
        assert_eq!(call(&mut sender, "/Ok").await, tonic::Code::Ok);
    });
    assert_eq!(running.counters.over_budget.load(Ordering::SeqCst), 1);
    assert_eq!(running.counters.panicked.load(Ordering::SeqCst), 1);
}

#[test]
fn draining_lets_a_running_call_finish_and_takes_no_new_connection() {
    let calls = Calls::default();
    let mut running = start(&calls, |options| options.drain = PATIENCE);
    let Address::Tcp(address) = running.address.clone() else {
        panic!("not TCP")
    };
    let runtime = runtime();
    let mut sender = runtime.block_on(connect(&running));
    let asked = runtime.spawn(async move { call(&mut sender, "/Wait").await });
    calls.await_waiting(1);
    drop(running.stop.take());
    await_that(|| TcpStream::connect(address).is_err());
    calls.let_go();
    assert_eq!(runtime.block_on(asked).unwrap(), tonic::Code::Ok);
    assert_eq!(running.stop().aborted, 0);
}

#[test]
fn a_call_that_is_stuck_is_cut_when_the_time_to_drain_is_over() {
    let calls = Calls::default();
    let mut running = start(&calls, |options| options.drain = Duration::from_millis(100));
    let runtime = runtime();
    let mut sender = runtime.block_on(connect(&running));
    let _asked = runtime.spawn(async move {
        let request = http::Request::post("http://server/Wait")
            .body(Empty::<Bytes>::new())
            .unwrap();
        sender.send_request(request).await.is_err()
    });
    calls.await_waiting(1);
    assert_eq!(running.stop().aborted, 1);
}

#[test]
fn a_server_without_connections_ends_at_once() {
    let mut running = start(&Calls::default(), |options| {
        options.drain = Duration::from_secs(3600)
    });
    assert_eq!(running.stop().aborted, 0);
}

#[test]
fn beyond_loopback_there_is_no_listener_unless_it_is_said_to_be_protected() {
    let calls = Calls::default();
    let refused = Server::bind(vec![listener("0.0.0.0:0", &calls)], ServeOptions::default());
    assert!(matches!(
        refused,
        Err(ServeError::Listen(ListenError::Unprotected { .. }))
    ));
    let said = Listener {
        plaintext: true,
        ..listener("0.0.0.0:0", &calls)
    };
    assert!(Server::bind(vec![said], ServeOptions::default()).is_ok());
}

#[test]
fn a_unix_socket_is_for_its_owner_and_a_dead_one_is_replaced_but_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = format!("unix:{}", path.display());
    let calls = Calls::default();
    // A socket that nobody listens on any more.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let running = run(listener(&address, &calls), options(|_| {}));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let second = Server::bind(vec![listener(&address, &calls)], ServeOptions::default());
    assert!(matches!(
        second,
        Err(ServeError::Listen(ListenError::InUse { .. }))
    ));
    drop(running);
    std::fs::write(&path, "a file of somebody").unwrap();
    let over_a_file = Server::bind(vec![listener(&address, &calls)], ServeOptions::default());
    assert!(matches!(
        over_a_file,
        Err(ServeError::Listen(ListenError::NotASocket { .. }))
    ));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "a file of somebody"
    );
}

#[test]
fn a_peer_whose_uid_is_not_listed_is_closed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let nobody_we_are = u32::MAX - 1;
    let running = run(
        Listener {
            uids: Some(vec![nobody_we_are]),
            ..listener(&format!("unix:{}", path.display()), &Calls::default())
        },
        options(|_| {}),
    );
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(is_closed(stream));
    assert_eq!(running.counters.refused_peers.load(Ordering::SeqCst), 1);
}
