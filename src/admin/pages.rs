//! The pages of the admin address. Each reads the current state.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::Sources;
use super::exposition::{Exposition, ExpositionFormat};
use crate::rpc::{NotReady, client};
use crate::time::Timestamp;

type PageState = Arc<(Sources, Exposition)>;

pub(super) fn router(sources: Sources) -> Router {
    let exposition = Exposition::new(sources.clone());
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/v1/snapshot", get(snapshot))
        .with_state(Arc::new((sources, exposition)))
}

async fn metrics(State(state): State<PageState>, headers: HeaderMap) -> Response {
    let accept = headers.get_all(ACCEPT).iter();
    let format = ExpositionFormat::negotiate(accept.filter_map(|value| value.to_str().ok()));
    match state.1.encode(format) {
        Ok(text) => response(StatusCode::OK, format.content_type(), text),
        // Writing to memory does not fail. An error is better than a truncated scrape.
        Err(_) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, String::new()),
    }
}

/// Liveness: any answer means that the process is alive.
async fn healthz() -> Response {
    response(StatusCode::OK, TEXT, "alive\n".to_owned())
}

/// Readiness as in gRPC health, with the reason, the snapshot, staleness and the state of the log.
async fn readyz(State(state): State<PageState>) -> Response {
    let sources = &state.0;
    let readiness = sources.health.readiness(&sources.engine);
    let why = readiness.err().map(|not_ready| match not_ready {
        NotReady::Draining => "draining",
        NotReady::NoSnapshot => "noSnapshot",
        NotReady::Stale => "stale",
    });
    let status = match readiness {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let active = sources.engine.active();
    let body = json!({
        "ready": readiness.is_ok(),
        "why": why,
        "snapshot": active.map(|active| json!({
            "id": active.snapshot.id().to_string(),
            "version": active.version,
            "activatedAt": active.activated_at.to_string(),
        })),
        "stale": stale(sources),
        "log": sources.log.as_ref().map(|log| {
            let metrics = (log.0)();
            json!({
                "failing": metrics.failing_since.is_some(),
                "failingSince": metrics.failing_since.map(rfc3339),
                "lastError": metrics.last_error,
                "slow": metrics.is_slow,
                "commitSeconds": metrics.commit.as_secs_f64(),
                "waitSeconds": metrics.wait.as_secs_f64(),
            })
        }),
    });
    json_response(status, &body)
}

/// The response of `GetSnapshot` as JSON.
async fn snapshot(State(state): State<PageState>) -> Response {
    let sources = &state.0;
    let snapshot = client::snapshot_to_json(&sources.engine, sources.reload.as_ref());
    json_response(StatusCode::OK, &snapshot)
}

fn stale(sources: &Sources) -> Option<Value> {
    let status = sources.reload.as_ref()?.status();
    let since = status.stale_since?;
    let stale_for = status.stale_for(sources.engine.clock())?;
    let beyond = sources
        .stale_budget
        .is_some_and(|budget| stale_for > budget);
    Some(json!({
        "since": rfc3339(since.wall),
        "seconds": stale_for.as_secs_f64(),
        "beyondBudget": beyond,
        "lastError": status.last_error,
    }))
}

fn rfc3339(at: Timestamp) -> String {
    at.to_string()
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    response(status, JSON, format!("{body:#}\n"))
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
