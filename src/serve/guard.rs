//! Admission control, a time budget and panic isolation for every call.
//!
//! A call is admitted when its headers arrive, before it waits for its thread, so that the queue is bounded by the slots.
//! It is shed, at its start or at the end of its message, if it has waited longer than its budget, or longer than
//! `ServeOptions::queue_delay` on an overloaded thread (`thread_load`). A refusal is sent after [`REFUSAL_DELAY`]: otherwise clients that retry
//! immediately would cost more than the calls that are answered.
//! A call that finds no slot, exceeds its budget or panics is answered with a gRPC error, unless [`CallRules`] has another
//! response: Envoy does not treat an error of Check as a denial. The budget ends with the response headers; a stream has
//! none. Only panics are logged.

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
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::error::Elapsed;
use tonic::body::Body;

use super::activity::ConnectionActivity;
use super::completion::CallCompletion;
use super::connection_id::{CONNECTION, ConnectionId};
use super::grpc_timeout::grpc_timeout;
use super::message::{CallArrival, CallBody, MessageState};
use super::slots::{SlotSource, Slots};
use super::thread_load::{MEASURE_MIN_WAIT, ThreadLoad, ThreadWork};
use super::unread::{TrackedBody, UnreadResponses};
use super::{Counters, HttpService};

/// Why the server answered a call instead of its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallFault {
    /// The limit of calls in flight is reached, or the call waited too long for its thread: RESOURCE_EXHAUSTED.
    Overloaded,
    /// The limit of open streams is reached, for the connection or in total: RESOURCE_EXHAUSTED.
    TooManyStreams,
    /// The request message did not arrive in time: UNAVAILABLE.
    Incomplete,
    /// No response headers within the budget: UNAVAILABLE.
    OverBudget,
    /// The handler panicked: UNAVAILABLE.
    Panicked,
}

/// Rules for single calls, which the server identifies by their path.
pub trait CallRules: fmt::Debug + Send + Sync {
    /// The time until response headers. `usual` is [`ServeOptions::handler_budget`](super::ServeOptions). The client's
    /// `grpc-timeout` shortens it.
    fn budget(&self, _path: &str, usual: Duration) -> Duration {
        usual
    }

    /// The response to a call with this fault; a gRPC error if `None`.
    fn answer(&self, _path: &str, _fault: CallFault) -> Option<Response<Body>> {
        None
    }

    /// Whether the method is server-streaming.
    fn is_stream(&self, _path: &str) -> bool {
        false
    }

    /// Called when a call has ended, with its code and the time since its arrival. Runs on the request thread: must
    /// neither lock nor allocate.
    fn handled(&self, _path: &str, _code: tonic::Code, _took: Duration) {}
}

/// The default budget for every call, and gRPC errors.
#[derive(Debug, Clone, Copy)]
pub struct DefaultCallRules;

impl CallRules for DefaultCallRules {}

/// Limits and counters that all connections share.
#[derive(Debug)]
pub(super) struct AdmissionControl {
    budget: Duration,
    message: Duration,
    queue_delay: Duration,
    streams_per_connection: u64,
    rules: Arc<dyn CallRules>,
    counters: Arc<Counters>,
}

/// The slots for the calls and streams of one listener.
#[derive(Debug)]
pub(super) struct ListenerSlots {
    calls: Slots,
    streams: Slots,
}

/// Shared by the calls of one connection.
#[derive(Debug)]
pub(super) struct ConnectionCalls {
    id: ConnectionId,
    pub(super) admission: Arc<AdmissionControl>,
    slots: Arc<ListenerSlots>,
    thread: Arc<ThreadLoad>,
    pub(super) activity: Arc<ConnectionActivity>,
    unread: Arc<UnreadResponses>,
    /// Calls in flight on the connection.
    in_flight: AtomicU64,
    /// Open streams of the connection.
    streams: AtomicU64,
}

/// The service of one connection, with admission control around each call.
#[derive(Debug)]
pub(super) struct CallGuard<S> {
    service: S,
    calls: Arc<ConnectionCalls>,
}

