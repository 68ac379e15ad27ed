//! Traces of the real binary as a collector receives them: parents, attributes, and when no spans are sent.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crosstrust::rpc::proto::AuthorizeBatchRequest;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Request as CheckedRequest,
};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::support::otlp::{Received, Receiver, text};
use crate::support::sidecar::{Sidecar, ask, opens_sharepoint, records};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const NOT_SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const AUTHORIZE: &str = "crosstrust.v1.AuthorizationService/Authorize";

/// The binary, with these variables and no others.
fn sidecar(folder: &Path, variables: &[(&str, &str)]) -> Sidecar {
    let mut command = Command::new("/usr/bin/env");
    command.args(
        variables
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    command.arg(env!("CARGO_BIN_EXE_crosstrust"));
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "off",
        "--policies",
    ]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
    command.arg("--log-directory").arg(records(folder));
    Sidecar::spawn(command, folder)
}

/// Exports spans every tenth of a second.
fn traced(folder: &Path, receiver: &Receiver, more: &[(&str, &str)]) -> Sidecar {
    let url = receiver.url();
    let mut variables = vec![
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    variables.extend(more);
    sidecar(folder, &variables)
}

fn parented<T>(message: T, parent: &str) -> Request<T> {
    let mut request = Request::new(message);
    let parent = parent.parse().unwrap();
    request.metadata_mut().insert("traceparent", parent);
    request
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    text(&span.attributes, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_is_a_span_in_its_callers_trace_with_the_decision() {
    let (folder, received) = (tempfile::tempdir().unwrap(), Received::default());
    let receiver = Receiver::start(&received);
    let sidecar = traced(
        folder.path(),
        &receiver,
        &[
            ("OTEL_SERVICE_NAME", "edge"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b"),
        ],
    );
    let mut client = sidecar.client().await;
    let allowed = client
        .authorize(parented(opens_sharepoint(1, true), PARENT))
        .await;
    let allowed = allowed.unwrap().into_inner();
    ask(&mut client, opens_sharepoint(2, false)).await.unwrap();
    let spans = received.await_spans(2);

    let span = spans
        .iter()
        .find(|span| hex(&span.trace_id) == TRACE)
        .unwrap();
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    assert_eq!(span.name, AUTHORIZE);
    assert_eq!(span.kind(), SpanKind::Server);
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    for (key, value) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", AUTHORIZE),
        ("rpc.response.status_code", "OK"),
        ("crosstrust.decision", "ALLOW"),
        ("crosstrust.cached", "false"),
        ("crosstrust.decision_id", &allowed.decision_id),
    ] {
        assert_eq!(attribute(span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(attribute(span, "crosstrust.reason"), None);
    assert!(attribute(span, "crosstrust.snapshot_id").is_some());

    let denied = spans
        .iter()
        .find(|span| hex(&span.trace_id) != TRACE)
        .unwrap();
    assert!(denied.parent_span_id.is_empty(), "{denied:?}");
    assert_eq!(
        attribute(denied, "crosstrust.decision").as_deref(),
        Some("DENY")
    );
    assert_eq!(
        attribute(denied, "crosstrust.reason").as_deref(),
        Some("MFA_REQUIRED")
    );
    assert_eq!(
        attribute(denied, "crosstrust.stage").as_deref(),
        Some("CONDITIONAL_ACCESS")
    );
    // A denial is an answer, not an error.
    assert_eq!(
        denied.status.clone().unwrap_or_default().code(),
        StatusCode::Unset
    );

    let everything = format!("{spans:?}");
    for never in [
        "21000000-0000-4000-8000",
        "2000d417",
        "1000d6f0",
        "00000003-0000",
    ] {
        assert!(!everything.contains(never), "{never}: {everything}");
    }
    assert_eq!(received.resource("service.name").as_deref(), Some("edge"));
    assert_eq!(
        received.resource("deployment.environment.name").as_deref(),
        Some("test")
    );
    assert!(received.resource("service.version").is_some());
    assert_eq!(received.header("x-team").as_deref(), Some("a b"));
    sidecar.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn errors_batches_and_explanations_have_spans_and_health_checks_have_none() {
    let (folder, received) = (tempfile::tempdir().unwrap(), Received::default());
    let receiver = Receiver::start(&received);
    let sidecar = traced(folder.path(), &receiver, &[]);
    let mut client = sidecar.client().await;
    let channel = Channel::from_shared(sidecar.url.clone())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    health
        .check(tonic_health::pb::HealthCheckRequest::default())
        .await
        .unwrap();

    let mut wrong = opens_sharepoint(1, true);
    wrong.app = "no guid".to_owned();
    let error = ask(&mut client, wrong).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let requests = vec![opens_sharepoint(1, true), opens_sharepoint(1, false)];
    client
        .authorize_batch(AuthorizeBatchRequest { requests })
        .await
        .unwrap();
    // A request with two traceparent headers has no parent.
    let mut duplicated = parented(opens_sharepoint(1, true), PARENT);
    duplicated
        .metadata_mut()
        .append("traceparent", PARENT.parse().unwrap());
    client.authorize(duplicated).await.unwrap();

    let spans = received.await_spans(3);
    assert_eq!(spans.len(), 3);
    let of = |code: &str, method: &str| {
        let found = spans.iter().find(|span| {
            attribute(span, "rpc.response.status_code").as_deref() == Some(code)
                && span.name.ends_with(method)
        });
        found.unwrap_or_else(|| panic!("{code} {method}: {spans:#?}"))
    };
    let refused = of("INVALID_ARGUMENT", "/Authorize");
    assert_eq!(attribute(refused, "crosstrust.decision"), None);
    let batch = of("OK", "/AuthorizeBatch");
    assert_eq!(
        attribute(batch, "crosstrust.batch.size").as_deref(),
        Some("2")
    );
    assert_eq!(
        attribute(batch, "crosstrust.batch.denied").as_deref(),
        Some("1")
    );
    let cached = of("OK", "/Authorize");
    assert_eq!(
        attribute(cached, "crosstrust.cached").as_deref(),
        Some("true")
    );
    assert_ne!(hex(&cached.trace_id), TRACE);
    assert_eq!(attribute(cached, "crosstrust.unfinished"), None);
}

/// A Check of a request with these headers and an application, but without a token.
fn check(headers: &[(&str, &str)]) -> CheckRequest {
    let headers = headers.iter();
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        host: "files.contoso.example".to_owned(),
        headers: headers
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        ..HttpRequest::default()
    };
    let facts = [
        ("resource_tenant", "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f"),
        ("app", "00000003-0000-0ff1-ce00-000000000000"),
    ];
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(CheckedRequest {
                http: Some(http),
                ..CheckedRequest::default()
            }),
            context_extensions: facts
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            ..AttributeContext::default()
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_check_continues_the_trace_of_its_call_or_else_of_the_checked_request() {
    let (folder, received) = (tempfile::tempdir().unwrap(), Received::default());
    let receiver = Receiver::start(&received);
    let sidecar = traced(folder.path(), &receiver, &[]);
    let channel = Channel::from_shared(sidecar.url.clone())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut envoy = AuthorizationClient::new(channel);
    let other = "00-11111111111111111111111111111111-2222222222222222-01";
    envoy.check(check(&[("traceparent", other)])).await.unwrap();
    let about_one = received.await_spans(1).pop().unwrap();
    assert_eq!(hex(&about_one.trace_id), "11111111111111111111111111111111");
    assert_eq!(hex(&about_one.parent_span_id), "2222222222222222");
    assert_eq!(about_one.name, "envoy.service.auth.v3.Authorization/Check");
    assert_eq!(
        attribute(&about_one, "crosstrust.reason").as_deref(),
        Some("IDENTITY_MISSING")
    );

    envoy
        .check(parented(check(&[("traceparent", other)]), PARENT))
        .await
        .unwrap();
    let both = received.await_spans(2).pop().unwrap();
    assert_eq!(hex(&both.trace_id), TRACE);

    // Envoy joins duplicate headers with a comma.
    for broken in [
        format!("{other},{other}"),
        "nonsense".to_owned(),
        "00-0-0-01".to_owned(),
    ] {
        let so_far = received.spans().len();
        envoy
            .check(check(&[("traceparent", &broken)]))
            .await
            .unwrap();
        let alone = received.await_spans(so_far + 1).pop().unwrap();
        assert!(alone.parent_span_id.is_empty(), "{broken}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unsampled_parent_is_respected_unless_the_sampler_overrides_it() {
    for (sampler, sampled) in [(None, 1), (Some("always_on"), 2), (Some("always_off"), 0)] {
        let (folder, received) = (tempfile::tempdir().unwrap(), Received::default());
        let receiver = Receiver::start(&received);
        let more: Vec<_> = sampler
            .map(|name| ("OTEL_TRACES_SAMPLER", name))
            .into_iter()
            .collect();
        let sidecar = traced(folder.path(), &receiver, &more);
        let mut client = sidecar.client().await;
        client
            .authorize(parented(opens_sharepoint(1, true), NOT_SAMPLED))
            .await
            .unwrap();
        client
            .authorize(parented(opens_sharepoint(1, true), PARENT))
            .await
            .unwrap();
        // Shutdown sends the remaining spans.
        sidecar.end();
        assert_eq!(received.spans().len(), sampled, "{sampler:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_spans_are_sent_without_an_endpoint_or_if_disabled() {
    let received = Received::default();
    let receiver = Receiver::start(&received);
    let url = receiver.url();
    let at = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    for (variables, expected) in [
        (vec![], None),
        (vec![at, ("OTEL_SDK_DISABLED", "true")], None),
        (vec![at, ("OTEL_TRACES_EXPORTER", "none")], None),
        (
            vec![at, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")],
            Some("http/protobuf"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let sidecar = sidecar(folder.path(), &variables);
        let mut client = sidecar.client().await;
        ask(&mut client, opens_sharepoint(1, true)).await.unwrap();
        let output = sidecar.output();
        sidecar.end();
        assert!(received.spans().is_empty(), "{variables:?}");
        assert!(
            !output.contains(" traces are exported endpoint"),
            "{output}"
        );
        assert!(
            expected.is_none_or(|expected| output.contains(expected)),
            "{output}"
        );
    }
    // Without propagators the spans are sent without a parent.
    let folder = tempfile::tempdir().unwrap();
    let sidecar = sidecar(folder.path(), &[at, ("OTEL_PROPAGATORS", "none")]);
    let mut client = sidecar.client().await;
    client
        .authorize(parented(opens_sharepoint(1, true), PARENT))
        .await
        .unwrap();
    sidecar.end();
    let [span] = received.spans().try_into().unwrap();
    assert!(span.parent_span_id.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unreachable_collector_delays_neither_calls_nor_shutdown_and_is_logged_once() {
    let (folder, received) = (tempfile::tempdir().unwrap(), Received::default());
    let receiver = Receiver::start(&received);
    let sidecar = traced(
        folder.path(),
        &receiver,
        &[("OTEL_EXPORTER_OTLP_TIMEOUT", "500")],
    );
    drop(receiver);
    let mut client = sidecar.client().await;
    for user in 0..20 {
        ask(&mut client, opens_sharepoint(user, true))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = std::time::Instant::now();
    let output = sidecar.output();
    sidecar.end();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        output.matches("traces are not exported").count() <= 1,
        "{output}"
    );
    assert!(received.spans().is_empty());
}
