//! The table of everything that `/metrics` tells. docs/telemetry.md says the same, and a test holds them together.

/// What kind of numbers a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Times, in buckets.
    Histogram,
}

/// Series of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name, without the suffixes that its kind adds (`_total`, `_bucket`, …).
    pub name: &'static str,
    /// What kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence without its full stop.
    pub help: &'static str,
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $id: Family = Family {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// Every family.
        pub const FAMILIES: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD_INFO: Gauge "crosstrust_build_info" ["version"] "Always 1; which version this is";
    READY: Gauge "crosstrust_ready" [] "1 while requests are welcome, as /readyz and gRPC health say";

    DECISIONS: Counter "crosstrust_decisions" ["api", "outcome", "reason", "stage"] "Answers, by how they were asked for and what they say; cached ones too";
    TENANT_DECISIONS: Counter "crosstrust_tenant_decisions" ["resource_tenant", "outcome", "stage"] "The same for each resource tenant that metrics.tenants lists, and for all others together";
    DECISION_TIMES: Histogram "crosstrust_decision_duration_seconds" ["cached"] "Time from a question that has been read to its answer";

    HANDLED: Counter "grpc_server_handled" ["grpc_service", "grpc_method", "grpc_code"] "Calls that have ended, by gRPC code; a denial is OK";
    HANDLING: Histogram "grpc_server_handling_seconds" ["grpc_service", "grpc_method"] "Time from a call's arrival to its response headers, or to the end of its stream";

    CONNECTIONS: Gauge "crosstrust_connections" [] "Connections that are served now";
    CONNECTIONS_LIMIT: Gauge "crosstrust_connections_limit" [] "How many there may be";
    CONNECTIONS_UNOPENED: Gauge "crosstrust_connections_unopened" ["listener"] "Connections of a listener that have not opened or wait for a place";
    CONNECTIONS_UNOPENED_LIMIT: Gauge "crosstrust_connections_unopened_limit" [] "How many of them each listener keeps (limits.unopened); beyond it the oldest is closed";
    CONNECTIONS_ACCEPTED: Counter "crosstrust_connections_accepted" [] "Connections that were accepted";
    CONNECTIONS_WAITED: Counter "crosstrust_connections_waited" ["listener"] "Connections of a listener that waited because all places were taken";
    CONNECTIONS_CLOSED: Counter "crosstrust_connections_closed" ["listener", "cause", "reason"] "Connections that the server closed before their client did";
    ACCEPT_FAILURES: Counter "crosstrust_accept_failures" [] "Connections that the system could not hand over";
    CALLS_IN_FLIGHT: Gauge "crosstrust_calls_in_flight" [] "Calls at work now, until their response headers";
    CALLS_IN_FLIGHT_LIMIT: Gauge "crosstrust_calls_in_flight_limit" [] "How many there may be";
    STREAMS: Gauge "crosstrust_streams" [] "Streams that have begun and not ended";
    SHED: Counter "crosstrust_shed" ["cause"] "Calls that were turned away to keep the others fast";
    PANICS: Counter "crosstrust_panics" [] "Calls that panicked: each is a bug";
    TLS_NOT_AFTER: Gauge "crosstrust_tls_not_after_timestamp_seconds" ["listener", "file"] "When the first certificate in a file of a listener ends, or the first revocation list is due";

    CACHE_REQUESTS: Counter "crosstrust_cache_requests" ["result"] "Questions that were answered from the cache of decisions, and those that were not";
    CACHE_ENTRIES: Gauge "crosstrust_cache_entries" [] "Decisions that are kept";
    CACHE_WEIGHT: Gauge "crosstrust_cache_weight_bytes" [] "What they take of the memory";
    CACHE_EVICTIONS: Counter "crosstrust_cache_evictions" [] "Decisions that are kept no more: there was no room, they were too old, or decided anew";

    TOKENS: Counter "crosstrust_tokens" ["result", "blame"] "Tokens that were looked at: known from before, verified, or refused and what was to blame";
    ISSUER_KEYS: Gauge "crosstrust_issuer_keys" ["issuer"] "Keys of an issuer that are in force";
    ISSUER_KEYS_SKIPPED: Gauge "crosstrust_issuer_keys_skipped" ["issuer"] "Keys of an issuer's key set that cannot be used: they verify nothing";
    ISSUER_FAILING: Gauge "crosstrust_issuer_failing" ["issuer"] "1 while the last look at an issuer's keys has failed";
    ISSUER_LAST_SUCCESS: Gauge "crosstrust_issuer_last_success_timestamp_seconds" ["issuer"] "When an issuer's keys were last found or confirmed";

    SNAPSHOT_INFO: Gauge "crosstrust_snapshot_info" ["id"] "Always 1; which snapshot is in force";
    SNAPSHOT_VERSION: Gauge "crosstrust_snapshot_version" [] "Activations since the start; 0 without a snapshot";
    SNAPSHOT_ACTIVATED: Gauge "crosstrust_snapshot_activated_timestamp_seconds" [] "When the snapshot in force was activated";
    SNAPSHOT_OBJECTS: Gauge "crosstrust_snapshot_objects" ["kind"] "What the snapshot in force holds";
    SNAPSHOT_STALE: Gauge "crosstrust_snapshot_stale_seconds" [] "For how long the snapshot in force has not been what the folder holds, on the boot clock; 0 while it is";
    SNAPSHOT_STALE_BUDGET: Gauge "crosstrust_snapshot_stale_budget_seconds" [] "For how long it may be so (stale.budget); not there where it may for ever";
    POLICIES_FINDINGS: Gauge "crosstrust_policies_findings" [] "Errors and warnings about the refused policies, else warnings about those in force";
    POLICIES_LAST_LOOK: Gauge "crosstrust_policies_last_look_timestamp_seconds" [] "When the policies folder was last looked at";
    POLICIES_WATCHED: Gauge "crosstrust_policies_watched" [] "1 while the file system tells of changes; else they are found by rescans";
    RELOADS: Counter "crosstrust_reloads" ["result", "cause"] "Policies that were activated, and those that were rejected and why";

    LOG_QUEUE: Gauge "crosstrust_log_queue" [] "Records that wait for the disk";
    LOG_QUEUE_LIMIT: Gauge "crosstrust_log_queue_limit" [] "How many may wait";
    LOG_RECORDS: Counter "crosstrust_log_records" [] "Records that were written, of every kind";
    LOG_COMMITS: Counter "crosstrust_log_commits" [] "Times that records were made durable, many at once";
    LOG_COMMIT: Gauge "crosstrust_log_commit_seconds" [] "Time that a group of records takes to become durable: a moving average, or the group that is being written where that takes longer";
    LOG_WAIT: Gauge "crosstrust_log_wait_seconds" [] "Time that a caller waits for its record before it is answered AUDIT_UNAVAILABLE (log.wait)";
    LOG_WAIT_TIMEOUTS: Counter "crosstrust_log_wait_timeouts" [] "Callers that waited for a record longer than that";
    LOG_SLOW: Gauge "crosstrust_log_slow" [] "1 while a group of records takes more than a quarter of the wait; above half of it, callers time out";
    LOG_FAILURES: Counter "crosstrust_log_failures" [] "Groups of records that could not be written at first";
    LOG_BYTES: Counter "crosstrust_log_bytes" [] "Bytes that were written";
    LOG_GAPS: Counter "crosstrust_log_gaps" ["reason"] "Gap records written since the start";
    LOG_LOST: Counter "crosstrust_log_lost" ["reason"] "Records that are not on record, or no longer";
    LOG_SEGMENTS: Gauge "crosstrust_log_segments" [] "Files of records";
    LOG_RETENTION_POSTPONED: Gauge "crosstrust_log_retention_postponed" [] "1 while no records are removed by age because the wall clock is doubted";
    LOG_UNSIGNED: Gauge "crosstrust_log_unsigned" [] "Records behind the last signed checkpoint";
    LOG_EXPORT_LAG: Gauge "crosstrust_log_export_lag" [] "Records that have not been handed to the collector; not there where none is configured";
    LOG_FAILING: Gauge "crosstrust_log_failing" [] "1 while records cannot be written";

    PROCESS_CPU: Counter "process_cpu_seconds" [] "Processor time of this process";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" [] "Memory of this process";
    PROCESS_FDS: Gauge "process_open_fds" [] "Files that this process has open";
    PROCESS_MAX_FDS: Gauge "process_max_fds" [] "How many it may have open";
    PROCESS_START: Gauge "process_start_time_seconds" [] "When this process was started";
}

impl Family {
    /// The name that queries use; a histogram has three series, which begin with it.
    pub fn query_name(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}
