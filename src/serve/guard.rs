//! Around every call: a place among those in flight, a budget of time, and a net under panics.
//!
//! A call is admitted when its headers arrive, before it waits for its thread, so that what waits is bounded by the
//! places. It is shed unread when it has waited longer than its budget, or longer than `ServeOptions::queue_delay`
//! on a thread that is overloaded (`thread_load`). A refusal is sent after [`REFUSED_AFTER`]: a client that asks again at
//! once would otherwise cost more than the calls that are answered.
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
use hyper::body::Incoming;
use tokio::time::error::Elapsed;
use tonic::body::Body;

use super::activity::Activity;
use super::connection_id::{CONNECTION, ConnectionId};
use super::message::{CallBody, MessageState};
use super::places::{Places, TakenFrom};
use super::receipt::Receipt;
use super::thread_load::{MEASURED_FROM, ThreadLoad};
use super::unread::{AnswerBody, Unread};
use super::{Call, Counters};

/// Why a call got no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Too many calls are in flight, or ahead of it on its thread: RESOURCE_EXHAUSTED.
    Overloaded,
    /// Too many streams are open, on this connection or in all: RESOURCE_EXHAUSTED.
    TooManyStreams,
    /// The message has not arrived in time: UNAVAILABLE.
    Incomplete,
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
    budget: Duration,
    message: Duration,
    queue_delay: Duration,
    streams_per_connection: u64,
    rules: Arc<dyn CallRules>,
    counters: Arc<Counters>,
}

/// The places for what arrives at one listener.
#[derive(Debug)]
pub(super) struct ListenerPlaces {
    calls: Places,
    streams: Places,
}

/// What the calls of one connection share.
#[derive(Debug)]
pub(super) struct ConnectionCalls {
    id: ConnectionId,
    pub(super) gate: Arc<Gate>,
    places: Arc<ListenerPlaces>,
    thread: Arc<ThreadLoad>,
    activity: Arc<Activity>,
    unread: Arc<Unread>,
    /// Calls at work on the connection.
    at_work: AtomicU64,
    /// Streams that are open on the connection.
    streams: AtomicU64,
}

/// A service with a guard around each call, for one connection.
#[derive(Debug)]
pub(super) struct Guard<S> {
    service: S,
    calls: Arc<ConnectionCalls>,
}

impl Gate {
    pub(super) fn new(options: &super::ServeOptions, counters: Arc<Counters>) -> Self {
        Gate {
            budget: options.handler_budget,
            message: options.message_wait,
            queue_delay: options.queue_delay,
            streams_per_connection: u64::try_from(options.open_streams_per_connection)
                .unwrap_or(u64::MAX),
            rules: Arc::clone(&options.rules),
            counters,
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn rules(&self) -> &dyn CallRules {
        self.rules.as_ref()
    }

    fn is_stream(&self, path: &str) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.rules.is_stream(path))).unwrap_or(false)
    }

    /// The rules are code as well, and have a net of their own.
    fn budget(&self, path: &str) -> Duration {
        let budget = catch_unwind(AssertUnwindSafe(|| self.rules.budget(path, self.budget)));
        budget.unwrap_or(self.budget)
    }

    fn answer(&self, path: &str, fault: Fault) -> Response<Body> {
        let answer = catch_unwind(AssertUnwindSafe(|| self.rules.answer(path, fault)));
        answer.ok().flatten().unwrap_or_else(|| {
            let status = match fault {
                Fault::Overloaded => tonic::Status::resource_exhausted("too many calls at once"),
                Fault::TooManyStreams => tonic::Status::resource_exhausted("too many open streams"),
                Fault::Incomplete => tonic::Status::unavailable("the message has not arrived"),
                Fault::OverBudget => tonic::Status::unavailable("no answer within the budget"),
                Fault::Panicked => tonic::Status::unavailable("internal fault"),
            };
            status.into_http()
        })
    }

    fn counted(&self, path: &str, fault: Fault) -> Response<Body> {
        let counters = &self.counters;
        let counter = match fault {
            Fault::Overloaded => &counters.overloaded,
            Fault::TooManyStreams => &counters.refused_streams,
            Fault::Incomplete => &counters.incomplete,
            Fault::OverBudget => &counters.over_budget,
            Fault::Panicked => &counters.panicked,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.answer(path, fault)
    }
}

impl ListenerPlaces {
    /// The places of each of so many listeners.
    pub(super) fn of_each(options: &super::ServeOptions, listeners: usize) -> Vec<Arc<Self>> {
        let calls = Places::split(options.in_flight, listeners);
        let streams = Places::split(options.open_streams, listeners);
        let both = calls.into_iter().zip(streams);
        both.map(|(calls, streams)| Arc::new(ListenerPlaces { calls, streams }))
            .collect()
    }
}