impl AdmissionControl {
    pub(super) fn new(options: &super::ServeOptions, counters: Arc<Counters>) -> Self {
        AdmissionControl {
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

    /// A panic of the rules is caught, too.
    fn budget(&self, path: &str) -> Duration {
        let budget = catch_unwind(AssertUnwindSafe(|| self.rules.budget(path, self.budget)));
        budget.unwrap_or(self.budget)
    }

    fn response(&self, path: &str, fault: CallFault) -> Response<Body> {
        let answer = catch_unwind(AssertUnwindSafe(|| self.rules.answer(path, fault)));
        answer.ok().flatten().unwrap_or_else(|| {
            let status = match fault {
                CallFault::Overloaded => {
                    tonic::Status::resource_exhausted("too many calls in flight")
                }
                CallFault::TooManyStreams => {
                    tonic::Status::resource_exhausted("too many open streams")
                }
                CallFault::Incomplete => {
                    tonic::Status::unavailable("the request message did not arrive in time")
                }
                CallFault::OverBudget => {
                    tonic::Status::unavailable("no response within the handler budget")
                }
                CallFault::Panicked => {
                    tonic::Status::unavailable("internal error: the call panicked")
                }
            };
            status.into_http()
        })
    }

    fn count_and_respond(&self, path: &str, fault: CallFault) -> Response<Body> {
        let counters = &self.counters;
        let counter = match fault {
            CallFault::Overloaded => &counters.overloaded,
            CallFault::TooManyStreams => &counters.refused_streams,
            CallFault::Incomplete => &counters.incomplete,
            CallFault::OverBudget => &counters.over_budget,
            CallFault::Panicked => &counters.panicked,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.response(path, fault)
    }
}

impl ListenerSlots {
    /// The slots of each listener.
    pub(super) fn split(options: &super::ServeOptions, listeners: usize) -> Vec<Arc<Self>> {
        let calls = Slots::split(options.in_flight, listeners);
        let streams = Slots::split(options.open_streams, listeners);
        let both = calls.into_iter().zip(streams);
        both.map(|(calls, streams)| Arc::new(ListenerSlots { calls, streams }))
            .collect()
    }
}

/// The slot of a call in flight, released on drop.
#[derive(Debug)]
struct CallSlot {
    calls: Arc<ConnectionCalls>,
    acquired: SlotSource,
}

/// The slot of an open stream, released on drop.
#[derive(Debug)]
pub(super) struct StreamSlot {
    calls: Arc<ConnectionCalls>,
    acquired: SlotSource,
}

impl ConnectionCalls {
    pub(super) fn new(
        admission: Arc<AdmissionControl>,
        slots: Arc<ListenerSlots>,
        thread: Arc<ThreadLoad>,
        activity: Arc<ConnectionActivity>,
        unread: Arc<UnreadResponses>,
    ) -> Arc<Self> {
        Arc::new(ConnectionCalls {
            id: ConnectionId::next(),
            admission,
            slots,
            thread,
            activity,
            unread,
            in_flight: AtomicU64::new(0),
            streams: AtomicU64::new(0),
        })
    }

    /// Whether the connection has at most one call in flight, or less than half of the average per connection. Then
    /// other connections overload the thread, and shedding its calls would not help.
    fn is_below_fair_share(&self) -> bool {
        let counters = &self.admission.counters;
        let own = self.in_flight.load(Ordering::Relaxed);
        let all = counters.in_flight.load(Ordering::Relaxed);
        let connections = counters.connections.load(Ordering::Relaxed);
        own <= 1 || own.saturating_mul(2).saturating_mul(connections) < all
    }

    /// Whether to shed a call with this arrival: it has waited longer than `ServeOptions::queue_delay` for an overloaded
    /// thread.
    pub(super) fn is_late(&self, arrival: CallArrival) -> bool {
        let waited = arrival.at.elapsed();
        waited >= self.admission.queue_delay
            && !self.is_below_fair_share()
            && self.thread.is_overloaded(waited, arrival.work)
    }

    /// Counts a call that waited too long for its thread.
    fn count_late(&self) {
        self.thread.count_refused();
        let queued = &self.admission.counters.queued_too_long;
        queued.fetch_add(1, Ordering::Relaxed);
    }

    fn acquire_call(self: &Arc<Self>) -> Option<CallSlot> {
        let acquired = self.slots.calls.acquire()?;
        let in_flight = &self.admission.counters.in_flight;
        in_flight.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(CallSlot {
            calls: Arc::clone(self),
            acquired,
        })
    }

    fn acquire_stream(self: &Arc<Self>) -> Option<StreamSlot> {
        // No race: the calls of a connection arrive one after the other.
        if self.streams.load(Ordering::Relaxed) >= self.admission.streams_per_connection {
            return None;
        }
        let acquired = self.slots.streams.acquire()?;
        self.streams.fetch_add(1, Ordering::Relaxed);
        Some(StreamSlot {
            calls: Arc::clone(self),
            acquired,
        })
    }

    /// Acquires the slots for a call when its headers arrive.
    fn admit(self: &Arc<Self>, path: &str) -> Result<(CallSlot, Option<StreamSlot>), CallFault> {
        let stream = match self.admission.is_stream(path) {
            true => Some(self.acquire_stream().ok_or(CallFault::TooManyStreams)?),
            false => None,
        };
        let slot = self.acquire_call().ok_or(CallFault::Overloaded)?;
        Ok((slot, stream))
    }

    pub(super) fn work(&self) -> ThreadWork {
        self.thread.work()
    }

    pub(super) fn track_body(&self, body: Body, is_stream: bool) -> TrackedBody {
        TrackedBody::new(&self.unread, body, is_stream)
    }
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.calls.slots.calls.release(self.acquired);
        let in_flight = &self.calls.admission.counters.in_flight;
        in_flight.fetch_sub(1, Ordering::Relaxed);
        self.calls.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.calls.slots.streams.release(self.acquired);
        self.calls.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> CallGuard<S> {
    pub(super) fn new(service: S, calls: Arc<ConnectionCalls>) -> Self {
        CallGuard { service, calls }
    }
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for CallGuard<S>
where
    S::Future: Send,
{
    type Response = Response<TrackedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<TrackedBody>, Infallible>> + Send>>;

    /// Runs when the headers of a call have been read, before the call waits for its thread.
    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let arrived = Instant::now();
        let calls = Arc::clone(&self.calls);
        let running = ConnectionActivity::begin(&calls.activity, arrived);
        let admitted = calls.admit(request.uri().path());
        let mut completion = CallCompletion::new(calls, request.uri().clone(), arrived);
        match admitted {
            Ok((slot, stream)) => {
                completion.stream = stream;
                let mut service = self.service.clone();
                Box::pin(async move {
                    let _running = running;
                    let response = answer(&completion, slot, &mut service, request).await;
                    Ok(completion.finish(response))
                })
            }
            // A separate small future, because there may be many refusals.
            Err(fault) => Box::pin(async move {
                let _running = running;
                let response = refuse(&completion, request, fault).await;
                Ok(completion.finish(response))
            }),
        }
    }
}

async fn answer<S: HttpService>(
    completion: &CallCompletion,
    slot: CallSlot,
    service: &mut S,
    request: Request<Incoming>,
) -> Response<Body>
where
    S::Future: Send,
{
    let (calls, path) = (&completion.calls, completion.uri.path());
    let admission = &calls.admission;
    let budget = admission.budget(path);
    let waited = completion.arrival.at.elapsed();
    if waited >= budget || calls.is_late(completion.arrival) {
        drop(slot);
        calls.count_late();
        Box::pin(delay_refusal(completion, request)).await;
        return admission.response(path, CallFault::Overloaded);
    }
    let budget = budget.min(grpc_timeout(request.headers()).unwrap_or(budget));
    let until = completion.arrival.at.checked_add(budget);
    // Waits without a slot, so that a client that does not read responses takes none from others.
    let slot = match calls.unread.is_full() {
        false => slot,
        true => {
            drop(slot);
            if within_deadline(until, Box::pin(calls.unread.wait_for_capacity()))
                .await
                .is_err()
            {
                return admission.count_and_respond(path, CallFault::OverBudget);
            }
            match calls.acquire_call() {
                Some(slot) => slot,
                None => return admission.count_and_respond(path, CallFault::Overloaded),
            }
        }
    };
    let (parts, body) = request.into_parts();
    let (body, message) = CallBody::new(body, calls, completion.arrival);
    let request = Request::from_parts(parts, body);
    // `call` runs inside, too, because it may panic like its future.
    let handler = AssertUnwindSafe(async {
        match poll_fn(|cx| service.poll_ready(cx)).await {
            Ok(()) => service.call(request).await,
            Err(never) => match never {},
        }
    });
    let message = MessageDeadline {
        message,
        until: completion.arrival.at.checked_add(admission.message),
    };
    let handler = CONNECTION.scope(calls.id, handler.catch_unwind());
    let handler = measure_polls(&calls.thread, waited, handler);
    let outcome = run_within_deadlines(until, message, handler).await;
    drop(slot);
    match outcome {
        Ok(Ok(Ok(response))) => {
            calls.thread.count_answered();
            response
        }
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(panic)) => {
            let message = panic_message(panic.as_ref());
            tracing::error!(path, message, "a call panicked");
            admission.count_and_respond(path, CallFault::Panicked)
        }
        Err(CallFault::Overloaded) => {
            calls.count_late();
            Box::pin(refusal_time(completion)).await;
            admission.response(path, CallFault::Overloaded)
        }
        Err(fault) => admission.count_and_respond(path, fault),
    }
}

/// Answers a call that is not admitted.
async fn refuse(
    completion: &CallCompletion,
    request: Request<Incoming>,
    fault: CallFault,
) -> Response<Body> {
    completion.calls.thread.count_refused();
    delay_refusal(completion, request).await;
    completion
        .calls
        .admission
        .count_and_respond(completion.uri.path(), fault)
}

/// Reads and drops the body of a refused call, and returns [`REFUSAL_DELAY`] after its arrival.
async fn delay_refusal(completion: &CallCompletion, request: Request<Incoming>) {
    let mut wait = pin!(refusal_time(completion));
    {
        let body = request.into_body();
        let (mut body, _) = CallBody::new(body, &completion.calls, completion.arrival);
        let end = async { while let Some(Ok(_)) = body.frame().await {} };
        tokio::select! {
            biased;
            () = end => {}
            () = wait.as_mut() => return,
        }
    }
    wait.await;
}

/// Waits until a refusal of this call is sent.
async fn refusal_time(completion: &CallCompletion) {
    let budget = completion.calls.admission.budget(completion.uri.path());
    let span = budget.min(REFUSAL_DELAY);
    if let Some(until) = completion.arrival.at.checked_add(span) {
        tokio::time::sleep_until(until.into()).await;
    }
}

/// Runs the future until the deadline. Creates no timer for a future that is ready at its first poll, as most are.
async fn within_deadline<F: Future>(
    until: Option<Instant>,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => match until {
            Some(until) => tokio::time::timeout_at(until.into(), future).await,
            None => Ok(future.await),
        },
    }
}

/// Measures the polls of a call that waited for its thread or for its message.
async fn measure_polls<F: Future>(thread: &ThreadLoad, waited: Duration, handler: F) -> F::Output {
    let mut handler = pin!(handler);
    let mut is_measured = waited >= MEASURE_MIN_WAIT;
    poll_fn(|cx| {
        let begun = is_measured.then(Instant::now);
        let polled = handler.as_mut().poll(cx);
        if let Some(begun) = begun {
            thread.add_handler_time(begun.elapsed());
        }
        is_measured = true;
        polled
    })
    .await
}

/// A request message and the deadline for its arrival.
struct MessageDeadline {
    message: MessageState,
    until: Option<Instant>,
}

/// Runs the handler until its deadline, as long as the message arrives in time and the call is not shed.
async fn run_within_deadlines<F: Future>(
    until: Option<Instant>,
    awaited: MessageDeadline,
    handler: F,
) -> Result<F::Output, CallFault> {
    let mut handler = pin!(handler);
    let MessageDeadline {
        message,
        until: message_until,
    } = awaited;
    let mut handled = pin!(poll_fn(|cx| match handler.as_mut().poll(cx) {
        Poll::Ready(output) => {
            message.set_answered();
            Poll::Ready(Ok(output))
        }
        Poll::Pending if message.is_shed() => Poll::Ready(Err(CallFault::Overloaded)),
        Poll::Pending => Poll::Pending,
    }));
    if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(handled.as_mut().poll(cx))).await {
        return output;
    }
    // Ignored if the budget ends earlier.
    let message_until = message_until.filter(|end| until.is_none_or(|until| *end < until));
    if message_until.is_some() && !message.is_complete() {
        match within_deadline(message_until, handled.as_mut()).await {
            Ok(output) => return output,
            Err(_elapsed) if !message.is_complete() => return Err(CallFault::Incomplete),
            Err(_elapsed) => {}
        }
    }
    let handled = within_deadline(until, handled).await;
    handled.unwrap_or_else(|_elapsed| match message.is_complete() {
        true => Err(CallFault::OverBudget),
        false => Err(CallFault::Incomplete),
    })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "the panic has no message",
    }
}

/// The time from the arrival of a call to its refusal. The body has usually arrived by then, and a client that retries
/// immediately sends at most 50 calls a second in sequence.
const REFUSAL_DELAY: Duration = Duration::from_millis(20);
