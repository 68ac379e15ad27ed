//! A span for each call that concerns decisions, if traces are exported. Otherwise a call costs one comparison.
//!
//! Span names come from a table of methods, never from the caller. A span continues the trace of the gRPC call. A Check
//! without a trace continues the trace of the checked request. Attributes follow OpenTelemetry's conventions for RPC and
//! describe the decision, but never contain a user, a tenant or a token. Calls that `serve` sheds have no span; a call
//! that did not complete has `crosstrust.unfinished`.

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
use super::reflection::ResponseFuture;
use crate::engine::Answer;

/// The methods with spans. Health checks and reflection would be too many.
const METHODS: [&str; 7] = [
    ext_authz::CHECK,
    "/crosstrust.v1.AuthorizationService/Authorize",
    "/crosstrust.v1.AuthorizationService/AuthorizeBatch",
    "/crosstrust.v1.AuthorizationService/Explain",
    "/crosstrust.v1.PolicyService/GetSnapshot",
    "/crosstrust.v1.PolicyService/Reload",
    "/crosstrust.v1.PolicyService/WatchSnapshots",
];

/// Handles a call, within a span if its method has one.
pub fn call<B>(
    request: http::Request<B>,
    handle: impl FnOnce(http::Request<B>) -> ResponseFuture,
) -> ResponseFuture {
    if !is_enabled() {
        return handle(request);
    }
    match start_span(&request) {
        Some(span) => {
            let response = span.in_scope(|| handle(request));
            Box::pin(finish(span, response))
        }
        None => handle(request),
    }
}

/// Whether a call has trace context.
pub fn is_traced(headers: &HeaderMap) -> bool {
    headers.contains_key(TRACEPARENT)
}

/// Makes the call's span continue the trace of the checked request. Only for a call without trace context, and before
/// anything else is recorded.
pub fn join_checked_request(http: &HttpRequest<'_>) {
    if is_enabled() {
        set_parent(&Span::current(), &CheckedRequestHeaders(http));
    }
}

/// Records the decision.
pub fn record_decision(answer: &Answer) {
    if is_enabled() {
        record(&Span::current(), answer);
    }
}

/// Records the number of answers and of denials in a batch, because a span describes one decision.
pub fn record_batch(answers: &[Answer]) {
    if !is_enabled() {
        return;
    }
    let denied = answers.iter().filter(|answer| !answer.decision.is_allow());
    let span = Span::current();
    span.record("crosstrust.batch.size", answers.len());
    span.record("crosstrust.batch.denied", denied.count());
}

/// Whether traces are enabled: nothing else in this process enables this level. One atomic load.
fn is_enabled() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

fn start_span<B>(request: &http::Request<B>) -> Option<Span> {
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
    set_parent(&span, &CallHeaders(request.headers()));
    Some(span)
}

async fn finish(span: Span, response: ResponseFuture) -> Result<http::Response<Body>, Infallible> {
    let mut unfinished = UnfinishedGuard(Some(&span));
    let result = response.instrument(span.clone()).await;
    unfinished.0 = None;
    let Ok(response) = result;
    let code = status_code(&response);
    span.record("rpc.response.status_code", code_name(code));
    if is_server_error(code) {
        span.record("otel.status_code", "ERROR");
    }
    drop(unfinished);
    Ok(response)
}

/// Marks the span of a call that did not complete: it timed out, was cancelled or panicked.
struct UnfinishedGuard<'a>(Option<&'a Span>);

impl Drop for UnfinishedGuard<'_> {
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

/// Makes the span a child of the span in these headers, if there is one.
fn set_parent(span: &Span, headers: &dyn Extractor) {
    if headers.get(TRACEPARENT).is_none() {
        return;
    }
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), headers)
    });
    if parent.span().span_context().is_valid() {
        // Cannot fail: the span has not started.
        let _joined = span.set_parent(parent);
    }
}

/// The headers of the gRPC call. A duplicate header is ignored: W3C Trace Context §3.2.
struct CallHeaders<'a>(&'a HeaderMap);

impl Extractor for CallHeaders<'_> {
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

/// The headers of the checked request. A duplicate header is ignored.
struct CheckedRequestHeaders<'a>(&'a HttpRequest<'a>);

impl Extractor for CheckedRequestHeaders<'_> {
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
    value.len() <= MAX_HEADER_BYTES
}

/// Only a trailers-only response has the status in its headers, and it is an error.
fn status_code(response: &http::Response<Body>) -> Code {
    let value = response.headers().get("grpc-status");
    value.map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}

/// Whether OpenTelemetry's conventions for gRPC treat the code as a server error.
fn is_server_error(code: Code) -> bool {
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

fn code_name(code: Code) -> &'static str {
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
/// W3C Trace Context §3.3.1.5: at least this much of a tracestate should be propagated.
const MAX_HEADER_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost of each call if no traces are exported.
    #[test]
    fn without_traces_a_call_does_not_allocate_for_them() {
        let uri = "/crosstrust.v1.AuthorizationService/Authorize";
        let request = http::Request::builder()
            .uri(uri)
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .body(())
            .unwrap();
        let response: ResponseFuture =
            Box::pin(std::future::ready(Ok(http::Response::new(Body::empty()))));
        let mut handled = None;
        let counted = allocation_counter::measure(|| {
            handled = Some(call(request, |_| response));
        });
        assert_eq!(counted.count_total, 0);
    }
}
