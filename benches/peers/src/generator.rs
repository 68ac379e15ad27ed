//! Calls over HTTP/2: as many as the server takes (closed loop), or at a rate that does not wait for it (open loop).
//!
//! One thread on a core of its own; connections and streams are fixed in number. A call's time begins where it was
//! meant to begin, so that a server that stands still is charged for the calls that had to wait.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::service::{Encoding, Service};

const CORE: usize = 1;
pub const CONNECTIONS: usize = 8;
pub const STREAMS: usize = 10;
/// No call takes longer; one that does fails the run.
const LONGEST_CALL: Duration = Duration::from_secs(20);

/// Keeps this thread on the generator's core.
pub fn pin() -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(CORE);
    Ok(sched_setaffinity(None, &cores)?)
}

/// What one run saw.
pub struct Run {
    pub took: Duration,
    pub server_cpu: Duration,
    /// In order of size.
    pub latencies: Vec<Duration>,
}

impl Run {
    pub fn calls(&self) -> usize {
        self.latencies.len()
    }

    pub fn calls_a_second(&self) -> f64 {
        self.calls() as f64 / self.took.as_secs_f64()
    }

    pub fn cpu_a_call(&self) -> Duration {
        self.server_cpu.div_f64(self.calls().max(1) as f64)
    }

    /// The latency that this share of the calls did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Puts every question once, in order, and returns what `read` finds in each answer's message.
pub fn ask_all(service: &Service, read: fn(&[u8]) -> Result<bool>) -> Result<Vec<bool>> {
    let answers = Rc::new(RefCell::new(vec![None; service.questions.len()]));
    run(async {
        let caller = Caller::connect(service, &bodies(service)).await?;
        let mut streams = LocalTasks::default();
        for stream in 0..STREAMS {
            let (mut caller, answers) = (caller.clone(), answers.clone());
            streams.spawn(async move {
                for number in (stream..caller.bodies.len()).step_by(STREAMS) {
                    let body = caller.call(number).await?;
                    let message = caller.encoding.message(&body);
                    let read = read(message)?;
                    answers.borrow_mut()[number] = Some(read);
                }
                Ok(())
            });
        }
        streams.join().await
    })?;
    let answers = answers.borrow();
    answers
        .iter()
        .map(|answer| answer.context("no answer"))
        .collect()
}

/// Every stream asks again as soon as it has an answer.
pub fn closed_loop(service: &Service, length: Duration, from: usize) -> Result<Run> {
    measure(service, async |callers: &[Caller], latencies| {
        let mut streams = LocalTasks::default();
        let end = Instant::now() + length;
        for stream in 0..CONNECTIONS * STREAMS {
            let mut caller = callers[stream % CONNECTIONS].clone();
            let latencies = Rc::clone(&latencies);
            streams.spawn(async move {
                let mut number = from + stream;
                while Instant::now() < end {
                    let began = Instant::now();
                    caller.call(number).await?;
                    latencies.borrow_mut().push(began.elapsed());
                    number += CONNECTIONS * STREAMS;
                }
                Ok(())
            });
        }
        streams.join().await
    })
}

/// A call is begun every 1/rate of a second, whatever became of the ones before.
pub fn open_loop(service: &Service, rate: f64, length: Duration, from: usize) -> Result<Run> {
    measure(service, async |callers: &[Caller], latencies| {
        let mut calls = LocalTasks::default();
        let began = Instant::now();
        let number_of_calls = (rate * length.as_secs_f64()) as usize;
        for number in 0..number_of_calls {
            let intended = began + Duration::from_secs_f64(number as f64 / rate);
            // A timer would come up to a millisecond late; this core has nothing else to do.
            while Instant::now() < intended {
                tokio::task::yield_now().await;
            }
            let mut caller = callers[number % CONNECTIONS].clone();
            let latencies = Rc::clone(&latencies);
            calls.spawn(async move {
                caller.call(from + number).await?;
                latencies.borrow_mut().push(intended.elapsed());
                Ok(())
            });
        }
        calls.join().await
    })
}

type Latencies = Rc<RefCell<Vec<Duration>>>;

fn measure(
    service: &Service,
    calls: impl AsyncFnOnce(&[Caller], Latencies) -> Result<()>,
) -> Result<Run> {
    let latencies = Latencies::default();
    let (took, server_cpu) = run(async {
        let mut callers = Vec::new();
        let bodies = bodies(service);
        for _ in 0..CONNECTIONS {
            let mut caller = Caller::connect(service, &bodies).await?;
            caller.call(0).await?;
            callers.push(caller);
        }
        let (before, began) = (service.server.cpu()?, Instant::now());
        calls(&callers, Rc::clone(&latencies)).await?;
        Ok((began.elapsed(), service.server.cpu()? - before))
    })?;
    let mut latencies = latencies.take();
    latencies.sort_unstable();
    Ok(Run {
        took,
        server_cpu,
        latencies,
    })
}

fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

fn bodies(service: &Service) -> Rc<[Bytes]> {
    let questions = service.questions.iter();
    questions
        .map(|question| service.encoding.body(question))
        .collect()
}

/// One connection.
#[derive(Clone)]
struct Caller {
    sender: SendRequest<Bytes>,
    bodies: Rc<[Bytes]>,
    authority: Rc<str>,
    path: &'static str,
    encoding: Encoding,
}

impl Caller {
    async fn connect(service: &Service, bodies: &Rc<[Bytes]>) -> Result<Self> {
        let stream = TcpStream::connect(service.server.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(1 << 20)
            .initial_connection_window_size(1 << 24)
            .handshake(stream)
            .await?;
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Caller {
            sender: sender.ready().await?,
            bodies: Rc::clone(bodies),
            authority: service.server.address.to_string().into(),
            path: service.path,
            encoding: service.encoding,
        })
    }

