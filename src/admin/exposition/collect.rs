//! Collects the current value of every metric family from its source.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::encoder::{LabelValues, MetricValue, MetricsEncoder};
use crate::admin::Sources;
use crate::admin::process::{self, ProcessStats};
use crate::identity::TokenErrorClass;
use crate::metrics::families as f;
use crate::metrics::{Family, Method, Metrics, code_name};
use crate::serve::ServerStats;
use crate::time::Timestamp;

pub(super) fn collect(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    out.many(
        &f::BUILD_INFO,
        [(vec![VERSION.to_owned()], MetricValue::Integer(1))],
    )?;
    let ready = sources.health.is_serving(&sources.engine);
    out.one(&f::READY, MetricValue::from(ready))?;
    decisions(&sources.metrics, out)?;
    calls(&sources.metrics, out)?;
    server(&sources.server, out)?;
    cache(sources, out)?;
    tokens(sources, out)?;
    issuers(sources, out)?;
    snapshot(sources, out)?;
    policies(sources, out)?;
    log(sources, out)?;
    process(out)
}

fn decisions(metrics: &Metrics, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    // Several internal reasons may have the same name on the wire, and so the same series.
    let mut by_labels: BTreeMap<LabelValues, u64> = BTreeMap::new();
    for one in metrics.decisions() {
        let (outcome, reason, stage) = match one.denied {
            None => ("allow", "ALLOWED", ""),
            Some((stage, reason)) => ("deny", reason.name(), stage.map_or("", |at| at.name())),
        };
        let values = vec![crate::metrics::api_label(one.api), outcome, reason, stage];
        let values = values.into_iter().map(str::to_owned).collect();
        *by_labels.entry(values).or_default() += one.count;
    }
    out.many(
        &f::DECISIONS,
        by_labels
            .into_iter()
            .map(|(values, count)| (values, count.into())),
    )?;
    let tenants = metrics.tenant_decisions().into_iter().map(|one| {
        let tenant = one
            .tenant
            .map_or_else(|| "other".to_owned(), |tenant| tenant.to_string());
        let (outcome, stage) = match one.denied {
            None => ("allow", ""),
            Some(stage) => ("deny", stage.map_or("", |at| at.name())),
        };
        (
            vec![tenant, outcome.to_owned(), stage.to_owned()],
            one.count.into(),
        )
    });
    out.many(&f::TENANT_DECISIONS, tenants)?;
    let times = [false, true];
    let times = times.map(|cached| (vec![cached.to_string()], metrics.decision_times(cached)));
    out.histograms(&f::DECISION_TIMES, times)
}

fn calls(metrics: &Metrics, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let labels = |method: Method| vec![method.service().to_owned(), method.name().to_owned()];
    let handled = metrics.handled_calls().into_iter().map(|one| {
        let mut values = labels(one.method);
        values.push(code_name(one.code).to_owned());
        (values, one.count.into())
    });
    out.many(&f::HANDLED, handled)?;
    let times = Method::all().map(|method| (labels(method), metrics.call_times(method)));
    out.histograms(&f::HANDLING, times)
}

fn server(figures: &ServerStats, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let counters = &figures.counters;
    out.one(&f::CONNECTIONS, load(&counters.connections))?;
    out.one(
        &f::CONNECTIONS_LIMIT,
        MetricValue::from(figures.connections),
    )?;
    let listeners = || figures.listeners.iter();
    let unopened = listeners().map(|one| (vec![one.address.to_string()], load(&one.unopened)));
    out.many(&f::CONNECTIONS_UNOPENED, unopened)?;
    let limit = MetricValue::from(figures.unopened);
    out.one(&f::CONNECTIONS_UNOPENED_LIMIT, limit)?;
    out.one(&f::CONNECTIONS_ACCEPTED, load(&counters.accepted))?;
    let delayed = listeners().map(|one| (vec![one.address.to_string()], load(&one.delayed)));
    out.many(&f::CONNECTIONS_DELAYED, delayed)?;
    let closed = listeners().flat_map(|one| {
        let listener = one.address.to_string();
        one.closed().map(move |(cause, count)| {
            let labels = [&listener, cause.name(), cause.reason()];
            (labels.map(str::to_owned).into(), count.into())
        })
    });
    out.many(&f::CONNECTIONS_CLOSED, closed)?;
    out.one(&f::ACCEPT_FAILURES, load(&counters.accept_failures))?;
    out.one(&f::CALLS_IN_FLIGHT, load(&counters.in_flight))?;
    out.one(
        &f::CALLS_IN_FLIGHT_LIMIT,
        MetricValue::from(figures.in_flight),
    )?;
    out.one(&f::STREAMS, load(&counters.streams))?;
    let shed = [
        ("overload", &counters.overloaded),
        ("queue", &counters.queued_too_long),
        ("budget", &counters.over_budget),
        ("message", &counters.incomplete),
        ("streams", &counters.refused_streams),
    ];
    out.many(
        &f::CALLS_SHED,
        shed.map(|(cause, count)| (vec![cause.to_owned()], load(count))),
    )?;
    out.one(&f::PANICS, load(&counters.panicked))?;
    let certificates = figures.certificate_expiries().into_iter();
    out.many(
        &f::TLS_NOT_AFTER,
        certificates.map(|one| {
            (
                vec![one.listener.to_string(), one.file.to_owned()],
                MetricValue::Float(one.not_after as f64),
            )
        }),
    )
}