/// A place of a call that is at work, given back with the value.
#[derive(Debug)]
struct CallPlace {
    calls: Arc<ConnectionCalls>,
    taken: TakenFrom,
}

/// A place of an open stream, given back with the value.
#[derive(Debug)]
pub(super) struct StreamPlace {
    calls: Arc<ConnectionCalls>,
    taken: TakenFrom,
}

impl ConnectionCalls {
    pub(super) fn new(
        gate: Arc<Gate>,
        places: Arc<ListenerPlaces>,
        thread: Arc<ThreadLoad>,
        activity: Arc<Activity>,
        unread: Arc<Unread>,
    ) -> Arc<Self> {
        Arc::new(ConnectionCalls {
            id: ConnectionId::next(),
            gate,
            places,
            thread,
            activity,
            unread,
            at_work: AtomicU64::new(0),
            streams: AtomicU64::new(0),
        })
    }

    /// Whether the connection has one call at work, or less than half as many as connections have on average: others
    /// overload the thread, and to shed its calls would relieve nothing.
    fn is_light(&self) -> bool {
        let counters = &self.gate.counters;
        let own = self.at_work.load(Ordering::Relaxed);
        let all = counters.in_flight.load(Ordering::Relaxed);
        let connections = counters.connections.load(Ordering::Relaxed);
        own <= 1 || own.saturating_mul(2).saturating_mul(connections) < all
    }

    fn place(self: &Arc<Self>) -> Option<CallPlace> {
        let taken = self.places.calls.take()?;
        let in_flight = &self.gate.counters.in_flight;
        in_flight.fetch_add(1, Ordering::Relaxed);
        self.at_work.fetch_add(1, Ordering::Relaxed);
        Some(CallPlace {
            calls: Arc::clone(self),
            taken,
        })
    }

    fn stream_place(self: &Arc<Self>) -> Option<StreamPlace> {
        // The calls of a connection arrive one after the other.
        if self.streams.load(Ordering::Relaxed) >= self.gate.streams_per_connection {
            return None;
        }
        let taken = self.places.streams.take()?;
        self.streams.fetch_add(1, Ordering::Relaxed);
        Some(StreamPlace {
            calls: Arc::clone(self),
            taken,
        })
    }

    /// Decides on a call when its headers arrive.
    fn admit(self: &Arc<Self>, path: &str) -> Result<(CallPlace, Option<StreamPlace>), Fault> {
        let stream = match self.gate.is_stream(path) {
            true => Some(self.stream_place().ok_or(Fault::TooManyStreams)?),
            false => None,
        };
        let place = self.place().ok_or(Fault::Overloaded)?;
        Ok((place, stream))
    }

    /// The time that the thread has spent on calls that are answered.
    pub(super) fn served(&self) -> Duration {
        self.thread.served()
    }

    pub(super) fn answer_body(&self, body: Body, is_stream: bool) -> AnswerBody {
        AnswerBody::new(&self.unread, body, is_stream)
    }
}

impl Drop for CallPlace {
    fn drop(&mut self) {
        self.calls.places.calls.give_back(self.taken);
        let in_flight = &self.calls.gate.counters.in_flight;
        in_flight.fetch_sub(1, Ordering::Relaxed);
        self.calls.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.calls.places.streams.give_back(self.taken);
        self.calls.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Guard<S> {
    pub(super) fn new(service: S, calls: Arc<ConnectionCalls>) -> Self {
        Guard { service, calls }
    }
}

impl<S: Call> hyper::service::Service<Request<Incoming>> for Guard<S>
where
    S::Future: Send,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

    /// Called when the headers of a call have been read, before the call waits for its turn on the thread.
    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let arrived = Instant::now();
        let calls = Arc::clone(&self.calls);
        let busy = Activity::begin(&calls.activity, arrived);
        let admitted = calls.admit(request.uri().path());
        let mut receipt = Receipt::new(calls, request.uri().clone(), arrived);
        match admitted {
            Ok((place, stream)) => {
                receipt.stream = stream;
                let mut service = self.service.clone();
                Box::pin(async move {
                    let _busy = busy;
                    let response = answer(&receipt, place, &mut service, request).await;
                    Ok(receipt.hand_over(response))
                })
            }
            // A future of its own, which is small: there may be many.
            Err(fault) => Box::pin(async move {
                let _busy = busy;
                let response = refuse(&receipt, request, fault).await;
                Ok(receipt.hand_over(response))
            }),
        }
    }
}

