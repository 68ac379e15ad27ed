//! Around every call: a place among those in flight, a budget of time, and a net under panics.
//!
//! The budget begins when the call arrives: one that has waited for its thread until it is over is shed
//! without being looked at, for its caller has gone or is about to ask again.
//! A call that finds no place, takes too long or panics is answered as a gRPC error, unless the rules for
//! calls know a better answer: for Envoy's Check an error is no denial. Only the time until response
//! headers counts; a stream goes on without a budget. Nothing is logged for a call but a panic.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Incoming};
use tokio::time::error::Elapsed;
use tonic::body::Body;

use super::activity::Activity;
use super::receipt::Receipt;
use super::{Call, Counters};

/// Why a call got no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Too many calls are in flight, or ahead of it on its thread: RESOURCE_EXHAUSTED.
    Overloaded,
    /// No response headers within the budget: UNAVAILABLE.
    OverBudget,
    /// The handler panicked: UNAVAILABLE.
    Panicked,
}

/// What this room cannot know of a call, since it knows calls by their path only.
pub trait CallRules: fmt::Debug + Send + Sync {
    /// The time until response headers; `usual` is the budget of the options. The client's own
    /// `grpc-timeout` shortens it in any case.
    fn budget(&self, _path: &str, usual: Duration) -> Duration {
        usual
    }

    /// The answer to a call that met this fault; a gRPC error when `None`.
    fn answer(&self, _path: &str, _fault: Fault) -> Option<Response<Body>> {
        None
    }

    /// Whether calls of this path are answered by streams, which end long after their headers.
    fn is_stream(&self, _path: &str) -> bool {
        false
    }

    /// A call has ended, in whatever way: its code, and the time from its arrival. Called on the request's
    /// thread: neither a lock nor an allocation belongs here.
    fn handled(&self, _path: &str, _code: tonic::Code, _took: Duration) {}
}

/// The usual budget for every call, and gRPC errors.
#[derive(Debug, Clone, Copy)]
pub struct PlainRules;

impl CallRules for PlainRules {}

/// What the guards of all connections share.
#[derive(Debug)]
pub(super) struct Gate {
    limit: u64,
    budget: Duration,
    rules: Arc<dyn CallRules>,
    counters: Arc<Counters>,
}

/// A service with a guard around each call, for one connection.
#[derive(Debug)]
pub(super) struct Guard<S> {
    service: S,
    gate: Arc<Gate>,
    activity: Arc<Activity>,
}

impl Gate {
    pub(super) fn new(options: &super::ServeOptions, counters: Arc<Counters>) -> Self {
        Gate {
            limit: u64::try_from(options.in_flight).unwrap_or(u64::MAX),
            budget: options.handler_budget,
            rules: Arc::clone(&options.rules),
            counters,
        }
    }

    /// A place in flight, given back with the value. Two callers at the last place may both be turned
    /// away, never both let in.
    fn enter(&self) -> Option<Place<'_>> {
        let place = Place(&self.counters.in_flight);
        let before = self.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        (before < self.limit).then_some(place)
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn rules(&self) -> &dyn CallRules {
        self.rules.as_ref()
    }

    pub(super) fn is_stream(&self, path: &str) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.rules.is_stream(path))).unwrap_or(false)
    }

    /// The rules are code as well, and have a net of their own.
    fn budget(&self, path: &str) -> Duration {
        let budget = catch_unwind(AssertUnwindSafe(|| self.rules.budget(path, self.budget)));
        budget.unwrap_or(self.budget)
    }

    fn answer(&self, path: &str, fault: Fault) -> Response<Body> {
        let counter = match fault {
            Fault::Overloaded => &self.counters.overloaded,
            Fault::OverBudget => &self.counters.over_budget,
            Fault::Panicked => &self.counters.panicked,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let answer = catch_unwind(AssertUnwindSafe(|| self.rules.answer(path, fault)));
        answer.ok().flatten().unwrap_or_else(|| {
            let status = match fault {
                Fault::Overloaded => tonic::Status::resource_exhausted("too many calls at once"),
                Fault::OverBudget => tonic::Status::unavailable("no answer within the budget"),
                Fault::Panicked => tonic::Status::unavailable("internal fault"),
            };
            status.into_http()
        })
    }
}