fn cache(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let counters = sources.engine.counters();
    let requests = [("hit", counters.hits), ("miss", counters.misses)];
    out.many(
        &f::CACHE_REQUESTS,
        requests.map(|(result, count)| (vec![result.to_owned()], count.into())),
    )?;
    out.one(&f::CACHE_ENTRIES, MetricValue::from(counters.usage.entries))?;
    out.one(
        &f::CACHE_WEIGHT,
        MetricValue::from(counters.usage.weight_bytes),
    )?;
    out.one(
        &f::CACHE_EVICTIONS,
        MetricValue::from(counters.usage.evictions),
    )
}

fn tokens(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let counters = sources
        .identity
        .as_ref()
        .map(|identity| identity.counters());
    let counters = counters.unwrap_or_default();
    let verified = counters.misses.saturating_sub(counters.refused);
    let accepted = [("cached", counters.hits), ("verified", verified)];
    let accepted = accepted.map(|(result, count)| (result, "", count));
    let refused = TokenErrorClass::ALL
        .into_iter()
        .zip(counters.refused_by_class);
    let refused = refused.map(|(class, count)| ("refused", class.name(), count));
    let all = accepted.into_iter().chain(refused);
    out.many(
        &f::TOKEN_VERIFICATIONS,
        all.map(|(result, class, count)| (vec![result.to_owned(), class.to_owned()], count.into())),
    )
}

fn issuers(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let issuers = sources.keys.as_ref().map(|keys| keys.status());
    let issuers = issuers.unwrap_or_default();
    let by_issuer = |family: &Family,
                     value: &dyn Fn(usize) -> Option<MetricValue>,
                     out: &mut MetricsEncoder<'_>| {
        let series = issuers
            .iter()
            .enumerate()
            .filter_map(|(index, issuer)| Some((vec![issuer.name.clone()], value(index)?)));
        out.many(family, series)
    };
    let issuer = |index: usize| issuers.get(index);
    by_issuer(
        &f::ISSUER_KEYS,
        &|index| Some(issuer(index)?.keys.into()),
        out,
    )?;
    by_issuer(
        &f::ISSUER_KEYS_SKIPPED,
        &|index| Some(issuer(index)?.skipped.len().into()),
        out,
    )?;
    by_issuer(
        &f::ISSUER_FAILING,
        &|index| Some(issuer(index)?.last_error.is_some().into()),
        out,
    )?;
    by_issuer(
        &f::ISSUER_LAST_SUCCESS,
        &|index| issuer(index)?.last_success.map(unix_seconds),
        out,
    )
}

fn snapshot(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let active = sources.engine.active();
    let active = active.as_deref();
    let info = active.map(|active| {
        (
            vec![active.snapshot.id().to_string()],
            MetricValue::Integer(1),
        )
    });
    out.many(&f::SNAPSHOT_INFO, info)?;
    let version = active.map_or(0, |active| active.version);
    out.one(&f::SNAPSHOT_VERSION, MetricValue::from(version))?;
    out.one(
        &f::SNAPSHOT_ACTIVATED,
        active.map(|active| unix_seconds(active.activated_at)),
    )?;
    let counts = active.map(|active| active.snapshot.counts());
    let objects = counts.into_iter().flat_map(|counts| {
        [
            ("tenants", counts.tenants),
            ("partners", counts.partners),
            ("policies", counts.policies),
        ]
    });
    out.many(
        &f::SNAPSHOT_OBJECTS,
        objects.map(|(kind, count)| (vec![kind.to_owned()], count.into())),
    )
}

