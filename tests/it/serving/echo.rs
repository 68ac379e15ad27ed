//! A test service whose behaviour depends on the path, a server for it, and a client.

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

/// The longest wait in a test.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Far longer than any test.
pub const NEVER: Duration = Duration::from_secs(3600);

/// Size of a response of `Large`, in bytes.
pub const LARGE: usize = 64 * 1024;

/// Observes and releases the calls of the test service.
#[derive(Debug)]
pub struct CallControl {
    /// One permit for each call that has started.
    pub started: Semaphore,
    /// `Wait` takes one permit before it responds.
    pub release: Semaphore,
    /// `Spin` blocks its thread until it receives from this channel.
    pub spin: Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug, Clone)]
pub struct Echo(pub Arc<CallControl>);

impl tower_service::Service<Request<CallBody>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<CallBody>) -> Self::Future {
        self.0.started.add_permits(1);
        let control = Arc::clone(&self.0);
        let path = request.uri().path().to_owned();
        assert_ne!(path, "/test.Echo/PanicInCall", "panic of the test service");
        Box::pin(async move {
            match path.as_str() {
                "/test.Echo/Ok" => {}
                "/test.Echo/Panic" => panic!("panic of the test service"),
                "/test.Echo/Wait" => control.release.acquire().await.unwrap().forget(),
                "/test.Echo/Spin" => drop(control.spin.lock().unwrap().recv()),
                "/test.Echo/Stream" => {
                    let pending =
                        futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
                    return Ok(answer(Body::new(StreamBody::new(pending))));
                }
                // A stream with its status in the trailers.
                "/test.Echo/Watch" => {
                    let pending =
                        futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
                    let mut response = answer(Body::new(StreamBody::new(pending)));
                    response.headers_mut().remove("grpc-status");
                    return Ok(response);
                }
                // Reads its message first.
                "/test.Echo/Read" => drop(request.into_body().collect().await),
                "/test.Echo/Large" => {
                    return Ok(answer(Body::new(Full::new(Bytes::from(vec![b'x'; LARGE])))));
                }
                other => panic!("unknown call: {other}"),
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

/// A server on a separate thread.
pub struct Running {
    pub addresses: Vec<ListenAddress>,
    pub control: Arc<CallControl>,
    pub counters: Arc<Counters>,
    pub listeners: Vec<Arc<ListenerCounters>>,
    pub unspin: mpsc::Sender<()>,
    stop: Option<oneshot::Sender<()>>,
    drained: Option<oneshot::Receiver<DrainSummary>>,
}

/// One thread, and deadlines that no test reaches.
pub fn options() -> ServeOptions {
    ServeOptions {
        threads: 1,
        handler_budget: NEVER,
        first_byte: TEST_TIMEOUT,
        drain: TEST_TIMEOUT,
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
    let control = CallControl {
        started: Semaphore::new(0),
        release: Semaphore::new(0),
        spin: Mutex::new(spin),
    };
    (Echo(Arc::new(control)), unspin)
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
        let (report, drained) = oneshot::channel();
        let running = Running {
            addresses: server.addresses().to_vec(),
            control: echo.0,
            counters: server.counters(),
            listeners: server.stats().listeners,
            unspin,
            stop: Some(stop),
            drained: Some(drained),
        };
        thread::spawn(move || {
            let stopped = async { drop(stopped.await) };
            let _ = report.send(server.run(stopped, || {}));
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

    /// The number of connections that the first listener has closed with this cause and reason.
    pub fn closed(&self, cause: &str, reason: &str) -> u64 {
        let mut all = self.listeners[0].closed();
        let found = all.find(|(one, _)| (one.name(), one.reason()) == (cause, reason));
        found.expect("a known cause and reason").1
    }

    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end without blocking the clients, which have to disconnect.
    pub async fn drained(&mut self) -> DrainSummary {
        self.drained.take().unwrap().await.unwrap()
    }

    /// Waits until this number of further calls has started.
    pub async fn wait_for_calls(&self, calls: u32) {
        self.control
            .started
            .acquire_many(calls)
            .await
            .unwrap()
            .forget();
    }
}

/// Polls a counter until it has this value or more.
pub fn wait_for_count(counter: &AtomicU64, count: u64) {
    wait_until(|| counter.load(Ordering::Relaxed) >= count);
}

/// Polls a condition.
pub fn wait_until(holds: impl Fn() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !holds() {
        assert!(Instant::now() < end, "the condition is not met in time");
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

    /// The gRPC status of the response.
    pub async fn status(&self, name: &str) -> String {
        status(&self.call(name).await.unwrap())
    }

    /// Waits for the end of the connection.
    pub async fn wait_until_closed(&self) {
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

/// Like [`wait_for_count`], without blocking the clients on the runtime of the test.
pub async fn wait_for_count_async(counter: &AtomicU64, count: u64) {
    while counter.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs a test with a time limit.
pub fn with_timeout<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async { tokio::time::timeout(TEST_TIMEOUT, test).await });
    assert!(result.is_ok(), "the test does not end");
}