async fn answer<S: Call>(
    receipt: &Receipt,
    place: CallPlace,
    service: &mut S,
    request: Request<Incoming>,
) -> Response<Body>
where
    S::Future: Send,
{
    let (calls, path) = (&receipt.calls, receipt.uri.path());
    let gate = &calls.gate;
    let budget = gate.budget(path);
    let waited = receipt.arrived().elapsed();
    let is_late = waited >= gate.queue_delay
        && !calls.is_light()
        && calls.thread.is_overloaded(waited, receipt.served_before());
    if waited >= budget || is_late {
        drop(place);
        let queued = &gate.counters.queued_too_long;
        queued.fetch_add(1, Ordering::Relaxed);
        Box::pin(hold(receipt, request)).await;
        return gate.answer(path, Fault::Overloaded);
    }
    let budget = budget.min(asked_for(request.headers()).unwrap_or(budget));
    let until = receipt.arrived().checked_add(budget);
    // Without a place: a client that reads no answers takes none from others.
    let place = match calls.unread.is_full() {
        false => place,
        true => {
            drop(place);
            if in_time(until, Box::pin(calls.unread.room())).await.is_err() {
                return gate.counted(path, Fault::OverBudget);
            }
            match calls.place() {
                Some(place) => place,
                None => return gate.counted(path, Fault::Overloaded),
            }
        }
    };
    let _place = place;
    let (parts, body) = request.into_parts();
    let (body, message) = CallBody::watched(body, Arc::clone(&calls.activity));
    let request = Request::from_parts(parts, body);
    // `call` runs inside, too: it may panic as well as its future.
    let handler = AssertUnwindSafe(async {
        match poll_fn(|cx| service.poll_ready(cx)).await {
            Ok(()) => service.call(request).await,
            Err(never) => match never {},
        }
    });
    let message = Awaited {
        message,
        until: receipt.arrived().checked_add(gate.message),
    };
    let handler = CONNECTION.scope(calls.id, handler.catch_unwind());
    let handler = measured(&calls.thread, waited, handler);
    match with_message(until, message, handler).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(panic)) => {
            let message = message_of(panic.as_ref());
            tracing::error!(path, message, "a call panicked");
            gate.counted(path, Fault::Panicked)
        }
        Err(fault) => gate.counted(path, fault),
    }
}

/// The answer to a call that is not admitted.
async fn refuse(receipt: &Receipt, request: Request<Incoming>, fault: Fault) -> Response<Body> {
    hold(receipt, request).await;
    receipt.calls.gate.counted(receipt.uri.path(), fault)
}

/// Reads the body of a refused call and drops it, and holds the refusal back until [`REFUSED_AFTER`].
async fn hold(receipt: &Receipt, request: Request<Incoming>) {
    let budget = receipt.calls.gate.budget(receipt.uri.path());
    let span = budget.min(REFUSED_AFTER);
    let Some(until) = receipt.arrived().checked_add(span) else {
        return;
    };
    let mut wait = pin!(tokio::time::sleep_until(until.into()));
    {
        let activity = Arc::clone(&receipt.calls.activity);
        let (mut body, _) = CallBody::watched(request.into_body(), activity);
        let end = async { while let Some(Ok(_)) = body.frame().await {} };
        tokio::select! {
            biased;
            () = end => {}
            () = wait.as_mut() => return,
        }
    }
    wait.await;
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

/// Counts the time of the first poll, in which nearly every call is answered, where calls wait for their thread.
async fn measured<F: Future>(thread: &ThreadLoad, waited: Duration, handler: F) -> F::Output {
    let begun = (waited >= MEASURED_FROM).then(Instant::now);
    let mut handler = pin!(handler);
    let first = poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx))).await;
    if let Some(begun) = begun {
        thread.serve(begun.elapsed());
    }
    match first {
        Poll::Ready(output) => output,
        Poll::Pending => handler.await,
    }
}

/// A message, and until when all of it has to have arrived.
struct Awaited {
    message: MessageState,
    until: Option<Instant>,
}

/// What the handler gives until then, if its message arrives in time.
async fn with_message<F: Future>(
    until: Option<Instant>,
    awaited: Awaited,
    handler: F,
) -> Result<F::Output, Fault> {
    let mut handler = pin!(handler);
    if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx))).await {
        return Ok(output);
    }
    // A budget that ends before is the only limit.
    let message = awaited
        .until
        .filter(|end| until.is_none_or(|until| *end < until));
    if message.is_some() && !awaited.message.is_complete() {
        match in_time(message, handler.as_mut()).await {
            Ok(output) => return Ok(output),
            Err(_elapsed) if !awaited.message.is_complete() => return Err(Fault::Incomplete),
            Err(_elapsed) => {}
        }
    }
    let handled = in_time(until, handler).await;
    handled.map_err(|_elapsed| match awaited.message.is_complete() {
        true => Fault::OverBudget,
        false => Fault::Incomplete,
    })
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

/// When a refusal is sent, from the arrival of its call. The frames of a call follow each other at once, so the body has
/// come by then; and a client that asks again as soon as it is refused asks at most 50 times a second on a stream.
const REFUSED_AFTER: Duration = Duration::from_millis(20);

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
