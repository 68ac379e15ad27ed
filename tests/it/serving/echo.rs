//! A service whose calls do what their path says, a server that serves it, and a client.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crosstrust::serve::{
    CallBody, Counters, DrainSummary, ListenAddress, Listener, ListenerCounters, ServeOptions,
    Server,
};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};
use tonic::body::Body;

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// So much longer than a test that it never comes.
pub const NEVER: Duration = Duration::from_secs(3600);

/// Bytes of an answer of `Large`.
pub const LARGE: usize = 64 * 1024;

/// What tests see of the calls, and the handles by which they hold them.
#[derive(Debug)]
pub struct Stage {
    /// One for each call that has begun.
    pub begun: Semaphore,
    /// `Held` takes one before it answers.
    pub release: Semaphore,
    /// `Spin` blocks its thread until there is something to receive.
    pub spin: Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug, Clone)]
pub struct Echo(pub Arc<Stage>);

impl tower_service::Service<Request<CallBody>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<CallBody>) -> Self::Future {
        self.0.begun.add_permits(1);
        let stage = Arc::clone(&self.0);
        let path = request.uri().path().to_owned();
        assert_ne!(path, "/test.Echo/PanicInCall", "as asked");
        Box::pin(async move {
            match path.as_str() {
                "/test.Echo/Ok" => {}
                "/test.Echo/Panic" => panic!("as asked"),
                "/test.Echo/Held" => stage.release.acquire().await.unwrap().forget(),
                "/test.Echo/Spin" => drop(stage.spin.lock().unwrap().recv()),
                "/test.Echo/Stream" => {
                    let nothing =
                        futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
                    return Ok(answer(Body::new(StreamBody::new(nothing))));
                }
                // A stream whose status comes at its end.
                "/test.Echo/Watch" => {
                    let nothing =
                        futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
                    let mut response = answer(Body::new(StreamBody::new(nothing)));
                    response.headers_mut().remove("grpc-status");
                    return Ok(response);
                }
                // Reads its message first.
                "/test.Echo/Read" => drop(request.into_body().collect().await),
                "/test.Echo/Large" => {
                    return Ok(answer(Body::new(Full::new(Bytes::from(vec![b'x'; LARGE])))));
                }
                other => panic!("no such call: {other}"),
            }
            Ok(answer(Body::empty()))
        })
    }
}

fn answer(body: Body) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "0")
        .header("thread", thread::current().name().unwrap())
        .body(body)
        .unwrap()
}

/// A server on a thread of its own.
pub struct Running {
    pub addresses: Vec<ListenAddress>,
    pub stage: Arc<Stage>,
    pub counters: Arc<Counters>,
    pub listeners: Vec<Arc<ListenerCounters>>,
    pub unspin: mpsc::Sender<()>,
    stop: Option<oneshot::Sender<()>>,
    drained: Option<oneshot::Receiver<DrainSummary>>,
}

/// Options of a single thread, with all deadlines out of the way.
pub fn options() -> ServeOptions {
    ServeOptions {
        threads: 1,
        handler_budget: NEVER,
        first_byte: PATIENCE,
        drain: PATIENCE,
        ..ServeOptions::default()
    }
}

pub fn listener(address: ListenAddress, service: Echo) -> Listener<Echo> {
    Listener {
        address,
        plaintext: false,
        uids: None,
        tls: None,
        service,
    }
}

pub fn echo() -> (Echo, mpsc::Sender<()>) {
    let (unspin, spin) = mpsc::channel();
    let stage = Stage {
        begun: Semaphore::new(0),
        release: Semaphore::new(0),
        spin: Mutex::new(spin),
    };
    (Echo(Arc::new(stage)), unspin)
}

impl Running {
    pub fn tcp(options: ServeOptions) -> Running {
        Running::start(options, &["127.0.0.1:0".parse().unwrap()])
    }

    pub fn start(options: ServeOptions, addresses: &[ListenAddress]) -> Running {
        let (echo, unspin) = echo();
        let listeners = addresses
            .iter()
            .map(|at| listener(at.clone(), echo.clone()));
        let server = Server::bind(listeners.collect(), options).unwrap();
        Running::run(server, echo, unspin)
    }

    pub fn run(server: Server<Echo>, echo: Echo, unspin: mpsc::Sender<()>) -> Running {
        let (stop, stopped) = oneshot::channel();
        let (tell, drained) = oneshot::channel();
        let running = Running {
            addresses: server.addresses().to_vec(),
            stage: echo.0,
            counters: server.counters(),
            listeners: server.stats().listeners,
            unspin,
            stop: Some(stop),
            drained: Some(drained),
        };
        thread::spawn(move || {
            let stopped = async { drop(stopped.await) };
            let _ = tell.send(server.run(stopped, || {}));
        });
        running
    }

    pub fn socket_address(&self) -> SocketAddr {
        self.address_of(0)
    }

    pub fn address_of(&self, listener: usize) -> SocketAddr {
        match &self.addresses[listener] {
            ListenAddress::Tcp(address) => *address,
            ListenAddress::Unix(path) => panic!("{}", path.display()),
        }
    }

    pub async fn client(&self) -> Client {
        self.client_of(0).await
    }

    pub async fn client_of(&self, listener: usize) -> Client {
        let stream = tokio::net::TcpStream::connect(self.address_of(listener)).await;
        Client::over(stream.unwrap()).await
    }

    /// How many connections the first listener has closed with this cause and reason.
    pub fn closed(&self, cause: &str, reason: &str) -> u64 {
        let mut all = self.listeners[0].closed();
        let found = all.find(|(one, _)| (one.name(), one.reason()) == (cause, reason));
        found.expect("no such cause").1
    }

    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end without blocking the clients, who have to take leave.
    pub async fn drained(&mut self) -> DrainSummary {
        self.drained.take().unwrap().await.unwrap()
    }

    /// Waits until so many calls more have begun.
    pub async fn begun(&self, calls: u32) {
        self.stage.begun.acquire_many(calls).await.unwrap().forget();
    }
}

/// Waits for a counter, which nothing announces.
pub fn reaches(counter: &AtomicU64, count: u64) {
    until(|| counter.load(Ordering::Relaxed) >= count);
}

/// Waits for what nothing announces.
pub fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "the counter is not reached");
        thread::sleep(Duration::from_millis(1));
    }
}

/// An HTTP/2 connection, driven by a task.
#[derive(Clone)]
pub struct Client {
    send: http2::SendRequest<Empty<Bytes>>,
}

impl Client {
    pub async fn over<T>(stream: T) -> Client
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Client { send }
    }

    pub async fn call(&self, name: &str) -> Result<Response<Incoming>, hyper::Error> {
        self.call_within(name, None).await
    }

    pub async fn call_within(
        &self,
        name: &str,
        timeout: Option<&str>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let mut request = Request::post(format!("http://test/test.Echo/{name}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", timeout);
        }
        let mut send = self.send.clone();
        send.ready().await?;
        send.send_request(request.body(Empty::new()).unwrap()).await
    }

    /// The gRPC status of a call that is answered.
    pub async fn status(&self, name: &str) -> String {
        status(&self.call(name).await.unwrap())
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) {
        let mut send = self.send.clone();
        while send.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

pub fn status(response: &Response<Incoming>) -> String {
    header(response, "grpc-status")
}

pub fn header(response: &Response<Incoming>, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

/// The same, while the clients of the test's own runtime go on.
pub async fn reached(counter: &AtomicU64, count: u64) {
    while counter.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs a test that may not take for ever.
pub fn bounded<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await });
    assert!(result.is_ok(), "the test does not end");
}