fn policies(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let status = sources.reload.as_ref().map(|reload| reload.status());
    let stale = status
        .as_ref()
        .and_then(|status| status.stale_for(sources.engine.clock()));
    let stale = stale.unwrap_or(Duration::ZERO).as_secs_f64();
    out.one(&f::SNAPSHOT_STALE, MetricValue::from(stale))?;
    let budget = sources
        .stale_budget
        .map(|budget| MetricValue::from(budget.as_secs_f64()));
    out.one(&f::SNAPSHOT_STALE_BUDGET, budget)?;
    let status = status.unwrap_or_default();
    let findings = status.errors_and_warnings();
    out.one(&f::POLICIES_FINDINGS, MetricValue::from(findings))?;
    out.one(&f::POLICIES_LAST_SCAN, status.last_scan.map(unix_seconds))?;
    out.one(&f::POLICIES_WATCHED, MetricValue::from(status.is_watched))?;
    let reloads = [
        ("activated", "", status.activations),
        ("rejected", "unreadable", status.rejected.unreadable),
        ("rejected", "removed", status.rejected.removed),
        ("rejected", "invalid", status.rejected.invalid),
        ("rejected", "internal", status.rejected.internal),
    ];
    out.many(
        &f::RELOADS,
        reloads.map(|(result, cause, count)| {
            (vec![result.to_owned(), cause.to_owned()], count.into())
        }),
    )
}

fn log(sources: &Sources, out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let metrics = sources.log.as_ref().map(|log| (log.0)());
    let metrics = metrics.as_ref();
    out.one(&f::LOG_QUEUE, metrics.map(|log| log.queue.into()))?;
    out.one(
        &f::LOG_QUEUE_LIMIT,
        metrics.map(|log| log.queue_limit.into()),
    )?;
    out.one(&f::LOG_RECORDS, metrics.map(|log| log.records.into()))?;
    out.one(&f::LOG_COMMITS, metrics.map(|log| log.commits.into()))?;
    let seconds = |span: Duration| MetricValue::from(span.as_secs_f64());
    let commit = metrics.map(|log| seconds(log.commit));
    out.one(&f::LOG_COMMIT, commit)?;
    out.one(&f::LOG_WAIT, metrics.map(|log| seconds(log.wait)))?;
    out.one(
        &f::LOG_WAIT_TIMEOUTS,
        metrics.map(|log| log.wait_timeouts.into()),
    )?;
    out.one(&f::LOG_SLOW, metrics.map(|log| log.is_slow.into()))?;
    out.one(&f::LOG_FAILURES, metrics.map(|log| log.failures.into()))?;
    out.one(&f::LOG_BYTES, metrics.map(|log| log.bytes.into()))?;
    let by_reason = |counts: &Vec<(&'static str, u64)>| -> Vec<(LabelValues, MetricValue)> {
        let series = counts.iter();
        let series = series.map(|(reason, count)| (vec![(*reason).to_owned()], (*count).into()));
        series.collect()
    };
    let gaps = metrics.map(|log| by_reason(&log.gaps));
    out.many(&f::LOG_GAPS, gaps.unwrap_or_default())?;
    let lost = metrics.map(|log| by_reason(&log.lost));
    out.many(&f::LOG_RECORDS_LOST, lost.unwrap_or_default())?;
    out.one(&f::LOG_SEGMENTS, metrics.map(|log| log.segments.into()))?;
    let postponed = metrics.map(|log| log.is_age_postponed.into());
    out.one(&f::LOG_RETENTION_POSTPONED, postponed)?;
    let unsigned = metrics.map(|log| log.last_seq.saturating_sub(log.last_checkpoint));
    out.one(&f::LOG_RECORDS_UNSIGNED, unsigned.map(MetricValue::from))?;
    let lag = metrics.and_then(|log| log.export_lag);
    out.one(&f::LOG_EXPORT_LAG, lag.map(MetricValue::from))?;
    out.one(
        &f::LOG_FAILING,
        metrics.map(|log| log.failing_since.is_some().into()),
    )
}

fn process(out: &mut MetricsEncoder<'_>) -> fmt::Result {
    let process = ProcessStats::read();
    out.one(
        &f::PROCESS_CPU,
        process.map(|process| process.cpu_seconds.into()),
    )?;
    out.one(
        &f::PROCESS_MEMORY,
        process.map(|process| process.memory_bytes.into()),
    )?;
    let files = process.and_then(|process| process.open_files);
    out.one(&f::PROCESS_FDS, files.map(MetricValue::from))?;
    out.one(
        &f::PROCESS_MAX_FDS,
        process::max_open_files().map(MetricValue::from),
    )?;
    let start = process.and_then(|process| process.started_at);
    out.one(&f::PROCESS_START, start.map(MetricValue::from))
}

fn load(counter: &AtomicU64) -> MetricValue {
    counter.load(Ordering::Relaxed).into()
}

fn unix_seconds(at: Timestamp) -> MetricValue {
    MetricValue::Float(at.as_nanos() as f64 / NANOS)
}

const NANOS: f64 = 1e9;

const VERSION: &str = env!("CARGO_PKG_VERSION");