    /// Puts this question and returns the body of the answer, which has to be a good one.
    async fn call(&mut self, number: usize) -> Result<BytesMut> {
        let body = self.bodies[number % self.bodies.len()].clone();
        tokio::time::timeout(LONGEST_CALL, self.exchange(body))
            .await
            .context("a call without an answer")?
    }

    async fn exchange(&mut self, body: Bytes) -> Result<BytesMut> {
        let request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(format!("http://{}{}", self.authority, self.path))
            .header("content-type", self.encoding.content_type())
            .header("te", "trailers")
            .body(())?;
        self.sender = self.sender.clone().ready().await?;
        let (response, mut sending) = self.sender.send_request(request, false)?;
        sending.send_data(body, true)?;
        let response = response.await?;
        ensure!(response.status() == StatusCode::OK, "{}", response.status());
        let (head, mut receiving) = response.into_parts();
        let mut body = BytesMut::new();
        while let Some(piece) = receiving.data().await {
            let piece = piece?;
            receiving.flow_control().release_capacity(piece.len())?;
            body.extend_from_slice(&piece);
        }
        let trailers = receiving.trailers().await?.unwrap_or_default();
        if self.encoding == Encoding::Grpc {
            check_status(&head.headers, &trailers)?;
        }
        Ok(body)
    }
}

fn check_status(head: &HeaderMap, trailers: &HeaderMap) -> Result<()> {
    let said = |name| trailers.get(name).or_else(|| head.get(name));
    match said("grpc-status") {
        Some(status) if status == "0" => Ok(()),
        status => bail!("grpc-status {status:?}: {:?}", said("grpc-message")),
    }
}

/// Tasks of this thread, of which none may fail.
#[derive(Default)]
struct LocalTasks(tokio::task::JoinSet<Result<()>>);

impl LocalTasks {
    fn spawn(&mut self, task: impl Future<Output = Result<()>> + 'static) {
        self.0.spawn_local(task);
    }

    async fn join(mut self) -> Result<()> {
        while let Some(ended) = self.0.join_next().await {
            ended??;
        }
        Ok(())
    }
}