struct Place<'a>(&'a AtomicU64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Guard<S> {
    pub(super) fn new(service: S, gate: Arc<Gate>, activity: Arc<Activity>) -> Self {
        Guard {
            service,
            gate,
            activity,
        }
    }
}

impl<S: Call> hyper::service::Service<Request<Incoming>> for Guard<S>
where
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut service = self.service.clone();
        let gate = Arc::clone(&self.gate);
        let arrived = Instant::now();
        let busy = Activity::begin(&self.activity, arrived);
        Box::pin(async move {
            let _busy = busy;
            let receipt = Receipt::new(gate, request.uri().clone(), arrived);
            let response = answer(&receipt, &mut service, request).await;
            Ok(receipt.hand_over(response))
        })
    }
}

async fn answer<S: Call>(
    receipt: &Receipt,
    service: &mut S,
    request: Request<Incoming>,
) -> Response<Body>
where
    S::Future: Send,
{
    let (gate, path) = (&receipt.gate, receipt.uri.path());
    let budget = gate.budget(path);
    let place = gate.enter();
    let waited = receipt.arrived().elapsed();
    if place.is_none() || waited >= budget {
        drop(place);
        let shed = gate.answer(path, Fault::Overloaded);
        to_its_end(request.into_body(), budget.saturating_sub(waited)).await;
        return shed;
    }
    let budget = budget.min(asked_for(request.headers()).unwrap_or(budget));
    let until = receipt.arrived().checked_add(budget);
    // `call` runs inside, too: it may panic as well as its future.
    let handler = AssertUnwindSafe(async {
        match poll_fn(|cx| service.poll_ready(cx)).await {
            Ok(()) => service.call(request).await,
            Err(never) => match never {},
        }
    });
    match in_time(until, handler.catch_unwind()).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(panic)) => {
            let message = message_of(panic.as_ref());
            tracing::error!(path, message, "a call panicked");
            gate.answer(path, Fault::Panicked)
        }
        Err(_elapsed) => gate.answer(path, Fault::OverBudget),
    }
}

/// Waits a little for the rest of a call that is refused unread: what comes after the answer is an error of its
/// stream, and too many of those end the connection for the calls that are answered, too.
pub async fn to_its_end<B: HttpBody>(body: B, most: Duration) {
    let mut body = pin!(body);
    let end = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whoever has not sent it by then is answered without: so no place is held by doing nothing.
    let until = Instant::now().checked_add(most.min(LAST_FRAMES));
    let _ = in_time(until, end).await;
}

/// What the future gives until then. Most are ready at once, and for them no timer is made.
async fn in_time<F: Future>(until: Option<Instant>, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => match until {
            Some(until) => tokio::time::timeout_at(until.into(), future).await,
            None => Ok(future.await),
        },
    }
}

/// The client's `grpc-timeout`, less a tenth so that the answer is there in time. One that cannot be read
/// shortens nothing: the budget holds anyway. gRPC over HTTP/2, "Requests": at most 8 digits and a unit.
fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    let few = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = few.then(|| digits.parse().ok())??;
    let nanos = match unit {
        'H' => 3_600_000_000_000,
        'M' => 60_000_000_000,
        'S' => 1_000_000_000,
        'm' => 1_000_000,
        'u' => 1_000,
        'n' => 1,
        _ => return None,
    };
    Some(Duration::from_nanos(count.saturating_mul(nanos) / 10 * 9))
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "no message",
    }
}

/// The frames of a call follow each other at once.
const LAST_FRAMES: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        asked_for(&headers)
    }

    #[test]
    fn a_grpc_timeout_is_read_less_a_tenth() {
        assert_eq!(read("100m"), Some(Duration::from_millis(90)));
        assert_eq!(read("1S"), Some(Duration::from_millis(900)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        assert!(read("99999999H").is_some());
    }

    #[test]
    fn what_is_no_grpc_timeout_is_not_read() {
        for text in [
            "",
            "m",
            "100",
            "100x",
            "-1m",
            "+1m",
            "100000000m",
            "1 m",
            "1.5S",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(asked_for(&HeaderMap::new()), None);
    }
}
