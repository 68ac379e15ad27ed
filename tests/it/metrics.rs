//! `/metrics` after calls, in both formats; the cost of counting; bounds on series.

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crosstrust::admin::LogMetricsSource;
use crosstrust::decision::{Decision, Denial, Reason, Stage};
use crosstrust::engine::Answer;
use crosstrust::id::TenantId;
use crosstrust::identity::Algorithm;
use crosstrust::metrics::{FAMILIES, LogMetrics, Method, MetricKind, Metrics};
use crosstrust::request::Api;
use crosstrust::rpc::FILE_DESCRIPTOR_SET;
use crosstrust::rpc::proto::AuthorizeRequest;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::time::Timestamp;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::ext_authz::asking::{LAUNCHER, Raw, SHAREPOINT, get, send};
use crate::observed::{ObservedServer, PROMETHEUS, Scrape, Setup, page, series};
use crate::support::tokens::Signer;

const OPEN_METRICS: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

const CHECK: &str = r#"grpc_service="envoy.service.auth.v3.Authorization",grpc_method="Check""#;

async fn check(server: &ObservedServer, app: &str, token: Option<&str>) {
    let request = get(app, token).encode_to_vec();
    send(server.channel().await, request.into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn metrics_equal_the_calls_that_were_made() {
    let server = ObservedServer::start(Setup {
        in_flight: 1,
        ..Setup::default()
    });
    let launcher = server.token(LAUNCHER);
    // Two allows; a denial; no identity; three rejected tokens.
    check(&server, LAUNCHER, Some(&launcher)).await;
    check(&server, LAUNCHER, Some(&launcher)).await;
    check(&server, SHAREPOINT, Some(&server.token(SHAREPOINT))).await;
    check(&server, LAUNCHER, None).await;
    check(&server, LAUNCHER, Some("no.token.at-all")).await;
    let forger = Signer::new(Algorithm::EdDsa, "fabrikam-key");
    let forged = forger.sign(&server.claims(LAUNCHER));
    check(&server, LAUNCHER, Some(&forged)).await;
    let other = crate::support::tokens::claims("https://elsewhere.example/");
    check(&server, LAUNCHER, Some(&server.fabrikam.sign(&other))).await;
    // Two malformed calls, and one that is shed because the only slot is taken.
    let mut client = AuthorizationServiceClient::new(server.channel().await);
    let wrong = client
        .authorize(AuthorizeRequest::default())
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert_eq!(
        call_unknown_method(server.channel().await, "/no.Such/Method")
            .await
            .code(),
        Code::Unimplemented
    );
    let mut held_call = tonic::Request::new(AuthorizeRequest::default());
    held_call
        .metadata_mut()
        .insert("x-hold", "1".parse().unwrap());
    let mut holding = client.clone();
    let held_call = tokio::spawn(async move { holding.authorize(held_call).await });
    server.scrape_until("a call is in flight", |now| {
        now.get("crosstrust_calls_in_flight") == 1.0
    });
    let shed = client
        .authorize(AuthorizeRequest::default())
        .await
        .unwrap_err();
    assert_eq!(shed.code(), Code::ResourceExhausted);
    server.release.add_permits(1);
    held_call.await.unwrap().unwrap_err();

    let scrape = server.scrape();
    let authorize = r#"grpc_service="crosstrust.v1.AuthorizationService",grpc_method="Authorize""#;
    assert_eq!(
        scrape.of("grpc_server_handled_total"),
        series(&[
            (&format!(r#"{{{CHECK},grpc_code="OK"}}"#), 7.0),
            (
                &format!(r#"{{{authorize},grpc_code="InvalidArgument"}}"#),
                2.0
            ),
            (
                &format!(r#"{{{authorize},grpc_code="ResourceExhausted"}}"#),
                1.0
            ),
            (
                r#"{grpc_service="other",grpc_method="other",grpc_code="Unimplemented"}"#,
                1.0
            ),
        ])
    );
    let mut count = scrape.of("grpc_server_handling_seconds_count");
    assert_eq!(count.remove(&format!("{{{CHECK}}}")), Some(7.0));
    assert_eq!(count.values().sum::<f64>(), 4.0);
    assert_eq!(
        scrape.of("crosstrust_token_verifications_total"),
        series(&[
            (r#"{result="cached",error_class=""}"#, 1.0),
            (r#"{result="verified",error_class=""}"#, 2.0),
            (r#"{result="refused",error_class="form"}"#, 1.0),
            (r#"{result="refused",error_class="signature"}"#, 1.0),
            (r#"{result="refused",error_class="issuer"}"#, 1.0),
        ])
    );
    let check = |rest: &str| format!(r#"{{api="check",{rest}}}"#);
    assert_eq!(
        scrape.of("crosstrust_decisions_total"),
        series(&[
            (&check(r#"outcome="allow",reason="ALLOWED",stage="""#), 2.0),
            (
                &check(r#"outcome="deny",reason="MFA_REQUIRED",stage="CONDITIONAL_ACCESS""#),
                1.0
            ),
            // No identity, and three rejected tokens.
            (
                &check(r#"outcome="deny",reason="IDENTITY_MISSING",stage="""#),
                4.0
            ),
        ])
    );
    let decisions = |cached: bool| {
        scrape.get(&format!(
            r#"crosstrust_decision_duration_seconds_count{{cached="{cached}"}}"#
        ))
    };
    assert_eq!((decisions(false), decisions(true)), (6.0, 1.0));
    assert_eq!(
        scrape.of("crosstrust_cache_requests_total"),
        series(&[(r#"{result="hit"}"#, 1.0), (r#"{result="miss"}"#, 2.0)])
    );
    assert_eq!(
        scrape.of("crosstrust_calls_shed_total"),
        series(&[(r#"{cause="overload"}"#, 1.0)])
    );
    assert_eq!(scrape.get("crosstrust_calls_in_flight"), 0.0);
    assert_eq!(scrape.get("crosstrust_panics_total"), 0.0);
    assert_eq!(scrape.get("crosstrust_ready"), 1.0);
    assert_eq!(scrape.get("crosstrust_snapshot_version"), 1.0);
    assert_eq!(
        scrape.get("crosstrust_snapshot_activated_timestamp_seconds"),
        1_800_000_000.0
    );
    assert_eq!(
        scrape.get(r#"crosstrust_snapshot_objects{kind="tenants"}"#),
        4.0
    );
}

async fn call_unknown_method(channel: Channel, path: &'static str) -> Status {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    let request = tonic::Request::new(Bytes::new());
    grpc.unary(request, path, Raw).await.unwrap_err()
}

fn count_decision(
    metrics: &Metrics,
    api: Api,
    resource: TenantId,
    denied: Option<(Option<Stage>, Reason)>,
) {
    // Only the evaluator can create an allow, so the test changes the verdict of a denial.
    let mut decision = Decision::no_snapshot(Timestamp::from_seconds(0));
    decision.verdict = match denied {
        None => crosstrust::decision::Verdict::Allow,
        Some((stage, reason)) => crosstrust::decision::Verdict::Deny(Denial::of(stage, reason)),
    };
    metrics.count_decision(
        api,
        Some(resource),
        &decision,
        false,
        Duration::from_micros(3),
    );
}

#[test]
fn decisions_are_counted_by_outcome_reason_and_stage_and_by_tenant_only_if_it_is_listed() {
    let [one, two, stranger] = [1, 2, 3].map(TenantId);
    let server = ObservedServer::start(Setup {
        tenants: vec![two, one, one],
        ..Setup::default()
    });
    let inbound = Some((Some(Stage::Inbound), Reason::InboundUser));
    let counted = [
        (Api::Check, one, None),
        (Api::Check, one, None),
        (Api::Check, one, inbound),
        (Api::Authorize, two, inbound),
        (
            Api::AuthorizeBatch,
            stranger,
            Some((None, Reason::NoSnapshot)),
        ),
        // Two reasons with one name.
        (
            Api::Check,
            one,
            Some((Some(Stage::ConditionalAccess), Reason::ApprovedAppRequired)),
        ),
        (
            Api::Check,
            one,
            Some((
                Some(Stage::ConditionalAccess),
                Reason::AppProtectionRequired,
            )),
        ),
    ];
    for (api, tenant, denied) in counted {
        count_decision(&server.metrics, api, tenant, denied);
    }
    let scrape = server.scrape();
    assert_eq!(
        scrape.of("crosstrust_decisions_total"),
        series(&[
            (
                r#"{api="check",outcome="allow",reason="ALLOWED",stage=""}"#,
                2.0
            ),
            (
                r#"{api="check",outcome="deny",reason="INBOUND_USER",stage="INBOUND"}"#,
                1.0
            ),
            (
                r#"{api="authorize",outcome="deny",reason="INBOUND_USER",stage="INBOUND"}"#,
                1.0
            ),
            (
                r#"{api="batch",outcome="deny",reason="NO_SNAPSHOT",stage=""}"#,
                1.0
            ),
            (
                r#"{api="check",outcome="deny",reason="APP_REQUIRED",stage="CONDITIONAL_ACCESS"}"#,
                2.0
            ),
        ])
    );
    let tenant = |tenant: &str, rest: &str| format!(r#"{{resource_tenant="{tenant}",{rest}}}"#);
    let (first, second) = (one.to_string(), two.to_string());
    assert_eq!(
        scrape.of("crosstrust_tenant_decisions_total"),
        series(&[
            (&tenant(&first, r#"outcome="allow",stage="""#), 2.0),
            (&tenant(&first, r#"outcome="deny",stage="INBOUND""#), 1.0),
            (
                &tenant(&first, r#"outcome="deny",stage="CONDITIONAL_ACCESS""#),
                2.0
            ),
            (&tenant(&second, r#"outcome="deny",stage="INBOUND""#), 1.0),
            (&tenant("other", r#"outcome="deny",stage="""#), 1.0),
        ])
    );
    assert_eq!(
        scrape.get(r#"crosstrust_decision_duration_seconds_count{cached="false"}"#),
        7.0
    );
    let bucket = |le: &str| {
        scrape.get(&format!(
            r#"crosstrust_decision_duration_seconds_bucket{{cached="false",le="{le}"}}"#
        ))
    };
    assert_eq!(
        (bucket("2e-06"), bucket("5e-06"), bucket("+Inf")),
        (0.0, 7.0, 7.0)
    );
}

#[test]
fn both_formats_have_the_same_samples_and_their_content_type() {
    let server = ObservedServer::start(Setup::default());
    count_decision(&server.metrics, Api::Check, TenantId(1), None);
    let address = server.admin.address();
    let prometheus = page(address, "/metrics", PROMETHEUS);
    let open = page(address, "/metrics", OPEN_METRICS);
    assert!(
        prometheus
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.body.ends_with("\n# EOF\n") && !prometheus.body.contains("# EOF"));

    let (prometheus, open) = (Scrape::read(&prometheus.body), Scrape::read(&open.body));
    // OpenMetrics writes 1e-6, Prometheus 1e-06: everything except the bounds is equal.
    assert_eq!(prometheus.names(), open.names());
    assert_eq!(prometheus.series.len(), open.series.len());
    let mut expected = (BTreeMap::new(), BTreeMap::new());
    for family in FAMILIES {
        let kind = match family.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        expected.0.insert(family.query_name(), kind.to_owned());
        expected.1.insert(family.name.to_owned(), kind.to_owned());
    }
    assert_eq!((prometheus.families, open.families), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_caller_and_no_tenant_adds_a_series() {
    let server = ObservedServer::start(Setup {
        tenants: vec![TenantId(1)],
        ..Setup::default()
    });
    let flood = |round: u128| {
        for tenant in 0..1000 {
            let denied = Some((None, Reason::ResourceTenantUnknown));
            count_decision(
                &server.metrics,
                Api::Check,
                TenantId(1000 * round + tenant + 2),
                denied,
            );
        }
    };
    let names = |scrape: Scrape| scrape.series.into_keys().collect::<BTreeSet<_>>();
    let channel = server.channel().await;
    call_unknown_method(
        channel.clone(),
        "/crosstrust.v1.AuthorizationService/Nothing",
    )
    .await;
    flood(0);
    let before = names(server.scrape());
    for method in 0..500 {
        let path: &'static str = format!("/crosstrust.v1.AuthorizationService/M{method}").leak();
        call_unknown_method(channel.clone(), path).await;
    }
    call_unknown_method(channel.clone(), "/other/\"}evil{x=\"1").await;
    flood(1);
    let scrape = server.scrape();
    let other = r#"grpc_server_handled_total{grpc_service="other",grpc_method="other",grpc_code="Unimplemented"}"#;
    assert_eq!(scrape.get(other), 502.0);
    assert_eq!(names(scrape), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stream_is_counted_while_open_and_by_its_final_status() {
    let server = ObservedServer::start(Setup::default());
    let mut client = HealthClient::new(server.channel().await);
    let watch = r#"grpc_service="grpc.health.v1.Health",grpc_method="Watch""#;
    let ended = |code: &str| format!(r#"grpc_server_handled_total{{{watch},grpc_code="{code}"}}"#);
    let first = client.watch(HealthCheckRequest::default()).await.unwrap();
    let mut second = client
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let now = server.scrape();
    assert_eq!(now.get("crosstrust_streams"), 2.0);
    assert_eq!(now.get(&ended("OK")), 0.0);
    assert!(now.get("crosstrust_connections") >= 1.0);
    // A client that disconnects, and a server that shuts down.
    drop(first);
    server.scrape_until("one was cancelled", |now| {
        now.series.get(&ended("Canceled")) == Some(&1.0) && now.get("crosstrust_streams") == 1.0
    });
    server.health.close();
    while second.message().await.unwrap().is_some() {}
    server.scrape_until("one has ended", |now| {
        now.get(&ended("OK")) == 1.0 && now.get("crosstrust_streams") == 0.0
    });
}

#[test]
fn counting_allocates_nothing() {
    let metrics = Metrics::new(&[TenantId(1)]);
    let decision = Decision::refused(
        Denial::of(Some(Stage::Inbound), Reason::InboundUser),
        Timestamp::from_seconds(0),
    );
    let all = allocation_counter::measure(|| {
        for path in [
            "/envoy.service.auth.v3.Authorization/Check",
            "/no.Such/Method",
            "x",
        ] {
            metrics.count_call(Method::at(path), Code::Ok, Duration::from_micros(80));
            let tenant = Some(TenantId(1));
            metrics.count_decision(
                Api::Check,
                tenant,
                &decision,
                true,
                Duration::from_micros(2),
            );
        }
    });
    assert_eq!(all.count_total, 0);
}

#[test]
fn every_method_that_is_served_is_counted_by_its_name() {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut served = 0;
    for method in pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        let (service, name) = (
            method.parent_service().full_name().to_owned(),
            method.name(),
        );
        let counted = Method::at(&format!("/{service}/{name}"));
        assert_eq!(
            (counted.service(), counted.name()),
            (service.as_str(), name)
        );
        assert_eq!(counted.is_stream(), method.is_server_streaming(), "{name}");
        served += 1;
    }
    assert!(served >= 6);
    for known in Method::all().filter(|method| *method != Method::OTHER) {
        let path = format!("/{}/{}", known.service(), known.name());
        assert_eq!(Method::at(&path), known);
    }
    for path in [
        "",
        "/",
        "x",
        "/a",
        "//",
        "/a/b/c",
        "/crosstrust.v1.AuthorizationService/",
    ] {
        assert_eq!(Method::at(path), Method::OTHER, "{path}");
    }
}

fn with_log() -> ObservedServer {
    ObservedServer::start(Setup {
        tenants: vec![TenantId(1)],
        stale_budget: Some(Duration::from_secs(300)),
        log: Some(LogMetricsSource(Arc::new(|| LogMetrics {
            queue: 3,
            queue_limit: 8192,
            records: 10,
            gaps: vec![("limited", 0), ("damaged", 1)],
            lost: vec![("limited", 4)],
            is_age_postponed: true,
            last_seq: 10,
            last_checkpoint: 8,
            failing_since: Some(Timestamp::from_seconds(1_800_000_000)),
            last_error: Some("no space".to_owned()),
            commit: Duration::from_millis(30),
            wait: Duration::from_millis(90),
            wait_timeouts: 2,
            is_slow: true,
            export_lag: Some(7),
            ..LogMetrics::default()
        }))),
        ..Setup::default()
    })
}

#[test]
fn log_metrics_report_the_state_of_the_log() {
    let server = with_log();
    let scrape = server.scrape();
    for (name, number) in [
        ("queue", 3.0),
        ("queue_limit", 8192.0),
        ("records_total", 10.0),
        ("gaps_total{reason=\"damaged\"}", 1.0),
        ("gaps_total{reason=\"limited\"}", 0.0),
        ("records_lost_total{reason=\"limited\"}", 4.0),
        ("retention_postponed", 1.0),
        ("records_unsigned", 2.0),
        ("commit_seconds", 0.03),
        ("wait_seconds", 0.09),
        ("wait_timeouts_total", 2.0),
        ("slow", 1.0),
        ("export_lag", 7.0),
        ("failing", 1.0),
    ] {
        assert_eq!(
            scrape.get(&format!("crosstrust_log_{name}")),
            number,
            "{name}"
        );
    }
    let ready = page(server.admin.address(), "/readyz", "*/*");
    assert_eq!(
        ready.status, 200,
        "it recovers by itself, and other replicas would not do better"
    );
    assert_eq!(ready.json()["log"]["failing"], true);
    assert_eq!(ready.json()["log"]["lastError"], "no space");
    assert_eq!(ready.json()["log"]["slow"], true);
    assert_eq!(ready.json()["log"]["commitSeconds"], 0.03);
    assert_eq!(ready.json()["log"]["waitSeconds"], 0.09);
}

#[test]
fn denials_without_policies_are_counted_and_the_server_is_not_ready() {
    let server = ObservedServer::start(Setup {
        has_policies: false,
        ..Setup::default()
    });
    let answer: Answer = server
        .engine
        .view()
        .refuse(Denial::of(None, Reason::RouteUnknown));
    server.metrics.count_decision(
        Api::Check,
        None,
        &answer.decision,
        answer.cached,
        Duration::ZERO,
    );
    let scrape = server.scrape();
    assert_eq!(
        scrape.get(r#"crosstrust_decisions_total{api="check",outcome="deny",reason="ROUTE_UNKNOWN",stage=""}"#),
        1.0
    );
    assert_eq!(scrape.get("crosstrust_ready"), 0.0);
}
