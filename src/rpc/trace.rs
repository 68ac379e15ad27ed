//! A span for each call that is about a decision, where traces are exported; otherwise one comparison.
//!
//! Named by a table of methods and never by what a caller sent. It continues the trace of the gRPC call; an Envoy's
//! Check that came without one continues that of the request it asks about. Attributes are those of OpenTelemetry's
//! conventions for RPC, and what was decided: never a user, a tenant or a token. Calls that are shed by `serve` have
//! no span; one that was not answered in time has `crosstrust.unfinished`.

use std::convert::Infallible;

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::global;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt as _;
use tonic::{Code, body::Body};
use tracing::field::{Empty, display};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument as _, Span, debug_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::ext_authz;
use super::message::check::HttpRequest;
use super::reflection::Answering;
use crate::engine::Answer;

/// The methods that have spans. Health checks and reflection would drown them.
const METHODS: [&str; 7] = [
    ext_authz::CHECK,
    "/crosstrust.v1.AuthorizationService/Authorize",
    "/crosstrust.v1.AuthorizationService/AuthorizeBatch",
    "/crosstrust.v1.AuthorizationService/Explain",
    "/crosstrust.v1.PolicyService/GetSnapshot",
    "/crosstrust.v1.PolicyService/Reload",
    "/crosstrust.v1.PolicyService/WatchSnapshots",
];

/// Answers a call, within a span where there are spans.
pub fn call<B>(
    request: http::Request<B>,
    answer: impl FnOnce(http::Request<B>) -> Answering,
) -> Answering {
    if !is_on() {
        return answer(request);
    }
    match begin(&request) {
        Some(span) => {
            let answering = span.in_scope(|| answer(request));
            Box::pin(finish(span, answering))
        }
        None => answer(request),
    }
}

/// Whether a call comes with a trace of its own.
pub fn is_traced(headers: &HeaderMap) -> bool {
    headers.contains_key(TRACEPARENT)
}

/// Lets the call's span continue the trace of the request that Envoy asks about. For a call without a trace of its
/// own, and before anything else is recorded.
pub fn asked_about(http: &HttpRequest<'_>) {
    if is_on() {
        join(&Span::current(), &Asked(http));
    }
}

/// Records what was decided.
pub fn decided(answer: &Answer) {
    if is_on() {
        record(&Span::current(), answer);
    }
}

/// Records how many answers of a batch are denials, out of how many: a span has room for one decision.
pub fn decided_batch(answers: &[Answer]) {
    if !is_on() {
        return;
    }
    let denied = answers.iter().filter(|answer| !answer.decision.is_allow());
    let span = Span::current();
    span.record("crosstrust.batch.size", answers.len());
    span.record("crosstrust.batch.denied", denied.count());
}

/// Nothing else in this process is enabled at this level, so that traces are on where it is. One atomic load.
fn is_on() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

fn begin<B>(request: &http::Request<B>) -> Option<Span> {
    let path = request.uri().path();
    let method = METHODS.iter().find(|method| **method == path)?;
    let method = method.strip_prefix('/')?;
    let span = debug_span!(
        target: "crosstrust::call",
        "call",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        crosstrust.decision = Empty,
        crosstrust.reason = Empty,
        crosstrust.stage = Empty,
        crosstrust.cached = Empty,
        crosstrust.decision_id = Empty,
        crosstrust.snapshot_id = Empty,
        crosstrust.batch.size = Empty,
        crosstrust.batch.denied = Empty,
        crosstrust.unfinished = Empty,
    );
    if span.is_disabled() {
        return None;
    }
    join(&span, &Sent(request.headers()));
    Some(span)
}

async fn finish(span: Span, answering: Answering) -> Result<http::Response<Body>, Infallible> {
    let mut unfinished = Unfinished(Some(&span));
    let answer = answering.instrument(span.clone()).await;
    unfinished.0 = None;
    let Ok(response) = answer;
    let code = code(&response);
    span.record("rpc.response.status_code", name(code));
    if is_ours(code) {
        span.record("otel.status_code", "ERROR");
    }
    drop(unfinished);
    Ok(response)
}

/// Marks the span of a call that was given up: too late, its caller gone, or a panic.
struct Unfinished<'a>(Option<&'a Span>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(span) = self.0 {
            span.record("crosstrust.unfinished", true);
        }
    }
}

fn record(span: &Span, answer: &Answer) {
    let decision = &answer.decision;
    span.record(
        "crosstrust.decision",
        if decision.is_allow() { "ALLOW" } else { "DENY" },
    );
    if let Some(denial) = decision.denial() {
        span.record("crosstrust.reason", denial.reason.name());
        if let Some(stage) = denial.stage {
            span.record("crosstrust.stage", stage.name());
        }
    }
    span.record("crosstrust.cached", answer.cached);
    span.record("crosstrust.decision_id", display(&answer.decision_id));
    if let Some(active) = &answer.active {
        span.record("crosstrust.snapshot_id", display(active.snapshot.id()));
    }
}

/// Makes the span a child of the one that these headers name, if they name one.
fn join(span: &Span, headers: &dyn Extractor) {
    if headers.get(TRACEPARENT).is_none() {
        return;
    }
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), headers)
    });
    if parent.span().span_context().is_valid() {
        // It has not begun: nothing is exported in its place.
        let _joined = span.set_parent(parent);
    }
}

/// The headers of the gRPC call. One that comes twice is none: W3C Trace Context §3.2.
struct Sent<'a>(&'a HeaderMap);

impl Extractor for Sent<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        value.to_str().ok().filter(|value| is_short(value))
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// The headers of the request that Envoy asks about, likewise.
struct Asked<'a>(&'a HttpRequest<'a>);

impl Extractor for Asked<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match ext_authz::header(self.0, name).as_slice() {
            [value] => Some(*value).filter(|value| is_short(value)),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        self.0.headers.iter().map(|(key, _)| *key).collect()
    }
}

fn is_short(value: &str) -> bool {
    value.len() <= LONGEST
}

/// Only a response without a message has its status among the headers, and that one is an error.
fn code(response: &http::Response<Body>) -> Code {
    let told = response.headers().get("grpc-status");
    told.map_or(Code::Ok, |told| Code::from_bytes(told.as_bytes()))
}

/// The codes that are a server's fault, by OpenTelemetry's conventions for gRPC.
fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

const TRACEPARENT: &str = "traceparent";
/// W3C Trace Context §3.3.1.5: at least this much of a tracestate should be taken along.
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// What every call pays where no traces are exported.
    #[test]
    fn without_traces_a_call_allocates_nothing_for_them() {
        let uri = "/crosstrust.v1.AuthorizationService/Authorize";
        let request = http::Request::builder()
            .uri(uri)
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .body(())
            .unwrap();
        let answering: Answering =
            Box::pin(std::future::ready(Ok(http::Response::new(Body::empty()))));
        let mut answered = None;
        let counted = allocation_counter::measure(|| {
            answered = Some(call(request, |_| answering));
        });
        assert_eq!(counted.count_total, 0);
    }
}
