//! Every family of the table, filled in from where its numbers are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::sheet::{Number, Sheet, Values};
use crate::admin::Sources;
use crate::admin::process::{self, Process};
use crate::identity::Blame;
use crate::metrics::families as f;
use crate::metrics::{Family, Method, Metrics, code_name};
use crate::serve::Figures;
use crate::time::Timestamp;

pub(super) fn write(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    out.many(
        &f::BUILD_INFO,
        [(vec![VERSION.to_owned()], Number::Whole(1))],
    )?;
    let ready = sources.health.is_serving(&sources.engine);
    out.one(&f::READY, Number::from(ready))?;
    decisions(&sources.metrics, out)?;
    calls(&sources.metrics, out)?;
    server(&sources.server, out)?;
    cache(sources, out)?;
    tokens(sources, out)?;
    issuers(sources, out)?;
    snapshot(sources, out)?;
    policies(sources, out)?;
    log(sources, out)?;
    this_process(out)
}

fn decisions(metrics: &Metrics, out: &mut Sheet<'_>) -> fmt::Result {
    // Two reasons of ours may have one name on the wire, and with it one series.
    let mut named: BTreeMap<Values, u64> = BTreeMap::new();
    for one in metrics.decisions() {
        let (outcome, reason, stage) = match one.denied {
            None => ("allow", "ALLOWED", ""),
            Some((stage, reason)) => ("deny", reason.name(), stage.map_or("", |at| at.name())),
        };
        let values = vec![crate::metrics::api_label(one.api), outcome, reason, stage];
        let values = values.into_iter().map(str::to_owned).collect();
        *named.entry(values).or_default() += one.count;
    }
    out.many(
        &f::DECISIONS,
        named
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

fn calls(metrics: &Metrics, out: &mut Sheet<'_>) -> fmt::Result {
    let named = |method: Method| vec![method.service().to_owned(), method.name().to_owned()];
    let handled = metrics.handled_calls().into_iter().map(|one| {
        let mut values = named(one.method);
        values.push(code_name(one.code).to_owned());
        (values, one.count.into())
    });
    out.many(&f::HANDLED, handled)?;
    let times = Method::all().map(|method| (named(method), metrics.call_times(method)));
    out.histograms(&f::HANDLING, times)
}

fn server(figures: &Figures, out: &mut Sheet<'_>) -> fmt::Result {
    let counters = &figures.counters;
    out.one(&f::CONNECTIONS, read(&counters.connections))?;
    out.one(&f::CONNECTIONS_LIMIT, Number::from(figures.connections))?;
    let listeners = || figures.listeners.iter();
    let unopened = listeners().map(|one| (vec![one.address.to_string()], read(&one.unopened)));
    out.many(&f::CONNECTIONS_UNOPENED, unopened)?;
    let limit = Number::from(figures.unopened);
    out.one(&f::CONNECTIONS_UNOPENED_LIMIT, limit)?;
    out.one(&f::CONNECTIONS_ACCEPTED, read(&counters.accepted))?;
    let waited = listeners().map(|one| (vec![one.address.to_string()], read(&one.waited)));
    out.many(&f::CONNECTIONS_WAITED, waited)?;
    let closed = listeners().flat_map(|one| {
        let listener = one.address.to_string();
        one.closed().map(move |(cause, count)| {
            let labels = [&listener, cause.name(), cause.reason()];
            (labels.map(str::to_owned).into(), count.into())
        })
    });
    out.many(&f::CONNECTIONS_CLOSED, closed)?;
    out.one(&f::ACCEPT_FAILURES, read(&counters.accept_failures))?;
    out.one(&f::CALLS_IN_FLIGHT, read(&counters.in_flight))?;
    out.one(&f::CALLS_IN_FLIGHT_LIMIT, Number::from(figures.in_flight))?;
    out.one(&f::STREAMS, read(&counters.streams))?;
    let shed = [
        ("overload", &counters.overloaded),
        ("queue", &counters.queued_too_long),
        ("budget", &counters.over_budget),
        ("message", &counters.incomplete),
        ("streams", &counters.refused_streams),
    ];
    out.many(
        &f::SHED,
        shed.map(|(cause, count)| (vec![cause.to_owned()], read(count))),
    )?;
    out.one(&f::PANICS, read(&counters.panicked))?;
    let certificates = figures.certificates().into_iter();
    out.many(
        &f::TLS_NOT_AFTER,
        certificates.map(|one| {
            (
                vec![one.listener.to_string(), one.file.to_owned()],
                Number::Fraction(one.not_after as f64),
            )
        }),
    )
}

fn cache(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    let counters = sources.engine.counters();
    let requests = [("hit", counters.hits), ("miss", counters.misses)];
    out.many(
        &f::CACHE_REQUESTS,
        requests.map(|(result, count)| (vec![result.to_owned()], count.into())),
    )?;
    out.one(&f::CACHE_ENTRIES, Number::from(counters.held.entries))?;
    out.one(&f::CACHE_WEIGHT, Number::from(counters.held.weight_bytes))?;
    out.one(&f::CACHE_EVICTIONS, Number::from(counters.held.evictions))
}

fn tokens(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    let counters = sources
        .identity
        .as_ref()
        .map(|identity| identity.counters());
    let counters = counters.unwrap_or_default();
    let verified = counters.misses.saturating_sub(counters.refused);
    let believed = [("known", counters.hits), ("verified", verified)];
    let believed = believed.map(|(result, count)| (result, "", count));
    let refused = Blame::ALL.into_iter().zip(counters.refused_for);
    let refused = refused.map(|(blame, count)| ("refused", blame.name(), count));
    let all = believed.into_iter().chain(refused);
    out.many(
        &f::TOKENS,
        all.map(|(result, blame, count)| (vec![result.to_owned(), blame.to_owned()], count.into())),
    )
}

fn issuers(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    let issuers = sources.keys.as_ref().map(|keys| keys.status());
    let issuers = issuers.unwrap_or_default();
    let named = |family: &Family, number: &dyn Fn(usize) -> Option<Number>, out: &mut Sheet<'_>| {
        let series = issuers
            .iter()
            .enumerate()
            .filter_map(|(at, issuer)| Some((vec![issuer.name.clone()], number(at)?)));
        out.many(family, series)
    };
    let of = |at: usize| issuers.get(at);
    named(&f::ISSUER_KEYS, &|at| Some(of(at)?.keys.into()), out)?;
    named(
        &f::ISSUER_KEYS_SKIPPED,
        &|at| Some(of(at)?.skipped.len().into()),
        out,
    )?;
    named(
        &f::ISSUER_FAILING,
        &|at| Some(of(at)?.last_error.is_some().into()),
        out,
    )?;
    named(
        &f::ISSUER_LAST_SUCCESS,
        &|at| of(at)?.last_success.map(seconds),
        out,
    )
}

fn snapshot(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    let active = sources.engine.active();
    let active = active.as_deref();
    let info = active.map(|active| (vec![active.snapshot.id().to_string()], Number::Whole(1)));
    out.many(&f::SNAPSHOT_INFO, info)?;
    let version = active.map_or(0, |active| active.version);
    out.one(&f::SNAPSHOT_VERSION, Number::from(version))?;
    out.one(
        &f::SNAPSHOT_ACTIVATED,
        active.map(|active| seconds(active.activated_at)),
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

fn policies(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    let status = sources.reload.as_ref().map(|reload| reload.status());
    let stale = status
        .as_ref()
        .and_then(|status| status.stale_for(sources.engine.clock()));
    let stale = stale.unwrap_or(Duration::ZERO).as_secs_f64();
    out.one(&f::SNAPSHOT_STALE, Number::from(stale))?;
    let budget = sources
        .stale_budget
        .map(|budget| Number::from(budget.as_secs_f64()));
    out.one(&f::SNAPSHOT_STALE_BUDGET, budget)?;
    let status = status.unwrap_or_default();
    let findings = status.errors_and_warnings();
    out.one(&f::POLICIES_FINDINGS, Number::from(findings))?;
    out.one(&f::POLICIES_LAST_LOOK, status.last_look.map(seconds))?;
    out.one(&f::POLICIES_WATCHED, Number::from(status.is_watched))?;
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

fn log(sources: &Sources, out: &mut Sheet<'_>) -> fmt::Result {
    let figures = sources.log.as_ref().map(|log| (log.0)());
    let figures = figures.as_ref();
    out.one(&f::LOG_QUEUE, figures.map(|log| log.queue.into()))?;
    out.one(
        &f::LOG_QUEUE_LIMIT,
        figures.map(|log| log.queue_limit.into()),
    )?;
    out.one(&f::LOG_RECORDS, figures.map(|log| log.records.into()))?;
    out.one(&f::LOG_COMMITS, figures.map(|log| log.commits.into()))?;
    let seconds = |span: Duration| Number::from(span.as_secs_f64());
    let commit = figures.map(|log| seconds(log.commit));
    out.one(&f::LOG_COMMIT, commit)?;
    out.one(&f::LOG_WAIT, figures.map(|log| seconds(log.wait)))?;
    out.one(
        &f::LOG_WAIT_TIMEOUTS,
        figures.map(|log| log.wait_timeouts.into()),
    )?;
    out.one(&f::LOG_SLOW, figures.map(|log| log.is_slow.into()))?;
    out.one(&f::LOG_FAILURES, figures.map(|log| log.failures.into()))?;
    out.one(&f::LOG_BYTES, figures.map(|log| log.bytes.into()))?;
    let by_reason = |counts: &Vec<(&'static str, u64)>| -> Vec<(Values, Number)> {
        let series = counts.iter();
        let series = series.map(|(reason, count)| (vec![(*reason).to_owned()], (*count).into()));
        series.collect()
    };
    let gaps = figures.map(|log| by_reason(&log.gaps));
    out.many(&f::LOG_GAPS, gaps.unwrap_or_default())?;
    let lost = figures.map(|log| by_reason(&log.lost));
    out.many(&f::LOG_LOST, lost.unwrap_or_default())?;
    out.one(&f::LOG_SEGMENTS, figures.map(|log| log.segments.into()))?;
    let postponed = figures.map(|log| log.is_age_postponed.into());
    out.one(&f::LOG_RETENTION_POSTPONED, postponed)?;
    let unsigned = figures.map(|log| log.last_seq.saturating_sub(log.last_checkpoint));
    out.one(&f::LOG_UNSIGNED, unsigned.map(Number::from))?;
    let lag = figures.and_then(|log| log.export_lag);
    out.one(&f::LOG_EXPORT_LAG, lag.map(Number::from))?;
    out.one(
        &f::LOG_FAILING,
        figures.map(|log| log.failing_since.is_some().into()),
    )
}

fn this_process(out: &mut Sheet<'_>) -> fmt::Result {
    let process = Process::now();
    out.one(
        &f::PROCESS_CPU,
        process.map(|process| process.cpu_seconds.into()),
    )?;
    out.one(
        &f::PROCESS_MEMORY,
        process.map(|process| process.memory_bytes.into()),
    )?;
    let files = process.and_then(|process| process.open_files);
    out.one(&f::PROCESS_FDS, files.map(Number::from))?;
    out.one(&f::PROCESS_MAX_FDS, process::most_files().map(Number::from))?;
    let start = process.and_then(|process| process.started_at);
    out.one(&f::PROCESS_START, start.map(Number::from))
}

fn read(counter: &AtomicU64) -> Number {
    counter.load(Ordering::Relaxed).into()
}

fn seconds(at: Timestamp) -> Number {
    Number::Fraction(at.as_nanos() as f64 / NANOS)
}

const NANOS: f64 = 1e9;

const VERSION: &str = env!("CARGO_PKG_VERSION");
