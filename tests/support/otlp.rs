//! An OpenTelemetry collector in this process: it stores what it receives, answers as the test configures, and can be
//! stopped and started again at the same address.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tower_service::Service as _;

/// The answer to a call with log records.
pub type Answer = dyn Fn(&[LogRecord]) -> Result<ExportLogsServiceResponse, Status> + Send + Sync;

/// Everything received, by all receivers.
#[derive(Clone, Default)]
pub struct Received(Arc<Mutex<ReceivedData>>);

#[derive(Default)]
struct ReceivedData {
    spans: Vec<Span>,
    records: Vec<LogRecord>,
    /// The number of records in each call with records.
    calls: Vec<usize>,
    resource: Vec<KeyValue>,
    metadata: MetadataMap,
}

impl Received {
    pub fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }

    pub fn records(&self) -> Vec<LogRecord> {
        self.0.lock().unwrap().records.clone()
    }

    pub fn calls(&self) -> Vec<usize> {
        self.0.lock().unwrap().calls.clone()
    }

    pub fn resource(&self, key: &str) -> Option<String> {
        text(&self.0.lock().unwrap().resource, key)
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let data = self.0.lock().unwrap();
        let value = data.metadata.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    /// Waits until there are at least `many` spans, and returns all.
    pub fn await_spans(&self, many: usize) -> Vec<Span> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let spans = self.spans();
            if spans.len() >= many {
                return spans;
            }
            assert!(Instant::now() < end, "{} of {many} spans", spans.len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A receiver that runs until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts on a port that the kernel chooses, and accepts everything.
    pub fn start(received: &Received) -> Receiver {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Receiver::at(any_port, received, None, Box::new(accept_all))
    }

    pub fn at(
        address: SocketAddr,
        received: &Received,
        tls: Option<TlsAcceptor>,
        answer: Box<Answer>,
    ) -> Receiver {
        let listener = bind(address);
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = Arc::new(Service {
            received: received.clone(),
            answer,
        });
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, service, tls) => {}
                    // Connections are cut, like when a process is killed.
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Receiver {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (service, tls) = (Arc::clone(&service), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, service).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, service).await;
                    }
                }
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    service: Arc<Service>,
) {
    let traces = TraceServiceServer::from_arc(Arc::clone(&service));
    let logs = LogsServiceServer::from_arc(service);
    let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        match request.uri().path() {
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
                traces.clone().call(request)
            }
            _ => logs.clone().call(request),
        }
    });
    let connection =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer);
    // A client may close the connection; that does not fail the test.
    let _ = connection.await;
}

/// The default answer: everything is accepted.
pub fn accept_all(_: &[LogRecord]) -> Result<ExportLogsServiceResponse, Status> {
    Ok(ExportLogsServiceResponse::default())
}

/// Binds with retries: the address of a dropped receiver may stay in use for a moment.
fn bind(address: SocketAddr) -> TcpListener {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < end, "{address}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Service {
    received: Received,
    answer: Box<Answer>,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut data = self.received.0.lock().unwrap();
        data.metadata = request.metadata().clone();
        for resource in request.into_inner().resource_spans {
            data.resource = resource.resource.unwrap_or_default().attributes;
            for scope in resource.scope_spans {
                data.spans.extend(scope.spans);
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let metadata = request.metadata().clone();
        let (mut records, mut attributes) = (Vec::new(), Vec::new());
        for resource in request.into_inner().resource_logs {
            attributes = resource.resource.unwrap_or_default().attributes;
            for scope in resource.scope_logs {
                records.extend(scope.log_records);
            }
        }
        let answer = (self.answer)(&records);
        let mut data = self.received.0.lock().unwrap();
        data.calls.push(records.len());
        if answer.is_ok() {
            (data.metadata, data.resource) = (metadata, attributes);
            data.records.extend(records);
        }
        answer.map(Response::new)
    }
}

/// The value of an attribute as text; numbers and booleans are formatted.
pub fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::BoolValue(flag) => Some(flag.to_string()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}
