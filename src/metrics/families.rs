//! The table of all metric families. A test checks that docs/telemetry.md has the same.

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only increases.
    Counter,
    /// Increases and decreases.
    Gauge,
    /// Times in buckets.
    Histogram,
}

/// A metric family: the series of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name without the suffixes of its kind (`_total`, `_bucket`, …).
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The HELP text: a noun phrase with the unit, without a full stop.
    pub help: &'static str,
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $id: Family = Family {
                name: $name,
                kind: MetricKind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// All families.
        pub const FAMILIES: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD_INFO: Gauge "crosstrust_build_info" ["version"] "Version of the server; always 1";
    READY: Gauge "crosstrust_ready" [] "Readiness, as reported by /readyz and gRPC health: 1 ready, 0 not ready";

    DECISIONS: Counter "crosstrust_decisions" ["api", "outcome", "reason", "stage"] "Decisions, including cached ones";
    TENANT_DECISIONS: Counter "crosstrust_tenant_decisions" ["resource_tenant", "outcome", "stage"] "Decisions for each resource tenant in metrics.tenants, and together for all others";
    DECISION_TIMES: Histogram "crosstrust_decision_duration_seconds" ["cached"] "Time from a decoded request to its decision, in seconds";

    HANDLED: Counter "grpc_server_handled" ["grpc_service", "grpc_method", "grpc_code"] "Completed calls by gRPC status code; a denial is OK";
    HANDLING: Histogram "grpc_server_handling_seconds" ["grpc_service", "grpc_method"] "Time from a call's arrival to its response headers, or to the end of its stream, in seconds";

    CONNECTIONS: Gauge "crosstrust_connections" [] "Connections in service";
    CONNECTIONS_LIMIT: Gauge "crosstrust_connections_limit" [] "Limit on connections in service (limits.connections)";
    CONNECTIONS_UNOPENED: Gauge "crosstrust_connections_unopened" ["listener"] "Connections of a listener that are not in service yet: TLS handshake, HTTP/2 preface or first frame incomplete, or delayed by the connection limit";
    CONNECTIONS_UNOPENED_LIMIT: Gauge "crosstrust_connections_unopened_limit" [] "Limit on unopened connections per listener (limits.unopened); above it the oldest is closed";
    CONNECTIONS_ACCEPTED: Counter "crosstrust_connections_accepted" [] "Accepted connections";
    CONNECTIONS_DELAYED: Counter "crosstrust_connections_delayed" ["listener"] "Connections delayed by the connection limit";
    CONNECTIONS_CLOSED: Counter "crosstrust_connections_closed" ["listener", "cause", "reason"] "Connections closed by the server";
    ACCEPT_FAILURES: Counter "crosstrust_accept_failures" [] "Failed attempts to accept a connection";
    CALLS_IN_FLIGHT: Gauge "crosstrust_calls_in_flight" [] "Calls in progress, until their response headers";
    CALLS_IN_FLIGHT_LIMIT: Gauge "crosstrust_calls_in_flight_limit" [] "Limit on calls in progress (limits.in_flight)";
    STREAMS: Gauge "crosstrust_streams" [] "Open streams";
    CALLS_SHED: Counter "crosstrust_calls_shed" ["cause"] "Calls refused because of load or a limit";
    PANICS: Counter "crosstrust_panics" [] "Calls that panicked; each is a bug";
    TLS_NOT_AFTER: Gauge "crosstrust_tls_not_after_timestamp_seconds" ["listener", "file"] "Earliest expiry of the certificates in a file of a listener, or earliest nextUpdate of its revocation lists, in seconds since the epoch";

    CACHE_REQUESTS: Counter "crosstrust_cache_requests" ["result"] "Lookups in the decision cache";
    CACHE_ENTRIES: Gauge "crosstrust_cache_entries" [] "Cached decisions";
    CACHE_WEIGHT: Gauge "crosstrust_cache_weight_bytes" [] "Memory used by cached decisions, in bytes";
    CACHE_EVICTIONS: Counter "crosstrust_cache_evictions" [] "Decisions removed from the cache because it was full, they had expired, or they were replaced";

    TOKEN_VERIFICATIONS: Counter "crosstrust_token_verifications" ["result", "error_class"] "Token verifications by result, and by error class if refused";
    ISSUER_KEYS: Gauge "crosstrust_issuer_keys" ["issuer"] "Usable keys of an issuer";
    ISSUER_KEYS_SKIPPED: Gauge "crosstrust_issuer_keys_skipped" ["issuer"] "Unusable keys in an issuer's key set; they verify no token";
    ISSUER_FAILING: Gauge "crosstrust_issuer_failing" ["issuer"] "Whether the last fetch of an issuer's keys failed: 1 failed, 0 succeeded";
    ISSUER_LAST_SUCCESS: Gauge "crosstrust_issuer_last_success_timestamp_seconds" ["issuer"] "Time of the last successful fetch of an issuer's keys, in seconds since the epoch";

    SNAPSHOT_INFO: Gauge "crosstrust_snapshot_info" ["id"] "Id of the active snapshot; always 1";
    SNAPSHOT_VERSION: Gauge "crosstrust_snapshot_version" [] "Snapshot activations since the start; 0 without a snapshot";
    SNAPSHOT_ACTIVATED: Gauge "crosstrust_snapshot_activated_timestamp_seconds" [] "Time of activation of the active snapshot, in seconds since the epoch";
    SNAPSHOT_OBJECTS: Gauge "crosstrust_snapshot_objects" ["kind"] "Objects in the active snapshot";
    SNAPSHOT_STALE: Gauge "crosstrust_snapshot_stale_seconds" [] "Time since the active snapshot no longer matches the policies folder, in seconds on the boot clock; 0 while it matches";
    SNAPSHOT_STALE_BUDGET: Gauge "crosstrust_snapshot_stale_budget_seconds" [] "Limit on crosstrust_snapshot_stale_seconds (stale.budget); absent if there is none";
    POLICIES_FINDINGS: Gauge "crosstrust_policies_findings" [] "Errors and warnings in the rejected policies, else warnings in the active ones";
    POLICIES_LAST_SCAN: Gauge "crosstrust_policies_last_scan_timestamp_seconds" [] "Time of the last scan of the policies folder, in seconds since the epoch";
    POLICIES_WATCHED: Gauge "crosstrust_policies_watched" [] "Whether the file system reports changes of policies: 1 yes, 0 only rescans find them";
    RELOADS: Counter "crosstrust_reloads" ["result", "cause"] "Policy reloads by result, and by cause if rejected";

    LOG_QUEUE: Gauge "crosstrust_log_queue" [] "Records waiting to be written to disk";
    LOG_QUEUE_LIMIT: Gauge "crosstrust_log_queue_limit" [] "Limit on waiting records (log.queue)";
    LOG_RECORDS: Counter "crosstrust_log_records" [] "Records written to disk, of all kinds";
    LOG_COMMITS: Counter "crosstrust_log_commits" [] "Synced groups of records";
    LOG_COMMIT: Gauge "crosstrust_log_commit_seconds" [] "Time to sync a group of records, in seconds: a moving average, or the time of the current group if that is longer";
    LOG_WAIT: Gauge "crosstrust_log_wait_seconds" [] "Limit on a caller's wait for its record, in seconds (log.wait); beyond it the answer is AUDIT_UNAVAILABLE";
    LOG_WAIT_TIMEOUTS: Counter "crosstrust_log_wait_timeouts" [] "Waits for a record beyond crosstrust_log_wait_seconds";
    LOG_SLOW: Gauge "crosstrust_log_slow" [] "Whether a group of records takes more than a quarter of the wait: 1 yes, 0 no; above half of it, callers time out";
    LOG_FAILURES: Counter "crosstrust_log_failures" [] "Groups of records whose first write failed";
    LOG_BYTES: Counter "crosstrust_log_bytes" [] "Bytes written to the log";
    LOG_GAPS: Counter "crosstrust_log_gaps" ["reason"] "Gap records; each describes missing records";
    LOG_RECORDS_LOST: Counter "crosstrust_log_records_lost" ["reason"] "Records that were not written or are no longer there";
    LOG_SEGMENTS: Gauge "crosstrust_log_segments" [] "Files of records";
    LOG_RETENTION_POSTPONED: Gauge "crosstrust_log_retention_postponed" [] "Whether removal by age is postponed because the wall clock is implausible: 1 yes, 0 no";
    LOG_RECORDS_UNSIGNED: Gauge "crosstrust_log_records_unsigned" [] "Records after the last signed checkpoint";
    LOG_EXPORT_LAG: Gauge "crosstrust_log_export_lag" [] "Records not yet exported to the collector; absent without a collector";
    LOG_FAILING: Gauge "crosstrust_log_failing" [] "Whether records cannot be written: 1 failing, 0 OK";

    PROCESS_CPU: Counter "process_cpu_seconds" [] "User and system CPU time, in seconds";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" [] "Resident memory, in bytes";
    PROCESS_FDS: Gauge "process_open_fds" [] "Open file descriptors";
    PROCESS_MAX_FDS: Gauge "process_max_fds" [] "Limit on open file descriptors";
    PROCESS_START: Gauge "process_start_time_seconds" [] "Start time of the process, in seconds since the epoch";
}

impl Family {
    /// The name in queries; for a histogram, the prefix of its three series.
    pub fn query_name(&self) -> String {
        match self.kind {
            MetricKind::Counter => format!("{}_total", self.name),
            MetricKind::Gauge | MetricKind::Histogram => self.name.to_owned(),
        }
    }
}
